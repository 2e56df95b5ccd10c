"""Operators with weights: matrix products, convolutions, normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import F32, SPIN, Builder, Constant, Value
from circuitc.models import layers
from circuitc.models.layers import Sliding, float_constant, integer_constant
from circuitc.models.scaled import ZERO, Scaled, inner, integers_of, reals, uniform
from circuitc.models.steps import Reals

from .elementwise import Handler, add, centered, exact_reals, fold, multiply
from .tensors import Context, Known, Operator, Real, Tensor

MAX_WEIGHT_BITS = 24
_ROOT_BITS = 240


def weight_constant(b: Builder, integers: NDArray[Any], name: str, origin: str) -> Value:
    """Add exact weights: spins where all are -1 and 1, else integers."""
    values = np.unique(integers)
    if values.tolist() in ([-1, 1], [-1]):
        return b.constant(Constant(SPIN.with_shape(integers.shape), integers.astype(np.int64)), name, origin)
    return integer_constant(b, integers, 0, name, origin)


def exact_weights(w: Known, shape: tuple[int, ...], extra: Reals | None) -> tuple[NDArray[Any], Reals] | None:
    """Give weights as integers times a scale that varies along the outputs only (`shape` has 1 on all other axes).

    `extra` is a scale of the operand that varies along the summed axes. None where integers would be too wide.
    """
    if w.integers is not None and w.scale is not None and extra is None:
        scale = np.asarray(w.scale, dtype=object)
        full = scale.reshape((1,) * (len(shape) - scale.ndim) + scale.shape)
        if all(n in (1, m) for n, m in zip(full.shape, shape, strict=True)):
            return w.integers, full
    if not np.all(np.isfinite(w.array.astype(np.float64))):
        return None
    numbers = exact_reals(w)
    if extra is not None:
        numbers = np.asarray(numbers * extra, dtype=object)
    integers, step = integers_of(numbers)
    if max((abs(int(v)).bit_length() for v in integers.ravel()), default=0) > MAX_WEIGHT_BITS:
        return None
    return integers, reals(step)


def matmul(c: Context, n: Operator) -> Tensor:
    """Give a matrix product: exact where the left operand and the weights are."""
    x, w = n.operand(0), n.operand(1)
    if isinstance(x, Known) and isinstance(w, Known):
        return fold(n, np.matmul, x, w)
    if not x.shape or not w.shape:
        raise n.fault("a matrix product takes tensors, got a scalar")
    if isinstance(w, Known) and w.array.ndim == 2:
        if x.shape[-1] != w.shape[0]:
            raise n.fault(f"operands of shapes {list(x.shape)} and {list(w.shape)} do not fit together")
        if isinstance(x, Scaled):
            found = _exact_matmul(c, n, x, w)
            if found is not None:
                return found
        if len(inner(x.shape)):
            value = layers.dense(c.builder, c.real(x), float_constant(c.builder, w.array.T, "w", n.place),
                                 origin=n.place)
            return Real(value, (*x.shape[:-1], w.shape[1]))
    return _runtime_matmul(c, n, x, w)


def _exact_matmul(c: Context, n: Operator, x: Scaled, w: Known) -> Scaled | None:
    if x.low is not None or x.high is not None or not inner(x.shape):
        return None
    x = centered(c, x)
    one, offset = uniform(x.scale), uniform(x.offset)
    if offset is None:
        return None
    extra: Reals | None = None
    if one is None:
        last = np.broadcast_to(x.scale, x.shape)
        if any(not _same(last[..., k]) for k in range(x.shape[-1])):
            return None
        extra = last.reshape(-1, x.shape[-1])[0][:, None]
    exact = exact_weights(w, (1, w.shape[1]), extra)
    if exact is None:
        return None
    integers, scale = exact
    shape = (*x.shape[:-1], w.shape[1])
    out_scale = np.asarray(scale * (one if one is not None else Fraction(1)), dtype=object)
    out_scale = out_scale.reshape(out_scale.shape[-1:]) if out_scale.size > 1 else reals(out_scale.ravel()[0])
    constant = weight_constant(c.builder, integers.T, "w", n.place)
    value = layers.dense(c.builder, x.value, constant, origin=n.place)
    shift = ZERO
    if offset:
        sums = np.array([sum(map(int, column)) for column in integers.T], dtype=object)
        shift = np.asarray(sums * scale.ravel() * offset, dtype=object)
    return Scaled(value, shape, out_scale, shift)


def _same(values: NDArray[Any]) -> bool:
    return uniform(values) is not None


def _runtime_matmul(c: Context, n: Operator, x: Tensor, w: Tensor) -> Tensor:
    """Multiply two tensors of the run, or known ones of any rank, in floats; leading axes must be equal or 1."""
    a, d = x.shape, w.shape
    rows, columns = (a if len(a) > 1 else (1, *a)), (d if len(d) > 1 else (*d, 1))
    if rows[-1] != columns[-2]:
        raise n.fault(f"operands of shapes {list(a)} and {list(d)} do not fit together")
    try:
        lead = np.broadcast_shapes(rows[:-2], columns[:-2])
    except ValueError:
        raise n.fault(f"operands of shapes {list(a)} and {list(d)} do not fit together") from None
    b = c.builder
    left = layers.reshape(b, c.real(x), rows)
    right = layers.reshape(b, c.real(w), columns)
    left = layers.spread(b, left, (*lead, *rows[-2:]))
    right = layers.spread(b, right, (*lead, *columns[-2:]))
    index = "abcdefghijklmnop"[:len(lead)]
    value = b.apply("contract", left, right, spec=f"{index}xy,{index}yz->{index}xz", origin=n.place)
    shape = (*lead, *([rows[-2]] if len(a) > 1 else []), *([columns[-1]] if len(d) > 1 else []))
    return Real(layers.reshape(b, value, inner(shape)), shape)


def gemm(c: Context, n: Operator) -> Tensor:
    """Give alpha * A * B + beta * C, with A and B transposed where the node says so."""
    x, w = n.operand(0), n.known(1, "matrix B")
    alpha, beta = float(n.attributes.get("alpha", 1.0)), float(n.attributes.get("beta", 1.0))
    if n.attributes.get("transA", 0):
        raise n.fault("transA moves the batch axis, which is not read")
    if len(x.shape) != 2 or w.array.ndim != 2:
        raise n.fault(f"it takes matrices, got {list(x.shape)} and {list(w.shape)}")
    if n.attributes.get("transB", 0):
        w = transposed(w, (1, 0))
    if alpha != 1:
        w = Known((w.array * np.float32(alpha)).astype(w.array.dtype))
    y = matmul(c, replace(n, operands=(x, w)))
    bias = n.optional(2)
    if bias is None:
        return y
    if beta != 1:
        bias = multiply(c, replace(n, operands=(bias, Known(np.array(beta, np.float32)))))
    return add(c, replace(n, operands=(y, bias)))


def transposed(w: Known, order: tuple[int, ...]) -> Known:
    """Give a known tensor with its axes in another order, the quantizer's integers with it."""
    scale = w.scale
    if scale is not None and scale.size > 1:
        scale = np.transpose(np.broadcast_to(scale.reshape((1,) * (len(order) - scale.ndim) + scale.shape),
                                             w.shape), order)
        for axis in range(scale.ndim):  # keep one number where an axis repeats it
            first = scale.take([0], axis)
            if np.all(scale == first):
                scale = first
    return Known(np.transpose(w.array, order), None if w.integers is None else np.transpose(w.integers, order), scale)


def sliding(n: Operator, spatial: tuple[int, ...], size: tuple[int, ...], *, ceil: bool = False) -> Sliding:
    """Read strides, dilations and padding of a node whose window slides over axes of these sizes."""
    rank = len(spatial)

    def listed(name: str, default: int, count: int) -> tuple[int, ...]:
        found = tuple(int(v) for v in n.attributes.get(name, [default] * count))
        if len(found) != count or any(v < (0 if name == "pads" else 1) or v > 1 << 20 for v in found):
            raise n.fault(f"its {name} {list(found)[:12]} do not fit {rank} spatial axes")
        return found

    if len(size) != rank or any(not 0 < k <= 1 << 20 for k in size):
        raise n.fault(f"a window of {list(size)[:12]} does not fit {rank} spatial axes")
    stride, dilation = listed("strides", 1, rank), listed("dilations", 1, rank)
    pads = listed("pads", 0, 2 * rank)
    before, after = list(pads[:rank]), list(pads[rank:])
    auto = n.attributes.get("auto_pad", b"NOTSET")
    for k in range(rank):
        reach = (size[k] - 1) * dilation[k] + 1
        if auto in (b"SAME_UPPER", b"SAME_LOWER"):
            need = max((-(-spatial[k] // stride[k]) - 1) * stride[k] + reach - spatial[k], 0)
            small, large = need // 2, need - need // 2
            before[k], after[k] = (small, large) if auto == b"SAME_UPPER" else (large, small)
        elif auto == b"VALID":
            before[k] = after[k] = 0
        elif auto != b"NOTSET":
            raise n.fault(f"auto_pad {auto!r} is not read")
        if ceil:
            free = spatial[k] + before[k] + after[k] - reach
            last = -(-free // stride[k]) * stride[k]
            if last >= spatial[k] + before[k]:  # a window that would begin in the padding after is left out
                last -= stride[k]
            after[k] += max(0, last - free)
    return Sliding(size, stride, dilation, tuple(before), tuple(after))


def convolution(c: Context, n: Operator) -> Tensor:
    """Give a convolution over any number of spatial axes, with groups, and its bias."""
    x, w = n.operand(0), n.known(1, "weight")
    groups = int(n.attributes.get("group", 1))
    if len(x.shape) < 3 or x.shape[0] != 1 or len(w.shape) != len(x.shape):
        raise n.fault(f"it takes [1, channels, ...] and weights of as many axes, got {list(x.shape)} and "
                      f"{list(w.shape)}")
    if groups < 1 or x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise n.fault(f"{x.shape[1]} channels in {groups} groups do not fit weights of shape {list(w.shape)}")
    window = sliding(n, x.shape[2:], w.shape[2:])
    shape = (1, w.shape[0], *layers.window_size(x.shape[2:], window))
    y = _exact_convolution(c, n, x, w, window, groups, shape) if isinstance(x, Scaled) else None
    if y is None:
        weights = float_constant(c.builder, w.array, "w", n.place)
        y = Real(layers.convolution(c.builder, c.real(x), weights, window, groups, origin=n.place), shape)
    bias = n.optional(2)
    if bias is None:
        return y
    if not isinstance(bias, Known) or bias.shape != (w.shape[0],):
        raise n.fault(f"its bias is a constant of {w.shape[0]} numbers")
    rank = (w.shape[0], *([1] * (len(x.shape) - 2)))
    return add(c, replace(n, operands=(y, reshaped(bias, rank))))


def reshaped(x: Known, shape: tuple[int, ...]) -> Known:
    """Give a known tensor in another shape, the quantizer's integers with it."""
    scale = x.scale
    if scale is not None and scale.size > 1:
        scale = np.broadcast_to(scale, x.shape).reshape(shape)
    return Known(x.array.reshape(shape), None if x.integers is None else x.integers.reshape(shape), scale)


def _exact_convolution(c: Context, n: Operator, x: Scaled, w: Known, window: Sliding, groups: int,
                       shape: tuple[int, ...]) -> Scaled | None:
    x = centered(c, x)
    one = x.one_scale
    exact = None if one is None else exact_weights(w, (w.shape[0], *([1] * (w.array.ndim - 1))), None)
    if one is None or exact is None:
        return None
    integers, scale = exact
    weights = weight_constant(c.builder, integers, "w", n.place)
    value = layers.convolution(c.builder, x.value, weights, window, groups, origin=n.place)
    out = reals(scale.ravel()[0] * one) if scale.size == 1 else np.asarray(
        scale.reshape(w.shape[0], *([1] * (w.array.ndim - 2))) * one, dtype=object)
    return Scaled(value, shape, out, ZERO)


def inverse_root(values: Reals) -> Reals:
    """Give 1 / sqrt(v) for each positive number, correct to 2**-200 of it."""
    def one(v: Fraction) -> Fraction:
        bits = _ROOT_BITS + max(0, v.denominator.bit_length() - v.numerator.bit_length())
        return Fraction(1 << bits, isqrt((v.numerator << (2 * bits)) // v.denominator))
    return np.asarray(np.frompyfunc(one, 1, 1)(values), dtype=object)


def batch_normalization(c: Context, n: Operator) -> Tensor:
    """Give scale * (x - mean) / sqrt(var + epsilon) + bias, by channel (axis 1)."""
    x = n.operand(0)
    gamma, beta, mean, var = (n.known(k, what) for k, what in enumerate(("scale", "bias", "mean", "variance"), 1))
    if n.attributes.get("training_mode", 0) or n.results > 1:
        raise n.fault("training mode is not read")
    if len(x.shape) < 2 or any(v.shape != (x.shape[1],) for v in (gamma, beta, mean, var)):
        raise n.fault(f"its constants have one number for each of the channels of {list(x.shape)}")
    epsilon = float(n.attributes.get("epsilon", 1e-5))
    spread_ = np.asarray(var.array.astype(np.float64) + epsilon)
    if not all(np.all(np.isfinite(v.array)) for v in (gamma, beta, mean, var)) or np.any(spread_ <= 0):
        raise n.fault("its constants are finite numbers, the variance positive")
    rank = (x.shape[1], *([1] * (len(x.shape) - 2)))
    if isinstance(x, Scaled) and x.low is None and x.high is None:
        root = inverse_root(np.asarray(reals(var.array.astype(np.float64)) + Fraction(epsilon), dtype=object))
        factor = np.asarray(reals(gamma.array.astype(np.float64)) * root, dtype=object).reshape(rank)
        return x.plus(np.asarray(-reals(mean.array.astype(np.float64)).reshape(rank), dtype=object)).times(
            factor).plus(reals(beta.array.astype(np.float64)).reshape(rank))
    factor64 = gamma.array.astype(np.float64) / np.sqrt(spread_)
    term = beta.array - mean.array * factor64
    scaled_ = multiply(c, replace(n, operands=(x, Known(factor64.astype(np.float32).reshape(rank)))))
    return add(c, replace(n, operands=(scaled_, Known(term.astype(np.float32).reshape(rank)))))


def layer_normalization(c: Context, n: Operator) -> Tensor:
    """Give the normalised tensor over the last axes, scaled and shifted; in floats."""
    x = n.operand(0)
    axis = n.axis(int(n.attributes.get("axis", -1)), len(x.shape))
    c.refuse_batch(n, range(axis, len(x.shape)), x.shape)
    if n.results > 1:
        raise n.fault("only its first result is read")
    b, value = c.builder, c.real(x)
    lost = 1 if x.shape[:1] == (1,) else 0
    axes = tuple(range(axis - lost, len(x.shape) - lost))
    shape = b.type(value).shape
    kept = tuple(1 if k in axes else m for k, m in enumerate(shape))
    count = float(np.prod([shape[k] for k in axes]))

    def average(v: Value) -> Value:
        added = layers.reshape(b, b.apply("reduce", v, kind="add", axes=axes), kept)
        return layers.spread(b, b.apply("divide", added, layers.like(b, added, count), type=F32), shape)

    centre = b.apply("sub", value, average(value))
    variance = average(b.apply("mul", centre, centre))
    epsilon = np.float32(n.attributes.get("epsilon", 1e-5))
    root = b.apply("sqrt", b.apply("add", variance, layers.like(b, variance, epsilon)), type=F32)
    y: Tensor = Real(b.apply("divide", centre, root, type=F32, origin=n.place), x.shape)
    y = multiply(c, replace(n, operands=(y, n.operand(1))))
    bias = n.optional(2)
    return y if bias is None else add(c, replace(n, operands=(y, bias)))


OPERATORS: Mapping[str, Handler] = {
    "MatMul": matmul, "Gemm": gemm, "Conv": convolution, "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
}
