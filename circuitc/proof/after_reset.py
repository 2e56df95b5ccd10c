"""Machines as a reset leaves them: what each register holds after some steps in which inputs are given.

Files of gates seldom say how registers begin (MGVGA's never do), and designs with a reset do not care. So both sides
are run symbolically through the reset, from every state and for every value of the other inputs. A register whose bits
all come out constant begins with that value; others stay free, which allows more states than the reset leaves behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from circuitc.diagnostics import error, nearest
from circuitc.ir import Constant, Func, Module, Register, unflatten_bits

from .matching import Matching, Side, lower
from .network import Network
from .question import initial_bits

MAX_STEPS = 1000
MAX_NODES = 4_000_000  # that all steps of one side may build: some five seconds
GUESSED_STEPS = 16     # the longest reset that is tried where nobody says how long it takes
_RESET = re.compile(r"(?:i_)?[as]?(?P<early>n)?(?:rst|reset)(?P<late>_?[nbl])?_?i?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reset:
    """Inputs of the first side with the raw values that they have for `steps` steps; 0 steps: as many as it takes."""

    values: Mapping[str, int]
    steps: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.values.items())


def parse_reset(text: str) -> Reset:
    """Read `rst_n=0`, `rst=1:4` (four steps), `rst=1,enable=0:2`."""
    values, _, steps = text.partition(":")
    found: dict[str, int] = {}
    for part in values.split(","):
        match = re.fullmatch(r"\s*(\S+?)\s*=\s*(\d+|0x[0-9a-fA-F]+)\s*", part)
        if not match or (steps and not re.fullmatch(r"[1-9]\d{0,6}", steps)):
            raise error(f"{text!r} is not a reset", help="write it as rst_n=0, or with a number of steps as rst=1:4")
        found[match[1]] = int(match[2], 0)
    if steps and int(steps) > MAX_STEPS:
        raise error(f"a reset of {steps} steps is longer than the {MAX_STEPS} that are looked at")
    return Reset(found, int(steps or 0))


def likely_reset(func: Func) -> Reset | None:
    """Guess a reset by the name of an input of one bit: low where the name says `n`; None unless there is just one."""
    named = [(p.name, m) for p in func.inputs
             if p.type.bits == 1 and func.is_stepped(p) and (m := _RESET.fullmatch(p.name))]
    if len(named) != 1:
        return None
    name, match = named[0]
    is_low = bool(match["early"] or match["late"])
    return Reset({name: int(not is_low)})


@dataclass(frozen=True, slots=True)
class Restarted:
    """Two programs that begin where a reset leaves them; `open` counts their registers that it does not define."""

    first: Module
    second: Module
    steps: int
    open: int
    note: str


def restart(first: Module, second: Module, matching: Matching, reset: Reset) -> Restarted:
    """Run both sides through a reset. Raises CircuitError where an input is not there, or a side is no stream."""
    given = _given(first.entry, reset)
    sides = lower(first), lower(second)
    if not all(side.func.schedule.kind == "stream" for side in sides):
        raise error("a reset is for streams, and not both sides are such")
    rows = [given, {k: given[place] for k, place in enumerate(matching.inputs) if place in given}]
    states = [_State.begin(side) for side in sides]
    limit = reset.steps or GUESSED_STEPS
    steps, undefined = 0, sum(s.open for s in states)
    while steps < limit and (reset.steps or undefined):
        after = [s.step(row) for s, row in zip(states, rows, strict=True)]
        left = sum(s.open for s in after)
        if not reset.steps and steps and left >= undefined:
            break  # one step more defines nothing more
        states, undefined, steps = after, left, steps + 1
    note = f"after {steps} step{'s' * (steps != 1)} with {reset}" + (
        f", which leaves {undefined} registers undefined" if undefined else "")
    modules = [m.with_func(replace(m.entry, registers=s.registers()))
               for m, s in zip((first, second), states, strict=True)]
    return Restarted(modules[0], modules[1], steps, undefined, note)


def _given(func: Func, reset: Reset) -> dict[int, int]:
    """Give the values of the input bits that the reset fixes, by their number."""
    ports = {p.name: p for p in func.inputs}
    found: dict[int, int] = {}
    for name, value in reset.values.items():
        if name not in ports:
            raise error(f"there is no input {name!r} to reset by", help=nearest(name, ports))
        if not func.is_stepped(ports[name]) or value >> ports[name].type.bits:
            raise error(f"input {name} ({ports[name].type}) cannot be {value} for some steps only")
        start = 0
        for port in func.inputs:
            if port.name == name:
                found |= {start + k: value >> k & 1 for k in range(port.type.bits)}
            start += port.type.bits
    return found


@dataclass(frozen=True, slots=True)
class _State:
    """A side in the midst of a reset: one network for all steps, and literals of the register bits now."""

    side: Side
    network: Network
    bits: Sequence[int]
    held: Mapping[int, int]  # literals of the inputs that keep their value for a whole call

    @classmethod
    def begin(cls, side: Side) -> _State:
        network = Network()
        bits = [network.input() if v is None else v for v in initial_bits(side.func)]
        stepped = [side.func.is_stepped(p) for p in side.func.inputs for _ in range(p.type.bits)]
        return cls(side, network, bits, {k: network.input() for k, moves in enumerate(stepped) if not moves})

    def step(self, given: Mapping[int, int]) -> _State:
        """Make one step with these input bits given and all others free."""
        if self.network.nodes > MAX_NODES:
            raise error(f"a reset of so many steps of {self.side.netlist.gates} gates is too long to look at",
                        help="give fewer steps")
        count = self.side.netlist.inputs - len(self.bits)
        inputs = [given[k] if k in given else self.held[k] if k in self.held else self.network.input()
                  for k in range(count)]
        values = self.network.import_netlist(self.side.netlist, [*inputs, *self.bits])
        outputs = sum(p.type.bits for p in self.side.func.outputs)
        return replace(self, bits=values[outputs:outputs + len(self.bits)])

    @property
    def open(self) -> int:
        """Count the registers that are not defined."""
        return sum(r.initial is None for r in self.registers())

    def registers(self) -> tuple[Register, ...]:
        """Give the registers with what they hold now as their initial values."""
        found: list[Register] = []
        start = 0
        for register in self.side.func.registers:
            part = self.bits[start:start + register.type.bits]
            start += register.type.bits
            known = all(bit <= 1 for bit in part)
            raw = unflatten_bits([register.type], np.array([part], np.uint8))[0][0] if known else None
            found.append(replace(register, initial=None if raw is None else Constant(register.type, raw)))
        return tuple(found)
