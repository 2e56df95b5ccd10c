"""Forms: an exact value and what it says about the float that it stands for.

    real = clip(number * scale + offset, low, high)

Scales, offsets and clips are kept aside until a consumer needs plain numbers; `settle` then multiplies by an integer
constant, adds one, and rounds once. So a bias, a batch normalisation and a relu between two layers cost one rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

from circuitc.ir import Builder, Constant, Type, Value, fixed, smallest

from .grids import Floats, Grid

GUARD = 8            # bits behind a grid's point that sums of several values keep before they are rounded
_MOST_WIDTH = 62     # of an exact intermediate result


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a float of the program lies (in real arithmetic, for inputs on their ports' grids), and how far from it
    the quantized value can be: arrays of the value's shape."""

    low: Floats
    high: Floats
    error: Floats

    def clipped(self, low: float, high: float) -> Bound:
        return Bound(np.clip(self.low, low, high), np.clip(self.high, low, high), self.error)

    @property
    def size(self) -> Floats:
        """The largest magnitude of the float."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


@dataclass(frozen=True, slots=True)
class Form:
    """An exact value that stands for a float: `clip(number * scale + offset, low, high)`, element by element.

    `scale` and `offset` have the value's rank, and 1 for axes along which they do not change. `bound` is None where
    none is known.
    """

    value: Value
    scale: Floats
    offset: Floats
    low: float = -inf
    high: float = inf
    bound: Bound | None = None

    @property
    def is_uniform(self) -> bool:
        """True where one positive scale and one offset hold for all elements, and nothing is left to clip."""
        return self.scale.size == 1 and self.offset.size == 1 and float(self.scale.flat[0]) > 0 and not self.is_clipped

    @property
    def is_clipped(self) -> bool:
        return self.low > -inf or self.high < inf

    def clip(self, low: float, high: float) -> Form:
        """Take the clip's ends closer."""
        low, high = (min(max(end, self.low), self.high) for end in (low, high))
        return replace(self, low=low, high=high, bound=self.bound and self.bound.clipped(low, high))


def uniform(value: Value, scale: float, offset: float, rank: int, bound: Bound | None) -> Form:
    """Make a form with one scale and one offset."""
    one = (1,) * rank
    return Form(value, np.full(one, scale), np.full(one, offset), bound=bound)


def times(form: Form, factor: Any) -> Form:
    """Multiply what a form says by constants, which its scale and offset take up."""
    b = form.bound
    ends = [b.low * factor, b.high * factor] if b else []
    bound = b and Bound(np.minimum(*ends), np.maximum(*ends), b.error * np.abs(factor))
    return Form(form.value, compact(form.scale * factor), compact(form.offset * factor), bound=bound)


def product_bound(x: Bound | None, y: Bound | None) -> Bound | None:
    """Bound the product of two values, element by element."""
    if x is None or y is None:
        return None
    ends = [p * q for p in (x.low, x.high) for q in (y.low, y.high)]
    return Bound(np.min(ends, axis=0), np.max(ends, axis=0), x.size * y.error + y.size * x.error + x.error * y.error)


def compact(array: Any) -> Floats:
    """Shrink axes along which an array does not change to 1."""
    array = np.asarray(array, np.float64)
    for axis in range(array.ndim):
        first = array.take([0], axis=axis)
        if array.shape[axis] > 1 and bool(np.all(array == first)):
            array = first
    return array


class Arithmetic:
    """Exact arithmetic with real constants, in a builder.

    `multiplier` is the bits of a factor that is no power of two.
    """

    def __init__(self, builder: Builder, multiplier: int) -> None:
        self.b = builder
        self.multiplier = multiplier

    def spread(self, raw: Any, t: Type, shape: tuple[int, ...], name: str) -> Value:
        """Add a constant that repeats along the axes where it has 1."""
        raw = np.asarray(raw, dtype=object).astype(t.dtype)
        axes = tuple(k for k, n in enumerate(raw.shape) if n == shape[k] and n > 1)
        kept = raw.reshape(tuple(shape[k] for k in axes))
        if not axes:
            return self.b.constant(Constant(t.with_shape(shape), np.broadcast_to(raw, shape)), name)
        small = self.b.constant(Constant(t.with_shape(kept.shape), kept), name)
        return small if kept.shape == shape else self.b.apply("broadcast", small, shape=shape, axes=axes)

    def numeric(self, value: Value) -> Value:
        """Give a spin as a number of two bits, everything else as it is."""
        t = self.b.type(value)
        return self.b.apply("convert", value, type=fixed(2, 0, t.shape)) if t.is_spin else value

    def scaled(self, value: Value, ratio: Floats, name: str) -> tuple[Value, Floats]:
        """Multiply by constants as well as the multiplier's bits allow: the product, and each constant's error."""
        value = self.numeric(value)
        t = self.b.type(value)
        mantissa, exponents = np.frexp(ratio)
        if np.all(ratio == ratio.flat[0]) and mantissa.flat[0] == 0.5:
            by = int(exponents.flat[0]) - 1
            return self.b.apply("shift", value, by=by) if by else value, np.zeros(())
        bits = max(2, min(self.multiplier, _MOST_WIDTH - 2 - t.width))
        fraction = bits - int(exponents[ratio != 0].max()) if np.any(ratio != 0) else 0
        raw = np.rint(np.ldexp(ratio, fraction)).astype(np.int64)
        spare = _zeros_below(raw)
        raw, fraction = raw >> spare, fraction - spare
        factor = smallest(int(raw.min()), int(raw.max()), fraction)
        error = np.abs(np.ldexp(raw.astype(np.float64), -fraction) - ratio)
        return self.b.apply("mul", value, self.spread(raw, factor, t.shape, f"{name}_factor")), error

    def plus(self, value: Value, number: Floats, fraction: int, name: str) -> tuple[Value, Floats]:
        """Add real constants rounded to a fraction: the sum, and each constant's error."""
        t = self.b.type(value)
        rounded = np.rint(np.ldexp(number, fraction))
        error = np.abs(np.ldexp(rounded, -fraction) - number)
        if not np.any(rounded):
            return value, error
        raw = np.asarray(np.frompyfunc(int, 1, 1)(rounded), dtype=object)
        spare = _zeros_below(raw)
        raw = np.asarray(raw >> spare, dtype=object)
        kind = smallest(int(raw.min()), int(raw.max()), fraction - spare)
        return self.b.apply("add", value, self.spread(raw, kind, t.shape, f"{name}_offset")), error


def _zeros_below(raw: Any) -> int:
    """Count the zero bits below the lowest one of any number."""
    together = int(np.bitwise_or.reduce(np.abs(np.atleast_1d(raw).ravel())))
    return (together & -together).bit_length() - 1 if together else 0


def settle(a: Arithmetic, form: Form, grid: Grid, name: str, *, within: bool = False) -> Form:
    """Bring a form to a grid: one multiplication, one addition, one rounding; saturating at the grid's ends.

    `within` takes it as given that the float lies on the grid, so that nothing saturates; only the bound knows.
    """
    b, t = a.b, a.b.type(form.value)
    ratio, offset = compact(form.scale / grid.scale), compact(form.offset / grid.scale + grid.zero)
    number, factor_error = a.scaled(form.value, ratio, name)
    number, offset_error = a.plus(number, offset, grid.type.fraction + GUARD, name)
    target = grid.type.with_shape(t.shape)
    if b.type(number) != target:
        number = b.apply("requantize", number, type=target, name=name)
    for op, end, reached in (("max", form.low, grid.low), ("min", form.high, grid.high)):
        if np.isfinite(end) and (end > reached) == (op == "max") and end != reached:
            number = b.apply(op, number, b.number(target, int(grid.raw(end))))
    known = form.bound.clipped(grid.low, grid.high) if within and form.bound else form.bound
    bound = known and _settled(known, t, grid, factor_error, offset_error)
    return uniform(number, grid.scale, -grid.zero * grid.scale, t.rank, bound)


def _settled(bound: Bound, t: Type, grid: Grid, factor_error: Floats, offset_error: Floats) -> Bound:
    """Add what `settle` can lose: the constants' errors, the rounding, and what lies beyond the grid's ends."""
    largest = max(-t.lowest, t.highest) * 2.0 ** -t.fraction
    beyond = np.maximum(np.maximum(bound.high - grid.high, grid.low - bound.low), 0.0)
    constants = (factor_error * largest + offset_error) * grid.scale
    return Bound(bound.low, bound.high, bound.error + constants + grid.step / 2 + beyond)


def onto(a: Arithmetic, form: Form, grid: Grid, name: str) -> Form:
    """Bring a form to a grid's scale for a sum, with guard bits and without losing its offset; nothing saturates."""
    b, t = a.b, a.b.type(form.value)
    number, factor_error = a.scaled(form.value, compact(form.scale / grid.scale), name)
    fraction, extra = grid.type.fraction + GUARD, 0.0
    p = b.type(number)
    if p.fraction > fraction:
        by = p.fraction - fraction
        holds = smallest(p.lowest >> by, (p.highest >> by) + 1, fraction)
        number = b.apply("requantize", number, type=holds, overflow="never", name=name)
        extra = 2.0 ** -fraction / 2
    largest = max(-t.lowest, t.highest) * 2.0 ** -t.fraction
    lost = (factor_error * largest + extra) * grid.scale
    bound = form.bound and Bound(form.bound.low, form.bound.high, form.bound.error + lost)
    return Form(number, np.full((1,) * t.rank, grid.scale), form.offset, bound=bound)
