"""Reservoirs on arrays as they are: what devices weigh, how strongly to read them, a readout trained on their states.

Only the readout of a reservoir is trained, so devices need not be what was asked of them (Tanaka and Nakane 2022), nor
be programmed at all: then one figure for each matrix is set, the gain of its reads, for the spectral radius that the
model has (Jaeger 2001).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.models.reservoir import ridge, spectral_radius

from .bundle import Bundle
from .machine import Currents, Machine, RegionMachine
from .measured_file import measured_text

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Readout:
    """What was fitted: `weights` [outputs, units], `bias` [outputs], and its errors as shares of the deviation."""

    weights: Floats
    bias: Floats
    seen: float     # root mean square error over the deviation of the targets, on the steps it was fitted to,
    unseen: float   # and on the last steps, which it was not


def fit_readout(states: Any, targets: Any, *, washout: int = 100, unseen: int | None = None,
                penalty: float = 1e-6) -> Readout:
    """Fit a readout by ridge regression to states [samples, steps, units] and targets [samples, steps(, outputs)].

    The first `washout` steps of each sample are left out, the last `unseen` (a quarter of them) kept for the error.
    """
    x, y = np.asarray(states, float), np.asarray(targets, float)
    y = y[..., None] if y.ndim == 2 else y
    if x.ndim != 3 or y.ndim != 3 or x.shape[:2] != y.shape[:2]:
        raise error(f"states {list(x.shape)} and targets {list(np.shape(targets))} are not [samples, steps, units] and "
                    "[samples, steps, outputs]")
    steps = x.shape[1]
    kept = steps // 4 if unseen is None else unseen
    if washout < 0 or kept < 1 or steps - washout - kept < 1:
        raise error(f"of {steps} steps, {washout} to wash out and {kept} unseen leave none to fit to",
                    help="give longer sequences, or a smaller --washout or --unseen")
    if not penalty > 0:
        raise error(f"the penalty of a ridge regression is above 0, got {penalty:g}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise error("a target is not a finite number")
    x_fit, y_fit = (a[:, washout:steps - kept].reshape(-1, a.shape[2]) for a in (x, y))
    x_rest, y_rest = (a[:, steps - kept:].reshape(-1, a.shape[2]) for a in (x, y))
    weights, bias = ridge(x_fit, y_fit, penalty)
    return Readout(weights, bias, _missed(x_fit @ weights.T + bias, y_fit), _missed(x_rest @ weights.T + bias, y_rest))


def _missed(found: Floats, wanted: Floats) -> float:
    deviation = float(wanted.std())
    if deviation == 0:
        raise error("the targets are all the same number, so there is nothing to predict")
    return float(np.sqrt(np.mean((found - wanted) ** 2))) / deviation


def effective_weights(machine: RegionMachine, currents: Currents) -> tuple[Floats, Floats]:
    """Read each input of a region alone: what it adds to each output, [outputs, inputs], and what none of them gives.

    The second is the offset of each signal, a row for each of the region's tiles (padded with zeros).
    """
    inputs, outputs = machine.region.inputs, len(machine.region.outputs)
    bits = np.concatenate([np.zeros((1, inputs), bool), np.eye(inputs, dtype=bool)])
    weights = np.zeros((outputs, inputs))
    offsets = np.zeros((len(machine.terms), max((len(t.output) for t in machine.terms), default=0)))
    for k, terms in enumerate(machine.terms):
        signals = currents(terms.tile, machine.wordlines(terms, bits)) @ terms.sense
        offsets[k, :len(terms.output)] = signals[0]
        worth = terms.factor * terms.gain
        np.add.at(weights, terms.output, ((signals[1:] - signals[0]) * worth).T)
    return weights, offsets


def read_as_they_are(machine: Machine, currents: Currents) -> Machine:
    """Set what an array that nobody programmed needs: offsets to what no input gives, and one gain for each matrix.

    With the gain a square matrix has the spectral radius that it has in the model, any other the root of the sum of
    squares.
    """
    regions: dict[str, RegionMachine] = {}
    for name, region in machine.regions.items():
        if any(np.isfinite(t.reference).any() for t in region.terms):
            raise error(f"@{name} is a layer of gates with comparators: there is no gain to set",
                        help="reservoirs whose sums are converted can be read as they are")
        weights, offsets = effective_weights(region, currents)
        wanted, found = (_size(w) for w in (region.rebuilt.weights.astype(float), weights))
        if found == 0:
            raise error(f"@{name}: the devices measured give no signal at all")
        terms = tuple(replace(t, gain=t.gain * wanted / found, offset=offsets[k, :len(t.output)])
                      for k, t in enumerate(region.terms))
        regions[name] = replace(region, terms=terms)
    return replace(machine, regions=regions)


def _size(weights: Floats) -> float:
    rows, columns = weights.shape
    radius = spectral_radius(weights) if rows == columns else 0.0
    return radius if radius > 1e-9 else float(np.linalg.norm(weights))


def sampled_map(bundle: Bundle, seed: int, sigma: float, *, unprogrammed: bool = False) -> str:
    """Draw the conductances of the devices in use as a CSV file `tile,row,col,g_S`, where a lab would measure them.

    Each is lognormal with this sigma about its target; `unprogrammed`, about the middle (geometric) of the levels.
    """
    if not 0 <= sigma <= 10:
        raise error(f"a sigma is 0 to 10, got {sigma:g}")
    places = bundle.table.used()
    middle = float(np.sqrt(bundle.siemens[0] * bundle.siemens[-1]))
    targets = np.array([middle if unprogrammed else bundle.conductances[p] for p in places])
    factor = np.exp(sigma * np.random.default_rng([seed, 0x5A3]).standard_normal(len(places)))
    return measured_text(places, targets * factor)
