"""LTC: a liquid time-constant network, each step some steps of a fused implicit Euler solver (Hasani et al. 2021).

With S_ij = sigmoid(sigma_ij (v_i - mu_ij)) from unit i to unit j, the same for inputs, and k = unfolds cm / dt:

    v_j <- (k_j v_j + g_j vleak_j + sum_i w_ij erev_ij S_ij + sensory sum)
           / (k_j + g_j + sum_i w_ij S_ij + sensory sum + epsilon)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import F32, Builder, Func, Port, Value

from .base import Floats, Ops, Stepped, floats


@dataclass(frozen=True, eq=False)
class Synapses:
    """All synapses from some neurons to the units: arrays [sources, units]; `w` is 0 where there is none."""

    sigma: Floats
    mu: Floats
    w: Floats
    reversal: Floats

    def sums(self, s: Ops, v: Value, what: str) -> tuple[Value, Value]:
        """Give what flows into each unit: the sum of w erev S, and the sum of w S."""
        wide = s.b.apply("broadcast", v, shape=self.w.shape, axes=(0,))
        gap = s.sub(wide, s.constant(self.mu, f"{what}_mu"))
        opened = s.curve("sigmoid", s.scaled(gap, self.sigma, f"{what}_sigma"))
        pulled = (self.w.astype(np.float64) * self.reversal).astype(np.float32)
        return self._sum(s, opened, pulled, f"{what}_reversal"), self._sum(s, opened, self.w, f"{what}_w")

    @staticmethod
    def _sum(s: Ops, opened: Value, weights: Floats, what: str) -> Value:
        return s.b.apply("contract", opened, s.constant(weights, f"{what}_of"), spec="ij,ij->j",
                         name=f"{s.name}_{what}")


@dataclass(frozen=True, eq=False)
class Ltc:
    """A cell: synapses among units and from inputs, and for each unit its conductance, potential and capacity.

    `input_w` and `input_b` [inputs], `output_w` and `output_b` [motors] scale what comes in and goes out; the answer
    is the first `motors` units'.
    """

    inner: Synapses
    sensory: Synapses
    leak: Floats
    v_leak: Floats
    capacity: Floats
    input_w: Floats
    input_b: Floats
    output_w: Floats
    output_b: Floats
    unfolds: int = 6
    dt: float = 1.0
    epsilon: float = 1e-8

    @property
    def units(self) -> int:
        return len(self.leak)

    @property
    def inputs(self) -> int:
        return len(self.input_w)

    @property
    def state(self) -> Mapping[str, Floats]:
        return {"v": np.zeros(self.units, np.float32)}

    def funcs(self, name: str) -> Sequence[Func]:
        """Give the func of one inner step, which a step calls `unfolds` times."""
        b, t = Builder(), F32.with_shape((self.units,))
        v, flow, open_ = (b.input(n, t) for n in ("v", "flow", "open"))
        s = Ops(b, "unfold")
        pulled, opened = self.inner.sums(s, v, "inner")
        k = self.capacity.astype(np.float64) * self.unfolds / self.dt
        above = s.add(s.scaled(v, k, "capacity"), pulled, flow,
                      s.constant(self.leak.astype(np.float64) * self.v_leak, "leak_current"))
        below = s.add(opened, open_, s.constant(k + self.leak + self.epsilon, "leak"))
        after = b.apply("divide", above, below, type=t, name="after")
        ports = tuple(Port(n, t) for n in ("v", "flow", "open"))
        return [Func(f"{name}_unfold", ports, (Port("after", t),), b.finish([after]))]

    def step(self, b: Builder, x: Value | None, state: Sequence[Value], dt: Value | None, name: str) -> Stepped:
        """Add one step: the sensory sums once, then the inner steps; the answer is the motor units'."""
        assert x is not None, "an LTC reads an input"
        s, v = Ops(b, name), state[0]
        mapped = s.add(s.scaled(x, self.input_w, "input_w"), s.constant(self.input_b, "input_b"))
        flow, open_ = self.sensory.sums(s, mapped, "sensory")
        for _ in range(self.unfolds):
            v = b.call(f"{name}_unfold", "after", b.type(v), v, flow, open_)
        motors = s.part(v, 0, len(self.output_w))
        y = s.add(s.scaled(motors, self.output_w, "output_w"), s.constant(self.output_b, "output_b"))
        return Stepped(y, (v,))


def ltc(arrays: Mapping[str, Any], *, unfolds: int = 6, dt: float = 1.0, epsilon: float = 1e-8,
        implicit: bool = True) -> Ltc:
    """Make a cell of arrays by the names in ncps; `implicit`: w, cm and gleak go through a softplus, as ncps has it
    unless it is told otherwise.

    Without `input_w`, `input_b`, `output_w`, `output_b` nothing is scaled, and all units answer.
    """
    def positive(name: str) -> Any:
        raw = _given(arrays, name).astype(np.float64)
        found = np.logaddexp(0.0, raw) if implicit else raw
        if np.any(found < 0):
            raise error(f"{name} has a number below 0, which the solver divides by in the end",
                        help="train with weight constraints, or say that they are implicit")
        return found
    if not 1 <= unfolds <= 256:
        raise error(f"an LTC has 1 to 256 inner steps, got {unfolds}")
    if not (np.isfinite(dt) and dt > 0 and np.isfinite(epsilon) and epsilon >= 0):
        raise error(f"the time of a step is above 0 and epsilon not below, got {dt} and {epsilon}")
    leak = floats(positive("gleak"), "gleak", (None,))
    units = len(leak)

    def synapses(prefix: str, sources: int | None) -> Synapses:
        shape = (sources, units)
        w = floats(positive(f"{prefix}w"), f"{prefix}w", shape)
        sigma, mu, reversal = (floats(_given(arrays, prefix + n), prefix + n, w.shape) for n in ("sigma", "mu", "erev"))
        mask = arrays.get(f"{prefix}sparsity_mask")
        kept = w if mask is None else w * floats(mask, f"{prefix}sparsity_mask", w.shape)
        return Synapses(sigma, mu, kept, reversal)
    inner, sensory = synapses("", units), synapses("sensory_", None)
    inputs = len(sensory.w)
    output_w = _or(arrays, "output_w", None, np.ones(units))
    return Ltc(inner, sensory, leak, floats(_given(arrays, "vleak"), "vleak", (units,)),
               floats(positive("cm"), "cm", (units,)), _or(arrays, "input_w", inputs, np.ones(inputs)),
               _or(arrays, "input_b", inputs, np.zeros(inputs)), output_w,
               _or(arrays, "output_b", len(output_w), np.zeros(len(output_w))), unfolds, dt, epsilon)


def _given(arrays: Mapping[str, Any], name: str) -> Any:
    if arrays.get(name) is None:
        raise error(f"an LTC has an array {name}")
    return np.asarray(arrays[name])


def _or(arrays: Mapping[str, Any], name: str, size: int | None, otherwise: Any) -> Floats:
    return floats(otherwise if arrays.get(name) is None else arrays[name], name, (size,))


__all__ = ["Ltc", "Synapses", "ltc"]
