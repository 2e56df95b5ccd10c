"""Operators that fold many elements into one: pooling, reductions, softmax, arg-extremes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from circuitc.ir import F32
from circuitc.models import layers
from circuitc.models.layers import Sliding
from circuitc.models.scaled import ONE, ZERO, Scaled, inner, reals, uniform

from .elementwise import Handler, centered, fold
from .linear import sliding
from .tensors import Context, Known, Operator, Real, Shape, Tensor


def _image(c: Context, n: Operator) -> Tensor:
    x = n.operand(0)
    if len(x.shape) < 3 or x.shape[0] != 1 or isinstance(x, Known):
        raise n.fault(f"it takes [1, channels, ...], got {list(x.shape)}")
    return x


def _by_channel(x: Scaled) -> bool:
    """Tell whether windows see one positive scale and one offset each, so that their order is that of integers."""
    full = np.broadcast_arrays(x.scale, x.offset, np.empty((1,) * len(x.shape)))[:2]
    return all(all(m == 1 for m in v.shape[2:]) for v in full) and all(s > 0 for s in x.scale.ravel())


def max_pool(c: Context, n: Operator) -> Tensor:
    """Give the largest element of each window."""
    x = _image(c, n)
    if n.results > 1 or n.attributes.get("storage_order", 0):
        raise n.fault("the indices of the largest elements are not read")
    size = tuple(int(v) for v in n.attributes.get("kernel_shape", ()))
    return _max(c, n, x, sliding(n, x.shape[2:], size, ceil=bool(n.attributes.get("ceil_mode", 0))))


def _max(c: Context, n: Operator, x: Tensor, window: Sliding) -> Tensor:
    shape = (*x.shape[:2], *layers.window_size(x.shape[2:], window))
    if isinstance(x, Scaled) and _by_channel(x):
        return replace(x, value=layers.max_pool(c.builder, x.value, window, origin=n.place), shape=shape)
    return Real(layers.max_pool(c.builder, c.real(x), window, origin=n.place), shape)


def average_pool(c: Context, n: Operator) -> Tensor:
    """Give the mean of each window, without the padding unless the node counts it."""
    x = _image(c, n)
    size = tuple(int(v) for v in n.attributes.get("kernel_shape", ()))
    ceil = bool(n.attributes.get("ceil_mode", 0))
    window = sliding(n, x.shape[2:], size, ceil=ceil)
    counts = layers.pool_counts(x.shape[2:], window)
    if n.attributes.get("count_include_pad", 0):
        # padding that the node asks for counts; what ceil_mode adds behind it never does
        own = sliding(n, x.shape[2:], size) if ceil else window
        padded = tuple(m + p + q for m, p, q in zip(x.shape[2:], own.before, own.after, strict=True))
        rest = replace(window, before=(0,) * len(size),
                       after=tuple(a - o for a, o in zip(window.after, own.after, strict=True)))
        counts = layers.pool_counts(padded, rest)
    return _average(c, n, x, window, counts)


def _average(c: Context, n: Operator, x: Tensor, window: Sliding, counts: Any) -> Tensor:
    shape = (*x.shape[:2], *layers.window_size(x.shape[2:], window))
    uneven = np.broadcast_to(counts, shape[2:])
    count = int(uneven.flat[0]) if np.all(uneven == uneven.flat[0]) else None
    if isinstance(x, Scaled):
        x = centered(c, x)
        if x.is_linear and _by_channel(x):
            value = layers.sum_pool(c.builder, x.value, window, origin=n.place)
            share = reals(Fraction(1, count)) if count else np.asarray(1 / reals(uneven), dtype=object)
            return Scaled(value, shape, np.asarray(x.scale * share, dtype=object), ZERO)
    total = layers.sum_pool(c.builder, c.real(x), window, origin=n.place)
    divisor = Known(uneven.astype(np.float32) if count is None else np.array(count, np.float32))
    return Real(c.builder.apply("divide", total, c.real(divisor, shape), type=F32, origin=n.place), shape)


def _whole(x: Tensor) -> Sliding:
    ones, zeros = (1,) * (len(x.shape) - 2), (0,) * (len(x.shape) - 2)
    return Sliding(x.shape[2:], ones, ones, zeros, zeros)


def global_average_pool(c: Context, n: Operator) -> Tensor:
    """Give the mean of each channel."""
    x = _image(c, n)
    return _average(c, n, x, _whole(x), np.array(int(np.prod(x.shape[2:]))))


def global_max_pool(c: Context, n: Operator) -> Tensor:
    """Give the largest element of each channel."""
    x = _image(c, n)
    return _max(c, n, x, _whole(x))


def _axes(c: Context, n: Operator, x: Tensor) -> tuple[tuple[int, ...], Shape]:
    """Give the axes that are folded, and the shape of the result."""
    given = n.integers(1, "axes", "axes")
    rank = len(x.shape)
    if not given and n.attributes.get("noop_with_empty_axes", 0):
        return (), x.shape
    axes = tuple(sorted({n.axis(a, rank) for a in given})) if given else tuple(range(rank))
    c.refuse_batch(n, axes, x.shape)
    keep = int(n.attributes.get("keepdims", 1))
    shape = tuple(1 if k in axes else m for k, m in enumerate(x.shape) if keep or k not in axes)
    return axes, shape


def _reduction(kind: str, known: Any, *, mean: bool = False) -> Handler:
    def handle(c: Context, n: Operator) -> Tensor:
        x = n.operand(0)
        axes, shape = _axes(c, n, x)
        if isinstance(x, Known):
            return fold(n, lambda v: known(v, axis=axes).astype(v.dtype).reshape(shape), x)
        if not axes:
            return x
        lost = 1 if x.shape[:1] == (1,) else 0
        own = tuple(k - lost for k in axes if k >= lost)
        count = int(np.prod([x.shape[k] for k in axes]))
        b = c.builder
        if isinstance(x, Scaled):
            x = centered(c, x) if kind == "add" else x
            one = x.one_scale
            if one is not None and (one > 0 or kind == "add") and own:
                value = b.apply("reduce", layers.numbers(b, x.value), kind=kind, axes=own, origin=n.place)
                scale = reals(one / count if mean else one)
                return Scaled(layers.reshape(b, value, inner(shape)), shape, scale, ZERO)
        value = c.real(x)
        if own:
            value = b.apply("reduce", value, kind=kind, axes=own, origin=n.place)
        if mean:
            value = b.apply("divide", value, layers.like(b, value, float(count)), type=F32)
        return Real(layers.reshape(b, value, inner(shape)), shape)
    return handle


def _softmax(log: bool) -> Handler:
    def handle(c: Context, n: Operator) -> Tensor:
        x = n.operand(0)
        rank = len(x.shape)
        axis = n.axis(int(n.attributes.get("axis", -1 if n.opset >= 13 else 1)), rank)
        if n.opset < 13 and axis != rank - 1:
            raise n.fault(f"before operator set 13 softmax works on all axes from {axis} on at once, which is not read")
        c.refuse_batch(n, (axis,), x.shape)
        lost = 1 if x.shape[:1] == (1,) else 0
        if axis < lost:
            return Real(layers.like(c.builder, c.real(x), 0.0 if log else 1.0), x.shape)
        return Real(layers.softmax(c.builder, c.real(x), axis - lost, log=log, origin=n.place), x.shape)
    return handle


def _arg(op: str) -> Handler:
    def handle(c: Context, n: Operator) -> Tensor:
        x = n.operand(0)
        axis = n.axis(int(n.attributes.get("axis", 0)), len(x.shape))
        c.refuse_batch(n, (axis,), x.shape)
        if n.attributes.get("select_last_index", 0):
            raise n.fault("select_last_index is not read: a tie goes to the lowest index")
        keep = int(n.attributes.get("keepdims", 1))
        shape = tuple(1 if k == axis else m for k, m in enumerate(x.shape) if keep or k != axis)
        if isinstance(x, Known):
            return fold(n, lambda v: (np.argmax if op == "argmax" else np.argmin)(v, axis=axis).reshape(shape), x)
        lost = 1 if x.shape[:1] == (1,) else 0
        if axis < lost:
            raise n.fault("it works along an axis of length 1")
        ordered = isinstance(x, Scaled) and x.low is None and x.high is None and (uniform(x.scale) or 0) > 0 and (
            uniform(x.offset) is not None)
        b = c.builder
        value = layers.numbers(b, x.value) if ordered and isinstance(x, Scaled) else c.real(x)
        return Scaled(layers.reshape(b, b.apply(op, value, axis=axis - lost, origin=n.place), inner(shape)), shape,
                      ONE, ZERO)
    return handle


OPERATORS: Mapping[str, Handler] = {
    "MaxPool": max_pool, "AveragePool": average_pool, "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "ReduceSum": _reduction("add", np.sum), "ReduceMean": _reduction("add", np.mean, mean=True),
    "ReduceMax": _reduction("max", np.max), "ReduceMin": _reduction("min", np.min),
    "Softmax": _softmax(False), "LogSoftmax": _softmax(True), "ArgMax": _arg("argmax"), "ArgMin": _arg("argmin"),
}
