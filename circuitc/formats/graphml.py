"""Netlists as GraphML, through networkx."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import ParseError

import networkx as nx
from networkx.readwrite.graphml import write_graphml_xml

from circuitc.diagnostics import error
from circuitc.ir import Module

from .base import Format, read_bytes
from .files import identifier
from .graph_read import from_graph
from .graph_write import to_graph

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# What networkx raises on XML that is not what it expects.
_BROKEN = (ParseError, nx.NetworkXException, ValueError, KeyError, TypeError, AttributeError, IndexError,
           OverflowError, RecursionError, LookupError)


def read_graphml(path: Path) -> Module:
    """Read a `.graphml` file."""
    return parse_graphml(read_bytes(path), str(path), identifier(path.stem))


def parse_graphml(data: bytes, source: str, name: str = "circuit") -> Module:
    """Read GraphML from bytes; `source` names it in errors, `name` becomes the func's where the graph has none."""
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", data, re.IGNORECASE) or b"\0" in data:
        raise error(f"{source}: definitions of entities, and encodings other than UTF-8, are not taken")
    if len(re.findall(rb"<graph[\s>]", data)) > 1:
        raise error(f"{source}: the file has more than one graph")
    try:
        graph = nx.read_graphml(io.BytesIO(data), node_type=str, force_multigraph=True)
    except _BROKEN as e:
        raise error(f"{source}: is not GraphML ({' '.join(str(e).split())[:100]})") from None
    return from_graph(graph, source, name)


def write_graphml(module: Module) -> Mapping[str, bytes]:
    """Print a module's entry as GraphML."""
    graph = to_graph(module)
    for _, row in graph.nodes(data=True):
        if _NO_XML.search(row.get("name", "")):
            raise error(f"{row['name']!r} is not a name that XML can spell", module.entry.span, "rename it")
    buffer = io.BytesIO()
    write_graphml_xml(graph, buffer, encoding="utf-8")
    return {"": buffer.getvalue()}


def sniff(head: bytes) -> bool:
    """Tell GraphML by its root element."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<graphml" in head


GRAPHML = Format("graphml", (".graphml",), "netlists as graphs, for networkx and graph tools", sniff, read_graphml,
                 write_graphml)
