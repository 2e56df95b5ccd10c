"""Match two funcs port by port: which bit of the one is which bit of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from circuitc.diagnostics import CircuitError, Diagnostic, error
from circuitc.ir import Func, Module, Netlist, Port, Register
from circuitc.simulation.read_verilog import UNDEFINED

Named = Port | Register


def bit_names(ports: Sequence[Named]) -> list[str]:
    """Name each flattened bit: `x` for a lone bit, else `x[3]`, counted in the flattened port."""
    return [p.name if p.type.bits == 1 else f"{p.name}[{k}]" for p in ports for k in range(p.type.bits)]


@dataclass(frozen=True, slots=True)
class Matching:
    """How the second func's bits sit in the first's: position k of `inputs` says which bit of the first is its bit k.

    `free` are the names of the second side's undefined bits, which have no partner (-1 in `inputs`); undefined bits of
    the first side alone are in no position. `notes` say what was matched other than by name.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    free: tuple[str, ...]
    notes: tuple[str, ...] = ()


def match(first: Func, second: Func) -> Matching:
    """Match ports by name, bit for bit, or by order where no name is shared and the numbers agree; refuse the rest."""
    free = tuple(n for p in second.inputs if p.name == UNDEFINED and _is_extra(first, p) for n in bit_names([p]))
    lone = {n for p in first.inputs if p.name == UNDEFINED and _is_extra(second, p) for n in bit_names([p])}
    both = all(any(p.name == UNDEFINED for p in f.inputs) for f in (first, second))
    notes = ["undefined bits taken to be the same on both sides"] if both else []
    wrong: list[Diagnostic] = []
    found: list[tuple[int, ...]] = []
    for what, mine, theirs in (("input", first.inputs, second.inputs), ("output", first.outputs, second.outputs)):
        ours, others = bit_names(mine), bit_names(theirs)
        places = list(range(len(ours)))
        if what == "input":
            places = [k for k in places if ours[k] not in lone]
            ours, others = [ours[k] for k in places], [n for n in others if n not in free]
        order = _partners(ours, others)
        if order is None and not set(ours) & set(others) and len(ours) == len(others):
            order = tuple(range(len(ours)))
            notes.append(f"{what}s matched by order")
        if order is None:
            wrong.append(_mismatch(what, mine, theirs, ours, others))
        else:
            found.append(tuple(places[k] for k in order))
    if wrong:
        raise CircuitError(wrong)
    bits = iter(found[0])
    inputs = tuple(-1 if n in free else next(bits) for n in bit_names(second.inputs))
    matching = Matching(inputs, found[1], free, (*notes, *_type_notes(first, second)))
    _refuse_other_rates(first, second, matching)
    return matching


def _refuse_other_rates(first: Func, second: Func, matching: Matching) -> None:
    """Refuse partners of which one has a value each step and the other one a call."""
    if first.schedule.kind == "once" or first.schedule.kind != second.schedule.kind:
        return
    for what, mine, theirs, order in (("input", first.inputs, second.inputs, matching.inputs),
                                      ("output", first.outputs, second.outputs, matching.outputs)):
        rates = [(p.name, p.rate) for p in mine for _ in range(p.type.bits)]
        others = [p.rate for p in theirs for _ in range(p.type.bits)]
        for place, rate in zip(order, others, strict=True):
            if place >= 0 and rates[place][1] != rate:
                name, own = rates[place]
                raise error(f"{what} {name} has a value each {own} in the first side and each {rate} in the second",
                            help="calls of the two cannot answer the same")


def _type_notes(first: Func, second: Func) -> list[str]:
    """Note where partners have the same bits but mean other numbers by them."""
    others = {p.name: p for p in (*second.inputs, *second.outputs)}
    odd = [p.name for p in (*first.inputs, *first.outputs) if (q := others.get(p.name)) is not None
           and not p.type.is_bit and not q.type.is_bit
           and ((p.type.scalar, p.encoding) != (q.type.scalar, q.encoding))]
    shown = ", ".join(odd[:3]) + (", ..." if len(odd) > 3 else "")
    return [f"bit for bit: types or encodings of {shown} differ"] if odd else []


def _is_extra(other: Func, port: Port) -> bool:
    return all(p.name != port.name for p in other.inputs)


def _partners(ours: list[str], others: list[str]) -> tuple[int, ...] | None:
    """Give for each of the others' names its place in ours; None where the two are not the same names."""
    place = {name: k for k, name in enumerate(ours)}
    order = [place.get(name, -1) for name in others]
    return tuple(order) if sorted(order) == list(range(len(ours))) else None


def _mismatch(what: str, mine: Sequence[Port], theirs: Sequence[Port], ours: list[str],
              others: list[str]) -> Diagnostic:
    """Say which ports have no partner, whole ports rather than bits where a whole port is missing."""
    names, other_names = {p.name: p for p in mine}, {p.name: p for p in theirs}
    for name in names.keys() & other_names.keys():
        a, b = names[name].type, other_names[name].type
        if a.bits != b.bits:
            return Diagnostic(f"{what} {name} has {a.bits} bits ({a}) in the first and {b.bits} ({b}) in the second")
    first_only = [n for n in names if n not in other_names and not _in_bits(n, others)]
    second_only = [n for n in other_names if n not in names and not _in_bits(n, ours)]
    parts = [f"{', '.join(lone[:5])}{', ...' if len(lone) > 5 else ''} only in the {side}"
             for lone, side in ((first_only, "first"), (second_only, "second")) if lone]
    fact = "; ".join(parts) or f"{len(ours)} bits in the first and {len(others)} in the second"
    return Diagnostic(f"the {what}s of the two sides differ: {fact}",
                      help="both sides need the same ports, by name and bits")


def _in_bits(name: str, bits: list[str]) -> bool:
    return any(b == name or b.startswith(f"{name}[") for b in bits)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: the program as it is, and its main func with a body of gates."""

    module: Module
    func: Func

    @property
    def netlist(self) -> Netlist:
        assert isinstance(self.func.body, Netlist)
        return self.func.body


def lower(module: Module) -> Side:
    """Give a side whose body is gates, lowered where it is not; raises CircuitError for what has no gates (floats)."""
    func = module.entry
    if not isinstance(func.body, Netlist):
        from circuitc.passes.lower_to_gates import lower_to_gates
        func = lower_to_gates(module, func)
    assert isinstance(func.body, Netlist), "lower-to-gates leaves gates"
    return Side(module, func)


Pairs = tuple[tuple[int, int], ...]


def match_registers(first: Side, second: Side) -> Pairs | None:
    """Pair the register bits that outputs depend on, by name, or by order where no name is shared; else None.

    Registers that no output depends on, now or later, have no part in what a func computes.
    """
    names = [bit_names(side.func.registers) for side in (first, second)]
    lives = [_live_registers(side) for side in (first, second)]
    if not set(names[0]) & set(names[1]):
        mine, theirs = ([k for k, live in enumerate(side) if live] for side in lives)
        return tuple(zip(mine, theirs, strict=True)) if len(mine) == len(theirs) else None
    place = {name: k for k, name in enumerate(names[1])}
    wanted = {n for k in (0, 1) for n, is_live in zip(names[k], lives[k], strict=True) if is_live}
    if not wanted <= set(names[0]) & set(names[1]):
        return None
    return tuple((k, place[name]) for k, name in enumerate(names[0]) if name in wanted)


def _live_registers(side: Side) -> list[bool]:
    """Mark the register bits that outputs depend on, through any number of steps."""
    netlist, func = side.netlist, side.func
    state = sum(r.type.bits for r in func.registers)
    inputs, outputs = netlist.inputs - state, sum(p.type.bits for p in func.outputs)
    literals, fanin, offset = netlist.outputs.tolist(), netlist.fanin.tolist(), netlist.offset.tolist()
    seen = [False] * netlist.nodes
    open_ = [x >> 1 for k, x in enumerate(literals) if not outputs <= k < outputs + state]
    while open_:
        node = open_.pop()
        if seen[node]:
            continue
        seen[node] = True
        open_ += [x >> 1 for x in fanin[offset[node]:offset[node + 1]]]
        if inputs < node <= netlist.inputs:
            open_.append(literals[outputs + node - 1 - inputs] >> 1)
    return seen[1 + inputs:1 + netlist.inputs]
