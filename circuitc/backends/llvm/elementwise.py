"""Element-wise ops: from stored elements of the operands to the stored element of the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from circuitc.ir import Type

from .kernel import Kernel, number
from .memory import I8, element_type, is_signed, rounded, storage_bits


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an op inside a kernel. `site(message)` numbers a place that may fail."""

    kernel: Kernel
    types: tuple[Type, ...]
    result: Type
    attributes: Mapping[str, Any]
    site: Callable[[str], int]

    @property
    def builder(self) -> Any:
        return self.kernel.builder

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]


Map = Callable[..., Any]  # (Use, *elements) -> element
PROVED = "proved"         # in place of `never`, where ranges say that the promise is kept: nothing is looked at


def _ring(u: Use, x: Any, k: int, fraction: int) -> Any:
    """Bring operand k to the result's width: sums and products are exact modulo 2**width since the result fits."""
    return u.kernel.widen(x, u.types[k], storage_bits(u.result), fraction)


def _add(u: Use, *x: Any) -> Any:
    b = u.builder
    if u.result.is_float:
        total = x[0]
        for y in x[1:]:
            total = b.fadd(total, y)
        return total
    total = _ring(u, x[0], 0, u.result.fraction)
    for k, y in enumerate(x[1:], 1):
        total = b.add(total, _ring(u, y, k, u.result.fraction))
    return total


def _sub(u: Use, x: Any, y: Any) -> Any:
    if u.result.is_float:
        return u.builder.fsub(x, y)
    return u.builder.sub(_ring(u, x, 0, u.result.fraction), _ring(u, y, 1, u.result.fraction))


def _mul(u: Use, x: Any, y: Any) -> Any:
    if u.result.is_float:
        return u.builder.fmul(x, y)
    p, q = (u.kernel.widen(v, t, storage_bits(u.result)) for v, t in zip((x, y), u.types, strict=True))
    return u.kernel.shift_left(u.builder.mul(p, q), u.result.fraction - sum(t.fraction for t in u.types))


def _neg(u: Use, x: Any) -> Any:
    if u.result.is_float:
        return u.builder.fneg(x)
    return u.builder.neg(_ring(u, x, 0, u.result.fraction))


def _abs(u: Use, x: Any) -> Any:
    b = u.builder
    if u.result.is_float:
        return u.kernel.intrinsic(f"llvm.fabs.f{u.result.width}", x.type, [x])
    wide = _ring(u, x, 0, u.result.fraction)
    if not is_signed(u.types[0]):
        return wide
    return b.select(b.icmp_signed("<", x, number(x.type.width, 0)), b.neg(wide), wide)


def compare(kernel: Kernel, test: str, t: Type, x: Any, y: Any) -> Any:
    """Compare stored elements of one type; i1."""
    b = kernel.builder
    if t.is_float:
        return b.fcmp_ordered(test, x, y)
    return b.icmp_signed(test, x, y) if is_signed(t) else b.icmp_unsigned(test, x, y)


def extreme(kernel: Kernel, test: str, t: Type, x: Any, y: Any) -> Any:
    """Give the smaller (test `<`) or larger (`>`) element; ties keep the first, a NaN operand gives NaN."""
    b = kernel.builder
    if t.is_float:
        keep = b.or_(b.fcmp_ordered(f"{test}=", x, y), b.fcmp_unordered("uno", x, x))
        return b.select(keep, x, y)
    return b.select(compare(kernel, test, t, x, y), x, y)


def _extreme(test: str) -> Map:
    return lambda u, x, y: u.kernel.settle(extreme(u.kernel, test, u.types[0], x, y), u.types[0], u.result)


def _logic(name: str) -> Map:
    return lambda u, x, y: u.kernel.settle(getattr(u.builder, name)(x, y), u.types[0], u.result)


def _not(u: Use, x: Any) -> Any:
    t = u.types[0]
    mask = -1 if t.signed else t.highest
    return u.kernel.settle(u.builder.xor(x, number(x.type.width, mask)), t, u.result)


def aligned(kernel: Kernel, types: tuple[Type, ...], values: tuple[Any, ...]) -> tuple[list[Any], bool]:
    """Bring elements to their common fraction without loss; the second answer is whether to compare them signed."""
    fraction = max(t.fraction for t in types)
    same_sign = len({is_signed(t) for t in types}) == 1
    bits = rounded(max(t.width + fraction - t.fraction for t in types) + (not same_sign))
    signed = is_signed(types[0]) or not same_sign
    return [kernel.widen(v, t, bits, fraction) for v, t in zip(values, types, strict=True)], signed


def _compare(test: str) -> Map:
    def emit(u: Use, x: Any, y: Any) -> Any:
        b = u.builder
        if u.types[0].is_float:
            bit = b.fcmp_ordered(test, x, y)
        else:
            (p, q), signed = aligned(u.kernel, u.types, (x, y))
            bit = b.icmp_signed(test, p, q) if signed else b.icmp_unsigned(test, p, q)
        return u.kernel.settle(b.zext(bit, I8), _BIT, u.result)
    return emit


_BIT = Type("fixed", 1)


def _select(u: Use, c: Any, x: Any, y: Any) -> Any:
    chosen = u.builder.select(u.builder.icmp_unsigned("!=", c, number(8, 0)), x, y)
    return u.kernel.settle(chosen, u.types[1], u.result)


def _requantize(u: Use, x: Any) -> Any:
    source, result = u.types[0], u.result
    if result.is_float:
        return u.builder.fptrunc(x, element_type(result)) if result.width < source.width else x
    if source.is_float:
        return _from_float(u, x)
    bits = min(source.fraction - result.fraction, source.width + 2)  # more bits round to the same 0 or -1
    wide = rounded(max(source.width + max(-bits, 0), result.width) + 2)
    raw = u.kernel.widen(x, source, wide)
    raw = _rounded(u, raw, bits, u["rounding"]) if bits > 0 else u.kernel.shift_left(raw, -bits)
    return _bring_into(u, raw, source)


def _rounded(u: Use, raw: Any, bits: int, rounding: str) -> Any:
    """Divide by 2**bits; to nearest even by adding just under one half, and the lowest bit that stays."""
    b, width = u.builder, raw.type.width
    by = number(width, bits)
    if rounding == "floor":
        return b.ashr(raw, by)
    odd = b.and_(b.ashr(raw, by), number(width, 1))
    return b.ashr(b.add(raw, b.add(odd, number(width, (1 << (bits - 1)) - 1))), by)


def _bring_into(u: Use, raw: Any, source: Type) -> Any:
    """Bring a wide signed integer into the result type: `saturate`, `wrap`, `never`, or what is PROVED to fit."""
    b, t, width = u.builder, u.result, raw.type.width
    low, high = number(width, t.lowest), number(width, t.highest)
    match u["overflow"]:
        case "saturate":
            raw = b.select(b.icmp_signed(">", raw, high), high, raw)
            raw = b.select(b.icmp_signed("<", raw, low), low, raw)
        case "never":
            outside = b.or_(b.icmp_signed(">", raw, high), b.icmp_signed("<", raw, low))
            u.kernel.fail(u.site(never_message(t)), outside)
        case "wrap":
            return wrapped(u.kernel, raw, t)
        case _:
            assert u["overflow"] == PROVED
    return u.kernel.resize(raw, True, storage_bits(t))


def never_message(t: Type) -> str:
    """Say that a requantize that must never overflow did."""
    return f"requantize says overflow=never, but a number does not fit {t.scalar}"


def wrapped(kernel: Kernel, raw: Any, t: Type) -> Any:
    """Keep the low bits of an integer as a stored element of a fixed-point type."""
    b, bits = kernel.builder, storage_bits(t)
    raw = kernel.resize(raw, True, bits)
    if t.width == bits:
        return raw
    if not t.signed:
        return b.and_(raw, number(bits, t.highest))
    by = number(bits, bits - t.width)
    return b.ashr(b.shl(raw, by), by)


def scale(kernel: Kernel, x: Any, by: int) -> Any:
    """Multiply a double by 2**by, in steps that are numbers."""
    while by:
        step = max(-1000, min(1000, by))
        x = kernel.builder.fmul(x, ir.Constant(x.type, 2.0**step))
        by -= step
    return x


def _from_float(u: Use, x: Any) -> Any:
    """Round a float to fixed point; NaN gives 0, infinities saturate (with `wrap` they give 0 too)."""
    b, t, kernel = u.builder, u.result, u.kernel
    double = ir.DoubleType()
    x = b.fpext(x, double) if u.types[0].width == 32 else x
    x = scale(kernel, x, t.fraction)
    whole = kernel.intrinsic("llvm.floor.f64" if u["rounding"] == "floor" else "llvm.rint.f64", double, [x])
    whole = b.select(b.fcmp_unordered("uno", whole, whole), ir.Constant(double, 0.0), whole)
    if u["overflow"] == "wrap":
        return wrapped(kernel, _modulo_2_64(kernel, whole), t)
    bits = storage_bits(t)
    over = b.fcmp_ordered(">=", whole, ir.Constant(double, float(t.highest + 1)))
    under = b.fcmp_ordered("<", whole, ir.Constant(double, float(t.lowest)))
    if u["overflow"] == "never":
        kernel.fail(u.site(never_message(t)), b.or_(over, under))
    safe = b.select(b.or_(over, under), ir.Constant(double, 0.0), whole)
    raw = b.fptosi(safe, ir.IntType(64)) if t.signed else b.fptoui(safe, ir.IntType(64))
    raw = kernel.resize(raw, True, bits)
    raw = b.select(over, number(bits, t.highest), raw)
    return b.select(under, number(bits, t.lowest), raw)


def _modulo_2_64(kernel: Kernel, whole: Any) -> Any:
    """Give the low 64 bits of a whole double; 0 for infinities."""
    b, double = kernel.builder, whole.type
    size = kernel.intrinsic("llvm.fabs.f64", double, [whole])
    infinite = b.fcmp_ordered("==", size, ir.Constant(double, float("inf")))
    rest = b.frem(b.select(infinite, ir.Constant(double, 0.0), size), ir.Constant(double, 2.0**64))
    raw = b.fptoui(rest, ir.IntType(64))
    return b.select(b.fcmp_ordered("<", whole, ir.Constant(double, 0.0)), b.neg(raw), raw)


def _convert(u: Use, x: Any) -> Any:
    b, source, result = u.builder, u.types[0], u.result
    if source.is_spin and result.is_bit:
        return b.lshr(b.add(x, number(8, 1)), number(8, 1))
    if source.is_bit and result.is_spin:
        return b.sub(b.shl(x, number(8, 1)), number(8, 1))
    if not result.is_float:
        return u.kernel.settle(x, source, result)
    kind = element_type(result)
    if source.is_float:
        return b.fpext(x, kind) if source.width < result.width else x
    number_ = b.sitofp(x, kind) if is_signed(source) else b.uitofp(x, kind)
    return scale(u.kernel, number_, -source.fraction)


def _shift(u: Use, x: Any) -> Any:
    moved = Type("fixed", u.types[0].width, u.types[0].fraction - u["by"], u.types[0].signed)
    return u.kernel.settle(x, moved, u.result)


MAPS: dict[str, Map] = {
    "add": _add, "sub": _sub, "mul": _mul, "neg": _neg, "abs": _abs,
    "min": _extreme("<"), "max": _extreme(">"),
    "and": _logic("and_"), "or": _logic("or_"), "xor": _logic("xor"), "not": _not,
    "eq": _compare("=="), "lt": _compare("<"), "le": _compare("<="),
    "select": _select, "requantize": _requantize, "convert": _convert, "shift": _shift,
}
