"""The BLIF format of SIS, ABC, Yosys and VPR: tables, latches and models in text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from circuitc.backends.blif import BLIF as TARGET
from circuitc.diagnostics import CircuitError, Source
from circuitc.ir import Module

from .base import Format, decode_text, read_bytes
from .blif_build import build_module
from .blif_parse import parse_lines
from .files import identifier

_START = re.compile(rb"(?:\s|#[^\n]*(?:\n|\Z))*\.(?:model|inputs|outputs|names|search|exdc)\s")


def sniff(head: bytes) -> bool:
    """Tell a BLIF file by its first line that is no comment: .model, or the parts of a model without it."""
    return _START.match(head) is not None


def read_blif(path: Path) -> Module:
    """Read a `.blif` file."""
    return parse_blif(read_bytes(path), str(path), identifier(path.stem))


def parse_blif(data: bytes, source: str, name: str = "circuit") -> Module:
    """Read `.blif` text from bytes; `source` names it in errors, `name` becomes the func's."""
    return build_module(parse_lines(Source(source, decode_text(data, source))), name)


def write_blif(module: Module) -> Mapping[str, bytes]:
    """Print a module's entry as `.blif`, gates as tables."""
    faults = TARGET.check(module, {})
    if faults:
        raise CircuitError(faults)
    emission = TARGET.emit(TARGET.build(module, {}))
    return {"": emission.files[emission.main]}


BLIF = Format("blif", (".blif",), "tables, latches and models, as SIS, ABC, Yosys and VPR write them", sniff, read_blif,
              write_blif)
