"""Where windows lie on a map that passes pixel by pixel, and at which step each position comes.

A map of R rows and C columns passes row by row: position n is row n // C, column n % C. Behind the last position comes
the first one of the next image. A window is complete when its last place has come; with padding that may be a place
that is not there, such as a column behind the last one. Then it is complete when the position comes that lies there in
the order of passing: one of the next row, or of the next image. So every window has a step of its own, and no step has
two, as long as there are no more windows than positions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Constant, Value

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """Windows along one axis of a map: its length, padding, and the windows that were taken, if any."""

    length: int
    before: int = 0
    after: int = 0
    size: int = 1
    stride: int = 1
    dilation: int = 1
    taken: bool = False

    @property
    def reach(self) -> int:
        """The distance from a window's first place to its last."""
        return (self.size - 1) * self.dilation

    @property
    def count(self) -> int:
        """The number of windows."""
        return (self.length + self.before + self.after - self.reach - 1) // self.stride + 1

    @property
    def ahead(self) -> int:
        """How far the last place of the first window lies from the first position."""
        return self.reach - self.before

    @property
    def passes(self) -> bool:
        """True where every window starts, padding included, at a position of its own."""
        return self.ahead >= 0 and (self.count - 1) * self.stride < self.length

    def inside(self, place: int) -> NDArray[np.bool_]:
        """Tell for each position that a window may start at whether its place lies on the map, not on the padding."""
        at = np.arange(self.length) - self.before + place * self.dilation
        return (at >= 0) & (at < self.length)

    @property
    def starts(self) -> NDArray[np.bool_]:
        """Tell for each position whether a window starts there."""
        at = np.arange(self.length)
        return (at % self.stride == 0) & (at // self.stride < self.count)


@dataclass(frozen=True, slots=True)
class Flow:
    """A tensor as it passes: `value` is one position of it, which means something in steps in which `valid` is 1.

    `axes` are the two axes that pass (rows, columns), or none: then the tensor comes as a whole, once an image.
    `times` are the steps in which the positions of the first image come, [rows, columns], or [1, 1]; those of each
    next image come `period` steps later.
    """

    value: Value
    valid: Value
    axes: tuple[int, int] | None
    times: Times

    @property
    def is_whole(self) -> bool:
        return self.axes is None


@dataclass(frozen=True, slots=True)
class Pending:
    """Padding and windows on a map that nobody has read yet: `order` are the axes (0 rows, 1 columns) in turn."""

    source: Flow
    rows: Axis
    columns: Axis
    fill: Constant | None = None
    order: tuple[int, ...] = ()

    def axis(self, which: int) -> Axis:
        return self.columns if which else self.rows

    def with_axis(self, which: int, axis: Axis) -> Pending:
        return replace(self, columns=axis) if which else replace(self, rows=axis)

    @property
    def places(self) -> tuple[int, ...]:
        """The lengths of the axes that the windows add."""
        return tuple(self.axis(which).size for which in self.order)

    @property
    def ahead(self) -> int:
        """How many positions come after the first until the first window is complete."""
        return self.rows.ahead * self.columns.length + self.columns.ahead

    @property
    def kept(self) -> int:
        """The positions that have to be kept, the newest one included."""
        return self.rows.reach * self.columns.length + self.columns.reach + 1

    @property
    def passes(self) -> bool:
        """True where the windows can be read off a line buffer."""
        return self.rows.passes and self.columns.passes and self.ahead < self.rows.length * self.columns.length

    def times(self, period: int) -> Times:
        """Give the step after the one in which each window is complete, [rows, columns] of windows."""
        height, width = self.rows.length, self.columns.length
        rows = np.arange(self.rows.count) * self.rows.stride
        columns = np.arange(self.columns.count) * self.columns.stride
        last = rows[:, None] * width + columns + self.ahead
        image, place = np.divmod(last, height * width)
        return self.source.times.reshape(-1)[place] + image * period + 1


__all__ = ["Axis", "Flow", "Pending", "Times"]
