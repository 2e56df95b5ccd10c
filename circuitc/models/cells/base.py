"""What the cells share: what a step answers, arrays of f32 that were checked, products and sums with constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Builder, Func, Value

from ..layers import dense, float_constant, like

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step's results: what the cell answers, its next state, and by name what else can be seen of the step."""

    y: Value
    following: tuple[Value, ...]
    seen: Mapping[str, Value] = field(default_factory=dict[str, Value])


class Cell(Protocol):
    """A recurrent cell: how many numbers it reads (0: none), its first state, a step, and funcs that the step calls."""

    @property
    def inputs(self) -> int: ...

    @property
    def state(self) -> Mapping[str, Floats]: ...

    def step(self, b: Builder, x: Value | None, state: Sequence[Value], dt: Value | None, name: str) -> Stepped: ...

    def funcs(self, name: str) -> Sequence[Func]: ...


@dataclass(frozen=True, slots=True)
class Ops:
    """A step on its way: short names for ops on vectors, with a prefix for the names of weights."""

    b: Builder
    name: str

    def constant(self, array: Any, what: str) -> Value:
        return float_constant(self.b, array, f"{self.name}_{what}")

    def times(self, matrix: Any, x: Value, what: str) -> Value:
        """Multiply a vector by a constant matrix; the product is the layer `NAME_WHAT` for passes."""
        return dense(self.b, x, self.constant(matrix, f"{what}_w"), f"{self.name}_{what}")

    def scaled(self, x: Value, array: Any, what: str) -> Value:
        return self.b.apply("mul", x, self.constant(array, what))

    def add(self, *values: Value) -> Value:
        return values[0] if len(values) == 1 else self.b.apply("add", *values)

    def sub(self, x: Value, y: Value) -> Value:
        return self.b.apply("sub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        return self.b.apply("mul", x, y)

    def relu(self, x: Value) -> Value:
        return self.b.apply("max", x, like(self.b, x, 0.0))

    def positive(self, x: Value) -> Value:
        """Give a bit for each number: whether it is above 0."""
        return self.b.apply("lt", like(self.b, x, 0.0), x)

    def curve(self, op: str, x: Value) -> Value:
        """Apply a function such as tanh."""
        return self.b.apply(op, x, type=self.b.type(x))

    def part(self, x: Value, start: int, stop: int) -> Value:
        """Give elements start:stop of a vector."""
        if (start, stop) == (0, self.b.type(x).size):
            return x
        return self.b.apply("slice", x, start=(start,), stop=(stop,))

    def joined(self, *values: Value) -> Value:
        return values[0] if len(values) == 1 else self.b.apply("concat", *values, axis=0)


def floats(array: Any, name: str, shape: Sequence[int | None]) -> Floats:
    """Give an array as f32, of a shape where None is any length; refuses others and numbers that are not finite."""
    with np.errstate(over="ignore"):
        found = np.asarray(array, np.float64).astype(np.float32)
    if found.ndim != len(shape) or any(w not in (None, n) for n, w in zip(found.shape, shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise error(f"{name} has shape {list(found.shape)}, [{wanted}] is needed")
    if not found.size:
        raise error(f"{name} is empty")
    if not np.all(np.isfinite(found)):
        raise error(f"{name} has a number beyond those of f32")
    return found


__all__ = ["Cell", "Floats", "Ops", "Stepped", "floats"]
