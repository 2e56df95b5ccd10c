"""The potential of every node of an array for one state of its wordlines, wires included: what each device sees.

The elimination is that of `transfer` and `sensitivity`: wordlines first, then down the bitlines; here for one right
hand side, so a second sweep, from the sense nodes up, gives the bitlines' potentials and from them all others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_solve

from .blas import one_thread
from .sensitivity import bitline_factors
from .transfer import Matrix, checked_conductances, wordline_complement, wordline_response
from .wires import Wires


@one_thread
def device_voltages(conductances: Any, volts: Any, wires: Wires) -> Matrix:
    """Give the voltage across each device, [rows, columns], for `volts` [rows] on the wordlines' drivers.

    Without wires a device sees its driver's voltage; what is missing of it was dropped on the way.
    """
    g = checked_conductances(conductances)
    v = np.asarray(volts, dtype=np.float64)
    responses = [wordline_response(row, wires) for row in g]
    injected = [row * from_driver * x for row, (_, from_driver), x in zip(g, responses, v, strict=True)]
    bitlines = _bitline_potentials(g, [r for r, _ in responses], injected, wires)
    return np.array([(from_bitlines @ b + from_driver * x) - b
                     for (from_bitlines, from_driver), b, x in zip(responses, bitlines, v, strict=True)])


def _bitline_potentials(g: Matrix, responses: list[Matrix], injected: list[Matrix], wires: Wires) -> list[Matrix]:
    """Solve the bitlines, a chain from the first wordline down to the sense nodes, for the currents put into them."""
    factors = bitline_factors([wordline_complement(*pair) for pair in zip(g, responses, strict=True)], wires)
    if not wires.bitline:   # each bitline is one node, behind its end or ground itself
        factor = factors[-1][0]
        whole = np.zeros(g.shape[1]) if factor is None else cho_solve(factor, np.add.reduce(injected))
        return [whole] * len(g)
    arriving: list[Matrix] = []
    above = np.zeros(g.shape[1])
    for (factor, resistance), current in zip(factors, injected, strict=True):
        arriving.append(above + current)
        above = cho_solve(factor, arriving[-1]) / resistance
    found: list[Matrix] = []
    below = np.zeros(g.shape[1])   # the sense node is ground
    for (factor, resistance), current in zip(reversed(factors), reversed(arriving), strict=True):
        below = cho_solve(factor, current + below / resistance)
        found.append(below)
    return found[::-1]


__all__ = ["device_voltages"]
