"""A graph of networkx as a netlist: what `graph_write` makes, and graphs of others that say the same things."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest
from circuitc.ir import ONCE, STREAM, Func, Kind, Module, Netlist, module_of
from circuitc.ir.netlist import ARITY, MAX_LUT_INPUTS, split_table
from circuitc.ir.netlist_analysis import broken_invariants

from .graph_ports import read_ports
from .order import chain, topological_order
from .vector_ports import bit_registers, fill_names, vector_ports

_GATES = {kind.name.lower(): kind for kind in (Kind.AND, Kind.XOR, Kind.MAJ, Kind.LUT, Kind.THRESHOLD)}
_TYPES = ("false", "input", "register", *_GATES, "output", "next")
_WORD = re.compile(r"[0-9a-fA-F]{1,64}")


def from_graph(graph: Any, source: str, name: str = "circuit") -> Module:
    """Make a module of a graph; `source` names it in errors, `name` the func where the graph does not.

    Without `index` bits stand in the order of the nodes, without `place` fan-ins in that of the edges, and an edge
    without `inverted` is plain. Ports come from `ports` where it is there, else from the names of the bits.
    """
    return _Reading(graph, Span(Source(source))).module(name)


class _Reading:
    """One graph on its way to a netlist."""

    def __init__(self, graph: Any, span: Span) -> None:
        if not (isinstance(graph, nx.Graph) and graph.is_directed()):
            raise error("the graph is not directed", span, "edges go from a driver to its user")
        self.graph, self.span = graph, span
        self.rows: dict[Any, Mapping[str, Any]] = dict(graph.nodes(data=True))
        self.groups: dict[str, list[Any]] = {kind: [] for kind in _TYPES}
        for node, row in self.rows.items():
            kind = row.get("type")
            if not isinstance(kind, str) or kind not in self.groups:
                raise self.fault(node, f"has the type {_shown(kind)}", nearest(str(kind)[:40], _TYPES))
            self.groups[kind].append(node)
            self.label(node)
        for kind in ("input", "register", "output", "next"):
            self.groups[kind] = self.by_index(self.groups[kind])
        self.gates = [node for node, row in self.rows.items() if row["type"] in _GATES]
        self.fanins = self.edges()

    def fault(self, node: Any, message: str, help: str = "") -> CircuitError:
        return error(f"node {_shown(node)} {message}", self.span, help)

    def by_index(self, nodes: list[Any]) -> list[Any]:
        """Put bits in the order of their indices, 0 and up, or leave them where none has one."""
        indices = [self.rows[node].get("index") for node in nodes]
        if all(index is None for index in indices):
            return nodes
        placed: dict[int, Any] = {}
        for node, index in zip(nodes, indices, strict=True):
            if type(index) is not int or not 0 <= index < len(nodes) or index in placed:
                raise self.fault(node, f"has the index {_shown(index)}", f"indices of a type run from 0 to "
                                 f"{len(nodes) - 1}, each once")
            placed[index] = node
        return [placed[k] for k in range(len(nodes))]

    def edges(self) -> dict[Any, list[tuple[Any, bool, int]]]:
        """Give each node's fan-ins in order: driver, inverted, weight."""
        found: dict[Any, list[tuple[Any, Any, bool, int]]] = {node: [] for node in self.rows}
        for driver, user, row in self.graph.edges(data=True):
            inverted, weight = row.get("inverted", False), row.get("weight", 0)
            if type(inverted) is not bool:
                raise self.fault(user, f"has a fan-in whose inverted is {_shown(inverted)}, not true or false")
            if type(weight) is not int or abs(weight) >> 62:
                raise self.fault(user, f"has a fan-in of the weight {_shown(weight)}, not a whole number of 62 bits")
            if self.rows[driver]["type"] in ("output", "next"):
                raise self.fault(driver, f"is of type {self.rows[driver]['type']} and drives node {_shown(user)}")
            found[user].append((row.get("place"), driver, inverted, weight))
        return {node: self.in_place(node, fanins) for node, fanins in found.items()}

    def in_place(self, node: Any, fanins: list[tuple[Any, Any, bool, int]]) -> list[tuple[Any, bool, int]]:
        kind = self.rows[node]["type"]
        wanted = ARITY.get(_GATES[kind]) if kind in _GATES else int(kind in ("output", "next"))
        if kind == "lut" and not 1 <= len(fanins) <= MAX_LUT_INPUTS:
            raise self.fault(node, f"is a lut of {len(fanins)} fan-ins, it takes 1 to {MAX_LUT_INPUTS}")
        if wanted is not None and len(fanins) != wanted:
            raise self.fault(node, f"is of type {kind} and has {len(fanins)} fan-ins, not {wanted}")
        places = [place for place, *_ in fanins]
        if any(place is not None for place in places):
            if any(type(place) is not int for place in places) or sorted(places) != list(range(len(places))):
                raise self.fault(node, "has fan-ins whose places are not 0 and up, each once")
            fanins = sorted(fanins, key=lambda fanin: fanin[0])
        return [fanin[1:] for fanin in fanins]

    def module(self, name: str) -> Module:
        groups = self.groups
        if len(groups["next"]) != len(groups["register"]):
            raise error(f"the graph has {len(groups['register'])} nodes of type register and {len(groups['next'])} of "
                        "type next", self.span, "each register bit has one next value")
        netlist = self.netlist()
        func = self.graph.graph.get("func")
        name = func if isinstance(func, str) and re.fullmatch(r"[A-Za-z_]\w{0,200}", func, re.ASCII) else name
        resets = [self.reset(node) for node in groups["register"]]
        text = self.graph.graph.get("ports")
        if text is not None:
            counts = len(groups["input"]), len(groups["output"])
            return module_of(read_ports(text, counts, resets, netlist, name, self.span))
        inputs, states, outputs = fill_names([(prefix, [self.label(node) for node in groups[kind]])
                                              for prefix, kind in (("i", "input"), ("l", "register"), ("o", "output"))])
        rate = "step" if states else "call"
        return module_of(Func(name, vector_ports(inputs, rate, "input", self.span, states),
                              vector_ports(outputs, rate, "output", self.span), netlist,
                              bit_registers(states, resets, self.span), STREAM if states else ONCE, span=self.span))

    def netlist(self) -> Netlist:
        gates, number = self.order(), {}
        number.update(dict.fromkeys(self.groups["false"], 0))
        sources = [*self.groups["input"], *self.groups["register"]]
        number |= {node: k for k, node in enumerate([*sources, *gates], 1)}
        first, nodes = 1 + len(sources), 1 + len(sources) + len(gates)
        kind = np.full(nodes, Kind.INPUT, np.uint8)
        kind[0] = Kind.FALSE
        kind[first:] = [_GATES[self.rows[node]["type"]] for node in gates]
        edges = [fanin for node in gates for fanin in self.fanins[node]]
        offset = np.zeros(nodes + 1, np.int32)
        offset[first + 1:] = np.cumsum([len(self.fanins[node]) for node in gates])
        tables = [self.data(node) for node in gates]
        has_data = bool(np.any((kind == Kind.LUT) | (kind == Kind.THRESHOLD)))
        words = [split_table(table, len(self.fanins[node])) if self.rows[node]["type"] == "lut" else [table]
                 for node, table in zip(gates, tables, strict=True)]
        has_weights = bool(np.any(kind == Kind.THRESHOLD)) or any(len(more) > 1 for more in words)
        weights = [weight for *_, weight in edges] if has_weights and edges else []
        for node, (_, *more) in zip(range(first, nodes), words, strict=True):
            weights[offset[node]:offset[node] + len(more)] = more
        results = [*self.groups["output"], *self.groups["next"]]
        netlist = Netlist(
            len(sources), kind, offset,
            np.array([number[driver] << 1 | inverted for driver, inverted, _ in edges], np.int32),
            np.array([number[self.fanins[node][0][0]] << 1 | self.fanins[node][0][1] for node in results], np.int32),
            np.array([*[0] * first, *(low for low, *_ in words)] if has_data else [], np.int64),
            np.array(weights, np.int64),
            {number[node]: label for node in gates if (label := self.label(node)) is not None})
        wrong = broken_invariants(netlist)
        if wrong:
            raise error(f"the graph is not a netlist: {wrong[0]}", self.span)
        return netlist

    def order(self) -> Sequence[Any]:
        """Give the gates so that each comes after its drivers."""
        place = {node: k for k, node in enumerate(self.gates)}
        order, cycle = topological_order([[place.get(driver, -1) for driver, *_ in self.fanins[node]]
                                          for node in self.gates])
        if cycle:
            names = [str(self.gates[k])[:40] for k in cycle]
            raise self.fault(self.gates[cycle[0]], f"depends on itself: {chain(names)}",
                             "a loop needs a register in it")
        return [self.gates[k] for k in order]

    def data(self, node: Any) -> int:
        """Give the truth table or the threshold of a gate, else 0."""
        row = self.rows[node]
        if row["type"] == "lut":
            text, size = row.get("truth_table"), 1 << len(self.fanins[node])
            if not isinstance(text, str) or not _WORD.fullmatch(text) or int(text, 16) >> size:
                raise self.fault(node, f"has the truth table {_shown(text)}, not at most {size} bits in hexadecimal")
            return int(text, 16)
        if row["type"] == "threshold":
            threshold = row.get("threshold")
            if type(threshold) is not int or abs(threshold) >> 62:
                raise self.fault(node, f"has the threshold {_shown(threshold)}, not a whole number of 62 bits")
            return threshold
        return 0

    def reset(self, node: Any) -> int | None:
        text = str(self.rows[node].get("initial", "free"))
        if text not in ("0", "1", "free"):
            raise self.fault(node, f"starts with {_shown(text)}", "initial is 0, 1 or free")
        return None if text == "free" else int(text)

    def label(self, node: Any) -> str | None:
        name = self.rows[node].get("name")
        if name is not None and (not isinstance(name, str) or not name or any(c in name for c in "\n\r\0")):
            raise self.fault(node, f"has the name {_shown(name)}, not a line of text")
        return name


def _shown(value: Any) -> str:
    """Quote a value in a few characters."""
    text = repr(value) if isinstance(value, str) else " ".join(str(value).split())
    return text if len(text) <= 40 else text[:37] + "..."
