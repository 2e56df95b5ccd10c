"""Estimates of cost as lines of text, as tables, as figures and as JSON: always with the model's name on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from circuitc.backends.crossbar.blocks import DEVICES, Block, Converter, Preset
from circuitc.simulation.crossbar.cost import ASSUMED, KINDS, Cost, TileCost
from circuitc.simulation.crossbar.sweep import Point

from .charts import stacked_bars
from .page import Page
from .svg import Svg

SHOWN, BARS = 10, 24   # tiles of the text report, and of the figure


def cost_lines(cost: Cost) -> list[str]:
    """Say what a step takes, and what bounds each of the first tiles."""
    lines = [f"cost of a step ({cost.label}; nothing of it was measured)", f"  {whole(cost)}"]
    if cost.joule:
        lines.append("  energy: " + ", ".join(f"{KINDS[k]} {cost.total(k, 'joule') / cost.joule:.0%}" for k in KINDS
                                              if cost.total(k, "joule")))
    lines += [f"  tile {t.work.tile} @{t.work.region}: {1e12 * t.joule:.4g} pJ, {1e9 * t.seconds:.4g} ns; {t.why}"
              for t in cost.tiles[:SHOWN]]
    if len(cost.tiles) > SHOWN:
        lines.append(f"  ... and {len(cost.tiles) - SHOWN} more tiles (--json and --html have all)")
    return lines + [f"  {line}" for line in unknown(cost)]


def whole(cost: Cost) -> str:
    """Give energy, time and area of everything in a line."""
    return f"{1e12 * cost.joule:.4g} pJ, {1e9 * cost.seconds:.4g} ns, {cost.mm2:.3g} mm2 on {len(cost.tiles)} tiles"


def unknown(cost: Cost) -> list[str]:
    """Name what the model has no figures for, so that sums are known to be too small."""
    return [f"without the {what} of {', '.join(KINDS[k] for k in cost.missing(key))}: the preset has no figure"
            for key, what in (("joule", "energy"), ("mm2", "area")) if cost.missing(key)]


def cost_json(cost: Cost) -> dict[str, Any]:
    """Give an estimate as plain values."""
    return {"label": cost.label, "preset": cost.preset.name, "measured": False, "assumed": list(ASSUMED),
            "joule": cost.joule, "seconds": cost.seconds, "mm2": cost.mm2, "missing_energy": cost.missing("joule"),
            "missing_area": cost.missing("mm2"), "tiles": [_tile_json(t) for t in cost.tiles]}


def _tile_json(tile: TileCost) -> dict[str, Any]:
    work = tile.work
    return {"tile": work.tile, "region": work.region, "reads": work.reads, "wordlines": work.driven,
            "devices": work.devices, "conversions": work.reads * len(work.conversions),
            "comparisons": work.reads * len(work.comparisons), "joule": tile.joule, "seconds": tile.seconds,
            "mm2": tile.mm2, "settle_seconds": tile.settle, "decide_seconds": tile.decide, "bound": tile.bound,
            "why": tile.why, "parts": {k: {"joule": p.joule, "mm2": p.mm2} for k, p in tile.parts.items()}}


def put_cost(page: Page, cost: Cost) -> None:
    """Put the section on cost: whole, figure, a row a tile, and where the model's figures come from."""
    page.section("Cost")
    page.paragraph(f"{cost.label}: nothing of this was measured. One step of the program: {whole(cost)}. "
                   f"{cost.preset.words}.")
    for line in unknown(cost):
        page.paragraph(line, "note")
    drawn = {f"tile {t.work.tile}": t for t in cost.tiles[:BARS]}
    page.put(bars("energy of a step", drawn, f"pJ, {cost.label}").inline())
    if len(cost.tiles) > BARS:
        page.paragraph(f"The figure shows the first {BARS} of {len(cost.tiles)} tiles.", "note")
    page.table(("tile", "func", "reads", "wordlines", "devices", "conversions", "comparisons", "pJ", "ns", "mm2",
                "bound by"), [
        (str(t.work.tile), t.work.region, str(t.work.reads), str(t.work.driven), str(t.work.devices),
         str(t.work.reads * len(t.work.conversions)), str(t.work.reads * len(t.work.comparisons)),
         f"{1e12 * t.joule:.4g}", f"{1e9 * t.seconds:.4g}", f"{t.mm2:.3g}",
         f"{KINDS[t.bound]}, {t.share(t.bound, 'joule'):.0%}") for t in cost.tiles], numbers=True)
    page.details("What bounds each tile", [f"<p>tile {t.work.tile}: {escape(t.why)}</p>" for t in cost.tiles], False)
    page.paragraph("Taken for granted: " + "; ".join(ASSUMED) + ".", "note")
    page.table(("block", "power", "time", "area, mm2", "source"), _facts(cost.preset))


def _facts(preset: Preset) -> Iterator[tuple[str, str, str, str, str]]:
    """List a preset's figures with their sources."""
    def block(name: str, b: Block) -> tuple[str, str, str, str, str]:
        watt = "none given" if b.watt is None else f"{1e6 * b.watt:.3g} uW"
        return name, watt, "", "none given" if b.mm2 is None else f"{b.mm2:.3g}", b.source

    def converter(name: str, c: Converter, bits: int) -> tuple[str, str, str, str, str]:
        more = f" + {c.watt_ohm:g} W ohm / R" if c.watt_ohm else ""
        area = c.area(bits)
        return (name, f"{1e6 * (c.watt + c.watt_per_bit * bits):.4g} uW{more}", f"{1e9 * c.seconds(bits):.3g} ns",
                "none given" if area is None else f"{area:.3g}", c.source)

    yield "read", "", f"{1e9 * preset.read_second:.3g} ns", "", preset.read_source
    yield block(f"array, {DEVICES} devices", preset.array)
    yield block("DAC, each", preset.driver)
    yield block("sample and hold, each", preset.sample_hold)
    yield block("shift and add", preset.shift_add)
    yield converter("comparator, each", preset.comparator, 1)
    for c in preset.converters:
        bits = min(c.most_bits, 10) if c.most_bits <= 10 else 8
        yield converter(f"ADC at {bits} bits, each", c, bits)


def bars(title: str, costs: Mapping[str, TileCost | Cost | None], unit: str) -> Svg:
    """Draw a bar of energy in pJ for each."""
    rows = {name: {words: 1e12 * energy_of(c, kind) for kind, words in KINDS.items()} if c is not None else {}
            for name, c in costs.items()}
    return stacked_bars(f"{title}, {unit}", rows, "pJ", tuple(KINDS.values()))


def energy_of(cost: TileCost | Cost, kind: str) -> float:
    """Give the joule of a kind of block, of a tile or of everything."""
    return cost.total(kind, "joule") if isinstance(cost, Cost) else cost.parts[kind].joule or 0.0


_COLUMNS = ("encoding", "tile", "tiles", "devices", "conversions", "comparisons", "ADC bits", "split", "nominal",
            "window", "pJ", "ns", "mm2", "bound by")


def sweep_lines(points: Sequence[Point]) -> list[str]:
    """Lay a sweep out as a table, with the model's name under it."""
    rows = [_COLUMNS, *(_row(p) for p in points if p.cost is not None)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{p.label}: {p.refused}" for p in points if p.refused]
    costs = [p.cost for p in points if p.cost is not None]
    if costs:
        lines += ["", f"pJ, ns and mm2 of one step: {costs[0].label}; nothing of them was measured"]
        lines += sorted({line for c in costs for line in unknown(c)})
    return lines


def _row(point: Point) -> tuple[str, ...]:
    cost, n = point.cost, point.counts
    assert cost is not None
    bound = max(KINDS, key=lambda kind: cost.total(kind, "joule"))
    return (point.encoding, f"{point.size}x{point.size}", str(n["tiles"]), str(n["devices"]), str(n["conversions"]),
            str(n["comparisons"]), str(n["adc_bits_most"]), str(n["split_outputs"]),
            f"{n['certified_nominal']}/{n['outputs']}", f"{n['certified_window']}/{n['outputs']}",
            f"{1e12 * cost.joule:.4g}", f"{1e9 * cost.seconds:.4g}", f"{cost.mm2:.3g}",
            f"{KINDS[bound]} {cost.total(bound, 'joule') / cost.joule:.0%}" if cost.joule else "")


def sweep_json(points: Sequence[Point]) -> dict[str, Any]:
    """Give a sweep as plain values."""
    def said(p: Point) -> dict[str, Any]:
        more = {"refused": p.refused} if p.cost is None else {**p.counts, "cost": cost_json(p.cost)}
        return {"encoding": p.encoding, "size": p.size, **more}

    return {"schema": "circuitc.sweep/1", "points": [said(p) for p in points]}


def sweep_figure(points: Sequence[Point]) -> Svg:
    """Draw the energy of each point by kind of block."""
    label = next((p.cost.label for p in points if p.cost is not None), "")
    return bars("energy of a step", {p.label: p.cost for p in points}, f"pJ ({label})")


__all__ = ["SHOWN", "bars", "cost_json", "cost_lines", "put_cost", "sweep_figure", "sweep_json", "sweep_lines"]
