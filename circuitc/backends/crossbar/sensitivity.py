"""How far sense currents can move while every conductance stays inside its window: a sound bound, wires included.

For any two sets of conductances of the same array Tellegen's theorem gives, exactly,

    I'_j - I_j = sum over devices k of (g'_k - g_k) v'_k a_k

with v' the device voltages in the changed array and a those of the unchanged one driven with one volt at sense node j
alone (the adjoint network). The adjoint is computed; of v' it is enough to know that potentials lie between those of
the drivers and of ground: at most 1 V on a driven wordline, and on an idle one no more than bitlines can rise to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, solveh_banded

from circuitc.diagnostics import error

from .blas import one_thread
from .transfer import Matrix, checked_conductances, factored, wordline_complement, wordline_response
from .wires import Wires

MOST_BYTES = 8 << 30   # of the blocks that a tile is solved with: 812 x 812 devices


def window_bounds(conductances: Any, half_windows: Any, sense: Any, wires: Wires) -> tuple[Matrix, Matrix]:
    """Bound how far each sensed current moves for each wordline, driven with one volt, and idle.

    See `sensed_currents`, whose last two answers these are.
    """
    return sensed_currents(conductances, half_windows, sense, wires)[1:]


@one_thread
def sensed_currents(conductances: Any, half_windows: Any, sense: Any, wires: Wires) -> tuple[Matrix, Matrix, Matrix]:
    """Give each sensed current for one volt on each wordline, and bound how far it moves: driven so, and idle.

    The network is reciprocal: what one volt at a sense node drives into a wordline's driver is what one volt there
    drives into the sense node. So the adjoint tells the currents too, the same as `transfer_matrix` times `sense`.

    `conductances` and `half_windows` are [rows, columns] in siemens: any g' with |g' - g| <= half window, not below
    zero, is covered. `sense` is [columns, outputs]: an output is that combination of bitline currents (1 and -1 for a
    difference). Gives three arrays [rows, outputs] in siemens; a movement is at most the sum over wordlines of the one
    that applies.
    """
    g, window, combined = checked_conductances(conductances), checked_conductances(half_windows), np.asarray(sense)
    currents = np.zeros((g.shape[0], combined.shape[1]))
    driven = np.zeros_like(currents)
    for row, voltages in adjoint_voltages(g, combined, wires):
        currents[row] = g[row] @ voltages
        driven[row] = window[row] @ np.abs(voltages)
    return currents, driven, driven * _highest_bitlines(g + window, wires)[:, None]


def adjoint_voltages(g: Matrix, sense: Matrix, wires: Wires) -> Iterator[tuple[int, Matrix]]:
    """Give, from the last wordline up, the device voltages [columns, outputs] with `sense` at the sense nodes.

    All wordlines are driven with zero volt. Memory is O(m n^2): two blocks a wordline.
    """
    rows, columns = g.shape
    if (needed := 16 * rows * columns**2) > MOST_BYTES:
        raise error(f"solving a tile of {rows} x {columns} takes {needed / 1e9:.0f} GB, at most {MOST_BYTES / 1e9:.1f} "
                    "are taken", help="use smaller tiles")
    identity = np.eye(g.shape[1])
    bits: Matrix = np.asarray(sense, dtype=np.float64)
    responses = [wordline_response(row, wires)[0] for row in g]
    factors = bitline_factors([wordline_complement(*pair) for pair in zip(g, responses, strict=True)], wires)
    for row in range(len(g) - 1, -1, -1):
        factor, resistance = factors[row]
        if factor is not None:
            bits = cho_solve(factor, bits, check_finite=False) / resistance
        yield row, (identity - responses[row]) @ bits


def bitline_factors(complements: Sequence[Matrix], wires: Wires) -> list[tuple[Any, float]]:
    """Factor each bitline node's equations once those above are eliminated; None where the node is the one below.

    `complements` are the conductances that the bitline nodes of each wordline see.
    """
    rows, columns = len(complements), complements[0].shape[0]
    last = wires.bitline + wires.bitline_end
    if not wires.bitline:
        if not last:
            return [(None, 0.0)] * rows
        whole = np.add.reduce(complements) + np.eye(columns) / last
        return [(None, 0.0)] * (rows - 1) + [(factored(whole), last)]
    factors: list[tuple[Any, float]] = []
    seen = np.zeros((columns, columns))
    for row, complement in enumerate(complements):
        seen = seen + complement
        resistance = wires.bitline if row + 1 < rows else last
        factor = factored(seen + np.eye(columns) / resistance)
        factors.append((factor, resistance))
        seen = cho_solve(factor, seen, check_finite=False) / resistance
        seen = (seen + seen.T) / 2
    return factors


def _highest_bitlines(g: Matrix, wires: Wires) -> Matrix:
    """Bound the bitline potentials that each wordline meets: all wordlines at one volt, conductances at their most.

    A bitline rises with every wordline's potential and with every conductance to it, so this is the highest.
    """
    rows, columns = g.shape
    last = wires.bitline + wires.bitline_end
    if not last:
        return np.zeros(rows)
    if not wires.bitline or rows == 1:
        total = g.sum(0)
        return np.full(rows, float((total / (total + 1 / last)).max(initial=0.0)))
    segment = 1 / wires.bitline
    highest = np.zeros(rows)
    for column in range(columns):
        bands = np.zeros((2, rows))
        bands[0] = g[:, column] + 2 * segment
        bands[0, 0] -= segment
        bands[0, -1] += 1 / last - segment
        bands[1, :-1] = -segment
        highest = np.maximum(highest, solveh_banded(bands, g[:, column], lower=True, check_finite=False))
    return highest
