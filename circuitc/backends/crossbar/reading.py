"""How a region is read from its tiles, as IR: bits to wordlines, codes to sums, sums and decisions to answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from circuitc.ir import BIT, Builder, Type, Value, smallest

from .design import Mounted
from .regions import Region
from .tile import NONE
from .tile_func import Field, chosen, constant, fields_of


@dataclass(frozen=True)
class Reading:
    """A mounted region with the names of its tiles' funcs.

    A step reads the tiles once for each row of x and each of its bits, the highest bit first: read r is of row
    r // planes and bit planes - 1 - r % planes. Converted sums are then gathered as a shift-and-add does it.
    """

    mounted: Mounted
    names: Mapping[int, str]   # tile to func

    @property
    def region(self) -> Region:
        return self.mounted.mapped.region

    @property
    def planes(self) -> int:
        return len(self.region.planes)

    @property
    def reads(self) -> int:
        return self.planes * self.region.times

    @property
    def signed(self) -> bool:
        """True where the first bit that is read counts negative."""
        return self.region.planes[-1] < 0

    @cached_property
    def fields(self) -> dict[int, list[Field]]:
        """What each tile says; tiles that nobody listens to are left out."""
        found = {k: fields_of(self.mounted, k) for k in range(len(self.mounted.mapped.tiles))}
        return {k: fields for k, fields in found.items() if fields}

    @cached_property
    def summed(self) -> list[int]:
        """The outputs that are sums of codes."""
        return [o.index for o in self.mounted.outputs if o.kind == "adc"]

    @cached_property
    def compared(self) -> list[int]:
        """The outputs that one comparator decides."""
        return [o.index for o in self.mounted.outputs if o.kind == "comparator"]

    def accumulator(self) -> Type:
        """Give a type that holds every sum while it is gathered: weights times inputs, to the last bit."""
        most = int(np.abs(self.region.weights).sum(1).max(initial=0)) << self.planes
        return smallest(-max(1, most), max(1, most), 0, (len(self.summed),))

    def rows(self, b: Builder, x: Value) -> Value:
        """Give the bits of every read: bit[reads, inputs]."""
        region, layout, t = self.region, self.region.layout, b.type(x)
        bits = b.apply("convert", x, type=BIT.with_shape(t.shape)) if t.is_spin else x
        bits = b.apply("unpack", bits)
        bits = b.apply("transpose", bits, order=(*layout.x_order, len(layout.x_order)))
        bits = b.apply("reshape", bits, shape=(region.times, region.inputs, self.planes))
        bits = b.apply("transpose", bits, order=(0, 2, 1))
        highest = np.arange(self.reads).reshape(region.times, self.planes)[:, ::-1].reshape(-1)
        bits = b.apply("reshape", bits, shape=(self.reads, region.inputs))
        return chosen_rows(b, bits, highest.tolist())

    def read(self, b: Builder, row: Value) -> tuple[Value | None, Value | None]:
        """Read every tile once: the sums of codes by output, and the comparators' decisions (None: there are none)."""
        said: list[Value] = []
        for k, fields in self.fields.items():
            out = BIT.with_shape((fields[-1].low + fields[-1].width,))
            said.append(b.call(self.names[k], "out", out, self._wordlines(b, row, k), name=f"{self.names[k]}_out"))
        if not said:
            return (self._zeros(b) if self.summed else None), None
        bits = b.apply("concat", *said, axis=0) if len(said) > 1 else said[0]
        return self._sums(b, bits), self._decisions(b, bits)

    def _zeros(self, b: Builder) -> Value:
        return b.number(self.accumulator(), 0)

    def _wordlines(self, b: Builder, row: Value, k: int) -> Value:
        """Drive a tile: each wordline with its input's bit, or the inverse of it, or nothing."""
        tile = self.mounted.mapped.tiles[k]
        lines = chosen(b, row, [self.region.inputs if s == NONE else int(s) for s in tile.row_input])
        inverted = ((tile.row_role == 1) & (tile.row_input != NONE)).astype(np.int64)
        return b.apply("xor", lines, constant(b, inverted, BIT)) if inverted.any() else lines

    def _placed(self) -> list[tuple[int, Field]]:
        """Give each field with the place of its first bit among all that the tiles say."""
        placed: list[tuple[int, Field]] = []
        first = 0
        for fields in self.fields.values():
            placed += [(first + f.low, f) for f in fields]
            first += fields[-1].low + fields[-1].width
        return placed

    def _sums(self, b: Builder, bits: Value) -> Value | None:
        """Add the codes of an output up, each times its digit's worth; codes are widened by their signs."""
        if not self.summed:
            return None
        placed = [(low, f) for low, f in self._placed() if f.output.kind == "adc"]
        if not placed:
            return self._zeros(b)
        width = max(f.width for _, f in placed)
        order = [low + min(k, f.width - 1) for low, f in placed for k in range(width)]
        words = b.apply("reshape", chosen(b, bits, order), shape=(len(placed), width))
        codes = b.apply("pack", words, type=smallest(-(1 << width - 1), 0, 0, (len(placed),)))
        worth = np.zeros((len(self.summed), len(placed)), dtype=np.int64)
        for k, (_, field) in enumerate(placed):
            worth[self.summed.index(field.output.index), k] = self.mounted.mapped.encoded.base ** field.column.slice
        added = b.apply("contract", constant(b, worth), codes, spec="of,f->o")
        return cut(b, added, self.accumulator())

    def _decisions(self, b: Builder, bits: Value) -> Value | None:
        placed = {f.output.index: low for low, f in self._placed() if f.output.kind == "comparator"}
        return chosen(b, bits, [placed[o] for o in self.compared]) if placed else None

    def gathered(self, b: Builder, before: Value, sums: Value) -> Value:
        """Shift what was gathered so far by a bit, and add the sums of the next lower one."""
        shifted = b.apply("shift", before, by=1)
        return cut(b, b.apply("add", shifted, sums), self.accumulator())

    def begun(self, b: Builder, sums: Value) -> Value:
        """Begin to gather: the highest bit of signed numbers counts negative."""
        return cut(b, b.apply("neg", sums), self.accumulator()) if self.signed else sums

    def answers(self, b: Builder, sums: Value | None, decisions: Value | None, y: Type) -> Value:
        """Make the answers of one row, [outputs]: bits where the region is a layer of gates, else numbers of y."""
        thresholds = self.region.thresholds
        if thresholds is None:
            assert sums is not None, "sums are all that such a region answers"
            return self._numbers(b, sums, y)
        parts = [] if decisions is None else [decisions]
        places = [] if decisions is None else list(self.compared)
        if self.summed:
            assert sums is not None
            parts.append(b.apply("le", constant(b, thresholds[self.summed]), sums))
            places += self.summed
        never = [o.index for o in self.mounted.outputs if o.kind == "constant"]
        if never:
            weights = self.region.weights[never]
            always = thresholds[never] <= np.where(weights < 0, weights, 0).sum(1)
            parts.append(constant(b, always.astype(np.int64), BIT))
            places += never
        joined = b.apply("concat", *parts, axis=0) if len(parts) > 1 else parts[0]
        return chosen(b, joined, [places.index(k) for k in range(self.region.outputs)])

    def _numbers(self, b: Builder, sums: Value, y: Type) -> Value:
        """Undo the reading of spins as bits, and move the point to where y has it."""
        if self.region.spins:
            sums = b.apply("sub", b.apply("add", sums, sums), constant(b, self.region.weights.sum(1)))
        if y.fraction:
            sums = b.apply("shift", sums, by=-y.fraction)
        return cut(b, sums, y.with_shape((self.region.outputs,)))

    def result(self, b: Builder, answers: Value, y: Type) -> Value:
        """Put the answers of all rows, [times, outputs], into the shape of y."""
        layout: Any = self.region.layout
        shaped = b.apply("transpose", b.apply("reshape", answers, shape=layout.y_shape), order=layout.y_order)
        return b.apply("convert", shaped, type=y) if y.is_spin else shaped


def cut(b: Builder, value: Value, t: Type) -> Value:
    """Give numbers that are known to fit a type in that type."""
    if b.type(value) == t:
        return value
    return b.apply("requantize", value, type=t, rounding="floor", overflow="wrap")


def chosen_rows(b: Builder, rows: Value, order: list[int]) -> Value:
    """Put rows in a constant order."""
    if order == list(range(len(order))):
        return rows
    return b.apply("gather", rows, constant(b, np.array(order, dtype=np.int64)), axis=0)
