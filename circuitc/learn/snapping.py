"""From trained weights to gates: the nearest small integers, and whether they are certainly the same gate."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network import Network

MOST = 64  # squared length of the integers that are tried: AND7 has 7 + 36, MAJ63 has 63


@dataclass(frozen=True, slots=True)
class Snapped:
    """Integer weights of one neuron, near its trained ones; `certified` where they are the same gate on all inputs."""

    weights: tuple[int, ...]
    certified: bool


def snap(weights: NDArray[Any]) -> Snapped:
    """Give the smallest integers that are certainly the neuron's gate, or else the nearest ones.

    Integers W with an odd sum have |W.x| >= 1 for all x of -1 and +1. So with c > 0 the neurons w and W are one gate
    if the rest |w - c W| adds up to less than c. For each squared length n up to MOST, W is w rounded at that length;
    n from 3 on, W of three equal numbers, is the certificate for MAJ3, AND2 and OR2.
    """
    w = np.asarray(weights, np.float64)
    length = float(np.linalg.norm(w))
    if not length:
        return Snapped((1,) + (0,) * (len(w) - 1), False)
    nearest: tuple[float, tuple[int, ...]] | None = None
    seen: set[tuple[int, ...]] = set()
    for n in range(1, MOST + 1):
        found = _odd(w * (sqrt(n) / length))
        plain = tuple(found.tolist())
        if plain in seen:
            continue
        seen.add(plain)
        c = float(w @ found) / float(found @ found)
        rest = w - c * found
        if c > 0 and np.abs(rest).sum() < c * (1 - 1e-9):  # well inside what rounding of these few sums could do
            return Snapped(plain, True)
        # a longer W is always nearer; its length counts against it
        cost = float(rest @ rest) / length**2 + 1e-2 * float(found @ found) / len(w)
        if nearest is None or cost < nearest[0]:
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


def snap_all(network: Network, weights: NDArray[Any]) -> list[Snapped]:
    """Snap each set of weights once; give one result a neuron."""
    low, high = network.class_start[:-1], network.class_start[1:]
    found = [snap(weights[a:b]) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    return [found[kind] for kind in network.kinds]
