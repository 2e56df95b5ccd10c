"""`.ncd`: neural circuit diagrams as text, with weights by name from a file beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error, nearest
from circuitc.ir import Module
from circuitc.models.diagrams import Diagram, Typed, elaborate, lower
from circuitc.models.diagrams.scope import Load
from circuitc.models.diagrams.syntax import AxisDecl

from ..array_files import array_names, read_array
from ..base import Format, decode_text, read_bytes
from ..files import companion_path, identifier
from ..pyncd import read_pyncd
from .parse import parse_diagram

MAX_BYTES = 1 << 24
_START = re.compile(rb"(?:\s|#[^\n]*\n)*(?:axis\s+[A-Za-z_]|weights\s+(?:random\s+\d|\")|diagram\s+\")")


def sniff(head: bytes) -> bool:
    """Tell a diagram by its first statement, comments left out: axes, weights or the diagram that it binds."""
    return _START.match(head) is not None


def read_diagram(path: Path) -> Diagram:
    """Read a diagram as it is written."""
    text = decode_text(read_bytes(path, MAX_BYTES), str(path))
    diagram, included = parse_diagram(text, identifier(path.stem), path)
    return _including(diagram, included) if included else diagram


def _including(diagram: Diagram, name: str) -> Diagram:
    """Bind axes and weights of a pyncd file: its items follow, but for the axes that are declared here."""
    assert diagram.path is not None
    file = companion_path(diagram.path, name, diagram.span)
    if not file.is_file():
        raise error(f"there is no file {name} beside the diagram", diagram.span)
    inner = read_pyncd(file)
    known = {item.name for item in inner.items if isinstance(item, AxisDecl)}
    bound: dict[str, AxisDecl] = {}
    for item in diagram.items:
        if not isinstance(item, AxisDecl):
            raise error("a diagram that includes another has axes and weights alone beside it", diagram.span)
        if item.name not in known:
            raise error(f"{name} has no axis {item.name}", item.span, nearest(item.name, known))
        bound[item.name] = item
    items = tuple(bound.get(item.name, item) if isinstance(item, AxisDecl) else item for item in inner.items)
    return replace(diagram, items=items)


def read_typed(path: Path, lengths: Mapping[str, int] | None = None) -> tuple[Typed, Diagram]:
    """Read a diagram and find its types."""
    diagram = read_diagram(path)
    return elaborate(diagram, weights_of(diagram), lengths), diagram


def weights_of(diagram: Diagram) -> Load:
    """Give the reader of a diagram's weights: arrays of its file by name, None where there are none."""
    if not diagram.weights or diagram.path is None:
        return lambda path, span: None
    model, place = diagram.path, diagram.span or Span(Source(str(diagram.path)))
    names = set(array_names(model, diagram.weights, place))

    def load(path: str, span: Span | None) -> NDArray[Any] | None:
        return read_array(model, diagram.weights, path, None, span or place) if path in names else None
    return load


def read(path: Path) -> Module:
    """Read a diagram as a program in f32."""
    typed, diagram = read_typed(path)
    module = lower(typed, diagram.seed)
    return replace(module, facts={"diagram": {"steps": len(typed.steps)}})


NCD = Format("ncd", (".ncd",), "neural circuit diagrams as text", sniff, read)
