"""Place a NOR network on a row: which cell each gate's value goes to, and when freed cells are initialised again.

A step is one NOR or NOT, or one initialisation of any number of cells at once. The first initialisation, before inputs
are written, is step 0 and not counted: the convention of SIMPLER MAGIC (Ben-Hur et al., IEEE TCAD 39, 2020).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from .nor import NorNet
from .order import Values, orders
from .program import Program, Recorder


@dataclass(frozen=True, slots=True)
class Count:
    """What an order costs on a row: steps, and the cells that it takes at least (its smallest row)."""

    order: tuple[int, ...]
    smallest: int
    steps: int | None     # None where the row is too small


def values_of(net: NorNet) -> Values:
    """See a network as values to keep."""
    return Values([()] * net.first + list(net.gates), net.first, net.outputs)


def best_order(net: NorNet, row: int | None, *, reuse_inputs: bool) -> Count:
    """Choose the order with fewest steps on a row, or (`row` None) the one that takes the smallest row."""
    values = values_of(net)
    counts = []
    for order in orders(values):
        smallest = smallest_row(net, order, reuse_inputs=reuse_inputs)
        counts.append(Count(tuple(order), smallest, steps_on(net, order, row or smallest, reuse_inputs=reuse_inputs)))
    if row is None:
        return min(counts, key=lambda c: (c.smallest, c.steps))
    fitting = [c for c in counts if c.steps is not None]
    if not fitting:
        return min(counts, key=lambda c: c.smallest)
    return min(fitting, key=lambda c: (c.steps, c.smallest))


def smallest_row(net: NorNet, order: Sequence[int], *, reuse_inputs: bool) -> int:
    """Give the cells that are taken at the worst moment of an order: a row of so many is enough, and no smaller one."""
    uses, taken = _at_start(net, reuse_inputs=reuse_inputs)
    most = max(taken, net.inputs)
    for node in order:
        taken += 1
        most = max(most, taken)
        taken -= _freed(net, node, uses, reuse_inputs=reuse_inputs)
    return most


def steps_on(net: NorNet, order: Sequence[int], row: int, *, reuse_inputs: bool) -> int | None:
    """Count the steps of an order on a row; cells are initialised again only when none is left, and then all."""
    uses, taken = _at_start(net, reuse_inputs=reuse_inputs)
    ready = row - max(taken, net.inputs + (uses[0] > 0))
    dead = row - taken - ready
    steps = 0
    if row < net.inputs or ready < 0:
        return None
    for node in order:
        if not ready:
            if not dead:
                return None
            ready, dead, steps = dead, 0, steps + 1
        ready -= 1
        steps += 1
        dead += _freed(net, node, uses, reuse_inputs=reuse_inputs)
    return steps


def _at_start(net: NorNet, *, reuse_inputs: bool) -> tuple[list[int], int]:
    """Give the uses of each node and the cells that are taken at the start; inputs that may not be reused stay."""
    uses = values_of(net).uses
    if not reuse_inputs:
        for node in range(1, net.first):
            uses[node] += 1
    return uses, sum(uses[node] > 0 for node in range(net.first))


def _freed(net: NorNet, node: int, uses: list[int], *, reuse_inputs: bool) -> int:
    """Take a gate's reads off the uses, and give the number of cells that nothing needs any more."""
    freed = 0
    for f in net.gates[node - net.first]:
        uses[f] -= 1
        freed += not uses[f]
    return freed


def magic_program(net: NorNet, order: Sequence[int], row: int, *, reuse_inputs: bool) -> Program:
    """Write the steps of an order that fits the row. Of the cells that are ready, the one written least is taken."""
    uses, _ = _at_start(net, reuse_inputs=reuse_inputs)
    cell = list(range(-1, net.inputs)) + [-1] * len(net.gates)    # of each node; inputs lie at the front of the row
    recorder = Recorder(row)
    ready = list(range(net.inputs, row))
    dead = [cell[node] for node in range(1, net.first) if not uses[node]]
    recorder.initialize(ready, counted=False)
    heap = [(1, c) for c in ready]
    if uses[0]:
        cell[0] = heapq.heappop(heap)[1]
    for node in order:
        if not heap:
            recorder.initialize(dead)
            heap = [(recorder.writes[c], c) for c in dead]
            heapq.heapify(heap)
            dead = []
        cell[node] = heapq.heappop(heap)[1]
        fanins = net.gates[node - net.first]
        recorder.nor(cell[node], [cell[f] for f in fanins])
        for f in fanins:
            uses[f] -= 1
            if not uses[f]:
                dead.append(cell[f])
    return recorder.finish(list(range(net.inputs)), [cell[o] for o in net.outputs])
