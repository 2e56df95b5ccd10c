"""Programs of RM3 steps: Z <- majority(P, not Q, Z), the one write of a resistive cell between two driven lines.

The instruction and its use for majority graphs are from Gaillardon et al., "The programmable logic-in-memory (PLiM)
computer" (DATE 2016). No content of a cell is taken for granted: setting one to 0 or 1 is a step too.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from .majority import MajorityNet
from .order import orders
from .program import FALSE, TRUE, Program, Recorder


@dataclass(frozen=True, slots=True)
class Written:
    """A program, and the cells that it had taken at the worst moment: the row it would need at least."""

    program: Program
    smallest: int


class RowTooSmall(Exception):
    """A program needs more cells than the row has: `smallest`, of what was tried."""

    def __init__(self, smallest: int) -> None:
        super().__init__(smallest)
        self.smallest = smallest


def best_program(net: MajorityNet, row: int | None, *, reuse_inputs: bool) -> Written:
    """Write the program with fewest steps on a row, or (`row` None) the one for the smallest row.

    Raises RowTooSmall where no order that was tried fits.
    """
    found = list(orders(net.values))
    tried = [_Writer(net, order, None, reuse_inputs=reuse_inputs).write() for order in found]
    if row is None:
        best = min(range(len(tried)), key=lambda k: (tried[k].smallest, tried[k].program.steps))
        row = tried[best].smallest
    else:
        fitting = [k for k, t in enumerate(tried) if t.smallest <= row]
        if not fitting:
            raise RowTooSmall(min(t.smallest for t in tried))
        best = min(fitting, key=lambda k: (tried[k].program.steps, tried[k].smallest))
    return _Writer(net, found[best], row, reuse_inputs=reuse_inputs).write()


@dataclass(frozen=True, slots=True)
class _Choice:
    """How a gate is made: which literals are P, Q and Z, whether it comes out inverted, in how many steps."""

    p: int
    q: int
    z: int
    inverted: int
    steps: int


class _Writer:
    """Writes gates one after the other; a value lies in up to two cells, plain and inverted.

    Without a row there are as many cells as are wanted. The steps are the same with any row that is large enough, for
    which cell of the free ones is taken, the one written least, changes no choice.
    """

    def __init__(self, net: MajorityNet, order: Sequence[int], row: int | None, *, reuse_inputs: bool) -> None:
        self.net, self.order = net, order
        self.limit = row
        self.recorder = Recorder(row or 2 * (net.first + len(net.gates)) + len(net.outputs) + 4)
        self.cells = {k << 1: k - 1 for k in range(1, net.first)}    # of literals
        self.uses = net.values.uses
        self.taken = self.most = net.inputs
        self.free = [(0, c) for c in range(net.inputs, row or net.inputs)]
        self.fresh = net.inputs
        for k in range(1, net.first):
            if not reuse_inputs:
                self.uses[k] += 1
            elif not self.uses[k]:
                self._release(k)

    def write(self) -> Written:
        for node in self.order:
            self._gate(node)
        outputs = self._outputs()
        return Written(self.recorder.finish(range(self.net.inputs), outputs), self.most)

    def _gate(self, node: int) -> None:
        gate = self.net.gates[node - self.net.first]
        choice = min((self._choice(r, inverted) for inverted in (0, 1)
                      for r in permutations([f ^ inverted for f in gate])), key=lambda c: c.steps)
        p, q = self._operand(choice.p), self._operand(choice.q ^ 1)
        z = self._target(choice.z)
        self.recorder.rm3(z, p, q)
        self.cells[node << 1 | choice.inverted] = z
        for f in gate:
            if f > 1:
                self.uses[f >> 1] -= 1
                if not self.uses[f >> 1]:
                    self._release(f >> 1)

    def _choice(self, roles: Sequence[int], inverted: int) -> _Choice:
        """Count the steps of one assignment of literals to roles: a missing phase takes two, and so does a copy."""
        p, q, z = roles
        steps = 1 + sum(0 if f <= 1 or f in self.cells else 2 for f in (p, q ^ 1))
        if z <= 1:
            steps += 1
        elif not self._is_spent(z):
            steps += 2
        return _Choice(p, q, z, inverted, steps)

    def _is_spent(self, literal: int) -> bool:
        """Tell whether the cell of a literal may be overwritten: it is there, and the gate at hand is its last use."""
        return literal in self.cells and self.uses[literal >> 1] == 1

    def _operand(self, literal: int) -> int:
        """Give the cell that holds a literal (made by inverting where it is not there), or the constant."""
        if literal <= 1:
            return TRUE if literal else FALSE
        if literal not in self.cells:
            self.cells[literal] = self._inverse(self.cells[literal ^ 1])
        return self.cells[literal]

    def _target(self, literal: int) -> int:
        """Give a cell that holds a literal and may be overwritten."""
        if literal <= 1:
            return self._constant(literal)
        if self._is_spent(literal):
            return self.cells.pop(literal)
        if literal not in self.cells:
            return self._inverse(self.cells[literal ^ 1])
        cell = self._constant(0)
        self.recorder.rm3(cell, self.cells[literal], FALSE)
        return cell

    def _inverse(self, source: int) -> int:
        cell = self._constant(0)
        self.recorder.rm3(cell, TRUE, source)
        return cell

    def _constant(self, value: int) -> int:
        cell = self._take()
        self.recorder.rm3(cell, *((TRUE, FALSE) if value else (FALSE, TRUE)))
        return cell

    def _take(self) -> int:
        self.taken += 1
        self.most = max(self.most, self.taken)
        if self.free:
            return heapq.heappop(self.free)[1]
        assert self.limit is None, "a row that is chosen is large enough"
        self.fresh += 1
        return self.fresh - 1

    def _release(self, node: int) -> None:
        """Give the cells of a value back."""
        for literal in (node << 1, node << 1 | 1):
            cell = self.cells.pop(literal, None)
            if cell is not None:
                self.taken -= 1
                heapq.heappush(self.free, (self.recorder.writes[cell], cell))

    def _outputs(self) -> list[int]:
        """Give the cells of the outputs; phases and constants that are missing are made."""
        found: dict[int, int] = {}
        for o in self.net.outputs:
            if o not in found:
                found[o] = self._constant(o) if o <= 1 else self._operand(o)
        return [found[o] for o in self.net.outputs]
