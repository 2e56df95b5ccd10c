"""Solve the tiles of a bundle again, and compare what follows with what its map says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.margins import gate_margin, sum_error, with_one_reference
from circuitc.backends.crossbar.sensitivity import window_bounds
from circuitc.backends.crossbar.transfer import transfer_matrix

from .bundle import Bundle, drives, sense
from .rebuild import rebuild_region
from .schema import OutputMap, RegionMap, TermMap, TileMap

Floats = NDArray[np.float64]
_TOLERANCE = 1e-6   # between solutions on two machines, relative to the largest of a tile


@dataclass(frozen=True)
class Solved:
    """One term's inputs, the digits that it stands for, its currents in level steps, and how far windows move them."""

    inputs: NDArray[np.int64]
    digits: NDArray[np.int64]
    currents: Floats
    offset: float
    one: Floats
    zero: Floats


@dataclass(frozen=True)
class Finding:
    """What an output is found to deserve: certified with the target conductances, and with any in their windows."""

    region: str
    output: int
    nominal: bool
    window: bool
    faults: tuple[str, ...]


def findings(bundle: Bundle) -> Iterator[Finding]:
    """Certify every output anew from the levels; where the map says something else, that is a fault."""
    for region in bundle.map.regions:
        solved = {tile.id: _Solver(bundle, tile) for tile in bundle.tiles_of(region)}
        rebuilt = rebuild_region(bundle, region)
        for output in region.outputs:
            yield _finding(bundle, region, output, rebuilt.weights[output.index],
                           [solved[t.tile].term(t, output.index, region) for t in output.terms])


class _Solver:
    """One tile, solved for all of its signals at once."""

    def __init__(self, bundle: Bundle, tile: TileMap) -> None:
        self.lines, self.inputs, self.inverse = drives(tile)
        self.levels = bundle.levels[tile.id]
        g = bundle.conductances[tile.id]
        self.transfer = transfer_matrix(g, bundle.wires)
        terms = [(r.func, o.index, t) for r in bundle.map.regions for o in r.outputs for t in o.terms
                 if t.tile == tile.id]
        self.place = {(output, term.slice): k for k, (_, output, term) in enumerate(terms)}
        self.sense = np.array([sense(t, bundle.shape[1]) for _, _, t in terms]).reshape(-1, bundle.shape[1]).T
        bounds = window_bounds(g, bundle.half_windows[tile.id], self.sense, bundle.wires)
        self.signals, self.one, self.zero = (m / bundle.step for m in (self.transfer @ self.sense, *bounds))

    def term(self, term: TermMap, output: int, region: RegionMap) -> Solved:
        """Give one signal by input, rising."""
        k = self.place[output, term.slice]
        inputs = np.unique(self.inputs)
        at = np.searchsorted(inputs, self.inputs)
        moved = np.where(self.inverse, -1.0, 1.0)
        digits = self.levels[self.lines] @ self.sense[:, k].astype(np.int64)

        def gathered(values: Any) -> Any:
            return np.bincount(at, weights=values, minlength=len(inputs))

        signals, one, zero = (m[self.lines, k] for m in (self.signals, self.one, self.zero))
        return Solved(inputs, np.rint(gathered(moved * digits)).astype(np.int64), gathered(moved * signals),
                      float(signals[self.inverse].sum()), gathered(np.where(self.inverse, zero, one)),
                      gathered(np.where(self.inverse, one, zero)))


def _finding(bundle: Bundle, region: RegionMap, output: OutputMap, weights: NDArray[np.int64], terms: list[Solved],
             ) -> Finding:
    name, faults = f"@{region.func} output {output.index}", list[str]()
    if output.kind == "comparator":
        nominal, window = _comparator(name, output, terms[0], faults)
    elif output.kind == "adc":
        nominal, window = _converted(bundle, name, output, terms, faults)
    else:
        assert output.least is not None, "checked on reading"
        nominal = window = not int(weights[weights < 0].sum()) < output.least <= int(weights[weights > 0].sum())
    for word, found, stated in (("nominal", nominal, output.nominal), ("window", window, output.window)):
        if stated and not found:
            faults.append(f"{name} is not certified {word}, the map says that it is")
    return Finding(region.func, output.index, nominal and output.nominal, window and output.window, tuple(faults))


def _comparator(name: str, output: OutputMap, term: Solved, faults: list[str]) -> tuple[bool, bool]:
    assert output.least is not None, "checked on reading"
    gate, window = with_one_reference(gate_margin(term.digits, term.currents, output.least),
                                      gate_margin(term.digits, term.currents, output.least, term.one, term.zero))
    scale = max(1.0, float(np.abs(term.currents).sum()))
    reference = gate.reference + term.offset
    _compare(name, "reference", output.reference, reference, scale, faults)
    _compare(name, "margin", output.margin, gate.margin, scale, faults)
    _compare(name, "margin_window", output.margin_window, window.margin, scale, faults)
    off = abs(reference - (reference if output.reference is None else output.reference))
    return gate.certified and off < gate.margin, window.certified and off < window.margin


def _converted(bundle: Bundle, name: str, output: OutputMap, terms: list[Solved], faults: list[str],
               ) -> tuple[bool, bool]:
    amp = bundle.map.physics.sense_amp
    nominal = window = True
    for said, term in zip(output.terms, terms, strict=True):
        found, wider = (sum_error(term.digits, term.currents, *bounds, gain=said.gain)
                        for bounds in ((None, None), (term.one, term.zero)))
        scale = max(1.0, float(np.abs(term.currents).sum()))
        _compare(name, "gain", said.gain, sum_error(term.digits, term.currents).gain, 1.0, faults)
        _compare(name, "offset", said.offset, term.offset, scale, faults)
        _compare(name, "error", said.error, found.error, scale, faults)
        _compare(name, "error_window", said.error_window, wider.error, scale, faults)
        bits = int(np.abs(term.digits).sum()).bit_length()
        if said.bits != bits:
            faults.append(f"{name}: bits is {said.bits}, its sums need {bits}")
        room = amp.kind == "ideal" or bits <= amp.adc_bits
        nominal, window = nominal and found.certified and room, window and wider.certified and room
    return nominal, window


def _compare(name: str, what: str, stated: float | None, found: float, scale: float, faults: list[str]) -> None:
    if stated is None or not abs(stated - found) <= _TOLERANCE * scale:
        faults.append(f"{name}: {what} is {stated}, the devices ask for {found:.9g}")
