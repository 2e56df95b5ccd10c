"""Quantizers: QONNX's Quant, BipolarQuant and Trunc, ONNX's QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import F32, SPIN, Value, fixed, smallest
from circuitc.models import layers, scaled
from circuitc.models.layers import like
from circuitc.models.scaled import ONE, ZERO, Scaled, is_power_of_two, reals, uniform
from circuitc.models.steps import Quantizer, Reals, Rounding

from .elementwise import Handler, exact_reals
from .tensors import Context, Known, Operator, Tensor

ROUNDINGS: Mapping[str, Rounding] = {
    "ROUND": "nearest_even", "HALF_EVEN": "nearest_even", "FLOOR": "floor", "CEIL": "ceil", "ROUND_TO_ZERO": "down",
    "DOWN": "down", "UP": "up", "HALF_UP": "half_away", "HALF_DOWN": "half_down"}
MAX_BITS = 32


def _rounding(n: Operator, default: str) -> Rounding:
    text = n.attributes.get("rounding_mode", default.encode()).decode(errors="replace").upper()
    if text not in ROUNDINGS:
        raise n.fault(f"there is no rounding mode {text[:40]!r}", f"known are {', '.join(ROUNDINGS)}")
    return ROUNDINGS[text]


def _scale(n: Operator, index: int, what: str = "scale") -> Reals:
    array = n.known(index, what).array.astype(np.float64)
    if array.size == 0 or not np.all(np.isfinite(array)) or np.any(array <= 0):
        raise n.fault(f"its {what} is a positive number, or one for each channel")
    return reals(array.reshape(()) if array.size == 1 else array)


def _whole(n: Operator, index: int, what: str) -> NDArray[Any]:
    array = n.known(index, what).array
    whole = np.rint(array.astype(np.float64))
    if array.size == 0 or not np.all(np.isfinite(whole)) or np.any(whole != array) or np.any(abs(whole) > 1 << 40):
        raise n.fault(f"its {what} is a whole number")
    integers = np.asarray(np.frompyfunc(int, 1, 1)(whole), dtype=object)
    return np.asarray(integers.reshape(()) if integers.size == 1 else integers, dtype=object)


def _bits(n: Operator, index: int) -> int:
    found = _whole(n, index, "bit width")
    if found.size != 1 or not 1 <= int(found.ravel()[0]) <= MAX_BITS:
        raise n.fault(f"its bit width is one whole number, 1 to {MAX_BITS}")
    return int(found.ravel()[0])


def levels(bits: int, *, signed: bool, narrow: bool) -> tuple[int, int]:
    """Give the lowest and highest level of a quantizer, as QONNX counts them."""
    if signed:
        return -(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1 - narrow


def quant(c: Context, n: Operator) -> Tensor:
    """Read a Quant: round(clip(x / scale + zero)) on a grid of `bits` bits; its 1-bit signed form is a sign."""
    bits, scale, zero = _bits(n, 3), _scale(n, 1), _whole(n, 2, "zero point")
    signed, narrow = bool(n.attributes.get("signed", 1)), bool(n.attributes.get("narrow", 1))
    low, high = levels(bits, signed=signed, narrow=narrow)
    if bits == 1 and signed:
        return apply(c, n, n.operand(0), Quantizer(scale, zero, -1, 1, sign=True))
    if low >= high:
        raise n.fault(f"{bits} bits, narrow, leave one level")
    return apply(c, n, n.operand(0), Quantizer(scale, zero, low, high, _rounding(n, "ROUND")))


def bipolar_quant(c: Context, n: Operator) -> Tensor:
    """Read a BipolarQuant: +scale where x >= 0, else -scale."""
    return apply(c, n, n.operand(0), Quantizer(_scale(n, 1), _zeros(), -1, 1, sign=True))


def _zeros() -> NDArray[Any]:
    return np.asarray(np.array(0, dtype=object))


def trunc(c: Context, n: Operator) -> Tensor:
    """Read a Trunc: the low bits of an integer on the grid of `scale` are rounded off.

    Version 1 has operands x, scale, zero, bits in, bits out; version 2 x, scale, zero, bits in, scale out, bits out.
    Version 1 keeps the old scale, so its numbers shrink by the cut bits; both are as the QONNX executor computes them.
    """
    scale, zero, before = _scale(n, 1), _whole(n, 2, "zero point"), _bits(n, 3)
    rounding = _rounding(n, "FLOOR")
    if np.any(np.asarray(zero != 0, dtype=bool)):
        raise n.fault("a zero point other than 0 is not read here")
    first = len(n.operands) == 5
    after = _bits(n, 4 if first else 5)
    if first and after > before:
        raise n.fault(f"it cuts {before} bits to {after}, which is more")
    x = n.operand(0)
    limit = 1 << 40
    whole = apply(c, n, x, Quantizer(scale, _zeros(), -limit, limit - 1))
    if first:
        divisor, out = Fraction(1 << (before - after)), scale
        low, high = -limit, limit - 1
    else:
        out = _scale(n, 4, "output scale")
        ratio = uniform(np.asarray(out / scale, dtype=object))
        if ratio is None or ratio < 1:
            raise n.fault("its output scale is the scale times one power of two")
        divisor = Fraction(1 << int(np.rint(np.log2(float(ratio)))))
        low, high = levels(after, signed=bool(n.attributes.get("signed", 1)),
                           narrow=bool(n.attributes.get("narrow", 0)))
    if not isinstance(whole, Scaled):
        raise n.fault("a Trunc of constants is not read")
    integers = Scaled(whole.value, whole.shape, np.asarray(whole.scale / (scale * divisor), dtype=object), ZERO)
    bounds = c.builder.type(layers.numbers(c.builder, integers.value))
    reach = max(abs(bounds.lowest), bounds.highest) + 1
    grid = Quantizer(ONE, _zeros(), max(low, -reach), min(high, reach), rounding)
    cut = apply(c, n, integers, grid)
    return cut.times(out) if isinstance(cut, Scaled) else cut


def apply(c: Context, n: Operator, x: Tensor, q: Quantizer) -> Tensor:
    """Quantize a tensor: known numbers now, exact ones exactly, floats as the node's arithmetic in f32 does."""
    if np.broadcast_shapes(x.shape, q.scale.shape, np.shape(q.zero)) != x.shape:
        raise n.fault(f"its scale and zero point do not fit {list(x.shape)}")
    match x:
        case Known():
            return _known(n, x, q)
        case Scaled():
            if q.highest - q.lowest >= 1 << 24:  # a grid without ends: numbers that lie on it pass
                return _on_grid(c, n, x, q)
            found = scaled.quantize(c.builder, x, q, origin=n.place)
            return found if found is not None else _from_float(c, n, c.real(x, origin=n.place), x.shape, q)
        case _:
            return _from_float(c, n, x.value, x.shape, q)


def _on_grid(c: Context, n: Operator, x: Scaled, q: Quantizer) -> Scaled:
    ratio = uniform(np.asarray(x.scale / q.scale, dtype=object)) if x.is_linear else None
    t = c.builder.type(layers.numbers(c.builder, x.value))
    if ratio is None or (ratio / Fraction(2)**t.fraction).denominator != 1:
        raise n.fault("its operand does not lie on the grid of its scale")
    return x


def _known(n: Operator, x: Known, q: Quantizer) -> Known:
    """Quantize constants: in float64 where that is far from any step, by fractions where it is near one."""
    scale, zero = np.broadcast_to(q.scale, x.shape), np.broadcast_to(q.zero, x.shape)
    values = x.array.astype(np.float64)
    if not np.all(np.isfinite(values)):
        raise n.fault("constants that are not finite cannot be quantized")
    y = (values / scale.astype(np.float64) + zero.astype(np.float64)).ravel()
    integers = _ROUND[q.rounding](np.clip(y, q.lowest, q.highest)) if not q.sign else np.where(y >= 0, 1, -1)
    # steps lie on whole numbers, on halves, or (of signs) on 0
    halves = q.rounding in ("nearest_even", "half_away", "half_down")
    step = np.zeros(y.shape) if q.sign else np.floor(y) + 0.5 if halves else np.rint(y)
    near = np.flatnonzero(np.abs(y - step) < 1e-9 * np.maximum(1, np.abs(y)))
    levels_ = integers.astype(np.int64).astype(object)
    if near.size:
        real, s, z = exact_reals(x).ravel()[near], scale.ravel()[near], zero.ravel()[near]
        levels_[near] = [q.apply(r, t, Fraction(o)) for r, t, o in zip(real, s, z, strict=True)]
    whole = levels_.reshape(x.shape)
    whole = whole if q.sign else np.asarray(whole - zero, dtype=object)
    array = np.asarray(whole.astype(np.float64) * scale.astype(np.float64), dtype=np.float32)
    return Known(array.reshape(x.shape), whole, q.scale)


_ROUND: Mapping[Rounding, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "nearest_even": np.rint, "floor": np.floor, "ceil": np.ceil, "down": np.trunc,
    "up": lambda y: np.copysign(np.ceil(np.abs(y)), y),
    "half_away": lambda y: np.copysign(np.floor(np.abs(y) + 0.5), y),
    "half_down": lambda y: np.copysign(np.ceil(np.abs(y) - 0.5), y)}


def _from_float(c: Context, n: Operator, value: Value, shape: tuple[int, ...], q: Quantizer) -> Scaled:
    b = c.builder
    if q.sign and not np.any(np.asarray(q.zero != 0, dtype=bool)):
        bit = b.apply("le", like(b, value, 0.0), value, origin=n.place)
        return Scaled(b.apply("convert", bit, type=SPIN), shape, q.scale, ZERO)
    fraction = _fraction(q)
    if fraction is not None:
        t = smallest(q.lowest, q.highest, fraction)
        found = b.apply("requantize", value, type=t, rounding=q.rounding, origin=n.place)
        return Scaled(_bounded(c, found, q.lowest, q.highest), shape, ONE, ZERO)
    if uniform(q.scale) != 1:
        value = b.apply("divide", value, c.real(Known(_floats(q.scale)), shape), type=F32, origin=n.place)
    if np.any(np.asarray(q.zero != 0, dtype=bool)):
        value = b.apply("add", value, c.real(Known(_floats(q.zero)), shape), origin=n.place)
    if q.sign:
        bit = b.apply("le", like(b, value, 0.0), value)
        return Scaled(b.apply("convert", bit, type=SPIN), shape, q.scale, ZERO)
    found = _bounded(c, _rounded(c, value, q), q.lowest, q.highest)
    return scaled.leveled(b, found, shape, q)


def _floats(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(values, dtype=object).astype(np.float64).astype(np.float32)


def _fraction(q: Quantizer) -> int | None:
    """Give the fractional bits of a power-of-two scale without a zero point, where one requantize says all."""
    s = uniform(q.scale)
    if s is None or not is_power_of_two(s):
        return None
    if np.any(np.asarray(q.zero != 0, dtype=bool)) or q.rounding not in ("nearest_even", "floor"):
        return None
    return s.denominator.bit_length() - s.numerator.bit_length()


def _rounded(c: Context, y: Value, q: Quantizer) -> Value:
    """Round floats to integers in the quantizer's mode, saturating one beyond its ends at most."""
    b = c.builder
    reach = max(abs(q.lowest), abs(q.highest)) + 1
    t = fixed(reach.bit_length() + 1)

    signed = fixed(t.width + 1)

    def nearest(v: Value, rounding: str = "floor") -> Value:
        return b.apply("convert", b.apply("requantize", v, type=t, rounding=rounding), type=signed)

    def ceil(v: Value) -> Value:
        return b.apply("convert", b.apply("neg", b.apply("requantize", b.apply("neg", v), type=t, rounding="floor")),
                       type=signed)
    if q.rounding in ("nearest_even", "floor"):
        return nearest(y, q.rounding)
    if q.rounding == "ceil":
        return ceil(y)
    size = b.apply("abs", y)
    match q.rounding:
        case "down":
            found = nearest(size)
        case "up":
            found = ceil(size)
        case "half_away":
            found = nearest(b.apply("add", size, like(b, size, 0.5)))
        case _:
            found = ceil(b.apply("sub", size, like(b, size, 0.5)))
    below = b.apply("lt", y, like(b, y, 0.0))
    other = b.apply("neg", found)
    return b.apply("select", below, other, b.apply("convert", found, type=b.type(other)))


def _bounded(c: Context, value: Value, low: int, high: int) -> Value:
    b = c.builder
    t = b.type(value)
    if t.lowest < low:
        value = b.apply("max", value, like(b, value, low))
    if t.highest > high:
        value = b.apply("min", value, like(b, value, high))
    fit = smallest(low, high, t.fraction, t.shape)
    return value if fit == t else b.apply("requantize", value, type=fit)


_RANGES = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767),
           "uint4": (0, 15), "int4": (-8, 7), "uint2": (0, 3), "int2": (-2, 1)}


def _along(n: Operator, array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Lay a scale or zero point out along the node's axis; one number stays one."""
    if n.attributes.get("block_size", 0):
        raise n.fault("blocked quantization is not read")
    if array.size == 1:
        return array.reshape(())
    axis = n.axis(int(n.attributes.get("axis", 1)), len(shape))
    if array.ndim != 1 or array.shape[0] != shape[axis]:
        raise n.fault(f"{list(array.shape)} numbers do not fit axis {axis} of {list(shape)}")
    return array.reshape([-1 if k == axis else 1 for k in range(len(shape))])


def _zero(n: Operator, shape: tuple[int, ...]) -> tuple[NDArray[Any], str]:
    given = n.known(2, "zero point") if n.optional(2) is not None else Known(np.zeros((), np.uint8))
    kind = str(given.array.dtype)
    whole = np.asarray(np.frompyfunc(int, 1, 1)(given.array.astype(np.int64)), dtype=object)
    return _along(n, whole, shape), kind


def quantize_linear(c: Context, n: Operator) -> Tensor:
    """Read a QuantizeLinear: round(x / scale) + zero, saturated to the zero point's type."""
    x = n.operand(0)
    zero, kind = _zero(n, x.shape)
    if kind not in _RANGES:
        raise n.fault(f"it quantizes to {kind}, which is not read", f"known are {', '.join(_RANGES)}")
    z = {int(v) for v in zero.ravel()}
    if len(z) > 1 and not isinstance(x, Known):
        raise n.fault("zero points that differ by channel are read for constants only")
    scale = np.asarray(_along(n, _scale(n, 1), x.shape), dtype=object)
    low, high = _RANGES[kind]
    first = next(iter(z))
    if len(z) == 1:
        result = apply(c, n, x, Quantizer(scale, _zeros(), low - first, high - first))
        if isinstance(result, Known):
            assert result.integers is not None
            return Known((result.integers + first).astype(np.int64))
        assert isinstance(result, Scaled)
        return Scaled(result.value, result.shape, np.asarray(result.scale / scale, dtype=object),
                      reals(first))
    raise n.fault("zero points that differ by channel are not read")


def dequantize_linear(c: Context, n: Operator) -> Tensor:
    """Read a DequantizeLinear: (q - zero) * scale; nothing is rounded."""
    x = n.operand(0)
    zero, _ = _zero(n, x.shape)
    scale = np.asarray(_along(n, _scale(n, 1), x.shape), dtype=object)
    if isinstance(x, Known):
        integers = np.asarray(np.frompyfunc(int, 1, 1)(x.array.astype(np.int64)), dtype=object) - zero
        integers = np.asarray(integers, dtype=object)
        array = np.asarray(integers * scale, dtype=object).astype(np.float64).astype(np.float32)
        return Known(array.reshape(x.shape), integers.reshape(x.shape), scale)
    if not isinstance(x, Scaled) or x.low is not None or x.high is not None:
        raise n.fault("it takes integers")
    return x.plus(np.asarray(-reals(zero), dtype=object)).times(scale)


OPERATORS: Mapping[str, Handler] = {"QuantizeLinear": quantize_linear, "DequantizeLinear": dequantize_linear}
QONNX: Mapping[str, Handler] = {"Quant": quant, "IntQuant": quant, "BipolarQuant": bipolar_quant, "Trunc": trunc}
