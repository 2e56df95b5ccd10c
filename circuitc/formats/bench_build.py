"""Make a netlist of the definitions of a `.bench` file: one gate a line where the line is a gate of two operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from circuitc.diagnostics import Source, Span, nearest
from circuitc.ir import ONCE, STREAM, Func, Kind, Module, module_of

from .bench_parse import CONSTANTS, RESETS, BenchFile, Definition, split
from .gate_rows import GateRows, lut, or_, tree
from .order import chain, topological_order
from .vector_ports import bit_registers, vector_ports


def build_module(file: BenchFile, name: str) -> Module:
    """Make the module of a parsed file. A DFF starts with any value (as ABC reads it), DFF0 and DFF1 say which."""
    latches = [file[k] for k in file.latches]
    literals, rows = _literals(file)
    following = [_operand(file, literals, d.operands[0], d) for d in latches]
    for d in latches:
        _refuse_controls(file, d)
    outputs = [_output(file, literals, name, line) for name, line in file.outputs.items()]
    netlist = rows.finish([*outputs, *following], _names(file, literals, rows.first))
    span, rate = Span(Source(file.source.name)), "step" if latches else "call"
    states = [d.name for d in latches]
    inputs = vector_ports([*file.inputs], rate, "input", span, states)
    return module_of(Func(name, inputs, vector_ports([*file.outputs], rate, "output", span), netlist,
                          bit_registers(states, [RESETS[d.operation] for d in latches], span),
                          STREAM if latches else ONCE, span=span))


def _literals(file: BenchFile) -> tuple[dict[str, int], GateRows]:
    """Give each signal its literal: inputs, latches, then gates after their operands. About 4 us a gate."""
    sources = [*file.inputs, *(file.names[k] for k in file.latches)]
    literals = {name: node << 1 for node, name in enumerate(sources, 1)}
    rows = GateRows(len(sources))
    for number in _in_order(file, sources):
        d = file[number]
        try:
            fanins = [literals[operand] for operand in d.operands]
        except KeyError:
            fanins = [_operand(file, literals, operand, d) for operand in d.operands]
        literals[d.name] = _OPERATIONS[d.operation](rows, fanins, d.table)
    return literals, rows


def _in_order(file: BenchFile, sources: Sequence[str]) -> list[int]:
    """Give the gates so that each comes after its operands; they stay as they are where that is so."""
    known = set(sources)
    for number in file.gates:
        if not known.issuperset(split(file.operands[number])):
            break
        known.add(file.names[number])
    else:
        return file.gates
    place = {file.names[number]: k for k, number in enumerate(file.gates)}
    order, cycle = topological_order([[place.get(name, -1) for name in split(file.operands[number])]
                                      for number in file.gates])
    if cycle:
        names = [file.names[file.gates[k]] for k in cycle]
        raise file.fault(f"signal {names[0]!r} depends on itself: {chain(names)}", file.driven(names[0]),
                         "a loop needs a DFF in it", names[0])
    return [file.gates[k] for k in order]


def _operand(file: BenchFile, literals: dict[str, int], name: str, user: Definition) -> int:
    literal = literals.get(name)
    if literal is None:
        literal = CONSTANTS.get(name.upper())
    if literal is None:
        raise _undriven(file, name, user.line, f"used by {user.name!r}")
    return literal


def _output(file: BenchFile, literals: dict[str, int], name: str, line: int) -> int:
    if name not in literals:
        raise _undriven(file, name, line, "an output")
    return literals[name]


def _undriven(file: BenchFile, name: str, line: int, use: str) -> Exception:
    signals = [*file.inputs, *file.definitions]
    return file.fault(f"signal {name!r} is {use} and nothing drives it", line,
                      nearest(name, signals) if len(signals) <= 1000 else "", name)


def _refuse_controls(file: BenchFile, latch: Definition) -> None:
    """ABC writes DFFRSE(d, gnd, gnd, gnd, gnd): reset, set and enable that do something are not taken."""
    for name in latch.operands[1:]:
        if name in file.inputs or name in file.definitions or name.upper() != "GND":
            raise file.fault(f"{latch.operation} {latch.name!r} has the control {name!r}, only gnd is taken",
                             latch.line, "write set and reset as gates before a DFF", name)


def _names(file: BenchFile, literals: dict[str, int], first: int) -> dict[int, str]:
    """Name gates by their signals; a gate that is only known inverted, as of NAND, gets `~name`."""
    names: dict[int, str] = {}
    gates = [(name, literal) for name, literal in literals.items() if literal >= 2 * first]
    for name, literal in gates:
        if not literal & 1:
            names.setdefault(literal >> 1, name)
    for name, literal in gates:
        if literal & 1 and literal >> 1 not in names and f"~{name}" not in file.definitions:
            names[literal >> 1] = f"~{name}"
    return dict(sorted(names.items()))


_OPERATIONS: dict[str, Callable[[GateRows, Sequence[int], int], int]] = {
    "AND": lambda rows, f, _: tree(rows, Kind.AND, f),
    "NAND": lambda rows, f, _: tree(rows, Kind.AND, f) ^ 1,
    "OR": lambda rows, f, _: or_(rows, f),
    "NOR": lambda rows, f, _: or_(rows, f) ^ 1,
    "XOR": lambda rows, f, _: tree(rows, Kind.XOR, f),
    "XNOR": lambda rows, f, _: tree(rows, Kind.XOR, f) ^ 1,
    "NOT": lambda rows, f, _: f[0] ^ 1,
    "INV": lambda rows, f, _: f[0] ^ 1,
    "BUF": lambda rows, f, _: f[0],
    "BUFF": lambda rows, f, _: f[0],
    "VDD": lambda rows, f, _: 1,
    "GND": lambda rows, f, _: 0,
    "LUT": lut,
}
