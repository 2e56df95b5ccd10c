"""Read MGVGA and OpenABC-D graphs: the gates become a netlist, the pairs `lo000` and `li000` registers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import ONCE, STREAM, Func, Module, Netlist, aig, module_of

from ..base import read_bytes
from ..files import identifier
from ..order import chain, topological_order
from ..origins import parse_places, spell_name
from ..vector_ports import bit_registers, vector_ports
from .archive import read_data
from .graph import AND, PI, PO, GateGraph, graph_of_fields

_LATCH_OUTPUT = re.compile(r"lo([0-9]+)")
_LATCH_INPUT = re.compile(r"li([0-9]+)")
_CONSTANT = re.compile(r"new_n[0-9]+_?|vdd", re.IGNORECASE)
_SUFFIXES = ("_buff", "_inv")
OWN_KEY = "circuitc"
_INITIAL = {0: 0, 1: 1, -1: None}


@dataclass(frozen=True, slots=True)
class _Ends:
    """Which nodes are inputs, outputs and latches (output and input nodes pairwise), and the ports' names."""

    inputs: list[int]
    outputs: list[int]
    latches: list[tuple[int, int]]
    constant: int | None
    names: Mapping[int, str]
    registers: Sequence[str]
    initial: Sequence[int | None]


def read_mgvga(path: Path) -> Module:
    """Read a `.pt` file, or a `.pt.zip` that holds one."""
    return parse_mgvga(read_bytes(path), str(path), identifier(path.name.split(".")[0]))


def parse_mgvga(data: bytes, source: str, name: str = "circuit") -> Module:
    """Read a graph from bytes; `source` names them in errors, `name` becomes the func's."""
    fields, layout = read_data(data, source)
    graph, direction = graph_of_fields(fields, source)
    ends = _ends(graph, fields.get(OWN_KEY), source)
    netlist = _netlist(graph, ends, _places(fields.get(OWN_KEY), graph, source), source)
    span, rate = Span(Source(source)), "step" if ends.latches else "call"
    inputs = vector_ports([ends.names[n] for n in ends.inputs], rate, "input", span, ends.registers)
    outputs = vector_ports([ends.names[n] for n in ends.outputs], rate, "output", span)
    func = Func(name, inputs, outputs, netlist, bit_registers(ends.registers, ends.initial, span),
                STREAM if ends.latches else ONCE, span=span)
    return replace(module_of(func), facts={"mgvga": _facts(graph, ends, direction, layout)})


def _facts(graph: GateGraph, ends: _Ends, direction: str, layout: str) -> dict[str, Any]:
    """Say what the graph is, in JSON values."""
    return {
        "nodes": graph.nodes, "edges": len(graph.inverted), "inverted_edges": int(np.sum(graph.inverted)),
        "ands": int(np.sum(graph.node_type == AND)), "direction": direction, "layout": layout,
        "inputs": len(ends.inputs), "outputs": len(ends.outputs), "latches": len(ends.latches),
        "constant": None if ends.constant is None else graph.names[ends.constant],
        "inverted_buffers": _inverted_buffers(graph),
    }


def _inverted_buffers(graph: GateGraph) -> list[str]:
    """List outputs named `_buff` with an inverted edge: a buffer behind an inverter in the `.bench` they came from."""
    return [graph.names[n] for n in graph.edges[1][graph.inverted].tolist()
            if graph.node_type[n] == PO and graph.names[n].endswith("_buff")]


def _ends(graph: GateGraph, own: Any, source: str) -> _Ends:
    """Tell primary inputs and outputs, latches and the constant apart."""
    inputs = np.flatnonzero(graph.node_type == PI).tolist()
    outputs = np.flatnonzero(graph.node_type == PO).tolist()
    names = {n: graph.names[n] for n in inputs} | _output_names(graph, outputs, source)
    registers, initial, constant = _own_facts(own, graph, source) if own is not None else (None, None, None)
    if own is None:
        constant = _constant(graph, inputs)
    latches = _pairs(names, [n for n in inputs if n != constant], outputs) if registers is None or registers else []
    if registers is None or initial is None:
        registers, initial = [names[a] for a, _ in latches], [None] * len(latches)
    if len(latches) != len(registers):
        raise error(f"{source}: the graph has {len(latches)} pairs of lo and li and names {len(registers)} registers")
    state = {n for pair in latches for n in pair} | {constant}
    return _Ends([n for n in inputs if n not in state], [n for n in outputs if n not in state], latches, constant,
                 names, registers, initial)


def _own_facts(own: Any, graph: GateGraph, source: str) -> tuple[list[str], list[int | None], int | None]:
    """Read what our own writer adds: names and initial values of registers, and which node is the constant."""
    match own:
        case {"registers": list() as registers, "initial": list() as initial, "constant": int() as constant} if (
                len(cast("list[Any]", registers)) == len(cast("list[Any]", initial))):
            names, resets = cast("list[Any]", registers), cast("list[Any]", initial)
        case _:
            raise error(f"{source}: the attribute {OWN_KEY} is not {{registers, initial, constant}}")
    if not all(isinstance(n, str) and n and n.isprintable() and len(n) <= 1000 for n in names):
        raise error(f"{source}: the attribute {OWN_KEY} has a register whose name is not a name")
    if not all(type(r) is int and r in _INITIAL for r in resets):
        raise error(f"{source}: the attribute {OWN_KEY} has an initial value that is not 0, 1 or -1 (free)")
    if constant != -1 and not (0 <= constant < graph.nodes and graph.node_type[constant] == PI):
        raise error(f"{source}: the attribute {OWN_KEY} says that the constant is node {constant}, which is no PI")
    return names, [_INITIAL[r] for r in resets], None if constant == -1 else constant


def _output_names(graph: GateGraph, outputs: Sequence[int], source: str) -> dict[int, str]:
    """Name outputs without `_buff` and `_inv` where all have one of them and names stay apart."""
    driver_inverted = dict(zip(graph.edges[1].tolist(), graph.inverted.tolist(), strict=True))
    full = {n: graph.names[n] for n in outputs}
    if not all(name.endswith(_SUFFIXES) for name in full.values()):
        return full
    for n, name in full.items():
        if name.endswith("_inv") and not driver_inverted[n]:
            raise error(f"{source}: output {name!r} (node {n}) is inverted by its name and not by the type of its edge",
                        help="the file contradicts itself; make it again from the circuit")
    short = {n: name.removesuffix("_inv" if name.endswith("_inv") else "_buff") for n, name in full.items()}
    return short if len(set(short.values())) == len(short) and all(short.values()) else full


def _constant(graph: GateGraph, inputs: Sequence[int]) -> int | None:
    """Find the constant true: `new_n123 = vdd` of ABC's `.bench`, the one input with the name of an inner node."""
    named = [n for n in inputs if _CONSTANT.fullmatch(graph.names[n])]
    return named[0] if len(named) == 1 else None


def _pairs(names: Mapping[int, str], inputs: Sequence[int], outputs: Sequence[int]) -> list[tuple[int, int]]:
    """Pair latch outputs `lo007` with latch inputs `li007`, in the order of the former."""
    following = {m[1]: n for n in outputs if (m := _LATCH_INPUT.fullmatch(names[n]))}
    current = {m[1]: n for n in inputs if (m := _LATCH_OUTPUT.fullmatch(names[n]))}
    return [(n, following[key]) for key, n in current.items() if key in following]


def _places(own: Any, graph: GateGraph, source: str) -> list[str]:
    """Read where each node comes from, as our own writer says it; empty where it does not."""
    match own:
        case {"places": list() as listed, "place_of": list() as numbers}:
            places, of_node = cast("list[Any]", listed), cast("list[Any]", numbers)
        case _:
            return [""] * graph.nodes
    if not all(isinstance(p, str) and parse_places(p) for p in places):
        raise error(f"{source}: the attribute {OWN_KEY} has a place that is not file:line")
    if len(of_node) != graph.nodes or not all(type(k) is int and -1 <= k < len(places) for k in of_node):
        raise error(f"{source}: the attribute {OWN_KEY} does not say of each node which place it is from")
    return [places[k] if k >= 0 else "" for k in of_node]


def _netlist(graph: GateGraph, ends: _Ends, places: Sequence[str], source: str) -> Netlist:
    """Number inputs, latches and gates as a netlist does, each gate after its fan-ins."""
    gates = np.flatnonzero(graph.node_type == AND)
    by_sink = np.argsort(graph.edges[1], kind="stable")
    drivers, inverted = graph.edges[0][by_sink], graph.inverted[by_sink]
    first = np.concatenate([[0], np.cumsum(np.bincount(graph.edges[1], minlength=graph.nodes))])
    fanins = np.stack([drivers[first[gates]], drivers[first[gates] + 1]], axis=1)
    place = _in_order(graph, gates, fanins, source)
    literal = np.zeros(graph.nodes, np.int64)
    sources = [*ends.inputs, *(n for n, _ in ends.latches)]
    literal[sources] = 2 * (1 + np.arange(len(sources)))
    literal[gates[place]] = 2 * (1 + len(sources) + np.arange(len(gates)))
    if ends.constant is not None:
        literal[ends.constant] = 1
    edge = literal[drivers] ^ inverted
    ands = np.stack([edge[first[gates]], edge[first[gates] + 1]], axis=1)[place]
    sinks = np.array([*ends.outputs, *(n for _, n in ends.latches)], np.int64)
    order: list[int] = gates[place].tolist()
    names = {1 + len(sources) + k: spell_name(graph.names[n], places[n]) for k, n in enumerate(order)}
    return aig(len(sources), ands, edge[first[sinks]], names)


def _in_order(graph: GateGraph, gates: np.ndarray, fanins: np.ndarray, source: str) -> np.ndarray:
    """Give the order of the gates: theirs in the file where each already comes after its fan-ins."""
    of_gate = np.full(graph.nodes, -1, np.int64)
    of_gate[gates] = np.arange(len(gates))
    operands = of_gate[fanins]
    if np.all(operands < np.arange(len(gates))[:, None]):
        return np.arange(len(gates))
    order, cycle = topological_order(operands.tolist())
    if cycle:
        names = [graph.names[int(gates[k])] for k in cycle]
        raise error(f"{source}: gate {names[0]!r} depends on itself: {chain(names)}")
    return np.array(order, np.int64)
