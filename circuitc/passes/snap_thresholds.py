"""Give each neuron the smallest integer weights that are exactly the same gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from circuitc.diagnostics import error
from circuitc.ir import Builder, Graph, Node, Value, rebuild

from .base import Context, GraphPass
from .thresholds.gates import census, summarize
from .thresholds.ladder import Rung, climb, fit
from .thresholds.patterns import Spins, enumerate_inputs, patterns_seen, signed_rows
from .thresholds.rows import fact, integer_rows, is_addable, is_neurons, neuron_operands, new_threshold, row_names


@dataclass(frozen=True, slots=True)
class SnapThresholds(GraphPass):
    """Replace the weights of each neuron by the smallest integers that make exactly the same gate.

    Rungs, first that holds: certified (a majority of k inputs, by an inequality that covers all inputs), exact integers
    (a linear and an integer program, checked on all input patterns up to `max_fanin` inputs; a dynamic program above),
    kept as read. With evidence=reachable a neuron is only held to the patterns that the surrounding network can
    produce (at most 20 input bits), which is exact for the network and makes smaller gates behind bottlenecks.
    """

    evidence: Literal["all_inputs", "reachable"] = "all_inputs"
    max_fanin: int = 20

    def __post_init__(self) -> None:
        check_fanin(self.name(), self.max_fanin)

    def run(self, graph: Graph, context: Context) -> Graph:
        seen = self._reachable(graph, context)
        facts: list[dict[str, Any]] = []

        def snap(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if not is_neurons(graph, node):
                return None
            rows = integer_rows(graph, node)
            found = [self._snap(row, seen.get(node.operands[0])) for row in rows]
            func = context.func.name if context.func else ""
            facts.extend(fact(name, func, rung) for name, rung in zip(row_names(node, len(rows)), found, strict=True))
            return new_threshold(builder, node, operands[0], [rung.weights for rung in found])

        result = rebuild(graph, snap)
        note_neurons(context, facts)
        return result

    def _snap(self, row: tuple[int, tuple[int, ...]], patterns: Spins | None) -> Rung:
        exact = climb(*row, self.max_fanin)
        if patterns is None or len(patterns) == 1 << patterns.shape[1] or not is_addable(row):
            return exact
        reachable = fit(signed_rows(patterns, *row), "reachable", "reachable")
        return reachable if reachable and reachable.sum < exact.sum else exact

    def _reachable(self, graph: Graph, context: Context) -> Mapping[Value, Spins]:
        """Give the patterns on the operands of all neurons, where asked for and few enough to be listed."""
        if self.evidence == "all_inputs":
            return {}
        assert context.func is not None
        assert context.module is not None
        batches = enumerate_inputs(context.func)
        if batches is None:
            notes: list[str] = context.facts.setdefault("notes", [])
            notes.append(f"@{context.func.name} has too many inputs to list, so its neurons are exact on all patterns")
            return {}
        operands = neuron_operands(graph)
        return patterns_seen(context.module, context.func, graph, operands, batches) if operands else {}


def note_neurons(context: Context, facts: list[dict[str, Any]]) -> None:
    """Add what became of a func's neurons to the pass's notebook, and bring its summary up to date."""
    neurons: list[dict[str, Any]] = [*context.facts.get("neurons", ()), *facts]
    if neurons:
        context.facts |= {"neurons": neurons, "summary": summarize(neurons), "census": census(neurons)}


def check_fanin(name: str, max_fanin: int) -> None:
    """Refuse a fan-in for which listing all patterns would fill the memory."""
    if not 0 <= max_fanin <= 24:
        raise error(f"{name}: max_fanin is a number from 0 to 24, got {max_fanin}")
