"""Certificates against brute force: every state of a tile's inputs, through its exact transfer matrix.

A certificate is worked out without trying inputs (margins.py). Here they are all tried, on tiles that few inputs drive:
what is certified must never be read wrong, and the margin or error that is stated must be met by its witness.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.transfer import transfer_matrix

from .bundle import Bundle
from .machine import terms_of
from .schema import OutputMap, RegionMap, TermMap, TileMap

Floats = NDArray[np.float64]
MOST_INPUTS = 16   # of a tile: 65,536 states
TOLERANCE = 1e-9   # of statements, as a share of the largest signal: they are printed with eleven digits


@dataclass(frozen=True, slots=True)
class Tried:
    """One sensed signal in every state of its tile's inputs, all of which count: an off device conducts too.

    `wrong` counts the states that are read wrong. `worst` is the truth over all states, `stated` what the map says, and
    `met` what the map's witness attains: for a comparator the distance from its reference to the nearest signal (below
    zero: on the wrong side), for a conversion the error before rounding. In level steps; `scale` is the largest signal
    that there can be.
    """

    region: RegionMap
    output: OutputMap
    term: TermMap
    states: int
    wrong: int
    worst: float
    stated: float
    met: float
    scale: float

    @property
    def certified(self) -> bool:
        """What the map states of this signal makes it right for every input (an output may have others)."""
        return self.stated > 0 if self.output.kind == "comparator" else self.stated < 0.5

    @property
    def certified_window(self) -> bool:
        """Likewise for conductances anywhere in their windows."""
        if self.output.kind == "comparator":
            return (self.output.margin_window or 0.0) > 0
        return self.term.error_window is not None and self.term.error_window < 0.5

    @property
    def discrepancy(self) -> float:
        """By how much what is stated differs from the truth and from what its witness attains, as a share of `scale`.

        Where the margin is a bound only (`exact` is false), by how much it passes the truth.
        """
        missed = self.stated - self.worst
        if self.output.exact is not False:
            missed = max(abs(missed), abs(self.stated - self.met))
        return max(0.0, missed) / max(1.0, self.scale)

    def faults(self) -> Iterator[str]:
        """Say what is wrong: a certified signal that some input is read wrong on, or a statement that is not met."""
        name = f"@{self.region.func} output {self.output.index}, tile {self.term.tile}"
        if self.wrong and self.certified:
            yield f"{name} is certified, and {self.wrong} of {self.states} inputs are read wrong"
        if not self.discrepancy <= TOLERANCE:
            yield f"{name}: {self.stated} is stated, over all inputs it is {self.worst:.11g}"


def exhausted(bundle: Bundle, conductances: Any = None, tiles: Collection[int] | None = None,
              most: int = MOST_INPUTS) -> Iterator[Tried]:
    """Try every state of the inputs on each tile that at most `most` inputs drive (or on those of `tiles`).

    `conductances`, [tiles, rows, cols] in siemens, stand for those of the bundle where given (devices elsewhere in
    their windows); references, gains and offsets are the map's. Outputs that never change are not sensed, so not tried.
    """
    g = bundle.conductances if conductances is None else conductances
    for region in bundle.map.regions:
        for tile in bundle.tiles_of(region):
            inputs = {i for i in tile.row_in if i is not None}
            if len(inputs) <= most and (tiles is None or tile.id in tiles):
                yield from _tile(bundle, region, tile, g[tile.id])


def _tile(bundle: Bundle, region: RegionMap, tile: TileMap, g: Floats) -> Iterator[Tried]:
    terms = terms_of(bundle, region, tile)
    at = np.unique(terms.inputs, return_inverse=True)[1]
    signals = transfer_matrix(g, bundle.wires)[terms.lines] @ terms.sense / bundle.step
    levels = bundle.levels[tile.id][terms.lines] @ terms.sense
    moved = np.where(terms.inverse, -1.0, 1.0)
    found = [(o, t) for o in region.outputs if o.kind != "constant" for t in o.terms if t.tile == tile.id]
    for k, (output, term) in enumerate(found):
        # A line that carries an inverse conducts where its input is 0.
        currents = np.bincount(at, moved * signals[:, k]).astype(np.float64)
        digits = np.rint(np.bincount(at, moved * levels[:, k])).astype(np.float64)
        constant = float(signals[terms.inverse, k].sum())
        judge = _compared if output.kind == "comparator" else _converted
        yield judge(region, output, term, currents, constant, digits)


def _compared(region: RegionMap, output: OutputMap, term: TermMap, currents: Floats, constant: float, digits: Floats,
              ) -> Tried:
    assert output.reference is not None, "checked on reading"
    assert output.least is not None
    signals, high = constant + _totals(currents), _totals(digits) >= output.least
    worst = min(signals[high].min(initial=np.inf) - output.reference,
                output.reference - signals[~high].max(initial=-np.inf))
    met = min(constant + _at(output.above, currents) - output.reference,
              output.reference - constant - _at(output.below, currents))
    wrong = int(np.count_nonzero((signals > output.reference) != high))
    return Tried(region, output, term, len(signals), wrong, float(worst), _number(output.margin), met,
                 float(np.abs(signals).max()))


def _converted(region: RegionMap, output: OutputMap, term: TermMap, currents: Floats, constant: float, digits: Floats,
               ) -> Tried:
    assert term.gain is not None, "checked on reading"
    assert term.offset is not None
    off = constant - term.offset
    sums = _totals(digits)
    errors = term.gain * (_totals(currents) + off) - sums
    met = abs(term.gain * (_at(term.witness, currents) + off) - _at(term.witness, digits))
    wrong = int(np.count_nonzero(np.rint(errors)))
    return Tried(region, output, term, len(sums), wrong, float(np.abs(errors).max()), _number(term.error), met,
                 float(np.abs(sums).max()))


def _totals(contributions: Floats) -> Floats:
    """Give the total of every state of the inputs: bit i of a state's number says whether input i is 1."""
    totals = np.zeros(1)
    for each in contributions.tolist():
        totals = np.concatenate([totals, totals + each])
    return totals


def _at(witness: str | None, contributions: Floats) -> float:
    if witness is None or len(witness) != len(contributions):
        return float("nan")
    return float(np.array([b == "1" for b in witness]) @ contributions)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


__all__ = ["MOST_INPUTS", "TOLERANCE", "Tried", "exhausted"]
