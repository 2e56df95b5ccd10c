"""Results of a call that only its last step decides, and promises that the types and weights of a body prove.

A stepped func writes the results of a call in place, each step again; the last one stays. What leads to them alone is
left out of all steps but the last: a recurrent network's readout is computed once a call. A step that can fail must be
taken wherever the interpreter takes it, so nothing is left out that can.
"""

from __future__ import annotations

from circuitc.ir import Func, Graph, rebuild
from circuitc.ir.ranges import keeps_promise, value_ranges

_WORTH = ("contract", "table", "reduce", "argmax", "argmin")  # else the code of a second body is not worth its making


def kept_promises(graph: Graph) -> frozenset[int]:
    """List the values whose `overflow=never` ranges prove."""
    promises = [v for v in graph.live if graph.nodes[v].attributes.get("overflow") == "never"]
    if not promises:
        return frozenset()
    ranges = value_ranges(graph)
    return frozenset(v for v in promises if keeps_promise(graph, v, ranges))


def without_results(func: Func, graph: Graph) -> Graph | None:
    """Give the body of all steps but the last: without results of the call. None where it saves nothing or may not be.

    The graph's outputs are those of a func's body; what is left keeps its order.
    """
    if func.schedule.kind in ("once", "until"):
        return None
    late = {k for k, port in enumerate(func.outputs) if not func.is_stepped(port)}
    outputs = tuple(v for k, v in enumerate(graph.outputs) if k not in late)
    gone = set(graph.live) - set(Graph(graph.inputs, graph.nodes, outputs).live)
    if not any(graph.nodes[v].op in _WORTH for v in gone):
        return None
    promises = {v for v in gone if graph.nodes[v].attributes.get("overflow") == "never"}
    if any(graph.nodes[v].op == "call" for v in gone) or (promises and not promises <= kept_promises(graph)):
        return None
    return rebuild(Graph(graph.inputs, graph.nodes, outputs))
