"""A quick model of the drop along wires: one factor a row, one a column and how far both reach, in O(m n)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .transfer import Matrix, checked_conductances
from .wires import IDEAL, Wires


def fast_transfer(conductances: Any, wires: Wires = IDEAL) -> Matrix:
    """Estimate the transfer matrix: T[i, j] ~ alpha[i, j] G[i, j] beta[i, j], the two wires taken one at a time.

    alpha is what is left of the driver's volt at device (i, j) when every bitline is ideal; beta is the share of the
    device's current that arrives at the sense node when every wordline is ideal (by reciprocity, what is left there
    of a volt at the sense end). Each is a ladder that is solved exactly; that the two drops feed back on each other
    is what is neglected. The error against `transfer_matrix` is measured in benchmarks/crossbar.py.
    """
    g = checked_conductances(conductances)
    alpha, beta = ladders(g, wires)
    return alpha * g * beta


def ladders(g: Matrix, wires: Wires) -> tuple[Matrix, Matrix]:
    """Give alpha, what the wordlines leave of a volt at each device, and beta, the share that the bitlines pass on."""
    alpha = _ladder(g, wires.wordline, wires.wordline_end)
    return alpha, _ladder(g.T[:, ::-1], wires.bitline, wires.bitline_end)[:, ::-1].T


def _ladder(shunts: Matrix, segment: float, end: float) -> Matrix:
    """Give the voltages along each row's ladder, driven with one volt at its left end through `end` and a segment.

    Shunt conductances to ground stand after each segment. From the far end inward, y is what a node sees of its shunt
    and all beyond; each segment r then divides the voltage by 1 + r y.
    """
    rows, n = shunts.shape
    left: Matrix = np.empty((rows, n))
    seen = np.zeros(rows)
    for k in range(n - 1, -1, -1):
        seen += shunts[:, k]
        resistance = segment + (end if k == 0 else 0.0)
        left[:, k] = 1.0 / (1.0 + resistance * seen)
        seen = seen * left[:, k]
    return np.cumprod(left, axis=1, dtype=np.float64)
