"""The exact transfer matrix of a passive array: every input at once, wire resistance included.

Driven wordlines, ohmic devices and sensed bitlines at virtual ground are a linear network, so its m x n matrix T of
effective conductances (currents = T' voltages) says all that the array does. It is found by block elimination. A
wordline's nodes, given its driver and the bitline nodes it touches, are a chain: eliminating it leaves the row's
Schur complement S and injection s. What remains are the bitlines, a chain of n x n blocks, eliminated from the first
row down to the sense nodes:

    H_0 = S_0,   H_i = S_i + (1/H_{i-1} + r)^-1        r: a bitline segment's resistance, 1/H the matrix inverse

H_i is what the lower rows see when they look up, a sum of positive definite parts; the injections of all rows above
are carried along as columns. The work is O(m n^3 + m^2 n^2), the memory O(n^2 + m n).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solveh_banded

from circuitc.diagnostics import error

from .blas import one_thread
from .wires import IDEAL, Wires

Matrix = NDArray[np.float64]


@one_thread
def transfer_matrix(conductances: Any, wires: Wires = IDEAL) -> Matrix:
    """Give T[i, j], in siemens: the current into sense node j for one volt on wordline i and none on the others.

    `conductances` is m x n in siemens, row by wordline, zero where a device is open.
    """
    g = checked_conductances(conductances)
    if wires.ideal or not g.size:
        return g.copy()
    if not wires.bitline:
        return _parallel_bitlines(g, wires)
    carried = np.zeros((g.shape[1], 0))
    above: Matrix | None = None   # H of the rows so far
    for row in g:
        complement, injection = wordline(row, wires)
        if above is None:
            seen, arriving = complement, carried
        else:
            seen, arriving = _through_segment(above, carried, wires.bitline)
            seen += complement
        above, carried = seen, np.column_stack([arriving, injection])
    assert above is not None
    # The sense node is ground behind one more segment and the end: the current through them leaves the array.
    return _through_segment(above, carried, wires.bitline + wires.bitline_end)[1].T.copy()


def checked_conductances(conductances: Any) -> Matrix:
    """Take an array of conductances: two axes, finite, not below zero."""
    g = np.asarray(conductances, dtype=np.float64)
    if g.ndim != 2:
        raise error(f"an array of conductances has rows and columns, this one has {g.ndim} axes")
    if not np.all(np.isfinite(g)) or np.any(g < 0):
        raise error("a conductance is a finite number of siemens, not below zero")
    return g


def factored(system: Matrix) -> Any:
    """Factor the equations of a row of bitline nodes, which are positive definite; `system` is overwritten."""
    try:
        return cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        raise error("the conductances and wires of a tile are too far apart to be solved in doubles",
                    help="look at the resistances of the hardware file, and at what was measured") from None


def _through_segment(above: Matrix, injected: Matrix, resistance: float) -> tuple[Matrix, Matrix]:
    """Move down one bitline segment: what is seen, and what arrives, below a resistance on each bitline.

    A current source J beside conductance H is, seen through r, (1/H + r)^-1 beside (1 + H r)^-1 J.
    """
    if not resistance:
        return above.copy(), injected
    n = len(above)
    system = above.copy()
    system[np.diag_indices(n)] += 1.0 / resistance
    factor = factored(system)
    solved = cho_solve(factor, np.column_stack([above, injected]), check_finite=False)
    seen = solved[:, :n] / resistance
    return (seen + seen.T) / 2, solved[:, n:] / resistance


def wordline_response(row: Matrix, wires: Wires) -> tuple[Matrix, Matrix]:
    """Solve a wordline for its potentials: what one volt on each bitline node gives, and what one from the driver.

    The potentials w obey (L + D) w = D b + e0 V / r0: L the chain of segments from the driver, D the devices.
    """
    n = len(row)
    first = wires.wordline + wires.wordline_end
    if not first:
        return np.zeros((n, n)), np.ones(n)
    if not wires.wordline or n == 1:
        # One node behind the driver: the end, and the one segment of a row of one.
        total = 1.0 / first + row.sum()
        return np.tile(row / total, (n, 1)), np.full(n, 1 / (first * total))
    segment = 1.0 / wires.wordline
    bands = np.zeros((2, n))
    bands[0] = row + 2 * segment
    bands[0, 0] = row[0] + 1.0 / first + segment
    bands[0, -1] -= segment
    bands[1, :-1] = -segment
    drive = np.zeros(n)
    drive[0] = 1.0 / first
    solved = solveh_banded(bands, np.column_stack([np.diag(row), drive]), lower=True, overwrite_ab=True,
                           check_finite=False)
    return solved[:, :n], solved[:, n]


def wordline(row: Matrix, wires: Wires) -> tuple[Matrix, Matrix]:
    """Eliminate a wordline: the conductances that its bitline nodes see, and what one volt drives into them.

    The currents into the bitlines, D (w - b), are then -S b + s V.
    """
    from_bitlines, from_driver = wordline_response(row, wires)
    return wordline_complement(row, from_bitlines), row * from_driver


def wordline_complement(row: Matrix, from_bitlines: Matrix) -> Matrix:
    """Give the conductances that a wordline's bitline nodes see, from the potentials that they give it."""
    complement = np.diag(row) - row[:, None] * from_bitlines
    return (complement + complement.T) / 2


def _parallel_bitlines(g: Matrix, wires: Wires) -> Matrix:
    """Solve the array whose bitlines are each one node: no segment drops a voltage, only the end may."""
    rows = [wordline(row, wires) for row in g]
    injection = np.column_stack([injected for _, injected in rows])
    if not wires.bitline_end:
        return injection.T.copy()
    return _through_segment(np.add.reduce([seen for seen, _ in rows]), injection, wires.bitline_end)[1].T.copy()
