"""Operators that work element by element: arithmetic, activations, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from circuitc.ir import BIT, F32, Constant, Value
from circuitc.models import scaled
from circuitc.models.layers import integer_constant, like, numbers, spread
from circuitc.models.scaled import ONE, ZERO, Scaled, channels, inner, move_point, reals

from .tensors import Context, Known, Operator, Real, Shape, Tensor, broadcast

Handler = Callable[[Context, Operator], Tensor]
NICE_BITS = 16  # constants of at most so many bits are added in the program; others stay beside it


def fold(n: Operator, function: Callable[..., Any], *operands: Known) -> Known:
    """Compute a node whose operands are known, in the numbers' own type."""
    with np.errstate(all="ignore"):
        try:
            return Known(np.asarray(function(*(x.array for x in operands))))
        except (ValueError, TypeError, IndexError, ZeroDivisionError) as e:
            raise n.fault(f"cannot be computed: {str(e).splitlines()[0][:120]}") from None


def add(c: Context, n: Operator) -> Tensor:
    """Add two tensors."""
    return _sum(c, n, 1)


def subtract(c: Context, n: Operator) -> Tensor:
    """Subtract the second tensor."""
    return _sum(c, n, -1)


def _sum(c: Context, n: Operator, sign: int) -> Tensor:
    x, y = n.operand(0), n.operand(1)
    shape = broadcast(n, x.shape, y.shape)
    if isinstance(x, Known) and isinstance(y, Known):
        return fold(n, np.add if sign > 0 else np.subtract, x, y)
    found: Scaled | None = None
    if isinstance(x, Scaled) and isinstance(y, Scaled):
        x, y = (centered(c, repeat(c, v, shape)) for v in (x, y))
        found = scaled.add(c.builder, move_point(c.builder, x), move_point(c.builder, y), shape, sign, origin=n.place)
    elif isinstance(x, Scaled) and isinstance(y, Known):
        found = plus(c, x, y, shape, sign, n.place)
    elif isinstance(x, Known) and isinstance(y, Scaled) and y.low is None and y.high is None:
        found = plus(c, y if sign > 0 else y.times(reals(-1)), x, shape, 1, n.place)
    if found is not None:
        return found
    return Real(c.builder.apply("add" if sign > 0 else "sub", c.real(x, shape), c.real(y, shape), origin=n.place),
                shape)


def repeat(c: Context, x: Scaled, shape: Shape) -> Scaled:
    """Repeat an exact tensor to a shape of the model."""
    return x if x.shape == shape else replace(x, value=c.aligned(x.value, x.shape, shape), shape=shape)


def plus(c: Context, x: Scaled, y: Known, shape: Shape, sign: int, origin: str) -> Scaled | None:
    """Add constants: in the program where they are few bits on the value's grid, else beside it; None if clipped."""
    if x.low is not None or x.high is not None or not np.all(np.isfinite(y.array.astype(np.float64))):
        return None
    b = c.builder
    x = move_point(b, repeat(c, x, shape))
    term = exact_reals(y)
    if sign < 0:
        term = np.asarray(-term, dtype=object)
    if x.is_plain:
        whole, step = scaled.integers_of(term)
        power = step.denominator.bit_length() - 1
        least = step.numerator & -step.numerator
        dyadic = step.denominator == 1 << power
        top = max((abs(int(v)) for v in whole.ravel()), default=0) * step.numerator
        if dyadic and (top // (1 if power else least)).bit_length() <= NICE_BITS:
            raw = np.asarray(whole * step.numerator, dtype=object)
            constant = scaled.laid_out(b, raw, shape, power, "bias")
            return replace(x, value=b.apply("add", numbers(b, x.value), constant, origin=origin))
    return x.plus(term)


def exact_reals(y: Known) -> Any:
    """Give known numbers exactly: integers times scale where a quantizer made them, else each float as it is."""
    if y.integers is not None and y.scale is not None:
        return np.asarray(y.integers * y.scale, dtype=object)
    return reals(y.array if y.array.dtype.kind in "iu" else y.array.astype(np.float64))


def centered(c: Context, x: Scaled) -> Scaled:
    """Move an offset that is a whole number of steps (a zero point) into the program."""
    s, o = scaled.uniform(x.scale), scaled.uniform(x.offset)
    if not s or not o or x.low is not None or x.high is not None or (o / s).denominator != 1:
        return x
    if abs(o / s) > 1 << 32:
        return x
    b = c.builder
    value = numbers(b, x.value)
    zero = spread(b, integer_constant(b, np.array(int(o / s))), b.type(value).shape)
    return replace(x, value=b.apply("add", value, zero), offset=ZERO)


def multiply(c: Context, n: Operator) -> Tensor:
    """Multiply two tensors."""
    x, y = n.operand(0), n.operand(1)
    shape = broadcast(n, x.shape, y.shape)
    if isinstance(x, Known) and isinstance(y, Known):
        return fold(n, np.multiply, x, y)
    if isinstance(x, Known):
        x, y = y, x
    if isinstance(x, Scaled) and x.low is None and x.high is None:
        if isinstance(y, Known) and np.all(np.isfinite(y.array.astype(np.float64))):
            return repeat(c, x, shape).times(exact_reals(y))
        if isinstance(y, Scaled) and x.one_scale is not None and y.one_scale is not None:
            b = c.builder
            p, q = (numbers(b, repeat(c, v, shape).value) for v in (x, y))
            if b.type(p).width + b.type(q).width <= 60:
                return Scaled(b.apply("mul", p, q, origin=n.place), shape, reals(x.one_scale * y.one_scale), ZERO)
    return Real(c.builder.apply("mul", c.real(x, shape), c.real(y, shape), origin=n.place), shape)


def divide(c: Context, n: Operator) -> Tensor:
    """Divide by the second tensor; whole numbers are divided towards zero."""
    x, y = n.operand(0), n.operand(1)
    shape = broadcast(n, x.shape, y.shape)
    if isinstance(x, Known) and isinstance(y, Known):
        whole = x.array.dtype.kind in "iu"
        return fold(n, (lambda p, q: np.trunc(p / q).astype(p.dtype)) if whole else np.divide, x, y)
    if isinstance(x, Scaled) and isinstance(y, Known) and x.low is None and x.high is None:
        numbers_ = y.array.astype(np.float64)
        if np.all(np.isfinite(numbers_)) and np.all(numbers_ != 0):
            return repeat(c, x, shape).times(np.asarray(1 / exact_reals(y), dtype=object))
    return Real(c.builder.apply("divide", c.real(x, shape), c.real(y, shape), type=F32, origin=n.place), shape)


def power(c: Context, n: Operator) -> Tensor:
    """Raise to a known power: whole numbers up to 8, a half, or their reciprocals."""
    x, y = n.operand(0), n.operand(1)
    if isinstance(x, Known) and isinstance(y, Known):
        return fold(n, lambda p, q: np.power(p, q).astype(p.dtype), x, y)
    exponent = float(y.array.ravel()[0]) if isinstance(y, Known) and y.array.size == 1 else None
    if exponent is None or (abs(exponent) not in (0.5, *range(1, 9))):
        raise n.fault("powers are read where the exponent is one known number: 0.5 or 1 to 8, or minus that")
    shape = broadcast(n, x.shape, y.shape)
    b, base = c.builder, c.real(x, shape)
    result = b.apply("sqrt", base, type=F32) if abs(exponent) == 0.5 else base
    for _ in range(int(abs(exponent)) - 1):
        result = b.apply("mul", result, base)
    if exponent < 0:
        result = b.apply("divide", like(b, result, 1.0), result, type=F32)
    return Real(result, shape)


def _unary(known: Callable[[Any], Any], real: Callable[[Context, Operator, Value], Value]) -> Handler:
    """Make the handler of a function of one number: computed on known ones, else in floats."""
    def handle(c: Context, n: Operator) -> Tensor:
        x = n.operand(0)
        if isinstance(x, Known):
            return fold(n, lambda v: np.asarray(known(v)).astype(v.dtype), x)
        return Real(real(c, n, c.real(x, origin=n.place)), x.shape)
    return handle


def _op(name: str) -> Callable[[Context, Operator, Value], Value]:
    def apply(c: Context, n: Operator, x: Value) -> Value:
        return c.builder.apply(name, x, origin=n.place, type=None if name in ("abs", "neg") else F32)
    return apply


def relu(c: Context, n: Operator) -> Tensor:
    """Give max(x, 0)."""
    x = n.operand(0)
    match x:
        case Known():
            return fold(n, lambda v: np.maximum(v, 0), x)
        case Scaled():
            return scaled.relu(c.builder, x, origin=n.place)
        case Real():
            return Real(c.builder.apply("max", x.value, like(c.builder, x.value, 0.0), origin=n.place), x.shape)


def clip(c: Context, n: Operator) -> Tensor:
    """Clip to known bounds."""
    x = n.operand(0)
    ends: list[float | None] = []
    for index, what in ((1, "lower bound"), (2, "upper bound")):
        end = n.known(index, what) if n.optional(index) is not None else None
        if end is not None and end.array.size != 1:
            raise n.fault(f"its {what} is one number")
        ends.append(None if end is None else float(end.array.ravel()[0]))
    return _clip(c, n, x, *ends)


def _clip(c: Context, n: Operator, x: Tensor, low: float | None, high: float | None) -> Tensor:
    if isinstance(x, Known):
        return fold(n, lambda v: np.clip(v, low, high).astype(v.dtype), x)
    low = None if low is not None and low <= -3.4e38 else low
    high = None if high is not None and high >= 3.4e38 else high
    if isinstance(x, Scaled):
        if low == 0:
            x = scaled.relu(c.builder, x, origin=n.place)
            low = None
        return x if low is None and high is None else scaled.clip(
            x, None if low is None else Fraction(low), None if high is None else Fraction(high))
    b, value = c.builder, x.value
    if low is not None:
        value = b.apply("max", value, like(b, value, np.float32(low)), origin=n.place)
    if high is not None:
        value = b.apply("min", value, like(b, value, np.float32(high)), origin=n.place)
    return Real(value, x.shape)


def _hard_sigmoid(alpha: float, beta: float) -> Callable[[Context, Value], Value]:
    def apply(c: Context, x: Value) -> Value:
        b = c.builder
        y = b.apply("add", b.apply("mul", x, like(b, x, np.float32(alpha))), like(b, x, np.float32(beta)))
        return b.apply("min", b.apply("max", y, like(b, x, 0.0)), like(b, x, 1.0))
    return apply


def _attribute(n: Operator, name: str, default: float) -> float:
    return float(n.attributes.get(name, default))


def _affine(c: Context, x: Value, factor: float, term: float = 0.0) -> Value:
    b = c.builder
    x = b.apply("mul", x, like(b, x, np.float32(factor))) if factor != 1 else x
    return b.apply("add", x, like(b, x, np.float32(term))) if term else x


def _choose(c: Context, x: Value, above: Value, below: Value) -> Value:
    """Give `above` where x > 0, else `below`."""
    b = c.builder
    return b.apply("select", b.apply("lt", like(b, x, 0.0), x), above, below)


def _leaky(c: Context, n: Operator, x: Value) -> Value:
    return _choose(c, x, x, _affine(c, x, _attribute(n, "alpha", 0.01)))


def _elu(c: Context, n: Operator, x: Value) -> Value:
    b, alpha = c.builder, _attribute(n, "alpha", 1.0)
    grown = b.apply("exp", b.apply("min", x, like(b, x, 0.0)), type=F32)
    return _choose(c, x, x, _affine(c, grown, alpha, -alpha))


def _selu(c: Context, n: Operator, x: Value) -> Value:
    b, gamma = c.builder, _attribute(n, "gamma", 1.05070102214813232421875)
    alpha = _attribute(n, "alpha", 1.67326319217681884765625)
    grown = b.apply("exp", b.apply("min", x, like(b, x, 0.0)), type=F32)
    return _affine(c, _choose(c, x, x, _affine(c, grown, alpha, -alpha)), gamma)


def _softplus(c: Context, n: Operator, x: Value) -> Value:
    b = c.builder  # log(1 + exp(x)) without overflow: max(x, 0) + log(1 + exp(-|x|))
    small = b.apply("exp", b.apply("neg", b.apply("abs", x)), type=F32)
    return b.apply("add", b.apply("max", x, like(b, x, 0.0)), b.apply("log", _affine(c, small, 1, 1), type=F32))


def _softsign(c: Context, n: Operator, x: Value) -> Value:
    b = c.builder
    return b.apply("divide", x, _affine(c, b.apply("abs", x), 1, 1), type=F32)


def _gelu(c: Context, n: Operator, x: Value) -> Value:
    b = c.builder
    half = _affine(c, x, 0.5)
    if n.attributes.get("approximate", b"none") == b"tanh":
        cube = b.apply("mul", b.apply("mul", x, x), x)
        inside = _affine(c, b.apply("add", x, _affine(c, cube, 0.044715)), 0.7978845608028654)
        return b.apply("mul", half, _affine(c, b.apply("tanh", inside, type=F32), 1, 1))
    return b.apply("mul", half, _affine(c, b.apply("erf", _affine(c, x, 0.7071067811865476), type=F32), 1, 1))


def _reciprocal(c: Context, n: Operator, x: Value) -> Value:
    return c.builder.apply("divide", like(c.builder, x, 1.0), x, type=F32, origin=n.place)


def _hard_swish(c: Context, n: Operator, x: Value) -> Value:
    return c.builder.apply("mul", x, _hard_sigmoid(1 / 6, 0.5)(c, x))


def _refuse_known(name: str) -> Callable[[Any], Any]:
    def refuse(v: Any) -> Any:
        raise ValueError(f"{name} of constants is not read")
    return refuse


def negate(c: Context, n: Operator) -> Tensor:
    """Give the negative."""
    x = n.operand(0)
    if isinstance(x, Scaled) and x.low is None and x.high is None:
        return x.times(reals(-1))
    return _unary(np.negative, _op("neg"))(c, n)


def prelu(c: Context, n: Operator) -> Tensor:
    """Give x, times a known slope where it is negative."""
    x, slope = n.operand(0), n.operand(1)
    shape = broadcast(n, x.shape, slope.shape)
    value = c.real(x, shape)
    return Real(_choose(c, value, value, c.builder.apply("mul", value, c.real(slope, shape))), shape)


def _extreme(op: str, known: Any) -> Handler:
    def handle(c: Context, n: Operator) -> Tensor:
        if not n.operands:
            raise n.fault("it has no operand")
        result = n.operand(0)
        for index in range(1, len(n.operands)):
            y = n.operand(index)
            if isinstance(result, Known) and isinstance(y, Known):
                result = fold(n, known, result, y)
                continue
            if isinstance(y, Known) and y.array.size == 1 and isinstance(result, Scaled) and y.array.ndim == 0:
                end = float(y.array.ravel()[0])
                result = _clip(c, n, result, end if op == "max" else None, end if op == "min" else None)
                continue
            shape = broadcast(n, result.shape, y.shape)
            result = Real(c.builder.apply(op, c.real(result, shape), c.real(y, shape), origin=n.place), shape)
        return result
    return handle


def total(c: Context, n: Operator) -> Tensor:
    """Add any number of tensors."""
    result = n.operand(0)
    for index in range(1, len(n.operands)):
        result = add(c, replace(n, operands=(result, n.operand(index))))
    return result


def mean(c: Context, n: Operator) -> Tensor:
    """Give the mean of any number of tensors."""
    return divide(c, replace(n, operands=(total(c, n), Known(np.array(len(n.operands), np.float32)))))


def _compare(op: str, swapped: bool, known: Any, inverted: bool = False) -> Handler:
    def handle(c: Context, n: Operator) -> Tensor:
        x, y = n.operand(0), n.operand(1)
        if isinstance(x, Known) and isinstance(y, Known):
            return fold(n, known, x, y)
        shape = broadcast(n, x.shape, y.shape)
        b = c.builder
        exact = all(isinstance(v, Scaled) and v.is_plain for v in (x, y))
        parts = [c.aligned(v.value, v.shape, shape) if exact and isinstance(v, Scaled) else c.real(v, shape)
                 for v in (x, y)]
        bit = b.apply(op, *(parts[::-1] if swapped else parts), origin=n.place)
        return Scaled(b.apply("not", bit) if inverted else bit, shape, ONE, ZERO)
    return handle


def _bits(c: Context, n: Operator, x: Tensor, shape: Shape) -> Value:
    """Give a tensor of truth values as bits."""
    b = c.builder
    if isinstance(x, Known) and x.array.dtype == np.bool_:
        small = channels(x.array, shape).astype(np.int64)
        return spread(b, b.constant(Constant(BIT.with_shape(small.shape), small)), inner(shape))
    if isinstance(x, Scaled) and x.is_plain and b.type(x.value).is_bit:
        return c.aligned(x.value, x.shape, shape)
    raise n.fault("it takes truth values")


def _logic(op: str, known: Any) -> Handler:
    def handle(c: Context, n: Operator) -> Tensor:
        parts = [n.operand(k) for k in range(len(n.operands))]
        if all(isinstance(x, Known) for x in parts):
            return fold(n, known, *(x for x in parts if isinstance(x, Known)))
        shape = broadcast(n, *(x.shape for x in parts))
        value = c.builder.apply(op, *(_bits(c, n, x, shape) for x in parts), origin=n.place)
        return Scaled(value, shape, ONE, ZERO)
    return handle


def where(c: Context, n: Operator) -> Tensor:
    """Choose element by element."""
    condition, x, y = n.operand(0), n.operand(1), n.operand(2)
    if isinstance(condition, Known) and isinstance(x, Known) and isinstance(y, Known):
        return fold(n, np.where, condition, x, y)
    shape = broadcast(n, condition.shape, x.shape, y.shape)
    bit = _bits(c, n, condition, shape)
    return Real(c.builder.apply("select", bit, c.real(x, shape), c.real(y, shape), origin=n.place), shape)


def _np_sigmoid(v: Any) -> Any:
    return 1 / (1 + np.exp(-v))


def _hard_sigmoid_node(c: Context, n: Operator, x: Value) -> Value:
    return _hard_sigmoid(_attribute(n, "alpha", 0.2), _attribute(n, "beta", 0.5))(c, x)


OPERATORS: Mapping[str, Handler] = {
    "Add": add, "Sub": subtract, "Mul": multiply, "Div": divide, "Pow": power, "Sum": total, "Mean": mean,
    "Neg": negate, "Relu": relu, "Clip": clip, "PRelu": prelu, "Where": where,
    "Max": _extreme("max", np.maximum), "Min": _extreme("min", np.minimum),
    "Abs": _unary(np.abs, _op("abs")), "Exp": _unary(np.exp, _op("exp")), "Log": _unary(np.log, _op("log")),
    "Sqrt": _unary(np.sqrt, _op("sqrt")), "Tanh": _unary(np.tanh, _op("tanh")),
    "Sigmoid": _unary(_np_sigmoid, _op("sigmoid")), "Sin": _unary(np.sin, _op("sin")),
    "Cos": _unary(np.cos, _op("cos")), "Erf": _unary(_refuse_known("Erf"), _op("erf")),
    "Reciprocal": _unary(np.reciprocal, _reciprocal),
    "LeakyRelu": _unary(_refuse_known("LeakyRelu"), _leaky), "Elu": _unary(_refuse_known("Elu"), _elu),
    "Selu": _unary(_refuse_known("Selu"), _selu), "Softplus": _unary(_refuse_known("Softplus"), _softplus),
    "Softsign": _unary(_refuse_known("Softsign"), _softsign), "Gelu": _unary(_refuse_known("Gelu"), _gelu),
    "HardSigmoid": _unary(_refuse_known("HardSigmoid"), _hard_sigmoid_node),
    "HardSwish": _unary(_refuse_known("HardSwish"), _hard_swish),
    "Equal": _compare("eq", False, np.equal), "Less": _compare("lt", False, np.less),
    "LessOrEqual": _compare("le", False, np.less_equal), "Greater": _compare("lt", True, np.greater),
    "GreaterOrEqual": _compare("le", True, np.greater_equal),
    "And": _logic("and", np.logical_and), "Or": _logic("or", np.logical_or), "Xor": _logic("xor", np.logical_xor),
    "Not": _logic("not", np.logical_not),
}
