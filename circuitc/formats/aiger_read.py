"""Read AIGER 1.9, binary and ASCII: the file's sections become a netlist, ports and latches."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from circuitc.diagnostics import Source, Span
from circuitc.ir import ONCE, STREAM, Func, Module, aig, module_of

from .aiger_ascii import read_ascii
from .aiger_scan import AigerFile, scan_deltas, scan_lines
from .aiger_sections import Body, Header, check_range, read_header, read_resets, section
from .base import read_bytes
from .files import identifier
from .vector_ports import bit_registers, fill_names, vector_ports

_SYMBOL = re.compile(rb"([ilobcjf])([0-9]{1,10}) ([^\n]*)\n?")


def read_aiger(path: Path) -> Module:
    """Read an AIGER file of either encoding."""
    return parse_aiger(read_bytes(path), str(path), identifier(path.stem))


def parse_aiger(data: bytes, source: str, name: str = "circuit") -> Module:
    """Read AIGER from bytes; `source` names them in errors, `name` becomes the func's."""
    binary = data.startswith(b"aig")
    if not binary and not data.endswith(b"\n"):
        data += b"\n"
    file = AigerFile(Source(source, None if binary else data.decode("utf-8", "replace")), data, binary)
    header = read_header(file)
    body = _read_binary(file, header) if binary else read_ascii(file, header)
    symbols = _read_symbols(file, header, body.end)
    inputs, latches, outputs = fill_names(list(zip("ilo", symbols, strict=True)))
    span = Span(Source(source))  # without the text: the module outlives the file
    rate = "step" if header.latches else "call"
    netlist = aig(header.inputs + header.latches, body.ands, np.concatenate([body.outputs, body.following]))
    return module_of(Func(
        name, vector_ports(inputs, rate, "input", span, latches), vector_ports(outputs, rate, "output", span),
        netlist, bit_registers(latches, body.resets, span), STREAM if header.latches else ONCE, span=span))


def _read_binary(file: AigerFile, header: Header) -> Body:
    first = 1 + header.inputs
    lines = scan_lines(file, header.end, header.latches + header.outputs)
    following, reset = section(file, lines, 0, header.latches, (1, 2), "a latch is `next` or `next reset`")
    outputs = section(file, lines, header.latches, header.outputs, (1, 1), "an output is one literal")[0]
    own = 2 * (first + np.arange(header.latches, dtype=np.int64))
    check_range(file, lines, header)
    delta, ends = scan_deltas(file, lines.end, 2 * header.ands)
    lhs = 2 * (first + header.latches + np.arange(header.ands, dtype=np.int64))
    high = lhs - delta[0::2]
    low = high - delta[1::2]
    wrong = (delta[0::2] == 0) | (low < 0)
    if wrong.any():
        gate = int(np.argmax(wrong))
        place = int(ends[2 * gate - 1]) if gate else lines.end
        raise file.fault(f"and gate {lhs[gate]} has the fan-ins {high[gate]} and {low[gate]}, "
                         "which are not literals before it", place)
    end = int(ends[-1]) if len(ends) else lines.end
    return Body(np.stack([high, low], axis=1), outputs, following,
                read_resets(file, own, reset, lines.start), end)


def _read_symbols(file: AigerFile, header: Header, start: int) -> tuple[list[str | None], ...]:
    """Read the symbol table up to the comment: names of inputs, latches and outputs, None where there is none."""
    tables: dict[str, list[str | None]] = {
        "i": [None] * header.inputs, "l": [None] * header.latches, "o": [None] * header.outputs}
    while start < len(file.data):
        match = _SYMBOL.match(file.data, start)
        if match is None:
            if file.data[start:start + 1] == b"c" or not file.data[start:].strip():
                break  # the comment, to the end of the file
            raise file.fault("expected a symbol such as `i0 name`, or `c` and a comment", start)
        _add_symbol(file, tables.get(match[1].decode()), match)
        start = match.end()
    return tuple(tables.values())


def _add_symbol(file: AigerFile, table: list[str | None] | None, match: re.Match[bytes]) -> None:
    kind, index, start = match[1].decode(), int(match[2]), match.start()
    if table is None or index >= len(table):
        raise file.fault(f"symbol {kind}{index} names nothing: the header has {len(table or ())} of that kind", start)
    if table[index] is not None:
        raise file.fault(f"symbol {kind}{index} is given twice", start)
    try:
        name = match[3].decode() if file.binary else match[3].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise file.fault(f"the name of symbol {kind}{index} is not UTF-8 text", start) from None
    if not name or "\0" in name:
        raise file.fault(f"the name of symbol {kind}{index} is {'empty' if not name else 'not text'}", start)
    table[index] = name
