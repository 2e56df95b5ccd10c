"""Read the lines of a `.bench` file: what is declared, and what each signal is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest

_NAME = r"[^\s()=,#]+"
_PORT = re.compile(rf"\s*(INPUT|OUTPUT)\s*\(\s*({_NAME})\s*\)\s*", re.IGNORECASE)
_GATE = re.compile(rf"\s*({_NAME})\s*=\s*(\w+)(?:\s+(0[xX][0-9A-Fa-f]+))?\s*(?:\(([^()=#]*)\))?\s*")
_OPERAND = re.compile(_NAME)

CONSTANTS = {"VDD": 1, "GND": 0}
MAX_TABLE_INPUTS = 16

# Each operation with the fewest and the most operands it takes.
OPERATIONS: dict[str, tuple[int, int]] = {
    "AND": (1, 1 << 30), "NAND": (1, 1 << 30), "OR": (1, 1 << 30), "NOR": (1, 1 << 30),
    "XOR": (1, 1 << 30), "XNOR": (1, 1 << 30), "NOT": (1, 1), "INV": (1, 1), "BUF": (1, 1), "BUFF": (1, 1),
    "VDD": (0, 0), "GND": (0, 0), "LUT": (0, MAX_TABLE_INPUTS),
    "DFF": (1, 1), "DFF0": (1, 1), "DFF1": (1, 1), "DFFRSE": (1, 5),
}


@dataclass(frozen=True, slots=True)
class Definition:
    """One line `name = OPERATION table (operands)`."""

    name: str
    operation: str
    operands: tuple[str, ...]
    table: int
    line: int

    @property
    def is_latch(self) -> bool:
        return self.operation.startswith("DFF")


@dataclass(slots=True)
class BenchFile:
    """What a file says, in its order: ports with their lines, and definitions by name."""

    source: Source
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)

    def fault(self, message: str, line: int, help: str = "", name: str = "") -> CircuitError:
        """Make the error that says one thing about a line, at a name in it where there is one."""
        column = (self.source.line(line) or "").find(name) + 1 if name else 0
        return error(message, Span(self.source, line, column, column + len(name) if column else 0), help)

    def driven(self, name: str) -> int:
        """Give the line that drives a signal, 0 for none."""
        return self.definitions[name].line if name in self.definitions else self.inputs.get(name, 0)


def parse_lines(source: Source) -> BenchFile:
    """Read all lines; what signals mean is checked by who builds the netlist. About 2.5 us a line."""
    file = BenchFile(source)
    assert source.text is not None
    for number, line in enumerate(source.text.split("\n"), 1):
        text = line.partition("#")[0]
        if not text or text.isspace():
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
    name, operation = match[1], match[2].upper()
    if operation not in OPERATIONS:
        raise file.fault(f"{_shown(match[2])} is not an operation", line, nearest(operation, OPERATIONS))
    if file.driven(name):
        raise _driven_twice(file, name, line)
    operands = _operands(file, match[4] or "", line)
    fewest, most = OPERATIONS[operation]
    if not fewest <= len(operands) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} or more" if most == 1 << 30 else f"{fewest} to {most}"
        raise file.fault(f"{operation} takes {wanted} operands, got {len(operands)}", line, name=name)
    table = _table(file, operation, match[3], operands, line)
    file.definitions[name] = Definition(name, operation, operands, table, line)


def _operands(file: BenchFile, text: str, line: int) -> tuple[str, ...]:
    parts = [part.strip() for part in text.split(",")] if text and not text.isspace() else []
    for part in parts:
        if not _OPERAND.fullmatch(part):
            raise file.fault(f"{_shown(part)} is not the name of a signal", line, "operands are separated by commas")
    return tuple(parts)


def _table(file: BenchFile, operation: str, digits: str | None, operands: tuple[str, ...], line: int) -> int:
    if (operation == "LUT") != (digits is not None):
        raise file.fault("a LUT has a truth table such as 0x8, and only a LUT has one", line)
    if digits is None:
        return 0
    if len(digits) > 2 + max(1, (1 << len(operands)) // 4):
        raise file.fault(f"a LUT of {len(operands)} operands has a table of at most {1 << len(operands)} bits", line)
    table = int(digits, 16)
    if table >> (1 << len(operands)):
        raise file.fault(f"a LUT of {len(operands)} operands has a table of at most {1 << len(operands)} bits", line)
    return table


def _shown(text: str) -> str:
    """Quote what was found, shortened to a line's width."""
    text = text.strip()
    return repr(text if len(text) <= 40 else text[:37] + "...")
