"""Cellular automata as networks of threshold neurons, one or two layers a cell.

A cell's next value depends on one whole number v, a weighted sum of the cells that it sees. Where v rises through its
values the answer turns over a few times: the first layer says for each turn whether v is past it, the second adds these
up with alternating signs. Life (B3/S23) with v = 2 n + centre lives where 5 <= v <= 7: two turns, three neurons a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from math import prod

from circuitc.diagnostics import error
from circuitc.ir import BIT

from ..btf import Neuron, Terminal, ThresholdNetwork
from .rule import NEIGHBOURS, Rule

MAX_CELLS = 1 << 12  # each neuron is an object, and each cell has a few


@dataclass(frozen=True, slots=True)
class Turns:
    """A rule over one number: `weights` of the cells seen, the answer at the lowest v, and where it turns over.

    Each turn lies between two neighbouring values (below, above) of v that some pattern attains.
    """

    weights: tuple[int, ...]
    first: int
    turns: tuple[tuple[int, int], ...]


@cache
def find_turns(rule: Rule) -> Turns:
    """Find weights with which a rule turns over least often, then the smallest such weights.

    Weights are those of (left, centre, right), or of (centre, each neighbour).
    """
    found = [t for weights in _candidates(rule) if (t := _turns(weights, rule)) is not None]
    return min(found, key=lambda t: (len(t.turns), sum(map(abs, t.weights)), t.weights))


def _candidates(rule: Rule) -> Iterator[tuple[int, ...]]:
    if rule.rank == 1:
        yield from product((0, 1, -1, 2, -2, 4, -4), repeat=3)
    else:
        most = 2 * NEIGHBOURS + 1
        yield from ((centre, each) for each in (1, 2) for centre in range(-most, most + 1))


def _turns(weights: tuple[int, ...], rule: Rule) -> Turns | None:
    """Read a rule along v; None where one v has two answers."""
    answers: dict[int, int] = {}
    for address, answer in enumerate(rule.table):
        v = sum(w * x for w, x in zip(weights, _seen(rule, address), strict=True))
        if answers.setdefault(v, answer) != answer:
            return None
    values = sorted(answers)
    turns = tuple((a, b) for a, b in pairwise(values) if answers[a] != answers[b])
    return Turns(weights, answers[values[0]], turns)


def _seen(rule: Rule, address: int) -> tuple[int, ...]:
    """Give the numbers that the weights belong to at an address of the rule's table."""
    return (address >> 2, address >> 1 & 1, address & 1) if rule.rank == 1 else (address & 1, address >> 1)


def threshold_network(rule: Rule, shape: Sequence[int], name: str) -> ThresholdNetwork:
    """Give one generation on a ring [columns] or torus [rows, columns] as neurons over `cells`, answering `after`."""
    cells = prod(shape)
    if cells > MAX_CELLS:
        raise error(f"{cells} cells are more than the {MAX_CELLS} that a threshold network is made for",
                    help="the form words has no such limit")
    turns = find_turns(rule)
    neurons: list[Neuron] = []
    outputs: list[int] = []
    for cell in range(cells):
        weights = _cell_weights(turns, shape, cell)
        for weighted, threshold in _layer(turns, weights):
            neurons.append(Neuron(tuple(weighted), tuple(weighted.values()), threshold, len(neurons)))
        if len(turns.turns) > 1:
            last = 1 + cells + len(neurons)
            neurons.append(_collect(turns, range(last - len(turns.turns), last), len(neurons)))
        outputs.append(cells + len(neurons))
    t = BIT.with_shape(tuple(shape))
    return ThresholdNetwork(name, name, (Terminal("cells", t),), (Terminal("after", t),), tuple(neurons),
                            tuple(outputs))


def _cell_weights(turns: Turns, shape: Sequence[int], cell: int) -> dict[int, int]:
    """Give the weights of a cell by label; a torus so narrow that a neighbour is met twice adds them up."""
    total: dict[int, int] = {}
    for place, weight in _neighbourhood(turns.weights, shape, cell):
        total[1 + place] = total.get(1 + place, 0) + weight
    return dict(sorted((label, w) for label, w in total.items() if w))


def _neighbourhood(weights: Sequence[int], shape: Sequence[int], cell: int) -> Iterator[tuple[int, int]]:
    if len(shape) == 1:
        for offset, weight in zip((-1, 0, 1), weights, strict=True):
            yield (cell + offset) % shape[0], weight
        return
    rows, columns = shape
    row, column = divmod(cell, columns)
    centre, each = weights
    for down, right in product((-1, 0, 1), repeat=2):
        place = (row + down) % rows * columns + (column + right) % columns
        yield place, centre if (down, right) == (0, 0) else each


def _layer(turns: Turns, weights: Mapping[int, int]) -> Iterator[tuple[dict[int, int], int]]:
    """Give weights and threshold, over spins, of the neurons that say whether v is past each turn.

    Of bits x = (s + 1) / 2 the sum v is past the middle of (below, above) where sum(w s) > below + above - sum(w).
    A rule that never turns is a neuron without sources; one that turns once answers at once, upside down if it falls.
    """
    if not turns.turns:
        yield {}, -1 if turns.first else 1
        return
    whole = sum(turns.weights) if len(turns.weights) == 3 else turns.weights[0] + NEIGHBOURS * turns.weights[1]
    for below, above in turns.turns:
        threshold = below + above - whole
        falls = len(turns.turns) == 1 and turns.first
        yield ({k: -w for k, w in weights.items()}, -threshold) if falls else (dict(weights), threshold)


def _collect(turns: Turns, labels: range, number: int) -> Neuron:
    """Add the turns up: the sum of their bits with signs +, -, +, ... is 0 or 1, as the answer is or its inverse."""
    signs = [(-1) ** k for k in range(len(labels))]
    if turns.first:
        signs = [-s for s in signs]
    # sum(signs * bits) is above 1/2 (first 0) or above -1/2 (first 1); of spins, twice that less sum(signs)
    threshold = (-1 if turns.first else 1) - sum(signs)
    return Neuron(tuple(labels), tuple(signs), threshold, number)
