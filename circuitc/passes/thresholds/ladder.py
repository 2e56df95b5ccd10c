"""Climb the ladder: one neuron to its smallest exact gate, rung by rung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from numpy import int64
from numpy.typing import NDArray

from .normal import Normal, certify, normal_form
from .search import AllPatterns, SomePatterns, smallest_weights
from .wide import equal_everywhere, snap_integers

WIDE_SUM = 64  # integers that add up to more than this are called wide


@dataclass(frozen=True, slots=True)
class Rung:
    """Where a neuron came to rest: the rung's name, the evidence level, the weights (the constant's first).

    `least_sum` is a proven lower bound on the sum of magnitudes, 0 where none is known.
    """

    name: str
    evidence: str
    weights: tuple[int, ...]
    least_sum: int = 0

    @property
    def sum(self) -> int:
        """The sum of the weights' magnitudes: what the gate costs."""
        return sum(map(abs, self.weights))


def climb(threshold: int, weights: Sequence[int], max_fanin: int) -> Rung:
    """Give the smallest gate found that equals the neuron `weights . x > threshold` on all inputs."""
    reduced = _reduced(threshold, weights)
    normal = normal_form(reduced[0], reduced[1:])
    name, evidence, size, bound = _climb_normal(normal.size, max_fanin)
    if size is None:
        return Rung("kept", "proved", reduced)
    return _keep_if_as_small(normal, reduced, Rung(name, evidence, normal.weights(size), bound))


def fit(rows: NDArray[int64], name: str, evidence: str) -> Rung | None:
    """Give the smallest gate found that is right on listed patterns: inputs (the constant first) times the answer."""
    found = smallest_weights(SomePatterns(rows))
    return None if found is None else Rung(name, evidence, found.weights, found.least_sum)


@lru_cache(maxsize=4096)
def _climb_normal(size: tuple[int, ...], max_fanin: int) -> tuple[str, str, tuple[int, ...] | None, int]:
    k = certify(size)
    if k is not None:
        return "certified", "proved", (1,) * k + (0,) * (len(size) - k), k
    if sum(size) >= 1 << 62:
        return "kept", "proved", None, 0
    if len(size) - 1 > max_fanin:
        numbers = snap_integers(size)
        return _integer_rung(numbers), "proved", numbers, 0
    found = smallest_weights(AllPatterns(size))
    if found is None:
        return "kept", "proved", None, 0
    return _integer_rung(found.weights), "exhausted", found.weights, found.least_sum


def _integer_rung(size: tuple[int, ...] | None) -> str:
    return "kept" if size is None else "integers" if sum(size) <= WIDE_SUM else "wide"


def _reduced(threshold: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Divide by the common divisor and move the threshold off the sums' parity, where a tie could happen."""
    divisor = gcd(*weights) or 1
    small = [w // divisor for w in weights]
    t = threshold // divisor
    return (t if (t - sum(small)) % 2 else t + 1, *small)


def _keep_if_as_small(normal: Normal, given: tuple[int, ...], found: Rung) -> Rung:
    """Prefer weights as they are where they are as small as those found and never tie: no change for its own sake."""
    if sum(map(abs, given)) != found.sum or given == found.weights:
        return found
    magnitudes = [abs(given[place]) for place in normal.place]
    same_signs = all(given[place] * sign >= 0 for place, sign in zip(normal.place, normal.sign, strict=True))
    if same_signs and equal_everywhere(magnitudes, normal.size):
        return Rung(found.name, found.evidence, given, found.least_sum)
    return found
