"""Heat maps of tiles: a colour a device, with a scale and its unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .svg import Svg, number, png, ticks

# cividis (Nunez, Anderton and Renslow 2018), seen alike with and without colour blindness; from dark to light.
_RISING = ("00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838")
# Blue to orange about a light grey, for what goes both ways.
_TWO_SIDED = ("08519c", "3182bd", "9ecae1", "f2f2f2", "fdae6b", "e6550d", "8c2d04")
_SIDE, _LEFT, _TOP, _RECTANGLES = 240.0, 44.0, 40.0, 1200


@dataclass(frozen=True)
class Map:
    """What a heat map shows: values [rows, columns] (nan: nothing to show), from this wordline and bitline on.

    `crossed` lists places, by row and column of the values, that get a cross.
    """

    title: str
    unit: str
    values: NDArray[np.float64]
    first_row: int = 0
    first_column: int = 0
    two_sided: bool = False
    crossed: tuple[tuple[int, int], ...] = ()

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the scale: from 0, or as far to either side."""
        known = self.values[np.isfinite(self.values)]
        most = float(np.abs(known).max(initial=0.0)) or 1.0
        return (-most, most) if self.two_sided else (min(0.0, float(known.min(initial=0.0))), most)


def colours(values: Any, low: float, high: float, two_sided: bool) -> NDArray[np.uint8]:
    """Give a colour for each value, [..., 4]; what is not finite is transparent."""
    stops = np.array([[int(c[k:k + 2], 16) for k in (0, 2, 4)] for c in (_TWO_SIDED if two_sided else _RISING)])
    v = np.asarray(values, dtype=np.float64)
    known = np.isfinite(v)
    place = np.clip((np.where(known, v, low) - low) / (high - low), 0, 1) * (len(stops) - 1)
    mixed = [np.interp(place, np.arange(len(stops)), stops[:, k]) for k in range(3)]
    return np.rint(np.stack([*mixed, np.where(known, 255, 0)], axis=-1)).astype(np.uint8)


def heat_map(shown: Map) -> str:
    """Draw a map: wordlines from top to bottom, bitlines from left to right, both with their numbers."""
    rows, columns = shown.values.shape
    cell = min(22.0, _SIDE / max(rows, columns))
    wide, high = cell * columns, cell * rows
    scale = max(high, 90.0)
    svg = Svg(max(_LEFT + wide + 14 + max(70, 6.4 * len(shown.unit)), 250), _TOP + scale + 36,
              f"{shown.title}, {shown.unit}")
    svg.text(4, 14, shown.title, "t")
    _cells(svg, shown, cell)
    svg.add("rect", x=_LEFT, y=_TOP, width=wide, height=high, class_="l")
    _crosses(svg, shown, cell)
    for k in _marks(rows, cell):
        svg.text(_LEFT - 5, _TOP + (k + 0.5) * cell + 4, str(shown.first_row + k), "m e")
    for k in _marks(columns, cell * 0.7):
        svg.text(_LEFT + (k + 0.5) * cell, _TOP - 5, str(shown.first_column + k), "m c")
    svg.text(12, _TOP + high / 2, "wordline", "m c", transform=f"rotate(-90 12 {number(_TOP + high / 2)})")
    svg.text(_LEFT, _TOP + high + 16, "bitline", "m")
    _scale(svg, shown, _LEFT + wide + 14, scale)
    return svg.inline()


def _cells(svg: Svg, shown: Map, cell: float) -> None:
    """Draw devices one by one where they are few, with what they hold under the pointer; else as one image."""
    rows, columns = shown.values.shape
    pixels = colours(shown.values, *shown.ends, shown.two_sided)
    if rows * columns > _RECTANGLES:
        svg.add("image", x=_LEFT, y=_TOP, width=cell * columns, height=cell * rows, href=png(pixels),
                preserveAspectRatio="none", style="image-rendering:pixelated")
        return
    for i, j in np.argwhere(pixels[..., 3] > 0).tolist():
        red, green, blue = pixels[i, j, :3].tolist()
        svg.add("rect", hint=f"wordline {shown.first_row + i}, bitline {shown.first_column + j}: "
                f"{shown.values[i, j]:.4g} {shown.unit}", x=_LEFT + j * cell, y=_TOP + i * cell, width=cell,
                height=cell, fill=f"#{red:02x}{green:02x}{blue:02x}")


def _crosses(svg: Svg, shown: Map, cell: float) -> None:
    """Put crosses, dark within light, so that they are seen on every colour."""
    if shown.crossed:
        arm = number(0.7 * cell)
        back = number(-0.7 * cell)
        path = "".join(f"M{number(_LEFT + (j + 0.15) * cell)} {number(_TOP + (i + 0.15) * cell)}l{arm} {arm}m0 {back}"
                       f"l{back} {arm}" for i, j in shown.crossed)
        for colour, width in (("#ffffff", 0.22), ("#c00000", 0.1)):
            svg.add("path", d=path, stroke=colour, stroke_width=max(0.6, width * cell), fill="none")


def _marks(count: int, cell: float) -> range:
    """Number every first, second, fifth, ... line, so that numbers keep apart."""
    return range(0, count, next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if s * cell >= 15))


def _scale(svg: Svg, shown: Map, x: float, height: float) -> None:
    low, high = shown.ends
    steps = 60
    for k in range(steps):
        red, green, blue = colours(high - (k + 0.5) / steps * (high - low), low, high, shown.two_sided)[:3].tolist()
        svg.add("rect", x=x, y=_TOP + height * k / steps, width=12, height=height / steps + 0.6,
                fill=f"#{red:02x}{green:02x}{blue:02x}")
    for value in ticks(low, high, 5):
        svg.text(x + 17, _TOP + height * (high - value) / (high - low) + 4, f"{value:.3g}", "m")
    svg.text(x, _TOP + height + 16, shown.unit, "m")
