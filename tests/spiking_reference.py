"""NIR's equations in plain doubles, written apart from the package: what tests compare spiking networks with.

One step of a leaky equation is, under `euler`, v + dt/tau * ((v_leak - v) + R I); under `exact` the state is the
matrix exponential of the whole linear system, input and constant included. `simulate` walks a graph; the edges that
carry the value of the step before are told by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy.linalg import expm
from scipy.signal import correlate


@cache
def _exponential(fast: float, slow: float, r: float, leak: float, w_in: float, dt: float) -> Any:
    """d/dt (v, i, x, 1) = A (v, i, x, 1), over dt."""
    a = np.array([[-1 / slow, r / slow, 0, leak / slow], [0, -1 / fast, w_in / fast, 0], [0] * 4, [0] * 4])
    return expm(a * dt)


class Neuron:
    """The state of one node that has a state (or a plain function for one that has none)."""

    def __init__(self, kind: str, p: Mapping[str, Any], dt: float, scheme: str) -> None:
        self.kind, self.p, self.dt, self.scheme = kind, p, dt, scheme
        self.v: Any = 0.0
        self.i: Any = 0.0
        self.past: list[Any] = []

    def number(self, name: str, default: float = 0.0) -> Any:
        return np.asarray(self.p.get(name, default), np.float64)

    def step(self, x: Any) -> Any:
        x = np.asarray(x, np.float64)
        kind = self.kind
        if kind in ("I", "IF"):
            self.v = self.v + self.dt * self.number("r") * x
        elif kind in ("LI", "LIF"):
            self._leak(x, self.number("tau"))
        elif kind.startswith("Cuba"):
            self._current(x)
        else:
            return self._map(x)
        if "v_threshold" not in self.p:
            return self.v
        spike = self.v > self.number("v_threshold")
        self.v = np.where(spike, self.number("v_reset"), self.v)
        return spike.astype(np.float64)

    def _leak(self, x: Any, tau: Any) -> None:
        if self.scheme == "euler":
            self.v = self.v + self.dt / tau * ((self.number("v_leak") - self.v) + self.number("r") * x)
            return
        target = self.number("v_leak") + self.number("r") * x
        self.v = target + (self.v - target) * np.exp(-self.dt / tau)

    def _current(self, x: Any) -> None:
        fast, slow = self.number("tau_syn"), self.number("tau_mem")
        r, leak, w_in = self.number("r"), self.number("v_leak"), self.number("w_in", 1.0)
        if self.scheme == "euler":
            self.i = self.i + self.dt / fast * (-self.i + w_in * x)
            self.v = self.v + self.dt / slow * ((leak - self.v) + r * self.i)
            return
        shape = np.shape(x)
        fast, slow, r, leak, w_in, v, i = (np.broadcast_to(a, shape).ravel()
                                           for a in (fast, slow, r, leak, w_in, self.v, self.i))
        after = []
        for k, value in enumerate(x.ravel()):
            step = _exponential(fast[k], slow[k], r[k], leak[k], w_in[k], self.dt)
            after.append((step @ [v[k], i[k], value, 1])[:2])
        self.v, self.i = (np.array([s[n] for s in after]).reshape(shape) for n in (0, 1))

    def _map(self, x: Any) -> Any:
        match self.kind:
            case "Affine" | "Linear":
                x = np.full(self.number("weight").shape[-1], x) if not np.ndim(x) else x  # nothing came round yet
                return x @ np.swapaxes(self.number("weight"), -1, -2) + self.number("bias")
            case "Scale":
                return x * self.number("scale")
            case "Threshold":
                return (x > self.number("threshold")).astype(np.float64)
            case "Flatten":
                shape = np.shape(x)
                first, last = int(self.p["start_dim"]), int(self.p["end_dim"]) % len(shape)
                return x.reshape(*shape[:first], -1, *shape[last + 1:])
            case "Delay":
                self.past.insert(0, x)
                steps = np.broadcast_to(np.rint(self.number("delay") / self.dt).astype(int), np.shape(x))
                rows = np.stack([*self.past, *[np.zeros_like(x)] * (steps.max() + 1)])
                return np.take_along_axis(rows, steps[None], axis=0)[0]
            case "Conv1d" | "Conv2d":
                return self._convolve(x)
            case "SumPool2d" | "AvgPool2d":
                size = np.ravel(self.p["kernel_size"]).astype(int)
                mean = 1 / np.prod(size) if self.kind == "AvgPool2d" else 1.0
                return np.stack([self._slide(c, np.full(size, mean), (1, 1)) for c in x])
            case _:
                return x

    def _convolve(self, x: Any) -> Any:
        w, groups = self.number("weight"), int(self.p["groups"])
        dilation = np.ravel(self.p["dilation"]).astype(int) * np.ones(w.ndim - 2, int)
        per = len(w) // groups
        return np.stack([sum(self._slide(x[k // per * w.shape[1] + c], w[k, c], dilation) for c in range(w.shape[1]))
                         + self.number("bias")[k] for k in range(len(w))])

    def _slide(self, x: Any, kernel: Any, dilation: Any) -> Any:
        wide = np.zeros([(n - 1) * d + 1 for n, d in zip(kernel.shape, dilation, strict=True)])
        wide[tuple(slice(None, None, d) for d in dilation)] = kernel
        given = self.p["padding"]
        if isinstance(given, str):
            pads = [((n - 1) // 2, (n - 1) - (n - 1) // 2) if given == "same" else (0, 0) for n in wide.shape]
        else:
            pads = [(int(p), int(p)) for p in np.ravel(given) * np.ones(x.ndim, int)]
        stride = np.ravel(self.p["stride"]).astype(int) * np.ones(x.ndim, int)
        return correlate(np.pad(x, pads), wide, "valid", method="direct")[tuple(slice(None, None, s) for s in stride)]


def simulate(nodes: Mapping[str, tuple[str, Mapping[str, Any]]], edges: Iterable[tuple[str, str]],
             delayed: Iterable[tuple[str, str]], inputs: Mapping[str, Any], dt: float, scheme: str = "euler",
             ) -> dict[str, Any]:
    """Run one sample [steps, ...] of each input; give what each Output node hears, [steps, ...]."""
    edges, delayed = list(edges), set(map(tuple, delayed))
    cells = {name: Neuron(kind, p, dt, scheme) for name, (kind, p) in nodes.items()}
    before: dict[str, Any] = {}
    found: dict[str, list[Any]] = {name: [] for name, (kind, _) in nodes.items() if kind == "Output"}
    for t in range(len(next(iter(inputs.values())))):
        now: dict[str, Any] = {name: np.asarray(x[t], np.float64) for name, x in inputs.items()}
        delays = {n for n, (k, _) in nodes.items() if k == "Delay"}
        waiting = [n for n in nodes if n not in now]
        for name in delays:  # a line of delays speaks before it hears; its own step is taken at the end
            steps = np.rint(cells[name].number("delay") / dt).astype(int)
            if np.all(steps > 0):
                rows = [*cells[name].past, *[np.zeros(steps.shape)] * int(steps.max())]
                now[name] = np.take_along_axis(np.stack(rows), steps[None] - 1, axis=0)[0]
        while waiting:
            name = next(n for n in waiting if n in now or all(
                (a, n) in delayed or a in now for a, b in edges if b == n))
            waiting.remove(name)
            if name not in now:
                now[name] = cells[name].step(heard(name, edges, delayed, now, before))
        for name in delays:
            if np.all(cells[name].number("delay") / dt > 0.5):
                cells[name].past.insert(0, heard(name, edges, delayed, now, before))
        for name in found:
            found[name].append(now[name])
        before = now
    return {name: np.stack(steps) for name, steps in found.items()}


def heard(name: str, edges: list[tuple[str, str]], delayed: set[tuple[str, str]], now: Mapping[str, Any],
          before: Mapping[str, Any]) -> Any:
    """Add up what comes into a node."""
    parts = [(before.get(a, 0.0) if (a, b) in delayed else now[a]) for a, b in edges if b == name]
    return sum(parts[1:], parts[0])
