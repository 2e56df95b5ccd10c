"""Constants: nodes whose operands are all known are computed now, by the interpreter's own rules."""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.diagnostics import CircuitError
from circuitc.ir import OPS, Builder, Constant, Graph, Node, Value, evaluate_node, rebuild

from .base import Context, GraphPass


@dataclass(frozen=True, slots=True)
class Fold(GraphPass):
    """Compute nodes whose operands are all constant.

    `limit` is the largest number of elements that a new constant may have; larger ones stay as the op that makes
    them. An op that stops (`overflow=never` that happens) is left for the run to report.
    """

    limit: int = 65536

    def run(self, graph: Graph, context: Context) -> Graph:
        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if node.op not in OPS or node.type.size > self.limit or not all(b.nodes[v].is_constant for v in operands):
                return None
            constant = fold_node(node, [b.nodes[v].constant for v in operands])
            return None if constant is None else b.constant(constant, node.name, node.origin)

        return rebuild(graph, rule)


def fold_node(node: Node, operands: list[Constant]) -> Constant | None:
    """Compute a node from constant operands, or None where it stops."""
    try:
        result = evaluate_node(node, [c.type for c in operands], [c.array[None] for c in operands])
    except CircuitError:
        return None
    return Constant(node.type, result[0])
