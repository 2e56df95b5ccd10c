"""Find the threshold network in a module: the inverse of `build_module`, for writers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Graph, Module, Node, Type, Value
from circuitc.ir.interpreter import evaluate_node

from .btf import Neuron, Terminal, ThresholdNetwork, check_weights

Labels = NDArray[np.int64]

# These ops only move elements; applied to labels instead of spins they say where each spin came from.
MOVES = frozenset({"reshape", "transpose", "broadcast", "slice", "window", "element", "concat", "stack"})


def network_of(module: Module) -> ThresholdNetwork:
    """Give the module's entry func as a threshold network, or refuse it in one line.

    It must be combinational, with exact ports, and made of thresholds of spins with constant weights and of ops that
    move or rename single bits. Output bits that are not the last neurons, each once, get a neuron that copies.
    """
    func = module.entry
    if not isinstance(func.body, Graph) or not func.is_combinational:
        raise error(f"@{func.name} is not a combinational graph of thresholds",
                    help="convert the model before it is lowered to gates")
    for port in (*func.inputs, *func.outputs):
        if port.type.is_float:
            raise error(f"@{func.name}: port {port.name} is {port.type}, a threshold network has bits only")
    found = _Walk(func.name, func.body)
    terminals = [tuple(Terminal(p.name, p.type, p.encoding.bit_order) for p in ports)
                 for ports in (func.inputs, func.outputs)]
    labels = [int(n) for v in func.body.outputs for n in found.labels[v].ravel()]
    neurons, outputs = _outputs_last(found.neurons, 1 + found.inputs, labels)
    return ThresholdNetwork(func.name, module.name, terminals[0], terminals[1], tuple(neurons), tuple(outputs))


class _Walk:
    """One walk over a graph: the label of each bit of each value, and the neurons found.

    The labels of a value have a batch axis of one, the value's shape, and for numbers of several bits one more axis.
    """

    def __init__(self, name: str, graph: Graph) -> None:
        self.name = name
        self.neurons: list[Neuron] = []
        self.labels: dict[Value, Labels] = {}
        label = 1
        for value in range(graph.inputs):
            t = graph.nodes[value].type
            self.labels[value] = np.arange(label, label + t.bits).reshape(1, *t.shape, *_number(t))
            label += t.bits
        self.inputs = label - 1
        for value in range(graph.inputs, len(graph.nodes)):
            if value in graph.live and not graph.nodes[value].is_constant:
                self.labels[value] = self._node(graph, graph.nodes[value])

    def _node(self, graph: Graph, node: Node) -> Labels:
        operands = [graph.nodes[v] for v in node.operands]
        moved = [self.labels.get(v) for v in node.operands]
        if node.op == "threshold" and all(o.is_constant for o in operands[1:]) and moved[0] is not None:
            return self._threshold(node, operands, moved[0])
        if moved[0] is not None and (renamed := _renamed(node.op, operands[0].type, node.type, moved[0])) is not None:
            return renamed
        if node.op not in MOVES or any(m is None for m in moved) or any(o.type.width > 1 for o in operands):
            raise error(f"@{self.name}: %{node.name} is {node.op}, which a threshold network does not have", node.span,
                        "it holds thresholds of spins with constant weights")
        return np.asarray(evaluate_node(node, [o.type for o in operands], [m for m in moved if m is not None]))

    def _threshold(self, node: Node, operands: list[Node], labels: Labels) -> Labels:
        w, t = (o.constant for o in operands[1:])
        fraction = max(w.type.fraction, t.type.fraction)
        first = 1 + self.inputs + len(self.neurons)
        for row, threshold in zip(w.array.tolist(), t.array.tolist(), strict=True):
            weight: dict[int, int] = {}
            for label, number in zip(labels[0].tolist(), row, strict=True):
                weight[label] = weight.get(label, 0) + (number << (fraction - w.type.fraction))
            self._neuron(weight, threshold << (fraction - t.type.fraction))
        return np.arange(first, first + w.array.shape[0]).reshape(1, -1)

    def _neuron(self, weight: dict[int, int], threshold: int) -> None:
        sources = tuple(sorted(weight))
        label = 1 + self.inputs + len(self.neurons)
        neuron = Neuron(sources, tuple(weight[s] for s in sources), threshold, label)
        check_weights((threshold, *neuron.weights), f"@{self.name}: neuron {label}")
        self.neurons.append(neuron)


def _number(t: Type) -> tuple[int, ...]:
    """Give the axis of bits that the labels of a number have; single bits have none."""
    return () if t.width == 1 else (t.width,)


def _renamed(op: str, source: Type, result: Type, labels: Labels) -> Labels | None:
    """Give the labels behind an op that only calls bits by another type, or None for any other op."""
    if op == "convert" and source.width == result.width == 1:
        return labels
    if op in ("pack", "unpack"):
        bits = source if op == "pack" else result
        number = result if op == "pack" else source
        inner = labels.reshape(1, *bits.shape)
        return inner if op == "unpack" else inner.reshape(1, *number.shape, *_number(number))
    return None


def _outputs_last(neurons: list[Neuron], first: int, outputs: Sequence[int]) -> tuple[list[Neuron], list[int]]:
    """Order neurons so that the outputs are the last ones: move those that may move, copy the others."""
    inner = {s for n in neurons for s in n.sources}
    once = {label for label in outputs if label >= first and label not in inner and outputs.count(label) == 1}
    rest = [label for label in range(first, first + len(neurons)) if label not in once]
    order = [*rest, *(label if label in once else -label for label in outputs)]  # negative: a copy of that label
    new = {label: first + place for place, label in enumerate(order) if label > 0}

    def renamed(sources: Sequence[int]) -> tuple[int, ...]:
        return tuple(new.get(s, s) for s in sources)

    moved: list[Any] = []
    for place, label in enumerate(order, first):
        neuron = Neuron((-label,), (1,), 0, place) if label < 0 else neurons[label - first]
        moved.append(replace(neuron, sources=renamed(neuron.sources), number=place))
    return moved, list(range(first + len(rest), first + len(order)))
