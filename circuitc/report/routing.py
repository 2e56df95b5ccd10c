"""The routing of a small network drawn: which bits go to which wordlines, and which bitlines answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitc.simulation.crossbar.bundle import Bundle
from circuitc.simulation.crossbar.schema import RegionMap, TileMap

from .svg import COLOURS, Svg, number
from .wiring import ELSEWHERE, Wiring

MOST_WIRES, MOST_TILES, MOST_LINES = 160, 16, 48   # of a drawing that can still be read
_STEP, _GAP, _WIDE, _TOP = 16.0, 30.0, 150.0, 30.0


def too_large(bundle: Bundle) -> str:
    """Say why a network is not drawn; empty where it is."""
    wires = sum(i is not None for t in bundle.map.tiles for i in t.row_in)
    lines = max((sum(c is not None for c in t.col_out) for t in bundle.map.tiles), default=0)
    if any(r.times > 1 for r in bundle.map.regions):
        return "regions are applied to several rows of a matrix in a step, which a drawing of wires cannot show"
    if wires > MOST_WIRES or len(bundle.map.tiles) > MOST_TILES or lines > MOST_LINES:
        return (f"{wires} wordlines on {len(bundle.map.tiles)} tiles with up to {lines} bitlines each are more than a "
                f"drawing holds ({MOST_WIRES}, {MOST_TILES}, {MOST_LINES}); map.json lists them all")
    return ""


def draw_routing(bundle: Bundle, wiring: Wiring) -> str:
    """Draw ports on the left, tiles by stage, output ports on the right, and a wire for each bit."""
    return _Drawing(bundle, wiring).text()


class _Drawing:
    """Boxes in columns; `ends` gives where the wire of each source begins."""

    def __init__(self, bundle: Bundle, wiring: Wiring) -> None:
        self.bundle, self.wiring = bundle, wiring
        self.regions = {r.func: r for r in bundle.map.regions}
        self.svg = Svg(0, 0, "routing of the network")
        self.ends: dict[int, list[tuple[float, float]]] = {}
        self.wires: list[tuple[int, float, float, bool]] = []

    def text(self) -> str:
        x, bottom = self._ports(), 0.0
        by_number = {(s.owner, s.index): k for k, s in enumerate(self.wiring.sources) if s.region}
        bottom = max([_TOP, *(y for points in self.ends.values() for _, y in points)])
        stages = self._stages()
        for stage in range(1, max(stages.values(), default=0) + 1):
            y, widest = _TOP, 0.0
            for tile in self.bundle.map.tiles:
                if stages[tile.region] == stage:
                    wide, high = self._tile(tile, x, y, by_number)
                    y, widest = y + high + _GAP, max(widest, wide)
            x, bottom = x + widest + _WIDE, max(bottom, y)
        right, low = self._outputs(x)
        self.svg.width, self.svg.height = right, max(bottom, low) + 10
        wires = [self._wire(*w) for w in self.wires]
        self.svg.parts[:0] = [w for w in wires if w]
        return self.svg.inline()

    def _stages(self) -> dict[str, int]:
        """Number each region's stage: one more than that of what drives it."""
        stages: dict[str, int] = {}
        for func, ids in self.wiring.regions.items():   # in the order of the program: drivers come first
            owners = [self.wiring.sources[k].owner for k in np.unique(ids[ids != ELSEWHERE])]
            stages[func] = 1 + max((stages.get(o, 0) for o in owners), default=0)
        return {func: stages.get(func, 1) for func in self.regions}

    def _ports(self) -> float:
        """Put the bits of the program's ports on the left; answers where the first stage begins."""
        wanted = {int(k) for ids in (*self.wiring.regions.values(), *self.wiring.outputs.values()) for k in ids}
        names = {k: s.name for k, s in enumerate(self.wiring.sources) if k in wanted and not s.region}
        wide = 14 + 6.6 * max((len(_cut(n)) for n in names.values()), default=4)
        for place, (k, name) in enumerate(names.items()):
            y = _TOP + 26 + place * _STEP
            self.svg.text(wide, y + 4, _cut(name), "e")
            self.ends.setdefault(k, []).append((wide + 5, y))
        return wide + _WIDE

    def _tile(self, tile: TileMap, x: float, y: float, by_number: Mapping[tuple[str, int], int]) -> tuple[float, float]:
        """Draw a tile's used lines with its devices, and answer its size."""
        region = self.regions[tile.region]
        rows = [k for k, i in enumerate(tile.row_in) if i is not None]
        columns = [k for k, c in enumerate(tile.col_out) if c is not None]
        outputs = [o for o in region.outputs if any(t.tile == tile.id for t in o.terms)]
        inside = 46 + _STEP * len(columns)
        high = 26 + _STEP * max(len(rows), len(outputs)) + 52
        wide = inside + 44
        self.svg.add("rect", x=x, y=y, width=wide, height=high, rx=5, class_="l", style="fill:var(--panel)")
        self.svg.text(x + 6, y + 14, _cut(f"tile {tile.id} @{tile.region}", int(wide / 6)), "t")
        self._lines(tile, region, rows, columns, x, y + 34)
        for place, output in enumerate(outputs):
            at = y + 34 + place * _STEP
            self.svg.text(x + wide - 6, at + 4, f"y{output.index}", "e",)
            source = by_number.get((tile.region, output.index))
            if source is not None:
                self.ends.setdefault(source, []).append((x + wide, at))
        return wide, high

    def _lines(self, tile: TileMap, region: RegionMap, rows: list[int], columns: list[int], x: float, y: float) -> None:
        levels, top = self.bundle.levels[tile.id], len(self.bundle.siemens) - 1
        ids, changed = self.wiring.regions.get(region.func), self.wiring.changed.get(region.func)
        left, below = x + 40, y + _STEP * (len(rows) - 1) + 10
        for place, column in enumerate(columns):
            at = left + place * _STEP
            self.svg.line(at, y - 8, at, below)
            self.svg.text(at + 4, below + 6, _bitline(tile, column), "m e", transform=f"rotate(-60 {number(at + 4)} "
                          f"{number(below + 6)})")
        for place, k in enumerate(rows):
            at = y + place * _STEP
            name = tile.row_in[k]
            inverse = tile.row_role[k] == "complement"
            self.svg.line(x, at, left + _STEP * max(len(columns) - 1, 0) + 8, at)
            self.svg.text(x + 4, at - 3, f"{'not ' if inverse else ''}x{name}", "m", style="font-size:9px")
            if ids is not None and changed is not None and name is not None:
                self.wires.append((int(ids[name]), x, at, bool(changed[name])))
            for across, column in enumerate(columns):
                level = int(levels[k, column])
                self.svg.add("circle", hint=f"wordline {k}, bitline {column}: level {level}", cx=left + across * _STEP,
                             cy=at, r=2.0 + 3.0 * level / top, fill=COLOURS[0] if level else "var(--paper)",
                             stroke=COLOURS[0])

    def _outputs(self, x: float) -> tuple[float, float]:
        place, widest = 0, 0
        for name, ids in self.wiring.outputs.items():
            for k, source in enumerate(ids.tolist()):
                y, words = _TOP + 26 + place * _STEP, _cut(f"{name}[{k}]")
                self.svg.text(x + 5, y + 4, words)
                self.wires.append((source, x, y, bool(self.wiring.changed[name][k])))
                place, widest = place + 1, max(widest, len(words))
        return x + 20 + 6.6 * widest, _TOP + 30 + place * _STEP

    def _wire(self, source: int, x: float, y: float, changed: bool) -> str:
        """Draw from every place that a source comes out of; what is computed from several has a stub only."""
        svg = Svg(0, 0, "")
        for at_x, at_y in self.ends.get(source, [(x - 18, y)]):
            middle = (at_x + x) / 2
            dashes: dict[str, Any] = {"stroke_dasharray": "5 3"} if changed or source == ELSEWHERE else {}
            svg.add("path", d=f"M{number(at_x)} {number(at_y)}C{number(middle)} {number(at_y)} {number(middle)} "
                    f"{number(y)} {number(x)} {number(y)}", fill="none", stroke_width=1.3, stroke_opacity=0.85,
                    stroke=COLOURS[source % 7 if source >= 0 else 6],
                    hint=self.wiring.sources[source].name if source >= 0 else "computed from several numbers", **dashes)
        return "\n".join(svg.parts)


def _bitline(tile: TileMap, column: int) -> str:
    """Name a bitline: its output and what it counts as."""
    said = tile.col_out[column]
    assert said is not None, "a used bitline"
    output, role, digit = said
    return {"pos": f"+y{output}", "neg": f"-y{output}", "ref": "ref"}.get(str(role), f"y{output}") + (
        f".{digit}" if digit else "")


def _cut(name: str, most: int = 18) -> str:
    return name if len(name) <= most else name[:max(1, most - 1)] + "…"


__all__ = ["draw_routing", "too_large"]
