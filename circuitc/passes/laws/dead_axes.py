"""Dead axes: what nobody reads of an axis is not computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from circuitc.ir import Builder, Constant, Graph, Node, Value

from ..base import Context, GraphPass
from .reach import REACH, Part, hull, whole


@dataclass(frozen=True, slots=True)
class DropDeadAxes(GraphPass):
    """Compute of each axis only the places that an output depends on: a slice moves before what it cuts.

    Sums of products, folds, moves, joins, windows and what is done element by element lose the rows that nothing
    reads, back to inputs and constants. Holds to the bit for exact types; floats keep every product and sum (the order
    of a sum is free, as anywhere).
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        wanted = _wanted(graph)
        if all(part in (None, whole(n.type)) or v < graph.inputs or n.is_constant
               for v, (n, part) in enumerate(zip(graph.nodes, wanted, strict=True))):
            return graph
        return _Cutting(graph, wanted).graph()


def _wanted(graph: Graph) -> list[Part | None]:
    """Find the part of each value that is read, from the outputs back; None for dead values."""
    wanted: list[Part | None] = [None] * len(graph.nodes)
    for v in graph.outputs:
        wanted[v] = whole(graph.nodes[v].type)
    for v in range(len(graph.nodes) - 1, graph.inputs - 1, -1):
        part, node = wanted[v], graph.nodes[v]
        if part is None or node.is_constant:
            continue
        types = [graph.nodes[o].type for o in node.operands]
        if node.op not in REACH:
            wanted[v] = whole(node.type)
        elif node.op == "window":
            wanted[v] = part = (*part[:-1], (0, node.type.shape[-1]))
        parts = REACH[node.op](node, types, part) if node.op in REACH else [whole(t) for t in types]
        for operand, read in zip(node.operands, parts, strict=True):
            wanted[operand] = hull(wanted[operand], read)
    return wanted


class _Cutting:
    """The graph as it is built again, and for each old value its new one and which part of the old that is."""

    def __init__(self, old: Graph, wanted: Sequence[Part | None]) -> None:
        self.old = old
        self.wanted = wanted
        self.builder = Builder()
        self.new: dict[Value, tuple[Value, Part]] = {}

    def graph(self) -> Graph:
        for v, node in enumerate(self.old.nodes):
            if v < self.old.inputs:
                self.new[v] = self.builder.input(node.name, node.type, node.span), whole(node.type)
            elif (part := self.wanted[v]) is not None:
                self.new[v] = self._cut(node, part), part
        return self.builder.finish(self._part(v, whole(self.old.nodes[v].type)) for v in self.old.outputs)

    def _cut(self, node: Node, part: Part) -> Value:
        """Build the part of a value that is wanted."""
        b, types = self.builder, [self.old.nodes[o].type for o in node.operands]
        if node.is_constant:
            return self._constant(node, part)
        if node.op == "slice":
            return self._slice(node, part)
        if node.op not in REACH:
            return b.copy(node, [self._part(o, whole(t)) for o, t in zip(node.operands, types, strict=True)])
        reads = REACH[node.op](node, types, part)
        operands = [self._part(o, read) for o, read in zip(node.operands, reads, strict=True) if read is not None]
        if node.op == "concat" and len(operands) == 1 and b.type(operands[0]).scalar == node.type.scalar:
            return operands[0]
        shape = tuple(hi - lo for lo, hi in part)
        attributes = {**node.attributes, "shape": shape} if node.op == "broadcast" else node.attributes
        return b.apply(node.op, *operands, type=node.type.with_shape(shape), name=node.name, origin=node.origin,
                       span=node.span, **attributes)

    def _constant(self, node: Node, part: Part) -> Value:
        if part == whole(node.type):
            return self.builder.copy(node, ())
        array = node.constant.array[tuple(slice(lo, hi) for lo, hi in part)]
        constant = Constant(node.type.with_shape(array.shape), array, node.constant.storage)
        return self.builder.constant(constant, node.name, node.origin)

    def _slice(self, node: Node, part: Part) -> Value:
        """Cut a slice out of what is there of its operand."""
        value, have = self.new[node.operands[0]]
        step = node.attributes["step"] or (1,) * len(part)
        first = tuple(f + lo * s - h for f, s, (lo, _), (h, _) in zip(node.attributes["start"], step, part, have,
                                                                      strict=True))
        last = tuple(f + (hi - lo - 1) * s for f, s, (lo, hi) in zip(first, step, part, strict=True))
        return self._sliced(value, first, tuple(n + 1 for n in last), step, node)

    def _part(self, v: Value, part: Part) -> Value:
        """Give a part of an old value."""
        value, have = self.new[v]
        start = tuple(lo - h for (lo, _), (h, _) in zip(part, have, strict=True))
        stop = tuple(hi - h for (_, hi), (h, _) in zip(part, have, strict=True))
        return self._sliced(value, start, stop, (1,) * len(part), self.old.nodes[v])

    def _sliced(self, value: Value, start: tuple[int, ...], stop: tuple[int, ...], step: tuple[int, ...],
                node: Node) -> Value:
        t = self.builder.type(value)
        shape = tuple(-(-(b - a) // s) for a, b, s in zip(start, stop, step, strict=True))
        if shape == t.shape and t.scalar == node.type.scalar:
            return value
        return self.builder.apply("slice", value, start=start, stop=stop, step=step if any(s > 1 for s in step) else (),
                                  type=node.type.with_shape(shape), name=node.name, origin=node.origin, span=node.span)
