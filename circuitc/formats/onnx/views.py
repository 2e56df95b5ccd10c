"""Operators that move elements and compute nothing, and those that speak of shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from circuitc.ir import Constant, Value, smallest
from circuitc.models import layers
from circuitc.models.scaled import Scaled, inner, uniform
from circuitc.models.steps import Reals

from .elementwise import Handler, fold
from .linear import reshaped, transposed
from .tensors import Context, Known, Operator, Real, Shape, Tensor

MAX_ELEMENTS = 1 << 28


def moved(c: Context, x: Tensor, shape: Shape, value: Callable[[Value], Value],
          scale: Callable[[Any], Any]) -> Tensor:
    """Move a tensor of the run: its value by one function, scales that are not uniform by the same move in numpy."""
    if isinstance(x, Real):
        return Real(value(x.value), shape)
    assert isinstance(x, Scaled)

    def same(v: Reals) -> Reals:
        if uniform(v) is not None:
            return np.asarray(v.ravel()[:1].reshape(()), dtype=object)
        return np.asarray(scale(np.broadcast_to(v, x.shape)), dtype=object)
    return replace(x, value=value(x.value), shape=shape, scale=same(x.scale), offset=same(x.offset))


def to_shape(c: Context, n: Operator, x: Tensor, shape: Shape) -> Tensor:
    """Give the same elements in another shape of the model."""
    if prod(shape) != prod(x.shape):
        raise n.fault(f"{list(x.shape)} cannot be brought to {list(shape)}",
                      "a shape that holds a batch above 1 does not fit: export with a batch of 1")
    if isinstance(x, Known):
        return reshaped(x, shape)
    return moved(c, x, shape, lambda v: layers.reshape(c.builder, v, inner(shape)), lambda a: a.reshape(shape))


def reshape(c: Context, n: Operator) -> Tensor:
    """Give another shape: -1 is what is left, 0 the old axis."""
    x = n.operand(0)
    wanted = n.integers(1, "shape", "shape")
    if wanted is None:
        raise n.fault("it has no shape")
    if len(wanted) > 16:
        raise n.fault(f"a shape of {len(wanted)} axes is not read")
    allow_zero = n.attributes.get("allowzero", 0)
    shape = [x.shape[k] if v == 0 and not allow_zero and k < len(x.shape) else v for k, v in enumerate(wanted)]
    if shape.count(-1) > 1 or any(v < -1 or v == 0 for v in shape):
        raise n.fault(f"{list(wanted)} is not a shape")
    rest = -prod(shape) if -1 in shape else 1
    shape = [prod(x.shape) // max(1, rest) if v == -1 else v for v in shape]
    return to_shape(c, n, x, tuple(shape))


def flatten(c: Context, n: Operator) -> Tensor:
    """Give a matrix: axes before `axis` and axes from it on."""
    x = n.operand(0)
    axis = int(n.attributes.get("axis", 1))
    if not -len(x.shape) <= axis <= len(x.shape):
        raise n.fault(f"axis {axis} is not one of {list(x.shape)}")
    axis = axis + len(x.shape) if axis < 0 else axis
    return to_shape(c, n, x, (prod(x.shape[:axis]), prod(x.shape[axis:])))


def squeeze(c: Context, n: Operator) -> Tensor:
    """Leave out axes of length 1."""
    x = n.operand(0)
    given = n.integers(1, "axes", "axes")
    axes = {n.axis(a, len(x.shape)) for a in given} if given is not None else {
        k for k, m in enumerate(x.shape) if m == 1}
    if any(x.shape[k] != 1 for k in axes):
        raise n.fault(f"axes {sorted(axes)} of {list(x.shape)} are not all of length 1")
    return to_shape(c, n, x, tuple(m for k, m in enumerate(x.shape) if k not in axes))


def unsqueeze(c: Context, n: Operator) -> Tensor:
    """Put in axes of length 1."""
    x = n.operand(0)
    given = n.integers(1, "axes", "axes")
    if given is None:
        raise n.fault("it has no axes")
    rank = len(x.shape) + len(given)
    axes = {n.axis(a, rank) for a in given}
    if len(axes) != len(given) or rank > 16:
        raise n.fault(f"axes {list(given)[:16]} do not fit {list(x.shape)}")
    rest = iter(x.shape)
    return to_shape(c, n, x, tuple(1 if k in axes else next(rest) for k in range(rank)))


def _keeps_batch(x: Tensor, shape: Shape) -> bool:
    return x.shape[:1] == (1,) and shape[:1] == (1,)


def transpose(c: Context, n: Operator) -> Tensor:
    """Give the axes in another order."""
    x = n.operand(0)
    rank = len(x.shape)
    order = tuple(int(v) for v in n.attributes.get("perm", range(rank)[::-1]))
    if sorted(order) != list(range(rank)):
        raise n.fault(f"{list(order)[:16]} does not name each axis of {list(x.shape)} once")
    if isinstance(x, Known):
        return transposed(x, order)
    shape = tuple(x.shape[k] for k in order)
    b = c.builder

    def move(v: Value) -> Value:
        if _keeps_batch(x, shape) and order[0] == 0:
            return b.apply("transpose", v, order=tuple(k - 1 for k in order[1:]), origin=n.place) if rank > 2 else v
        full = layers.reshape(b, v, x.shape)
        return layers.reshape(b, b.apply("transpose", full, order=order, origin=n.place), inner(shape))
    return moved(c, x, shape, move, lambda a: np.transpose(a, order))


def _cut(c: Context, n: Operator, x: Tensor, cuts: tuple[slice, ...]) -> Tensor:
    """Give a part of a tensor; steps are positive."""
    shape = tuple(len(range(*s.indices(m))) for s, m in zip(cuts, x.shape, strict=True))
    if min(shape, default=1) < 1:
        raise n.fault(f"the part of {list(x.shape)} is empty")
    if isinstance(x, Known):
        return fold(n, lambda v: v[cuts], x)
    ends = [s.indices(m) for s, m in zip(cuts, x.shape, strict=True)]

    def move(v: Value) -> Value:
        full = layers.reshape(c.builder, v, x.shape)
        part = c.builder.apply("slice", full, start=tuple(e[0] for e in ends), stop=tuple(e[1] for e in ends),
                               step=tuple(e[2] for e in ends), origin=n.place)
        return layers.reshape(c.builder, part, inner(shape))

    def move_inner(v: Value) -> Value:
        own = ends[1:]
        if not own:
            return v
        return c.builder.apply("slice", v, start=tuple(e[0] for e in own), stop=tuple(e[1] for e in own),
                               step=tuple(e[2] for e in own), origin=n.place)
    return moved(c, x, shape, move_inner if _keeps_batch(x, shape) else move, lambda a: a[cuts])


def slice_(c: Context, n: Operator) -> Tensor:
    """Give a part of some axes."""
    x = n.operand(0)
    start, stop = n.integers(1, "starts", "starts"), n.integers(2, "ends", "ends")
    if start is None or stop is None or len(start) != len(stop):
        raise n.fault("its starts and ends do not fit together")
    axes = n.integers(3, "axes", "axes") or tuple(range(len(start)))
    steps = n.integers(4, "steps", "steps") or (1,) * len(start)
    if not len(axes) == len(steps) == len(start):
        raise n.fault("its axes and steps do not fit its starts")
    if any(s < 1 for s in steps):
        raise n.fault("steps below 1 are not read")
    cuts = [slice(None)] * len(x.shape)
    for axis, i, j, s in zip(axes, start, stop, steps, strict=True):
        cuts[n.axis(axis, len(x.shape))] = slice(i, j, s)
    return _cut(c, n, x, tuple(cuts))


def split(c: Context, n: Operator) -> tuple[Tensor, ...]:
    """Give the parts of an axis."""
    x = n.operand(0)
    axis = n.axis(int(n.attributes.get("axis", 0)), len(x.shape))
    sizes = n.integers(1, "split", "sizes")
    if sizes is None:
        count = int(n.attributes.get("num_outputs", n.results))
        part = -(-x.shape[axis] // max(1, count))
        sizes = (*([part] * (count - 1)), x.shape[axis] - part * (count - 1))
    if len(sizes) != n.results or sum(sizes) != x.shape[axis] or min(sizes) < 1:
        raise n.fault(f"parts {list(sizes)[:16]} do not make up axis {axis} of {list(x.shape)}")
    ends = np.cumsum((0, *sizes))
    return tuple(_cut(c, n, x, tuple(slice(int(ends[k]), int(ends[k + 1])) if a == axis else slice(None)
                                     for a in range(len(x.shape)))) for k in range(len(sizes)))


def concat(c: Context, n: Operator) -> Tensor:
    """Join tensors along an axis."""
    parts = [n.operand(k) for k in range(len(n.operands))]
    if not parts or "axis" not in n.attributes:
        raise n.fault("it joins at least one tensor along an axis")
    axis = n.axis(int(n.attributes["axis"]), len(parts[0].shape))
    others = {(len(x.shape), tuple(m for k, m in enumerate(x.shape) if k != axis)) for x in parts}
    if len(others) != 1:
        raise n.fault(f"shapes {', '.join(str(list(x.shape)) for x in parts[:5])} cannot be joined along axis {axis}")
    if all(isinstance(x, Known) for x in parts):
        return fold(n, lambda *v: np.concatenate(v, axis), *(x for x in parts if isinstance(x, Known)))
    c.refuse_batch(n, (axis,), parts[0].shape)
    shape = tuple(sum(x.shape[axis] for x in parts) if k == axis else m for k, m in enumerate(parts[0].shape))
    b = c.builder
    exact = _one_grid(c, parts)
    values = exact if exact is not None else [c.real(x) for x in parts]
    lost = 1 if _keeps_batch(parts[0], shape) and axis > 0 else 0
    if not lost:
        values = [layers.reshape(b, v, x.shape) for v, x in zip(values, parts, strict=True)]
    value = layers.reshape(b, b.apply("concat", *values, axis=axis - lost, origin=n.place), inner(shape))
    first = parts[0]
    return replace(first, value=value, shape=shape) if exact is not None and isinstance(first, Scaled) else (
        Real(value, shape))


def _one_grid(c: Context, parts: list[Tensor]) -> list[Value] | None:
    """Give the values of exact tensors of one scale in one type, or None."""
    first = parts[0]
    if not isinstance(first, Scaled) or first.one_scale is None:
        return None
    b = c.builder
    values: list[Value] = []
    for x in parts:
        if not isinstance(x, Scaled) or x.one_scale != first.one_scale:
            return None
        values.append(x.value)
    types = [b.type(v).scalar for v in values]
    if len(set(types)) == 1:
        return values
    values = [layers.numbers(b, v) for v in values]
    types = [b.type(v).scalar for v in values]
    fraction = max(t.fraction for t in types)
    wide = smallest(min(t.lowest << (fraction - t.fraction) for t in types),
                    max(t.highest << (fraction - t.fraction) for t in types), fraction)
    return [b.apply("convert", v, type=wide) for v in values]


def gather(c: Context, n: Operator) -> Tensor:
    """Give the elements of an axis that known indices name."""
    x, index = n.operand(0), n.known(1, "indices")
    axis = n.axis(int(n.attributes.get("axis", 0)), len(x.shape))
    if index.array.dtype.kind not in "iu" or np.any((index.array < -x.shape[axis]) | (index.array >= x.shape[axis])):
        raise n.fault(f"its indices are not all of an axis of {x.shape[axis]}")
    places = np.where(index.array < 0, index.array + x.shape[axis], index.array)
    if isinstance(x, Known):
        return fold(n, lambda v: np.take(v, places, axis), x)
    shape = (*x.shape[:axis], *places.shape, *x.shape[axis + 1:])
    b = c.builder

    def move(v: Value) -> Value:
        full = layers.reshape(b, v, x.shape)
        rows = layers.integer_constant(b, places.reshape(places.shape), 0, "index")
        return layers.reshape(b, b.apply("gather", full, rows, axis=axis, origin=n.place), inner(shape))
    return moved(c, x, shape, move, lambda a: np.take(a, places, axis))


def pad(c: Context, n: Operator) -> Tensor:
    """Put known numbers around a tensor."""
    x = n.operand(0)
    if n.attributes.get("mode", b"constant") != b"constant":
        raise n.fault(f"mode {n.attributes['mode']!r} is not read, only constant")
    pads = n.integers(1, "pads", "pads")
    axes = n.integers(3, "axes", "axes") or tuple(range(len(x.shape)))
    if pads is None or len(pads) != 2 * len(axes) or any(not 0 <= p <= 1 << 20 for p in pads):
        raise n.fault("its pads are two counts for each axis, none below 0")
    before, after = [0] * len(x.shape), [0] * len(x.shape)
    for k, axis in enumerate(axes):
        place = n.axis(axis, len(x.shape))
        before[place], after[place] = pads[k], pads[k + len(axes)]
    filler = n.known(2, "value").array.ravel() if n.optional(2) is not None else np.zeros(1, np.float32)
    shape = tuple(m + p + q for m, p, q in zip(x.shape, before, after, strict=True))
    if prod(shape) > MAX_ELEMENTS:
        raise n.fault(f"shape {list(shape)} has more than {MAX_ELEMENTS} elements")
    fill = float(filler[0])
    if isinstance(x, Known):
        return fold(n, lambda v: np.pad(v, list(zip(before, after, strict=True)), constant_values=fill), x)
    c.refuse_batch(n, [k for k in range(len(shape)) if before[k] + after[k]], x.shape)
    b = c.builder
    exact = isinstance(x, Scaled) and x.is_linear and fill == 0
    value = layers.numbers(b, x.value) if exact and isinstance(x, Scaled) else c.real(x)
    lost = 1 if _keeps_batch(x, shape) else 0
    t = b.type(value)
    zero = b.constant(Constant(t.scalar, np.array(0 if exact else fill, dtype=t.dtype)))
    if not lost:
        value = layers.reshape(b, value, x.shape)
    value = layers.reshape(b, b.apply("pad", value, zero, before=tuple(before[lost:]), after=tuple(after[lost:]),
                                      origin=n.place), inner(shape))
    if exact and isinstance(x, Scaled):
        scale = x.scale if uniform(x.scale) is not None else np.pad(
            np.broadcast_to(x.scale, x.shape), list(zip(before, after, strict=True)), mode="edge")
        return replace(x, value=value, shape=shape, scale=np.asarray(scale, dtype=object))
    return Real(value, shape)


def expand(c: Context, n: Operator) -> Tensor:
    """Repeat to a known shape."""
    x, wanted = n.operand(0), n.integers(1, "shape", "shape")
    if wanted is None or any(m < 1 for m in wanted) or prod(wanted) > MAX_ELEMENTS:
        raise n.fault("its shape is not one to repeat to")
    try:
        shape = np.broadcast_shapes(x.shape, wanted)
    except ValueError:
        raise n.fault(f"{list(x.shape)} cannot be repeated to {list(wanted)}") from None
    if isinstance(x, Known):
        return fold(n, lambda v: np.broadcast_to(v, shape), x)
    return moved(c, x, shape, lambda v: c.aligned(v, x.shape, shape), lambda a: np.broadcast_to(a, shape))


def identity(c: Context, n: Operator) -> Tensor:
    """Give the tensor itself."""
    return n.operand(0)


def dropout(c: Context, n: Operator) -> Tensor:
    """Give the tensor itself; training is refused."""
    training = n.optional(2)
    if n.results > 1 or (training is not None and not (
            isinstance(training, Known) and not np.any(training.array))):
        raise n.fault("dropout in training is not read")
    return n.operand(0)


def shape_of(c: Context, n: Operator) -> Tensor:
    """Give the shape, the batch being 1."""
    shape = n.operand(0).shape
    start, end = n.attributes.get("start", 0), n.attributes.get("end", len(shape))
    return Known(np.array(shape[start:end], dtype=np.int64))


def constant_of_shape(c: Context, n: Operator) -> Tensor:
    """Give one number in a known shape."""
    shape = n.integers(0, "", "shape") or ()
    value = n.attributes.get("value", np.zeros(1, np.float32))
    if any(m < 1 for m in shape) or prod(shape) > MAX_ELEMENTS:
        raise n.fault(f"{list(shape)[:16]} is not a shape")
    return Known(np.full(shape, value.ravel()[0]))


def constant(c: Context, n: Operator) -> Tensor:
    """Give what the node holds."""
    for key in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if key in n.attributes:
            kind = None if key == "value" else np.float32 if "float" in key else np.int64
            return Known(np.asarray(n.attributes[key], dtype=kind))
    raise n.fault("its value is none of a tensor, numbers or a number")


_CASTS = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}


def cast(c: Context, n: Operator) -> Tensor:
    """Change the type of known numbers; of numbers of the run to float, which changes none."""
    x, to = n.operand(0), int(n.attributes.get("to", 0))
    if isinstance(x, Known) and to in _CASTS:
        return fold(n, lambda v: v.astype(_CASTS[to]), x)
    if to in (1, 11):
        return x
    if isinstance(x, Scaled) and x.is_plain and c.builder.type(x.value).fraction == 0 and to in (6, 7):
        return x
    raise n.fault("numbers of the run are cast to float only")


OPERATORS: Mapping[str, Handler] = {
    "Reshape": reshape, "Flatten": flatten, "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Transpose": transpose,
    "Slice": slice_, "Concat": concat, "Gather": gather, "Pad": pad, "Expand": expand, "Identity": identity,
    "Dropout": dropout, "Shape": shape_of, "ConstantOfShape": constant_of_shape, "Constant": constant, "Cast": cast,
}
SEVERAL: Mapping[str, Callable[[Context, Operator], tuple[Tensor, ...]]] = {"Split": split}
