"""Small integers for neurons with many inputs, checked on all 2**m patterns without listing them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LARGEST_SUM = 256  # sum of the integers tried; a check costs inputs * sum steps
DENOMINATORS = 6   # the unit is one of the larger weights, divided by 1 to this
ANCHORS = 32       # how many different weights are tried as units
SAMPLES = 512      # random patterns that refute most candidates before they are checked


def equal_everywhere(small: Sequence[int], size: Sequence[int]) -> bool:
    """Tell whether two gates in normal order agree on all patterns and the small one never ties.

    A dynamic program: best[v] is the largest `size.z` over the patterns z with `small.z = v`. The gates are equal if
    and only if it is negative for every v <= 0 (the other half follows by self-duality).
    """
    assert sum(size) < 1 << 62, "sums fit i64"
    total = sum(small)
    low = np.iinfo(np.int64).min // 2 - 1
    best = np.full(2 * total + 1, low, np.int64)  # index v + total
    best[total] = 0
    for small_i, size_i in zip(small, size, strict=True):
        if small_i == 0:
            best = np.where(best > low, best + size_i, low)
            continue
        following = np.full_like(best, low)
        following[small_i:] = np.where(best[:-small_i] > low, best[:-small_i] + size_i, low)
        minus = np.where(best[small_i:] > low, best[small_i:] - size_i, low)
        following[:-small_i] = np.maximum(following[:-small_i], minus)
        best = following
    return bool(best[:total + 1].max() < 0)


def snap_integers(size: Sequence[int]) -> tuple[int, ...] | None:
    """Round a gate's magnitudes to small integers that are proven equal on all patterns, or answer None.

    Units tried are the larger weights over 1, 2, ...; the first that works has the least sum tried.
    """
    candidates = _candidates(size)
    if not len(candidates):
        return None
    patterns = _random_patterns(len(size))
    answers = patterns @ np.array(size, np.int64) > 0
    refuted = ((patterns.astype(np.float64) @ candidates.T > 0) != answers[:, None]).any(axis=0)
    for numbers in candidates[~refuted].astype(np.int64).tolist():
        if equal_everywhere(numbers, size):
            return tuple(numbers)
    return None


def _candidates(size: Sequence[int]) -> NDArray[np.float64]:
    """Give the roundings worth a check, float64[candidates, m] of whole numbers, the smallest sum first."""
    exact = np.array(size, np.float64)
    distinct = np.unique(exact[exact > 0])[::-1]
    anchors = distinct[::-(-len(distinct) // ANCHORS)]
    units = (anchors[:, None] / np.arange(1, DENOMINATORS + 1)).ravel()
    numbers = np.unique(np.rint(exact / units[:, None]), axis=0)
    sums = numbers.sum(axis=1)
    order = np.argsort(sums, kind="stable")
    return numbers[order[(sums[order] > 0) & (sums[order] <= LARGEST_SUM)]]


@lru_cache(maxsize=8)
def _random_patterns(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, 2, (SAMPLES, count)) * 2 - 1
