"""The `.bench` format of ISCAS, ABC and OpenABC-D: one gate a line, signals by name."""

from __future__ import annotations

import re
from pathlib import Path

from circuitc.diagnostics import Source
from circuitc.ir import Module

from .base import Format, decode_text, read_bytes
from .bench_build import build_module
from .bench_parse import parse_lines
from .bench_write import write_bench
from .files import identifier

_START = re.compile(rb"(?:\s|#[^\n]*\n)*(?:(?:INPUT|OUTPUT)\s*\(|[^\s()=,#]+\s*=\s*(?:\w+\s*\(|LUT\s|VDD\b|GND\b))",
                    re.IGNORECASE)


def sniff(head: bytes) -> bool:
    """Tell a bench file by its first line that is no comment: INPUT(, OUTPUT( or name = operation."""
    return _START.match(head) is not None


def read_bench(path: Path) -> Module:
    """Read a `.bench` file."""
    return parse_bench(read_bytes(path), str(path), identifier(path.stem))


def parse_bench(data: bytes, source: str, name: str = "circuit") -> Module:
    """Read `.bench` text from bytes; `source` names it in errors, `name` becomes the func's."""
    return build_module(parse_lines(Source(source, decode_text(data, source))), name)


BENCH = Format("bench", (".bench",), "gates by name, as ISCAS, ABC and OpenABC-D write them", sniff, read_bench,
               write_bench)
