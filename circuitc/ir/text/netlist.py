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

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, error

from ..netlist import ARITY, MAX_LUT_INPUTS, WORD_INPUTS, Kind, Netlist, table_words
from .names import quote
from .netlist_scan import WORDS, Scan, scan_gates, table_words_of
from .tokens import line_span, read_quoted

_NAME = re.compile(r'[ \t]*name[ \t]+([0-9]{1,10})[ \t]+("(?:\\.|[^"\\])*")[ \t\r]*')
_COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*')  # what is in quotes stays
_FORMS = {
    Kind.AND: "`and A B`", Kind.XOR: "`xor A B`", Kind.MAJ: "`maj A B C`",
    Kind.LUT: "`lut TABLE A ...`, 1 to 6 literals (2 numbers of 64 rows for 7, 4 for 8)",
    Kind.THRESHOLD: "`threshold T W1 A ...`, a weight and a literal for each fan-in",
}
_TABLE = (1 << 64) - 1  # truth tables print without a sign
MAX_NODES = 1 << 27  # in a text


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
            table = netlist.table(node) if len(numbers) > WORD_INPUTS else data[node] & _TABLE
            numbers = [*(table >> 64 * k & _TABLE for k in range(table_words(len(numbers)))), *numbers]
        elif kind == Kind.THRESHOLD:
            weights = weight[edges] if weight else [0] * len(numbers)
            numbers = [data[node], *(n for pair in zip(weights, numbers, strict=True) for n in pair)]
        yield f"    {WORDS[kind]} " + " ".join(map(str, numbers))


def parse_netlist(body: str, inputs: int, source: Source, line: int) -> Netlist:
    """Scan the text between `netlist {` and `}`; `line` is where it starts in the source."""
    body = _COMMENT.sub(lambda m: m[1] or "", body) if "//" in body else body
    gates, outputs, names = _parts(body, source, line)
    scan = scan_gates(gates, source, line)
    if inputs + len(scan.start) >= MAX_NODES:
        raise error(f"a netlist of {inputs} inputs is too large, at most {MAX_NODES} nodes are held",
                    line_span(source, line))
    kind, count = scan.kind, scan.count
    words = np.where(kind == Kind.LUT, table_words_of(count), 0)
    arity = np.where(kind == Kind.THRESHOLD, (count - 2) // 2, count - 1 - words)
    _check_arity(scan, arity, words, source)
    edge, owner = _positions(scan.start, arity, kind, words)
    fanin = scan.numbers[edge]
    late = (fanin < 0) | (fanin >> 1 > inputs + owner)
    if np.any(late):
        k = int(np.argmax(late))
        raise error(f"literal {fanin[k]} is not of a node before this one", line_span(source, int(scan.line[owner[k]])),
                    f"this is node {1 + inputs + owner[k]}, literals are 2 * node, plus 1 where inverted")
    return _assemble(inputs, kind, arity, fanin, scan.numbers, scan.start, edge, words, np.array(outputs, np.int64),
                     names)


def _check_arity(scan: Scan, arity: NDArray[np.int64], words: NDArray[np.int64], source: Source) -> None:
    """Refuse gates with too few or too many numbers."""
    kind = scan.kind
    wrong = (kind == Kind.LUT) & ((arity < 1) | (arity > MAX_LUT_INPUTS) | ((arity > WORD_INPUTS) & (words == 1)))
    wrong |= (kind == Kind.THRESHOLD) & ((arity < 0) | (scan.count % 2 == 1))
    for k, wanted in ARITY.items():
        wrong |= (kind == k) & (arity != wanted)
    if np.any(wrong):
        gate = int(np.argmax(wrong))
        raise error(f"{WORDS[Kind(int(kind[gate]))]} does not take {scan.count[gate] - 1} numbers",
                    line_span(source, int(scan.line[gate])), f"write {_FORMS[Kind(int(kind[gate]))]}")


def _assemble(inputs: int, kind: NDArray[np.int64], arity: NDArray[np.int64], fanin: NDArray[np.int64],
              numbers: NDArray[np.int64], start: NDArray[np.int64], edge: NDArray[np.int64],
              words: NDArray[np.int64], outputs: NDArray[np.int64], names: dict[int, str]) -> Netlist:
    nodes = 1 + inputs + len(kind)
    kinds = np.concatenate([np.zeros(1, np.uint8), np.full(inputs, Kind.INPUT, np.uint8), kind.astype(np.uint8)])
    offset = np.zeros(nodes + 1, np.int32)
    offset[2 + inputs:] = np.cumsum(arity)
    has_table = (kind == Kind.LUT) | (kind == Kind.THRESHOLD)
    data = np.zeros(nodes if np.any(has_table) else 0, np.int64)
    if len(data):
        data[1 + inputs:][has_table] = numbers[start[has_table] + 1]
    weight = np.zeros(len(fanin) if np.any(kind == Kind.THRESHOLD) or np.any(words > 1) else 0, np.int64)
    for word in range(1, int(words.max(initial=1))):
        wide = words > word
        weight[offset[1 + inputs:-1][wide] + word - 1] = numbers[start[wide] + 1 + word]
    if len(weight):
        of_threshold = np.repeat(kind == Kind.THRESHOLD, arity)
        weight[of_threshold] = numbers[edge[of_threshold] - 1]
    return Netlist(inputs, kinds, offset, fanin.astype(np.int32), outputs.astype(np.int32), data, weight, names)


def _positions(start: NDArray[np.int64], arity: NDArray[np.int64], kind: NDArray[np.int64],
               words: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give, for each fan-in, where its literal stands among the numbers, and whose gate's it is."""
    owner = np.repeat(np.arange(len(start)), arity)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(arity) - arity, arity)
    first = np.where(kind == Kind.THRESHOLD, 3, 1 + words)
    step = np.where(kind == Kind.THRESHOLD, 2, 1)
    return start[owner] + first[owner] + within * step[owner], owner


def _parts(body: str, source: Source, line: int) -> tuple[str, list[int], dict[int, str]]:
    """Split a body into the gates' text, the outputs and the names."""
    at = body.find("outputs")
    if at < 0:
        raise error("a netlist needs a line of outputs", line_span(source, line), "write `outputs` and their literals")
    first = line + body.count("\n", 0, at)
    head, *rest = body[at:].split("\n")
    words = head.split()
    if words[0] != "outputs" or not all(w.isascii() and w.isdecimal() for w in words[1:]):
        raise error("outputs takes literals", line_span(source, first), "literals are 2 * node, plus 1 where inverted")
    if any(len(w) > 10 or int(w) >= 1 << 31 for w in words[1:]):
        raise error("an output literal is outside 0..2**31-1", line_span(source, first))
    names: dict[int, str] = {}
    for number, text in enumerate(rest, first + 1):
        if text.strip():
            match = _NAME.fullmatch(text)
            if match is None:
                raise error("only names stand after the outputs", line_span(source, number), 'write `name NODE "TEXT"`')
            names[int(match[1])] = read_quoted(match[2], lambda n=number: line_span(source, n))
    return body[:at], [int(w) for w in words[1:]], names
