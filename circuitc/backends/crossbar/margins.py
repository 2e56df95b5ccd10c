"""Worst cases over all binary inputs, exactly: what a gate's current can be on either side of its threshold.

A sensed current is linear in the input bits, I(b) = sum e_i b_i (in units of one level step), and so is the sum
S(b) = sum w_i b_i that it stands for. The greatest and the least current for each value of S are found by dynamic
programming over the inputs, so a margin is not a bound but the truth, with inputs that attain it. Where the sums take
more than `MOST_SUMS` values, the deviations from the best-fitting gain are added up instead: a bound, in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bits = NDArray[np.bool_]

MOST_SUMS = 4096
ROUNDING = 1e-9   # level steps: a margin must pass what doubles may have lost


@dataclass(frozen=True, slots=True)
class Gate:
    """What a comparator needs for `S >= least`, and how near the two sides come.

    `reference` is the current at which the two sides are best told apart, `margin` half of the gap between them: the
    gate is right for every input as long as comparator and devices err by less. `below` and `above` are inputs that
    come nearest. A gate whose answer never changes has an infinite margin and no such inputs.
    """

    reference: float
    margin: float
    below: Bits | None = None
    above: Bits | None = None
    exact: bool = True

    @property
    def certified(self) -> bool:
        """True where every input is decided rightly."""
        return self.margin > ROUNDING

    def about(self, reference: float) -> Gate:
        """Give the margin that is left with another reference: the distance from it to the nearer side."""
        return replace(self, reference=reference, margin=self.margin - abs(reference - self.reference))


@dataclass(frozen=True, slots=True)
class Sum:
    """How a column's current is read as a number: S ~ gain * I; `error` is the most it is wrong by, at `witness`."""

    gain: float
    error: float
    witness: Bits

    @property
    def certified(self) -> bool:
        """True where rounding to the nearest whole number gives S for every input."""
        return self.error < 0.5 - ROUNDING


def gate_margin(weights: Integers, currents: Floats, least: int, one: Floats | None = None,
                zero: Floats | None = None) -> Gate:
    """Find the reference and the margin of a gate `sum(weights[b]) >= least`.

    `currents` are the contributions of the inputs at 1. `one` and `zero` widen them: at 1 an input may add
    `currents +- one`, at 0 `+- zero` (windows of the conductances; none where left out).
    """
    up = np.zeros_like(currents) if one is None else one
    idle = np.zeros_like(currents) if zero is None else zero
    lowest, highest = int(weights[weights < 0].sum()), int(weights[weights > 0].sum())
    if least <= lowest or least > highest:
        return Gate(-np.inf if least <= lowest else np.inf, np.inf)
    if highest - lowest >= MOST_SUMS:
        return _bound(weights, currents, least, up, idle)
    most, chosen_most = _extremes(weights, currents + up, idle, lowest, highest)
    negative, chosen_least = _extremes(weights, up - currents, idle, lowest, highest)
    cut = least - lowest
    low, high = int(np.argmax(most[:cut])), cut + int(np.argmax(negative[cut:]))
    below, above = float(most[low]), float(-negative[high])
    return Gate((below + above) / 2, (above - below) / 2, _trace(weights, chosen_most, low),
                _trace(weights, chosen_least, high))


def with_one_reference(gate: Gate, window: Gate) -> tuple[Gate, Gate]:
    """Give both gates the reference that a comparator gets, which is one.

    Windows widen the two sides unevenly, so the middle between those is not the middle between the targets': it is
    taken where it makes the window certain (the targets lie inside), else the targets'.
    """
    if not np.isfinite(gate.margin):
        return gate, window
    return (gate.about(window.reference), window) if window.certified else (gate, window.about(gate.reference))


def sum_error(weights: Integers, currents: Floats, one: Floats | None = None, zero: Floats | None = None,
              gain: float | None = None) -> Sum:
    """Find the worst error of a column's reading over all inputs, with an input that has it.

    The gain is the one that reads the column best, or the one given; `one` and `zero` are windows, as for gates.
    """
    gain = _best_gain(weights, currents) if gain is None else gain
    up = np.zeros_like(currents) if one is None else gain * one
    idle = np.zeros_like(currents) if zero is None else gain * zero
    deviation = gain * currents - weights
    above, below = np.maximum(deviation + up, idle), np.maximum(up - deviation, idle)
    most, least = float(above.sum()), float(below.sum())
    return Sum(gain, max(most, least), deviation + up > idle if most >= least else up - deviation > idle)


def _extremes(weights: Integers, at_one: Floats, at_zero: Floats, lowest: int, highest: int) -> tuple[Floats, Bits]:
    """Give for each sum the greatest total, and for each input and sum whether that input is 1 there."""
    best = np.full(highest - lowest + 1, -np.inf)
    best[-lowest] = 0.0
    chosen = np.zeros((len(weights), len(best)), dtype=bool)
    for i, (w, one, zero) in enumerate(zip(weights.tolist(), at_one.tolist(), at_zero.tolist(), strict=True)):
        moved = np.full_like(best, -np.inf)
        if w >= 0:
            moved[w:] = best[:len(best) - w] + one
        else:
            moved[:w] = best[-w:] + one
        stay = best + zero
        chosen[i] = moved > stay
        best = np.maximum(moved, stay)
    return best, chosen


def _trace(weights: Integers, chosen: Bits, place: int) -> Bits:
    """Walk back to the inputs that lead to a sum."""
    bits = np.zeros(len(weights), dtype=bool)
    for i in range(len(weights) - 1, -1, -1):
        bits[i] = chosen[i, place]
        place -= int(weights[i]) if bits[i] else 0
    return bits


def _bound(weights: Integers, currents: Floats, least: int, one: Floats, zero: Floats) -> Gate:
    """Bound the two sides by all deviations that go the wrong way."""
    gain = _best_gain(weights, currents)
    deviation = gain * currents - weights
    above = np.maximum(deviation + gain * one, gain * zero)
    below = np.maximum(gain * one - deviation, gain * zero)
    high, low = least - 1 + float(above.sum()), least - float(below.sum())
    return Gate((low + high) / 2 / gain, (low - high) / 2 / gain, above > gain * zero, below > gain * zero, exact=False)


def _best_gain(weights: Integers, currents: Floats) -> float:
    """Give the gain u that makes sum |u e - w| least: a weighted median of w / e."""
    used = currents != 0
    if not np.any(used & (weights != 0)):
        return 1.0
    ratio, mass = weights[used] / currents[used], np.abs(currents[used])
    order = np.argsort(ratio, kind="stable")
    middle = np.searchsorted(np.cumsum(mass[order]), mass.sum() / 2)
    gain = float(ratio[order][min(int(middle), len(order) - 1)])
    return gain if gain > 0 else 1.0
