"""Rows of constant `threshold` ops: which ops hold neurons, their integers and names, and the op with new rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from circuitc.ir import Builder, Constant, Graph, Node, Value, smallest

from .gates import gate_of
from .ladder import Rung

_NEURONS = re.compile(r"(?P<before>.*?)neurons? (?P<numbers>\d+(?:-\d+)?(?:, \d+(?:-\d+)?)*)")
MOST_WEIGHTS_SHOWN = 65


def is_neurons(graph: Graph, node: Node) -> bool:
    """Tell whether a node is a threshold of spins with constant weights."""
    return (node.op == "threshold" and graph.nodes[node.operands[0]].type.is_spin
            and all(graph.nodes[v].is_constant for v in node.operands[1:]))


def neuron_operands(graph: Graph) -> list[Value]:
    """Give the vectors of spins that live neurons read."""
    return sorted({n.operands[0] for v, n in enumerate(graph.nodes) if v in graph.live and is_neurons(graph, n)})


def is_addable(row: tuple[int, tuple[int, ...]]) -> bool:
    """Tell whether a neuron's sums fit i64."""
    return abs(row[0]) + sum(map(abs, row[1])) < 1 << 62


def integer_rows(graph: Graph, node: Node) -> list[tuple[int, tuple[int, ...]]]:
    """Give each neuron of a threshold op as (threshold, weights), integers of a common scale."""
    w, t = (graph.nodes[v].constant for v in node.operands[1:])
    fraction = max(w.type.fraction, t.type.fraction)
    up_w, up_t = 1 << (fraction - w.type.fraction), 1 << (fraction - t.type.fraction)
    return [(threshold * up_t, tuple(weight * up_w for weight in row))
            for threshold, row in zip(t.array.tolist(), w.array.tolist(), strict=True)]


def row_names(node: Node, rows: int) -> list[str]:
    """Name each neuron of an op: by its origin in the model where that counts them, else by the op and the row."""
    match = _NEURONS.fullmatch(node.origin)
    numbers = [n for part in match["numbers"].split(", ") for n in _counted(part)] if match else []
    if match and len(numbers) == rows:
        return [f"{match['before']}neuron {n}" for n in numbers]
    return [f"%{node.name} row {row}" for row in range(rows)]


def _counted(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first), int(last or first) + 1)


def new_threshold(builder: Builder, node: Node, operand: Value, found: Sequence[tuple[int, ...]]) -> Value:
    """Add the op again with new integer rows (the threshold first), in the narrowest types."""
    w = builder.constant(_narrow([row[1:] for row in found]), name=f"{node.name}_w", origin=node.origin)
    t = builder.constant(_narrow([row[0] for row in found]), name=f"{node.name}_t", origin=node.origin)
    return builder.apply("threshold", operand, w, t, name=node.name, origin=node.origin, span=node.span)


def _narrow(rows: Any) -> Constant:
    array = np.array(rows, dtype=object)
    return Constant(smallest(min(-1, array.min()), max(1, array.max()), 0, array.shape), array)


def fact(neuron: str, func: str, rung: Rung) -> dict[str, Any]:
    """Describe what one neuron became, as plain JSON values."""
    gate = gate_of(rung.weights)
    row: dict[str, Any] = {"neuron": neuron, "func": func, "rung": rung.name, "evidence": rung.evidence,
                           "gate": gate.name, "family": gate.family, "sum": rung.sum}
    if rung.least_sum:
        row["least_sum"] = rung.least_sum
    if len(rung.weights) <= MOST_WEIGHTS_SHOWN:
        row["weights"] = list(rung.weights)
    return row
