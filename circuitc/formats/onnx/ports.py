"""Ports of an ONNX model: what the caller says about inputs, and how results leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from circuitc.diagnostics import error, nearest
from circuitc.ir import F32, Encoding, Port, Type, Value, parse_type
from circuitc.models.layers import integer_constant
from circuitc.models.scaled import ONE, ZERO, Scaled, inner, move_point, reals, uniform

from ..files import identifier
from .elementwise import centered
from .proto import FLOAT, dtype_name
from .tensors import Context, Known, Real, Tensor

_INTEGERS = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "int32": "i32", "uint32": "u32",
             "bool": "bit", "uint4": "u4", "int4": "i4"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a caller says about an input that the file calls float: its real value is (number - zero_point) * scale.

    `type` is an exact element type, such as u8 or fx<16,6>; `scale` is exact, so that 1/255 is what it says.
    """

    type: str
    scale: Fraction = Fraction(1)
    zero_point: int = 0


def input_shape(message: Any, name: str, sequence: bool = False,
                length: int | None = None) -> tuple[tuple[int, ...], bool]:
    """Give an input's shape with a batch of 1, and whether its first axis is a batch (1, or without a number).

    Of a `sequence` the batch is axis 1. `length` is that of an axis that the file leaves free and is no batch.
    """
    tensor = message.type.tensor_type
    if message.type.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
        raise error(f"input {name}: has no static shape")
    shape: list[int] = []
    batched = False
    for axis, dim in enumerate(tensor.shape.dim):
        known = dim.WhichOneof("value") == "dim_value"
        if axis == int(sequence) and (not known or dim.dim_value in (0, 1)):
            batched = axis == 0
            shape.append(1)
        elif (not known or dim.dim_value < 1) and length is not None:
            shape.append(length)
        elif not known or dim.dim_value < 1:
            raise error(f"input {name}: axis {axis} has no fixed length", help=(
                f"only axis {int(sequence)}, the batch, may be free; the length of a sequence is given with `length`"))
        else:
            shape.append(int(dim.dim_value))
    return tuple(shape), batched


def input_port(message: Any, reading: Reading | None, taken: set[str], sequence: bool = False,
               length: int | None = None) -> tuple[Port, tuple[int, ...], bool]:
    """Give the port of an input, its shape in the model, and whether it has a batch axis."""
    name = message.name
    shape, batched = input_shape(message, name, sequence, length)
    kind = dtype_name(message.type.tensor_type.elem_type)
    if reading is not None:
        t = parse_type(reading.type)
        if t.rank or t.is_float:
            raise error(f"input {name}: is read as an exact element type such as u8 or fx<16,6>, got {t}")
        if reading.scale <= 0:
            raise error(f"input {name}: its scale is a positive number")
        encoding = Encoding(scale=float(reading.scale), zero_point=reading.zero_point)
    elif message.type.tensor_type.elem_type == FLOAT:
        t, encoding = F32, Encoding()
    elif kind in _INTEGERS:
        t, encoding = parse_type(_INTEGERS[kind]), Encoding()
    else:
        raise error(f"input {name}: holds {kind}, which is not read")
    return Port(unique(name, taken), t.with_shape(inner(shape)), encoding=encoding), shape, batched


def unique(name: str, taken: set[str]) -> str:
    """Make a port name of a tensor's, unlike the others."""
    wish = identifier(name or "tensor")
    found, count = wish, 1
    while found in taken:
        found, count = f"{wish}_{count}", count + 1
    taken.add(found)
    return found


def entering(value: Value, t: Type, shape: tuple[int, ...], reading: Reading | None) -> Tensor:
    """Give an input's tensor."""
    if t.is_float:
        return Real(value, shape)
    if reading is None:
        return Scaled(value, shape, ONE, ZERO)
    return Scaled(value, shape, reals(reading.scale), reals(-reading.zero_point * reading.scale))


def leaving(c: Context, name: str, x: Tensor) -> tuple[Value, Port]:
    """Give a result as a value and its port: exact numbers with their scale in the encoding, where one scale says all.

    Scales that differ by channel, and clipped numbers, leave as f32.
    """
    b = c.builder
    if isinstance(x, Known):
        whole = x.array.dtype.kind in "iub"
        if not whole:
            return c.real(x), Port(name, F32.with_shape(inner(x.shape)))
        value = integer_constant(b, x.array.astype(np.int64).reshape(inner(x.shape)))
        return value, Port(name, b.type(value))
    if isinstance(x, Scaled):
        x = move_point(b, centered(c, x) if uniform(x.scale) == 1 else x)
        scale, offset = uniform(x.scale), uniform(x.offset)
        if x.low is None and x.high is None and scale and offset is not None and _is_finite(scale, offset):
            return x.value, Port(name, b.type(x.value), encoding=Encoding(scale=float(scale), offset=float(offset)))
    value = c.real(x)
    return value, Port(name, b.type(value))


def _is_finite(scale: Fraction, offset: Fraction) -> bool:
    return 1e-300 < abs(scale) < Fraction(10)**300 and abs(offset) < Fraction(10)**300


def check_names(given: Mapping[str, Any] | Sequence[str], known: Sequence[str], what: str) -> None:
    """Refuse names that the graph does not have."""
    for name in given:
        if name not in known:
            raise error(f"the graph has no {what} {name!r}", help=nearest(name, known[:1000]))


__all__ = ["Reading", "check_names", "entering", "input_port", "leaving", "unique"]
