"""The order in which steps are evaluated: each shortly before it is used, and what frees registers at once.

The base is depth first from the outputs. On top of that, whenever a step has been taken, every step that has become
possible and is the last reader of one of its operands is taken too: it makes one value and ends at least one. Which
operand comes first decides how many values wait meanwhile: in trees the deepest one (what the others wait for is then
short), elsewhere now and then the one that stands first. Both orders are made, and the one in which fewer wait is kept:
on the EPFL voter 60 rows of memory instead of 596.
"""

from __future__ import annotations

import numpy as np

from .netlist_program import Program, operands_of

_REGISTERS = 32


def ordered(program: Program) -> Program:
    """Reorder steps for few waiting values, and drop those that no output needs. A plain loop: 10 us a step."""
    return min((_ordered(program, deepest) for deepest in (True, False)), key=_waiting)


def _ordered(program: Program, deepest: bool) -> Program:
    order = _Order(program, deepest).run()
    first = 1 + program.inputs
    new = np.full(program.values, -1, np.int32)
    new[:first] = np.arange(first)
    new[first + np.array(order, np.int64)] = np.arange(first, first + len(order))
    outputs = new[program.outputs >> 1] << 1 | (program.outputs & 1)
    operand = np.maximum(new[program.operand[order]], 0)  # operands that a table ignores may be gone
    return Program(program.inputs, program.table[order], operand.reshape(-1, 3), outputs.astype(np.int32))


def _waiting(program: Program) -> int:
    """Count, over all steps, the values that wait for a later one beyond those that fit the registers."""
    first = 1 + program.inputs
    made, last = np.arange(program.steps), np.arange(program.steps)
    used = program.operand - first
    for column in used.T:
        inner = column >= 0
        np.maximum.at(last, column[inner], made[inner])
    change = np.bincount(made, minlength=program.steps + 1) - np.bincount(last, minlength=program.steps + 1)
    return int(np.maximum(np.cumsum(change) - _REGISTERS, 0).sum())


class _Order:
    """The steps taken so far, and what is left to wait for."""

    def __init__(self, program: Program, deepest: bool) -> None:
        self.first = first = 1 + program.inputs
        self.roots: list[int] = (program.outputs >> 1).tolist()
        self.operands = operands_of(program)
        self.taken = [True] * first + [False] * program.steps
        self.order: list[int] = []
        needed = self._needed()
        self.users: list[list[int]] = [[] for _ in range(program.values)]
        for step, names in enumerate(self.operands):
            if needed[first + step]:
                for value in names:
                    self.users[value].append(step)
        self.readers = [len(users) for users in self.users]  # steps still to be taken that read a value
        self.depth = self._depths() if deepest else None
        self.waits = [sum(value >= first for value in names) for names in self.operands]

    def _depths(self) -> list[int]:
        depth = [0] * len(self.taken)
        for value, names in enumerate(self.operands, self.first):
            depth[value] = 1 + max((depth[v] for v in names), default=0)
        return depth

    def _needed(self) -> list[bool]:
        needed = [False] * len(self.taken)
        for root in self.roots:
            needed[root] = True
        for step in range(len(self.operands) - 1, -1, -1):
            if needed[self.first + step]:
                for value in self.operands[step]:
                    needed[value] = True
        return needed

    def run(self) -> list[int]:
        for root in self.roots:
            stack = [root]
            while stack:
                value = stack[-1]
                missing = () if self.taken[value] else [
                    v for v in self.operands[value - self.first] if not self.taken[v]]
                if missing:
                    stack += reversed(missing) if self.depth is None else sorted(missing, key=self.depth.__getitem__)
                    continue
                stack.pop()
                if not self.taken[value]:
                    self._take(value - self.first)
        return self.order

    def _take(self, step: int) -> None:
        """Take a step, and then the steps that it leads to."""
        stack = [step]
        while stack:
            step = stack.pop()
            value = self.first + step
            if self.taken[value]:
                continue
            self.taken[value] = True
            self.order.append(step)
            for operand in self.operands[step]:
                self.readers[operand] -= 1
            for user in self.users[value]:
                self.waits[user] -= 1
            stack += self._ending(value, self.operands[step])

    def _ending(self, value: int, operands: tuple[int, ...]) -> list[int]:
        """List the steps that are possible now and end a value; those that end most come last, to be taken first."""
        found: dict[int, int] = {}
        for source in (value, *(v for v in operands if self.readers[v] == 1)):
            for user in self.users[source]:
                if not self.waits[user] and not self.taken[self.first + user]:
                    ended = sum(self.readers[v] == 1 for v in self.operands[user])
                    if ended:
                        found[user] = ended
        return sorted(found, key=found.__getitem__)
