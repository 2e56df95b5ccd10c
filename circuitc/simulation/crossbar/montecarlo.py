"""Arrays as they come out of a fab: devices that vary, stick and drift, and reads with noise, over many seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.sections import Variation
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.diagnostics import error
from circuitc.ir import Module

from .bundle import Bundle
from .machine import Currents, machine_of
from .modes import target_conductances, without_wires

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One array that might have been made: what the program answers on it."""

    seed: int
    outputs: Mapping[str, Any]


def trials(module: Module, bundle: Bundle, inputs: Mapping[str, Any], variation: Variation, *, seeds: int,
           first: int = 0, wires: bool = True, seconds: float | None = None) -> Iterator[Trial]:
    """Run the program on `seeds` arrays, numbered from `first`; the same number is the same array and noise.

    References and gains stay those of the bundle: nothing is calibrated to the devices. Without `wires` they are set
    anew for wires that drop nothing. `seconds` is the time since programming, for drift.
    """
    if seeds < 1:
        raise error("a Monte Carlo run needs at least one seed")
    if seconds is not None and not 0 < seconds < math.inf:
        raise error(f"the age of an array is a finite number of seconds above 0, got {seconds:g}")
    machine = machine_of(module, bundle)
    if not wires:
        machine = without_wires(machine)
    for seed in range(first, first + seeds):
        rng = np.random.default_rng([seed, 0x5EED])
        g = made_conductances(bundle, variation, rng, seconds)
        matrices = np.array([transfer_matrix(tile, bundle.wires) for tile in g]) if wires else g
        yield Trial(seed, machine.run(inputs, _noisy(bundle, matrices, g, variation.c2c_read, rng)))


def made_conductances(bundle: Bundle, variation: Variation, rng: np.random.Generator,
                      seconds: float | None = None) -> Floats:
    """Draw the conductances of one array, [tiles, rows, cols] in siemens.

    Devices differ by a lognormal factor of median 1, or normally by the table's standard deviation at their target;
    then some stick at the least or the greatest level, and all drift by (t / t0) ** -nu.
    """
    target = target_conductances(bundle)
    if variation.d2d_model == "lognormal" and variation.d2d_sigma:
        g = target * np.exp(variation.d2d_sigma * rng.standard_normal(target.shape))
    elif variation.d2d_model == "table":
        at, deviation = np.array(variation.d2d_table).T
        g = target + np.interp(target, at, deviation) * rng.standard_normal(target.shape)
    else:
        g = target.copy()
    chance = rng.random(target.shape)
    g = np.where(chance < variation.stuck_hrs, bundle.siemens[0], g)
    g = np.where((chance >= variation.stuck_hrs) & (chance < variation.stuck_hrs + variation.stuck_lrs),
                 bundle.siemens[-1], g)
    time = variation.drift_t0_s if seconds is None else seconds
    return np.maximum(g, 0) * (time / variation.drift_t0_s) ** -variation.drift_nu


def _noisy(bundle: Bundle, matrices: Floats, g: Floats, noise: float, rng: np.random.Generator) -> Currents:
    """Add read noise: every device's own is independent, so a bitline's is the root of the sum of their squares."""
    def currents(tile: int, lines: Any) -> Floats:
        found = lines @ matrices[tile] / bundle.step
        if not noise:
            return found
        spread = noise * np.sqrt(lines @ g[tile] ** 2) / bundle.step
        return found + spread * rng.standard_normal(found.shape)

    return currents


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds with its 95 % interval (Student's t, from the spread between seeds)."""

    mean: float
    half: float
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} +- {self.half:.4f} ({self.seeds} seeds)"


def interval(values: Any) -> Interval:
    """Give the mean of one figure a seed, and half the width of its 95 % interval (infinite for one seed)."""
    from scipy.special import stdtrit  # quantiles of Student's t; scipy.stats takes long to import

    v = np.asarray(values, dtype=np.float64)
    half = float(stdtrit(len(v) - 1, 0.975) * v.std(ddof=1)) / len(v) ** 0.5 if len(v) > 1 else float("inf")
    return Interval(float(v.mean()), half, len(v))


def agreement(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> tuple[float, float]:
    """Give the share of samples with all outputs right, and the share of single outputs that are right."""
    equal = np.concatenate([(np.asarray(wanted[n]) == np.asarray(got[n])).reshape(len(got[n]), -1) for n in wanted], 1)
    return float(equal.all(1).mean()), float(equal.mean())
