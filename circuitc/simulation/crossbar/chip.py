"""One array as it was measured: its tiles solved, and what each output deserves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.design import Design
from circuitc.backends.crossbar.margins import ROUNDING, Gate, Sum, sum_error
from circuitc.backends.crossbar.readout import Column, Output, tile_columns
from circuitc.backends.crossbar.tile import Tile

from .redesign import with_outputs, with_tiles
from .schema import MapFile, OutputMap

Bits = NDArray[np.bool_]
_MOST_SHOWN = 64   # inputs; of wider regions a witness lists those that are 1


@dataclass(frozen=True)
class Standing:
    """What is found of one output.

    `as_set`: right for every input with the references and gains of the bundle. `certified`: so with those that suit
    what was measured best. `margin` is that certificate's, in level steps: below zero it is wrong for some input, and
    `witness` says for which (for a comparator, two inputs that no reference tells apart).
    """

    region: str
    output: int
    as_set: bool
    certified: bool
    margin: float | None
    witness: tuple[str, ...] = ()
    why: str = ""

    @property
    def name(self) -> str:
        return f"@{self.region} y{self.output}"


@dataclass(frozen=True)
class Chip:
    """A design with what was measured of it, and the signals of each of its tiles."""

    design: Design
    solved: tuple[tuple[Column, ...], ...]

    @staticmethod
    def of(design: Design) -> Chip:
        """Solve every tile."""
        solved = tuple(_solve(design, k) for k in range(design.tiles))
        return Chip(with_outputs(design, solved), solved)

    def with_tiles(self, tiles: Sequence[Tile]) -> Chip:
        """Put other tiles in, and solve those that are not the same object."""
        design = with_tiles(self.design, tiles)
        solved = tuple(self.solved[k] if tile is old else _solve(design, k)
                       for k, (tile, old) in enumerate(zip(tiles, self.design.all_tiles, strict=True)))
        return Chip(with_outputs(design, solved), solved)

    def standings(self, said: MapFile) -> list[Standing]:
        """Say what every output deserves; `said` holds the references and gains that are set."""
        regions = {r.func: r for r in said.regions}
        return [_standing(m.name, o, regions[m.name].outputs[o.index], m.mapped.region.inputs)
                for m in self.design.regions for o in m.outputs]


def _solve(design: Design, number: int) -> tuple[Column, ...]:
    mounted = next(m for m in design.regions if m.first <= number < m.first + len(m.mapped.tiles))
    return tuple(tile_columns(mounted.mapped, number - mounted.first, design.array))


def _standing(region: str, output: Output, said: OutputMap, inputs: int) -> Standing:
    certified = output.window
    if output.kind == "constant":
        return Standing(region, output.index, certified, certified, None)
    if output.gate_window is not None:
        gate, column = output.gate_window, output.columns[0]
        witness = () if certified else tuple(_spelled(column, bits, inputs) for bits in (gate.below, gate.above))
        as_set = output.right and _gate_as_set(gate, column, said)
        margin = gate.margin if np.isfinite(gate.margin) else None
    else:
        worst = _worst(output)
        witness = () if certified or worst is None else (_spelled(worst[0], worst[1].witness, inputs),)
        as_set = output.right and output.lossless and _sums_as_set(output, said)
        margin = None if worst is None else 0.5 - worst[1].error
    why = "" if certified else "wrong weights" if not output.right else "margin" if output.lossless else "bits"
    return Standing(region, output.index, as_set, certified, margin, witness, why)


def _gate_as_set(gate: Gate, column: Column, said: OutputMap) -> bool:
    """Tell whether the reference that is set lies between the two sides."""
    if said.kind != "comparator" or said.reference is None or not np.isfinite(gate.margin):
        return said.kind == "comparator" and gate.certified
    return abs(said.reference - column.constant - gate.reference) < gate.margin - ROUNDING


def _sums_as_set(output: Output, said: OutputMap) -> bool:
    """Tell whether the gains and offsets that are set read every sum of an output rightly."""
    if said.kind != "adc" or len(said.terms) != len(output.columns):
        return False
    terms = {(t.tile, t.slice): t for t in said.terms}
    first = min(t.tile for t in said.terms) - min(c.tile for c in output.columns)
    for column in output.columns:
        term = terms.get((column.tile + first, column.slice))
        if term is None or term.gain is None or term.offset is None:
            return False
        found = sum_error(column.digits, column.currents, column.driven, column.idle, term.gain).error
        if not found + term.gain * abs(column.constant - term.offset) < 0.5 - ROUNDING:
            return False
    return True


def _worst(output: Output) -> tuple[Column, Sum] | None:
    pairs = list(zip(output.columns, output.sums_window, strict=True))
    return max(pairs, key=lambda p: p[1].error) if pairs else None


def _spelled(column: Column, bits: Bits | None, inputs: int) -> str:
    """Spell an input of the region: a digit for each of its bits, or which of them are 1."""
    if bits is None:
        return ""
    whole: Any = np.zeros(inputs, dtype=bool)
    whole[column.inputs] = bits
    if inputs <= _MOST_SHOWN:
        return "".join("1" if b else "0" for b in whole)
    return "x" + " x".join(map(str, np.flatnonzero(whole).tolist()))
