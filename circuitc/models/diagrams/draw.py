"""The picture of a diagram as SVG, in the language of neural circuit diagrams.

An axis is a wire; arrays lie under each other with dashes between them; time runs to the right. A box stands on the
wires that it works on, and wires that it is broadcast over pass by. Linear boxes point to the right, learned ones are
bold, wires of a residual sum join in a circle, an inner product is a cup.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from itertools import pairwise
from statistics import fmean

from circuitc.diagnostics import error

from .picture import Array, Box, Picture

STEP, GAP, TOP, WIDTH, TURN, STUB, BAND, MAX_BOXES = 20, 22, 46, 124, 56, 26, 14, 2000
_STYLE = ("text{font-family:Georgia,serif;font-size:13px;text-anchor:middle;dominant-baseline:central}"
          ".a{font-size:10px;fill:#555;font-style:italic}.w{fill:none;stroke:#111;stroke-width:1.4}"
          ".h{fill:none;stroke:#fff;stroke-width:5}.d{stroke:#999;stroke-width:1;stroke-dasharray:4 3;fill:none}"
          ".b{fill:#fff;stroke:#111;stroke-width:1.4}.l{fill:#fff;stroke:#111;stroke-width:3.2}"
          ".t{font-weight:bold}.k{fill:#f1f1f4;stroke:#bbb}.f{fill:#e4e4ee;stroke:#111;stroke-width:1.4}"
          ".n{font-size:11px;fill:#666;text-anchor:start}")


def draw(picture: Picture) -> str:
    """Give the text of an SVG file."""
    if len(picture.boxes) > MAX_BOXES:
        raise error(f"a picture of {len(picture.boxes)} boxes is more than the {MAX_BOXES} that are drawn",
                    help="group them into blocks, which fold")
    return _Drawing(picture).text()


class _Drawing:
    """The picture as it grows to the right: `state` holds the arrays at the right edge, from top to bottom."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.x = 70
        self.height = 0.0
        self.under: list[str] = []
        self.marks: list[str] = []
        self.over: list[str] = []
        self.uses = Counter(k for b in picture.boxes for k, _ in b.inputs)
        self.uses.update(picture.outputs)
        self.depth = max((len(b.block) for b in picture.boxes), default=0)
        self.state = list(dict.fromkeys(picture.inputs))
        self.blocks: dict[tuple[str, ...], list[float]] = {}

    def text(self) -> str:
        self.labels(self.state, self.x - 8, "end")
        for box in self.picture.boxes:
            self.arrange([k for k, _ in box.inputs])
            self.column(box)
        self.arrange(self.picture.outputs, keep=False)
        width, height = self.x + 60, self.height + 24
        frames = [line for path, extent in sorted(self.blocks.items(), key=lambda b: len(b[0]))
                  for line in self.frame(path, extent)]
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}">', f"<title>{escape(self.picture.title)}</title>",
            f"<style>{_STYLE}</style>", f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
            *frames, *self.under, *self.marks, *self.over, "</svg>", ""])

    # ---- where wires lie

    def places(self, state: list[int]) -> list[list[float]]:
        """Give the heights of the axes of each array; an array without axes has one height."""
        y = float(TOP + BAND * self.depth)
        found: list[list[float]] = []
        for key in state:
            count = max(1, len(self.picture.axes[key]))
            found.append([y + STEP * j for j in range(count)])
            y += STEP * (count - 1) + GAP + 8
        self.height = max(self.height, y)
        return found

    def separators(self, state: list[int]) -> list[float]:
        places = self.places(state)
        return [(a[-1] + b[0]) / 2 for a, b in pairwise(places)]

    def labels(self, state: list[int], x: float, anchor: str = "middle") -> None:
        for key, places in zip(state, self.places(state), strict=True):
            for label, y in zip(self.picture.axes[key], places, strict=False):
                self.over.append(f'<text class="a" x="{x:g}" y="{y - 7:g}" text-anchor="{anchor}" '
                                 f'style="text-anchor:{anchor}">{escape(label)}</text>')

    def wire(self, x0: float, y0: float, x1: float, y1: float, *, dashed: bool = False, over: bool = False) -> None:
        middle = (x0 + x1) / 2
        path = f"M{x0:g} {y0:g}L{x1:g} {y1:g}" if y0 == y1 else (
            f"M{x0:g} {y0:g}C{middle:g} {y0:g} {middle:g} {y1:g} {x1:g} {y1:g}")
        layer = self.over if over else self.under
        if over:
            layer.append(f'<path class="h" d="{path}"/>')
        layer.append(f'<path class="{"d" if dashed else "w"}" d="{path}"/>')

    def between(self, old: list[int], new: list[int], x0: float, x1: float) -> None:
        """Draw the dashes between arrays; those between the same two arrays run on."""
        pairs = dict(zip(pairwise(old), self.separators(old), strict=True))
        for pair, y in zip(pairwise(new), self.separators(new), strict=True):
            if pair in pairs:
                self.wire(x0, pairs.pop(pair), x1, y, dashed=True)
            else:
                self.wire(x1 - STUB, y, x1, y, dashed=True)
        for y in pairs.values():
            self.wire(x0, y, x0 + STUB, y, dashed=True)

    # ---- columns

    def arrange(self, wanted: list[int], *, keep: bool = True) -> None:
        """Put the wanted arrays under each other, in order; those needed again are copied, others end."""
        for key in wanted:
            self.uses[key] -= 1
        others = [k for k in self.state if k not in wanted and (self.uses[k] > 0 or not keep)] if keep else []
        again = [k for k in dict.fromkeys(wanted) if self.uses[k] > 0] if keep else []
        first = min((self.state.index(k) for k in wanted if k in self.state), default=0)
        above = [k for k in self.state[:first] if k in others]
        new = [*above, *wanted, *again, *(k for k in others if k not in above)]
        self.at = len(above)
        if new == self.state:
            return
        old = self.places(self.state)
        x1 = self.x + TURN
        counts = Counter(new)
        for key, ys in zip(new, self.places(new), strict=True):
            if key not in self.state:
                continue
            for y0, y1 in zip(old[self.state.index(key)], ys, strict=True):
                self.wire(self.x, y0, x1, y1)
                if counts[key] > 1:
                    self.over.append(f'<circle cx="{self.x + 3:g}" cy="{y0:g}" r="2.4"/>')
        self.between(self.state, new, self.x, x1)
        self.x, self.state = x1, new

    def column(self, box: Box) -> None:
        """Draw a box between what enters and what leaves it; other arrays run on."""
        count = len(box.inputs)
        leaving = [k for k, _ in box.outputs]
        new = [*self.state[:self.at], *leaving, *self.state[self.at + count:]]
        old_ys, new_ys = self.places(self.state), self.places(new)
        x0, x1 = self.x, self.x + WIDTH
        for k in range(self.at):
            self.run_on(old_ys[k], new_ys[k], x0, x1)
        for k in range(self.at + count, len(self.state)):
            self.run_on(old_ys[k], new_ys[k - count + len(leaving)], x0, x1)
        self.between(self.state, new, x0, x1)
        self.body(box, old_ys[self.at:self.at + count], new_ys[self.at:self.at + len(leaving)], x0, x1)
        for depth in range(1, len(box.block) + 1):
            extent = self.blocks.setdefault(box.block[:depth], [x0, x1, 1e9, 0.0])
            ys = [y for part in (*old_ys[self.at:self.at + count], *new_ys[self.at:self.at + len(leaving)])
                  for y in part]
            extent[1:] = [x1, min(extent[2], *ys), max(extent[3], *ys)]
        self.x, self.state = x1, new
        self.labels_of(leaving, new_ys[self.at:self.at + len(leaving)])

    def labels_of(self, keys: list[int], places: list[list[float]]) -> None:
        for key, ys in zip(keys, places, strict=True):
            for label, y in zip(self.picture.axes[key], ys, strict=False):
                self.over.append(f'<text class="a" x="{self.x - 12:g}" y="{y - 7:g}">{escape(label)}</text>')

    def run_on(self, old: list[float], new: list[float], x0: float, x1: float) -> None:
        for y0, y1 in zip(old, new, strict=True):
            self.wire(x0, y0, x1, y1)

    def body(self, box: Box, old: list[list[float]], new: list[list[float]], x0: float, x1: float) -> None:
        """Draw wires into and out of a box, past it, and the box itself."""
        entering = _heights(box.inputs, old)
        leaving = _heights(box.outputs, new)
        outs = dict(leaving)
        on = [y for i, y in entering if i in box.works_on] + [y for i, y in leaving if i in box.works_on]
        shown = bool(box.label) and box.shape != "join"
        if not on and shown:
            on = [y for _, y in (*entering, *leaving)] or [p[0] for p in (*old, *new)]
        top, bottom = min(on, default=0) - 14, max(on, default=0) + 14
        middle = (x0 + x1) / 2
        half = min(max(16.0, 4.0 * len(box.label) + 9), WIDTH / 2 - 24)
        met = Counter(i for i, _ in entering)
        cups: dict[str, list[float]] = {}
        for index, y in entering:
            if index in box.works_on:
                self.wire(x0, y, middle, y)
            elif index in outs:
                self.wire(x0, y, x1 - 22 if met[index] > 1 else x1, outs[index],
                          over=shown and min(y, outs[index]) < bottom and max(y, outs[index]) > top)
            else:
                cups.setdefault(index, []).append(y)
        for index, y in leaving:
            if index in box.works_on or (index not in met and shown):
                self.wire(middle, y, x1, y)
            elif met[index] > 1:
                self.wire(x1 - 22, y, x1, y)
                if box.shape == "join" and not box.label:
                    self.over.append(f'<circle cx="{x1 - 22:g}" cy="{y:g}" r="2.6"/>')
        for ys in cups.values():
            self.cup(ys, x0, middle, shown=shown)
        for k, (_, indices) in enumerate(box.inputs):
            if not indices and shown:
                self.wire(x0, old[k][0], middle, old[k][0], dashed=True)
        if shown:
            self.outline(box, middle, half, min(on) - 11, max(on) + 11)
        elif box.label:
            y = fmean([y for _, y in leaving] or [p[0] for p in new])
            self.over.append(f'<circle class="b" cx="{x1 - 22:g}" cy="{y:g}" r="10"/>'
                             f'<text x="{x1 - 22:g}" y="{y:g}">{escape(box.label)}</text>')

    def cup(self, ys: list[float], x0: float, middle: float, *, shown: bool) -> None:
        """Draw an inner product: two wires of one index that meet; or a wire that ends."""
        if len(ys) == 1:
            self.wire(x0, ys[0], middle, ys[0])
            return
        top, bottom = min(ys), max(ys)
        reach = middle + 10
        self.under.append(f'<path class="w" d="M{x0:g} {top:g}L{x0 + 20:g} {top:g}C{reach:g} {top:g} {reach:g} '
                          f'{bottom:g} {x0 + 20:g} {bottom:g}L{x0:g} {bottom:g}"/>')

    def outline(self, box: Box, x: float, half: float, top: float, bottom: float) -> None:
        """Draw the shape of a box and its label."""
        left, right = x - half, x + half
        style = "l" if box.bold else "f" if box.shape == "block" else "b"
        middle = (top + bottom) / 2
        match box.shape:
            case "linear" | "learned":
                points = (f"{left:g},{top:g} {right - 8:g},{top:g} {right + 4:g},{middle:g} "
                          f"{right - 8:g},{bottom:g} {left:g},{bottom:g}")
            case "fold":
                points = f"{left:g},{top:g} {right:g},{middle:g} {left:g},{bottom:g}"
            case "places":
                points = (f"{left + 7:g},{top:g} {right:g},{top:g} {right - 7:g},{bottom:g} {left:g},{bottom:g}")
            case _:
                points = ""
        if points:
            self.marks.append(f'<polygon class="{style}" points="{points}"/>')
        else:
            self.marks.append(f'<rect class="{style}" x="{left:g}" y="{top:g}" width="{right - left:g}" '
                              f'height="{bottom - top:g}" rx="{6 if box.shape == "function" else 2}"/>')
        label = box.label if len(box.label) <= 22 else box.label[:21] + "\u2026"
        size = "" if len(label) <= 8 else f' style="font-size:{max(6.5, 104 / len(label)):.3g}px"'
        weight = ' class="t"' if box.bold else ""
        title = f"<title>{escape(box.label)}</title>" if label != box.label else ""
        self.over.append(f'<text{weight}{size} x="{x - (4 if box.shape == "fold" else 0):g}" y="{middle:g}">{title}'
                         f"{escape(label)}</text>")

    def frame(self, path: tuple[str, ...], extent: list[float]) -> list[str]:
        """Draw the ground of a block, with its title."""
        x0, x1, top, bottom = extent
        inset, rest = 4.0 * len(path), self.depth - len(path)
        top, bottom = top - 34 - BAND * rest, bottom + 20 + 4 * rest
        name = self.picture.titles.get(path, path[-1])
        return [f'<rect class="k" x="{x0 + inset:g}" y="{top:g}" width="{x1 - x0 - 2 * inset:g}" '
                f'height="{bottom - top:g}" rx="6"/>',
                f'<text class="n" x="{x0 + inset + 5:g}" y="{top + 8:g}">{escape(name)}</text>']


def _heights(arrays: tuple[Array, ...], places: list[list[float]]) -> list[tuple[str, float]]:
    """Pair the indices of arrays with the heights of their wires."""
    return [(i, y) for (_, indices), ys in zip(arrays, places, strict=True)
            for i, y in zip(indices, ys, strict=False)]
