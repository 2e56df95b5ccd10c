"""Scaled integers: exact values of the IR that stand for real numbers, with the scale kept beside the program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import BIT, F32, F64, SPIN, Builder, Constant, Value, smallest

from .layers import integer_constant, like, numbers, spread
from .steps import Line, Multiply, Quantizer, Reals, Staircase, multiply, reals, staircase, uniform

LADDER = 12      # up to so many steps are compared one by one before a multiply is tried
MAX_LADDER = 256

ONE, ZERO = reals(1), reals(0)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A tensor whose real numbers are clip(scale * v + offset, low, high), v being the number of an exact value.

    `shape` is that of the model's tensor; `value` has the same elements, without a leading axis of 1 (the batch).
    `scale` and `offset` are object arrays of fractions that broadcast over `shape` by numpy's rules.
    """

    value: Value
    shape: tuple[int, ...]
    scale: Reals
    offset: Reals
    low: Fraction | None = None
    high: Fraction | None = None

    @property
    def is_linear(self) -> bool:
        """True where the real number is the scale times the number, with nothing added or clipped."""
        return self.low is None and self.high is None and uniform(self.offset) == 0

    @property
    def one_scale(self) -> Fraction | None:
        """The scale, where the whole tensor has one and the value is linear."""
        return uniform(self.scale) if self.is_linear else None

    @property
    def is_plain(self) -> bool:
        """True where the real number is the value's own number."""
        return self.one_scale == 1

    def times(self, factor: Reals) -> Scaled:
        """Multiply by positive or negative constants; nothing may be clipped."""
        assert self.low is None
        assert self.high is None
        return replace(self, scale=_array(self.scale * factor), offset=_array(self.offset * factor))

    def plus(self, term: Reals) -> Scaled:
        """Add constants; nothing may be clipped."""
        assert self.low is None
        assert self.high is None
        return replace(self, offset=_array(self.offset + term))


def _array(x: Any) -> Reals:
    return np.asarray(x, dtype=object)


def inner(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape that a model's tensor has in the program: without a leading axis of 1."""
    return shape[1:] if shape[:1] == (1,) else shape


def channels(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring an array that broadcasts over a model's tensor to the rank it has in the program."""
    full = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
    return full.reshape(full.shape[1:]) if shape[:1] == (1,) else full


def laid_out(b: Builder, array: NDArray[Any], shape: tuple[int, ...], fraction: int = 0, name: str = "") -> Value:
    """Add integers that broadcast over a model's tensor as a constant, repeated to the tensor's shape."""
    small = channels(array, shape)
    small = small.reshape(small.shape[next((k for k, n in enumerate(small.shape) if n != 1), small.ndim):])
    return spread(b, integer_constant(b, small, fraction, name), inner(shape))


def integers_of(values: Reals) -> tuple[NDArray[Any], Fraction]:
    """Give numbers as integers times the largest common divisor; all zero gives (zeros, 1)."""
    flat = [v for v in values.ravel() if v]
    if not flat:
        return np.zeros(values.shape, dtype=object), Fraction(1)
    denominator = 1
    for v in flat:
        denominator = denominator * v.denominator // gcd(denominator, v.denominator)
    divisor = 0
    for v in flat:
        divisor = gcd(divisor, v.numerator * (denominator // v.denominator))
    step = Fraction(divisor, denominator)
    whole = [int(v / step) for v in values.ravel()]
    out = np.empty(values.shape, dtype=object)
    out.ravel()[:] = whole
    if values.shape == ():
        out[()] = whole[0]
    return out, step


def is_power_of_two(s: Fraction) -> bool:
    """Tell whether a fraction is 2**k for a whole number k."""
    return s > 0 and not s.numerator & (s.numerator - 1) and not s.denominator & (s.denominator - 1)


def move_point(b: Builder, x: Scaled) -> Scaled:
    """Write a scale that is a power of two into the value's type; other scales, and spins, stay as they are."""
    s = uniform(x.scale)
    if s is None or s == 1 or not is_power_of_two(s) or b.type(x.value).is_spin:
        return x
    by = s.numerator.bit_length() - s.denominator.bit_length()
    return replace(x, value=b.apply("shift", x.value, by=by), scale=ONE)


def to_float(b: Builder, x: Scaled, origin: str = "") -> Value:
    """Give the real numbers as f32, rounded; this is where exactness ends."""
    t = b.type(x.value)
    value = numbers(b, x.value)
    if b.type(value).width <= 24:
        value = b.apply("convert", value, type=F32, origin=origin)
    else:
        wide = b.type(value)
        if wide.width > 53:
            value = b.apply("requantize", value, type=replace(wide, width=53, fraction=wide.fraction - wide.width + 53))
        value = b.apply("requantize", b.apply("convert", value, type=F64), type=F32, origin=origin)

    def constant(array: Reals) -> Value:
        small = channels(array, x.shape).astype(np.float64).astype(np.float32)
        return spread(b, b.constant(Constant(F32.with_shape(small.shape), small)), t.shape)

    if uniform(x.scale) != 1:
        value = b.apply("mul", value, constant(x.scale), origin=origin)
    if uniform(x.offset) != 0:
        value = b.apply("add", value, constant(x.offset), origin=origin)
    if x.low is not None:
        value = b.apply("max", value, like(b, value, np.float32(float(x.low))), origin=origin)
    if x.high is not None:
        value = b.apply("min", value, like(b, value, np.float32(float(x.high))), origin=origin)
    return value


def quantize(b: Builder, x: Scaled, q: Quantizer, name: str = "", origin: str = "") -> Scaled | None:
    """Quantize exactly: the same value as rounding the real numbers; None where no exact form is small enough.

    The result's real number is (level - zero) * scale. A power of two between the scales is one `requantize`; few steps
    are compared one by one; else one integer multiply is taken whose every step was checked.
    """
    direct = _direct(b, x, q, name, origin)
    if direct is not None:
        return direct
    value = numbers(b, x.value)
    t = b.type(value)
    grid = Fraction(1, 1) / Fraction(2)**t.fraction
    line = Line(_array(x.scale * grid), x.offset, x.low, x.high)
    channels_of = np.broadcast_shapes(x.scale.shape, x.offset.shape, q.scale.shape, np.shape(q.zero))
    count = int(np.prod(channels_of, dtype=np.int64)) * len(q.levels)
    if count > 1 << 22 or t.lowest < -(1 << 60) or t.highest >= 1 << 60:
        return None
    steps = staircase(line, q, t.lowest, t.highest)
    taken = [k for k in range(len(q.levels)) if _is_taken(steps, k, t.lowest, t.highest)]
    if q.sign or len(taken) <= LADDER:
        levels = _ladder(b, value, x.shape, steps, taken, t, q, name, origin)
    else:
        m = multiply(line, q, steps, t.lowest, t.highest)
        if m is not None:
            levels = _multiplied(b, value, x, m, q, name, origin)
        elif len(taken) <= MAX_LADDER:
            levels = _ladder(b, value, x.shape, steps, taken, t, q, name, origin)
        else:
            return None
    return leveled(b, levels, x.shape, q)


def leveled(b: Builder, levels: Value, shape: tuple[int, ...], q: Quantizer) -> Scaled:
    """Give quantized levels as the real numbers that they stand for."""
    if np.any(np.asarray(q.zero != 0, dtype=bool)) and not q.sign:
        levels = b.apply("sub", levels, laid_out(b, np.asarray(q.zero), shape))
    return move_point(b, Scaled(levels, shape, q.scale, ZERO))


def _is_taken(steps: Staircase, k: int, least: int, greatest: int) -> bool:
    first = steps.first[..., k]
    return bool(np.any((first > least) & (first <= greatest))) or len(np.unique(
        (first <= least) != steps.falls)) > 1


def _ladder(b: Builder, value: Value, shape: tuple[int, ...], steps: Staircase, taken: list[int], t: Any,
            q: Quantizer, name: str, origin: str) -> Value:
    always = [k for k in range(len(q.levels)) if k not in taken
              and bool(np.all((steps.first[..., k] <= t.lowest) != steps.falls))]
    base = (q.levels[0] - 1 if not q.sign else 0) + len(always)
    bits: list[Value] = []
    for k in taken:
        first = laid_out(b, steps.first[..., k], shape, t.fraction, "step")
        bit = b.apply("le", first, value, origin=origin)
        if steps.falls.any():
            bit = b.apply("xor", bit, spread(b, b.constant(Constant(
                BIT.with_shape(channels(steps.falls, shape).shape), channels(steps.falls, shape).astype(np.int64))),
                inner(shape)), origin=origin)
        bits.append(bit)
    if q.sign:
        bit = bits[0] if bits else like_bit(b, inner(shape), base)
        return b.apply("convert", bit, type=SPIN, name=name, origin=origin)
    kind = smallest(base, base + len(bits), 0, inner(shape))
    start = b.constant(Constant(smallest(base, base), np.array(base)))
    if not bits:
        return b.apply("convert", spread(b, start, inner(shape)), type=kind, name=name, origin=origin)
    if base == 0 and len(bits) == 1:
        return bits[0]
    return b.apply("add", *bits, spread(b, start, inner(shape)), type=kind, name=name, origin=origin)


def like_bit(b: Builder, shape: tuple[int, ...], bit: int) -> Value:
    """Give one bit repeated to a shape."""
    return spread(b, b.constant(Constant(BIT, np.array(bit))), shape)


def _multiplied(b: Builder, value: Value, x: Scaled, m: Multiply, q: Quantizer, name: str, origin: str) -> Value:
    t = b.type(value)
    if t.fraction:
        value = b.apply("shift", value, by=t.fraction)
    total = b.apply("mul", value, laid_out(b, m.factor, x.shape, 0, "factor"), origin=origin)
    if np.any(np.asarray(m.bias != 0, dtype=bool)):
        total = b.apply("add", total, laid_out(b, m.bias, x.shape, 0, "bias"), origin=origin)
    total = b.apply("shift", total, by=-m.shift, origin=origin)
    result = b.apply("requantize", total, type=smallest(q.lowest, q.highest), rounding=m.rounding, name=name,
                     origin=origin)
    low, high = q.lowest, q.highest
    ends = [np.vectorize(lambda s, z, end=end: q.apply(end, s, Fraction(z)), otypes=[object])(q.scale, q.zero)
            if end is not None else None for end in (x.low, x.high)]
    return _clipped(b, result, x.shape, low if ends[0] is None else ends[0], high if ends[1] is None else ends[1])


def _clipped(b: Builder, value: Value, shape: tuple[int, ...], low: Any, high: Any) -> Value:
    """Clip where the type alone does not."""
    t = b.type(value)
    for op, end, free in (("max", np.asarray(low, dtype=object), t.lowest),
                          ("min", np.asarray(high, dtype=object), t.highest)):
        if np.any(np.asarray(end != free, dtype=bool)):
            small = channels(end, shape).astype(t.dtype)
            bound = b.constant(Constant(t.with_shape(small.shape), small))
            value = b.apply(op, value, spread(b, bound, t.shape))
    return value


def _direct(b: Builder, x: Scaled, q: Quantizer, name: str, origin: str) -> Scaled | None:
    """Quantize by one `requantize` where that is exactly what happens."""
    moved = move_point(b, x) if x.is_linear else x
    scale = uniform(q.scale)
    if q.sign or q.rounding not in ("nearest_even", "floor") or scale is None or not moved.is_plain:
        return None
    if np.any(np.asarray(q.zero != 0, dtype=bool)) or not is_power_of_two(scale) or b.type(moved.value).is_spin:
        return None
    fraction = scale.denominator.bit_length() - scale.numerator.bit_length()
    t = smallest(q.lowest, q.highest, fraction)
    value = b.apply("requantize", moved.value, type=t, rounding=q.rounding, name=name, origin=origin)
    return Scaled(_clipped(b, value, x.shape, q.lowest, q.highest), x.shape, ONE, ZERO)


def relu(b: Builder, x: Scaled, name: str = "", origin: str = "") -> Scaled:
    """Give max(x, 0)."""
    if x.is_linear and all(s > 0 for s in x.scale.ravel()):
        value = numbers(b, x.value)
        return replace(x, value=b.apply("max", value, like(b, value, 0), name=name, origin=origin))
    return clip(x, Fraction(0), None)


def clip(x: Scaled, low: Fraction | None, high: Fraction | None) -> Scaled:
    """Clip real numbers; the clipping is kept beside the program until a quantizer takes it in."""
    lows = [v for v in (x.low, low) if v is not None]
    highs = [v for v in (x.high, high) if v is not None]
    new_low, new_high = max(lows, default=None), min(highs, default=None)
    if new_low is not None and new_high is not None and new_low > new_high:
        new_low = new_high  # as min(max(x, low), high)
    return replace(x, low=new_low, high=new_high)


def add(b: Builder, x: Scaled, y: Scaled, shape: tuple[int, ...], sign: int = 1, name: str = "",
        origin: str = "") -> Scaled | None:
    """Add (or subtract) two scaled values of one shape, on a common grid of at most 32 bits of multiplier."""
    s, t = x.one_scale, y.one_scale
    if s is None or t is None or s <= 0 or t <= 0:
        return None
    factors, step = integers_of(reals(np.array([s, t], dtype=object)))
    if any(abs(int(f)).bit_length() > 32 for f in factors):
        return None
    parts: list[Value] = []
    for part, factor in zip((x.value, y.value), factors, strict=True):
        part = spread(b, numbers(b, part), inner(shape))
        parts.append(part if factor == 1 else b.apply("mul", part, spread(
            b, integer_constant(b, np.array(int(factor))), inner(shape))))
    value = b.apply("add" if sign > 0 else "sub", *parts, name=name, origin=origin)
    return Scaled(value, shape, reals(step), ZERO)


__all__ = ["ONE", "ZERO", "Quantizer", "Scaled", "add", "channels", "clip", "inner", "integers_of",
           "is_power_of_two", "laid_out", "leveled", "move_point", "quantize", "reals", "relu", "to_float", "uniform"]
