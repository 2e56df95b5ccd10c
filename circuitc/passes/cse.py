"""Common subexpressions: equal nodes become one."""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.ir import Graph, rebuild

from .base import Context, GraphPass


@dataclass(frozen=True, slots=True)
class Cse(GraphPass):
    """Share nodes that are equal: the same op on the same operands with the same attributes and type.

    Operands of commutative ops are compared in any order, constants by their content.
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        return rebuild(graph)
