"""Quantizers as staircases: which integers of an exact value reach which level, decided by rational arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[Any]  # an object array of Fractions
Rounding = Literal["nearest_even", "floor", "ceil", "down", "up", "half_away", "half_down"]
_HALF = Fraction(1, 2)


def reals(values: Any) -> Reals:
    """Give numbers as exact fractions: an object array of the same shape (rank 0 stays an array)."""
    array = np.asarray(values)
    out = np.empty(array.shape, dtype=object)
    flat = array.ravel().tolist()
    out.ravel()[:] = [Fraction(v) for v in flat] if flat else []
    if array.shape == ():
        out[()] = Fraction(flat[0])
    return out


def uniform(values: Reals) -> Fraction | None:
    """Give the one number that an array repeats, or None where there are several."""
    flat = values.ravel()
    return flat[0] if all(v == flat[0] for v in flat) else None


@dataclass(frozen=True, slots=True)
class Quantizer:
    """Rounds real / scale + zero to an integer in lowest..highest. `scale` and `zero` broadcast over the tensor.

    With `sign` it answers 1 where real / scale + zero >= 0 and -1 elsewhere (one step, no zero).
    """

    scale: Reals
    zero: NDArray[Any]
    lowest: int
    highest: int
    rounding: Rounding = "nearest_even"
    sign: bool = False

    @property
    def levels(self) -> range:
        """The levels above the lowest one; of `sign` one."""
        return range(1, 2) if self.sign else range(self.lowest + 1, self.highest + 1)

    def bound(self, level: int) -> tuple[int, bool]:
        """Give where on real / scale + zero a level begins, in halves, and whether the bound itself lies below it."""
        if self.sign:
            return 0, False
        half_below = 2 * level - 1
        match self.rounding:
            case "nearest_even":
                return half_below, level % 2 == 1
            case "floor":
                return 2 * level, False
            case "ceil":
                return 2 * level - 2, True
            case "down":
                return (2 * level, False) if level > 0 else (2 * level - 2, True)
            case "up":
                return (2 * level - 2, True) if level > 0 else (2 * level, False)
            case "half_away":
                return half_below, level <= 0
            case "half_down":
                return half_below, level > 0

    def apply(self, real: Fraction, scale: Fraction, zero: Fraction) -> int:
        """Quantize one number."""
        y = real / scale + zero
        if self.sign:
            return 1 if y >= 0 else -1
        return min(max(_round(y, self.rounding), self.lowest), self.highest)


def _round(y: Fraction, rounding: Rounding) -> int:
    whole = y.__floor__()
    match rounding:
        case "nearest_even":
            return round(y)
        case "floor":
            return whole
        case "ceil":
            return y.__ceil__()
        case "down":
            return whole if y >= 0 else y.__ceil__()
        case "up":
            return y.__ceil__() if y >= 0 else whole
        case "half_away":
            return (y + _HALF).__floor__() if y >= 0 else (y - _HALF).__ceil__()
        case "half_down":
            return (y - _HALF).__ceil__() if y >= 0 else (y + _HALF).__floor__()


@dataclass(frozen=True, slots=True)
class Line:
    """The real number that an integer n stands for: clip(slope * n + offset, low, high). None does not clip."""

    slope: Reals
    offset: Reals
    low: Fraction | None = None
    high: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Staircase:
    """A quantized line as steps: level k is reached where (n >= first[..., k]) differs from falls[...].

    `first` is an array of integers [*channels, levels], `falls` of booleans [*channels]: lines that go down.
    """

    first: NDArray[Any]
    falls: NDArray[np.bool_]


def staircase(line: Line, quantizer: Quantizer, least: int, greatest: int) -> Staircase:
    """Find, for each channel, the integers from least to greatest at which each level begins. Scales are positive.

    Every decision is one comparison of fractions, so ties fall as the rounding mode says.
    """
    slope, offset, scale, zero = np.broadcast_arrays(line.slope, line.offset, quantizer.scale, quantizer.zero)
    levels = quantizer.levels
    first = np.empty((slope.size, len(levels)), dtype=object)
    flat = zip(slope.ravel(), offset.ravel(), scale.ravel(), zero.ravel(), strict=True)
    for row, (a, b, s, z) in enumerate(flat):
        first[row] = list(_channel(line, quantizer, (a, b, s, Fraction(z)), least, greatest))
    falls = np.array([a < 0 for a in slope.ravel()], dtype=bool)
    return Staircase(first.reshape(*slope.shape, len(levels)).astype(np.int64), falls.reshape(slope.shape))


def _channel(line: Line, quantizer: Quantizer, numbers: tuple[Fraction, ...], least: int,
             greatest: int) -> Iterator[int]:
    """Find a channel's steps. Bounds are halves, so with common denominators every step is a quotient of integers."""
    a, b, s, z = numbers
    low = None if line.low is None else (line.low / s + z) * 2
    high = None if line.high is None else (line.high / s + z) * 2
    start, stride = (Fraction(0), Fraction(0)) if a == 0 else ((-z * s - b) / a, s / a / 2)
    common = lcm(start.denominator, stride.denominator)
    first, step = int(start * common), int(stride * common)
    for level in quantizer.levels:
        halves, strict = quantizer.bound(level)
        always = low is not None and (halves < low or (halves == low and not strict))
        never = high is not None and (halves > high or (halves == high and strict))
        if a == 0 and not always and not never:
            flat = (b / s + z) * 2
            always = flat > halves or (flat == halves and not strict)
            never = not always
        if always or never:
            yield greatest + 1 if (never != (a < 0)) else least
            continue
        quotient, rest = divmod(first + step * halves, common)
        # a line that falls reaches the level up to here: the step is the first integer that does not
        reached = quotient + (1 if rest or strict == (a > 0) else 0)
        yield min(max(reached, least), greatest + 1)


@dataclass(frozen=True, slots=True)
class Multiply:
    """A quantized line as (n * factor + bias) / 2**shift, rounded `nearest_even` or `floor`; arrays broadcast."""

    factor: NDArray[Any]
    bias: NDArray[Any]
    shift: int
    rounding: Literal["nearest_even", "floor"]


def multiply(line: Line, quantizer: Quantizer, steps: Staircase, least: int, greatest: int) -> Multiply | None:
    """Find one integer multiply that takes every step where the staircase does, or None where 62 bits are too few.

    Both are monotone in n, so they are equal everywhere when they are equal on both sides of each step.
    """
    if quantizer.sign or quantizer.rounding not in ("nearest_even", "floor", "ceil"):
        return None
    rounding: Literal["nearest_even", "floor"] = (
        "nearest_even" if quantizer.rounding == "nearest_even" else "floor")
    slope = np.asarray(line.slope / quantizer.scale, dtype=object)
    offset = np.asarray(line.offset / quantizer.scale + quantizer.zero, dtype=object)
    magnitude = max(abs(least), abs(greatest), 1).bit_length()
    top = max((abs(v) for v in slope.ravel()), default=Fraction(0))
    if top == 0:
        return None
    whole = top.__ceil__().bit_length() if top >= 1 else -((1 / top).__floor__().bit_length() - 1)
    for bits in (8, 12, 16, 20, 24, 28, 32, 40):
        shift = max(1, bits - whole)
        if magnitude + bits + 2 > 60 or any(
                (abs(v) * (1 << shift)).__ceil__().bit_length() > 60 for v in offset.ravel()):
            return None
        found = _rounded(slope, offset, shift, rounding, quantizer.rounding == "ceil")
        if _takes_steps(found, quantizer, steps, least, greatest):
            return found
    return None


def _rounded(slope: Reals, offset: Reals, shift: int, rounding: Any, ceil: bool) -> Multiply:
    one = 1 << shift
    factor, bias = reals(slope) * one, reals(offset) * one
    whole = np.frompyfunc(round, 1, 1)
    return Multiply(np.asarray(whole(factor), dtype=object),
                    np.asarray(whole(bias) + (one - 1 if ceil else 0), dtype=object), shift, rounding)


def _takes_steps(m: Multiply, quantizer: Quantizer, steps: Staircase, least: int, greatest: int) -> bool:
    """Compare just below and at each step; steps outside least..greatest must not be taken inside."""
    levels = np.array(list(quantizer.levels), dtype=object)
    factor = np.broadcast_to(np.asarray(m.factor, dtype=object), steps.falls.shape)[..., None]
    bias = np.broadcast_to(np.asarray(m.bias, dtype=object), steps.falls.shape)[..., None]
    first = steps.first.astype(object)
    if np.any(np.asarray(np.where(steps.falls[..., None], factor > 0, factor < 0), dtype=bool)):
        return False

    def reached(n: Any) -> NDArray[np.bool_]:
        total = n * factor + bias
        half = 1 << (m.shift - 1)
        if m.rounding == "nearest_even":
            floor = total >> m.shift
            rest = total - (floor << m.shift)
            up = np.asarray(rest > half, dtype=bool) | (np.asarray(rest == half, dtype=bool)
                                                        & np.asarray(floor % 2 == 1, dtype=bool))
            quotient = floor + up.astype(object)
        else:
            quotient = total >> m.shift
        return np.asarray(quotient >= levels, dtype=bool)

    falls = steps.falls[..., None]
    at, below = np.minimum(first, greatest), np.maximum(first - 1, least)
    inside = np.asarray(first <= greatest, dtype=bool)
    before = np.asarray(first > least, dtype=bool)
    right = np.where(inside, reached(at) != falls, True)
    left = np.where(before, reached(below) == falls, True)
    return bool(np.all(right) and np.all(left))
