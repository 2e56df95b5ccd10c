"""Layers of trained networks as ops of the IR, for floats and for exact types alike.

Shapes have no batch axis: a vector is [features], an image [channels, height, width] (or any number of spatial axes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import BIT, F32, SPIN, Builder, Constant, Value, fixed, smallest

LOWEST_F32 = float(np.finfo(np.float32).min)


def float_constant(b: Builder, array: Any, name: str = "", origin: str = "") -> Value:
    """Add a constant of f32."""
    array = np.asarray(array, dtype=np.float32)
    return b.constant(Constant(F32.with_shape(array.shape), array), name, origin)


def integer_constant(b: Builder, array: Any, fraction: int = 0, name: str = "", origin: str = "") -> Value:
    """Add a constant of the narrowest fixed-point type that holds these raw integers."""
    array = np.asarray(array)
    t = smallest(int(array.min()), int(array.max()), fraction, array.shape)
    return b.constant(Constant(t, array.astype(t.dtype)), name, origin)


def spread(b: Builder, x: Value, shape: Sequence[int]) -> Value:
    """Repeat a tensor to a shape by numpy's rules: axes are matched from the last one."""
    t, shape = b.type(x), tuple(shape)
    if t.shape == shape:
        return x
    lead = len(shape) - t.rank
    return b.apply("broadcast", x, shape=shape, axes=tuple(range(lead, len(shape))))


def reshape(b: Builder, x: Value, shape: Sequence[int]) -> Value:
    """Give the same elements in another shape."""
    return x if b.type(x).shape == tuple(shape) else b.apply("reshape", x, shape=tuple(shape))


def like(b: Builder, x: Value, raw: Any) -> Value:
    """Give one raw number in the type and shape of a value, repeated."""
    t = b.type(x)
    return spread(b, b.constant(Constant(t.scalar, np.array(raw, dtype=t.dtype))), t.shape)


def numbers(b: Builder, x: Value) -> Value:
    """Give spins and bits as numbers that have a zero and can be padded: i2 for spins, others as they are."""
    t = b.type(x)
    return b.apply("convert", x, type=fixed(2, 0, t.shape)) if t.is_spin else x


def dense(b: Builder, x: Value, w: Value, name: str = "", origin: str = "") -> Value:
    """Give x[..., k] times the weights w[n, k]: [..., n], exact where both are."""
    rank = b.type(x).rank
    if rank == 1:
        return b.apply("contract", w, x, spec="ij,j->i", name=name, origin=origin)
    lead = ascii_lowercase[:rank - 1]
    return b.apply("contract", x, w, spec=f"{lead}y,zy->{lead}z", name=name, origin=origin)


@dataclass(frozen=True, slots=True)
class Sliding:
    """How a window slides over the spatial axes: one number an axis; pads are before and after."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def is_padded(self) -> bool:
        return any((*self.before, *self.after))


def windows(b: Builder, x: Value, sliding: Sliding, fill: Any) -> Value:
    """Give x[channels, *spatial] as [channels, *positions, *window]; padding is `fill`, a raw number."""
    if sliding.is_padded:
        t = b.type(x)
        value = b.constant(Constant(t.scalar, np.array(fill, dtype=t.dtype)))
        x = b.apply("pad", x, value, before=(0, *sliding.before), after=(0, *sliding.after))
    for axis, (size, stride, dilation) in enumerate(zip(sliding.size, sliding.stride, sliding.dilation, strict=True)):
        x = b.apply("window", x, axis=1 + axis, size=size, stride=stride, dilation=dilation)
    return x


def convolution(b: Builder, x: Value, w: Value, sliding: Sliding, groups: int = 1, name: str = "",
                origin: str = "") -> Value:
    """Give the cross-correlation of x[c, *spatial] with w[m, c / groups, *window]: [m, *positions]; padding is 0."""
    x = windows(b, numbers(b, x) if sliding.is_padded else x, sliding, 0)
    axes = len(sliding.size)
    positions, places = ascii_lowercase[:axes], ascii_lowercase[axes:2 * axes]
    if groups == 1:
        return b.apply("contract", x, w, spec=f"y{positions}{places},zy{places}->z{positions}", name=name,
                       origin=origin)
    (channels, *rest), (outputs, *kernel) = b.type(x).shape, b.type(w).shape
    x = b.apply("reshape", x, shape=(groups, channels // groups, *rest))
    w = b.apply("reshape", w, shape=(groups, outputs // groups, *kernel))
    y = b.apply("contract", x, w, spec=f"xy{positions}{places},xzy{places}->xz{positions}", name=name, origin=origin)
    return b.apply("reshape", y, shape=(outputs, *b.type(y).shape[2:]))


def max_pool(b: Builder, x: Value, sliding: Sliding, name: str = "", origin: str = "") -> Value:
    """Give the largest number in each window of x[c, *spatial]; padding never wins."""
    t = b.type(x)
    x = windows(b, x, sliding, LOWEST_F32 if t.is_float else t.lowest)
    rank = b.type(x).rank
    if t.is_spin:
        bits = b.apply("reduce", b.apply("convert", x, type=BIT), kind="or", axes=_last(rank, sliding))
        return b.apply("convert", bits, type=SPIN, name=name, origin=origin)
    return b.apply("reduce", x, kind="max", axes=_last(rank, sliding), name=name, origin=origin)


def sum_pool(b: Builder, x: Value, sliding: Sliding, name: str = "", origin: str = "") -> Value:
    """Give the sum over each window of x[c, *spatial]; padding is 0."""
    x = windows(b, numbers(b, x), sliding, 0)
    return b.apply("reduce", x, kind="add", axes=_last(b.type(x).rank, sliding), name=name, origin=origin)


def pool_counts(shape: Sequence[int], sliding: Sliding) -> NDArray[np.int64]:
    """Give how many elements of the unpadded input each window sees: an array of the positions' shape."""
    counts = np.ones((1,) * len(shape), dtype=np.int64)
    for axis, n in enumerate(shape):
        reach = (sliding.size[axis] - 1) * sliding.dilation[axis] + 1
        padded = n + sliding.before[axis] + sliding.after[axis]
        starts = np.arange(0, padded - reach + 1, sliding.stride[axis])
        places = starts[:, None] + np.arange(sliding.size[axis]) * sliding.dilation[axis] - sliding.before[axis]
        seen = ((places >= 0) & (places < n)).sum(axis=1)
        counts = counts * seen.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return counts


def softmax(b: Builder, x: Value, axis: int, *, log: bool = False, name: str = "", origin: str = "") -> Value:
    """Give the softmax of floats along an axis, or its logarithm; the largest number is subtracted first."""
    shape = b.type(x).shape
    kept = tuple(1 if k == axis else n for k, n in enumerate(shape))

    def folded(v: Value, kind: str) -> Value:
        return b.apply("reshape", b.apply("reduce", v, kind=kind, axes=(axis,)), shape=kept)

    low = b.apply("sub", x, spread(b, folded(x, "max"), shape))
    powers = b.apply("exp", low, type=F32)
    total = folded(powers, "add")
    if log:
        return b.apply("sub", low, spread(b, b.apply("log", total, type=F32), shape), name=name, origin=origin)
    return b.apply("divide", powers, spread(b, total, shape), type=F32, name=name, origin=origin)


def _last(rank: int, sliding: Sliding) -> tuple[int, ...]:
    return tuple(range(rank - len(sliding.size), rank))


def window_size(shape: Sequence[int], sliding: Sliding) -> tuple[int, ...]:
    """Give the number of positions on each spatial axis; a window larger than the padded input is refused."""
    found: list[int] = []
    for n, k, s, d, p, q in zip(shape, sliding.size, sliding.stride, sliding.dilation, sliding.before, sliding.after,
                                strict=True):
        reach = (k - 1) * d + 1
        if reach > n + p + q:
            raise error(f"a window that reaches over {reach} does not fit an axis of {n + p + q}")
        found.append((n + p + q - reach) // s + 1)
    return tuple(found)


__all__ = ["Sliding", "convolution", "dense", "float_constant", "integer_constant", "like", "max_pool", "numbers",
           "pool_counts", "reshape", "softmax", "spread", "sum_pool", "window_size", "windows"]
