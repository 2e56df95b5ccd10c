"""What a tensor of an ONNX graph is while it is read: known numbers, exact scaled integers, or floats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import F32, Builder, Constant, Func, Value
from circuitc.models.layers import reshape, spread
from circuitc.models.scaled import Scaled, channels, inner, to_float
from circuitc.models.steps import Reals

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A tensor known on reading; where a quantizer made it, it is `integers` times `scale` (which broadcasts)."""

    array: NDArray[Any]
    integers: NDArray[Any] | None = None
    scale: Reals | None = None

    @property
    def shape(self) -> Shape:
        return self.array.shape


@dataclass(frozen=True, slots=True)
class Real:
    """A tensor of floats: a value of f32 without a leading axis of 1."""

    value: Value
    shape: Shape


Tensor = Known | Real | Scaled


@dataclass(frozen=True, slots=True)
class Operator:
    """One node of the graph, its operands looked up. `place` says where it is, for people."""

    kind: str
    place: str
    opset: int
    operands: tuple[Tensor | None, ...]
    attributes: Mapping[str, Any]
    results: int = 1

    def fault(self, message: str, help: str = "") -> CircuitError:
        """Make the error that says what cannot be read about this node."""
        return error(f"{self.place}: {message}", help=help)

    def operand(self, index: int) -> Tensor:
        """Give an operand that must be there."""
        found = self.operands[index] if index < len(self.operands) else None
        if found is None:
            raise self.fault(f"operand {index} is missing")
        return found

    def optional(self, index: int) -> Tensor | None:
        """Give an operand or None."""
        return self.operands[index] if index < len(self.operands) else None

    def known(self, index: int, what: str) -> Known:
        """Give an operand whose numbers must be in the file."""
        found = self.operand(index)
        if not isinstance(found, Known):
            raise self.fault(f"its {what} is computed at run time, it must be a constant of the file")
        return found

    def integers(self, index: int, attribute: str, what: str) -> tuple[int, ...] | None:
        """Give a list of integers that is an operand, or an attribute in older operator sets; None without either."""
        if index < len(self.operands) and self.operands[index] is not None:
            array = self.known(index, what).array
            if array.dtype.kind not in "iu" or array.ndim > 1:
                raise self.fault(f"its {what} are a list of whole numbers, got {array.dtype} of {list(array.shape)}")
            return tuple(int(v) for v in array.ravel())
        found = self.attributes.get(attribute)
        return None if found is None else tuple(int(v) for v in found)

    def axis(self, axis: int, rank: int) -> int:
        """Bring an axis number, which may count from the end, to 0..rank-1."""
        if not -rank <= axis < rank:
            raise self.fault(f"axis {axis} is not an axis of {rank}")
        return axis % rank


@dataclass
class Context:
    """The program being grown, and what was found out about exactness on the way."""

    builder: Builder = field(default_factory=Builder)
    exact: list[str] = field(default_factory=list)
    floats: list[str] = field(default_factory=list)
    batched: bool = True
    funcs: list[Func] = field(default_factory=list[Func])   # what the program calls

    def real(self, x: Tensor, shape: Shape | None = None, origin: str = "") -> Value:
        """Give a tensor as f32, repeated to a shape of the model by numpy's rules; exact values are rounded."""
        b = self.builder
        shape = x.shape if shape is None else shape
        match x:
            case Known():
                small = channels(x.array, shape).astype(np.float32)
                return spread(b, b.constant(Constant(F32.with_shape(small.shape), small)), inner(shape))
            case Real():
                return self.aligned(x.value, x.shape, shape)
            case Scaled():
                return self.aligned(to_float(b, x, origin), x.shape, shape)

    def aligned(self, value: Value, own: Shape, shape: Shape) -> Value:
        """Repeat a value of a model's shape `own` to another shape of the model."""
        full = (1,) * (len(shape) - len(own)) + tuple(own)
        return spread(self.builder, reshape(self.builder, value, full[1:] if shape[:1] == (1,) else full), inner(shape))

    def note(self, n: Operator, result: Tensor) -> None:
        """Remember which way a node went."""
        if isinstance(result, Known):
            return
        (self.exact if isinstance(result, Scaled) else self.floats).append(n.place)

    def refuse_batch(self, n: Operator, axes: Sequence[int], shape: Shape) -> None:
        """Refuse to fold over the batch: samples never see each other."""
        if self.batched and 0 in axes and shape[:1] == (1,) and len(shape) > 1:
            raise n.fault("it works along axis 0, the batch: samples never see each other")


def broadcast(n: Operator, *shapes: Shape) -> Shape:
    """Give the shape that operands repeat to, or refuse them."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise n.fault(f"operands of shapes {' and '.join(str(list(s)) for s in shapes)} do not fit together") from None
