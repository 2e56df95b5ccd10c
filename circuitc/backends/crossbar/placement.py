"""Place outputs by margin: which bitlines of its tile each output gets, as an assignment with margins as cost.

Wordlines lose voltage on their way, unevenly over the rows, so what an output's margin is depends on how far from the
drivers it lies; which place does least harm depends on its weights and its threshold. In the quick model of the wires
(approximate.py) a current is alpha G beta: moved to another place an output keeps its beta and takes that place's
alpha, so its margin at every place is known without solving anything. Outputs are assigned to places (Hungarian method)
so that the most come out certain; then alpha is worked out again, for some turns. The tile is solved exactly before and
after, and stays as it was unless more is certified. Tiles with bad devices stay too: there, places dodge those.

Inputs are placed before (placing.py): those with much conductance nearest to the sense nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from .approximate import ladders
from .array import Array
from .mapping import Mapped
from .margins import MOST_SUMS
from .readout import Column, Output, conductances, half_windows, level_step, read_outputs, tile_columns
from .tile import NONE, Tile

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Gain = tuple[int, int]   # outputs certified nominal, and in their windows, that were not before
SAFETY = 0.02   # level steps that a predicted margin must have: what the model is off by
TURNS = 4
REFUSED, UNSURE = 10.0, 3.0   # what a place costs where an output is not certified nominal, and not in its window


def place_by_margin(mapped: Mapped, array: Array) -> tuple[Mapped, list[Output], Gain]:
    """Give a region with outputs moved within their tiles where that certifies more, how it is read, and the gain."""
    solved = [list(tile_columns(mapped, k, array)) for k in range(len(mapped.tiles))]
    outputs = read_outputs(mapped, array, chain(*solved))
    before = _certified(outputs)
    if array.wires.ideal or all(o.window for o in outputs):
        return mapped, outputs, (0, 0)
    compared = {o.index for o in outputs if o.kind == "comparator"}
    for k, tile in enumerate(mapped.tiles):
        if tile.fault.any() or tile.measured is not None or _uneven(tile, solved[k]):
            continue
        moved = _Places(mapped, tile, array, solved[k], compared).assigned()
        if moved is None:
            continue
        tried = replace(mapped, tiles=(*mapped.tiles[:k], moved, *mapped.tiles[k + 1:]))
        columns = list(tile_columns(tried, k, array))
        again = read_outputs(tried, array, chain(*solved[:k], columns, *solved[k + 1:]))
        new, old = ((*_certified(found), _signals(found, k)) for found in (again, outputs))
        if new > old and new[1] >= old[1]:
            mapped, outputs, solved[k] = tried, again, columns
    after = _certified(outputs)
    return mapped, outputs, (after[0] - before[0], after[1] - before[1])


def _certified(outputs: Sequence[Output]) -> Gain:
    return sum(o.nominal for o in outputs), sum(o.window for o in outputs)


def _uneven(tile: Tile, columns: Sequence[Column]) -> bool:
    """Tell whether outputs have unlike numbers of bitlines here: two parts of one output may share a tile."""
    return len({sum(bool(tile.column_output[b] != NONE) for b, _ in c.bitlines) for c in columns}) > 1


def _signals(outputs: Sequence[Output], tile: int) -> Gain:
    """Count the certified signals of a tile: an output that is spread over several needs all of its own."""
    count = np.zeros(2, dtype=np.int64)
    for output in outputs:
        for k, column in enumerate(output.columns):
            if column.tile == tile and output.kind != "constant":
                pair = (output.gate, output.gate_window) if output.gate else (output.sums[k], output.sums_window[k])
                count += [found is not None and found.certified for found in pair]
    return int(count[0]), int(count[1])


@dataclass
class _Places:
    """The places of one tile: groups of bitlines that hold a digit of an output each."""

    mapped: Mapped
    tile: Tile
    array: Array
    columns: list[Column]
    compared: set[int]

    def __post_init__(self) -> None:
        own = self.tile.column_output != NONE
        self.groups = np.array([[b for b, _ in c.bitlines if own[b]] for c in self.columns], dtype=np.int64)
        self.factors = [[f for b, f in c.bitlines if own[b]] for c in self.columns]
        order = np.argsort(self.groups[:, 0], kind="stable")
        self.groups, self.factors = self.groups[order], [self.factors[k] for k in order.tolist()]
        self.columns = [self.columns[k] for k in order.tolist()]
        rows = self.tile.row_input
        self.lines = [self._rows(rows, role) for role in range(len(self.mapped.encoding.row_roles))]

    def _rows(self, rows: Integers, role: int) -> Integers:
        lines = np.flatnonzero((rows != NONE) & (self.tile.row_role == role))
        return lines[np.argsort(rows[lines], kind="stable")]

    def assigned(self) -> Tile | None:
        """Give the tile with its outputs where most of them are predicted certain; None where staying is as good."""
        here = np.arange(len(self.columns))
        now = self._predicted(here)
        from scipy.optimize import linear_sum_assignment  # a tenth of the command's start

        best, most = None, self._sure(now, here)
        if most == tuple(int(np.count_nonzero(m.max(1) > SAFETY)) for m in now):
            return None   # no place makes another output certain
        for start in (here, here[::-1]):
            places = start   # of each column
            for _ in range(TURNS):
                predicted = self._predicted(places)
                sure = self._sure(predicted, places)
                if sure > most:
                    best, most = places, sure
                places = linear_sum_assignment(_cost(predicted))[1]
        return None if best is None else self._moved(self.tile, best)

    def _sure(self, predicted: tuple[Floats, Floats], places: Integers) -> tuple[int, int]:
        nominal, window = (int(np.count_nonzero(m[np.arange(len(places)), places] > SAFETY)) for m in predicted)
        return nominal, window

    def _predicted(self, places: Integers) -> tuple[Floats, Floats]:
        """Predict margins [columns, places], on targets and in windows, by the quick model with columns at `places`."""
        tile = self._moved(self.tile, places)
        g, step = conductances(tile, self.array), level_step(self.array)
        alpha, beta = ladders(g, self.array.wires)
        arriving, loose = g * beta / step, half_windows(tile, self.array) * beta / step
        shared = np.flatnonzero((tile.column_output == NONE) & (tile.column_role != NONE))
        nominal, window = np.empty((len(places), len(places))), np.empty((len(places), len(places)))
        for k, column in enumerate(self.columns):
            own, reference = self.groups[places[k]], shared[tile.column_slice[shared] == column.slice]
            currents = np.zeros((len(places), len(column.inputs)))
            slack = np.zeros((2, len(column.inputs)))   # of inputs at 1, and at 0, whose inverses then conduct
            for role, lines in enumerate(self.lines):
                sign = -1 if role else 1
                for bitlines, bitline, factor in zip(self.groups.T, own, self.factors[k], strict=True):
                    currents += sign * factor * alpha[np.ix_(lines, bitlines)].T * arriving[lines, bitline]
                currents -= sign * (alpha * arriving)[np.ix_(lines, reference)].sum(1)
                slack[role] = loose[np.ix_(lines, np.concatenate([own, reference]))].sum(1)
            nominal[k], window[k] = self._margins(column, currents, *slack)
        return nominal, window

    def _margins(self, column: Column, currents: Floats, one: Floats, zero: Floats) -> tuple[Floats, Floats]:
        """Give a column's margins for currents [places, inputs]; a conversion's is what its error leaves of a half."""
        none = np.zeros_like(one)
        if column.output in self.compared and column.most < MOST_SUMS:
            thresholds = self.mapped.region.thresholds
            assert thresholds is not None, "comparators decide gates"
            least = int(thresholds[column.output])
            return (gaps(column.digits, currents, least, none, none), gaps(column.digits, currents, least, one, zero))
        return spare(column.digits, currents, none, none), spare(column.digits, currents, one, zero)

    def _moved(self, tile: Tile, places: Integers) -> Tile:
        """Move column k's bitlines to place `places[k]`."""
        order = np.arange(tile.level.shape[1])
        order[self.groups[places].ravel()] = self.groups.ravel()
        return replace(tile, level=tile.level[:, order], weight=tile.weight[:, order],
                       compensates=tile.compensates[:, order], column_output=tile.column_output[order],
                       column_role=tile.column_role[order], column_slice=tile.column_slice[order])


def _cost(predicted: tuple[Floats, Floats]) -> Floats:
    """Cost places: dear where nothing is certified, and the dearer the less of half a step is left."""
    nominal, window = predicted
    return REFUSED * (nominal <= SAFETY) + UNSURE * (window <= SAFETY) + np.maximum(0.0, 0.5 - nominal) ** 2


def gaps(weights: Integers, currents: Floats, least: int, one: Floats, zero: Floats) -> Floats:
    """Give the margin of a gate for each of many currents, [places, inputs]: `gate_margin`, all at once."""
    lowest = int(weights[weights < 0].sum())
    cut = least - lowest
    below = _most(weights, currents + one, zero)[:, :cut].max(1)
    above = -_most(weights, one - currents, zero)[:, cut:].max(1)
    return (above - below) / 2


def spare(weights: Integers, currents: Floats, one: Floats, zero: Floats) -> Floats:
    """Give what the error of a reading leaves of half a step, for each of many currents: `sum_error`, all at once."""
    used = currents != 0
    ratio, mass = np.divide(weights, currents, out=np.zeros_like(currents), where=used), np.abs(currents)
    order = np.argsort(ratio, axis=1, kind="stable")
    reached = np.cumsum(np.take_along_axis(mass, order, 1), axis=1)
    middle = np.minimum((reached < reached[:, -1:] / 2).sum(1), currents.shape[1] - 1)
    gain = np.take_along_axis(ratio, np.take_along_axis(order, middle[:, None], 1), 1)
    gain = np.where((gain > 0) & (used & (weights != 0)).any(1, keepdims=True), gain, 1.0)
    deviation, up, idle = gain * currents - weights, gain * one, gain * zero
    above, below = np.maximum(deviation + up, idle).sum(1), np.maximum(up - deviation, idle).sum(1)
    return np.asarray(0.5 - np.maximum(above, below))


def _most(weights: Integers, at_one: Floats, at_zero: Floats) -> Floats:
    """Give the greatest total for each sum, [places, sums]."""
    lowest, highest = int(weights[weights < 0].sum()), int(weights[weights > 0].sum())
    best = np.full((len(at_one), highest - lowest + 1), -np.inf)
    idle = weights == 0
    best[:, -lowest] = np.maximum(at_one[:, idle], at_zero[idle]).sum(1)
    for i in np.flatnonzero(~idle).tolist():
        w = int(weights[i])
        moved = np.full_like(best, -np.inf)
        if w > 0:
            moved[:, w:] = best[:, :-w]
        else:
            moved[:, :w] = best[:, -w:]
        best = np.maximum(best + at_zero[i], moved + at_one[:, [i]])
    return best


__all__ = ["gaps", "place_by_margin", "spare"]
