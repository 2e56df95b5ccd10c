"""Read the numbers of an AIGER file by array operations: lines of digits, and deltas of seven bits a byte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, Source, Span, error

Int64 = NDArray[np.int64]
Bytes = NDArray[np.uint8]

MAX_DIGITS = 10      # literals are below 2**31
MAX_DELTA_BYTES = 5  # five times seven bits hold any literal


@dataclass(frozen=True, slots=True)
class AigerFile:
    """The bytes of a file and how to say where something is: by byte in binary files, by line and column in ASCII."""

    source: Source
    data: bytes
    binary: bool

    def at(self, offset: int) -> Span:
        """Give the place of a byte."""
        if self.binary:
            return Span(self.source, path=f"byte {offset}")
        start = self.data.rfind(b"\n", 0, offset) + 1
        return Span(self.source, self.data.count(b"\n", 0, start) + 1, offset - start + 1)

    def fault(self, message: str, offset: int, help: str = "") -> CircuitError:
        """Make the error that says one thing about a place."""
        return error(message, self.at(offset), help)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of whole numbers: line k has `value[first[k]:first[k + 1]]`, each found at byte `at`.

    `start` has the first byte of each line and, last, the byte after them all.
    """

    value: Int64
    at: Int64
    first: Int64
    start: Int64

    @property
    def end(self) -> int:
        return int(self.start[-1])


def scan_lines(file: AigerFile, start: int, count: int) -> Lines:
    """Read `count` lines of numbers from byte `start` on."""
    buffer = np.frombuffer(file.data, np.uint8)[start:]
    breaks = np.flatnonzero(buffer == ord("\n"))[:count]
    if len(breaks) < count:
        raise file.fault(f"the header promises {count} lines of literals, the file ends after {len(breaks)}",
                         len(file.data))
    starts = np.concatenate([[0], breaks + 1]).astype(np.int64)
    region = buffer[:starts[-1]]
    digit = region - np.uint8(ord("0")) < 10  # bytes below "0" wrap around to large numbers
    wrong = ~(digit | (region == ord(" ")) | (region == ord("\n")) | ((region == ord("\r")) & (not file.binary)))
    if wrong.any():
        place = int(np.argmax(wrong))
        found = "a minus sign" if region[place] == ord("-") else repr(chr(region[place]))
        raise file.fault(f"expected a literal, got {found}", start + place)
    begin = np.flatnonzero(digit & ~np.concatenate([[False], digit])[:-1])
    length = np.flatnonzero(digit & ~np.concatenate([digit, [False]])[1:]) + 1 - begin
    if np.any(length > MAX_DIGITS):
        place = int(begin[np.argmax(length > MAX_DIGITS)])
        raise file.fault(f"a number of more than {MAX_DIGITS} digits is no literal", start + place)
    return Lines(_values(region, begin, length), begin + start, np.searchsorted(begin, starts), starts + start)


def _values(region: Bytes, begin: NDArray[np.intp], length: NDArray[np.intp]) -> Int64:
    """Give the values of digit strings, all first digits at once, then all second ones."""
    value = np.zeros(len(begin), np.int64)
    for k in range(int(length.max(initial=0))):
        here = length > k
        value[here] = value[here] * 10 + (region[begin[here] + k] - ord("0"))
    return value


def scan_deltas(file: AigerFile, start: int, count: int) -> tuple[Int64, Int64]:
    """Read `count` deltas from byte `start` on: their values, and the byte after each."""
    buffer = np.frombuffer(file.data, np.uint8)[start:start + MAX_DELTA_BYTES * count]
    ends = np.flatnonzero(buffer < 0x80)[:count] + 1
    begin = np.concatenate([[0], ends[:-1]]).astype(np.int64) if len(ends) else np.zeros(0, np.int64)
    length = ends - begin
    if np.any(length > MAX_DELTA_BYTES):
        place = int(begin[np.argmax(length > MAX_DELTA_BYTES)])
        raise file.fault("a delta of more than 5 bytes is no difference of literals", start + place)
    if len(ends) < count:
        raise file.fault(f"the header promises {count // 2} and gates, the file ends in gate {len(ends) // 2}",
                         len(file.data))
    value = np.zeros(count, np.int64)
    for k in range(int(length.max(initial=0))):
        here = length > k
        value[here] |= (buffer[begin[here] + k].astype(np.int64) & 0x7F) << 7 * k
    return value, ends + start
