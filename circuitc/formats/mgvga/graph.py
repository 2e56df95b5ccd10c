"""The graph of an and-inverter data set: typed nodes, edges from drivers to sinks, some of them inverted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error

PI, PO, AND, NOT = range(4)
TYPE_NAMES = ("PI", "PO", "AND", "NOT")
MAX_NODES = 1 << 28
_COUNTS = {"pi": PI, "po": PO, "and_nodes": AND}

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GateGraph:
    """An and-inverter graph as data sets hold it: inputs, outputs and ANDs are nodes, inverters are a bit of an edge.

    `edges` are int64[2, E], row 0 the driver and row 1 the sink. A constant that something reads is one more node of
    type PI (it computes true).
    """

    node_type: Int64               # [N] PI, PO or AND
    edges: Int64                   # [2, E] driver, sink
    inverted: NDArray[np.bool_]    # [E]
    names: tuple[str, ...]         # [N]

    @property
    def nodes(self) -> int:
        return len(self.node_type)

    @property
    def inverted_fanins(self) -> Int64:
        """The number of inverted edges into each node."""
        return np.bincount(self.edges[1][self.inverted], minlength=self.nodes).astype(np.int64)


def graph_of_fields(fields: Mapping[str, Any], source: str) -> tuple[GateGraph, str]:
    """Make a checked graph of a Data object's attributes, and say in which direction its edges ran."""
    missing = [key for key in ("edge_index", "node_type", "edge_type") if fields.get(key) is None]
    if missing:
        raise error(f"{source}: the graph has no {' and no '.join(missing)}",
                    help="an MGVGA or OpenABC-D graph has edge_index, node_type and edge_type")
    edges = _integers(fields["edge_index"], "edge_index", source)
    if edges.ndim != 2 or edges.shape[0] != 2:
        raise error(f"{source}: edge_index has the shape {list(edges.shape)}, not [2, edges]")
    node_type = _column(fields["node_type"], "node_type", source)
    edge_type = _column(fields["edge_type"], "edge_type", source)
    _check_range(node_type, "node_type", 2, source)
    _check_range(edge_type, "edge_type", 1, source)
    if len(edge_type) != edges.shape[1]:
        raise error(f"{source}: edge_type has {len(edge_type)} entries for {edges.shape[1]} edges")
    wrong = (edges < 0) | (edges >= len(node_type))
    if wrong.any():
        raise error(f"{source}: edge_index names node {edges[wrong][0]}, there are {len(node_type)} nodes")
    names = _names(fields.get("node_id"), node_type, source)
    edges, direction = _directed(edges, node_type, names, source)
    graph = GateGraph(node_type, edges, edge_type == 1, names)
    _check_fanins(graph, source)
    _check_counts(graph, fields, source)
    return graph, direction


def _integers(value: Any, name: str, source: str) -> Int64:
    """Take a tensor or list of whole numbers, also as floats."""
    array: NDArray[Any]
    if isinstance(value, np.ndarray):
        array = cast("NDArray[Any]", value)
    elif isinstance(value, list):
        items = cast("list[Any]", value)
        if not all(type(n) is int or type(n) is float for n in items):
            raise error(f"{source}: {name} is not a list of numbers")
        array = np.array(items, np.float64 if any(type(n) is float for n in items) else np.int64) if all(
            -(1 << 62) < n < 1 << 62 for n in items) else np.zeros(0)
        if len(array) != len(items):
            raise error(f"{source}: {name} has a number that is no index")
    else:
        raise error(f"{source}: {name} is neither a tensor nor a list")
    if array.dtype.kind == "f" and not np.all((np.abs(array) < 2.0**53) & (np.floor(array) == array)):
        raise error(f"{source}: {name} has a number that is not whole")
    return np.ascontiguousarray(array.astype(np.int64))


def _column(value: Any, name: str, source: str) -> Int64:
    """Take whole numbers of shape [n] or [n, 1]."""
    array = _integers(value, name, source)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise error(f"{source}: {name} has the shape {list(array.shape)}, one number each is needed")
    return array


def _check_range(array: Int64, name: str, most: int, source: str) -> None:
    wrong = (array < 0) | (array > most)
    if wrong.any():
        known = "0 (PI), 1 (PO) and 2 (AND)" if most == 2 else "0 (plain) and 1 (inverted)"
        raise error(f"{source}: {name}[{int(np.argmax(wrong))}] is {array[wrong][0]}, known are {known}")


def _names(value: Any, node_type: Int64, source: str) -> tuple[str, ...]:
    """Take the names of nodes, or number them by type where the file has none."""
    if value is None:
        return tuple(f"{('pi', 'po', 'n')[t]}{k}" for k, t in enumerate(node_type.tolist()))
    if not isinstance(value, list):
        raise error(f"{source}: node_id is not a list of names")
    names = cast("list[Any]", value)
    if len(names) != len(node_type):
        raise error(f"{source}: node_id has {len(names)} names for {len(node_type)} nodes")
    for k, name in enumerate(names):
        if not isinstance(name, str) or not name or not name.isprintable() or len(name) > 1000:
            raise error(f"{source}: node_id[{k}] is {ascii(name)[:60]}, not a name")
    return tuple(names)


def _directed(edges: Int64, node_type: Int64, names: Sequence[str], source: str) -> tuple[Int64, str]:
    """Turn edges from driver to sink: the way in which inputs have no fan-in and outputs drive nothing."""
    forward = _misdirected(edges, node_type)
    if len(forward) == 0:
        return edges, "driver to sink"
    backward = _misdirected(edges[::-1], node_type)
    if len(backward) == 0:
        return np.ascontiguousarray(edges[::-1]), "sink to driver"
    turned = edges if len(forward) <= len(backward) else edges[::-1]
    edge = int((forward if len(forward) <= len(backward) else backward)[0])
    driver, sink = turned[:, edge].tolist()
    raise error(f"{source}: edge {edge} between {names[driver]!r} ({TYPE_NAMES[node_type[driver]]}) and "
                f"{names[sink]!r} ({TYPE_NAMES[node_type[sink]]}) enters an input or leaves an output, and so does "
                "one where edges are read the other way")


def _misdirected(edges: Int64, node_type: Int64) -> Int64:
    """List the edges that leave a PO or enter a PI."""
    return np.flatnonzero((node_type[edges[0]] == PO) | (node_type[edges[1]] == PI))


def _check_fanins(graph: GateGraph, source: str) -> None:
    """Check that an AND has two fan-ins and a PO one."""
    fanins = np.bincount(graph.edges[1], minlength=graph.nodes)
    wrong = np.flatnonzero(fanins != np.array([0, 1, 2])[graph.node_type])
    if len(wrong):
        node = int(wrong[0])
        kind = int(graph.node_type[node])
        raise error(f"{source}: {graph.names[node]!r} (node {node}) is of type {TYPE_NAMES[kind]} and has "
                    f"{fanins[node]} fan-ins, not {kind % 2 or 2}",
                    help="graphs without parallel edges lose one of AND(a, a)" if kind == AND and fanins[node] == 1
                    else "")


def _check_counts(graph: GateGraph, fields: Mapping[str, Any], source: str) -> None:
    """Check the file's own statistics against its graph: where they differ, something was lost or changed."""
    found = {key: int(np.sum(graph.node_type == kind)) for key, kind in _COUNTS.items()}
    found |= {"not_edges": int(np.sum(graph.inverted)), "num_nodes": graph.nodes}
    for key, count in found.items():
        value = fields.get(key)
        said = _column([value] if isinstance(value, int) else np.reshape(value, -1), key, source) if isinstance(
            value, int | np.ndarray) else None
        if said is not None and said.tolist() != [count]:
            raise error(f"{source}: {key} says {said.tolist()[:3]}, the graph has {count}")
    value = fields.get("num_inverted_predecessors")
    if value is None:
        return
    said = _column(value, "num_inverted_predecessors", source)
    if len(said) != graph.nodes:
        raise error(f"{source}: num_inverted_predecessors has {len(said)} entries for {graph.nodes} nodes")
    wrong = np.flatnonzero(said != graph.inverted_fanins)
    if len(wrong):
        node = int(wrong[0])
        raise error(f"{source}: {graph.names[node]!r} (node {node}) has {graph.inverted_fanins[node]} inverted edges, "
                    f"num_inverted_predecessors says {said[node]}")
