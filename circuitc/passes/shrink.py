"""Dead neurons: layers lose the neurons that nothing reads, and those that always answer the same number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.ir import Builder, Constant, Func, Graph, Node, Value, rebuild, smallest
from circuitc.ir.ranges import Interval, value_ranges

from .base import Context, GraphPass
from .quantization.fold_scales import named_as_before
from .shrink_state import shrink_state

_ELEMENTWISE = frozenset(("add", "sub", "mul", "neg", "abs", "min", "max", "and", "or", "xor", "not", "eq", "lt", "le",
                          "select", "requantize", "convert", "shift"))


@dataclass(frozen=True, slots=True)
class Shrink(GraphPass):
    """Leave out neurons of exact layers whose weights in the next layer are all zero, or whose value never changes.

    A constant neuron's part goes into a constant that the next layer adds. It works through what is done element by
    element between two layers, as far back as a constant matrix or vector has the neurons as rows. Elements of
    registers that no output depends on leave too: neurons of recurrent layers, in all their gates. Floats stay, where a
    zero times infinity is no zero.
    """

    def run_func(self, func: Func, context: Context) -> Func:
        shorter = shrink_state(func, context.facts.setdefault("layers", []))
        return GraphPass.run_func(self, shorter, context)

    def run(self, graph: Graph, context: Context) -> Graph:
        rows: list[dict[str, Any]] = []
        while True:
            shorter = _shrink_one(graph, rows)
            if shorter is graph:
                break
            graph = shorter
        context.facts.setdefault("layers", []).extend(rows)
        removed = sum(r["removed"] for r in context.facts["layers"])
        context.facts["summary"] = f"removed {removed} dead neurons"
        return graph


@dataclass(frozen=True, slots=True)
class _Cut:
    """A contraction that can do with fewer terms: the place of its weights, its axis there, and what is kept."""

    value: Value
    place: int
    axis: int
    kept: Any         # indices
    constant: Any     # what the left-out terms add to the result: raw numbers at `fraction`
    fraction: int


def _shrink_one(graph: Graph, rows: list[dict[str, Any]]) -> Graph:
    """Shorten the first contraction that can be; the same graph where none can."""
    ranges = value_ranges(graph)
    for value, node in enumerate(graph.nodes):
        cut = _find(graph, ranges, value) if node.op == "contract" and value in graph.live else None
        if cut is not None:
            shorter = _cut(graph, cut)
            if shorter is not graph:
                name, before = node.name, _weights(graph, cut).shape[cut.axis]
                rows.append({"layer": name, "removed": before - len(cut.kept), "of": before})
                return shorter
    return graph


def _weights(graph: Graph, cut: _Cut) -> Any:
    return graph.nodes[graph.nodes[cut.value].operands[cut.place]].constant.array


def _find(graph: Graph, ranges: tuple[Interval | None, ...], value: Value) -> _Cut | None:
    """Look at a product of a constant and a vector for terms that are always zero, or always the same."""
    node = graph.nodes[value]
    if node.type.is_float or node.attributes["semiring"] != "plus_times" or len(node.operands) != 2:
        return None
    letters, _, result = node.attributes["spec"].replace(" ", "").partition("->")
    mine = letters.split(",")
    for place in (0, 1):
        weights, x = graph.nodes[node.operands[place]], graph.nodes[node.operands[1 - place]]
        summed = mine[1 - place]
        if not weights.is_constant or x.is_constant:
            continue
        if len(summed) != 1 or summed in result or summed not in mine[place]:
            continue
        axis = mine[place].index(summed)
        found = ranges[node.operands[1 - place]]
        columns = np.moveaxis(weights.constant.array, axis, -1).astype(object)
        unused = np.all(columns.reshape(-1, columns.shape[-1]) == 0, axis=0)
        fixed_ = np.asarray(found.low == found.high, dtype=bool) if found is not None else np.zeros(len(unused), bool)
        kept = np.flatnonzero(~(unused | fixed_))
        if len(kept) == len(unused) or not _reaches(graph, node.operands[1 - place]):
            continue
        if not len(kept):
            kept = np.array([0])  # no axis is empty; a neuron that stays adds its own part
        gone = np.setdiff1d(np.flatnonzero(fixed_ & ~unused), kept)
        constant = columns[..., gone] @ found.low[gone] if found is not None and len(gone) else np.zeros(
            columns.shape[:-1], dtype=object)
        order = [c for c in mine[place] if c in result]
        constant = np.transpose(constant, [order.index(c) for c in result])
        return None if len(kept) == len(unused) else _Cut(value, place, axis, kept, constant,
                                                          weights.type.fraction + x.type.fraction)
    return None


def _reaches(graph: Graph, value: Value) -> bool:
    """Tell whether neurons can be left out of a vector: it is made element by element, of layers and constants."""
    node = graph.nodes[value]
    if node.is_constant:
        return True
    if node.type.rank != 1 or value < graph.inputs or len(graph.users[value]) != 1 or value in graph.outputs:
        return False  # what somebody else reads has to stay whole
    if node.op == "table":
        return _reaches(graph, node.operands[0])
    if node.op in _ELEMENTWISE:
        return all(_reaches(graph, v) for v in node.operands)
    if node.op != "contract":
        return False
    return _row_axis(graph.nodes[node.operands[0]], graph.nodes[node.operands[1]], node) is not None


def _row_axis(a: Node, b: Node, node: Node) -> tuple[int, int] | None:
    """Give the constant operand of a contraction, and its axis that numbers the result's elements."""
    letters, _, result = node.attributes["spec"].replace(" ", "").partition("->")
    mine = letters.split(",")
    if node.attributes["semiring"] == "plus_times" and len(node.operands) == 2:
        for place, operand in enumerate((a, b)):
            if operand.is_constant and result in mine[place] and result not in mine[1 - place]:
                return place, mine[place].index(result)
    return None


def _cut(graph: Graph, cut: _Cut) -> Graph:
    """Build the graph with one contraction shortened, and what leads to it."""
    target = graph.nodes[cut.value].name

    def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        if node.op != "contract" or node.name != target:
            return None
        weights, x = operands[cut.place], operands[1 - cut.place]
        pair = [_taken(b, weights, cut.kept, cut.axis), _shorter(b, x, cut.kept)]
        number = b.apply("contract", *(pair if cut.place == 0 else pair[::-1]), name=node.name, origin=node.origin,
                         **node.attributes)
        if not np.any(cut.constant != 0):
            return _as(b, number, node)
        t = smallest(int(cut.constant.min()), int(cut.constant.max()), cut.fraction, node.type.shape)
        return _as(b, b.apply("add", number, b.constant(Constant(t, cut.constant), f"{node.name}_fixed")), node)

    return named_as_before(rebuild(graph, rule), {n.name for n in graph.nodes})


def _as(b: Builder, number: Value, node: Node) -> Value:
    """Bring a number into the type that the node had; it fits, as it is the same number."""
    if b.type(number) == node.type:
        return number
    if node.type.holds(b.type(number)):
        return b.apply("convert", number, type=node.type, name=node.name)
    return b.apply("requantize", number, type=node.type, overflow="never", name=node.name)


def _taken(b: Builder, value: Value, kept: Any, axis: int) -> Value:
    node = b.nodes[value]
    array = np.take(node.constant.array, kept, axis=axis)
    return b.constant(Constant(node.type.with_shape(array.shape), array, node.constant.storage), node.name, node.origin)


def _shorter(b: Builder, value: Value, kept: Any) -> Value:
    """Build a vector again with some of its elements."""
    node = b.nodes[value]
    if node.is_constant:
        return _taken(b, value, kept, 0)
    if node.op == "table":
        operands = [_shorter(b, node.operands[0], kept), node.operands[1]]
    elif node.op == "contract":
        found = _row_axis(b.nodes[node.operands[0]], b.nodes[node.operands[1]], node)
        assert found is not None
        place, axis = found
        operands = [_taken(b, v, kept, axis) if k == place else v for k, v in enumerate(node.operands)]
    else:
        operands = [_shorter(b, v, kept) for v in node.operands]
    return b.apply(node.op, *operands, type=node.type.with_shape((len(kept),)), name=node.name, origin=node.origin,
                   **node.attributes)
