"""Choose a region's encoding: map it in each that fits, and count what reading it would take."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from circuitc.diagnostics import CircuitError

from .array import Array
from .encoding import ENCODINGS
from .mapping import map_region
from .readout import read_outputs
from .regions import Region
from .tile import NONE

EFFORT = 2000   # of packing, and
SOLVED = 4      # tiles that are solved, for an estimate


@dataclass(frozen=True, slots=True, order=True)
class Cost:
    """What an encoding takes, the most important first.

    `uncertain` is the share of sensed signals that are not certified nominal, of the first tiles, wires included; or of
    outputs that are not certified in their windows, where that is asked for.
    """

    uncertain: float
    decisions: int     # of comparators and converters, for one read of all tiles
    tiles: int
    devices: int

    def __str__(self) -> str:
        return f"{self.decisions} decisions a read, {self.tiles} tiles, {self.devices} devices" + (
            f", {self.uncertain:.0%} uncertain" if self.uncertain else "")


def chosen_encoding(region: Region, array: Array, certify: str = "") -> tuple[str, str]:
    """Give the name of the cheapest encoding and why: what each that fits would cost.

    With `certify` "window" what counts first is how many outputs are certified anywhere in their windows. Of equal ones
    the first in the table is taken.
    """
    costs: dict[str, Cost] = {}
    refused: CircuitError | None = None
    for name in ENCODINGS:
        try:
            costs[name] = _cost(region, array, name, certify == "window")
        except CircuitError as e:
            refused = refused or e
    if not costs:
        assert refused is not None
        raise refused
    best = min(costs, key=lambda name: costs[name])
    others = "; ".join(f"{name}: {cost}" for name, cost in costs.items() if name != best)
    return best, f"{costs[best]}" + (f" ({others})" if others else "")


def _cost(region: Region, array: Array, name: str, window: bool) -> Cost:
    mapped = map_region(region, array, wish=name, effort=EFFORT)
    certain: list[bool] = []
    for output in read_outputs(replace(mapped, tiles=mapped.tiles[:SOLVED]), array):
        if not output.columns:   # it lies on tiles that were not solved, or never changes
            continue
        if window:   # a signal of several is worth nothing if the others are not certain
            certain.append(all(s.certified for s in output.sums_window) if output.gate_window is None else
                           output.gate_window.certified)
        else:
            certain += [s.certified for s in output.sums] if output.gate is None else [output.gate.certified]
    decisions = sum(len(np.unique(np.stack([t.column_output, t.column_slice])[:, t.column_output != NONE], axis=1).T)
                    for t in mapped.tiles)
    return Cost(1 - sum(certain) / len(certain) if certain else 0.0, decisions, len(mapped.tiles),
                sum(int(t.used.sum()) for t in mapped.tiles))
