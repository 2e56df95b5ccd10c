"""Read the lines of a `.bench` file: what is declared, and what each signal is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest

_NAME = r"[^\s()=,#]+"
# No two `\s*` stand side by side: a line of a million spaces must not take a trillion steps.
_PORT = re.compile(rf"(INPUT|OUTPUT)\s*\(\s*({_NAME})\s*\)", re.IGNORECASE)
_GATE = re.compile(rf"({_NAME})\s*=\s*(\w+)(?:\s+(0[xX][0-9A-Fa-f]+))?"
                   rf"(?:\s*\(\s*(?:({_NAME}(?:\s*,\s*{_NAME})*)\s*)?\))?")

CONSTANTS = {"VDD": 1, "GND": 0}
RESETS = {"DFF": None, "DFFRSE": None, "DFF0": 0, "DFF1": 1}  # ABC reads a plain DFF as starting anyhow
MAX_TABLE_INPUTS = 16

# Each operation with the fewest and the most operands it takes.
OPERATIONS: dict[str, tuple[int, int]] = {
    "AND": (1, 1 << 30), "NAND": (1, 1 << 30), "OR": (1, 1 << 30), "NOR": (1, 1 << 30),
    "XOR": (1, 1 << 30), "XNOR": (1, 1 << 30), "NOT": (1, 1), "INV": (1, 1), "BUF": (1, 1), "BUFF": (1, 1),
    "VDD": (0, 0), "GND": (0, 0), "LUT": (0, MAX_TABLE_INPUTS),
    "DFF": (1, 1), "DFF0": (1, 1), "DFF1": (1, 1), "DFFRSE": (1, 5),
}


class Definition(NamedTuple):
    """One line `name = OPERATION table (operands)`."""

    name: str
    operation: str
    operands: list[str]
    table: int
    line: int


@dataclass(slots=True)
class BenchFile:
    """What a file says, in its order: ports with their lines, and definitions, which have numbers from 0.

    Definitions are kept as columns of plain texts: an object for each would cost twice the time, most of it in the
    garbage collector.
    """

    source: Source
    inputs: dict[str, int] = field(default_factory=dict)       # name -> line
    outputs: dict[str, int] = field(default_factory=dict)      # name -> line
    definitions: dict[str, int] = field(default_factory=dict)  # name -> number
    gates: list[int] = field(default_factory=list)
    latches: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)          # as they stand in the file
    tables: dict[int, int] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)

    def __getitem__(self, number: int) -> Definition:
        """Give a definition by its number."""
        return Definition(self.names[number], self.operations[number], split(self.operands[number]),
                          self.tables.get(number, 0), self.lines[number])

    def fault(self, message: str, line: int, help: str = "", name: str = "") -> CircuitError:
        """Make the error that says one thing about a line, at a name in it where there is one."""
        whole = rf"(?<![^\s()=,#]){re.escape(name)}(?![^\s()=,#])"
        found = re.search(whole, self.source.line(line) or "") if name else None
        column, end = (found.start() + 1, found.end() + 1) if found else (0, 0)
        return error(message, Span(self.source, line, column, end), help)

    def driven(self, name: str) -> int:
        """Give the line that drives a signal, 0 for none."""
        return self.lines[self.definitions[name]] if name in self.definitions else self.inputs.get(name, 0)


def split(listed: str) -> list[str]:
    """Give the names in a list of operands."""
    return [part.strip() for part in listed.split(",")] if listed else []


def parse_lines(source: Source) -> BenchFile:
    """Read all lines; what signals mean is checked by who builds the netlist. About 3 us a line."""
    file = BenchFile(source)
    assert source.text is not None
    for number, line in enumerate(source.text.split("\n"), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        port = _PORT.fullmatch(text)
        if port:
            _add_port(file, port[1].upper(), port[2], number)
        else:
            _add_definition(file, text, number)
    if not (file.inputs or file.outputs or file.definitions):
        raise error("the file has no line such as INPUT(a), OUTPUT(z) or z = AND(a, b)", Span(source))
    return file


def _add_port(file: BenchFile, kind: str, name: str, line: int) -> None:
    ports = file.inputs if kind == "INPUT" else file.outputs
    if name in ports:
        raise file.fault(f"{kind.lower()} {name!r} is declared twice, first in line {ports[name]}", line, name=name)
    if kind == "INPUT" and name in file.definitions:
        raise _driven_twice(file, name, line)
    ports[name] = line


def _driven_twice(file: BenchFile, name: str, line: int) -> CircuitError:
    return file.fault(f"signal {name!r} is driven twice, first in line {file.driven(name)}", line, name=name)


def _add_definition(file: BenchFile, text: str, line: int) -> None:
    match = _GATE.fullmatch(text)
    if match is None:
        raise file.fault(f"{_shown(text)} is not a line of a bench file", line,
                         "lines are INPUT(a), OUTPUT(z), z = AND(a, b), z = LUT 0x8 (a, b), z = vdd or # comment")
    name, word, digits, listed = match.groups("")
    operation = word.upper()
    if digits and operation != "LUT":
        raise file.fault(f"{_shown(word)} has a truth table, only a LUT has one", line)
    if operation not in OPERATIONS:
        raise file.fault(f"{_shown(word)} is not an operation", line, nearest(operation, OPERATIONS))
    if name in file.definitions or name in file.inputs:
        raise _driven_twice(file, name, line)
    count = listed.count(",") + 1 if listed else 0
    fewest, most = OPERATIONS[operation]
    if not fewest <= count <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} or more" if most == 1 << 30 else f"{fewest} to {most}"
        raise file.fault(f"{operation} takes {wanted} operands, got {count}", line, name=name)
    number = file.definitions[name] = len(file.names)
    if operation == "LUT":
        file.tables[number] = _table(file, digits, count, line)
    file.names.append(name)
    file.operations.append(operation)
    file.operands.append(listed)
    file.lines.append(line)
    (file.latches if operation in RESETS else file.gates).append(number)


def _table(file: BenchFile, digits: str, operands: int, line: int) -> int:
    if not digits:
        raise file.fault("a LUT needs its truth table, such as 0x8", line)
    bits = 1 << operands
    if len(digits) > 2 + max(1, bits // 4) or int(digits, 16) >> bits:
        raise file.fault(f"a LUT of {operands} operands has a table of at most {bits} bits", line)
    return int(digits, 16)


def _shown(text: str) -> str:
    """Quote what was found, shortened to a line's width."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
