"""Ops that move elements and compute nothing: views, joins, indexing, bits and words."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from circuitc.diagnostics import error

from ..op import Application, Attribute, Attributes, OpDef, Raw, same_types
from ..types import BIT, Type, index_type
from .elementwise import settle

# Arrays carry a batch axis in front, so axis k of the type is axis k + 1 of the array.


def _moved(a: Application, raw: Raw) -> Raw:
    """Bring moved elements to the declared type (it may be wider than that of the first operand)."""
    return settle(a, raw, a.types[0].fraction) if a.result.is_exact else np.asarray(raw)


def axis_of(op: str, axis: int, t: Type) -> int:
    """Check an axis number against a type's rank."""
    if not 0 <= axis < t.rank:
        raise error(f"{op}: axis {axis} is not an axis of {t}", help=f"axes are 0 to {t.rank - 1}" if t.rank else "")
    return axis


def _infer_reshape(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, shape = types[0], attributes["shape"]
    if prod(shape) != t.size:
        raise error(f"reshape keeps the number of elements, got {t} to {list(shape)}")
    return t.with_shape(shape)


def _infer_transpose(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, order = types[0], attributes["order"]
    if sorted(order) != list(range(t.rank)):
        raise error(f"transpose: order {list(order)} does not name each axis of {t} once")
    return t.with_shape(tuple(t.shape[i] for i in order))


def _infer_broadcast(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, shape, axes = types[0], attributes["shape"], attributes["axes"]
    fits = len(axes) == t.rank and list(axes) == sorted(set(axes)) and all(0 <= k < len(shape) for k in axes)
    if not fits or any(n not in (1, shape[k]) for k, n in zip(axes, t.shape, strict=True)):
        raise error(f"broadcast: {t} does not fit axes {list(axes)} of shape {list(shape)}",
                    help="axes names, for each axis of the operand, the axis of the result it lies on")
    return t.with_shape(shape)


def _broadcast(a: Application, x: Raw) -> Raw:
    inner = [1] * a.result.rank
    for axis, n in zip(a["axes"], a.types[0].shape, strict=True):
        inner[axis] = n
    return _moved(a, np.broadcast_to(x.reshape(len(x), *inner), (len(x), *a.result.shape)))


def _infer_slice(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t = types[0]
    start, stop, step = attributes["start"], attributes["stop"], attributes["step"] or (1,) * t.rank
    if not len(start) == len(stop) == len(step) == t.rank or any(
            not (0 <= a < b <= n and s >= 1) for a, b, s, n in zip(start, stop, step, t.shape, strict=False)):
        raise error(f"slice: {list(start)} to {list(stop)} by {list(step)} is not a part of {t}")
    return t.with_shape(tuple(-(-(b - a) // s) for a, b, s in zip(start, stop, step, strict=True)))


def _slice(a: Application, x: Raw) -> Raw:
    step = a["step"] or (1,) * len(a["start"])
    cut = tuple(slice(i, j, k) for i, j, k in zip(a["start"], a["stop"], step, strict=True))
    return _moved(a, x[(slice(None), *cut)])


def _infer_concat(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    axis = axis_of("concat", attributes["axis"], types[0])
    for t in types[1:]:
        if t.rank != types[0].rank or [n for k, n in enumerate(t.shape) if k != axis] != [
                n for k, n in enumerate(types[0].shape) if k != axis]:
            raise error(f"concat joins along axis {axis}; the other axes of {types[0]} and {t} differ")
    same_types("concat", [t.scalar for t in types])
    shape = list(types[0].shape)
    shape[axis] = sum(t.shape[axis] for t in types)
    return types[0].with_shape(tuple(shape))


def _is_index(op: str, t: Type) -> None:
    if not t.is_integer or t.signed:
        raise error(f"{op} takes unsigned integers as indices, got {t}")


def _infer_gather(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, index = types
    _is_index("gather", index)
    axis = axis_of("gather", attributes["axis"], t)
    return t.with_shape((*t.shape[:axis], *index.shape, *t.shape[axis + 1:]))


def zero_bits(t: Type) -> int:
    """Give the raw number whose bits are all zero: -1 for spins, else 0."""
    return -1 if t.is_spin else 0


def _gather(a: Application, x: Raw, index: Raw) -> Raw:
    axis, n = a["axis"], a.types[0].shape[a["axis"]]
    moved = np.moveaxis(x, axis + 1, 1)                                   # [batch, n, rest]
    safe = np.minimum(index, n - 1).astype(np.int64)
    rows = np.arange(len(x)).reshape(-1, *([1] * (index.ndim - 1)))
    picked = moved[rows, safe]                                            # [batch, *index, rest]
    inside = (index < n).reshape(index.shape + (1,) * (picked.ndim - index.ndim))
    picked = np.where(inside, picked, np.asarray(zero_bits(a.types[0]), x.dtype))
    taken = range(1, index.ndim)
    return _moved(a, np.moveaxis(picked, taken, range(axis + 1, axis + index.ndim)))


def _infer_update(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, index, v = types
    _is_index("update", index)
    if not t.rank or index.shape or v != t.with_shape(t.shape[1:]):
        wanted = t.with_shape(t.shape[1:]) if t.rank else "a tensor"
        raise error(f"update writes one {wanted} into {t} at a scalar index, got {v} at {index}")
    return t


def _update(a: Application, x: Raw, index: Raw, v: Raw) -> Raw:
    hit = np.arange(x.shape[1]) == index[:, None]
    return _moved(a, np.where(hit.reshape(hit.shape + (1,) * (x.ndim - 2)), v[:, None], x))


def _infer_window(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t = types[0]
    axis = axis_of("window", attributes["axis"], t)
    size, stride, dilation = (attributes[k] for k in ("size", "stride", "dilation"))
    reach = (size - 1) * dilation + 1
    if min(size, stride, dilation) < 1 or reach > t.shape[axis]:
        raise error(f"window: size {size}, stride {stride}, dilation {dilation} do not fit axis {axis} of {t}")
    count = (t.shape[axis] - reach) // stride + 1
    return t.with_shape((*t.shape[:axis], count, *t.shape[axis + 1:], size))


def _window(a: Application, x: Raw) -> Raw:
    axis, count = a["axis"], a.result.shape[a["axis"]]
    index = np.arange(count)[:, None] * a["stride"] + np.arange(a["size"]) * a["dilation"]
    return _moved(a, np.moveaxis(np.take(x, index, axis + 1), axis + 2, -1))


def _infer_pad(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, value = types
    before, after = attributes["before"], attributes["after"]
    if len(before) != t.rank or len(after) != t.rank or min((*before, *after), default=0) < 0:
        raise error(f"pad: before {list(before)} and after {list(after)} need one count for each axis of {t}")
    if value != t.scalar:
        raise error(f"pad fills with one {t.scalar}, got {value}")
    return t.with_shape(tuple(n + p + q for n, p, q in zip(t.shape, before, after, strict=True)))


def _pad(a: Application, x: Raw, value: Raw) -> Raw:
    out = np.broadcast_to(value.reshape(-1, *([1] * a.result.rank)), (len(x), *a.result.shape)).copy()
    out[(slice(None), *(slice(p, p + n) for p, n in zip(a["before"], a.types[0].shape, strict=True)))] = x
    return _moved(a, out)


def _infer_pack(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    assert declared is not None
    t = types[0]
    if not t.is_bit or not t.rank or t.shape[-1] != declared.width or declared.is_float:
        raise error(f"pack takes bits with a last axis of {declared.width} to make {declared.scalar}, got {t}")
    return declared.with_shape(t.shape[:-1])


def _pack(a: Application, x: Raw) -> Raw:
    width = a.types[0].shape[-1]
    weight = np.array([1 << k for k in range(width)], dtype=object if width > 62 else np.int64)
    word = (x * weight).sum(axis=-1)
    t = a.result
    if t.is_spin:
        return (2 * word - 1).astype(t.dtype)
    return (np.where(word > t.highest, word - (1 << width), word) if t.signed else np.asarray(word)).astype(t.dtype)


def _infer_unpack(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    if types[0].is_float:
        raise error(f"unpack takes exact types, got {types[0]}")
    return BIT.with_shape((*types[0].shape, types[0].width))


def raw_bits(t: Type, x: Raw) -> Raw:
    """Give the bits of raw numbers, least significant first: [...] -> [..., width] of 0 and 1 (int64)."""
    pattern = (x + 1) // 2 if t.is_spin else x
    if t.width > 62:
        pattern = pattern.astype(object)
    return np.stack([(pattern >> k) & 1 for k in range(t.width)], axis=-1).astype(np.int64)


def _infer_one_hot(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    _is_index("one_hot", types[0])
    if attributes["size"] < 1:
        raise error(f"one_hot: size {attributes['size']} is below 1")
    return BIT.with_shape((*types[0].shape, attributes["size"]))


def _infer_priority(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t = types[0]
    if not t.is_bit or not t.rank:
        raise error(f"priority takes a vector of bits, got {t}")
    return index_type(t.shape[-1], t.shape[:-1])


def _infer_element(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, index = types[0], attributes["index"]
    if not 0 <= index < t.size:
        raise error(f"element: {t} has no element {index}")
    return t.scalar


def _infer_stack(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, shape = same_types("stack", types), attributes["shape"]
    if t.rank or prod(shape) != len(types):
        raise error(f"stack makes shape {list(shape)} of {prod(shape)} scalars, got {len(types)} of {t}")
    return t.with_shape(shape)


_SHAPE, _AXIS, _LIST = Attribute(tuple), Attribute(int, 0), Attribute(tuple)

_VIEWS: tuple[OpDef, ...] = (
    OpDef("reshape", (1, 1), _infer_reshape, lambda a, x: _moved(a, x.reshape(len(x), *a.result.shape)),
          "The same elements, row major, in another shape.", {"shape": _SHAPE}, monotone=True),
    OpDef("transpose", (1, 1), _infer_transpose,
          lambda a, x: _moved(a, np.transpose(x, (0, *(i + 1 for i in a["order"])))),
          "The axes in another order: axis k of the result is axis order[k].", {"order": _LIST}, monotone=True),
    OpDef("broadcast", (1, 1), _infer_broadcast, _broadcast,
          "Repeated to a shape; axes[k] is where axis k of the operand lies.", {"shape": _SHAPE, "axes": _LIST},
          monotone=True),
    OpDef("slice", (1, 1), _infer_slice, _slice, "The part start:stop:step of each axis.",
          {"start": _LIST, "stop": _LIST, "step": Attribute(tuple, ())}, monotone=True),
    OpDef("window", (1, 1), _infer_window, _window,
          "Sliding windows over an axis: the axis becomes the window's number, a new last axis the place in it.",
          {"axis": _AXIS, "size": Attribute(int), "stride": Attribute(int, 1), "dilation": Attribute(int, 1)},
          monotone=True),
    OpDef("element", (1, 1), _infer_element, lambda a, x: _moved(a, x.reshape(len(x), -1)[:, a["index"]]),
          "One element, by its row-major number.", {"index": Attribute(int)}, monotone=True),
)

_JOINS: tuple[OpDef, ...] = (
    OpDef("concat", (1, None), _infer_concat, lambda a, *x: _moved(a, np.concatenate(x, a["axis"] + 1)),
          "Tensors joined along an axis.", {"axis": _AXIS}, monotone=True),
    OpDef("stack", (1, None), _infer_stack,
          lambda a, *x: _moved(a, np.stack(x, 1).reshape(len(x[0]), *a.result.shape)),
          "Scalars set row major into a shape.", {"shape": _SHAPE}, monotone=True),
    OpDef("pad", (2, 2), _infer_pad, _pad, "The tensor with before and after elements of the scalar on each axis.",
          {"before": _LIST, "after": _LIST}, monotone=True),
)

_INDEXING: tuple[OpDef, ...] = (
    OpDef("gather", (2, 2), _infer_gather, _gather,
          "The slices of an axis that an index tensor names; outside the axis all bits are zero.", {"axis": _AXIS}),
    OpDef("update", (3, 3), _infer_update, _update,
          "The tensor with row `index` of axis 0 replaced; unchanged where the index is outside."),
    OpDef("one_hot", (1, 1), _infer_one_hot,
          lambda a, x: settle(a, np.arange(a["size"]) == x[..., None], 0),
          "A bit vector with 1 at the index; all 0 where it is outside.", {"size": Attribute(int)}),
    OpDef("priority", (1, 1), _infer_priority, lambda a, x: settle(a, np.argmax(x != 0, axis=-1), 0),
          "The lowest index on the last axis whose bit is 1; 0 where none is."),
)

_BITS: tuple[OpDef, ...] = (
    OpDef("pack", (1, 1), _infer_pack, _pack, "Words of the declared type from bits on the last axis, lowest first.",
          declares=True),
    OpDef("unpack", (1, 1), _infer_unpack, lambda a, x: settle(a, raw_bits(a.types[0], x), 0),
          "The bits of each number on a new last axis, lowest first."),
)

OPS: tuple[OpDef, ...] = _VIEWS + _JOINS + _INDEXING + _BITS
__all__: list[Any] = ["OPS", "axis_of", "raw_bits", "zero_bits"]
