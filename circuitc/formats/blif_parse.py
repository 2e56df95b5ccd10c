"""Read the lines of a `.blif` file: models with their ports, covers, latches and instances."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest

# What these say has no part in what a circuit computes.
_IGNORED = frozenset({".area", ".delay", ".wire_load_slope", ".wire", ".input_arrival", ".default_input_arrival",
                      ".output_required", ".default_output_required", ".input_drive", ".default_input_drive",
                      ".output_load", ".default_output_load", ".max_input_load", ".default_max_input_load",
                      ".attr", ".param", ".cname", ".clock", ".latch_order", ".code"})
_REFUSED: Mapping[str, str] = {
    ".exdc": "external don't-cares are not taken: they say what may be wrong",
    ".search": "other files are not read, put all models into one",
    ".gate": "library gates are not known, write them as .names (ABC: `unmap` or `strash` before writing)",
    ".mlatch": "library latches are not known, write them as .latch",
    ".blackbox": "a model without contents computes nothing that is known",
    ".start_kiss": "state tables are not taken, encode the states first",
    ".cycle": "clock events are not taken", ".clock_event": "clock events are not taken",
}
_TRIGGERS = {"re": "", "fe": "", "ah": "level-sensitive", "al": "level-sensitive", "as": "asynchronous"}
_ROW = re.compile(r"([01-]*)[ \t]*([01])")


class Gate(NamedTuple):
    """A cover: `name` is `value` where one of the cubes holds, else the opposite."""

    name: str
    operands: list[str]
    cubes: list[str]
    value: int
    line: int


class Latch(NamedTuple):
    """A latch: `name` holds what `operand` was a step before; the clock is an edge and a signal, or empty."""

    name: str
    operand: str
    clock: tuple[str, str]
    initial: int | None
    line: int


class Instance(NamedTuple):
    """A use of another model: which signal of ours is connected to which name of its."""

    model: str
    pins: dict[str, str]
    line: int


@dataclass(slots=True)
class Model:
    """What stands between `.model` and `.end`, in its order; ports with their lines."""

    name: str
    line: int
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)
    latches: list[Latch] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)


@dataclass(slots=True)
class BlifFile:
    """The models of a file by name; the first is the top."""

    source: Source
    models: dict[str, Model] = field(default_factory=dict)

    @property
    def top(self) -> Model:
        return next(iter(self.models.values()))

    def fault(self, message: str, line: int, help: str = "", name: str = "") -> CircuitError:
        """Make the error that says one thing about a line, at a name in it where there is one."""
        found = re.search(rf"(?<!\S){re.escape(name)}(?!\S)", self.source.line(line) or "") if name else None
        column, end = (found.start() + 1, found.end() + 1) if found else (0, 0)
        return error(message, Span(self.source, line, column, end), help)


def parse_lines(source: Source) -> BlifFile:
    """Read all lines; what signals mean is checked by who builds the netlist."""
    reader = _Reader(BlifFile(source))
    for number, text in _logical_lines(source):
        if text.startswith("."):
            reader.command(text.split(), number)
        else:
            reader.row(text, number)
    if not reader.file.models:
        raise error("the file has no line such as .model name, .inputs a b or .names a b z", Span(source))
    return reader.file


def _logical_lines(source: Source) -> Iterator[tuple[int, str]]:
    """Give the lines that say something, continued ones joined, with the number of the first."""
    assert source.text is not None
    parts: list[str] = []
    first = 0
    for number, line in enumerate(source.text.split("\n"), 1):
        text = line.partition("#")[0].rstrip()
        first = first if parts else number
        if text.endswith("\\"):
            parts.append(text[:-1])
            continue
        whole = " ".join([*parts, text]).strip() if parts else text.strip()
        parts = []
        if whole:
            yield first, whole
    if parts:
        raise error("the last line is continued, and there is none after it", Span(source, first))


class _Reader:
    """Goes through the lines: knows the model and the cover that it is in."""

    def __init__(self, file: BlifFile) -> None:
        self.file = file
        self.model: Model | None = None
        self.gate: Gate | None = None
        self.commands: Mapping[str, Callable[[Model, list[str], int], None]] = {
            ".inputs": self._inputs, ".outputs": self._outputs, ".names": self._names, ".latch": self._latch,
            ".subckt": self._instance, ".conn": self._connection}

    def command(self, words: list[str], line: int) -> None:
        """Take a line that begins with a point."""
        word, self.gate = words[0], None
        if word == ".model":
            self._begin(words, line)
        elif word == ".end":
            self.model = None
        elif word in _REFUSED:
            raise self.file.fault(f"{word} is not taken", line, _REFUSED[word], word)
        elif word not in _IGNORED:
            act = self.commands.get(word)
            if act is None:
                raise self.file.fault(f"{_shown(word)} is not a command of BLIF", line,
                                      nearest(word, (".model", ".end", *self.commands)), word)
            act(self.model or self._open("", line), words[1:], line)

    def row(self, text: str, line: int) -> None:
        """Take a row of a cover."""
        if self.gate is None:
            raise self.file.fault(f"{_shown(text)} is a row of a table, and there is no .names before it", line)
        gate, match = self.gate, _ROW.fullmatch(text)
        if match is None:
            cure = "don't-cares of an output are not taken" if text[-1:] in "-xX2~4" and len(text) > 1 else ""
            raise self.file.fault(f"{_shown(text)} is not a row such as 01- 1", line, cure)
        cube, value = match[1], int(match[2])
        if len(cube) != len(gate.operands):
            raise self.file.fault(f"the row has {len(cube)} inputs, {_shown(gate.name)} has {len(gate.operands)}", line)
        if gate.cubes and value != gate.value:
            raise self.file.fault(f"the cover of {_shown(gate.name)} has rows for 0 and for 1", line,
                                  "give only one of them, the other is what is left")
        if not gate.cubes:
            gate = self.gate = gate._replace(value=value)
            assert self.model is not None
            self.model.gates[-1] = gate
        gate.cubes.append(cube)

    def _open(self, name: str, line: int) -> Model:
        if name in self.file.models:
            what = f"model {_shown(name)}" if name else "a model without a name"
            raise self.file.fault(f"{what} comes twice, first in line {self.file.models[name].line}", line, name=name)
        self.model = self.file.models[name] = Model(name, line)
        return self.model

    def _begin(self, words: list[str], line: int) -> None:
        if self.model is not None:
            raise self.file.fault(f"model {_shown(self.model.name)} has no .end before the next model", line)
        if len(words) != 2:
            raise self.file.fault(f".model takes one name, got {len(words) - 1}", line)
        self._open(words[1], line)

    def _inputs(self, model: Model, names: list[str], line: int) -> None:
        self._ports(model.inputs, names, line, "input")

    def _outputs(self, model: Model, names: list[str], line: int) -> None:
        self._ports(model.outputs, names, line, "output")

    def _ports(self, ports: dict[str, int], names: list[str], line: int, what: str) -> None:
        for name in names:
            if name in ports:
                raise self.file.fault(f"{what} {_shown(name)} is declared twice, first in line {ports[name]}", line,
                                      name=name)
            ports[name] = line

    def _names(self, model: Model, names: list[str], line: int) -> None:
        if not names:
            raise self.file.fault(".names takes the signals of a table, its output last", line)
        self.gate = Gate(names[-1], names[:-1], [], 1, line)
        model.gates.append(self.gate)

    def _connection(self, model: Model, names: list[str], line: int) -> None:
        if len(names) != 2:
            raise self.file.fault(f".conn takes two signals, got {len(names)}", line)
        model.gates.append(Gate(names[1], names[:1], ["1"], 1, line))

    def _latch(self, model: Model, words: list[str], line: int) -> None:
        if not 2 <= len(words) <= 5:
            raise self.file.fault(f".latch takes input, output, type and control, and initial value, got {len(words)}",
                                  line)
        clock, initial = ("", ""), "3"
        if len(words) >= 4:
            fault = _TRIGGERS.get(words[2], "of no known type,")
            if fault:
                raise self.file.fault(f"latch {_shown(words[1])} is {fault} {_shown(words[2])}", line,
                                      "latches of the types re and fe are taken")
            clock = words[2], "" if words[3] == "NIL" else words[3]
        if len(words) in (3, 5):
            initial = words[-1]
        if initial not in ("0", "1", "2", "3"):
            raise self.file.fault(f"latch {_shown(words[1])} starts with {_shown(initial)}", line,
                                  "an initial value is 0, 1, 2 (any) or 3 (unknown)")
        model.latches.append(Latch(words[1], words[0], clock, int(initial) if initial in "01" else None, line))

    def _instance(self, model: Model, words: list[str], line: int) -> None:
        if not words:
            raise self.file.fault(".subckt takes the name of a model, then formal=actual", line)
        pins: dict[str, str] = {}
        for word in words[1:]:
            formal, equals, actual = word.partition("=")
            if not (formal and equals and actual):
                raise self.file.fault(f"{_shown(word)} is not formal=actual", line, name=word)
            if formal in pins:
                raise self.file.fault(f"{_shown(formal)} is connected twice", line, name=word)
            pins[formal] = actual
        model.instances.append(Instance(words[0], pins, line))


def _shown(text: str) -> str:
    """Quote what was found, shortened to a line's width."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
