"""Hopfield networks on arrays: how far wires and devices spoil the symmetry, and whether the energy still falls.

Updated one unit after the other, a network of symmetric weights never raises E = -1/2 x W x + t x (Hopfield 1982). What
an array computes with is its transfer matrix, in which the way from wordline i to bitline j is not that from j to i.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error

from .machine import Currents, Machine, RegionMachine
from .reservoir import effective_weights

MAX_SWEEPS = 100
MAX_STATES = 1 << 16


@dataclass(frozen=True, slots=True)
class Descent:
    """What was found of one layer of gates on spins with symmetric weights."""

    layer: str
    units: int
    asymmetry: float    # the largest |T - T'| of what inputs add to outputs, as a share of the largest |T|
    updates: int        # of single units, from random states until a sweep changes nothing
    flips: int          # updates that changed a unit,
    rises: int          # those of them that raised the energy,
    largest_rise: int   # the largest of these, in steps of 2 E,
    states: int         # random states begun with,
    unsettled: int      # and those that still change after MAX_SWEEPS sweeps


def descents(machine: Machine, currents: Currents, *, states: int = 100, seed: int = 0) -> list[Descent]:
    """Update each symmetric layer of a machine unit by unit with these currents in its tiles, from random states."""
    if not 1 <= states <= MAX_STATES:
        raise error(f"1 to {MAX_STATES} states can be begun with, got {states}")
    found = [_descent(name, region, currents, states, seed) for name, region in machine.regions.items()
             if _is_symmetric(region)]
    if not found:
        raise error("the bundle has no layer of gates on spins with symmetric weights, as a Hopfield network has")
    return found


def _is_symmetric(machine: RegionMachine) -> bool:
    weights = machine.rebuilt.weights
    return (machine.rebuilt.least is not None and machine.region.spins and weights.shape[0] == weights.shape[1]
            and bool(np.array_equal(weights, weights.T)))


def _descent(layer: str, machine: RegionMachine, currents: Currents, states: int, seed: int) -> Descent:
    weights, least = machine.rebuilt.weights, machine.rebuilt.least
    assert least is not None, "checked before"
    units = len(weights)
    # W b >= least over bits is W x > t over spins x = 2 b - 1, with t between two values that W x may take.
    thresholds = 2 * least - weights.sum(1) - 1
    x = np.random.default_rng(seed).choice(np.array([-1, 1]), (states, units))
    flips = rises = largest = updates = 0
    active = np.arange(states)
    for _ in range(MAX_SWEEPS):
        changed = np.zeros(len(active), bool)
        for unit, before, after in _sweep(machine, currents, x, active):
            rise = _energy(weights, thresholds, after) - _energy(weights, thresholds, before)
            flipped = before[:, unit] != after[:, unit]
            changed |= flipped
            flips += int(flipped.sum())
            rises += int((rise > 0).sum())
            largest = max(largest, int(rise.max(initial=0)))
        updates += units * len(active)
        active = active[changed]
        if not len(active):
            break
    signals, _ = effective_weights(machine, currents)
    asymmetry = float(np.abs(signals - signals.T).max() / max(np.abs(signals).max(), 1e-300))
    return Descent(layer, units, asymmetry, updates, flips, rises, largest, states, len(active))


def _sweep(machine: RegionMachine, currents: Currents, x: NDArray[np.int64],
           active: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Update the units of the active states one after the other, in place; gives the states before and after each."""
    for unit in range(x.shape[1]):
        before = x[active]
        x[active, unit] = machine(before, currents).reshape(len(active), -1)[:, unit]
        yield unit, before, x[active]


def _energy(weights: NDArray[np.int64], thresholds: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give 2 E of states [states, units]."""
    return -((x @ weights) * x).sum(1) + 2 * (x @ thresholds)


__all__ = ["Descent", "descents"]
