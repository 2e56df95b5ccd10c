"""Run a program whose regions are computed by the tiles of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.regions import Layout
from circuitc.ir import Module, run

from .bundle import Bundle, drives, sense
from .rebuild import Rebuilt, rebuild_region
from .schema import OutputMap, RegionMap, TileMap

Floats = NDArray[np.float64]
# Currents out of wordline states: [reads, rows] of 0 and 1, on tile `number`, to [reads, cols] of bitline currents in
# units of one level step.
Currents = Callable[[int, Any], Floats]


@dataclass(frozen=True)
class Terms:
    """The sensed signals of one tile: the factors of its bitlines, and what becomes of each signal."""

    tile: int
    lines: NDArray[np.int64]      # driven wordlines,
    inputs: NDArray[np.int64]     # what drives each,
    inverse: NDArray[np.bool_]    # and whether it does so inverted
    sense: Floats                 # [cols, terms]
    output: NDArray[np.int64]     # of each term
    factor: NDArray[np.int64]     # base ** slice of each term
    gain: Floats
    offset: Floats
    reference: Floats             # of comparators; converted terms have none (nan)

    @cached_property
    def compared(self) -> NDArray[np.int64]:
        """The terms that a comparator decides."""
        return np.flatnonzero(np.isfinite(self.reference))

    @cached_property
    def digits(self) -> list[tuple[int, NDArray[np.int64]]]:
        """The other terms by the worth of their digits; an output has one of each."""
        converted = ~np.isfinite(self.reference)
        return [(factor, np.flatnonzero(converted & (self.factor == factor)))
                for factor in np.unique(self.factor[converted]).tolist()]


@dataclass(frozen=True)
class RegionMachine:
    """A region on its tiles: from bits on wordlines over currents to decisions and sums."""

    region: RegionMap
    rebuilt: Rebuilt
    terms: tuple[Terms, ...]
    rows: int
    most_code: float              # the highest code of a converter; infinite where it is ideal

    def __call__(self, x: Any, currents: Currents) -> Any:
        """Answer [samples, *shape of y] for raw inputs [samples, *shape of x]."""
        region, said = self.region, self.region.layout
        layout = Layout(tuple(said.x_shape), tuple(said.x_order), tuple(said.y_shape), tuple(said.y_order))
        reads = layout.reads(x, region.inputs).reshape(-1, region.inputs)
        sums = np.zeros((len(reads), len(region.outputs)), dtype=np.int64)
        decisions = np.zeros(sums.shape, dtype=bool)
        for k, factor in enumerate(region.planes):
            bits = reads > 0 if region.spins else (reads.astype(np.int64) >> k & 1) != 0
            for terms in self.terms:
                signals = currents(terms.tile, self.wordlines(terms, bits)) @ terms.sense
                at = terms.compared
                decisions[:, terms.output[at]] = signals[:, at] > terms.reference[at]
                codes = np.rint(terms.gain * (signals - terms.offset))
                codes = np.clip(codes, -self.most_code, self.most_code).astype(np.int64)
                for digit, of in terms.digits:
                    sums[:, terms.output[of]] += factor * digit * codes[:, of]
        answer = self._answers(sums, decisions)
        samples = len(np.asarray(x).reshape(-1, *said.x_shape))
        return layout.result(answer.reshape(samples, region.times, len(region.outputs)))

    def wordlines(self, terms: Terms, bits: Any) -> Any:
        """Drive a tile's lines, [reads, rows] of 0 and 1, for bits of the region's inputs, [reads, inputs]."""
        lines = np.zeros((len(bits), self.rows))
        lines[:, terms.lines] = bits[:, terms.inputs] != terms.inverse
        return lines

    def _answers(self, sums: Any, decisions: Any) -> Any:
        """Turn sums and decisions into raw outputs."""
        weights, least = self.rebuilt.weights, self.rebuilt.least
        if least is None:
            return 2 * sums - weights.sum(1) if self.region.spins else sums
        lowest = np.where(weights < 0, weights, 0).sum(1)
        kinds = np.array([o.kind for o in self.region.outputs])
        always = (kinds == "constant") & (least <= lowest)
        high = np.where(kinds == "comparator", decisions, (sums >= least) & (kinds == "adc")) | always
        return np.where(high, 1, -1)


@dataclass(frozen=True)
class Machine:
    """A whole program: its regions on tiles, the rest in the interpreter."""

    module: Module
    bundle: Bundle
    regions: Mapping[str, RegionMachine]

    def run(self, inputs: Mapping[str, Any], currents: Currents) -> dict[str, Any]:
        """Run the program on raw inputs, as the interpreter does, with these currents in its tiles."""
        def stand_in(machine: RegionMachine, values: Mapping[str, Any]) -> dict[str, Any]:
            return {"y": machine(values["x"], currents)}

        stand_ins = {name: lambda values, m=machine: stand_in(m, values) for name, machine in self.regions.items()}
        return run(self.module, inputs, stand_ins=stand_ins)


def machine_of(module: Module, bundle: Bundle, *, ideal: bool = False) -> Machine:
    """Give the machine that a bundle describes; `ideal` reads its digits without converters, references or offsets."""
    amp = bundle.map.physics.sense_amp
    most = float("inf") if ideal or amp.kind == "ideal" else float(2 ** amp.adc_bits - 1)
    regions: dict[str, RegionMachine] = {}
    for region in bundle.map.regions:
        rebuilt = rebuild_region(bundle, region)
        terms = tuple(terms_of(bundle, region, tile) for tile in bundle.tiles_of(region))
        if ideal:
            terms = tuple(ideal_terms(bundle, region, t) for t in terms)
        regions[region.func] = RegionMachine(region, rebuilt, terms, bundle.shape[0], most)
    return Machine(module, bundle, regions)


def terms_of(bundle: Bundle, region: RegionMap, tile: TileMap) -> Terms:
    """Give what a region senses on a tile, outputs rising."""
    found = [(o, t) for o in region.outputs if o.kind != "constant" for t in o.terms if t.tile == tile.id]
    factors = np.array([sense(t, bundle.shape[1]) for _, t in found]).reshape(-1, bundle.shape[1]).T
    return Terms(tile.id, *drives(tile), factors, np.array([o.index for o, _ in found], dtype=np.int64),
                 np.array([region.base ** t.slice for _, t in found], dtype=np.int64),
                 np.array([1.0 if t.gain is None else t.gain for _, t in found]),
                 np.array([t.offset or 0.0 for _, t in found]), np.array([_reference(o) for o, _ in found]))


def _reference(output: OutputMap) -> float:
    return float("nan") if output.kind != "comparator" or output.reference is None else output.reference


def ideal_terms(bundle: Bundle, region: RegionMap, terms: Terms) -> Terms:
    """Read levels as the whole numbers that they are: offsets are those of inverted lines, references half steps."""
    levels = bundle.levels[terms.tile].astype(np.float64)
    offset = levels[terms.lines[terms.inverse]].sum(0) @ terms.sense
    least = np.array([region.outputs[k].least or 0 for k in terms.output.tolist()], dtype=np.float64)
    reference = np.where(np.isfinite(terms.reference), least - 0.5 + offset, np.nan)
    return replace(terms, gain=np.ones(len(offset)), offset=offset, reference=reference)
