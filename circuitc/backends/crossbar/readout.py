"""How the outputs of a mapped region are read: comparators and converters, their references, and what is certified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .array import Array
from .mapping import Mapped
from .margins import ROUNDING, Gate, Sum, gate_margin, sum_error, with_one_reference
from .placing import sign
from .sensitivity import sensed_currents
from .tile import NONE, Tile

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DIGITS = 11                      # of references, gains and offsets in the map,
PRINTED = 0.5 * 10.0 ** (1 - DIGITS)   # so by this share of itself a number there may be off


@dataclass(frozen=True)
class Column:
    """One sensed signal of a tile: the digit `slice` of `output`, over the tile's inputs.

    `bitlines` lists (bitline, factor): 1 alone, or 1 and -1 for a difference. The signal, in units of one level step,
    is `constant + sum(currents * bits)` and stands for the whole number `sum(digits * bits)`.
    """

    tile: int
    output: int
    slice: int
    bitlines: tuple[tuple[int, int], ...]
    inputs: Integers
    digits: Integers
    currents: Floats
    constant: float
    driven: Floats   # how far each contribution may move inside the window: the input at 1, and at 0
    idle: Floats

    @property
    def bits(self) -> int:
        """The bits a converter needs to tell all sums of this column apart."""
        return self.most.bit_length()

    @property
    def most(self) -> int:
        """How far the sums reach from the least to the greatest."""
        return int(np.abs(self.digits).sum())


@dataclass(frozen=True)
class Output:
    """How one output is read.

    `comparator`: one column, one decision against the reference that `gate` and `gate_window` have in common. `adc`:
    each column is converted and rounded, the sums are digital. `constant`: the answer never changes. Certificates are
    for every binary input: `nominal` with each conductance on its target, `window` with each anywhere in its write
    window; both with the wires.
    """

    index: int
    kind: Literal["comparator", "adc", "constant"]
    columns: tuple[Column, ...]
    gate: Gate | None
    gate_window: Gate | None
    sums: tuple[Sum, ...]
    sums_window: tuple[Sum, ...]
    right: bool     # the weights in the tiles are the model's (faults may leave some wrong)
    lossless: bool  # the converters have the bits that the sums need

    @property
    def nominal(self) -> bool:
        """Certified with every conductance on its target."""
        return self._certified(self.gate, self.sums)

    @property
    def window(self) -> bool:
        """Certified with every conductance anywhere inside its write window."""
        return self._certified(self.gate_window, self.sums_window)

    def _certified(self, gate: Gate | None, sums: tuple[Sum, ...]) -> bool:
        if gate is not None:
            reference = gate.reference + self.columns[0].constant
            decided = gate.certified and gate.margin > ROUNDING + PRINTED * abs(reference)
        else:
            decided = all(s.certified and s.error + PRINTED * (c.most + 2 * s.gain * abs(c.constant)) < 0.5 - ROUNDING
                          for c, s in zip(self.columns, sums, strict=False))   # constants have none
        return self.right and self.lossless and decided


def targets(tile: Tile, array: Array) -> Floats:
    """Give the target conductance of every device of a tile, in siemens; devices that are not used rest at level 0."""
    return array.levels[tile.level]


def conductances(tile: Tile, array: Array) -> Floats:
    """Give what is known of every device's conductance, in siemens: what was measured, else the target."""
    g = targets(tile, array)
    return g if tile.measured is None else np.where(np.isnan(tile.measured), g, tile.measured)


def half_windows(tile: Tile, array: Array) -> Floats:
    """Give how far each conductance may be from that: the error of its measurement, else half of its write window."""
    half = array.device.window_rel * targets(tile, array)
    return half if tile.measured is None else np.where(np.isnan(tile.measured), half, tile.error * tile.measured)


def level_step(array: Array) -> float:
    """Give the conductance between two levels, in siemens: the unit of signals."""
    return float((array.levels[-1] - array.levels[0]) / (len(array.levels) - 1))


def columns_of(mapped: Mapped, array: Array) -> Iterator[Column]:
    """Solve every tile and give its sensed signals."""
    for index in range(len(mapped.tiles)):
        yield from tile_columns(mapped, index, array)


def tile_columns(mapped: Mapped, index: int, array: Array) -> Iterator[Column]:
    """Solve one tile and give its sensed signals."""
    tile, step = mapped.tiles[index], level_step(array)
    keys, sense = sensed(mapped, tile)
    found = sensed_currents(conductances(tile, array), half_windows(tile, array), sense, array.wires)
    signals, driven, idle = (each / step for each in found)
    true = np.flatnonzero((tile.row_input != NONE) & (tile.row_role == 0))
    true = true[np.argsort(tile.row_input[true], kind="stable")]
    inputs = tile.row_input[true]
    rail = _complements(tile, inputs) if len(mapped.encoding.row_roles) > 1 else None
    for k, (output, s) in enumerate(keys):
        constant, currents = 0.0, signals[true, k]
        one, zero = driven[true, k], idle[true, k]
        if rail is not None:
            constant, currents = float(signals[rail, k].sum()), currents - signals[rail, k]
            one, zero = one + idle[rail, k], zero + driven[rail, k]
        digits = _digits(mapped, tile, output, s, inputs)
        bitlines = tuple((int(b), int(sense[b, k])) for b in np.flatnonzero(sense[:, k]))
        yield Column(index, output, s, bitlines, inputs, digits, currents, constant, one, zero)


def read_outputs(mapped: Mapped, array: Array, solved: Iterable[Column] | None = None) -> list[Output]:
    """Decide for each output how it is read, and certify it; `solved` are the signals of all tiles, where known."""
    columns: dict[int, list[Column]] = {output: [] for output in range(mapped.region.outputs)}
    for column in columns_of(mapped, array) if solved is None else solved:
        columns[column.output].append(column)
    return [_output(mapped, array, index, tuple(own)) for index, own in columns.items()]


def _output(mapped: Mapped, array: Array, index: int, columns: tuple[Column, ...]) -> Output:
    region = mapped.region
    right = _right(mapped, index, columns)
    binary = len(region.planes) == 1
    if region.thresholds is not None and binary and len(columns) <= 1 and mapped.encoded.slices == 1:
        least = int(region.thresholds[index])
        if not columns or _never_changes(columns[0].digits, least):
            # Stuck devices can make an answer constant that is none in the model.
            right = right or _never_changes(region.weights[index], least)
            return Output(index, "constant", columns, None, None, (), (), right, True)
        c = columns[0]
        gate, window = with_one_reference(gate_margin(c.digits, c.currents, least),
                                          gate_margin(c.digits, c.currents, least, c.driven, c.idle))
        return Output(index, "comparator", columns, gate, window, (), (), right, True)
    sums = tuple(sum_error(c.digits, c.currents) for c in columns)
    windows = tuple(sum_error(c.digits, c.currents, c.driven, c.idle, s.gain)
                    for c, s in zip(columns, sums, strict=True))
    ideal = array.sense_amp.kind == "ideal"
    return Output(index, "adc", columns, None, None, sums, windows, right,
                  ideal or all(c.bits <= array.sense_amp.adc_bits for c in columns))


def _never_changes(digits: Integers, least: int) -> bool:
    return not int(digits[digits < 0].sum()) < least <= int(digits[digits > 0].sum())


def _right(mapped: Mapped, index: int, columns: tuple[Column, ...]) -> bool:
    """Tell whether the digits in the tiles add up to the model's weights."""
    held = np.zeros(mapped.region.inputs, dtype=np.int64)
    for c in columns:
        np.add.at(held, c.inputs, c.digits * mapped.encoded.base ** c.slice)
    return bool(np.array_equal(held, mapped.region.weights[index]))


def sensed(mapped: Mapped, tile: Tile) -> tuple[list[tuple[int, int]], Floats]:
    """Name a tile's signals by output and slice, and say which bitlines make them."""
    roles = mapped.encoding.column_roles
    keys = sorted({(int(o), int(s)) for o, s in zip(tile.column_output, tile.column_slice, strict=True) if o != NONE})
    sense = np.zeros((len(tile.column_output), len(keys)))
    for k, (output, s) in enumerate(keys):
        for bitline in np.flatnonzero((tile.column_output == output) & (tile.column_slice == s)):
            sense[bitline, k] = -1 if roles[tile.column_role[bitline]] == "neg" else 1
        if mapped.encoding.shared:
            reference = (tile.column_role == len(roles)) & (tile.column_slice == s)
            sense[np.flatnonzero(reference), k] = -1
    return keys, sense


def _complements(tile: Tile, inputs: Integers) -> Integers:
    """Find the wordlines that carry the inverses of these inputs (rising)."""
    rows = np.flatnonzero(tile.row_role == 1)
    order = np.argsort(tile.row_input[rows], kind="stable")
    assert np.array_equal(tile.row_input[rows][order], inputs), "each input has both of its wordlines"
    return rows[order]


def _digits(mapped: Mapped, tile: Tile, output: int, s: int, inputs: Integers) -> Integers:
    """Give the whole numbers that the levels on a tile hold for one output and slice, by input (rising)."""
    encoding = mapped.encoding
    rows = np.flatnonzero(tile.row_input != NONE)
    place = np.searchsorted(inputs, tile.row_input[rows])
    total = np.zeros(len(inputs), dtype=np.int64)
    for bitline in np.flatnonzero((tile.column_output == output) & (tile.column_slice == s)):
        column = encoding.column_roles[tile.column_role[bitline]]
        signs = np.array([sign((role, column)) for role in encoding.row_roles])[tile.row_role[rows]]
        np.add.at(total, place, signs * tile.level[rows, bitline].astype(np.int64))
    if encoding.shared:
        total -= mapped.encoded.offset // mapped.encoded.base ** s % mapped.encoded.base
    return total
