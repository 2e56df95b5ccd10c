"""Narrow types: results get the fewest bits that the range analysis proves to be enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.ir import OPS, Builder, Constant, Graph, Node, Type, Value, rebuild, smallest
from circuitc.ir.ranges import Interval, keeps_promise, value_ranges

from .base import Context, GraphPass

# Ops that read numbers, whatever type they are in, and ops that only move one operand's elements.
_NUMERIC = frozenset((
    "add", "sub", "mul", "neg", "abs", "eq", "lt", "le", "requantize", "convert", "shift", "contract", "threshold",
    "argmax", "argmin", "reshape", "transpose", "broadcast", "slice", "window", "element",
    "exp", "log", "sqrt", "rsqrt", "divide", "tanh", "sigmoid", "sin", "cos", "erf"))
# Ops that want some operands (by number; None: all) in one type, and then only compare or move them.
_ONE_TYPE: dict[str, tuple[int, ...] | None] = {
    "min": None, "max": None, "concat": None, "stack": None, "select": (1, 2), "pad": (0, 1), "update": (0, 2)}


@dataclass(frozen=True, slots=True)
class Ranges(GraphPass):
    """Narrow results to the bits that their proved ranges need; values that have one number become constants.

    Ports, registers and operands of calls keep their types: `convert` widens there. Fractions stay. Operands whose bits
    matter (logic, tables, unpack) keep their types too. The facts tell for each `requantize` that promises
    `overflow=never` whether the ranges prove it.
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        narrowing = _Narrowing(graph)
        built = narrowing.rebuild()
        for fact, bits in (("bits_before", _bits(graph)), ("bits_after", _bits(built))):
            context.facts[fact] = context.facts.get(fact, 0) + bits
        _note_promises(graph, narrowing.ranges, context)
        return graph if built == graph else built


def _note_promises(graph: Graph, ranges: Sequence[Interval | None], context: Context) -> None:
    """Note which promises that nothing overflows are proved, and which are not."""
    promises = [v for v, n in enumerate(graph.nodes) if v in graph.live and n.op == "requantize"
                and n.attributes["overflow"] == "never"]
    if not promises:
        return
    facts = context.facts.setdefault("never", {"proved": 0, "not_proved": []})
    for v in promises:
        if keeps_promise(graph, v, ranges):
            facts["proved"] += 1
        else:
            facts["not_proved"].append(graph.nodes[v].name)
    count = facts["proved"] + len(facts["not_proved"])
    context.facts["summary"] = f"{facts['proved']} of {count} requantize with overflow=never proved never to overflow"


class _Narrowing:
    """One rebuild of a graph in narrower types."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.ranges = value_ranges(graph)
        self.builder = Builder()
        self.new: dict[Value, Value] = {}

    def rebuild(self) -> Graph:
        for value, node in enumerate(self.graph.nodes):
            if value < self.graph.inputs:
                self.new[value] = self.builder.input(node.name, node.type, node.span)
            elif value in self.graph.live:
                self.new[value] = self.narrowed(value, node)
        outputs = [self.wide(v) for v in self.graph.outputs]
        return rebuild(self.builder.finish(outputs))  # without what only led to values that are constant now

    def narrowed(self, value: Value, node: Node) -> Value:
        """Build a node in the narrowest type that holds its range."""
        interval = self.ranges[value]
        t = self.fewest_bits(node.type, interval)
        if node.op == "convert" and self.builder.type(self.new[node.operands[0]]) == t:
            return self.new[node.operands[0]]
        if interval is not None and bool(np.all(interval.low == interval.high)):
            return self.constant(node, t, interval.low)
        if node.op == "call" or node.is_constant:
            return self.builder.copy(node, [self.wide(v) for v in node.operands])
        operands = self.operands(node)
        return self.builder.apply(node.op, *operands, type=t, name=node.name, origin=node.origin, span=node.span,
                                  **node.attributes)

    def constant(self, node: Node, t: Type, array: Any) -> Value:
        storage = node.constant.storage if node.is_constant else "dense"
        return self.builder.constant(Constant(t, array, storage), node.name, node.origin)

    def fewest_bits(self, t: Type, interval: Interval | None) -> Type:
        """Give the narrowest type of the same fraction that holds an interval, or the type itself."""
        if t.kind != "fixed" or interval is None:
            return t
        narrow = smallest(int(interval.low.min()), int(interval.high.max()), t.fraction, t.shape)
        return narrow if narrow.width < t.width else t

    def operands(self, node: Node) -> list[Value]:
        """Give a node's operands in types that it takes: narrow ones, narrow ones in one type, or as they were."""
        if node.op in _NUMERIC or (node.op == "reduce" and node.attributes["kind"] in ("add", "min", "max")):
            return [self.new[v] for v in node.operands]
        places = _ONE_TYPE.get(node.op, ())
        places = tuple(range(len(node.operands))) if places is None else places
        group = [node.operands[k] for k in places]
        common = self.common(group) if group and self.graph.nodes[group[0]].type.kind == "fixed" else None
        return [self.wide(v) if k not in places or common is None else
                self.cast(self.new[v], common.with_shape(self.graph.nodes[v].type.shape))
                for k, v in enumerate(node.operands)]

    def common(self, values: list[Value]) -> Type:
        """Give the narrowest element type that holds the ranges of values of one type."""
        found = [interval for v in values if (interval := self.ranges[v]) is not None]
        ends = [(int(i.low.min()), int(i.high.max())) for i in found]
        t = self.graph.nodes[values[0]].type.scalar
        narrow = smallest(min(low for low, _ in ends), max(high for _, high in ends), t.fraction)
        narrow = narrow if narrow.width < t.width else t
        return narrow if all(_holds(narrow, self.builder.type(self.new[v])) for v in values) else t

    def wide(self, value: Value) -> Value:
        """Give a value in the type that it had."""
        return self.cast(self.new[value], self.graph.nodes[value].type)

    def cast(self, value: Value, t: Type) -> Value:
        node = self.builder.nodes[value]
        if node.type == t:
            return value
        if node.is_constant and node.type.fraction == t.fraction:
            return self.constant(node, t, node.constant.array)
        return self.builder.apply("convert", value, type=t, name=node.name)


def _holds(wide: Type, t: Type) -> bool:
    return wide.holds(t.scalar)


def _bits(graph: Graph) -> int:
    """Count the bits of all values that ops compute."""
    return sum(n.type.bits for n in graph.nodes[graph.inputs:] if n.op in OPS and not n.is_constant)
