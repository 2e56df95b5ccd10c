"""Place a NOR network on a row: which cell each gate's value goes to, and when freed cells are initialised again.

A step is one NOR or NOT, or one initialisation of any number of cells at once. The first initialisation, before inputs
are written, is step 0 and not counted: the convention of SIMPLER MAGIC (Ben-Hur et al., IEEE TCAD 39, 2020).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .nor import NorNet
from .order import Values, orders, searched
from .program import Program, Recorder


@dataclass(frozen=True, slots=True)
class Plan:
    """An order of a network's gates, the cells that it takes at least (its smallest row), and its steps on a row."""

    order: Sequence[int]
    smallest: int
    steps: int | None     # None where the row is too small


@dataclass(frozen=True)
class Job:
    """A network to be placed, and whether cells of inputs may be used again once nothing reads them."""

    net: NorNet
    reuse_inputs: bool = False

    @cached_property
    def values(self) -> Values:
        return Values([()] * self.net.first + list(self.net.gates), self.net.first, self.net.outputs)

    @cached_property
    def uses(self) -> list[int]:
        """How often each node is needed: reads, and one more where it has to stay."""
        uses = self.values.uses
        if not self.reuse_inputs:
            for node in range(1, self.net.first):
                uses[node] += 1
        return uses

    @cached_property
    def taken(self) -> int:
        """The cells that hold something needed when the program starts."""
        return sum(self.uses[node] > 0 for node in range(self.net.first))

    def best(self, row: int | None, work: int = 0) -> Plan:
        """Choose the order with fewest steps on a row, or (`row` None) the one that takes the smallest row.

        `work` bounds the gates that a search visits, after the orders that are always tried.
        """
        def cost(plan: Plan) -> tuple[float, float]:
            steps = math.inf if plan.steps is None else plan.steps
            return (steps, plan.smallest) if row else (plan.smallest, steps)

        plans = [self.plan(order, row) for order in orders(self.values)]
        if work and min(plans, key=cost).steps != len(self.net.gates):
            plans.append(self.plan(searched(self.values, lambda order: cost(self.plan(order, row)), work), row))
        return min(plans, key=cost)

    def plan(self, order: Sequence[int], row: int | None) -> Plan:
        """Work out what an order costs, on its smallest row where none is given."""
        smallest = self._smallest(order)
        return Plan(order, smallest, self._steps(order, row or smallest) if smallest <= (row or smallest) else None)

    def _smallest(self, order: Sequence[int]) -> int:
        """Give the cells that are taken at the worst moment: a row of so many is enough, and no smaller one.

        All inputs are written before the first step, those that nothing reads too.
        """
        uses, taken = self.uses.copy(), self.taken
        most = self.net.inputs + (uses[0] > 0)
        for node in order:
            taken += 1
            most = max(most, taken)
            taken -= self._freed(node, uses)
        return most

    def _steps(self, order: Sequence[int], row: int) -> int:
        """Count the steps on a row that is large enough: when no cell is ready, all that are free are initialised."""
        uses = self.uses.copy()
        ready = row - self.net.inputs - (uses[0] > 0)
        dead = row - self.taken - ready
        steps = len(order)
        for node in order:
            if not ready:
                ready, dead, steps = dead, 0, steps + 1
            ready -= 1
            dead += self._freed(node, uses)
        return steps

    def _freed(self, node: int, uses: list[int]) -> int:
        """Take a gate's reads off the uses, and give the number of cells that nothing needs any more."""
        freed = 0
        for f in self.net.gates[node - self.net.first]:
            uses[f] -= 1
            freed += not uses[f]
        return freed

    def program(self, order: Sequence[int], row: int) -> Program:
        """Write the steps of an order that fits the row. Of the cells that are ready, the one written least is taken.
        """
        net, uses = self.net, self.uses.copy()
        cell = list(range(-1, net.inputs)) + [-1] * len(net.gates)    # of each node; inputs lie at the row's front
        recorder = Recorder(row)
        fresh = list(range(net.inputs, row))
        dead = [cell[node] for node in range(1, net.first) if not uses[node]]
        recorder.initialize(fresh, counted=False)
        ready = [(0, c) for c in fresh]
        if uses[0]:
            cell[0] = heapq.heappop(ready)[1]
        for node in order:
            if not ready:
                recorder.initialize(dead)
                ready = [(recorder.writes[c], c) for c in dead]
                heapq.heapify(ready)
                dead = []
            cell[node] = heapq.heappop(ready)[1]
            fanins = net.gates[node - net.first]
            recorder.nor(cell[node], [cell[f] for f in fanins])
            for f in fanins:
                uses[f] -= 1
                if not uses[f]:
                    dead.append(cell[f])
        return recorder.finish(list(range(net.inputs)), [cell[o] for o in net.outputs])
