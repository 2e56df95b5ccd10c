"""Place the digits of one block of outputs on one tile."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoding import Encoded
from .faults import HEALTHY, Placement, attainable_levels, place
from .packing import Block
from .tile import NONE, Integers, Tile

Key = tuple[str, str]  # a row role and a column role


class Placer:
    """Places a block: inputs on groups of wordlines, digits of outputs on groups of bitlines.

    Groups are counted from the good corner: the last wordlines, nearest to the sense nodes, and the first bitlines,
    nearest to the drivers. Inputs and outputs with much conductance come first there, unless faults say otherwise.
    """

    def __init__(self, encoded: Encoded, block: Block, fault: NDArray[np.uint8]) -> None:
        self.encoded, self.fault = encoded, fault
        self.row_roles, self.column_roles = encoded.encoding.row_roles, encoded.encoding.column_roles
        self.shared = encoded.slices if encoded.encoding.shared else 0
        self.keys: list[Key] = list(dict.fromkeys((row, column) for row, _, column in encoded.levels))
        self._order(block)
        self.digits = {key: self._digits(key) for key in self.keys}

    def _order(self, block: Block) -> None:
        """List inputs and (output, slice) columns, those with much conductance first."""
        outputs = np.array([p.output for p in block.parts])
        mask = np.zeros((len(outputs), int(block.inputs[-1]) + 1), dtype=bool)
        for row, part in enumerate(block.parts):
            mask[row, part.inputs] = True
        self.mask = mask[:, block.inputs]
        total = sum(level[np.ix_(outputs, block.inputs)] for level in self.encoded.levels.values()) * self.mask
        rows, columns = np.argsort(-total.sum(0), kind="stable"), np.argsort(-total.sum(1), kind="stable")
        self.inputs, self.mask = block.inputs[rows], self.mask[np.ix_(columns, rows)]
        self.outputs = np.repeat(outputs[columns], self.encoded.slices)
        self.slices = np.tile(np.arange(self.encoded.slices), len(outputs))
        self.mask = np.repeat(self.mask, self.encoded.slices, axis=0)

    def _digits(self, key: Key) -> Integers:
        """Give the wanted levels of one device of each group: [inputs, columns]."""
        by_slice = np.stack([self.encoded.levels[(key[0], s, key[1])] for s in range(self.encoded.slices)])
        return (by_slice[self.slices[:, None], self.outputs[:, None], self.inputs[None, :]] * self.mask).T

    def place(self) -> tuple[Tile, int]:
        """Give the tile, and the sum of the errors that faults leave in its digits."""
        wanted = np.add.reduce([sign(key) * digits for key, digits in self.digits.items()])
        low, high = self._intervals()
        m, n = wanted.shape
        spot = place(wanted, low[:m, :n], high[:m, :n], turns=12 if self.fault.any() else 0)
        if spot.residual:   # the rest of the tile may hold what the good corner cannot
            spot = min(spot, place(wanted, low, high), key=lambda p: p.residual)
        tile = self._tile(wanted, spot)
        return tile, spot.residual + self._reference_errors(tile)

    def _lines(self, rows: Any, columns: Any, key: Key) -> tuple[Any, Any]:
        """Give the wordlines and bitlines of groups of rows and columns, for one device of the group."""
        wordlines = self.fault.shape[0] - 1 - rows * len(self.row_roles) - self.row_roles.index(key[0])
        return wordlines, self.shared + columns * len(self.column_roles) + self.column_roles.index(key[1])

    def _intervals(self) -> tuple[Integers, Integers]:
        """Give the least and the greatest signed digit that each group of devices can hold."""
        rows = np.arange(self.fault.shape[0] // len(self.row_roles))
        columns = np.arange((self.fault.shape[1] - self.shared) // len(self.column_roles))
        low = high = np.zeros((len(rows), len(columns)), dtype=np.int64)
        for key in self.keys:
            bounds = attainable_levels(self.fault[np.ix_(*self._lines(rows, columns, key))], self.encoded.base - 1)
            least, most = bounds if sign(key) > 0 else (-bounds[1], -bounds[0])
            low, high = low + least, high + most
        return low, high

    def _tile(self, wanted: Integers, spot: Placement) -> Tile:
        shape = self.fault.shape
        level, weight = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        row_input, row_role = (np.full(shape[0], NONE) for _ in range(2))
        column_output, column_role, column_slice = (np.full(shape[1], NONE) for _ in range(3))
        tile = Tile(np.zeros(shape, np.uint8), self.fault, weight, np.zeros(shape, dtype=bool), row_input, row_role,
                    column_output, column_role, column_slice)
        held = self._held(wanted, spot)
        for key in self.keys:
            wordlines, bitlines = self._lines(spot.rows, spot.columns, key)
            there = np.ix_(wordlines, bitlines)
            level[there] = held[key]
            tile.compensates[there] = (held[key] != self.digits[key]) & (self.fault[there] == HEALTHY)
            weight[there] = self.encoded.weights[np.ix_(self.outputs, self.inputs)].T * self.mask.T
            tile.row_input[wordlines], tile.row_role[wordlines] = self.inputs, self.row_roles.index(key[0])
            tile.column_output[bitlines], tile.column_slice[bitlines] = self.outputs, self.slices
            tile.column_role[bitlines] = self.column_roles.index(key[1])
        used = tile.row_input != NONE
        for s in range(self.shared):   # the reference holds what every weight was raised by
            level[used, s] = self.encoded.offset // self.encoded.base ** s % self.encoded.base
            tile.column_role[s], tile.column_slice[s] = len(self.column_roles), s
        tile.level[:] = np.clip(level, *attainable_levels(self.fault, self.encoded.base - 1))
        return tile

    def _held(self, wanted: Integers, spot: Placement) -> dict[Key, Integers]:
        """Give the levels that the devices of each group hold: of two, the healthy one makes up for the other."""
        bounds = {key: attainable_levels(self.fault[np.ix_(*self._lines(spot.rows, spot.columns, key))],
                                         self.encoded.base - 1) for key in self.keys}
        first = self.keys[0]
        held = {first: np.clip(self.digits[first], *bounds[first])}
        if len(self.keys) == 2:
            second = self.keys[1]
            held[second] = np.clip(held[first] - wanted, *bounds[second])
            held[first] = np.clip(wanted + held[second], *bounds[first])
        return held

    def _reference_errors(self, tile: Tile) -> int:
        """Count what faults on the reference bitlines do: they touch every output of the tile."""
        if not self.shared:
            return 0
        used = tile.row_input != NONE
        offsets = self.encoded.offset // self.encoded.base ** np.arange(self.shared) % self.encoded.base
        return int(np.abs(tile.level[used, :self.shared].astype(np.int64) - offsets).sum()) * len(self.outputs)


def sign(key: Key) -> int:
    """Tell whether a device adds to its weight or takes from it."""
    return -1 if key[0] == "complement" or key[1] == "neg" else 1
