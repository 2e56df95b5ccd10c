"""Boolean threshold networks: neurons over spins, as exact integers, to the IR and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np

from circuitc.diagnostics import Span, error
from circuitc.ir import BIT, SPIN, Builder, Constant, Encoding, Func, Module, Port, Type, Value, module_of, smallest

WEIGHT_BITS = 62  # magnitudes of a neuron's weights add up to less than 2**62, so sums fit i64 in every backend


@dataclass(frozen=True, slots=True)
class Neuron:
    """One gate: +1 where `sum(weights * sources) > threshold`, else -1.

    `sources` are labels of earlier nodes, rising. The threshold is the weight of the constant input, which is -1.
    `where` and `number` say which neuron of the model it is: `layers[1] ` and 3, or nothing and its label.
    """

    sources: tuple[int, ...]
    weights: tuple[int, ...]
    threshold: int
    number: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A port of a network: its bits are labels, in row-major order, and within a number by `bit_order`."""

    name: str
    type: Type
    bit_order: Literal["lsb", "msb"] = "lsb"

    @property
    def port(self) -> Port:
        """The port of the func; a vector of single bits says how it is read as a number."""
        order = self.bit_order if self.type.width == 1 else "lsb"
        return Port(self.name, self.type, encoding=Encoding(bit_order=order))

    def flat_order(self, labels: Sequence[int]) -> list[int]:
        """Bring labels in the terminal's order to flattened-bit order (least significant first), or back."""
        width = self.type.width
        if width == 1 or self.bit_order == "lsb":
            return list(labels)
        return [labels[start + k] for start in range(0, len(labels), width) for k in reversed(range(width))]


@dataclass(frozen=True, slots=True)
class ThresholdNetwork:
    """A network of neurons: label 0 is the constant -1, labels 1..n are the input bits, then one a neuron.

    `output_labels` are the labels of the output bits, terminal by terminal.
    """

    name: str
    source: str
    inputs: tuple[Terminal, ...]
    outputs: tuple[Terminal, ...]
    neurons: tuple[Neuron, ...]
    output_labels: tuple[int, ...]

    @property
    def input_bits(self) -> int:
        """The number of input labels."""
        return sum(t.type.bits for t in self.inputs)

    def label(self, neuron: int) -> int:
        """Give the label of a neuron by its index in `neurons`."""
        return 1 + self.input_bits + neuron


def build_module(network: ThresholdNetwork, facts: Mapping[str, Any]) -> Module:
    """Give the network as a module: neurons with the same sources become one `threshold` op.

    A layered network becomes one op a layer; any other DAG slices and joins what it needs.
    """
    wires = _Wires(network)
    for sources, members in _groups(network):
        wires.add_group(sources, members)
    outputs: list[Value] = []
    start = 0
    for terminal in network.outputs:
        labels = network.output_labels[start:start + terminal.type.bits]
        outputs.append(wires.output(terminal, labels))
        start += len(labels)
    func = Func(network.name, tuple(t.port for t in network.inputs), tuple(t.port for t in network.outputs),
                wires.builder.finish(outputs))
    module = module_of(func)
    return Module(module.funcs, module.main, module.name, dict(facts))


def _groups(network: ThresholdNetwork) -> list[tuple[tuple[int, ...], list[int]]]:
    """Group neurons by their sources, in order of the first member: all sources of a group come before it."""
    members: dict[tuple[int, ...], list[int]] = {}
    for index, neuron in enumerate(network.neurons):
        members.setdefault(neuron.sources, []).append(index)
    return list(members.items())


class _Wires:
    """A graph being grown, and where each label is: the vector that holds it and its place there."""

    def __init__(self, network: ThresholdNetwork) -> None:
        self.network = network
        self.builder = Builder()
        self.place: dict[int, tuple[Value, int]] = {}
        ports = [self.builder.input(t.name, t.type) for t in network.inputs]
        label = 1
        for terminal, value in zip(network.inputs, ports, strict=True):
            bits = self._spins(terminal, value)
            for index, own in enumerate(terminal.flat_order(range(label, label + terminal.type.bits))):
                self.place[own] = (bits, index)
            label += terminal.type.bits

    def _spins(self, terminal: Terminal, value: Value) -> Value:
        """Give an input port as a vector of spins, least significant bit first."""
        b, t = self.builder, terminal.type
        if not t.is_spin:
            if not t.is_bit:
                value = b.apply("unpack", value, name=f"{terminal.name}_bits")
            value = b.apply("convert", value, type=SPIN, name=f"{terminal.name}_spins")
        return value if b.type(value).rank == 1 else b.apply("reshape", value, shape=(t.bits,))

    def output(self, terminal: Terminal, labels: Sequence[int]) -> Value:
        """Give an output port's value from the labels of its bits."""
        b, t = self.builder, terminal.type
        value = self.vector(terminal.flat_order(labels))
        if not t.is_spin:
            value = b.apply("convert", value, type=BIT)
        shape = t.shape if t.width == 1 else (*t.shape, t.width)
        if b.type(value).shape != shape:
            value = b.apply("reshape", value, shape=shape)
        return value if t.is_spin or t.is_bit else b.apply("pack", value, type=t.scalar, name=terminal.name)

    def vector(self, labels: Sequence[int]) -> Value:
        """Give a vector of spins: whole vectors where they fit, else slices joined."""
        places = [self.place[label] for label in labels]
        parts: list[Value] = []
        for _, run in groupby(enumerate(places), lambda item: (item[1][0], item[1][1] - item[0])):
            members = [place for _, place in run]
            parts.append(self._slice(members[0][0], members[0][1], members[-1][1] + 1))
        return parts[0] if len(parts) == 1 else self.builder.apply("concat", *parts)

    def _slice(self, value: Value, start: int, stop: int) -> Value:
        whole = self.builder.type(value).size == stop - start
        return value if whole else self.builder.apply("slice", value, start=(start,), stop=(stop,))

    def add_group(self, sources: tuple[int, ...], members: list[int]) -> None:
        """Add the op that computes all neurons with these sources."""
        neurons = [self.network.neurons[index] for index in members]
        # A neuron that reads nothing but the constant still is a gate: it reads the first input with weight 0.
        operand = self.vector(sources or (1,))
        rows = [n.weights or (0,) for n in neurons]
        origin = origin_of(self.network.source, neurons)
        w = self.builder.constant(weight_constant(rows), name=f"w{members[0]}", origin=origin)
        t = self.builder.constant(weight_constant([n.threshold for n in neurons]), name=f"t{members[0]}", origin=origin)
        value = self.builder.apply("threshold", operand, w, t, name=f"n{self.network.label(members[0])}", origin=origin)
        for row, index in enumerate(members):
            self.place[self.network.label(index)] = (value, row)


def weight_constant(rows: Sequence[int] | Sequence[Sequence[int]]) -> Constant:
    """Make a constant of the narrowest signed type that holds these integers."""
    array = np.array(rows, dtype=np.int64)
    return Constant(smallest(min(-1, int(array.min())), max(1, int(array.max())), 0, array.shape), array)


def origin_of(source: str, neurons: Sequence[Neuron]) -> str:
    """Name neurons in their model: `mul2.sol:neuron 5`, `net.json:layers[1] neurons 0-3`."""
    numbers = _ranges([n.number for n in neurons])
    return f"{source}:{neurons[0].where}neuron{'s' if len(neurons) > 1 else ''} {numbers}"


def _ranges(numbers: Iterable[int]) -> str:
    """Write numbers short: 5-8, 11."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda item: item[1] - item[0])]
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs)


def check_weights(weights: Sequence[int], what: str, span: Span | None = None) -> None:
    """Refuse a neuron whose exact sums would not fit 62 bits."""
    bits = sum(map(abs, weights)).bit_length()
    if bits > WEIGHT_BITS:
        raise error(f"{what}: as exact integers the weights need {bits} bits, {WEIGHT_BITS} fit", span,
                    "give them with fewer digits")
