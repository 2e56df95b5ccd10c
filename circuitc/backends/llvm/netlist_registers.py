"""Registers for straight-line code: which value is where, decided here and not by LLVM, whose allocators see less.

All uses are known, so the value that gives way is the one needed last (Belady 1966). A value goes to memory at most
once: inputs lie there already. Operands that are not needed soon are read by the instruction itself.

Instructions are plain tuples, since there may be a hundred thousand:

    ("load", register, place)  ("store", register, place)  ("copy", register, register)
    ("op", table, target, b, c)    table bit a << 2 | b << 1 | c is the result

`a` is the target's old content (what AVX-512's ternary logic reads and overwrites), `b` a register, and `c` a register
or, as ~place, memory. Where a table ignores `a` or `b`, any register may stand there. Places 1..inputs are the
inputs, then come the outputs, then rows of working memory for values that wait; place 0 is unused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from .netlist_program import Program, operands_of

Instruction = tuple[Literal["load", "store", "copy"], int, int] | tuple[Literal["op"], int, int, int, int]
NEVER = 1 << 60
SOON = 64           # an operand needed again within so many steps is worth a register
NOT = 0x55          # of c
ANDNOTS = (0x0C, 0x30)  # not x and y; x and not y


@dataclass(frozen=True, slots=True)
class Machine:
    """What the instructions can do: registers, and whether any table of three operands is one instruction.

    Where it is not, tables are AND, OR, XOR, NOT and `not b and c` of at most two operands.
    """

    registers: int
    ternary: bool


@dataclass(frozen=True, slots=True)
class Code:
    """Instructions in chunks, each of which finds all it reads in memory, and the rows of working memory they use."""

    chunks: tuple[list[Instruction], ...]
    rows: int


def allocate(program: Program, machine: Machine, chunk: int) -> Code:
    """Give the instructions of a program, `chunk` steps a function. A plain loop: 12 us a step."""
    allocator = _Allocator(program, machine)
    starts = range(0, max(program.steps, 1), chunk)
    chunks = tuple(allocator.chunk(start, min(start + chunk, program.steps)) for start in starts)
    return Code(chunks, allocator.places - allocator.waiting)


@lru_cache(maxsize=1 << 14)
def arranged(table: int, places: tuple[int, int, int]) -> int:
    """Rewrite a table for other operands: old operand j is now a, b or c (0, 1, 2) as `places[j]` says; -1 is idle."""
    result = 0
    for row in range(8):
        old = sum((row >> (2 - place) & 1) << (2 - j) for j, place in enumerate(places) if place >= 0)
        result |= (table >> old & 1) << row
    return result


class _Allocator:
    """Where each value is while instructions are written one step after the other."""

    def __init__(self, program: Program, machine: Machine) -> None:
        self.program, self.machine = program, machine
        self.first = first = 1 + program.inputs
        self.tables, self.names = program.table.tolist(), program.operand.tolist()
        self.operands = operands_of(program)
        self.following, self.next = _uses(program.values, first, self.operands)
        self.outputs: dict[int, list[tuple[int, int]]] = {}
        for k, literal in enumerate(program.outputs.tolist()):
            self.outputs.setdefault(literal >> 1, []).append((first + k, literal & 1))
        self.place = {value: value for value in range(1, first)}
        self.waiting = self.places = first + len(program.outputs)
        self.free_places: list[int] = []
        self.code: list[Instruction] = []
        self._empty()

    def _empty(self) -> None:
        self.register: dict[int, int] = {}
        self.free = list(range(self.machine.registers - 1, -1, -1))

    def chunk(self, start: int, stop: int) -> list[Instruction]:
        """Write some steps; at the end, what is still needed lies in memory."""
        self.code = []
        for step in range(start, stop):
            self._step(step)
        if stop == self.program.steps:
            for value in range(self.first):
                self._give(value)
        else:
            for value in self.register:
                self._save(value)
        self._empty()
        return self.code

    def _step(self, step: int) -> None:
        operands, following = self.operands[step], self.following[step]
        for value, use in zip(operands, following, strict=True):
            self.next[value] = use
        folded = self._folded(step, operands)
        for value in operands:
            if value not in self.register and value != folded:
                self._load(value, operands)
        dead = [v for v, use in zip(operands, following, strict=True) if use == NEVER]
        result = self.first + step
        target = self._compute(step, self._arranged(step, folded, dead), dead)
        for value in dead:
            self._forget(value)
        self.register[result] = target
        self._give(result)
        if self.next[result] == NEVER:
            self._forget(result)

    def _folded(self, step: int, operands: tuple[int, ...]) -> int:
        """Choose the operand that the instruction reads from memory; -1 for none."""
        absent = [v for v in operands if v not in self.register]
        if not self.machine.ternary and len(operands) == 2:  # the inverted operand has to be in a register
            x, y, _ = self.names[step]
            inverted = dict(zip(ANDNOTS, (x, y), strict=True)).get(self.tables[step])
            absent = [v for v in absent if v != inverted]
        last = max(absent, key=self.next.__getitem__, default=-1)
        return last if last >= 0 and self.next[last] > step + SOON else -1

    def _arranged(self, step: int, folded: int, dead: list[int]) -> list[int]:
        """Order the operands as a, b, c: a dying register first, what is in memory last."""
        table, (x, y, _) = self.tables[step], self.names[step]
        if not self.machine.ternary and table in ANDNOTS:
            return [y, x] if table == ANDNOTS[1] else [x, y]
        return sorted(self.operands[step], key=lambda v: (v == folded, v not in dead))

    def _compute(self, step: int, order: list[int], dead: list[int]) -> int:
        """Write the instruction, and give the register that holds its result."""
        place = {value: 3 - len(order) + k for k, value in enumerate(order)}
        x, y, z = (place.get(name, -1) for name in self.names[step])
        table = arranged(self.tables[step], (x, y, z))
        sources = [self.register[v] if v in self.register else ~self.place[v] for v in order]
        if len(order) == 3 and order[0] in dead:
            target = self.register.pop(order[0])
        else:
            for value in dead if len(order) < 3 else ():
                self._release(value)
            target = self._take(order)
            if len(order) == 3:
                self.code.append(("copy", target, sources[0]))
        b, c = [target, target, *sources][-2:]
        self.code.append(("op", table, target, b, c))
        return target

    def _take(self, keep: tuple[int, ...] | list[int]) -> int:
        """Free a register, if none is free that of the value needed last; values to keep stay."""
        if self.free:
            return self.free.pop()
        worst = max((v for v in self.register if v not in keep), key=self.next.__getitem__)
        self._save(worst)
        self._release(worst)
        return self.free.pop()

    def _load(self, value: int, keep: tuple[int, ...]) -> None:
        register = self._take(keep)
        self.code.append(("load", register, self.place[value]))
        self.register[value] = register

    def _save(self, value: int) -> None:
        """Put a value in memory, if it is not there."""
        if value not in self.place:
            if not self.free_places:
                self.free_places.append(self.places)
                self.places += 1
            self.place[value] = self.free_places.pop()
            self.code.append(("store", self.register[value], self.place[value]))

    def _release(self, value: int) -> None:
        """Give up a value's register."""
        register = self.register.pop(value, -1)
        if register >= 0:
            self.free.append(register)

    def _forget(self, value: int) -> None:
        """Give up a value that nothing reads any more; inputs stay where they are."""
        self._release(value)
        if self.place.get(value, -1) >= self.waiting:
            self.free_places.append(self.place.pop(value))

    def _give(self, value: int) -> None:
        """Store a value as the outputs that it is."""
        for place, inverted in self.outputs.get(value, ()):
            if value and value not in self.register:
                self._load(value, ())
            register = self.register.get(value, -1)
            if value and not inverted:
                self.code.append(("store", register, place))
                continue
            target = self._take((value,))
            table, source = (NOT, register) if value else (0xFF * inverted, target)
            self.code.append(("op", table, target, target, source))
            self.code.append(("store", target, place))
            self.free.append(target)


def _uses(values: int, first: int, operands: list[tuple[int, ...]]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Give for each step when its operands are used next, and for each value when it is used first."""
    upcoming = [NEVER] * values
    following: list[tuple[int, ...]] = [()] * len(operands)
    for step in range(len(operands) - 1, -1, -1):
        names = operands[step]
        following[step] = tuple(upcoming[v] for v in names)
        for v in names:
            upcoming[v] = step
    return following, upcoming
