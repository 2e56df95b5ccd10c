"""Make the graph of a netlist of ANDs: inputs, the constant where it is read, gates, outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuitc.ir import Netlist

from ..origins import plain_name
from .graph import AND, PI, PO, GateGraph


def graph_of_netlist(netlist: Netlist, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> GateGraph:
    """Give the graph of a netlist of ANDs; edges stand by sink, those of a gate in the order of its fan-ins.

    Nodes are the netlist's inputs, then one more PI that is true where a constant is read, then gates, then outputs.
    Without names inputs are `pi00`, `pi01`, ... and outputs `po00`, ... followed by `_buff` or `_inv`.
    """
    assert netlist.is_aig, "the caller makes ANDs of other gates"
    constant = reads_constant(netlist)
    first = netlist.inputs + constant
    sinks_of_gates = np.repeat(np.arange(netlist.gates), 2) + first
    sinks_of_outputs = first + netlist.gates + np.arange(len(netlist.outputs))
    literals = np.concatenate([netlist.fanin, netlist.outputs]).astype(np.int64)
    node = literals >> 1
    driver = np.where(node == 0, netlist.inputs, np.where(node <= netlist.inputs, node - 1, node - 1 + constant))
    inverted = (literals & 1).astype(np.bool_) ^ (node == 0)
    edges = np.stack([driver, np.concatenate([sinks_of_gates, sinks_of_outputs])]).astype(np.int64)
    node_type = np.repeat(np.array([PI, AND, PO], np.int64), [first, netlist.gates, len(netlist.outputs)])
    return GateGraph(node_type, edges, inverted, _names(netlist, bool(constant), inputs, outputs, inverted))


def reads_constant(netlist: Netlist) -> bool:
    """Tell whether a gate or an output reads the constant."""
    return bool(np.any(netlist.fanin <= 1) or np.any(netlist.outputs <= 1))


def longest_path(graph: GateGraph) -> int:
    """Count the edges of the longest path; the graph's gates stand in topological order."""
    level = np.zeros(graph.nodes, np.int64).tolist()
    for driver, sink in graph.edges.T[np.argsort(graph.edges[1], kind="stable")].tolist():  # 0.1 us an edge
        level[sink] = max(level[sink], level[driver] + 1)
    return max(level, default=0)


def _names(netlist: Netlist, constant: bool, inputs: Sequence[str], outputs: Sequence[str],
           inverted: np.ndarray) -> tuple[str, ...]:
    """Name all nodes as MGVGA's files do; a gate keeps its name where that is free, else `new_n` and its number."""
    sources = list(inputs) or numbered("pi", netlist.inputs)
    sinks = list(outputs) or numbered("po", len(netlist.outputs))
    sinks = [f"{name}{('_buff', '_inv')[flag]}" for name, flag in
             zip(sinks, inverted[len(netlist.fanin):].tolist(), strict=True)]
    taken = {*sources, *sinks}
    gates: list[str] = []
    for node in range(netlist.inputs + 1, netlist.nodes):  # 0.5 us a gate
        name = plain_name(netlist.names.get(node, ""))
        if not name or name in taken or not name.isprintable():
            name = _free(f"new_n{node}", taken)
        taken.add(name)
        gates.append(name)
    return (*sources, *([_free(f"new_n{netlist.nodes}", taken)] if constant else []), *gates, *sinks)


def numbered(prefix: str, count: int, width: int = 2) -> list[str]:
    """Number names with leading zeros, as many digits as the last one needs."""
    width = max(width, len(str(count - 1)))
    return [f"{prefix}{k:0{width}}" for k in range(count)]


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
