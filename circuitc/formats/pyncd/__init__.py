"""pyncd JSON: neural circuit diagrams as terms; lengths and weights are bound in an `.ncd` file."""

from __future__ import annotations

import json
from pathlib import Path

from circuitc.diagnostics import CircuitError, Span, error
from circuitc.ir import Module
from circuitc.models.diagrams import Diagram, elaborate, lower

from ..base import Format
from ..files import identifier
from ..json_text import describe, read_json
from .read import Reader
from .terms import Terms


def sniff(head: bytes) -> bool:
    """Tell the file by the key of its repository."""
    return head.lstrip()[:1] == b"{" and b'"uid_repository"' in head


def read_pyncd(path: Path) -> Diagram:
    """Read the diagram of a file: axes have names, and lengths only where the file has them."""
    data, source = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get("uid_repository"), dict) or "data" not in data:
        raise error(f"a pyncd file is an object with uid_repository and data, got {describe(data)}", Span(source))
    try:
        items = Reader(Terms(data["uid_repository"], source)).items(data["data"])
    except RecursionError:
        raise error("the terms are nested too deeply, or refer to themselves", Span(source)) from None
    return Diagram(identifier(path.name.split(".")[0]), items, path=path, span=Span(source))


def read(path: Path) -> Module:
    """Read a file that needs nothing else; most name no lengths and hold no weights, which an `.ncd` file binds."""
    diagram = read_pyncd(path)
    try:
        return lower(elaborate(diagram))
    except CircuitError as e:
        first = e.diagnostics[0]
        raise error(first.message, first.span or diagram.span,
                    f'bind axes and weights in an .ncd file: axis x = 8, weights random 1, diagram "{path.name}"'
                    ) from None


def rewrite(source: Path) -> dict[str, bytes]:
    """Write a diagram, from its text or from terms; programs of other formats have no named axes to write."""
    from ..detect import detect
    from ..ncd import read_diagram
    from .write import terms_of

    name = detect(source).name
    if name not in ("ncd", "pyncd"):
        raise error(f"{source}: pyncd files are made of neural circuit diagrams, this is {name}")
    diagram = read_pyncd(source) if name == "pyncd" else read_diagram(source)
    elaborate(diagram)                     # what is wrong with a diagram is told with its own words
    try:
        return {"": (json.dumps(terms_of(diagram), indent=1) + "\n").encode()}
    except RecursionError:
        raise error("the diagram is nested too deeply", diagram.span) from None


PYNCD = Format("pyncd", (".pyncd.json",), "neural circuit diagrams as terms of pyncd", sniff, read,
               rewrite=rewrite)

__all__ = ["PYNCD", "read_pyncd"]
