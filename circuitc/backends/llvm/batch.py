"""A graph over a block of samples: each value gets a leading axis of samples, and products read their weights once.

Samples are independent, so an op over a block is the same op with one more axis. Values that depend on no input keep
their type. The rows of `_RULES` are the ops for which this pays or costs nothing; a graph with others is not written
so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from circuitc.ir import Builder, Graph, Node, Value

from .functions import ELEMENTWISE
from .memory import bytes_of

BLOCKS = (64, 6)           # samples in a block: weights are read once for 64; 6 is one tile of rows
IN_STEP = (6,)             # the same where there are registers: measured as quick as 64, and compiled in half the time
_LARGEST = 1 << 21         # bytes that the values of a block may take together, so that they stay near the core
_FEWEST = 1 << 12          # weights for which a block pays


def blocks_of(graph: Graph, sizes: Sequence[int] = BLOCKS) -> dict[int, Graph]:
    """Give the graph over blocks of samples by their size, largest first; empty where samples are better one by one."""
    if not _pays(graph) or not takes(graph):
        return {}
    size = sum(bytes_of(graph.nodes[v].type) for v in graph.live if not graph.nodes[v].is_constant)
    return {n: over_block(graph, n) for n in sizes if n * size <= _LARGEST}


def takes(graph: Graph) -> bool:
    """Tell whether all ops of a graph can be written over a block."""
    nodes = [graph.nodes[v] for v in graph.live if v >= graph.inputs and not graph.nodes[v].is_constant]
    return not any(n.op not in _RULES or (n.op == "table" and not graph.nodes[n.operands[1]].is_constant)
                   for n in nodes)


def _pays(graph: Graph) -> bool:
    """Tell whether most of the work is in products that read each weight once a sample."""
    weights = 0
    for v in graph.live:
        node = graph.nodes[v]
        if node.op == "contract" and node.attributes["semiring"] == "plus_times":
            a, b = (graph.nodes[o] for o in node.operands[:2])
            if a.is_constant == b.is_constant or max(a.type.rank, b.type.rank) != 2 or node.type.rank != 1:
                return False
            if (a if a.is_constant else b).constant.storage == "columns":  # only what is not zero is read
                return False
            weights += max(a.type.size, b.type.size)
    return weights >= _FEWEST


def over_block(graph: Graph, n: int) -> Graph:
    """Write a graph for n samples at once."""
    b, new, batched = Builder(), dict[Value, Value](), set[Value]()
    for value, node in enumerate(graph.nodes):
        if value < graph.inputs:
            new[value] = b.input(node.name, node.type.with_shape((n, *node.type.shape)))
            batched.add(value)
        elif value in graph.live:
            if batched.isdisjoint(node.operands):
                new[value] = b.copy(node, [new[v] for v in node.operands])
            else:
                new[value] = _RULES[node.op](_Sample(b, graph, node, new, batched, n))
                batched.add(value)
    return b.finish([new[v] if v in batched else _repeated(b, new[v], n) for v in graph.outputs])


def _repeated(b: Builder, value: Value, n: int) -> Value:
    """Give a value that is the same for all samples the axis of samples."""
    shape = b.type(value).shape
    return b.apply("broadcast", value, shape=(n, *shape), axes=tuple(range(1, 1 + len(shape))))


class _Sample:
    """One node on its way to the block."""

    def __init__(self, b: Builder, graph: Graph, node: Node, new: Mapping[Value, Value], batched: set[Value],
                 n: int) -> None:
        self.b, self.node, self.n = b, node, n
        self.types = [graph.nodes[v].type for v in node.operands]
        self._new, self._batched = new, batched

    def shared(self, k: int) -> bool:
        """Tell whether operand k is the same for all samples."""
        return self.node.operands[k] not in self._batched

    def plain(self, k: int) -> Value:
        return self._new[self.node.operands[k]]

    def operand(self, k: int) -> Value:
        """Give operand k with the axis of samples."""
        return _repeated(self.b, self.plain(k), self.n) if self.shared(k) else self.plain(k)

    def operands(self) -> list[Value]:
        return [self.operand(k) for k in range(len(self.types))]

    def write(self, *operands: Value, **changed: Any) -> Value:
        """Write the node on new operands, with attributes changed."""
        node = self.node
        return self.b.apply(node.op, *operands, type=node.type.with_shape((self.n, *node.type.shape)), name=node.name,
                            origin=node.origin, span=node.span, **{**node.attributes, **changed})


def _map(s: _Sample) -> Value:
    return s.write(*s.operands())


def _table(s: _Sample) -> Value:
    return s.write(s.operand(0), s.plain(1))


def _contract(s: _Sample) -> Value:
    """Give the samples a letter of their own in what has them."""
    a, rest = s.node.attributes["spec"].replace(" ", "").split(",")
    c, result = rest.split("->")
    letter = next(x for x in "abcdefghijklmnopqrstuvwxyz" if x not in a + c + result)
    spec = f"{'' if s.shared(0) else letter}{a},{'' if s.shared(1) else letter}{c}->{letter}{result}"
    return s.write(s.plain(0), s.plain(1), *(s.operand(k) for k in range(2, len(s.types))), spec=spec)


def _reshape(s: _Sample) -> Value:
    return s.write(s.operand(0), shape=(s.n, *s.node.attributes["shape"]))


def _transpose(s: _Sample) -> Value:
    return s.write(s.operand(0), order=(0, *(k + 1 for k in s.node.attributes["order"])))


def _broadcast(s: _Sample) -> Value:
    return s.write(s.operand(0), shape=(s.n, *s.node.attributes["shape"]),
                   axes=(0, *(k + 1 for k in s.node.attributes["axes"])))


def _slice(s: _Sample) -> Value:
    a = s.node.attributes
    step = (1, *a["step"]) if a["step"] else ()
    return s.write(s.operand(0), start=(0, *a["start"]), stop=(s.n, *a["stop"]), step=step)


def _along_axis(s: _Sample) -> Value:
    return s.write(*s.operands(), axis=s.node.attributes["axis"] + 1)


def _reduce(s: _Sample) -> Value:
    return s.write(s.operand(0), axes=tuple(k + 1 for k in s.node.attributes["axes"]))


_RULES: Mapping[str, Callable[[_Sample], Value]] = MappingProxyType({
    **dict.fromkeys(ELEMENTWISE, _map), "table": _table, "contract": _contract, "reshape": _reshape,
    "transpose": _transpose, "broadcast": _broadcast, "slice": _slice, "concat": _along_axis, "argmax": _along_axis,
    "argmin": _along_axis, "reduce": _reduce})
