"""EGRU: a GRU whose units send their state only when it passes a threshold (Subramoney et al. 2023).

    z = sigmoid(Wz x + Rz y + b)     r = sigmoid(Wr x + Rr y + b)     g = tanh(Wg x + bg + r o (Rg y + bg'))
    c = z o h + (1 - z) o g          e = [c > threshold]              y' = e o c          h' = c - e o threshold

What a step reads of the last one is y, which is zero wherever there was no event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Builder, Func, Value

from ..layers import like
from ..rnn import Layer, layer
from .base import Floats, Ops, Stepped, floats


@dataclass(frozen=True, eq=False)
class Egru:
    """A GRU that computes the gates (z, r, g; the reset gate after the product), and a threshold for each unit."""

    gru: Layer
    threshold: Floats

    @property
    def inputs(self) -> int:
        return self.gru.inputs

    @property
    def state(self) -> Mapping[str, Floats]:
        zero = np.zeros(self.gru.hidden, np.float32)
        return {"h": zero, "y": zero}

    def funcs(self, name: str) -> Sequence[Func]:
        return ()

    def step(self, b: Builder, x: Value | None, state: Sequence[Value], dt: Value | None, name: str) -> Stepped:
        """Add one step: the answer is y; `events` has a bit for each unit."""
        assert x is not None, "an EGRU reads an input"
        s, (h, y) = Ops(b, name), state
        z, new = self.gru.gates(b, x, y, name)
        inner = s.add(new, s.mul(z, s.sub(h, new)))
        threshold = s.constant(self.threshold, "threshold")
        event = b.apply("lt", threshold, inner)
        sent = b.apply("select", event, inner, like(b, inner, 0.0))
        kept = b.apply("select", event, s.sub(inner, threshold), inner)
        return Stepped(sent, (kept, sent), {"events": event})


def egru(kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any, threshold: Any) -> Egru:
    """Make a cell of EvNN's arrays: kernels [inputs, 3 hidden] and [hidden, 3 hidden], gates in the order z, r, g."""
    recurrent = floats(recurrent_kernel, "recurrent_kernel", (None, None))
    hidden = len(recurrent)
    if recurrent.shape[1] != 3 * hidden:
        raise error(f"recurrent_kernel has shape {list(recurrent.shape)}, [hidden, 3 hidden] is needed")
    w = floats(kernel, "kernel", (None, 3 * hidden))
    biases = floats(bias, "bias", (3 * hidden,)), floats(recurrent_bias, "recurrent_bias", (3 * hidden,))
    gru = layer("gru", np.ascontiguousarray(w.T), np.ascontiguousarray(recurrent.T), *biases, linear_before_reset=True)
    return Egru(gru, floats(threshold, "thr", (hidden,)))


__all__ = ["Egru", "egru"]
