"""One time step of each neuron, with numbers that do not change computed beforehand in doubles.

NIR gives differential equations and no steps. Of a leaky state `tau v' = v_leak - v + R I`, with `keep` the share that
is left after a step (euler: 1 - dt/tau; exact: exp(-dt/tau)), a step is

    v := keep v + (1 - keep) (v_leak + R I)

which under `exact` is the solution where I is held for the step. A spike counts as the input 1 for one step. Then
`spike = v > v_threshold`, and where there is one, `v := v_reset`.

The current of CubaLI and CubaLIF is stepped first. Under `euler` the voltage then takes the new current, so that a
spike is felt in the step it comes in; under `exact` both equations are solved together for an input held for the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Value

from .network import Timing
from .nodes import Node
from .scope import Scope

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step of a neuron gives: its output, and the next value of each state."""

    output: Value
    states: tuple[Value, ...]


def states(node: Node) -> tuple[str, ...]:
    """Name the states of a neuron, as in its equations."""
    return ("v", "i") if node.kind.startswith("Cuba") else ("v",)


def step(scope: Scope, name: str, node: Node, timing: Timing, x: Value, held: tuple[Value, ...]) -> Stepped:
    """Add one step of a neuron that hears x and holds these states."""
    v, after = _VOLTAGES[node.kind](_Neuron(scope, name, node, timing), x, held)
    if "v_threshold" not in node.parameters:
        return Stepped(v, (v, *after))
    threshold = scope.constant(node.array("v_threshold"), f"{name}_threshold", x)
    spike = scope.b.apply("lt", threshold, v, name=f"{name}_spike")
    reset = scope.constant(node.array("v_reset"), f"{name}_reset", x)
    return Stepped(spike, (scope.b.apply("select", spike, reset, v, name=f"{name}_after"), *after))


@dataclass(frozen=True, slots=True)
class _Neuron:
    """A neuron on its way: where its step is written, and its parameters."""

    scope: Scope
    name: str
    node: Node
    timing: Timing

    def parameter(self, name: str) -> Floats:
        return self.node.array(name)

    def tau(self, name: str) -> Floats:
        """Give a time constant in steps, rounded to a power of two where leaks are shifts."""
        steps = self.parameter(name) / self.timing.dt
        if not np.all(steps > 0):
            raise error(f"{name} is not positive")
        if self.timing.decay == "shift":
            return np.exp2(np.maximum(0, np.rint(np.log2(steps))))
        return steps

    def keep(self, name: str) -> Floats:
        """Give the share of a state that is left after a step."""
        steps = self.tau(name)
        if self.timing.scheme == "exact":
            return np.exp(-1 / steps)
        if np.any(steps < 0.5):
            raise error(f"dt {self.timing.dt:g} is more than twice {name} {float(self.parameter(name).min()):g}: "
                        "the state would grow without end", help="take a smaller dt, or scheme=exact")
        return 1 - 1 / steps

    def sum(self, terms: Mapping[str, tuple[Floats, Value]], rest: Floats, what: str) -> Value:
        """Add products of constants and values, and a constant: those that are 1 or 0 everywhere cost nothing."""
        s, parts = self.scope, list[Value]()
        for letter, (factor, value) in terms.items():
            if np.all(factor == 1):
                parts.append(value)
            elif np.any(factor != 0):
                parts.append(s.b.apply("mul", value, s.constant(factor, f"{self.name}_{what}_{letter}", value)))
        some = next(iter(terms.values()))[1]
        if np.any(rest != 0) or not parts:
            parts.append(s.constant(rest, f"{self.name}_{what}_rest", some))
        return parts[0] if len(parts) == 1 else s.b.apply("add", *parts, name=f"{self.name}_{what}")


def _integrated(n: _Neuron, x: Value, held: tuple[Value, ...]) -> tuple[Value, tuple[Value, ...]]:
    """v := v + dt R I; both schemes agree."""
    one, none = np.ones(()), np.zeros(())
    return n.sum({"v": (one, held[0]), "x": (n.timing.dt * n.parameter("r"), x)}, none, "v"), ()


def _leaky(n: _Neuron, x: Value, held: tuple[Value, ...]) -> tuple[Value, tuple[Value, ...]]:
    keep = n.keep("tau")
    rest = (1 - keep) * n.parameter("v_leak")
    return n.sum({"v": (keep, held[0]), "x": ((1 - keep) * n.parameter("r"), x)}, rest, "v"), ()


def _with_current(n: _Neuron, x: Value, held: tuple[Value, ...]) -> tuple[Value, tuple[Value, ...]]:
    v, i = held
    fast, slow = n.keep("tau_syn"), n.keep("tau_mem")
    r, w_in = n.parameter("r"), n.parameter("w_in")
    rest = (1 - slow) * n.parameter("v_leak")
    current = n.sum({"i": (fast, i), "x": ((1 - fast) * w_in, x)}, np.zeros(()), "i")
    if n.timing.scheme == "euler":
        return n.sum({"v": (slow, v), "i": ((1 - slow) * r, current)}, rest, "v"), (current,)
    part = r * _rise(n.tau("tau_syn"), n.tau("tau_mem"))
    gain = r * w_in * (1 - slow) - part * w_in
    return n.sum({"v": (slow, v), "x": (gain, x), "i": (part, i)}, rest, "v"), (current,)


def _rise(fast: Floats, slow: Floats) -> Floats:
    """Give what a current of 1 that decays with `fast` adds to a voltage that decays with `slow`, in one step (R = 1).

    It is (exp(-1/f) - exp(-1/s)) / (1 - s/f), and exp(-1/s) / s where both are equal; `expm1` keeps its digits near.
    """
    fast, slow = np.broadcast_arrays(fast, slow)
    gap = 1 / slow - 1 / fast
    near = np.abs(gap) < 1
    small, large = np.where(near & (gap != 0), gap, 1.0), np.where(near, 1.0, gap)
    close = np.exp(-1 / slow) * np.where(gap == 0, 1.0, np.expm1(small) / small)
    return np.where(near, close, (np.exp(-1 / fast) - np.exp(-1 / slow)) / large) / slow


_Voltage = Callable[[_Neuron, Value, tuple[Value, ...]], tuple[Value, tuple[Value, ...]]]
_VOLTAGES: Mapping[str, _Voltage] = MappingProxyType({
    "I": _integrated, "IF": _integrated, "LI": _leaky, "LIF": _leaky,
    "CubaLI": _with_current, "CubaLIF": _with_current})

__all__ = ["Stepped", "states", "step"]
