"""A netlist as a graph of networkx, for GraphML, node-link JSON and whoever learns on graphs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import networkx as nx

from circuitc.backends.gate_level import circuit_of, gate_level_faults
from circuitc.diagnostics import CircuitError
from circuitc.ir import Func, Kind, Module, Netlist, Port, Register
from circuitc.ir.func import PLAIN

SIGNATURE = "circuitc.netlist/1"


def to_graph(module: Module) -> nx.MultiDiGraph:
    """Give a module's entry as a graph: a node for each gate, input bit, register bit and output bit.

    Nodes have `type` (false, input, register, and, xor, maj, lut, threshold, output, next), `index` where they are bits
    of ports, `name` where they have one, `truth_table` (hexadecimal), `threshold`, `initial` (0, 1 or free). An edge
    goes from a driver to its user and has `inverted`, `place` (which fan-in it is) and, into a threshold gate,
    `weight`. The graph has `format`, `func` and `ports`, the types of ports and registers as JSON text.
    """
    faults = gate_level_faults(module, "a graph")
    if faults:
        raise CircuitError(faults)
    circuit, func = circuit_of(module), module.entry
    net = func.body
    assert isinstance(net, Netlist), "checked before"
    graph: nx.MultiDiGraph = nx.MultiDiGraph(format=SIGNATURE, func=func.name, ports=_ports(func))
    if (net.fanin <= 1).any() or (net.outputs <= 1).any():
        graph.add_node("n0", type="false")
    for k, name in enumerate(circuit.inputs):
        graph.add_node(f"n{1 + k}", type="input", index=k, name=name)
    for k, (name, reset) in enumerate(zip(circuit.latches, circuit.resets, strict=True)):
        graph.add_node(f"n{1 + len(circuit.inputs) + k}", type="register", index=k, name=name,
                       initial="free" if reset is None else str(reset))
    for node in range(1 + net.inputs, net.nodes):
        graph.add_node(f"n{node}", **_gate(net, node))
    for k, name in enumerate(circuit.outputs):
        graph.add_node(f"o{k}", type="output", index=k, name=name)
    for k, name in enumerate(circuit.latches):
        graph.add_node(f"s{k}", type="next", index=k, name=name)
    graph.add_edges_from(_edges(net, len(circuit.outputs)))
    return graph


def _gate(net: Netlist, node: int) -> dict[str, Any]:
    kind = Kind(int(net.kind[node]))
    row: dict[str, Any] = {"type": kind.name.lower()}
    if node in net.names:
        row["name"] = net.names[node]
    if kind == Kind.LUT:
        row["truth_table"] = f"{net.table(node):x}"
    if kind == Kind.THRESHOLD:
        row["threshold"] = int(net.data[node])
    return row


def _edges(net: Netlist, outputs: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    fanin, offset, kinds = net.fanin.tolist(), net.offset.tolist(), net.kind.tolist()
    for node in range(1 + net.inputs, net.nodes):
        for place, k in enumerate(range(offset[node], offset[node + 1])):
            row: dict[str, Any] = {"inverted": bool(fanin[k] & 1), "place": place}
            if kinds[node] == Kind.THRESHOLD:
                row["weight"] = int(net.weight[k]) if len(net.weight) else 0
            yield f"n{fanin[k] >> 1}", f"n{node}", row
    for k, literal in enumerate(net.outputs.tolist()):
        user = f"o{k}" if k < outputs else f"s{k - outputs}"
        yield f"n{literal >> 1}", user, {"inverted": bool(literal & 1), "place": 0}


def _ports(func: Func) -> str:
    def row(port: Port | Register) -> dict[str, Any]:
        said: dict[str, Any] = {"name": port.name, "type": str(port.type)}
        if isinstance(port, Port) and port.rate != func.schedule.default_rate:
            said["rate"] = port.rate
        if isinstance(port, Port) and port.encoding != PLAIN:
            said["encoding"] = asdict(port.encoding)
        return said
    return json.dumps({"schedule": func.schedule.kind, "inputs": [row(p) for p in func.inputs],
                       "outputs": [row(p) for p in func.outputs], "registers": [row(r) for r in func.registers]})


__all__ = ["SIGNATURE", "to_graph"]
