"""Where a step is written: the builder, the type of real numbers, constants spread over shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Builder, Constant, Type, Value

from ..layers import spread


@dataclass(frozen=True, slots=True)
class Scope:
    """A body that is being written; `real_type` is f32 or f64."""

    real_type: Type
    b: Builder = field(default_factory=Builder)

    def constant(self, array: Any, name: str, like: Value | None = None) -> Value:
        """Add a constant of real numbers, spread over the shape of `like` by numpy's rules."""
        array = np.asarray(array, np.float64)
        shape = array.shape if like is None else self.b.type(like).shape
        if array.shape != shape and array.size != 1:
            array = _repeated(array, shape)
        if like is not None and bool(np.all(array == array.flat[0])):
            array = array.ravel()[:1].reshape(())
        with np.errstate(over="ignore"):
            value = array.astype(self.real_type.dtype)
        if not np.all(np.isfinite(value)):
            raise error(f"{name} has a number beyond those of {self.real_type}")
        return spread(self.b, self.b.constant(Constant(self.real_type.with_shape(value.shape), value), name), shape)

    def real(self, value: Value) -> Value:
        """Give bits as the numbers 0 and 1, real numbers as they are."""
        t = self.b.type(value)
        return value if t.is_float else self.b.apply("convert", value, type=self.real_type.with_shape(t.shape))


def _repeated(array: Any, shape: tuple[int, ...]) -> Any:
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise error(f"a parameter of shape {list(array.shape)} does not fit values of shape {list(shape)}") from None


__all__ = ["Scope"]
