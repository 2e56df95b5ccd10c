"""Dodge bad devices: choose the wordline of each input and the bitlines of each output so that faults do no harm.

Which weights a place can hold, given its faults, is an interval: of a differential pair with one stuck device the
healthy partner still moves, so it may cancel the fault. Rows and columns are assigned in turn, each time to the least
sum of errors (Hungarian method), until nothing improves. That both turns and compensation matter was measured:
benchmarks/crossbar.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

HEALTHY, STUCK_HRS, STUCK_LRS = 0, 1, 2
TURNS = 12


@dataclass(frozen=True)
class Placement:
    """Where inputs and outputs lie: input i on row `rows[i]`, output j on column (or pair) `columns[j]`.

    `error[i, j]` is by how much the weight that the place can hold misses the one that is wanted.
    """

    rows: Integers
    columns: Integers
    error: Integers

    @property
    def residual(self) -> int:
        """The sum of the weights' errors."""
        return int(np.abs(self.error).sum())


def attainable_pairs(positive: Any, negative: Any, top: int) -> tuple[Integers, Integers]:
    """Give the least and the greatest weight that each differential pair can hold, with levels 0..`top`."""
    (low_p, high_p), (low_n, high_n) = attainable_levels(positive, top), attainable_levels(negative, top)
    return low_p - high_n, high_p - low_n


def attainable_levels(faults: Any, top: int) -> tuple[Integers, Integers]:
    """Give the least and the greatest level that each device can hold: all of 0..`top`, or the one it is stuck at."""
    f = np.asarray(faults)
    return np.where(f == STUCK_LRS, top, 0), np.where(f == STUCK_HRS, 0, top)


def place(weights: Any, lowest: Any, highest: Any, *, turns: int = TURNS) -> Placement:
    """Assign m inputs and n outputs of whole weights to the rows and columns of an array with these intervals.

    The array has at least m rows and n columns. With `turns=0` everything stays where it is.
    """
    w, low, high = (np.asarray(a, dtype=np.int64) for a in (weights, lowest, highest))
    m, n = w.shape
    assert low.shape == high.shape
    assert low.shape[0] >= m, "the inputs fit the array"
    assert low.shape[1] >= n, "the outputs fit the array"
    from scipy.optimize import linear_sum_assignment  # a tenth of the command's start

    rows, columns = np.arange(m), np.arange(n)
    best = Placement(rows, columns, _error(w, low[np.ix_(rows, columns)], high[np.ix_(rows, columns)]))
    stale = 0
    for turn in range(turns):
        if not best.residual or stale == 2:
            break
        if turn % 2 == 0:
            rows = linear_sum_assignment(_costs(w, low[:, columns], high[:, columns]))[1]
        else:
            columns = linear_sum_assignment(_costs(w.T, low[rows].T, high[rows].T))[1]
        now = Placement(rows, columns, _error(w, low[np.ix_(rows, columns)], high[np.ix_(rows, columns)]))
        better = now.residual < best.residual
        best, stale = (now, 0) if better else (best, stale + 1)
    return best


def _error(w: Integers, low: Integers, high: Integers) -> Integers:
    """Give by how much the nearest attainable weight differs from the wanted one (0 where it can be held)."""
    return np.clip(w, low, high) - w


def _costs(w: Integers, low: Integers, high: Integers) -> NDArray[np.float64]:
    """Give for each logical row and each physical row the sum of the errors, by one product for each weight."""
    costs = np.zeros((len(w), len(low)))
    for value in np.unique(w):
        errors = np.abs(np.clip(value, low, high) - value)
        if errors.any():
            costs += (w == value).astype(np.float64) @ errors.T.astype(np.float64)
    return costs
