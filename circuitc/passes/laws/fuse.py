"""Two linear maps in a row are one: W2 (W1 x) = (W2 W1) x."""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.ir import Builder, Graph, Node, Value, rebuild

from ..base import Context, GraphPass
from .products import applied, fresh_letters, linear_map, product_of


@dataclass(frozen=True, slots=True)
class FuseLinear(GraphPass):
    """Multiply two constant maps in a row into one, where that leaves no more multiplications.

    W2 (W1 x) becomes (W2 W1) x. Whole numbers and fixed point only, whose products and sums are exact: between the
    maps stands no rounding. On floats the law changes roundings: `reassociate` is that, and says approximate.
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        return fuse(graph, floats=False)


def fuse(graph: Graph, *, floats: bool) -> Graph:
    """Fuse maps of exact types, or with `floats` those of floats."""
    reads = reads_of(graph)

    def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        if node.type.is_float != floats or any(b.type(v).is_float != floats for v in operands):
            return None
        return _fused(b, node, operands, [reads[v] for v in node.operands])

    return rebuild(graph, rule)


def reads_of(graph: Graph) -> list[int]:
    """Count how often each value is read, by nodes and as an output."""
    reads = [len(users) for users in graph.users]
    for v in graph.outputs:
        reads[v] += 1
    return reads


def _fused(b: Builder, node: Node, operands: tuple[Value, ...], reads: list[int]) -> Value | None:
    outer = linear_map(b, node, operands)
    if outer is None or reads[operands.index(outer.value)] != 1:
        return None
    before = b.nodes[outer.value]
    inner = linear_map(b, before, before.operands)
    if inner is None or before.type.is_float != node.type.is_float:
        return None
    names = dict(zip(inner.result, outer.value_letters, strict=True))
    others = [c for c in dict.fromkeys(inner.map_letters + inner.value_letters) if c not in names]
    spare = fresh_letters((*outer.map_letters, *outer.value_letters, *outer.result))
    if len(spare) < len(others):
        return None
    inner = inner.renamed(names | dict(zip(others, spare, strict=False)))
    sizes = {**outer.sizes, **inner.sizes}
    both = dict.fromkeys(outer.map_letters + inner.map_letters)
    kept = "".join(c for c in both if c in inner.value_letters or c in outer.result)
    count = 1
    for c in dict.fromkeys(kept + inner.value_letters):
        count *= sizes[c]
    if count > outer.products + inner.products:
        return None
    spec = f"{outer.map_letters},{inner.map_letters}->{kept}"
    one = product_of(outer.constant, inner.constant, spec)
    if one is None:
        return None
    return applied(b, node, (b.constant(one, node.name), inner.value), f"{kept},{inner.value_letters}->{outer.result}")
