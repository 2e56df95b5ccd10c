"""`.ncd`: neural circuit diagrams as text, with weights by name from a file beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import Module
from circuitc.models.diagrams import Diagram, Typed, elaborate, lower
from circuitc.models.diagrams.scope import Load

from ..array_files import array_names, read_array
from ..base import Format, decode_text, read_bytes
from ..files import identifier
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
    if included:
        raise error(f"{path}: the statement `diagram` is not read here")
    return diagram


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
