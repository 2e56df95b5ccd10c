"""State-regularised recurrent networks: the state is always one of some centroids, so the network is an automaton.

Wang and Niepert 2019 (arXiv 1901.08817): u = cell(x, h), then h becomes the mixture of centroids s_i with weights
softmax(<u, s_i> / tau). Here tau is taken to 0: h becomes the centroid with the largest <u, s_i>, the first of several.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import STREAM, Builder, Constant, Func, Module, Port, Register, Value, index_type, module_of

from ..layers import float_constant, like
from ..rnn.cells import Floats, Layer
from ..rnn.network import Linear, Reader


def regularized(layer: Layer, centroids: Floats, readout: Sequence[Linear], port: Port, *, read: Reader | None = None,
                start: int = 0, decision: bool = False, name: str = "network", output: str = "y") -> Module:
    """Give the stream of a layer whose state is the number of a centroid [centroids, hidden].

    Each step answers what the readout makes of the new centroid; with `decision` it is a bit (one number above 0) or
    the place of the largest number.
    """
    if layer.reverse or layer.has_cell:
        raise error("centroids are those of one layer that runs forward and has one state (rnn, gru)")
    if centroids.ndim != 2 or centroids.shape[1] != layer.hidden or not len(centroids):
        raise error(f"centroids have shape [centroids, {layer.hidden}], got {list(centroids.shape)}")
    if layer.inputs != port.type.shape[-1]:
        raise error(f"the layer has {layer.inputs} inputs, what comes in has {port.type.shape[-1]}")
    if not 0 <= start < len(centroids):
        raise error(f"there is no centroid {start}, they are numbered 0 to {len(centroids) - 1}")
    b = Builder()
    t = index_type(len(centroids))
    item, now = b.input(port.name, port.type), b.input("centroid", t)
    x = item if read is None else read(b, item)
    all_of_them = float_constant(b, centroids, "centroids")
    h = b.apply("gather", all_of_them, now, axis=0, name="h")
    u, _ = layer.step(b, x, h, None, "cell")
    scores = b.apply("contract", all_of_them, u, spec="ki,i->k", name="scores")
    nearest = b.apply("argmax", scores, axis=0, name="nearest")
    value = b.apply("gather", all_of_them, nearest, axis=0, name="state")
    for k, linear in enumerate(readout):
        value = linear.apply(b, value, f"readout{k}" if k else "readout")
    if decision:
        value = _decide(b, value, bool(readout))
    out = Port(output, b.type(value), "step")
    register = Register("centroid", t, Constant(t, np.array(start)))
    func = Func(name, (Port(port.name, port.type, "step", port.encoding),), (out,), b.finish([value, nearest]),
                (register,), STREAM)
    return module_of(func)


def _decide(b: Builder, value: Value, has_readout: bool) -> Value:
    if not has_readout:
        raise error("a decision is made from a readout, and there is none", help="add a linear layer")
    if b.type(value).size > 1:
        return b.apply("argmax", value, axis=0, name="decision")
    one = b.apply("element", value, index=0)
    return b.apply("lt", like(b, one, 0.0), one, name="decision")


__all__ = ["regularized"]
