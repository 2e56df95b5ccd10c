"""UltraLIF in its hard limit: spiking layers over the max-plus semiring, an adder, a maximum and a comparison each.

UltraLIF (github.com/JomaMinoza/UltraLIF) smooths a neuron by LSE_e(x) = e log sum exp(x / e): V~ = LSE_e(V + log tau,
I), s = sigmoid((V~ - theta) / e), V = V~ (1 - s). For e -> 0 this is

    V~ := max(V + log tau, I)       I = weights . x + bias
    spike where V~ >= theta
    V := 0 where there was a spike, else V~

which exact types compute without rounding, but for log tau, which is rounded to the type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import BIT, STREAM, Builder, Constant, Func, Module, Port, Register, Type, Value, module_of

from ..layers import dense, integer_constant, like
from .core import raw


@dataclass(frozen=True, eq=False)
class UltraLayer:
    """Weights [n, inputs] and bias [n] of a layer, and `tau` in (0, 1] and `theta` of each neuron [n]."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    tau: NDArray[np.float64]
    theta: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.weights)
        if self.weights.ndim != 2 or not self.weights.size:
            raise error(f"weights of a layer are [neurons, inputs], got shape {list(self.weights.shape)}")
        for name in ("bias", "tau", "theta"):
            if getattr(self, name).shape != (n,):
                raise error(f"{name} has a number for each of {n} neurons, got {list(getattr(self, name).shape)}")
        if not np.all((self.tau > 0) & (self.tau <= 1)):
            raise error("tau lies above 0 and is at most 1")


def ultra_network(layers: Sequence[UltraLayer], t: Type, *, inputs: Literal["real", "spikes"] = "spikes",
                  name: str = "ultra", port: str = "x", output: str = "y") -> Module:
    """Give the `stream` func of layers in type `t` (a float, or a signed fixed-point type).

    An item is one step: `x` [inputs], bits or numbers of `t`; out come the spikes of the last layer. Weights, biases
    and thresholds that a fixed-point type does not hold are refused; voltages saturate.
    """
    if not layers or any(a.weights.shape[0] != b.weights.shape[1] for a, b in pairwise(layers)):
        raise error("the layers of a network fit each other, and there is at least one")
    if not t.is_float and (t.kind != "fixed" or not t.signed):
        raise error(f"voltages are floats or signed numbers, {t} is neither")
    b, t = Builder(), t.scalar
    kind = BIT if inputs == "spikes" else t
    x = b.input(port, kind.with_shape((layers[0].weights.shape[1],)))
    types = [t.with_shape((len(layer.weights),)) for layer in layers]
    registers = tuple(Register(f"v{k}", u, Constant(u, np.zeros(u.shape, u.dtype))) for k, u in enumerate(types))
    held = [b.input(r.name, r.type) for r in registers]
    entry, following = b.type(x), list[Value]()
    for layer, v in zip(layers, held, strict=True):
        x, after = _step(b, t, layer, x, v)
        following.append(after)
    func = Func(name, (Port(port, entry, "step"),), (Port(output, b.type(x), "step"),), b.finish([x, *following]),
                registers, STREAM)
    return module_of(func)


def _step(b: Builder, t: Type, layer: UltraLayer, x: Value, v: Value) -> tuple[Value, Value]:
    """Add one step of a layer: its spikes and its next voltages."""
    if t.is_float and not b.type(x).is_float:
        x = b.apply("convert", x, type=t.with_shape(b.type(x).shape))
    current = dense(b, x, _constant(b, t, layer.weights, "weights"))
    current = b.apply("add", current, _constant(b, t, layer.bias, "bias"))
    leak = np.log(layer.tau) if t.is_float else np.ldexp(np.rint(np.ldexp(np.log(layer.tau), t.fraction)), -t.fraction)
    leaked = b.apply("add", v, _constant(b, t, leak, "log_tau"))
    wide = b.type(v)
    if t.is_exact:
        current, leaked = (b.apply("requantize", part, type=wide) for part in (current, leaked))
    charged = b.apply("max", leaked, current, name="charged")
    theta = _constant(b, t, layer.theta, "theta")
    spike = b.apply("le", theta, charged, name="spike")
    return spike, b.apply("select", spike, like(b, charged, 0), charged, name="after")


def _constant(b: Builder, t: Type, numbers: Any, name: str) -> Value:
    if t.is_float:
        with np.errstate(over="ignore"):
            array = np.asarray(numbers).astype(t.dtype)
        if not np.all(np.isfinite(array)):
            raise error(f"{name} has a number beyond those of {t}")
        return b.constant(Constant(t.with_shape(array.shape), array), name)
    return integer_constant(b, raw(numbers, t, name).array, t.fraction, name)


__all__ = ["UltraLayer", "ultra_network"]
