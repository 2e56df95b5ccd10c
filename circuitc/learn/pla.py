"""Espresso's `.pla` files: a truth table as products of literals (types f, fd, fr, fdr)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, Source, Span, error
from circuitc.formats.boolearn_data import read_ascii

MAX_INPUTS = 16  # the table is written out
MAX_OUTPUTS = 1 << 12
TYPES = ("f", "fd", "fr", "fdr")
_IGNORED = {".p", ".ilb", ".ob", ".phase", ".pair", ".symbolic", ".label"}

Bits = NDArray[np.int8]


@dataclass
class _Table:
    """A file being read: counts, type, and for each output the patterns in its on-, off- and don't-care set."""

    source: Source
    inputs: int = 0
    outputs: int = 0
    kind: str = "fd"
    sets: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def wrong(self, line: int, message: str, help: str = "") -> CircuitError:
        return error(message, Span(self.source, line), help)


def read_pla(path: Path) -> tuple[Bits, Bits]:
    """Read a truth table: all patterns whose outputs are specified, in counting order, inputs left to right.

    Answers bits [items, inputs] and [items, outputs]. Types f and fd list the on-set, and everything that they do not
    say is 0; fr and fdr list on- and off-set, and the rest is not specified. A pattern of which only some outputs are
    specified is refused: an item has all its outputs.
    """
    text = read_ascii(path)
    table = _Table(Source(str(path), text))
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] in (".e", ".end"):
            break
        if words[0].startswith("."):
            _directive(table, number, words)
        else:
            _product(table, number, "".join(words).replace("|", ""))
    return _items(table)


def _directive(table: _Table, line: int, words: list[str]) -> None:
    if words[0] in _IGNORED:
        return
    if words[0] in (".i", ".o"):
        most = MAX_INPUTS if words[0] == ".i" else MAX_OUTPUTS
        count = int(words[1]) if len(words) == 2 and words[1].isdigit() and len(words[1]) < 9 else 0
        if not 1 <= count <= most:
            raise table.wrong(line, f"{words[0]} takes a number from 1 to {most}, got {' '.join(words[1:])[:40]!r}")
        if table.sets:
            raise table.wrong(line, f"{words[0]} stands after the first product")
        if words[0] == ".i":
            table.inputs = count
        else:
            table.outputs = count
    elif words[0] == ".type":
        if len(words) != 2 or words[1] not in TYPES:
            raise table.wrong(line, f"type {' '.join(words[1:])[:40]!r} is not read", f"types are {', '.join(TYPES)}")
        table.kind = words[1]
    else:
        raise table.wrong(line, f"{words[0][:40]} is not read", "known are .i .o .p .type .ilb .ob .e")


def _product(table: _Table, line: int, row: str) -> None:
    n, m = table.inputs, table.outputs
    if not n or not m:
        raise table.wrong(line, "a product stands before .i and .o")
    if len(row) != n + m or set(row[:n]) - set("01-2") or set(row[n:]) - set("01-~234"):
        raise table.wrong(line, f"expected {n} of 0, 1, - and {m} of 0, 1, -, ~, got {row[:60]!r}")
    if not table.sets:
        table.sets = {name: np.zeros((1 << n, m), np.bool_) for name in ("on", "off", "free")}
    # the patterns of the product: the leftmost input is the highest bit of a pattern's number
    covered = np.ones(1, np.bool_)
    for literal in row[:n]:
        covered = np.kron(covered, np.array({"0": (1, 0), "1": (0, 1)}.get(literal, (1, 1)), np.bool_))
    for output, letter in enumerate(row[n:]):
        name = {"1": "on", "4": "on", "-": "free", "2": "free", "0": "off"}.get(letter)
        if (name == "off" and "r" not in table.kind) or (name == "free" and "d" not in table.kind):
            continue
        if name:
            table.sets[name][covered, output] = True


def _items(table: _Table) -> tuple[Bits, Bits]:
    if not table.sets:
        raise error("the file has no product, so it specifies nothing", Span(table.source))
    on, off, free = (table.sets[name] for name in ("on", "off", "free"))
    both = on & off
    if both.any():
        pattern, output = np.argwhere(both)[0]
        raise error(f"output {output} of pattern {pattern:0{table.inputs}b} is both 0 and 1", Span(table.source))
    said = (on | off) if "r" in table.kind else ~(free & ~on)
    some = said.any(axis=1) & ~said.all(axis=1)
    if some.any():
        raise error(f"pattern {np.flatnonzero(some)[0]:0{table.inputs}b} specifies some of its outputs only",
                    Span(table.source), "learn the outputs one by one, or specify them all")
    patterns = np.flatnonzero(said.all(axis=1))
    if not len(patterns):
        raise error("no pattern is specified", Span(table.source))
    bits = patterns[:, None] >> np.arange(table.inputs)[::-1] & 1
    return bits.astype(np.int8), on[patterns].astype(np.int8)
