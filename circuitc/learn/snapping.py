"""From trained weights to gates: the nearest small integers, and whether they are certainly the same gate."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network import Network

MOST = 64  # squared length up to which certified integers are looked for: AND7 has 7 + 36, MAJ63 has 63


@dataclass(frozen=True, slots=True)
class Snapped:
    """Integer weights of one neuron, near its trained ones; `certified` where they are the same gate on all inputs."""

    weights: tuple[int, ...]
    certified: bool


def snap(weights: NDArray[Any], most: int = MOST) -> Snapped:
    """Give the smallest integers that are certainly the neuron's gate, or else the nearest of squared length <= most.

    Integers W with an odd sum have |W.x| >= 1 for all x of -1 and +1. So with c > 0 the neurons w and W are one gate
    if the rest |w - c W| adds up to less than c. For each squared length n from 1 on, W is w rounded at that length;
    n from 3 on, W of three equal numbers, is the certificate for MAJ3, AND2 and OR2.
    """
    w = np.asarray(weights, np.float64)
    length = float(np.linalg.norm(w))
    if not length:
        return Snapped((1,) + (0,) * (len(w) - 1), False)
    nearest: tuple[float, tuple[int, ...]] | None = None
    seen: set[tuple[int, ...]] = set()
    for n in range(1, max(MOST, most) + 1):
        found = _odd(w * (sqrt(n) / length))
        plain = tuple(found.tolist())
        if plain in seen:
            continue
        seen.add(plain)
        c = float(w @ found) / float(found @ found)
        rest = w - c * found
        if c > 0 and np.abs(rest).sum() < c * (1 - 1e-9):  # well inside what rounding of these few sums could do
            return Snapped(plain, True)
        cost = float(rest @ rest)
        if nearest is None or (n <= most and cost < nearest[0]):
            nearest = cost, plain
    assert nearest is not None
    return Snapped(nearest[1], False)


def _odd(w: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round to integers with an odd sum: where it is even, the number that was rounded furthest goes the other way."""
    rounded = np.rint(w).astype(np.int64)
    if int(rounded.sum()) % 2 == 0:
        rest = w - rounded
        place = int(np.abs(rest).argmax())
        rounded[place] += 1 if rest[place] > 0 else -1
    return rounded


def snap_all(network: Network, weights: NDArray[Any], most: int = MOST) -> list[Snapped]:
    """Snap each set of weights: one result a class of neurons that share theirs."""
    low, high = network.class_start[:-1].tolist(), network.class_start[1:].tolist()
    return [snap(weights[a:b], most) for a, b in zip(low, high, strict=True)]


def flat(snapped: list[Snapped]) -> NDArray[np.float64]:
    """Give snapped weights in the order of trained ones."""
    return np.concatenate([np.array(s.weights, np.float64) for s in snapped])
