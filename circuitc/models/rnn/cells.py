"""One step of a recurrent layer: plain RNN, LSTM, GRU, by the equations of the ONNX operators of these names.

A step multiplies by two matrices: those of the gates stand on top of each other, [gates * hidden, inputs] for what
comes in and [gates * hidden, hidden] for the state. Gates are ONNX's: LSTM i, o, f, c; GRU z, r, h.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Builder, Value

from ..layers import dense, float_constant, like
from .activations import Activation

Kind = Literal["rnn", "lstm", "gru"]
Floats = NDArray[np.float32]
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
DEFAULTS = {"rnn": ("tanh",), "lstm": ("sigmoid", "tanh", "tanh"), "gru": ("sigmoid", "tanh")}


@dataclass(frozen=True, eq=False)
class Layer:
    """A recurrent layer in one direction, everything it knows.

    `w` is [gates * hidden, inputs], `r` [gates * hidden, hidden], `bias_w` and `bias_r` [gates * hidden]. `h0` and `c0`
    [hidden] are the state before the first step. `peepholes` [3 * hidden] are an LSTM's, of i, o, f. `clip` bounds what
    goes into activations. `linear_before_reset` and `input_forget` are ONNX's.
    """

    kind: Kind
    w: Floats
    r: Floats
    bias_w: Floats
    bias_r: Floats
    h0: Floats
    c0: Floats
    activations: tuple[Activation, ...] = ()
    linear_before_reset: bool = False
    input_forget: bool = False
    peepholes: Floats | None = None
    clip: float | None = None
    reverse: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        rows, hidden = GATES[self.kind] * self.hidden, self.hidden
        wanted = {"w": (rows, self.inputs), "r": (rows, hidden), "bias_w": (rows,), "bias_r": (rows,),
                  "h0": (hidden,), "c0": (hidden,), "peepholes": (3 * hidden,)}
        for name, shape in wanted.items():
            found: Any = getattr(self, name)
            if found is not None and found.shape != shape:
                raise error(f"{name} of a {self.kind} layer of {hidden} has shape {list(found.shape)}, "
                            f"{list(shape)} is needed")
            if found is not None and not np.all(np.isfinite(found)):
                raise error(f"{name} of a {self.kind} layer has numbers that are not finite")
        if self.activations and len(self.activations) != len(DEFAULTS[self.kind]):
            raise error(f"a {self.kind} layer has {len(DEFAULTS[self.kind])} activations, got {len(self.activations)}")
        if self.clip is not None and not self.clip > 0:
            raise error(f"clip of a {self.kind} layer is above 0, got {self.clip}")

    @property
    def hidden(self) -> int:
        return self.r.shape[-1]

    @property
    def inputs(self) -> int:
        return self.w.shape[-1]

    @property
    def has_cell(self) -> bool:
        return self.kind == "lstm"

    def step(self, b: Builder, x: Value, h: Value, c: Value | None, name: str) -> tuple[Value, Value | None]:
        """Add one step: from the input [inputs], the state [hidden] and an LSTM's cell to the next of both."""
        return _STEPS[self.kind](_Step(b, self, name), x, h, c)

    def gates(self, b: Builder, x: Value, h: Value, name: str) -> tuple[Value, Value]:
        """Add a GRU's gates alone: its update gate z [hidden] and its candidate [hidden]."""
        assert self.kind == "gru", "an LSTM and a plain RNN have no such gates"
        return _gru_gates(_Step(b, self, name), x, h)


def layer(kind: Kind, w: Any, r: Any, bias_w: Any = None, bias_r: Any = None, h0: Any = None, c0: Any = None,
          **more: Any) -> Layer:
    """Make a layer of arrays; biases and the first state are 0 where they are left out."""
    w, r = (np.asarray(a, np.float32) for a in (w, r))
    if w.ndim != 2 or r.ndim != 2 or not r.size or not w.size:
        raise error(f"a recurrent layer has two matrices of weights, got shapes {list(w.shape)} and {list(r.shape)}")

    def or_zeros(array: Any, count: int) -> Floats:
        return np.zeros(count, np.float32) if array is None else np.asarray(array, np.float32)
    rows, hidden = len(w), r.shape[1]
    return Layer(kind, w, r, or_zeros(bias_w, rows), or_zeros(bias_r, rows), or_zeros(h0, hidden),
                 or_zeros(c0, hidden), **more)


@dataclass(frozen=True, slots=True)
class _Step:
    """One step on its way: the builder, the layer, and the prefix of names."""

    b: Builder
    layer: Layer
    name: str

    def constant(self, array: Any, what: str) -> Value:
        return float_constant(self.b, array, f"{self.name}_{what}")

    def times(self, matrix: Floats, x: Value, what: str) -> Value:
        return dense(self.b, x, self.constant(matrix, f"w_{what}"), f"{self.name}_{what}")

    def add(self, *values: Value) -> Value:
        return self.b.apply("add", *values)

    def mul(self, x: Value, y: Value) -> Value:
        return self.b.apply("mul", x, y)

    def part(self, value: Value, first: int, last: int) -> Value:
        """Give the gates from `first` to before `last`."""
        n = self.layer.hidden
        if (last - first) * n == self.b.type(value).size:
            return value
        return self.b.apply("slice", value, start=(first * n,), stop=(last * n,))

    def activate(self, which: int, x: Value) -> Value:
        if self.layer.clip is not None:
            x = self.b.apply("min", x, like(self.b, x, self.layer.clip))
            x = self.b.apply("max", x, like(self.b, x, -self.layer.clip))
        own = self.layer.activations or tuple(map(Activation, DEFAULTS[self.layer.kind]))
        return own[which].apply(self.b, x)


def _rnn(s: _Step, x: Value, h: Value, c: Value | None) -> tuple[Value, Value | None]:
    m = s.layer
    return s.activate(0, s.add(s.times(m.w, x, "in"), s.times(m.r, h, "state"),
                               s.constant(m.bias_w + m.bias_r, "bias"))), None


def _lstm(s: _Step, x: Value, h: Value, c: Value | None) -> tuple[Value, Value | None]:
    assert c is not None
    m, n = s.layer, s.layer.hidden
    gates = s.add(s.times(m.w, x, "in"), s.times(m.r, h, "state"), s.constant(m.bias_w + m.bias_r, "bias"))
    candidate = s.activate(1, s.part(gates, 3, 4))
    if m.peepholes is None and not m.input_forget:
        opened = s.activate(0, s.part(gates, 0, 3))
        i, o, f = (s.part(opened, k, k + 1) for k in range(3))
        after = s.add(s.mul(f, c), s.mul(i, candidate))
        return s.mul(o, s.activate(2, after)), after
    peek = np.zeros(3 * n, np.float32) if m.peepholes is None else m.peepholes
    through = [s.constant(peek[k * n:(k + 1) * n], f"peephole_{g}") for k, g in enumerate("iof")]
    i = s.activate(0, s.add(s.part(gates, 0, 1), s.mul(through[0], c)))
    f = s.b.apply("sub", like(s.b, i, 1.0), i) if m.input_forget else (
        s.activate(0, s.add(s.part(gates, 2, 3), s.mul(through[2], c))))
    after = s.add(s.mul(f, c), s.mul(i, candidate))
    o = s.activate(0, s.add(s.part(gates, 1, 2), s.mul(through[1], after)))
    return s.mul(o, s.activate(2, after)), after


def _gru(s: _Step, x: Value, h: Value, c: Value | None) -> tuple[Value, Value | None]:
    """h' = (1 - z) n + z h, written n + z (h - n)."""
    z, new = _gru_gates(s, x, h)
    return s.add(new, s.mul(z, s.b.apply("sub", h, new))), None


def _gru_gates(s: _Step, x: Value, h: Value) -> tuple[Value, Value]:
    """Give a GRU's update gate z and its candidate n."""
    m, n = s.layer, s.layer.hidden
    coming = s.times(m.w, x, "in")
    both = m.bias_w[:2 * n] + m.bias_r[:2 * n]
    if m.linear_before_reset:
        state = s.times(m.r, h, "state")
        gates = s.add(s.part(coming, 0, 2), s.part(state, 0, 2), s.constant(both, "bias"))
        opened = s.activate(0, gates)
        z, r = s.part(opened, 0, 1), s.part(opened, 1, 2)
        inner = s.mul(r, s.add(s.part(state, 2, 3), s.constant(m.bias_r[2 * n:], "bias_state")))
        total = s.add(s.part(coming, 2, 3), inner, s.constant(m.bias_w[2 * n:], "bias_in"))
    else:
        gates = s.add(s.part(coming, 0, 2), s.times(m.r[:2 * n], h, "state"), s.constant(both, "bias"))
        opened = s.activate(0, gates)
        z, r = s.part(opened, 0, 1), s.part(opened, 1, 2)
        total = s.add(s.part(coming, 2, 3), s.times(m.r[2 * n:], s.mul(r, h), "candidate"),
                      s.constant(m.bias_w[2 * n:] + m.bias_r[2 * n:], "bias_candidate"))
    return z, s.activate(1, total)


_STEPS = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}

__all__ = ["DEFAULTS", "GATES", "Kind", "Layer", "layer"]
