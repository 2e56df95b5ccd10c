"""Find signals that have more than one driver in a design that Yosys has read, which Yosys itself joins silently."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from circuitc.diagnostics import Span, error

from .verilog_files import Gathered

# What drives among the ports of Yosys's own cells; `DATA` does for those that read memories.
_OUTPUTS = frozenset({"\\Y", "\\Q", "\\X", "\\CO", "\\RD_DATA"})
_READERS = ("$memrd", "$memrd_v2")
_PART = re.compile(r"(?<!\S)(\\\S+)(?: \[(\d+)(?::(\d+))?\])?")
_END = b"\nend\n"
_SOURCE = re.compile(r'  attribute \\src "([^":|]*):(\d+)\.')


class _Wire(NamedTuple):
    """A declared signal: its bits, which of them the port drives, the number of its lowest bit, and its place."""

    width: int
    is_input: bool
    is_output: bool
    offset: int
    upto: bool
    file: str
    line: int

    def bit(self, name: str, index: int) -> str:
        """Name a bit as the source does."""
        number = self.offset + (self.width - 1 - index if self.upto else index)
        return f"{name[1:]}[{number}]" if self.width > 1 or self.offset else name[1:]


@dataclass(slots=True)
class _Module:
    """A module as Yosys printed it: its signals, the targets of assignments, and ports of cells by type."""

    name: str
    wires: dict[str, _Wire] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)
    ports: list[tuple[str, str, str]] = field(default_factory=list)   # the cell's type, its port, what is connected

    @property
    def shown(self) -> str:
        return self.name.removeprefix("$paramod").split("\\")[1]


def refuse_conflicts(printed: Path, gathered: Gathered) -> None:
    """Refuse a design, printed by `write_rtlil` after `proc`, in which a bit of a named signal has two drivers.

    Drivers are assignments, outputs of cells and of instances, and for an input the outside. A design that Yosys did
    not print to the end is left to its own complaint.
    """
    if not _is_whole(printed):
        return
    with printed.open() as lines:
        modules = {module.name: module for module in _modules(lines)}
    for module in modules.values():
        driven = {name: (1 << wire.width) - 1 for name, wire in module.wires.items() if wire.is_input}
        for target in _driven_by(module, modules):
            for name, high, low in _PART.findall(target):
                wire = module.wires[name]
                first = int(low or high or 0)
                last = int(high) if high else wire.width - 1
                mask = (2 << last) - (1 << first)
                if twice := driven.get(name, 0) & mask:
                    bit = wire.bit(name, (twice & -twice).bit_length() - 1)
                    raise _conflict(bit, wire, module, gathered)
                driven[name] = driven.get(name, 0) | mask


def _conflict(bit: str, wire: _Wire, module: _Module, gathered: Gathered) -> Exception:
    source = gathered.source_of(wire.file)
    span = Span(source, wire.line) if wire.line else Span(source)
    fact = (f"input {bit} of {module.shown} is also driven inside" if wire.is_input
            else f"{bit} of {module.shown} has more than one driver")
    return error(fact, span, "drive each bit from one assignment, always block or instance")


def _driven_by(module: _Module, modules: dict[str, _Module]) -> Iterator[str]:
    """Give what is driven in a module, as Yosys prints signals."""
    yield from module.targets
    for kind, port, signal in module.ports:
        inner = modules.get(kind)
        if inner is not None:
            wire = inner.wires.get(port)
            drives = wire is not None and wire.is_output and not wire.is_input
        else:
            drives = port in _OUTPUTS or (port == "\\DATA" and kind in _READERS)
        if drives:
            yield signal


def _is_whole(printed: Path) -> bool:
    """Tell whether Yosys has written the file to its end."""
    if not printed.is_file() or printed.stat().st_size < len(_END):
        return False
    with printed.open("rb") as file:
        file.seek(-len(_END), os.SEEK_END)
        return file.read() == _END


def _modules(lines: Iterable[str]) -> Iterator[_Module]:
    """Read the parts of RTLIL that say what drives what; only named signals (`\\name`) are of interest."""
    module, kind, place = _Module(""), "", ("", 0)
    for line in lines:
        if line.startswith("    connect "):
            port, _, signal = line[12:].partition(" ")
            if "\\" in signal:
                module.ports.append((kind, port, signal))
        elif line.startswith("  connect "):
            target = _target(line[10:].rstrip())
            if "\\" in target:
                module.targets.append(target)
        elif line.startswith("  wire "):
            *words, name = line.split()[1:]
            if name.startswith("\\"):
                module.wires[name] = _wire(words, place)
            place = ("", 0)
        elif line.startswith("  cell "):
            kind = line.split()[1]
        elif line.startswith("  attribute \\src "):
            found = _SOURCE.match(line)
            place = (found[1], int(found[2])) if found else ("", 0)
        elif line.startswith("module "):
            module = _Module(line.split()[1])
        elif line == "end\n":
            yield module


def _target(connection: str) -> str:
    """Cut the left side off a connection: one signal with its bits, or a list in braces."""
    if connection.startswith("{"):
        return connection[:connection.index(" }")]
    name, _, rest = connection.partition(" ")
    return f"{name} {rest[:rest.index(']') + 1]}" if rest.startswith("[") else name


def _wire(words: list[str], place: tuple[str, int]) -> _Wire:
    options = dict(pairwise(words))
    is_input = "input" in words
    return _Wire(int(options.get("width", 1)), is_input, "output" in words, int(options.get("offset", 0)),
                 "upto" in words, *place)
