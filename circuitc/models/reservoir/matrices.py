"""Matrices of reservoirs: drawn from a seed, laid out in space, or read from conductances; and the readout's fit.

The same seed gives the same matrix with numpy's default generator (PCG64).
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error

Floats = NDArray[np.float64]
MAX_WEIGHTS = 1 << 24  # of a drawn matrix: 128 MB as doubles

# The chance of a synapse that NALSM takes, by [receiver, sender], 0 inhibitory and 1 excitatory: C_EE .2, C_EI .1,
# C_IE .3, C_II .05, where C_EI is read as from an excitatory to an inhibitory neuron.
_CHANCE = np.array([[0.05, 0.1], [0.3, 0.2]])


def spectral_radius(weights: Floats) -> float:
    """Give the largest magnitude among the eigenvalues of a square matrix."""
    return float(np.abs(np.linalg.eigvals(weights)).max())


def sparse_matrix(rows: int, columns: int, density: float = 1.0, scale: float = 1.0, radius: float | None = None,
                  seed: int = 0) -> Floats:
    """Draw weights in [-scale, scale], a share `density` of them not 0; `radius` scales to that spectral radius."""
    _check_size(rows, columns)
    _check_share(density)
    if radius is not None and not radius > 0:
        raise error(f"a spectral radius is above 0, got {radius}")
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-scale, scale, (rows, columns)) * (rng.random((rows, columns)) < density)
    if radius is None:
        return weights
    if rows != columns:
        raise error("a spectral radius is that of a square matrix")
    found = spectral_radius(weights)
    if found < 1e-12:
        raise error("the matrix that was drawn has no spectral radius to scale", help="take another seed or density")
    return weights * (radius / found)


def liquid_matrices(grid: tuple[int, int, int], inputs: int, seed: int = 0, *, distance: float = 3.0,
                    excitatory: float = 0.8, weight: float = 20.0, input_weight: float = 20.0,
                    input_density: float = 0.15) -> tuple[Floats, Floats]:
    """Draw a liquid on a grid of neurons: recurrent weights [neurons, neurons] and those of inputs [neurons, inputs].

    Two neurons at distance D are joined with chance C exp(-(D / distance)^2), C by their kinds; weights are
    `weight` times a uniform number in [0, 1), negative from inhibitory neurons. Inputs reach a share of the neurons,
    with either sign.
    """
    count = prod(grid)
    _check_size(count, count)
    _check_size(count, inputs)
    _check_share(input_density)
    if not distance > 0:
        raise error(f"the distance of a liquid is above 0, got {distance}")
    rng = np.random.default_rng(seed)
    place = np.array(list(product(*map(range, grid))), float)
    excites = rng.random(count) < excitatory
    apart = sum((np.subtract.outer(axis, axis) ** 2 for axis in place.T), np.zeros((count, count)))
    kinds = excites.astype(np.int64)
    chance = _CHANCE[kinds[:, None], kinds[None]] * np.exp(-apart / distance**2)
    joined = rng.random((count, count)) < chance
    np.fill_diagonal(joined, False)
    size = weight * rng.random((count, count)) * np.where(excites, 1, -1)
    reached = rng.random((count, inputs)) < input_density
    sign = rng.choice([-1.0, 1.0], (count, inputs))
    return joined * size, np.asarray(reached * sign * input_weight, np.float64)


def _check_size(rows: int, columns: int) -> None:
    if min(rows, columns) < 1 or rows * columns > MAX_WEIGHTS:
        raise error(f"a matrix that is drawn has 1 to {MAX_WEIGHTS} weights, got {rows} x {columns}")


def _check_share(density: float) -> None:
    if not 0 < density <= 1:
        raise error(f"a density is above 0 and at most 1, got {density}")


def conductance_weights(positive: Any, negative: Any, unit: float) -> Floats:
    """Give weights from pairs of conductances in siemens: (positive - negative) / unit."""
    positive, negative = np.asarray(positive, float), np.asarray(negative, float)
    if positive.shape != negative.shape or positive.ndim != 2:
        raise error(f"a differential pair has two matrices of one shape, got {list(positive.shape)} and "
                    f"{list(negative.shape)}")
    if positive.min() < 0 or negative.min() < 0:
        raise error("a conductance below 0 was given")
    if not unit > 0:
        raise error(f"the conductance of weight 1 is above 0, got {unit}")
    return (positive - negative) / unit


def ridge(states: Any, targets: Any, penalty: float) -> tuple[Floats, Floats]:
    """Fit a linear readout: weights [outputs, units] and bias [outputs] for states [samples, units].

    Minimises the squared error plus `penalty` times the squared weights, the bias left free.
    """
    x, y = np.asarray(states, float), np.asarray(targets, float)
    y = y.reshape(len(y), -1)
    middle, level = x.mean(axis=0), y.mean(axis=0)
    centred = x - middle
    solved: Floats = np.linalg.solve(centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T @ (y - level)).T
    bias: Floats = level - solved @ middle
    return solved, bias
