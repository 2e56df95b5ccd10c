"""Scan the gates of a netlist body: text to numbers by array operations, a line a gate."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, Source, error

from ..netlist import Kind
from .tokens import line_span

WORDS = {Kind.AND: "and", Kind.XOR: "xor", Kind.MAJ: "maj", Kind.LUT: "lut", Kind.THRESHOLD: "threshold"}

_LETTERS = {kind: chr(0x80 + kind) for kind in WORDS}  # one byte a kind, which no ASCII text has
_SPACE, _LETTER, _DIGIT = 1, 2, 3
_CLASS = np.zeros(256, np.uint8)
_CLASS[list(b" \t\r\n")] = _SPACE
_CLASS[[ord(c) for c in _LETTERS.values()]] = _LETTER
_CLASS[list(b"0123456789-")] = _DIGIT
_TO_DIGITS = bytes.maketrans(bytes(map(ord, _LETTERS.values())), bytes(ord("0") + kind for kind in _LETTERS))
_LONG = 18  # digits that always fit 64 bits
_GATE = re.compile(rf"[ \t]*({'|'.join(WORDS.values())})([ \t]+-?[0-9]+)+[ \t\r]*")


@dataclass(frozen=True, slots=True)
class Scan:
    """The numbers of all gates one after the other, each gate's kind first: int64, and where each gate starts."""

    numbers: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]
    line: NDArray[np.int64]     # the gate's line in the source

    @property
    def kind(self) -> NDArray[np.int64]:
        return self.numbers[self.start]


def scan_gates(text: str, source: Source, line: int) -> Scan:
    """Read the gates' text, whose first line is `line` of the source (0.4 s for a million ANDs).

    Truth tables of 64 bits come out as their two's complement.
    """
    if not text.isascii():
        raise _bad_line(text, source, line)
    plain = text
    for kind, word in WORDS.items():
        plain = plain.replace(word, _LETTERS[kind])
    coded = plain.encode("latin-1")
    raw = np.frombuffer(coded, np.uint8)
    byte_class = _CLASS[raw]
    space = byte_class == _SPACE
    after = np.concatenate([[True], space[:-1]])[:len(raw)]
    begin = np.flatnonzero(~space & after)
    on_line = np.searchsorted(np.flatnonzero(raw == ord("\n")), begin)
    first = np.concatenate([[True], np.diff(on_line) > 0])[:len(begin)]
    letter = byte_class == _LETTER
    followed = np.concatenate([space[1:], [True]])[:len(raw)]
    minus = np.flatnonzero(raw == ord("-"))
    numbered = np.all(after[minus]) and np.all(np.append(raw, 0)[minus + 1] >= ord("0"))
    if not numbered or np.any(byte_class == 0) or not np.array_equal(np.flatnonzero(letter), begin[first]) or np.any(
            letter & ~followed):
        raise _bad_line(text, source, line)
    start = np.flatnonzero(first)
    numbers = _numbers(coded, begin, space, start, on_line + line, source)
    if numbers is None:
        raise _bad_line(text, source, line)
    return Scan(numbers, start, np.diff(np.concatenate([start, [len(begin)]])), on_line[first] + line)


def _numbers(coded: bytes, begin: NDArray[np.int64], space: NDArray[np.bool_], start: NDArray[np.int64],
             lines: NDArray[np.int64], source: Source) -> NDArray[np.int64] | None:
    if not len(begin):
        return np.zeros(0, np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            numbers = np.fromstring(coded.translate(_TO_DIGITS), dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    if len(numbers) != len(begin):
        return None
    is_table = np.zeros(len(numbers), bool)
    count = np.diff(np.concatenate([start, [len(numbers)]]))
    for word in range(4):
        has_word = (numbers[start] == Kind.LUT) & (table_words_of(count) > word) & (count > word + 1)
        is_table[start[has_word] + word + 1] = True
    if np.any(is_table & (numbers < 0)):
        raise error("a truth table is not negative", line_span(source, int(lines[np.argmax(is_table & (numbers < 0))])))
    ends = np.flatnonzero(space & ~np.concatenate([[True], space[:-1]]))
    lengths = np.concatenate([ends, [len(space)]])[:len(begin)] - begin
    for k in np.flatnonzero(lengths > _LONG).tolist():  # numpy clips these; 1 us each, only tables of 64 rows have many
        value = int(coded[begin[k]:begin[k] + min(int(lengths[k]), 100)])
        if not (0 <= value < 1 << 64 if is_table[k] else -(1 << 63) <= value < 1 << 63):
            raise error("a number does not fit 64 bits", line_span(source, int(lines[k])))
        numbers[k] = value - (1 << 64) if value >> 63 == 1 else value
    return numbers


def table_words_of(count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give how many words the table of a `lut` of so many numbers (its own too) has: 1, 2 of 7 or 4 of 8 inputs."""
    return np.where(count == 10, 2, np.where(count == 13, 4, 1))


def _bad_line(text: str, source: Source, line: int) -> CircuitError:
    """Find the first line that is not a gate, one at a time; only on the way to an error."""
    for number, content in enumerate(text.split("\n"), line):
        if content.strip(" \t\r") and not _GATE.fullmatch(content):
            return error(f"{content.strip()[:40]!r} is not a gate", line_span(source, number),
                         f"a gate is {', '.join(WORDS.values())} with its numbers, on a line of its own")
    raise AssertionError("some line is not a gate")
