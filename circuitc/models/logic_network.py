"""Logic-gate and look-up-table networks (difflogic, LogicNets, PolyLUT, DWN) to the IR, in three parts.

    input --encoder--> bits --core--> activations --reduction--> scores, class

The encoder compares numbers with thresholds (a thermometer for each feature), the core is a netlist, and the reduction
adds up contiguous groups of activations and answers the first group with the largest sum. Each part is a func of that
name, so that reports can count it apart; a part that a network lacks is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import BIT, Builder, Constant, Encoding, Func, Module, Netlist, Port, Type, Value, smallest

from .gate_arrays import GateArrays, Literals

PARTS = ("encoder", "core", "reduction")
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class GateLayer:
    """Two-input gates: gate n computes function `number[n]` of bits `a[n]` and `b[n]` of the layer before.

    The bits of a function's number, highest first, are its values at (a, b) = 00, 01, 10, 11 (difflogic's numbering).
    """

    a: Int64
    b: Int64
    number: Int64

    @property
    def type(self) -> Type:
        return BIT


@dataclass(frozen=True, eq=False, slots=True)
class TableLayer:
    """Neurons as truth tables: neuron n reads `connections[n]` and answers the raw number `tables[n, address]`.

    The first connection gives the lowest bits of the address, as many as an activation of the layer before has.
    """

    connections: Int64  # [neurons, fan-in]
    tables: Int64       # [neurons, 2**(fan-in * bits of an activation before)]
    type: Type          # of an activation: a scalar of an exact type


Layer = GateLayer | TableLayer


@dataclass(frozen=True, eq=False, slots=True)
class LogicNetwork:
    """A network of layers of gates or tables.

    `input` is a port whose elements, row major, are features. With `thresholds` (exact, [features, levels], or
    [1, levels] for all features alike) bit `feature * levels + level` of what the core reads is `feature > threshold`;
    without them the core reads the features as they are. With `groups` the activations of the last layer are summed up
    in so many contiguous groups of equal length, padded with zeros at the end; without, they are the output.
    """

    name: str
    input: Port
    layers: tuple[Layer, ...]
    thresholds: tuple[tuple[Fraction, ...], ...] = ()
    groups: int = 0


def build_module(network: LogicNetwork, facts: Mapping[str, Any]) -> Module:
    """Give a network as a module: a main func that calls its parts."""
    features = network.input
    funcs: list[Func] = []
    if network.thresholds:
        funcs.append(_encoder(features, network.thresholds))
        features = funcs[-1].outputs[0]
    funcs.append(_core(features, network.layers))
    if network.groups:
        funcs.append(_reduction(funcs[-1].outputs[0], network.groups))
    return _joined(network.name, network.input, funcs, facts)


def counted_module(name: str, core: Func, groups: int, facts: Mapping[str, Any], scale: float) -> Module:
    """Give a core as a module with `groups` equal groups of its outputs counted; a count is worth `scale` to people."""
    funcs = [core, *([_reduction(core.outputs[0], groups)] if groups else [])]
    module = _joined(name, core.inputs[0], funcs, facts)
    if scale == 1.0:
        return module
    outputs = tuple(replace(p, encoding=Encoding(scale=scale)) if p.name == "scores" else p
                    for p in module.entry.outputs)
    return module.with_func(replace(module.entry, outputs=outputs))


def _joined(name: str, given: Port, funcs: Sequence[Func], facts: Mapping[str, Any]) -> Module:
    """Give parts as a module with a main func that calls one after the other."""
    name = f"{name}_network" if name in PARTS else name
    main = _main(name, given, funcs)
    body = next(f.body for f in funcs if f.name == "core")
    assert isinstance(body, Netlist)
    known = {**facts, "parts": [f.name for f in funcs], "netlist_gates": body.gates}
    return Module({f.name: f for f in (main, *funcs)}, name, name, {"logic-network": known})


def _main(name: str, features: Port, parts: Sequence[Func]) -> Func:
    """Chain the parts: each takes the first output of the one before."""
    b = Builder()
    value = b.input(features.name, features.type)
    results: list[Value] = [value]
    for part in parts:
        results = [b.call(part.name, port.name, port.type, results[0], name=port.name) for port in part.outputs]
    return Func(name, (features,), parts[-1].outputs, b.finish(results))


def raw_thresholds(thresholds: Sequence[Sequence[Fraction]], t: Type) -> Int64:
    """Give for each threshold c the raw number r of a type such that `x > c` is `raw(x) > r`, for all its numbers x.

    A threshold outside the type's range becomes the nearest number that answers the same.
    """
    scale = Fraction(2) ** t.fraction
    return np.array([[min(max(floor(c * scale), t.lowest - 1), t.highest) for c in row] for row in thresholds], object)


def _encoder(features: Port, thresholds: Sequence[Sequence[Fraction]]) -> Func:
    """Compare each feature with its thresholds."""
    b = Builder()
    x = b.input(features.name, features.type)
    count, levels = features.type.size, len(thresholds[0])
    raw = raw_thresholds(thresholds, features.type.scalar)
    constant = Constant(smallest(int(raw.min()), int(raw.max()), features.type.fraction, raw.shape), raw)
    limit = b.constant(constant, name="thresholds")
    if len(raw) != count:
        limit = b.apply("broadcast", b.apply("reshape", limit, shape=(levels,)), shape=(count, levels), axes=(1,))
    flat = x if features.type.rank == 1 else b.apply("reshape", x, shape=(count,))
    wide = b.apply("broadcast", flat, shape=(count, levels), axes=(0,))
    above = b.apply("lt", limit, wide, name="above")
    bits = b.apply("reshape", above, shape=(count * levels,), name="bits")
    return Func("encoder", (features,), (Port("bits", BIT.with_shape((count * levels,))),), b.finish([bits]))


def _core(features: Port, layers: Sequence[Layer]) -> Func:
    """Write the layers as one netlist."""
    arrays = GateArrays(features.type.bits)
    wires = arrays.input_literals().reshape(-1, features.type.width)  # [activations, bits]
    for layer in layers:
        if isinstance(layer, GateLayer):
            bits = wires.ravel()
            wires = arrays.gates(bits[layer.a], bits[layer.b], layer.number)[:, None]
        else:
            wires = _table_layer(arrays, wires, layer)
    last = layers[-1].type.with_shape((len(wires),))
    ports = (Port(features.name, features.type),), (Port("activations", last),)
    return Func("core", *ports, arrays.finish(wires.ravel()))


def _table_layer(arrays: GateArrays, wires: Literals, layer: TableLayer) -> Literals:
    """Make one look-up table for each bit of each neuron's answer."""
    neurons, width = len(layer.connections), layer.type.width
    fanins = wires[layer.connections].reshape(neurons, -1)  # first connection lowest, its lowest bit first
    rows = (layer.tables[:, None, :] >> np.arange(width)[:, None] & 1).astype(np.bool_)
    flat = arrays.tables(np.repeat(fanins, width, axis=0), rows.reshape(neurons * width, -1))
    return flat.reshape(neurons, width)


def _reduction(activations: Port, groups: int) -> Func:
    """Sum up each group, and find the first of the largest sums."""
    b = Builder()
    y = b.input(activations.name, activations.type)
    size = -(-activations.type.size // groups)
    missing = size * groups - activations.type.size
    if missing:
        zero = b.number(activations.type.scalar, 0)
        y = b.apply("pad", y, zero, before=(0,), after=(missing,))
    table = b.apply("reshape", y, shape=(groups, size))
    sums = b.apply("reduce", table, kind="add", axes=(1,), name="scores")
    best = b.apply("argmax", sums, axis=0, name="class")
    outputs = (Port("class", b.type(best)), Port("scores", b.type(sums)))
    return Func("reduction", (Port(activations.name, activations.type),), outputs, b.finish([best, sums]))


def port_of(name: str, t: Type, scale: float = 1.0, zero_point: int = 0) -> Port:
    """Make the input port of a network; scale and zero point say what its numbers mean to people."""
    return Port(name, t, encoding=Encoding(scale=scale, zero_point=zero_point))


__all__ = ["PARTS", "GateLayer", "Layer", "LogicNetwork", "TableLayer", "build_module", "counted_module",
           "port_of", "raw_thresholds"]
