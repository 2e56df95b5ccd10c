"""Small integers for neurons with many inputs, checked on all 2**m patterns without listing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    patterns = np.random.default_rng(0).integers(0, 2, (SAMPLES, len(size))) * 2 - 1
    answers = patterns @ np.array(size, np.int64) > 0
    for numbers in sorted(_candidates(size), key=lambda v: (sum(v), v)):
        agrees = np.array_equal(patterns @ np.array(numbers, np.int64) > 0, answers)
        if agrees and equal_everywhere(numbers, size):
            return numbers
    return None


def _candidates(size: Sequence[int]) -> set[tuple[int, ...]]:
    found: set[tuple[int, ...]] = set()
    distinct = sorted({s for s in size if s}, reverse=True)
    for anchor in distinct[::-(-len(distinct) // ANCHORS)]:
        for times in range(1, DENOMINATORS + 1):
            numbers = tuple((2 * s * times + anchor) // (2 * anchor) for s in size)  # s / (anchor / times), rounded
            if 0 < sum(numbers) <= LARGEST_SUM:
                found.add(numbers)
    return found
