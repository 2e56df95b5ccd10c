"""The sections of an AIGER file: the header's counts, and lines of literals cut into columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .aiger_scan import AigerFile, Int64, Lines

MAX_VARIABLES = (1 << 30) - 1     # literals are int32
MAX_FREE_INPUTS = 1 << 20         # binary inputs cost no byte: more of them than this need a file as large

_HEADER = re.compile(rb"(aig|aag)((?: [0-9]{1,25}){5,9})\r?\n")
_REFUSED = ("bad state properties", "invariant constraints", "justice properties", "fairness constraints")


@dataclass(frozen=True, slots=True)
class Header:
    """The counts of the first line, and where the next line starts."""

    variables: int
    inputs: int
    latches: int
    outputs: int
    ands: int
    end: int


@dataclass(frozen=True, slots=True)
class Body:
    """The sections of a file in the numbering of a netlist: inputs, then latches, then gates in topological order."""

    ands: Int64
    outputs: Int64
    following: Int64              # the next value of each latch
    resets: list[int | None]
    end: int


def read_header(file: AigerFile) -> Header:
    """Read `aig M I L O A [B C J F]` and refuse counts that the rest of the file cannot hold."""
    match = _HEADER.match(file.data)
    if match is None:
        raise file.fault("the first line is not a header such as `aig 5 2 0 1 3`", 0,
                         "aig or aag, then 5 to 9 counts: variables, inputs, latches, outputs, ands, ...")
    counts = [int(text) for text in match[2].split()]
    for count, what in zip(counts[5:], _REFUSED, strict=False):
        if count:
            raise file.fault(f"the file has {count} {what}, which circuitc does not take", 0,
                             "write them as ordinary outputs")
    variables, inputs, latches, outputs, ands = counts[:5]
    rest = len(file.data) - match.end()
    if variables > MAX_VARIABLES:
        raise file.fault(f"the header has {variables} variables, more than {MAX_VARIABLES}", 0)
    if variables < inputs + latches + ands or (file.binary and variables != inputs + latches + ands):
        raise file.fault(f"the header has {variables} variables for {inputs} inputs, {latches} latches and "
                         f"{ands} ands", 0)
    if 2 * (latches + outputs + ands + (0 if file.binary else inputs)) > rest or inputs > max(rest, MAX_FREE_INPUTS):
        raise file.fault(f"the header promises {inputs} inputs, {latches} latches, {outputs} outputs and {ands} ands, "
                         f"more than the {rest} bytes after it can hold", 0)
    return Header(variables, inputs, latches, outputs, ands, match.end())


def section(file: AigerFile, lines: Lines, first: int, count: int, arity: tuple[int, int], form: str) -> list[Int64]:
    """Give the numbers of some lines column by column; where the last one is left out it is -1."""
    begin, length = lines.first[first:first + count], np.diff(lines.first[first:first + count + 1])
    wrong = (length < arity[0]) | (length > arity[1])
    if wrong.any():
        raise file.fault(f"{form}, got {length[np.argmax(wrong)]} numbers", int(lines.start[first + np.argmax(wrong)]))
    if not count:
        return [np.zeros(0, np.int64)] * arity[1]
    padded = np.append(lines.value, 0)
    return [np.where(length > k, padded[np.minimum(begin + k, len(lines.value))], -1) for k in range(arity[1])]


def check_range(file: AigerFile, lines: Lines, header: Header) -> None:
    """Refuse literals of variables that the header does not have."""
    wrong = lines.value > 2 * header.variables + 1
    if wrong.any():
        k = int(np.argmax(wrong))
        raise file.fault(f"literal {lines.value[k]} is more than {2 * header.variables + 1}, the last of "
                         f"{header.variables} variables", int(lines.at[k]))


def read_resets(file: AigerFile, own: Int64, reset: Int64, starts: Int64) -> list[int | None]:
    """Read initial values of latches: 0 (or nothing), 1, or the latch itself for any value."""
    wrong = (reset > 1) & (reset != own)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise file.fault(f"latch {own[k]} has the reset {reset[k]}", int(starts[k]),
                         f"a reset is 0, 1, or {own[k]} for an unknown value")
    return [None if r > 1 else max(r, 0) for r in reset.tolist()]
