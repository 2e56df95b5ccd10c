"""CfC: a liquid network whose differential equation is solved in closed form (Hasani et al. 2022).

    u = backbone([x, h])          f1 = F1 u, f2 = F2 u, t = sigmoid(Ta u dt + Tb u), each linear map with its bias
    default  h' = tanh f1 o (1 - t) + tanh f2 o t
    no_gate  h' = tanh f1 + tanh f2 o t
    pure     h' = a - a o exp(-dt (|w_tau| + |f1|)) o f1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import error, nearest
from circuitc.ir import Builder, Func, Value

from ..layers import like, spread
from ..rnn import Activation
from .base import Floats, Ops, Stepped, floats

MODES = ("default", "no_gate", "pure")


@dataclass(frozen=True, eq=False)
class Affine:
    """A linear map with a bias: [outputs, inputs] and [outputs]."""

    weights: Floats
    bias: Floats

    def apply(self, s: Ops, x: Value, what: str) -> Value:
        return s.add(s.times(self.weights, x, what), s.constant(self.bias, f"{what}_bias"))


@dataclass(frozen=True, eq=False)
class Cfc:
    """A cell: `maps` are ff1, ff2, time_a and time_b (ff1 alone in mode pure), `w_tau` and `a` [hidden] of mode pure.

    `dt` is the time of a step, or None where a step is told it.
    """

    mode: str
    activation: str
    backbone: tuple[Affine, ...]
    maps: Mapping[str, Affine]
    dt: float | None = 1.0
    w_tau: Floats | None = None
    a: Floats | None = None

    @property
    def hidden(self) -> int:
        return len(self.maps["ff1"].bias)

    @property
    def inputs(self) -> int:
        first = self.backbone[0] if self.backbone else self.maps["ff1"]
        return first.weights.shape[1] - self.hidden

    @property
    def state(self) -> Mapping[str, Floats]:
        return {"h": np.zeros(self.hidden, np.float32)}

    def funcs(self, name: str) -> Sequence[Func]:
        return ()

    def step(self, b: Builder, x: Value | None, state: Sequence[Value], dt: Value | None, name: str) -> Stepped:
        """Add one step: the answer is the next state."""
        assert x is not None, "a CfC reads an input"
        s = Ops(b, name)
        u = s.joined(x, state[0])
        for k, layer in enumerate(self.backbone):
            u = CURVES[self.activation](s, layer.apply(s, u, f"backbone{k}"))
        first = self.maps["ff1"].apply(s, u, "ff1")
        h = self._pure(s, first, dt) if self.mode == "pure" else self._gated(s, u, first, dt)
        return Stepped(h, (h,))

    def _gated(self, s: Ops, u: Value, first: Value, dt: Value | None) -> Value:
        one, two = s.curve("tanh", first), s.curve("tanh", self.maps["ff2"].apply(s, u, "ff2"))
        t = s.curve("sigmoid", self._time(s, u, dt))
        if self.mode == "no_gate":
            return s.add(one, s.mul(t, two))
        return s.add(one, s.mul(t, s.sub(two, one)))

    def _time(self, s: Ops, u: Value, dt: Value | None) -> Value:
        """Give Ta u dt + Tb u: one map where dt is known."""
        a, b = self.maps["time_a"], self.maps["time_b"]
        if dt is None:
            assert self.dt is not None
            weights, bias = (np.float64(self.dt) * p + q for p, q in ((a.weights, b.weights), (a.bias, b.bias)))
            return Affine(floats(weights, "time_a", (None, None)), floats(bias, "time_a", (None,))).apply(s, u, "time")
        moved = s.mul(a.apply(s, u, "time_a"), spread(s.b, dt, (self.hidden,)))
        return s.add(moved, b.apply(s, u, "time_b"))

    def _pure(self, s: Ops, first: Value, dt: Value | None) -> Value:
        assert self.w_tau is not None
        assert self.a is not None
        rate = s.add(s.b.apply("abs", first), s.constant(np.abs(self.w_tau), "w_tau"))
        if dt is None:
            faded = s.b.apply("mul", rate, like(s.b, rate, -np.float32(self.dt or 0.0)))
        else:
            faded = s.b.apply("neg", s.mul(rate, spread(s.b, dt, (self.hidden,))))
        left = s.mul(s.curve("exp", faded), first)
        return s.add(s.constant(self.a, "a"), s.scaled(left, -self.a, "minus_a"))


def _lecun(s: Ops, x: Value) -> Value:
    """LeCun's tanh, as ncps has it."""
    return Activation("ScaledTanh", 1.7159, 0.666).apply(s.b, x)


def _silu(s: Ops, x: Value) -> Value:
    return s.mul(x, s.curve("sigmoid", x))


def _gelu(s: Ops, x: Value) -> Value:
    """x times the normal distribution below x: 0.5 x (1 + erf(x / sqrt 2))."""
    share = s.curve("erf", s.mul(x, like(s.b, x, np.sqrt(0.5))))
    return s.mul(x, s.mul(s.add(share, like(s.b, x, 1.0)), like(s.b, x, 0.5)))


CURVES = {"lecun_tanh": _lecun, "tanh": lambda s, x: s.curve("tanh", x), "relu": lambda s, x: s.relu(x),
          "silu": _silu, "gelu": _gelu}


def cfc(mode: str, backbone: Sequence[tuple[Any, Any]], maps: Mapping[str, tuple[Any, Any]], *,
        activation: str = "lecun_tanh", dt: float | None = 1.0, w_tau: Any = None, a: Any = None) -> Cfc:
    """Make a cell of weights [outputs, inputs] and biases by the names in ncps: ff1, ff2, time_a, time_b."""
    for text, known in ((mode, MODES), (activation, tuple(CURVES))):
        if text not in known:
            raise error(f"a CfC has no {text[:40]!r}", help=nearest(text, known))
    if dt is not None and not (np.isfinite(dt) and dt > 0):
        raise error(f"the time of a step is above 0, got {dt}")
    wanted = ("ff1",) if mode == "pure" else ("ff1", "ff2", "time_a", "time_b")
    width: int | None = None
    layers: list[Affine] = []
    for k, (weights, bias) in enumerate(backbone):
        layers.append(_affine(f"backbone {k}", weights, bias, None, width))
        width = len(layers[-1].bias)
    found: dict[str, Affine] = {}
    for name in wanted:
        if name not in maps:
            raise error(f"a CfC of mode {mode} has a layer {name}")
        hidden = len(found["ff1"].bias) if found else None
        found[name] = _affine(name, *maps[name], hidden, width or (found["ff1"].weights.shape[1] if found else None))
    pure = [None if array is None else floats(np.ravel(array), name, (len(found["ff1"].bias),))
            for array, name in ((w_tau, "w_tau"), (a, "A"))]
    if mode == "pure" and any(p is None for p in pure):
        raise error("a CfC of mode pure has arrays w_tau and A")
    cell = Cfc(mode, activation, tuple(layers), found, dt, *pure)
    if cell.inputs < 1:
        raise error(f"the first layer reads {cell.inputs + cell.hidden} numbers: the {cell.hidden} of the state and no "
                    "input")
    return cell


def _affine(name: str, weights: Any, bias: Any, outputs: int | None, inputs: int | None) -> Affine:
    w = floats(weights, f"{name}.weight", (outputs, inputs))
    return Affine(w, floats(bias, f"{name}.bias", (len(w),)))


__all__ = ["CURVES", "MODES", "Affine", "Cfc", "cfc"]
