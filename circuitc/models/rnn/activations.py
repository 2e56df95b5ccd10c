"""The activations that ONNX lists for recurrent cells, as ops on f32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from circuitc.diagnostics import error, nearest
from circuitc.ir import F32, Builder, Value

from ..layers import like


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation by its name in ONNX (in any case), with its constants; None where ONNX gives the default."""

    name: str
    alpha: float | None = None
    beta: float | None = None

    def __post_init__(self) -> None:
        for value in (self.alpha, self.beta):
            if value is not None and not isfinite(value):
                raise error(f"alpha and beta of activation {self.name[:40]} are finite, got {value}")

    def apply(self, b: Builder, x: Value) -> Value:
        """Give the activation of each element."""
        row = ACTIVATIONS.get(self.name.lower())
        if row is None:
            raise error(f"there is no activation {self.name[:40]!r}", help=nearest(self.name.lower(), ACTIVATIONS))
        function, alpha, beta = row
        return function(b, x, alpha if self.alpha is None else self.alpha, beta if self.beta is None else self.beta)


Function = Callable[[Builder, Value, float, float], Value]


def _scaled(b: Builder, x: Value, factor: float) -> Value:
    return x if factor == 1 else b.apply("mul", x, like(b, x, factor))


def _relu(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return b.apply("max", x, like(b, x, 0.0))


def _leaky(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return b.apply("select", b.apply("lt", x, like(b, x, 0.0)), _scaled(b, x, alpha), x)


def _above(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return b.apply("select", b.apply("lt", like(b, x, alpha), x), x, like(b, x, 0.0))


def _tanh(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return _scaled(b, b.apply("tanh", _scaled(b, x, beta), type=b.type(x)), alpha)


def _sigmoid(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return b.apply("sigmoid", x, type=b.type(x))


def _affine(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return b.apply("add", _scaled(b, x, alpha), like(b, x, beta))


def _hard_sigmoid(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return b.apply("min", b.apply("max", _affine(b, x, alpha, beta), like(b, x, 0.0)), like(b, x, 1.0))


def _elu(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    low = b.apply("min", x, like(b, x, 0.0))
    curve = _scaled(b, b.apply("sub", b.apply("exp", low, type=b.type(x)), like(b, x, 1.0)), alpha)
    return b.apply("select", b.apply("lt", x, like(b, x, 0.0)), curve, x)


def _softsign(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    return b.apply("divide", x, b.apply("add", b.apply("abs", x), like(b, x, 1.0)), type=b.type(x))


def _softplus(b: Builder, x: Value, alpha: float, beta: float) -> Value:
    """max(x, 0) + log(1 + exp(-|x|)), which does not overflow."""
    small = b.apply("exp", b.apply("neg", b.apply("abs", x)), type=b.type(x))
    tail = b.apply("log", b.apply("add", small, like(b, x, 1.0)), type=F32.with_shape(b.type(x).shape))
    return b.apply("add", _relu(b, x, 0, 0), tail)


ACTIVATIONS: Mapping[str, tuple[Function, float, float]] = {  # the function, ONNX's defaults of alpha and beta
    "relu": (_relu, 0.0, 0.0), "tanh": (_tanh, 1.0, 1.0), "sigmoid": (_sigmoid, 0.0, 0.0),
    "affine": (_affine, 1.0, 0.0), "leakyrelu": (_leaky, 0.01, 0.0), "thresholdedrelu": (_above, 1.0, 0.0),
    "scaledtanh": (_tanh, 1.0, 1.0), "hardsigmoid": (_hard_sigmoid, 0.2, 0.5), "elu": (_elu, 1.0, 0.0),
    "softsign": (_softsign, 0.0, 0.0), "softplus": (_softplus, 0.0, 0.0)}

__all__ = ["ACTIVATIONS", "Activation"]
