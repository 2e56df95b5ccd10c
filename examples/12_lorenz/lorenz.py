"""The Lorenz system, and how far one cloud of states is from another.

    x' = 10 (y - x),  y' = x (28 - z) - y,  z' = x y - 8/3 z        (Lorenz 1963, eqs. 25-27)
"""

from __future__ import annotations

from typing import Any

import numpy as np

DT = 0.01
MEAN = np.array([0.0, 0.0, 23.55])     # by which states are centred and scaled, so that all numbers here are about 1
SCALE = np.array([7.92, 9.01, 8.62])
BINS = 30
SMOOTHING = 1e-5


def trajectories(count: int, steps: int, seed: int, *, transient: int = 2000) -> Any:
    """Give f64[count, steps, 3]: states DT apart, by Runge-Kutta of order 4 in half steps, centred and scaled."""
    states = np.random.default_rng(seed).normal(size=(count, 3)) * 5 + MEAN
    found = np.empty((count, steps, 3))
    for k in range(-transient, steps):
        if k >= 0:
            found[:, k] = states
        for _ in range(2):
            states = _step(states, DT / 2)
    return (found - MEAN) / SCALE


def _slope(states: Any) -> Any:
    x, y, z = states.T
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)


def _step(s: Any, dt: float) -> Any:
    a = _slope(s)
    b = _slope(s + dt / 2 * a)
    c = _slope(s + dt / 2 * b)
    return s + dt / 6 * (a + 2 * b + 2 * c + _slope(s + dt * c))


def divergence(true: Any, generated: Any) -> float:
    """Give D_stsp, the Kullback-Leibler divergence in nats of how often two clouds [steps, 3] visit each bin.

    The grid has BINS bins an axis over the range of `true` and a tenth of a standard deviation beyond; each bin counts
    SMOOTHING more visits than it has (Hess et al. 2023, Generalized Teacher Forcing, and the program beside it).
    """
    margin = 0.1 * true.std(axis=0)
    edges = [np.linspace(low, high, BINS + 1) for low, high in zip(
        true.min(axis=0) - margin, true.max(axis=0) + margin, strict=True)]
    p, q = (_smoothed(np.histogramdd(cloud, edges)[0]) for cloud in (true, generated))
    return float(np.sum(p * np.log(p / q)))


def _smoothed(visits: Any) -> Any:
    return (visits + SMOOTHING) / (visits.sum() + SMOOTHING * visits.size)
