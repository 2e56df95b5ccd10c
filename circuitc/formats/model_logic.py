"""From a model.json of kind `logic-gates`, `lut-network` or `dwn` to a network of gates or tables."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import BIT, Module, Port, Type
from circuitc.models.logic_network import GateLayer, Layer, LogicNetwork, TableLayer, build_module, port_of

from .array_files import exact_rows, read_array
from .files import identifier
from .model_btf import MAX_BITS, exact_type
from .schema import (
    DwnLayerModel,
    DwnModel,
    FileArray,
    GateLayerModel,
    LogicGatesModel,
    LogicHeader,
    LogicInput,
    LutNetworkModel,
    TableLayerModel,
)
from .state_dict import dwn_layers, gate_layers

Int64 = NDArray[np.int64]
Given = FileArray | Sequence[Any]

MAX_ADDRESS = 16   # bits that a neuron reads: a table of 65,536 entries
MAX_ENTRIES = 1 << 26  # of all tables of a layer


def build_logic_gates(model: LogicGatesModel, path: Path, source: Source) -> Module:
    """Give the module of a logic-gate network."""
    port, thresholds, width, count = _input(model.input, path, source)
    count, width = count * width, 1  # gates see bits
    layers: list[Layer] = []
    if model.state is not None and model.layers is None:
        span = Span(source, path="state")
        for name, connections, number in gate_layers(path, model.state, span):
            layers.append(_gates(connections, number, count, f"{name}: ", span))
            count = len(number)
    elif model.layers is not None and model.state is None:
        for k, layer in enumerate(model.layers):
            layers.append(_gate_layer(layer, count, path, source, f"layers[{k}]"))
            count = len(_neurons(layers[-1]))
    else:
        raise error("a network has either layers or state", Span(source))
    gates = sum(len(layer.a) for layer in layers if isinstance(layer, GateLayer))
    return _module(model, port, thresholds, layers, path, source, {"kind": model.kind, "gates": gates})


def build_lut_network(model: LutNetworkModel, path: Path, source: Source) -> Module:
    """Give the module of a network of look-up tables."""
    port, thresholds, width, count = _input(model.input, path, source)
    layers: list[Layer] = []
    for k, given in enumerate(model.layers):
        layer = _table_layer(given, count, width, path, source, f"layers[{k}]")
        layers.append(layer)
        count, width = len(layer.tables), layer.type.width
    return _module(model, port, thresholds, layers, path, source, _table_facts(model.kind, layers))


def build_dwn(model: DwnModel, path: Path, source: Source) -> Module:
    """Give the module of a differentiable weightless network."""
    port, thresholds, width, count = _input(model.input, path, source)
    count *= width
    if width > 1:
        raise error(f"look-up tables of bits read bits, {port.type} has numbers", Span(source, path="input"),
                    "give thresholds")
    layers: list[Layer] = []
    if model.state is not None and model.layers is None:
        span = Span(source, path="state")
        for name, mapping, ones in dwn_layers(path, model.state, span):
            layers.append(_tables(mapping, ones, count, 1, BIT, f"{name}: ", span, span))
            count = len(ones)
    elif model.layers is not None and model.state is None:
        for k, given in enumerate(model.layers):
            layers.append(_dwn_layer(given, count, path, source, f"layers[{k}]"))
            count = len(_neurons(layers[-1]))
    else:
        raise error("a network has either layers or state", Span(source))
    return _module(model, port, thresholds, layers, path, source, _table_facts(model.kind, layers))


def _neurons(layer: Layer) -> Int64:
    """Give one entry for each neuron of a layer."""
    return layer.a if isinstance(layer, GateLayer) else layer.tables


def _table_facts(kind: str, layers: Sequence[Layer]) -> dict[str, Any]:
    return {"kind": kind, "neurons": sum(len(_neurons(layer)) for layer in layers)}


def _module(model: LogicHeader, port: Port, thresholds: tuple[tuple[Fraction, ...], ...], layers: Sequence[Layer],
            path: Path, source: Source, facts: dict[str, Any]) -> Module:
    count = len(_neurons(layers[-1]))
    if model.groups is not None and model.groups > count:
        raise error(f"the last layer has {count} activations, too few for {model.groups} groups",
                    Span(source, path="groups"))
    name = model.name or identifier(path.stem)
    network = LogicNetwork(name, port, tuple(layers), thresholds, model.groups or 0)
    return build_module(network, {**facts, "layers": len(layers)})


def _input(given: LogicInput, path: Path, source: Source) -> tuple[Port, tuple[tuple[Fraction, ...], ...], int, int]:
    """Give the port, the thresholds, and what the first layer reads: bits of an activation, activations."""
    if (given.size is None) == (given.type is None):
        raise error("an input has either size or type", Span(source, path="input"))
    span = Span(source, path="input.type")
    t = BIT.with_shape((given.size,)) if given.size is not None else exact_type(given.type or "", span)
    if not t.rank:
        raise error(f"the input is a vector or a tensor, got {t}", span, f"a vector of one feature is {t}[1]")
    scale = 1.0 if given.scale is None else float(given.scale)
    if not 0 < scale < float("inf"):
        raise error("a scale is a number above 0", Span(source, path="input.scale"))
    if abs(given.zero_point) >= 1 << 62:
        raise error("the zero point does not fit 62 bits", Span(source, path="input.zero_point"))
    port = port_of(given.name, t, scale, given.zero_point)
    if given.thresholds is None:
        return port, (), t.width, t.size
    if t.is_spin:
        raise error("spins are not compared with thresholds", Span(source, path="input.thresholds"),
                    "take bits, which a network sees as they are")
    thresholds = _thresholds(given.thresholds, t, path, Span(source, path="input.thresholds"))
    return port, thresholds, 1, t.size * len(thresholds[0])


def _thresholds(given: Given, t: Type, path: Path, span: Span) -> tuple[tuple[Fraction, ...], ...]:
    """Give the thresholds exactly, one row a feature or one for all."""
    rows = tuple(tuple(Fraction(x) for x in row) for row in _real_rows(given, path, span))
    if len(rows) not in (1, t.size):
        raise error(f"{len(rows)} rows of thresholds for {t.size} features", span,
                    f"give {t.size} rows, or one for all")
    if not rows[0]:
        raise error("there are no thresholds in a row", span)
    if t.size * len(rows[0]) > MAX_BITS:
        raise error(f"{t.size * len(rows[0])} bits of thermometers are more than the {MAX_BITS} that are read", span)
    return rows


def _real_rows(given: Given, path: Path, span: Span) -> Sequence[Sequence[Any]]:
    """Give rows of exact numbers, all of one length."""
    if isinstance(given, FileArray):
        rows = exact_rows(read_array(path, given.file, given.array, 2, span), given.decimals)
        one = 10 ** (given.decimals or 0)
        return [[Fraction(x, one) for x in row] for row in rows]
    _same_lengths(given, span)
    return given


def _real_matrix(given: Given, path: Path, span: Span) -> NDArray[Any]:
    """Give rows of numbers of which only order and sign matter, as they are."""
    if isinstance(given, FileArray):
        if given.decimals is not None:
            raise error("decimals is for numbers that are computed with; here only the order counts", span)
        return read_array(path, given.file, given.array, 2, span)
    _same_lengths(given, span)
    return np.array(given, object).reshape(len(given), -1)


def _whole(given: Given, rank: int, path: Path, span: Span) -> Int64:
    """Give an array of whole numbers with `rank` axes."""
    if isinstance(given, FileArray):
        array = read_array(path, given.file, given.array, rank, span)
        if array.dtype.kind == "f":
            raise error(f"whole numbers are needed, {given.file} holds {array.dtype}", span)
        if array.dtype == np.uint64 and array.max() >> np.uint64(63):
            raise error("a number is 2**63 or more", span)
        return array.astype(np.int64)
    if rank == 2:
        _same_lengths(given, span)
    try:
        return np.array(given, np.int64)
    except OverflowError:
        raise error("a number does not fit 64 bits", span) from None


def _same_lengths(rows: Sequence[Sequence[Any]], span: Span) -> None:
    if not rows or not rows[0]:
        raise error("there are no numbers", span)
    for k, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise error(f"row {k} has {len(row)} numbers, row 0 has {len(rows[0])}", span)


def _gate_layer(given: GateLayerModel, before: int, path: Path, source: Source, where: str) -> GateLayer:
    if (given.gates is None) == (given.weights is None):
        raise error("a layer has either gates or weights", Span(source, path=where))
    span = Span(source, path=f"{where}.connections")
    connections = _whole(given.connections, 2, path, span)
    if given.gates is not None:
        number = _whole(given.gates, 1, path, Span(source, path=f"{where}.gates"))
    else:
        assert given.weights is not None, "one of the two was found above"
        at = Span(source, path=f"{where}.weights")
        weights = _real_matrix(given.weights, path, at)
        if weights.shape[1] != 16:
            raise error(f"a gate has 16 weights, got {weights.shape[1]}", at)
        number = weights.argmax(axis=1).astype(np.int64)
    return _gates(connections, number, before, "", span)


def _gates(connections: Int64, number: Int64, before: int, what: str, span: Span) -> GateLayer:
    """Check a layer of gates against the layer before."""
    if len(connections) != 2:
        raise error(f"{what}connections have two rows, got {len(connections)}", span,
                    "one row of first fan-ins, one of second ones")
    if not len(number) or connections.shape[1] != len(number):
        raise error(f"{what}connections of {connections.shape[1]} gates, functions of {len(number)}", span)
    _refuse_outside(connections, before, what, span)
    if number.min() < 0 or number.max() > 15:
        raise error(f"{what}a gate's function is 0 to 15, got {number.min() if number.min() < 0 else number.max()}",
                    span)
    return GateLayer(connections[0], connections[1], number)


def _refuse_outside(connections: Int64, before: int, what: str, span: Span) -> None:
    wrong = (connections < 0) | (connections >= before)
    if wrong.any():
        raise error(f"{what}there is no activation {connections[wrong][0]} in the layer before", span,
                    f"it has {before}, numbered from 0")


def _table_layer(given: TableLayerModel, before: int, width: int, path: Path, source: Source,
                 where: str) -> TableLayer:
    span, at = Span(source, path=f"{where}.connections"), Span(source, path=f"{where}.tables")
    t = exact_type(given.type, Span(source, path=f"{where}.type"))
    if t.rank or t.is_spin or t.fraction:
        raise error(f"a neuron answers a bit or a whole number, got {t}", Span(source, path=f"{where}.type"))
    connections = _whole(given.connections, 2, path, span)
    if given.address == "msb":
        connections = np.ascontiguousarray(connections[:, ::-1])
    return _tables(connections, _whole(given.tables, 2, path, at), before, width, t, "", span, at)


def _dwn_layer(given: DwnLayerModel, before: int, path: Path, source: Source, where: str) -> TableLayer:
    span, at = Span(source, path=f"{where}.mapping"), Span(source, path=f"{where}.luts")
    luts = _real_matrix(given.luts, path, at)
    ones = np.asarray(luts > 0).astype(np.int64)
    return _tables(_whole(given.mapping, 2, path, span), ones, before, 1, BIT, "", span, at)


def _tables(connections: Int64, tables: Int64, before: int, width: int, t: Type, what: str, span: Span,
            at: Span) -> TableLayer:
    """Check a layer of tables against the layer before."""
    neurons, fan_in = connections.shape
    if fan_in * width > MAX_ADDRESS:
        raise error(f"{what}a neuron reads {fan_in} activations of {width} bits, more than {MAX_ADDRESS} bits", span,
                    "split the neuron into smaller ones")
    if tables.shape != (neurons, 1 << fan_in * width):
        raise error(f"{what}tables of shape {list(tables.shape)}, {neurons} neurons that read {fan_in * width} bits "
                    f"need [{neurons}, {1 << fan_in * width}]", at)
    if tables.size * t.width > MAX_ENTRIES:
        raise error(f"{what}the tables have {tables.size * t.width} bits, at most {MAX_ENTRIES} are read", at)
    _refuse_outside(connections, before, what, span)
    if tables.min() < t.lowest or tables.max() > t.highest:
        _outside_type(tables, t, what, at)
    return TableLayer(connections, tables, t)


def _outside_type(tables: Int64, t: Type, what: str, span: Span) -> NoReturn:
    number = tables.min() if tables.min() < t.lowest else tables.max()
    raise error(f"{what}a table answers {number}, which {t} does not hold", span)
