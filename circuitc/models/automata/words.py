"""Cells of a ring or torus as words: one op computes as many cells as its word has bits.

Bit k of word j is the cell in column j * width + k, so that the neighbour in the west is the word shifted up by one,
with the highest bit of the word before it; rows above and below are whole rows moved. Counts of neighbours are kept as
bit planes (Harley's carry-save adders), as fast programs for Life do.
"""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.ir import Builder, Type, Value, fixed, ufixed

from .formula import Table, find_formula
from .rule import Rule


def word_type(columns: int) -> Type:
    """Choose words for rows of so many cells: all of a row up to 63, else 64, else the widest that divides the row."""
    if columns % 64 == 0:
        return fixed(64, 0)
    width = next(w for w in range(min(columns, 63), 0, -1) if columns % w == 0)
    return ufixed(width, 0)


@dataclass(frozen=True, slots=True)
class Words:
    """Ops on the words [..., words in a row] of one builder."""

    b: Builder
    word: Type

    def pack(self, cells: Value) -> Value:
        """Give the words of a tensor of bits [..., columns]."""
        if self.word.is_bit:
            return cells
        *lead, columns = self.b.type(cells).shape
        width = self.word.width
        split = self.b.apply("reshape", cells, shape=(*lead, columns // width, width))
        return self.b.apply("pack", split, type=self.word)

    def unpack(self, words: Value) -> Value:
        """Give the bits of words."""
        if self.word.is_bit:
            return words
        *lead, count = self.b.type(words).shape
        bits = self.b.apply("unpack", words)
        return self.b.apply("reshape", bits, shape=(*lead, count * self.word.width))

    def roll(self, words: Value, axis: int, by: int) -> Value:
        """Move along an axis of the torus: element k comes to k + by."""
        shape = self.b.type(words).shape
        size, cut = shape[axis], -by % shape[axis]
        if not cut:
            return words
        parts = [self._part(words, axis, start, stop) for start, stop in ((cut, size), (0, cut))]
        return self.b.apply("concat", *parts, axis=axis)

    def _part(self, words: Value, axis: int, first: int, last: int) -> Value:
        start, stop = [0] * self.b.type(words).rank, list(self.b.type(words).shape)
        start[axis], stop[axis] = first, last
        return self.b.apply("slice", words, start=tuple(start), stop=tuple(stop))

    def west(self, words: Value) -> Value:
        """Give at each cell its neighbour in the column before."""
        before = self.roll(words, self._row(words), 1)
        if self.word.width == 1:
            return before
        return self.b.apply("or", self._up(words, 1), self._down(before, self.word.width - 1))

    def east(self, words: Value) -> Value:
        """Give at each cell its neighbour in the column behind."""
        behind = self.roll(words, self._row(words), -1)
        if self.word.width == 1:
            return behind
        return self.b.apply("or", self._down(words, 1), self._up(behind, self.word.width - 1))

    def _row(self, words: Value) -> int:
        return self.b.type(words).rank - 1

    def _up(self, words: Value, by: int) -> Value:
        moved = self.b.apply("shift", words, by=by)
        return self.b.apply("requantize", moved, type=self.word, rounding="floor", overflow="wrap")

    def _down(self, words: Value, by: int) -> Value:
        moved = self.b.apply("shift", words, by=-by)
        moved = self.b.apply("requantize", moved, type=self.word, rounding="floor", overflow="wrap")
        if not self.word.signed:
            return moved
        kept = self.filled(words, (1 << (self.word.width - by)) - 1)  # a shift of signed words copies the sign
        return self.b.apply("and", moved, kept)

    def filled(self, like: Value, raw: int) -> Value:
        """Give a number in every place of a tensor of this shape."""
        return self.b.number(self.b.type(like), raw)

    def ones(self, like: Value, bit: int) -> Value:
        """Give words whose bits are all 0 or all 1."""
        return self.filled(like, 0 if not bit else -1 if self.word.signed else (1 << self.word.width) - 1)

    def add2(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Add two bit planes: sum and carry."""
        return self.b.apply("xor", x, y), self.b.apply("and", x, y)

    def add3(self, x: Value, y: Value, z: Value) -> tuple[Value, Value]:
        """Add three bit planes: sum and carry."""
        half, both = self.add2(x, y)
        total, more = self.add2(half, z)
        return total, self.b.apply("or", both, more)

    def neighbours(self, words: Value) -> list[Value]:
        """Count the eight neighbours on a torus: four bit planes, the lowest first."""
        sides = self.add2(self.west(words), self.east(words))
        row = (self.b.apply("xor", sides[0], words),
               self.b.apply("or", sides[1], self.b.apply("and", sides[0], words)))
        above, below = ([self.roll(plane, 0, by) for plane in row] for by in (1, -1))
        n0, carry = self.add3(above[0], below[0], sides[0])
        twos, four = self.add3(above[1], below[1], sides[1])
        n1, more = self.add2(twos, carry)
        return [n0, n1, *self.add2(four, more)]

    def generation(self, rule: Rule, words: Value) -> Value:
        """Give the words of the next generation."""
        if rule.rank == 1:
            planes, table = [self.east(words), words, self.west(words)], rule.table
        else:
            planes = [words, *self.neighbours(words)]
            table = _padded(rule.table, 1 << len(planes))
        formula = find_formula(table)
        return formula.apply(self.b, planes, lambda bit: self.ones(words, bit))


def _padded(table: Table, size: int) -> Table:
    """Fill up a table with patterns that never happen: no cell has more than eight neighbours."""
    return (*table, *[None] * (size - len(table)))
