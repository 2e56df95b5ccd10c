"""Netlist bodies in the text form: a line a gate, printed and scanned by array operations.

    netlist {
      and 2 6                  // the next node; literals are node << 1 | inverted
      lut 232 2 4 6            // truth table, then fan-ins
      threshold 0 2 4 -1 6     // threshold, then weight and literal of each fan-in
      outputs 10 13
      name 5 "carry"
    }
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error

from ..netlist import Kind, Netlist
from .names import quote

_WORDS = {Kind.AND: "and", Kind.XOR: "xor", Kind.MAJ: "maj", Kind.LUT: "lut", Kind.THRESHOLD: "threshold"}


def print_netlist(netlist: Netlist) -> Iterator[str]:
    """Print a netlist body, a line at a time (about 0.6 us a gate)."""
    yield "  netlist {"
    if netlist.is_aig:
        start = int(netlist.offset[1 + netlist.inputs])
        pairs = netlist.fanin[start:].reshape(-1, 2).tolist()
        if pairs:
            yield "\n".join([f"    and {a} {b}" for a, b in pairs])
    else:
        yield from _mixed_lines(netlist)
    yield "    outputs " + " ".join(map(str, netlist.outputs.tolist())) if len(netlist.outputs) else "    outputs"
    for node, name in sorted(netlist.names.items()):
        yield f"    name {node} {quote(name)}"
    yield "  }"


def _mixed_lines(netlist: Netlist) -> Iterator[str]:
    """One gate at a time: 1 us a gate."""
    kinds, offset, fanin = netlist.kind.tolist(), netlist.offset.tolist(), netlist.fanin.tolist()
    data, weight = netlist.data.tolist(), netlist.weight.tolist()
    for node in range(1 + netlist.inputs, netlist.nodes):
        kind = Kind(kinds[node])
        edges = slice(offset[node], offset[node + 1])
        numbers = fanin[edges]
        if kind == Kind.LUT:
            numbers = [data[node], *numbers]
        elif kind == Kind.THRESHOLD:
            weights = weight[edges] if weight else [0] * len(numbers)
            numbers = [data[node], *(n for pair in zip(weights, numbers, strict=True) for n in pair)]
        yield f"    {_WORDS[kind]} " + " ".join(map(str, numbers))


def parse_netlist(body: str, inputs: int, source: Source, line: int) -> Netlist:
    """Scan the text between `netlist {` and `}`; `line` is where it starts in the source."""
    body = re.sub(r"//[^\n]*", "", body) if "//" in body else body
    gates, outputs, names = _parts(body, source, line)
    numbers, count = _scan(gates, source, line)
    start = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64) if len(count) else np.zeros(0, np.int64)
    kind = numbers[start]
    extra = np.where(kind == Kind.LUT, 2, 1)
    threshold = kind == Kind.THRESHOLD
    arity = np.where(threshold, (count - 2) // 2, count - extra)
    wrong = (arity < 0) | (threshold & (count % 2 == 1))
    if np.any(wrong):
        raise error("a gate has too few numbers", Span(source, _nth_line(gates, int(np.argmax(wrong)), line)))
    edge, owner = _positions(start, arity, kind)
    fanin = numbers[edge]
    if np.any((fanin < 0) | (fanin >= 1 << 31)):
        raise error("a literal is outside 0..2**31-1",
                    Span(source, _nth_line(gates, int(owner[np.argmax((fanin < 0) | (fanin >= 1 << 31))]), line)))
    return _assemble(inputs, kind, arity, fanin, numbers, start, edge, np.array(outputs, np.int64), names)


def _assemble(inputs: int, kind: NDArray[np.int64], arity: NDArray[np.int64], fanin: NDArray[np.int64],
              numbers: NDArray[np.int64], start: NDArray[np.int64], edge: NDArray[np.int64],
              outputs: NDArray[np.int64], names: dict[int, str]) -> Netlist:
    nodes = 1 + inputs + len(kind)
    kinds = np.concatenate([[Kind.FALSE], np.full(inputs, Kind.INPUT), kind]).astype(np.uint8)
    offset = np.zeros(nodes + 1, np.int32)
    offset[2 + inputs:] = np.cumsum(arity)
    has_table = (kind == Kind.LUT) | (kind == Kind.THRESHOLD)
    data = np.zeros(nodes if np.any(has_table) else 0, np.int64)
    if len(data):
        data[1 + inputs:][has_table] = numbers[start[has_table] + 1]
    weight = np.zeros(len(fanin) if np.any(kind == Kind.THRESHOLD) else 0, np.int64)
    if len(weight):
        of_threshold = np.repeat(kind == Kind.THRESHOLD, arity)
        weight[of_threshold] = numbers[edge[of_threshold] - 1]
    return Netlist(inputs, kinds, offset, fanin.astype(np.int32), outputs.astype(np.int32), data, weight, names)


def _positions(start: NDArray[np.int64], arity: NDArray[np.int64], kind: NDArray[np.int64],
               ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give, for each fan-in, where its literal stands among the numbers, and whose gate's it is."""
    owner = np.repeat(np.arange(len(start)), arity)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(arity) - arity, arity)
    first = np.where(kind == Kind.LUT, 2, np.where(kind == Kind.THRESHOLD, 3, 1))
    step = np.where(kind == Kind.THRESHOLD, 2, 1)
    return start[owner] + first[owner] + within * step[owner], owner


def _parts(body: str, source: Source, line: int) -> tuple[str, list[int], dict[int, str]]:
    """Split a body into the gates' text, the outputs and the names."""
    at = body.find("outputs")
    if at < 0:
        raise error("a netlist needs a line of outputs", Span(source, line))
    head, *rest = body[at:].splitlines()
    words = head.split()
    if words[0] != "outputs" or not all(w.isdecimal() and len(w) < 11 for w in words[1:]):
        raise error("outputs takes literals", Span(source, line + body.count("\n", 0, at)))
    outputs = [int(w) for w in words[1:]]
    if any(o >= 1 << 31 for o in outputs):
        raise error("an output literal is outside 0..2**31-1", Span(source, line + body.count("\n", 0, at)))
    names: dict[int, str] = {}
    for number, text in enumerate(rest, line + body.count("\n", 0, at) + 1):
        if text.strip():
            match = re.fullmatch(r'\s*name (\d{1,10}) ("(?:\\.|[^"\\])*")\s*', text)
            if match is None:
                raise error("expected `name NODE \"TEXT\"` after the outputs", Span(source, number))
            names[int(match[1])] = json.loads(match[2])
    return body[:at], outputs, names


def _scan(text: str, source: Source, line: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give all numbers of the gates' text (kinds first on each line), and how many stand on each line that has any."""
    plain = text
    for kind, word in sorted(_WORDS.items(), key=lambda item: -len(item[1])):
        plain = plain.replace(word, str(int(kind)))
    raw = np.frombuffer(plain.encode("latin-1", "replace"), np.uint8)
    space = (raw == 32) | (raw == 10) | (raw == 9) | (raw == 13)
    begins = ~space & np.concatenate([[True], space[:-1]]) if len(raw) else np.zeros(0, bool)
    on_line = np.cumsum(raw == 10)[begins]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            numbers = np.fromstring(plain, dtype=np.int64, sep=" ") if len(on_line) else np.zeros(0, np.int64)
        except (DeprecationWarning, ValueError, OverflowError):
            raise _bad_line(text, source, line) from None
    count = np.bincount(on_line)
    if len(numbers) != len(on_line) or any(c not in b"0123456789- \n\t\r" for c in np.unique(raw).tolist()):
        raise _bad_line(text, source, line)
    count = count[count > 0].astype(np.int64)
    first = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64) if len(count) else np.zeros(0, np.int64)
    if np.any((numbers[first] < Kind.AND) | (numbers[first] > Kind.THRESHOLD)):
        raise _bad_line(text, source, line)
    return numbers, count


def _bad_line(text: str, source: Source, line: int) -> Exception:
    """Find the first line that is not a gate, one at a time; only on the way to an error."""
    for number, content in enumerate(text.splitlines(), line):
        if content.strip() and not re.fullmatch(r"\s*(and|xor|maj|lut|threshold)(\s+-?\d{1,19})+\s*", content):
            return error(f"{content.strip()[:40]!r} is not a gate", Span(source, number),
                         "a gate is and, xor, maj, lut or threshold with its numbers")
    return error("a netlist body has a number that does not fit 64 bits", Span(source, line))


def _nth_line(text: str, gate: int, line: int) -> int:
    """Give the line number of the nth gate."""
    numbers = [k for k, content in enumerate(text.splitlines(), line) if content.strip()]
    return numbers[gate]
