"""Values with axes: elements of the IR on nodes i, nodes j, edges (i, j) or the graph, and how they combine.

Two layouts of edges share everything above them. Dense: an edge value has shape [n, n], row i, column j. Sparse: each
node j has a padded list of its senders, and an edge value has shape [n, degree], row j, column the place in the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import BIT, F32, Builder, Constant, Type, Value, index_type, smallest

Axes = Literal["", "i", "j", "ij"]
GREATEST = 3.0e38  # stands for infinity among floats of 32 bits


@dataclass(frozen=True, slots=True)
class Woven:
    """A value of the IR and the axes that it has."""

    value: Value
    axes: Axes


def union(*axes: str) -> Axes:
    """Give the axes that all operands fit."""
    letters = "".join(axes)
    both: dict[tuple[bool, bool], Axes] = {(False, False): "", (True, False): "i", (False, True): "j",
                                           (True, True): "ij"}
    return both["i" in letters, "j" in letters]


class Loom:
    """Writes element-wise computations on woven values into a builder."""

    def __init__(self, builder: Builder, n: int, degree: int = 0) -> None:
        self.b, self.n, self.degree = builder, n, degree
        self.index = index_type(n)

    @property
    def sender_axis(self) -> int:
        """The axis of an edge value that runs over what is sent to one node."""
        return 1 if self.degree else 0

    def shape(self, axes: Axes) -> tuple[int, ...]:
        edges = (self.n, self.degree) if self.degree else (self.n, self.n)
        return {"": (), "i": (self.n,), "j": (self.n,), "ij": edges}[axes]

    def type(self, x: Woven) -> Type:
        """Give a value's element type."""
        return self.b.type(x.value).scalar

    def number(self, raw: int | float, t: Type | None = None) -> Woven:
        """Give a number of the graph, in its narrowest type unless one is named."""
        return Woven(self.b.number(t or smallest(int(raw), int(raw)), raw), "")

    def constant(self, t: Type, array: Any, axes: Axes, name: str) -> Woven:
        return Woven(self.b.constant(Constant(t.with_shape(np.shape(array)), array), name=name), axes)

    def numbers(self, axes: Axes) -> Woven:
        """Give each node its own number."""
        return self.constant(self.index, np.arange(self.n), axes, "number")

    def spread(self, x: Woven, axes: Axes) -> Woven:
        """Repeat a value over more axes."""
        if x.axes == axes:
            return x
        place = {"": (), "i": (self.sender_axis,), "j": (1 - self.sender_axis,)}[x.axes]
        return Woven(self.b.apply("broadcast", x.value, shape=self.shape(axes), axes=place), axes)

    def to(self, x: Woven, t: Type, *, name: str = "") -> Woven:
        """Give the same numbers in another type, which the program's ranges say holds them."""
        own = self.b.type(x.value)
        wanted = t.with_shape(own.shape)
        if own == wanted:
            return x
        if own.is_float or (not t.is_float and not t.holds(own.scalar)):
            return Woven(self.b.apply("requantize", x.value, type=wanted, overflow="never", name=name), x.axes)
        return Woven(self.b.apply("convert", x.value, type=wanted, name=name), x.axes)

    def common(self, *xs: Woven) -> list[Woven]:
        """Bring values to one element type and one set of axes."""
        axes = union(*(x.axes for x in xs))
        t = self._common_type([self.type(x) for x in xs])
        return [self.spread(self.to(x, t), axes) for x in xs]

    def _common_type(self, types: list[Type]) -> Type:
        if any(t.is_float for t in types):
            return F32
        fraction = max(t.fraction for t in types)
        return smallest(min(t.lowest << (fraction - t.fraction) for t in types),
                        max(t.highest << (fraction - t.fraction) for t in types), fraction)

    def combine(self, op: str, *xs: Woven) -> Woven:
        """Apply an op of the IR to numbers, element by element."""
        if op in ("and", "or", "not") and any(self.type(x) != BIT for x in xs):
            raise error(f"{op} joins conditions, got a number", help="compare it: `x != 0`")
        ready = self.common(*xs)
        return Woven(self.b.apply(op, *(x.value for x in ready)), ready[0].axes)

    def word(self, op: str, *xs: Woven) -> Woven:
        """Apply a bitwise op to words."""
        ready = self.common(*xs)
        return Woven(self.b.apply(op, *(x.value for x in ready)), ready[0].axes)

    def select(self, condition: Woven, a: Woven, b: Woven) -> Woven:
        """Choose element by element."""
        if self.type(condition) != BIT:
            raise error("`x if c else y` takes a condition c, got a number", help="compare it: `c != 0`")
        a, b = self.common(a, b)
        axes = union(condition.axes, a.axes)
        parts = [self.spread(x, axes).value for x in (condition, a, b)]
        return Woven(self.b.apply("select", *parts), axes)

    def fold(self, kind: str, x: Woven, axes: Axes) -> Woven:
        """Fold a value over the axes that it has and `axes` has not."""
        if x.axes == axes:
            return x
        edges = {"j": (self.sender_axis,), "i": (1 - self.sender_axis,), "": (0, 1)}
        gone = edges[axes] if x.axes == "ij" else (0,)
        return Woven(self.b.apply("reduce", x.value, kind=kind, axes=gone), axes)

