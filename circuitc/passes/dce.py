"""Dead code: values that no output depends on go, and registers that only feed themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from circuitc.ir import Func, Graph

from .base import Context, FuncPass


@dataclass(frozen=True, slots=True)
class Dce(FuncPass):
    """Drop values that no output depends on, and registers whose value reaches no output in any number of steps.

    Ports stay, used or not; netlist bodies have `sweep-dead`.
    """

    def run_func(self, func: Func, context: Context) -> Func:
        return _without_dead_values(_without_dead_registers(func)) if isinstance(func.body, Graph) else func


def _without_dead_values(func: Func) -> Func:
    graph = func.body
    assert isinstance(graph, Graph)
    kept = [v for v in range(len(graph.nodes)) if v < graph.inputs or v in graph.live]
    if len(kept) == len(graph.nodes):
        return func
    place = {v: k for k, v in enumerate(kept)}
    nodes = tuple(replace(graph.nodes[v], operands=tuple(place[o] for o in graph.nodes[v].operands)) for v in kept)
    return func.with_body(Graph(graph.inputs, nodes, tuple(place[v] for v in graph.outputs)))


def _without_dead_registers(func: Func) -> Func:
    """Drop registers that no output and no live register reads; their inputs and next values leave the body."""
    graph = func.body
    assert isinstance(graph, Graph)
    live = _live_registers(func, graph)
    if len(live) == len(func.registers):
        return func
    ports, results = len(func.inputs), len(func.outputs)
    dead_inputs = {ports + k for k in range(len(func.registers)) if k not in live}
    outputs = [v for k, v in enumerate(graph.outputs)
               if not results <= k < results + len(func.registers) or k - results in live]
    body = _without_inputs(graph, dead_inputs, outputs)
    return replace(func, body=body, registers=tuple(r for k, r in enumerate(func.registers) if k in live))


def _live_registers(func: Func, graph: Graph) -> set[int]:
    """Find the registers that an output (or the done bit) reads, or the next value of such a register."""
    ports, results, registers = len(func.inputs), len(func.outputs), len(func.registers)
    live: set[int] = set()
    while True:
        roots = [*graph.outputs[:results], *(graph.outputs[results + k] for k in sorted(live)),
                 *graph.outputs[results + registers:]]
        reached = Graph(graph.inputs, graph.nodes, tuple(roots)).live
        found = {k for k in range(registers) if ports + k in reached}
        if found == live:
            return live
        live = found


def _without_inputs(graph: Graph, dropped: set[int], outputs: list[int]) -> Graph:
    """Give the graph with these outputs and without some inputs, and without the values that only the others used."""
    live = Graph(graph.inputs, graph.nodes, tuple(outputs)).live
    kept = [v for v in range(len(graph.nodes)) if (v < graph.inputs and v not in dropped) or v in live]
    place = {v: k for k, v in enumerate(kept)}
    nodes = tuple(replace(graph.nodes[v], operands=tuple(place[o] for o in graph.nodes[v].operands)) for v in kept)
    return Graph(graph.inputs - len(dropped), nodes, tuple(place[v] for v in outputs))
