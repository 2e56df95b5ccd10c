"""Is a truth table a threshold function? If so, by which integer weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .search import SomePatterns, smallest_weights


@dataclass(frozen=True, slots=True)
class ThresholdGate:
    """The bit `sum(weight * input bit) > limit`."""

    weights: tuple[int, ...]
    limit: int


@lru_cache(maxsize=1 << 16)
def threshold_of(table: int, count: int) -> ThresholdGate | None:
    """Find weights for a truth table over `count` inputs, right on every row; None where there are none.

    A threshold function never both rises and falls with an input. One that only rises stays the same function when
    inputs are swapped along with their weights, so weights are looked for once for each order of inputs by influence.
    """
    rows = np.array([table >> row & 1 for row in range(1 << count)], np.int64).reshape((2,) * count)
    falls: list[bool] = []  # axis 0 is the input of the highest bit
    for j in range(count):
        change = np.diff(rows, axis=count - 1 - j)
        if change.min() < 0 < change.max():
            return None
        falls.append(bool(change.min() < 0))
    rising = np.flip(rows, tuple(count - 1 - j for j in range(count) if falls[j]))
    influence = [int(np.diff(rising, axis=count - 1 - j).sum()) for j in range(count)]
    order = sorted(range(count), key=lambda j: (-influence[j], j))
    canonical = rising.transpose([count - 1 - j for j in reversed(order)])  # the most influential is input 0
    found = _weights_of(int("".join(map(str, canonical.ravel()[::-1].tolist())), 2), count)
    if found is None:
        return None
    weights = [0] * count
    for j, w in zip(order, found.weights, strict=True):
        weights[j] = -w if falls[j] else w
    gate = ThresholdGate(tuple(weights), found.limit - sum(w for j, w in zip(order, found.weights, strict=True)
                                                           if falls[j]))
    return gate if table_of(gate) == table else None


@lru_cache(maxsize=1 << 14)
def _weights_of(table: int, count: int) -> ThresholdGate | None:
    """Find the smallest weights by linear and integer programs over the rows as patterns of spins."""
    if table in (0, (1 << (1 << count)) - 1):
        return ThresholdGate((0,) * count, -1 if table else 0)
    number = np.arange(1 << count)
    bits = (number[:, None] >> np.arange(count)) & 1
    answer = np.array([1 if table >> row & 1 else -1 for row in range(1 << count)])
    patterns = np.concatenate([np.full((len(number), 1), -1), 2 * bits - 1], axis=1) * answer[:, None]
    found = smallest_weights(SomePatterns(patterns))
    if found is None:
        return None
    limit, *weights = found.weights  # over spins 2b-1: sum(2 w b) > limit + sum(w)
    return ThresholdGate(tuple(weights), (limit + sum(weights)) // 2)


def table_of(gate: ThresholdGate) -> int:
    """Give the truth table of a threshold gate."""
    count = len(gate.weights)
    return sum(1 << row for row in range(1 << count)
               if sum(w for j, w in enumerate(gate.weights) if row >> j & 1) > gate.limit)
