"""Small identities: `x + 0`, `not not x`, a reshape of a reshape; the rules are the tables in `rules/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuitc.ir import Builder, Graph, Node, Value, rebuild

from .base import Context, GraphPass
from .rules import RULES, Rule, Site

_ROUNDS = 16  # each round removes nodes or moves constants inward; more than a few are never needed


@dataclass(frozen=True, slots=True)
class Simplify(GraphPass):
    """Replace nodes by simpler ones with the same bits: identities, choices that are known, moves that cancel.

    Declared types stay: where a narrower value takes the place of a wider one, `convert` widens it. On floats only
    what keeps every bit (signed zeros, NaN) is rewritten.
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        for _ in range(_ROUNDS):
            new = simplify_graph(graph, RULES)
            if new is graph:
                break
            graph = new
        return graph


def simplify_graph(graph: Graph, rules: Mapping[str, Sequence[Rule]]) -> Graph:
    """Rewrite each node once with the first rule that answers."""
    def rewrite(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        site = Site(b, node, operands)
        return next((v for rule in rules.get(node.op, ()) if (v := rule(site)) is not None), None)

    return rebuild(graph, rewrite)
