"""Corners of write windows: conductances at the ends of their windows that push one decision the wrong way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.potentials import device_voltages
from circuitc.backends.crossbar.sensitivity import adjoint_voltages

from .bundle import Bundle, sense
from .schema import TermMap

Floats = NDArray[np.float64]


def hostile_corner(bundle: Bundle, term: TermMap, witness: str, up: bool) -> Floats:
    """Give a tile's conductances, each at that end of its window which moves a term's signal up, or down.

    The ends are those that move the signal at the inputs `witness` (a digit for each input of the tile, rising) to
    first order: dI/dg of a device is its voltage times its voltage in the adjoint network. No corner is worse to that
    order, so a certificate that such corners do not break is tested where it is weakest.
    """
    tile = bundle.map.tiles[term.tile]
    g = bundle.conductances[term.tile]
    volts = wordline_states(bundle, term.tile, witness)
    factors = sense(term, bundle.shape[1])[:, None]
    adjoint = np.zeros_like(g)
    for row, voltages in adjoint_voltages(g, factors, bundle.wires):
        adjoint[row] = voltages[:, 0]
    moves = device_voltages(g, volts, bundle.wires) * adjoint
    return g + np.sign(moves if up else -moves) * bundle.half_windows[tile.id]


def random_corner(bundle: Bundle, rng: np.random.Generator) -> Floats:
    """Give conductances of all tiles, each at one end of its window."""
    return bundle.conductances + rng.choice([-1.0, 1.0], bundle.levels.shape) * bundle.half_windows


def wordline_states(bundle: Bundle, tile: int, witness: str) -> Floats:
    """Give the wordlines of a tile, [rows] of 0 and 1, for a state of its inputs, a digit each, rising."""
    routing = bundle.map.tiles[tile]
    inputs = sorted({i for i in routing.row_in if i is not None})
    bits: dict[Any, bool] = dict(zip(inputs, (b == "1" for b in witness), strict=True))
    return np.array([0.0 if i is None else float(bits[i] != (role == "complement"))
                     for i, role in zip(routing.row_in, routing.row_role, strict=True)])


__all__ = ["hostile_corner", "random_corner", "wordline_states"]
