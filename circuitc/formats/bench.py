"""The `.bench` format of ISCAS, ABC and OpenABC-D: one gate a line, signals by name."""

from __future__ import annotations

import re
from pathlib import Path

from circuitc.diagnostics import Source, error
from circuitc.ir import Module

from .base import Format, read_bytes
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
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise error(f"{source}:{data.count(10, 0, e.start) + 1}: byte {data[e.start]:#04x} is not UTF-8 text") from None
    if "\0" in text:
        raise error(f"{source}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: a NUL byte is not text")
    return build_module(parse_lines(Source(source, text)), name)


BENCH = Format("bench", (".bench",), "gates by name, as ISCAS, ABC and OpenABC-D write them", sniff, read_bench,
               write_bench)
