"""Netlists as node-link JSON, through networkx."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx

from circuitc.diagnostics import Span, error
from circuitc.ir import Module

from .base import Format
from .files import identifier
from .graph_read import from_graph
from .graph_write import to_graph
from .json_text import Duplicate, describe, read_json

_SIGNATURE = re.compile(rb'^(?:\xef\xbb\xbf)?\s*\{\s*"(?:directed|multigraph)"\s*:')
_BROKEN = (nx.NetworkXException, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def read_graph_json(path: Path) -> Module:
    """Read node-link data, as `networkx.node_link_data` gives them, with `edges` or (before networkx 3.6) `links`."""
    value, source = read_json(path)
    span = Span(source)
    if not isinstance(value, dict):
        raise error(f"node-link data are an object, got {describe(value)}", span)
    edges = "edges" if "edges" in value else "links"
    for key, kind in (("nodes", list), (edges, list), ("graph", dict)):
        found = value.get(key, {} if key == "graph" else None)
        if not isinstance(found, kind) or isinstance(found, Duplicate):
            raise error(f"expected {'a list' if kind is list else 'an object'}, got "
                        f"{describe(found) if key in value else 'nothing'}", Span(source, path=key))
    for key in ("nodes", edges):
        for k, row in enumerate(value[key]):
            if not isinstance(row, dict):
                raise error(f"expected an object, got {describe(row)}", Span(source, path=f"{key}[{k}]"))
    _refuse_unknown_ends(value, edges, source)
    try:
        graph: Any = nx.node_link_graph({"directed": True, **value, "multigraph": True}, edges=edges)
    except _BROKEN as e:
        raise error(f"is not node-link data ({' '.join(repr(e).split())[:80]})", span) from None
    return from_graph(graph, str(path), identifier(path.stem.removesuffix(".graph")))


def _refuse_unknown_ends(value: dict[str, Any], edges: str, source: Any) -> None:
    """Refuse ids that are not text or numbers, ids that come twice, and edges between nodes that are not there."""
    seen: set[Any] = set()
    for k, row in enumerate(value["nodes"]):
        key = row.get("id")
        if not isinstance(key, (str, int)) or key in seen:
            raise error(f"expected an id that no other node has, got {describe(key)}",
                        Span(source, path=f"nodes[{k}].id"))
        seen.add(key)
    for k, row in enumerate(value[edges]):
        for end in ("source", "target"):
            if not isinstance(row.get(end), (str, int)) or row[end] not in seen:
                raise error(f"there is no node {describe(row.get(end))}", Span(source, path=f"{edges}[{k}].{end}"))


def write_graph_json(module: Module) -> Mapping[str, bytes]:
    """Print a module's entry as node-link data, a node or an edge a line."""
    data = nx.node_link_data(to_graph(module), edges="edges")
    head = json.dumps({key: data[key] for key in ("directed", "multigraph", "graph")})[:-1]
    lists = [f'"{key}": [\n' + ",\n".join(json.dumps(row) for row in data[key]) + "]" for key in ("nodes", "edges")]
    return {"": (",\n".join([head, *lists]) + "}\n").encode()}


def sniff(head: bytes) -> bool:
    """Tell node-link data by its first key."""
    return _SIGNATURE.match(head) is not None


GRAPH_JSON = Format("graph-json", (".graph.json",), "netlists as node-link data of networkx", sniff, read_graph_json,
                    write_graph_json)
