"""Between trees, as HDF5 holds NIR graphs, and networks: nested graphs become one graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, error
from circuitc.models.spiking import KINDS, Edge, Network, Node

Tree = Mapping[str, Any]
_IGNORED = ("type", "metadata", "version", "name", "input_type", "output_type")


def network_of(tree: Tree) -> Network:
    """Give the network of a root graph. Nodes of a nested graph get its name and a dot before theirs."""
    nodes, edges = _flat(tree, "")
    return Network(nodes, tuple(edges))


def _flat(tree: Tree, prefix: str) -> tuple[dict[str, Node], list[Edge]]:
    """Read a graph; its own Input and Output are put in place by whoever holds it."""
    if tree.get("type") != "NIRGraph":
        raise error(f"{_named(prefix)} is {_kind(tree, prefix)}, a NIRGraph is needed")
    held = tree.get("nodes")
    if not isinstance(held, dict):
        raise error(f"{_named(prefix)} has no nodes")
    edges = [(f"{prefix}{a}", f"{prefix}{b}") for a, b in _edges(tree, prefix)]
    nodes: dict[str, Node] = {}
    for name, item in held.items():
        full = f"{prefix}{name}"
        if not isinstance(item, dict):
            raise error(f"{full} is no node but an array")
        if item.get("type") == "NIRGraph":
            inner, more = _flat(item, f"{full}.")
            nodes, edges = _joined(full, nodes, edges, inner, more)
        else:
            nodes[full] = _node(full, item)
    return nodes, edges


def _joined(name: str, nodes: dict[str, Node], edges: list[Edge], inner: dict[str, Node], more: list[Edge],
            ) -> tuple[dict[str, Node], list[Edge]]:
    """Put a nested graph in: edges to it go where its Input goes, edges from it come from where its Output does."""
    if both := nodes.keys() & inner.keys():
        raise error(f"two nodes are named {min(both)}")
    ends: list[str] = []
    for kind in ("Input", "Output"):
        found = [n for n, node in inner.items() if node.kind == kind]
        if len(found) != 1:
            raise error(f"the nested graph {name} has {len(found)} nodes of kind {kind}, one is needed")
        ends.append(found[0])
    entry, exit = ends
    renamed = [(exit if a == name else a, entry if b == name else b) for a, b in edges] + more
    for end in ends:
        before, after = [a for a, b in renamed if b == end], [b for a, b in renamed if a == end]
        renamed = [e for e in renamed if end not in e] + [(a, b) for a in before for b in after]
    return nodes | {n: node for n, node in inner.items() if n not in ends}, renamed


def _edges(tree: Tree, prefix: str) -> list[Edge]:
    edges = np.asarray(tree.get("edges", np.zeros((0, 2), object)))
    if not edges.size:
        return []
    if edges.dtype != object or edges.ndim != 2 or edges.shape[1] != 2:
        raise error(f"the edges of {_named(prefix)} are not pairs of names")
    return [(str(a), str(b)) for a, b in edges]


def _node(name: str, item: Tree) -> Node:
    kind = _kind(item, name)
    known = KINDS.get(kind)
    accepted = (*known.needs, *known.may) if known else ()
    parameters: dict[str, Any] = {}
    for key, value in item.items():
        if key in _IGNORED and key not in accepted:
            continue
        if isinstance(value, dict):
            raise error(f"{name}: {key[:40]} is a group where numbers are needed")
        parameters[key] = value if isinstance(value, str) else np.asarray(value)
    try:
        return Node(kind, parameters)
    except CircuitError as e:
        head = e.diagnostics[0]
        raise error(f"{name}: {head.message}", head.span, head.help) from None


def _kind(item: Tree, name: str) -> str:
    kind = item.get("type")
    if not isinstance(kind, str):
        raise error(f"{_named(name)} does not say its type")
    return kind


def _named(prefix: str) -> str:
    return prefix.rstrip(".") or "the root"


def tree_of(network: Network) -> dict[str, Any]:
    """Give the tree of a network, as NIR's own files have it."""
    nodes = {name: {"type": node.kind, **node.parameters} for name, node in network.nodes.items()}
    edges = np.array(network.edges, dtype=object).reshape(-1, 2)
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges}


__all__ = ["network_of", "tree_of"]
