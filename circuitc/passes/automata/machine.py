"""Finite machines as arrays, and the smallest one that answers the same (Hopcroft 1971)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Machine:
    """A Mealy machine: in state s, symbol a leads to `following[s, a]` and is answered by `answers[s, a]`.

    Both arrays are [states, symbols]. Answers are numbers of rows in `values`, one array [answers, *shape] of raw
    numbers for each output. It begins in `start`.
    """

    following: Int64
    answers: Int64
    values: tuple[NDArray[Any], ...]
    start: int = 0

    @property
    def states(self) -> int:
        return self.following.shape[0]

    @property
    def symbols(self) -> int:
        return self.following.shape[1]


def reachable(machine: Machine) -> Machine:
    """Give the machine of the states that the start leads to, numbered in the order in which they are first met."""
    order = [machine.start]
    number = {machine.start: 0}
    rows = machine.following.tolist()
    for state in order:
        for after in rows[state]:
            if after not in number:
                number[after] = len(order)
                order.append(after)
    new = np.array([number.get(s, -1) for s in range(machine.states)])
    return replace(machine, following=new[machine.following[order]], answers=machine.answers[order], start=0)


def minimize(machine: Machine) -> Machine:
    """Give the machine with the fewest states that answers every word alike, states in the order of first meeting.

    States that the start does not lead to are left out first; then no two states of the answer are equivalent.
    """
    machine = reachable(machine)
    block = equivalent_states(machine)
    first = np.unique(block, return_index=True)[1]
    merged = replace(machine, following=block[machine.following[first]], answers=machine.answers[first],
                     start=int(block[machine.start]))
    return reachable(merged)


def equivalent_states(machine: Machine) -> Int64:
    """Number the classes of states that no word tells apart, by Hopcroft's refinement: [states].

    Blocks are split by the states that a symbol leads into a smaller one. Of a block that is split while it does not
    wait itself, only the smaller half has to wait, hence symbols * n log n.
    """
    block = np.unique(machine.answers, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    members = {int(k): set(np.flatnonzero(block == k).tolist()) for k in np.unique(block)}
    before = [_preimages(machine.following[:, a]) for a in range(machine.symbols)]
    waiting = {(k, a) for k in members for a in range(machine.symbols)}
    order = sorted(waiting)
    while order:
        splitter = order.pop()
        if splitter not in waiting:
            continue
        waiting.discard(splitter)
        leads = [s for t in members[splitter[0]] for s in before[splitter[1]].get(t, ())]
        for old, part in _cut(block, leads, members):
            new = len(members)
            rest = members[old] - part
            small, large = (part, rest) if len(part) <= len(rest) else (rest, part)
            members[old], members[new] = large, small
            block[list(small)] = new
            # the smaller half waits under the new number: where the old one waits, both do
            fresh = [(new, a) for a in range(machine.symbols)]
            waiting.update(fresh)
            order += fresh
    return block


def _preimages(column: Int64) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for state, after in enumerate(column.tolist()):
        found.setdefault(after, []).append(state)
    return found


def _cut(block: Int64, leads: list[int], members: dict[int, set[int]]) -> Iterator[tuple[int, set[int]]]:
    """Give the blocks that hold some, but not all, of their states in `leads`, with these states."""
    parts: dict[int, set[int]] = {}
    for state in leads:
        parts.setdefault(int(block[state]), set()).add(state)
    for old in sorted(parts):
        if len(parts[old]) < len(members[old]):
            yield old, parts[old]
