"""Netlists grown a layer at a time, on arrays: two-input gates by number and look-up tables, thousands at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Kind, Netlist

Literals = NDArray[np.int64]
Rows = NDArray[np.bool_]  # [tables, 2**inputs], row i where input j has bit j of i

LEAF = 6  # inputs of the widest look-up table that a netlist holds

# What is left of each two-input function once constants and equal fan-ins are out: 0 constant, 1 first input,
# 2 second input, 3 AND, 4 XOR; and which of (first, second, result) are inverted. Numbered as logic-gate networks do:
# bits of the number, highest first, are the function at (a, b) = 00, 01, 10, 11.
_FORM = np.array([0, 3, 3, 1, 3, 2, 4, 3, 3, 4, 2, 3, 1, 3, 3, 0])
_INVERT_A = np.array([0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0])
_INVERT_B = np.array([0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0])
_INVERT_Y = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1])


class GateArrays:
    """Grow a netlist by whole layers; `finish` freezes it.

    Within a layer equal gates are made once; constants, copies and inversions cost no gate.
    """

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self._nodes = 1 + inputs
        self._kinds: list[NDArray[np.uint8]] = []
        self._arities: list[NDArray[np.int32]] = []
        self._fanins: list[NDArray[np.int32]] = []
        self._tables: list[NDArray[np.int64]] = []

    def input_literals(self) -> Literals:
        """Give the literals of the inputs."""
        return np.arange(1, 1 + self.inputs, dtype=np.int64) << 1

    def gates(self, a: Literals, b: Literals, number: NDArray[np.integer[Any]]) -> Literals:
        """Add two-input gates: literals of both fan-ins and the function's number 0..15, [gates] each."""
        number = _without_inversions(number.astype(np.int64), a & 1, b & 1)
        a, b = a & ~1, b & ~1
        number = _without_constants(number, a == 0, b == 0, a == b)
        form = _FORM[number]
        result = np.select([form == 1, form == 2], [a, b], 0)
        for kind, code in ((Kind.AND, 3), (Kind.XOR, 4)):
            mine = np.flatnonzero(form == code)
            x, y = a[mine] ^ _INVERT_A[number[mine]], b[mine] ^ _INVERT_B[number[mine]]
            pairs = np.stack([np.minimum(x, y), np.maximum(x, y)], axis=1)
            result[mine] = self._append(kind, pairs)
        return result ^ _INVERT_Y[number]

    def tables(self, fanins: Literals, rows: Rows) -> Literals:
        """Add look-up tables of any number of inputs: literals [tables, inputs], contents [tables, 2**inputs]."""
        count, inputs = fanins.shape
        assert rows.shape == (count, 1 << inputs)
        if inputs > LEAF:
            return self._wide(fanins, rows)
        rows = _upright(fanins, rows)
        needed = _dependence(rows)
        result = np.where(rows[:, 0], 1, 0).astype(np.int64)
        for pattern in np.unique(needed @ (1 << np.arange(inputs))).tolist():  # at most 64 patterns
            mine = np.flatnonzero(needed @ (1 << np.arange(inputs)) == pattern)
            kept = [j for j in range(inputs) if pattern >> j & 1]
            if kept:
                places = _spread(kept)
                result[mine] = self._exact(fanins[mine][:, kept] & ~1, rows[mine][:, places])
        return result

    def _exact(self, fanins: Literals, rows: Rows) -> Literals:
        """Add tables that depend on each of their (upright) inputs."""
        inputs = fanins.shape[1]
        if inputs == 1:
            return fanins[:, 0] ^ rows[:, 0]
        if inputs == 2:
            number = rows[:, [0, 2, 1, 3]].astype(np.int64) @ np.array([8, 4, 2, 1])
            return self.gates(fanins[:, 0], fanins[:, 1], number)
        return self._append(Kind.LUT, fanins, _packed(rows))

    def _wide(self, fanins: Literals, rows: Rows) -> Literals:
        """Split wide tables on their highest inputs, two at a time where there are two (a 6-input multiplexer)."""
        count, inputs = fanins.shape
        taken = 2 if inputs > LEAF + 1 else 1
        lower = inputs - taken
        parts = rows.reshape(count << taken, 1 << lower)
        below = self.tables(np.repeat(fanins[:, :lower], 1 << taken, axis=0), parts).reshape(count, 1 << taken)
        choice = np.arange(1 << ((1 << taken) + taken))
        select = choice >> (1 << taken)
        chooser = (choice >> select & 1).astype(np.bool_)
        wires = np.concatenate([below, fanins[:, lower:]], axis=1)
        return self.tables(wires, np.broadcast_to(chooser, (count, len(chooser))))

    def _append(self, kind: Kind, fanins: Literals, table: NDArray[np.int64] | None = None) -> Literals:
        """Append gates of one kind and arity, equal ones once, in the order in which they come."""
        if not len(fanins):
            return np.zeros(0, np.int64)
        facts = fanins if table is None else np.concatenate([fanins, table[:, None]], axis=1)
        _, first, which = np.unique(facts, axis=0, return_index=True, return_inverse=True) if facts.shape[1] > 2 else (
            np.unique(facts[:, 0] << 32 | facts[:, 1], return_index=True, return_inverse=True))
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        kept = first[order]
        self._kinds.append(np.full(len(kept), kind, np.uint8))
        self._arities.append(np.full(len(kept), fanins.shape[1], np.int32))
        self._fanins.append(fanins[kept].astype(np.int32).ravel())
        self._tables.append(np.zeros(len(kept), np.int64) if table is None else table[kept])
        literals = (self._nodes + rank[which.ravel()]) << 1
        self._nodes += len(kept)
        return literals

    def finish(self, outputs: Literals) -> Netlist:
        """Freeze what was built, with these output literals."""
        head = np.full(1 + self.inputs, Kind.INPUT, np.uint8)
        head[0] = Kind.FALSE
        kind = np.concatenate([head, *self._kinds])
        offset = np.zeros(len(kind) + 1, np.int32)
        np.cumsum(np.concatenate([np.zeros(len(head), np.int32), *self._arities]), out=offset[1:])
        fanin = np.concatenate([np.zeros(0, np.int32), *self._fanins])
        data = np.zeros(0, np.int64)
        if np.any(kind == Kind.LUT):
            data = np.concatenate([np.zeros(len(head), np.int64), *self._tables])
        return Netlist(self.inputs, kind, offset, fanin, outputs.astype(np.int32), data)


def _without_inversions(number: Literals, a: Literals, b: Literals) -> Literals:
    """Give the functions of upright fan-ins: an inverted first one swaps the halves, a second one the neighbours."""
    number = np.where(a == 1, (number & 0b1100) >> 2 | (number & 0b0011) << 2, number)
    return np.where(b == 1, (number & 0b1010) >> 1 | (number & 0b0101) << 1, number)


def _without_constants(number: Literals, a_false: Rows, b_false: Rows, equal: Rows) -> Literals:
    """Give the functions where a fan-in is false, or both are one: rows that never happen repeat one that does."""
    upper = number & 0b1100
    number = np.where(a_false, upper | upper >> 2, number)
    left = number & 0b1010
    number = np.where(b_false, left | left >> 1, number)
    both = np.where(number & 8, 12, 0) | np.where(number & 1, 3, 0)
    return np.where(equal & ~a_false, both, number)


def _upright(fanins: Literals, rows: Rows) -> Rows:
    """Give the tables of upright fan-ins, with rows that never happen (constant or equal fan-ins) repeating others."""
    inputs = fanins.shape[1]
    row = np.arange(1 << inputs)
    source = np.zeros((len(fanins), 1 << inputs), np.int64)  # the row of the given table that each new row shows
    for j in range(inputs):
        bit = np.broadcast_to(row >> j & 1, source.shape)
        for i in range(j):  # an input that stood before at place i
            bit = np.where((fanins[:, i] >> 1 == fanins[:, j] >> 1)[:, None], row >> i & 1, bit)
        bit = np.where((fanins[:, j] >> 1 == 0)[:, None], 0, bit)
        source |= (bit ^ (fanins[:, j] & 1)[:, None]) << j
    return np.take_along_axis(rows, source, axis=1)


def _dependence(rows: Rows) -> NDArray[np.int64]:
    """Tell on which inputs each table depends: 0 or 1, [tables, inputs]."""
    count, size = rows.shape
    inputs = size.bit_length() - 1
    needed = np.zeros((count, inputs), np.int64)
    for j in range(inputs):
        halves = rows.reshape(count, size >> (j + 1), 2, 1 << j)
        needed[:, j] = np.any(halves[:, :, 0] != halves[:, :, 1], axis=(1, 2))
    return needed


def _spread(kept: list[int]) -> list[int]:
    """Give the rows of a table at which all inputs but the kept ones are 0."""
    return [sum((row >> k & 1) << j for k, j in enumerate(kept)) for row in range(1 << len(kept))]


def _packed(rows: Rows) -> NDArray[np.int64]:
    """Pack tables of three to six inputs into numbers."""
    padded = np.zeros((len(rows), 64), np.uint8)
    padded[:, :rows.shape[1]] = rows
    return np.packbits(padded, axis=1, bitorder="little").view("<i8").astype(np.int64).ravel()
