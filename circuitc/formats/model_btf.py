"""From a model.json of kind `btf` to a threshold network."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from circuitc.diagnostics import CircuitError, Source, Span, error
from circuitc.ir import SPIN, Module, Type, parse_type
from circuitc.models.btf import Neuron, Terminal, ThresholdNetwork, build_module, check_weights
from circuitc.models.decimals import exact_integers

from .array_files import exact_rows, read_array
from .files import identifier
from .schema import BtfLayer, BtfModel, BtfOutput, FileArray, InputPort
from .schema.base import Exact

MAX_BITS = 1 << 20


def build_btf(model: BtfModel, path: Path, source: Source) -> Module:
    """Give the module of a network, or say in its file's terms what does not fit."""
    if (model.layers is None) == (model.neurons is None):
        raise error("a btf model has either layers or neurons", Span(source))
    inputs = tuple(terminal(port, SPIN, source, f"inputs[{k}]") for k, port in enumerate(model.inputs))
    refuse_twice([t.name for t in inputs], "inputs", source)
    refuse_twice([port.name for port in model.outputs], "outputs", source)
    bits = sum(t.type.bits for t in inputs)
    if model.layers is not None:
        neurons, last = _layers(model.layers, bits, path, source)
    else:
        neurons, last = _dag(model, bits, source)
    if bits > MAX_BITS:
        raise error(f"{bits} input bits are more than the {MAX_BITS} that are read", Span(source, path="inputs"))
    terminals = tuple(terminal(port, SPIN, source, f"outputs[{k}]") for k, port in enumerate(model.outputs))
    if any(port.nodes is not None for port in model.outputs):
        labels = _named_outputs(model.outputs, terminals, bits + len(neurons), source)
    else:
        labels = _last_outputs(terminals, last, model.layers is not None, source)
    name = model.name or identifier(path.stem)
    network = ThresholdNetwork(name, path.name, inputs, terminals, tuple(neurons), labels)
    return build_module(network, {"model-json": {"kind": "btf", "neurons": len(neurons)}})


def terminal(port: InputPort, element: Type, source: Source, path: str) -> Terminal:
    """Give a port's type: one element, a vector of `size`, or the exact type named."""
    span = Span(source, path=path)
    if port.size is not None and port.type is not None:
        raise error("size and type say the same thing twice", span, "leave one of them out")
    t = element if port.size is None else element.with_shape((port.size,))
    if port.type is not None:
        t = exact_type(port.type, Span(source, path=f"{path}.type"))
    return Terminal(port.name, t, port.bit_order)


def exact_type(text: str, span: Span) -> Type:
    """Read the type of a port, which must be exact."""
    try:
        t = parse_type(text[:200])
    except CircuitError as e:
        raise error(e.diagnostics[0].message, span, "types are bit, spin, u8, i8, ..., also as u8[3]") from None
    if t.is_float:
        raise error(f"a port of a Boolean network has an exact type, got {t}", span)
    if t.bits > MAX_BITS:
        raise error(f"{t} has {t.bits} bits, more than the {MAX_BITS} that are read", span)
    return t


def refuse_twice(names: Sequence[str], path: str, source: Source) -> None:
    """Refuse two ports of one name."""
    seen: set[str] = set()
    for k, name in enumerate(names):
        if name in seen:
            raise error(f"the name {name} stands twice", Span(source, path=f"{path}[{k}].name"))
        seen.add(name)


def _layers(layers: Sequence[BtfLayer], bits: int, path: Path, source: Source) -> tuple[list[Neuron], list[int]]:
    """Give all neurons of a layered network, and the labels of the last layer."""
    neurons: list[Neuron] = []
    before = list(range(1, bits + 1))
    for number, layer in enumerate(layers):
        where = f"layers[{number}]"
        span = Span(source, path=f"{where}.weights")
        rows = _rows(layer.weights, path, span)
        if not rows:
            raise error("the layer has no neuron", span)
        first = 1 + bits + len(neurons)
        for index, row in enumerate(rows):
            if len(row) != 1 + len(before):
                has = f"the layer before has {len(before)} neurons" if number else f"there are {len(before)} input bits"
                raise error(f"row {index} has {len(row)} numbers, {has}", span,
                            f"a row is {1 + len(before)} numbers: the constant's weight, then one for each of them")
            neurons.append(_neuron(before, row, index, f"{where} ", span))
        before = list(range(first, first + len(rows)))
    if not layers:
        raise error("there is no layer", Span(source, path="layers"))
    return neurons, before


def _rows(weights: FileArray | list[list[Exact]], path: Path, span: Span) -> Sequence[Sequence[Exact | Fraction]]:
    if not isinstance(weights, FileArray):
        return weights
    return exact_rows(read_array(path, weights.file, weights.array, 2, span), weights.decimals)


def _neuron(sources: Sequence[int], row: Sequence[Exact | Fraction], number: int, where: str, span: Span) -> Neuron:
    integers, _ = exact_integers(row)
    check_weights(integers, f"row {number}" if where else "the neuron", span)
    return Neuron(tuple(sources), tuple(integers[1:]), integers[0], number, where)


def _dag(model: BtfModel, bits: int, source: Source) -> tuple[list[Neuron], list[int]]:
    """Give the neurons of a general network, and all their labels."""
    neurons: list[Neuron] = []
    for index, given in enumerate(model.neurons or ()):
        path = f"neurons[{index}]"
        if len(given.weights) != 1 + len(given.sources):
            raise error(f"{len(given.sources)} sources need {1 + len(given.sources)} weights, got {len(given.weights)}",
                        Span(source, path=path), "the first weight is the constant's")
        _check_sources(given.sources, 1 + bits + index, f"{path}.sources", source)
        order = sorted(range(len(given.sources)), key=given.sources.__getitem__)
        row = [given.weights[0], *(given.weights[1 + k] for k in order)]
        neurons.append(_neuron([given.sources[k] for k in order], row, index, "", Span(source, path=path)))
    return neurons, list(range(1 + bits, 1 + bits + len(neurons)))


def _check_sources(sources: Sequence[int], label: int, path: str, source: Source) -> None:
    seen: set[int] = set()
    for place, s in enumerate(sources):
        span = Span(source, path=f"{path}[{place}]")
        if s == 0:
            raise error("the constant is no source: its weight is the first one", span)
        if not 1 <= s < label:
            raise error(f"node {label} cannot read node {s}", span, f"it reads nodes before it, 1 to {label - 1}")
        if s in seen:
            raise error(f"node {s} stands twice among the sources", span)
        seen.add(s)


def _last_outputs(terminals: Sequence[Terminal], last: Sequence[int], whole: bool, source: Source) -> tuple[int, ...]:
    """Take the outputs from the last neurons (of a layered network: all of the last layer)."""
    bits = sum(t.type.bits for t in terminals)
    if bits > len(last) or (whole and bits != len(last)):
        what = "the last layer has" if whole else "there are"
        raise error(f"the outputs have {bits} bits, {what} {len(last)} neurons", Span(source, path="outputs"))
    return tuple(last[len(last) - bits:])


def _named_outputs(ports: Sequence[BtfOutput], terminals: Sequence[Terminal], top: int,
                   source: Source) -> tuple[int, ...]:
    """Take the outputs from the nodes that they name."""
    labels: list[int] = []
    for k, (port, t) in enumerate(zip(ports, terminals, strict=True)):
        span = Span(source, path=f"outputs[{k}]" + (".nodes" if port.nodes is not None else ""))
        if port.nodes is None:
            raise error("nodes are given for other outputs and not for this one", span)
        if len(port.nodes) != t.type.bits:
            raise error(f"{t.type} has {t.type.bits} bits, got {len(port.nodes)} nodes", span)
        for label in port.nodes:
            if not 1 <= label <= top:
                raise error(f"there is no node {label} to put out, nodes are 1 to {top}", span)
        labels += port.nodes
    return tuple(labels)
