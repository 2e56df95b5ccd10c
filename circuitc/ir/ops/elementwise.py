"""Ops that work element by element: arithmetic, logic, comparison, choice, and the two kinds of change of type."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from circuitc.diagnostics import error

from ..op import Application, Attribute, Attributes, OpDef, Raw, same_shapes, same_types
from ..types import BIT, SPIN, Type, fixed, smallest

_EASY = 62  # raw numbers of this many bits can be added and compared in int64


def aligned(types: Sequence[Type], arrays: Sequence[Raw]) -> list[Raw]:
    """Bring raw numbers to their common (largest) fraction; Python integers where int64 could overflow."""
    fraction = max(t.fraction for t in types)
    wide = any(t.width + fraction - t.fraction > _EASY for t in types)
    return [(a.astype(object) if wide else a) * (1 << (fraction - t.fraction)) if fraction > t.fraction
            else a.astype(object) if wide else a for t, a in zip(types, arrays, strict=True)]


def settle(application: Application, raw: Raw, fraction: int) -> Raw:
    """Bring exact raw numbers with `fraction` to the declared result type."""
    result = application.result
    if result.fraction > fraction:
        raw = raw.astype(object) * (1 << (result.fraction - fraction))
    return raw.astype(result.dtype)


def _ends(t: Type, fraction: int) -> tuple[int, int]:
    return t.lowest << (fraction - t.fraction), t.highest << (fraction - t.fraction)


def _one_float(op: str, types: Sequence[Type]) -> bool:
    """Tell whether the operands are floats; they are then all the same float type."""
    if not any(t.is_float for t in types):
        return False
    same_types(op, types)
    return True


def _infer_sum(name: str, signs: tuple[int, ...]) -> Any:
    def infer(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
        shape = same_shapes(name, types)
        if _one_float(name, types):
            return types[0]
        fraction = max(t.fraction for t in types)
        ends = [_ends(t, fraction) for t in types]
        signed = [(lo, hi) if signs[min(i, len(signs) - 1)] > 0 else (-hi, -lo) for i, (lo, hi) in enumerate(ends)]
        return smallest(sum(lo for lo, _ in signed), sum(hi for _, hi in signed), fraction, shape)
    return infer


def _add(a: Application, *x: Raw) -> Raw:
    if a.result.is_float:
        total = x[0]
        for y in x[1:]:
            total = total + y
        return total
    parts = aligned(a.types, x)
    if a.result.dtype == object:  # many small numbers can add up to 64 unsigned bits
        parts = [p.astype(object) for p in parts]
    return settle(a, sum(parts[1:], parts[0]), max(t.fraction for t in a.types))


def _sub(a: Application, x: Raw, y: Raw) -> Raw:
    if a.result.is_float:
        return x - y
    p, q = aligned(a.types, (x, y))
    return settle(a, p - q, max(t.fraction for t in a.types))


def product_range(a: Type, b: Type) -> tuple[int, int]:
    """Give the least and greatest product of raw numbers of two types."""
    ends = [p * q for p, q in product((a.lowest, a.highest), (b.lowest, b.highest))]
    return min(ends), max(ends)


def _infer_mul(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    shape = same_shapes("mul", types)
    if _one_float("mul", types):
        return types[0]
    if all(t.is_spin for t in types):
        return types[0]
    return smallest(*product_range(*types), sum(t.fraction for t in types), shape)


def _mul(a: Application, x: Raw, y: Raw) -> Raw:
    if a.result.is_float:
        return x * y
    if sum(t.width for t in a.types) > _EASY:
        x = x.astype(object)
    return settle(a, x * y, sum(t.fraction for t in a.types))


def _infer_neg(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t = types[0]
    return t if t.is_float or t.is_spin else smallest(-t.highest, -t.lowest, t.fraction, t.shape)


def _infer_abs(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t = types[0]
    return t if t.is_float else smallest(0, max(t.highest, -t.lowest), t.fraction, t.shape)


def _neg(a: Application, x: Raw) -> Raw:
    wide = a.types[0].is_exact and a.types[0].width > _EASY
    return settle(a, -(x.astype(object) if wide else x), a.types[0].fraction) if a.result.is_exact else -x


def _abs(a: Application, x: Raw) -> Raw:
    wide = a.types[0].is_exact and a.types[0].width > _EASY
    return settle(a, abs(x.astype(object) if wide else x), a.types[0].fraction) if a.result.is_exact else abs(x)


def _same(name: str) -> Any:
    return lambda types, attributes, declared: same_types(name, types)


def _extreme(pick: Any) -> Any:
    """min and max; a tie keeps the first operand (seen only in floats: -0.0 and 0.0), a NaN operand gives NaN."""
    return lambda a, x, y: settle(a, pick(x, y), a.types[0].fraction) if a.result.is_exact else pick(x, y)


def _infer_logic(name: str) -> Any:
    def infer(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
        t = same_types(name, types)
        if t.kind != "fixed":
            raise error(f"{name} works on the bits of fixed-point types, got {t}",
                        help="convert it to bit first" if t.is_spin else "")
        return t
    return infer


def _not(a: Application, x: Raw) -> Raw:
    t = a.types[0]
    return settle(a, -1 - x if t.signed else t.highest - x, t.fraction)


def _infer_compare(name: str) -> Any:
    def infer(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
        shape = same_shapes(name, types)
        _one_float(name, types)
        return BIT.with_shape(shape)
    return infer


def _compare(test: Any) -> Any:
    def evaluate(a: Application, x: Raw, y: Raw) -> Raw:
        p, q = (x, y) if a.types[0].is_float else aligned(a.types, (x, y))
        return settle(a, np.asarray(test(p, q)), 0)
    return evaluate


def _infer_select(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    condition, *rest = types
    if not condition.is_bit:
        raise error(f"select takes a bit to choose by, got {condition}")
    same_shapes("select", types)
    return same_types("select", rest)


def _select(a: Application, c: Raw, x: Raw, y: Raw) -> Raw:
    chosen = np.where(c != 0, x, y)
    return settle(a, chosen, a.types[1].fraction) if a.result.is_exact else chosen


def _infer_requantize(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    assert declared is not None
    t = types[0]
    if declared.is_spin or t.is_spin:
        raise error(f"requantize changes numbers, got {t} to {declared}", help="use convert for spins")
    if declared.is_float and not (t.is_float and t.width >= declared.width):
        raise error(f"requantize rounds to fixed point, or to a narrower float, got {t} to {declared}",
                    help="use convert for a type that holds all values")
    return declared.with_shape(t.shape)


def round_shift(raw: Raw, bits: int, rounding: str) -> Raw:
    """Divide raw numbers (Python integers) by 2**bits, rounded `nearest_even` or `floor`."""
    if rounding == "floor":
        return raw >> bits
    low = raw >> bits
    rest = raw - (low << bits)
    half = 1 << (bits - 1)
    return low + ((rest > half) | ((rest == half) & (low & 1 == 1))).astype(raw.dtype)


def bring_into(raw: Raw, result: Type, overflow: str) -> Raw:
    """Bring raw numbers into a fixed-point type: `saturate`, `wrap`, or `never` (raises where one does not fit)."""
    if overflow == "saturate":
        return np.clip(raw, result.lowest, result.highest)
    if overflow == "wrap":
        span = 1 << result.width
        return (raw - result.lowest) % span + result.lowest
    outside = np.asarray((raw < result.lowest) | (raw > result.highest), dtype=bool)
    if outside.any():
        number = raw[outside].ravel()[0]
        raise error(f"requantize says overflow=never, but raw {number} does not fit {result.scalar}",
                    help="use overflow=saturate, or a wider type")
    return raw


def _requantize(a: Application, x: Raw) -> Raw:
    source, result = a.types[0], a.result
    if result.is_float:
        return x.astype(result.dtype)
    if source.is_float:
        return _from_float(a, x)
    bits = source.fraction - result.fraction
    wide = max(source.width, result.width) + abs(bits) > _EASY
    raw = x.astype(object) if wide else x
    raw = round_shift(raw, bits, a["rounding"]) if bits > 0 else raw * (1 << -bits)
    return bring_into(raw, result, a["overflow"]).astype(result.dtype)


def _from_float(a: Application, x: Raw) -> Raw:
    """Round floats to fixed point; NaN gives 0, infinities saturate (with `wrap` they give 0 too)."""
    result = a.result
    with np.errstate(over="ignore"):
        scaled = np.ldexp(x.astype(np.float64), result.fraction)
    whole = np.floor(scaled) if a["rounding"] == "floor" else np.rint(scaled)
    limit = 2.0**80  # beyond every type, and exact as an integer
    finite = np.where(np.isnan(whole) | ((a["overflow"] == "wrap") & np.isinf(whole)), 0.0, whole)
    raw = np.frompyfunc(int, 1, 1)(finite if a["overflow"] == "wrap" else np.clip(finite, -limit, limit))
    return np.asarray(bring_into(np.asarray(raw, dtype=object), result, a["overflow"])).astype(result.dtype)


def _infer_convert(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    assert declared is not None
    source, target = types[0], declared.with_shape(types[0].shape)
    if target.holds(source) or {source.scalar, target.scalar} == {BIT, SPIN} or _is_whole_spin(source, target):
        return target
    if target.is_float and source.is_exact and source.width <= (24 if target.width == 32 else 53) and (
            abs(source.fraction) < 100):
        return target
    raise error(f"convert changes types exactly, but {target} does not hold every {source}",
                help="use requantize, which rounds and says what happens on overflow")


def _is_whole_spin(source: Type, target: Type) -> bool:
    return source.is_spin and target.kind == "fixed" and target.holds(fixed(2, 0, source.shape))


def _convert(a: Application, x: Raw) -> Raw:
    source, result = a.types[0], a.result
    if source.is_spin and result.is_bit:
        return (x + 1) // 2
    if source.is_bit and result.is_spin:
        return 2 * x - 1
    if result.is_float:
        return np.ldexp(x.astype(result.dtype), -source.fraction) if source.is_exact else x.astype(result.dtype)
    return settle(a, x, source.fraction)


def _infer_shift(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t = types[0]
    if t.kind != "fixed":
        raise error(f"shift moves the point of fixed-point types, got {t}")
    return Type("fixed", t.width, t.fraction - attributes["by"], t.signed, t.shape)


OPS = (
    OpDef("add", (2, None), _infer_sum("add", (1,)), _add, "The exact sum of two or more numbers.",
          commutative=True, monotone=True),
    OpDef("sub", (2, 2), _infer_sum("sub", (1, -1)), _sub, "The exact difference of two numbers."),
    OpDef("mul", (2, 2), _infer_mul, _mul, "The exact product of two numbers; of two spins their XNOR.",
          commutative=True),
    OpDef("neg", (1, 1), _infer_neg, _neg, "The negative."),
    OpDef("abs", (1, 1), _infer_abs, _abs, "The magnitude."),
    OpDef("min", (2, 2), _same("min"), _extreme(np.minimum), "The smaller of two numbers.",
          commutative=True, monotone=True),
    OpDef("max", (2, 2), _same("max"), _extreme(np.maximum), "The larger of two numbers.",
          commutative=True, monotone=True),
    OpDef("and", (2, 2), _infer_logic("and"), lambda a, x, y: settle(a, x & y, a.types[0].fraction),
          "Bitwise AND.", commutative=True),
    OpDef("or", (2, 2), _infer_logic("or"), lambda a, x, y: settle(a, x | y, a.types[0].fraction),
          "Bitwise OR.", commutative=True),
    OpDef("xor", (2, 2), _infer_logic("xor"), lambda a, x, y: settle(a, x ^ y, a.types[0].fraction),
          "Bitwise exclusive OR.", commutative=True),
    OpDef("not", (1, 1), _infer_logic("not"), _not, "All bits inverted."),
    OpDef("eq", (2, 2), _infer_compare("eq"), _compare(lambda p, q: p == q), "1 where two numbers are equal.",
          commutative=True),
    OpDef("lt", (2, 2), _infer_compare("lt"), _compare(lambda p, q: p < q), "1 where the first number is smaller."),
    OpDef("le", (2, 2), _infer_compare("le"), _compare(lambda p, q: p <= q),
          "1 where the first number is smaller or equal."),
    OpDef("select", (3, 3), _infer_select, _select, "The second operand where the first (a bit) is 1, else the third."),
    OpDef("requantize", (1, 1), _infer_requantize, _requantize,
          "The number rounded to the declared type; overflow saturates, wraps, or must never happen.",
          {"rounding": Attribute(str, "nearest_even", ("nearest_even", "floor")),
           "overflow": Attribute(str, "saturate", ("saturate", "wrap", "never"))}, declares=True),
    OpDef("convert", (1, 1), _infer_convert, _convert,
          "The same number in the declared type, which must hold it exactly; bit 1 and spin +1 are each other's.",
          declares=True, monotone=True),
    OpDef("shift", (1, 1), _infer_shift, lambda a, x: settle(a, x, a.types[0].fraction - a["by"]),
          "The number times 2**by: the point moves, the bits stay.", {"by": Attribute(int)}, monotone=True),
)
