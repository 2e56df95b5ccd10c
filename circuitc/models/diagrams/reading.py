"""Affine reading: an axis seen at places that are affine in one or more indices (windows, strides, diagonals)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from circuitc.ir import F32, Builder, Constant, Value

from ..layers import integer_constant
from .steps import Affine


def read_places(b: Builder, x: Value, places: Sequence[Affine], lengths: Mapping[str, int],
                fill: float) -> tuple[Value, tuple[str, ...]]:
    """Read every axis of x at its place: the value and the indices of its axes. Outside an axis stands `fill`."""
    indices: list[str] = []
    axis = 0
    for place in places:
        x, found = _read_axis(b, x, axis, place, lengths, fill)
        indices += found
        axis += len(found)
    while len(set(indices)) != len(indices):
        x, indices = _diagonal(b, x, indices)
    return x, tuple(indices)


def _read_axis(b: Builder, x: Value, axis: int, place: Affine, lengths: Mapping[str, int],
               fill: float) -> tuple[Value, list[str]]:
    """Read one axis; it becomes one axis for each index of the place, in their order."""
    size = b.type(x).shape[axis]
    names = [n for n, _ in place.terms]
    if place.plain and lengths[place.plain] == size:
        return x, names
    steps = dict(place.terms)
    reach = sum(c * (lengths[n] - 1) for n, c in place.terms)
    if place.divisor == 1 and 1 <= len(names) <= 2 and all(c > 0 for c in steps.values()):
        before = max(0, -place.constant)
        after = max(0, place.constant + reach - (size - 1))
        x = _padded(b, x, axis, before, after, fill)
        start = place.constant + before
        x = _sliced(b, x, axis, start, start + reach + 1, steps[names[0]] if len(names) == 1 else 1)
        if len(names) == 1:
            return x, names
        p, w = names
        x = b.apply("window", x, axis=axis, size=lengths[w], stride=steps[p], dilation=steps[w])
        rank = b.type(x).rank
        order = (*range(axis + 1), rank - 1, *range(axis + 1, rank - 1))
        return (x if order == tuple(range(rank)) else b.apply("transpose", x, order=order)), names
    return _gathered(b, x, axis, place, names, lengths, fill), names


def _padded(b: Builder, x: Value, axis: int, before: int, after: int, fill: float) -> Value:
    if not before and not after:
        return x
    rank = b.type(x).rank
    value = b.constant(Constant(F32, np.float32(fill)))
    return b.apply("pad", x, value, before=tuple(before * (k == axis) for k in range(rank)),
                   after=tuple(after * (k == axis) for k in range(rank)))


def _sliced(b: Builder, x: Value, axis: int, start: int, stop: int, step: int) -> Value:
    shape = b.type(x).shape
    if (start, stop, step) == (0, shape[axis], 1):
        return x
    return b.apply("slice", x, start=tuple(start * (k == axis) for k in range(len(shape))),
                   stop=tuple(stop if k == axis else n for k, n in enumerate(shape)),
                   step=tuple(step if k == axis else 1 for k in range(len(shape))))


def _gathered(b: Builder, x: Value, axis: int, place: Affine, names: list[str], lengths: Mapping[str, int],
              fill: float) -> Value:
    """Read at any places by a table of them."""
    total = np.full((), place.constant, np.int64)
    for name, coefficient in place.terms:
        total = np.add.outer(total, coefficient * np.arange(lengths[name], dtype=np.int64))
    table = total // place.divisor
    size = b.type(x).shape[axis]
    inside = (table >= 0) & (table < size)
    if not inside.all():
        x = _padded(b, x, axis, 0, 1, fill)
        table = np.where(inside, table, size)
    if not names:
        x = _sliced(b, x, axis, int(table), int(table) + 1, 1)
        shape = b.type(x).shape
        return b.apply("reshape", x, shape=(*shape[:axis], *shape[axis + 1:]))
    return b.apply("gather", x, integer_constant(b, table), axis=axis)


def _diagonal(b: Builder, x: Value, indices: list[str]) -> tuple[Value, list[str]]:
    """Choose the elements where two axes have one index."""
    second = next(k for k, i in enumerate(indices) if i in indices[:k])
    first = indices.index(indices[second])
    shape = b.type(x).shape
    size = shape[first]
    rest = [k for k in range(len(shape)) if k not in (first, second)]
    x = b.apply("transpose", x, order=(first, second, *rest))
    x = b.apply("reshape", x, shape=(size * size, *(shape[k] for k in rest)))
    x = _sliced(b, x, 0, 0, size * size, size + 1)
    return x, [indices[first], *(indices[k] for k in rest)]


__all__ = ["read_places"]
