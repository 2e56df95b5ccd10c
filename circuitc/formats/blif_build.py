"""Make a netlist of the covers of a `.blif` file: a gate for a cover of up to 8 inputs, wider ones as sums of ANDs."""

from __future__ import annotations

from collections.abc import Sequence

from circuitc.diagnostics import Source, Span, nearest
from circuitc.ir import ONCE, STREAM, Func, Kind, Module, module_of
from circuitc.ir.netlist import MAX_LUT_INPUTS

from .blif_flatten import flatten
from .blif_parse import BlifFile, Gate, Latch, Model
from .gate_rows import GateRows, or_, tree
from .order import chain, topological_order
from .vector_ports import bit_registers, vector_ports

# Bit i of _VARIABLES[j] is bit j of i: the truth table of input j among eight.
_VARIABLES = tuple(sum(1 << i for i in range(1 << MAX_LUT_INPUTS) if i >> j & 1) for j in range(MAX_LUT_INPUTS))


def build_module(file: BlifFile, name: str) -> Module:
    """Make the module of a parsed file. A clock disappears where there are other inputs."""
    model = flatten(file)
    clock = _clock(file, model)
    inputs = [port for port in model.inputs if port != clock] or [*model.inputs]  # an input must set the pace
    sources = [*inputs, *(latch.name for latch in model.latches)]
    lines = _drivers(file, model)
    literals = {signal: node << 1 for node, signal in enumerate(sources, 1)}
    rows = GateRows(len(sources))
    for gate in _in_order(file, model.gates, sources):
        try:
            fanins = [literals[operand] for operand in gate.operands]
        except KeyError as missing:
            raise _undriven(file, missing.args[0], gate.line, f"used by {gate.name!r}", lines) from None
        literals[gate.name] = _cover(rows, gate, fanins)
    results: list[int] = []
    uses = [*((port, line, "an output") for port, line in model.outputs.items()),
            *((latch.operand, latch.line, f"used by {latch.name!r}") for latch in model.latches)]
    for signal, line, use in uses:
        if signal not in literals:
            raise _undriven(file, signal, line, use, lines)
        results.append(literals[signal])
    netlist = rows.finish(results, _names(literals, rows.first))
    span, rate = Span(Source(file.source.name)), "step" if model.latches else "call"
    states = [latch.name for latch in model.latches]
    return module_of(Func(
        name, vector_ports(inputs, rate, "input", span, states), vector_ports([*model.outputs], rate, "output", span),
        netlist, bit_registers(states, [latch.initial for latch in model.latches], span),
        STREAM if states else ONCE, span=span))


def _clock(file: BlifFile, model: Model) -> str:
    """Give the input that clocks all latches, or nothing where none is named; it must do nothing else."""
    clocks: dict[tuple[str, str], Latch] = {}
    for latch in model.latches:
        clocks.setdefault(latch.clock, latch)
    if len(clocks) > 1:
        (edge, signal), latch = next(iter(clocks.items()))
        others = " and ".join(f"{e or 'no edge'} of {s or 'no signal'}" for e, s in list(clocks)[1:3])
        raise file.fault(f"latch {latch.name!r} has the clock {edge or 'no edge'} of {signal or 'no signal'}, "
                         f"others have {others}", latch.line,
                         "circuitc steps all latches together: one clock, one edge")
    for (_, signal), latch in clocks.items():
        if not signal:
            continue
        if signal not in model.inputs:
            raise file.fault(f"the clock {signal!r} of latch {latch.name!r} is not an input", latch.line,
                             "gated and derived clocks are not taken: write enables as gates", signal)
        users = [g.line for g in model.gates if signal in g.operands]
        users += [k.line for k in model.latches if k.operand == signal]
        if users or signal in model.outputs:
            raise file.fault(f"the clock {signal!r} is also used as data", users[0] if users else model.outputs[signal],
                             "within a step a clock has no value", signal)
        return signal
    return ""


def _drivers(file: BlifFile, model: Model) -> dict[str, int]:
    """Give the line that drives each signal; two are refused."""
    lines = dict(model.inputs)
    for driver in (*model.latches, *model.gates):
        if driver.name in lines:
            raise file.fault(f"signal {driver.name!r} is driven twice, first in line {lines[driver.name]}", driver.line,
                             name=driver.name)
        lines[driver.name] = driver.line
    return lines


def _in_order(file: BlifFile, gates: Sequence[Gate], sources: Sequence[str]) -> Sequence[Gate]:
    """Give the gates so that each comes after its operands; they stay as they are where that is so."""
    known = set(sources)
    for gate in gates:
        if not known.issuperset(gate.operands):
            break
        known.add(gate.name)
    else:
        return gates
    place = {gate.name: k for k, gate in enumerate(gates)}
    order, cycle = topological_order([[place.get(name, -1) for name in gate.operands] for gate in gates])
    if cycle:
        names = [gates[k].name for k in cycle]
        raise file.fault(f"signal {names[0]!r} depends on itself: {chain(names)}", gates[cycle[0]].line,
                         "a loop needs a .latch in it", names[0])
    return [gates[k] for k in order]


def _undriven(file: BlifFile, name: str, line: int, use: str, lines: dict[str, int]) -> Exception:
    cure = nearest(name, lines) if len(lines) <= 1000 else ""
    return file.fault(f"signal {name!r} is {use} and nothing drives it", line, cure, name)


def _names(literals: dict[str, int], first: int) -> dict[int, str]:
    """Name gates by their signals, the first where there are several."""
    names: dict[int, str] = {}
    for name, literal in literals.items():
        if literal >= 2 * first and not literal & 1:
            names.setdefault(literal >> 1, name)
    return dict(sorted(names.items()))


def _cover(rows: GateRows, gate: Gate, fanins: list[int]) -> int:
    """Add a cover; nothing covered is the opposite of the value that its rows would give."""
    if len(fanins) > MAX_LUT_INPUTS:
        return _wide(rows, gate, fanins) ^ 1 ^ gate.value
    full = (1 << (1 << len(fanins))) - 1
    table = 0
    for cube in gate.cubes:
        covered = full
        for j, sign in enumerate(cube):
            if sign != "-":
                covered &= _VARIABLES[j] if sign == "1" else ~_VARIABLES[j]
        table |= covered
    return _table(rows, fanins, (table if gate.value else ~table) & full)


def _table(rows: GateRows, fanins: list[int], table: int) -> int:
    """Add a truth table in the plainest way: as a literal, an AND, an XOR, else as a look-up table."""
    full = (1 << (1 << len(fanins))) - 1
    if table in (0, full):
        return table & 1
    if len(fanins) == 1:
        return fanins[0] ^ (table == 0b01)
    if len(fanins) == 2:
        for j, fanin in enumerate(fanins):
            if table in (_VARIABLES[j] & full, ~_VARIABLES[j] & full):
                return fanin ^ (table & 1)
        if table in (0b0110, 0b1001):
            return rows.add(Kind.XOR, fanins) ^ (table & 1)
        inverted = int(table.bit_count() == 3)
        place = (table ^ (0b1111 * inverted)).bit_length() - 1
        return rows.add(Kind.AND, [f ^ 1 ^ (place >> j & 1) for j, f in enumerate(fanins)]) ^ inverted
    return rows.add(Kind.LUT, fanins, table)


def _wide(rows: GateRows, gate: Gate, fanins: list[int]) -> int:
    """Add a cover of many inputs as an OR of its cubes."""
    products: list[int] = []
    for cube in gate.cubes:
        factors = [f ^ (sign == "0") for f, sign in zip(fanins, cube, strict=True) if sign != "-"]
        if not factors:
            return 1
        products.append(tree(rows, Kind.AND, factors))
    return or_(rows, products) if products else 0
