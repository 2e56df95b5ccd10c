"""A circuit for classes: neurons as gates, then the class with the largest sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import SPIN, Builder, Func, Module, Port, module_of
from circuitc.models.btf import Terminal, ThresholdNetwork, build_module, weight_constant
from circuitc.passes import run_passes

from .circuit import decimal_rows, threshold_network
from .network import Network


def make_classifier(network: Network, weights: NDArray[Any], name: str = "classify") -> Module:
    """Give the trained network as a program from spins `x` to the number `class` of the output with the largest sum.

    Sums are those of the exact decimal weights, the lowest class wins a tie; no neuron is rounded.
    """
    rows = decimal_rows(network, weights)
    hidden = network.neurons - network.outnodes
    outputs = range(hidden, network.neurons)
    features = sorted({s for k in outputs for s in network.sources[k] if s})
    if network.outnodes < 2 or features[-1] >= network.innodes + hidden:
        raise error("a classifier has two outputs or more, none of which reads another one")
    x = Port("x", SPIN.with_shape((network.innodes - 1,)))
    b = Builder()
    value = b.input("x", x.type)
    if features != list(range(1, network.innodes)):
        whole = threshold_network(network, rows, name)
        seen = Terminal("features", SPIN.with_shape((len(features),)))
        part = ThresholdNetwork("features", name, whole.inputs, (seen,), whole.neurons[:hidden], tuple(features))
        inner = build_module(part, {}).entry
        value = b.call(inner.name, "features", seen.type, value)
    else:
        inner = None
    table = np.zeros((network.outnodes, 1 + max(features)), np.int64)
    for row, k in enumerate(outputs):
        for source, weight in zip(network.sources[k], rows[k], strict=True):
            table[row, source] = weight
    w = b.constant(weight_constant(table[:, features].tolist()), name="w")
    sums = b.apply("contract", w, value, spec="ij,j->i")
    # the constant input is -1: its weight is taken off
    total = b.apply("sub", sums, b.constant(weight_constant(table[:, 0].tolist()), name="t"))
    best = b.apply("argmax", total, axis=0)
    func = Func(name, (x,), (Port("class", b.type(best)),), b.finish([best]))
    if inner is None:
        return module_of(func)
    return _alone(run_passes(module_of(func, inner), "inline-calls,clean"))


def _alone(module: Module) -> Module:
    """Leave out the funcs that were inlined."""
    return module_of(module.entry)
