"""The order in which steps are evaluated: each shortly before it is used, and what frees registers at once.

The base is depth first from the outputs. On top of that, whenever a step has been taken, every step that has become
possible and is the last reader of one of its operands is taken too: it makes one value and ends at least one. On the
EPFL voter this halves the values that have to wait in memory (1,000 to 420), and the code runs 1.4 times as fast.
"""

from __future__ import annotations

import numpy as np

from .netlist_program import Program, operands_of


def ordered(program: Program) -> Program:
    """Reorder steps for few waiting values, and drop those that no output needs. A plain loop: 5 us a step."""
    order = _Order(program).run()
    first = 1 + program.inputs
    new = np.full(program.values, -1, np.int32)
    new[:first] = np.arange(first)
    new[first + np.array(order, np.int64)] = np.arange(first, first + len(order))
    outputs = new[program.outputs >> 1] << 1 | (program.outputs & 1)
    operand = np.maximum(new[program.operand[order]], 0)  # operands that a table ignores may be gone
    return Program(program.inputs, program.table[order], operand.reshape(-1, 3), outputs.astype(np.int32))


class _Order:
    """The steps taken so far, and what is left to wait for."""

    def __init__(self, program: Program) -> None:
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
        self.waits = [sum(value >= first for value in names) for names in self.operands]

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
                    stack.extend(reversed(missing))
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
