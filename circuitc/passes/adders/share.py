"""Find sums that several outputs share: greedy elimination of common two-term subexpressions.

Every entry of the matrix is written in signed digits, so an output is a set of digits `+-(value << shift)`. The pair
of digits that occurs most often, up to a common shift and sign, becomes a value of its own, and so on until no pair
occurs twice; what remains is added by trees. (Hartley 1996; that a whole matrix is treated at once and that pairs are
weighted is what da4ml does, Sun et al. 2025.)

Where a value occurs is one bit in two long integers, one for each sign: output o at shift s is bit `o * pitch + s`.
Then the occurrences of a pair are an AND of shifted integers, and counting them is one `bit_count`. A count only falls
after the pair's values are there, so a heap of counts that may be out of date is exact: what comes off its top is
counted again, and goes back where it was less.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .digits import Digit, signed_digits
from .network import Adder, Integers, Network

BLOCK = 64  # inputs that share sums with each other: the work grows with the square of it
_MOST = 1 << 32  # more than any pair occurs


class Pair(NamedTuple):
    """The subexpression `a + (b << shift)`, or with `minus` `a - (b << shift)`."""

    a: int
    b: int
    shift: int
    minus: bool


class Place(NamedTuple):
    """Where a pair occurs: in which output, shifted by how much, negated or not."""

    output: int
    shift: int
    negative: bool


def adder_network(matrix: Integers, depth: int | None = None) -> Network:
    """Give adders that compute `x @ matrix`, for int64[inputs, outputs].

    With `depth`, no output has more adders in a row than that, or, where that is impossible, than it needs.
    More than BLOCK inputs are shared in blocks.
    """
    inputs, outputs = matrix.shape
    sharing = _Sharing(matrix, depth)
    for start in range(0, inputs, BLOCK):
        sharing.share(range(start, min(start + BLOCK, inputs)))
    return Network(inputs, *_summed(sharing, outputs))


class _Sharing:
    """The state of the elimination: values so far, where each occurs, and the heap of pairs."""

    def __init__(self, matrix: Integers, depth: int | None) -> None:
        self.inputs, outputs = matrix.shape
        digits = {n: signed_digits(n) for n in np.unique(matrix).tolist()}
        self.span = max((d[-1][0] for d in digits.values() if d), default=0) + 1
        self.pitch = 2 * self.span + 1
        self.plus = [0] * self.inputs
        self.minus = [0] * self.inputs
        self.depth = [0] * self.inputs
        self.columns: list[set[int]] = [set() for _ in range(outputs)]
        self.pairs: list[Pair] = []
        self.heap: list[int] = []
        self.left: list[list[Digit]] = [[] for _ in range(outputs)]
        self.rows = [[(o, digits[n]) for o, n in enumerate(row) if n] for row in matrix.tolist()]
        self.loads = [0] * outputs
        for output, found in (entry for row in self.rows for entry in row):
            self.loads[output] += len(found)
        self.limits = None if depth is None else [1 << max(depth, (n - 1).bit_length()) for n in self.loads]

    def _code(self, value: int, shift: int, negative: bool) -> int:
        return (value * self.pitch + shift) << 1 | negative

    def _put(self, value: int, place: Place) -> None:
        """Add a digit to an output."""
        bit = 1 << place.output * self.pitch + place.shift
        side = self.minus if place.negative else self.plus
        side[value] |= bit
        self.columns[place.output].add(self._code(value, place.shift, place.negative))

    def _take(self, value: int, place: Place) -> None:
        """Remove a digit from an output."""
        bit = 1 << place.output * self.pitch + place.shift
        side = self.minus if place.negative else self.plus
        side[value] ^= bit
        self.columns[place.output].remove(self._code(value, place.shift, place.negative))

    def share(self, values: Sequence[int]) -> None:
        """Share what some inputs have in common; what is left of them is put aside."""
        for value in values:
            for output, digits in self.rows[value]:
                for shift, negative in digits:
                    self._put(value, Place(output, shift, negative))
        for a in values:
            for b in values:
                self._count(a, b, 0 if a < b else 1)
        self._run()
        for left, column in zip(self.left, self.columns, strict=True):
            left += [Digit(code // (2 * self.pitch), code // 2 % self.pitch, bool(code & 1)) for code in sorted(column)]
            column.clear()

    def _count(self, a: int, b: int, lowest: int) -> None:
        """Offer all pairs of two values, from a least shift on."""
        plus, minus = self.plus[a], self.minus[a]
        for shift in range(lowest, self.span):
            p, m = self.plus[b] >> shift, self.minus[b] >> shift
            self._offer(Pair(a, b, shift, False), (plus & p).bit_count() + (minus & m).bit_count())
            self._offer(Pair(a, b, shift, True), (plus & m).bit_count() + (minus & p).bit_count())

    def _offer(self, pair: Pair, count: int) -> None:
        """Put a pair that occurs more than once into the heap: frequent pairs first, of those the shallow ones.

        An entry is one integer, which compares five times as fast as a tuple.
        """
        if count > 1:
            a, b, shift, minus = pair
            order = (_MOST - count) << 12 | max(self.depth[a], self.depth[b])
            heapq.heappush(self.heap, ((order << 24 | a) << 24 | b) << 12 | shift << 1 | minus)

    def _matches(self, pair: Pair) -> tuple[int, int]:
        """Mark where a pair occurs as it is, and where negated."""
        a, b, shift, minus = pair
        same, other = (self.minus, self.plus) if minus else (self.plus, self.minus)
        return self.plus[a] & same[b] >> shift, self.minus[a] & other[b] >> shift

    def _run(self) -> None:
        """Share pairs until none occurs twice."""
        while self.heap:
            entry = heapq.heappop(self.heap)
            pair = Pair(entry >> 36 & 0xFFFFFF, entry >> 12 & 0xFFFFFF, entry >> 1 & 0x7FF, bool(entry & 1))
            claimed = _MOST - (entry >> 72)
            plain, negated = self._matches(pair)
            count = plain.bit_count() + negated.bit_count()
            if count >= claimed:
                places = self._places(pair, plain, negated)
                count = len(places)
                if count == claimed:
                    self._make(pair, places)
                    continue
            self._offer(pair, count)

    def _places(self, pair: Pair, plain: int, negated: int) -> list[Place]:
        """List where a pair can be shared; a pair of one value with itself must not use a digit twice."""
        places: list[Place] = []
        used, both = 0, plain | negated
        while both:
            bit = both & -both
            both ^= bit
            if pair.a == pair.b:
                if used & (bit | bit << pair.shift):
                    continue
                used |= bit | bit << pair.shift
            output, shift = divmod(bit.bit_length() - 1, self.pitch)
            places.append(Place(output, shift, bool(bit & negated)))
        return places if self.limits is None else self._allowed(pair, places, self.limits)

    def _load(self, pair: Pair) -> int:
        """Say how much a pair adds to the sum of 2**depth over an output's digits.

        A tree of depth L exists where that sum is at most 2**L (Kraft).
        """
        a, b = self.depth[pair.a], self.depth[pair.b]
        return (2 << max(a, b)) - (1 << a) - (1 << b)

    def _allowed(self, pair: Pair, places: Sequence[Place], limits: Sequence[int]) -> list[Place]:
        """Keep the places where the output's tree stays within its depth."""
        more = self._load(pair)
        added: Counter[int] = Counter()
        kept: list[Place] = []
        for place in places:
            if self.loads[place.output] + added[place.output] + more <= limits[place.output]:
                added[place.output] += more
                kept.append(place)
        return kept

    def _make(self, pair: Pair, places: Sequence[Place]) -> None:
        """Make a pair a value, use it in its places, and count the pairs that it is part of."""
        value = len(self.depth)
        more = self._load(pair)
        self.pairs.append(pair)
        self.depth.append(1 + max(self.depth[pair.a], self.depth[pair.b]))
        self.plus.append(0)
        self.minus.append(0)
        for place in places:
            self._take(pair.a, place)
            self._take(pair.b, Place(place.output, place.shift + pair.shift, place.negative != pair.minus))
            self.loads[place.output] += more
        near: Counter[int] = Counter()
        for output, shift, negative in places:
            near.update([(code - 2 * shift) ^ negative for code in self.columns[output]])
        for place in places:
            self._put(value, place)
        for code, count in near.items():
            if count > 1:
                self._offer(self._beside(value, code), count)
        if len(places) > len({place.output for place in places}):
            self._count(value, value, 1)

    def _beside(self, value: int, code: int) -> Pair:
        """Give the pair of a value with the digit of this code relative to it."""
        other, shift = divmod((code >> 1) + self.span, self.pitch)
        shift, minus = shift - self.span, bool(code & 1)
        if shift > 0 or (shift == 0 and value < other):
            return Pair(value, other, shift, minus)
        return Pair(other, value, -shift, minus)


def _summed(sharing: _Sharing, outputs: int) -> tuple[tuple[Adder, ...], tuple[Digit | None, ...]]:
    """Add what is left of each output by a tree that joins the shallowest values first."""
    adders = [Adder(Digit(p.a, 0, False), Digit(p.b, p.shift, p.minus)) for p in sharing.pairs]
    depth = list(sharing.depth)

    def join(x: Digit, y: Digit) -> Digit:
        low = min(x.shift, y.shift)
        negative = x.negative and y.negative
        adders.append(Adder(*(Digit(d.value, d.shift - low, d.negative and not negative) for d in (x, y))))
        depth.append(1 + max(depth[x.value], depth[y.value]))
        return Digit(len(depth) - 1, low, negative)

    found: list[Digit | None] = []
    for output in range(outputs):
        heap = [(depth[d.value], d.shift, d) for d in sharing.left[output]]
        heapq.heapify(heap)
        while len(heap) > 1:
            digit = join(heapq.heappop(heap)[2], heapq.heappop(heap)[2])
            heapq.heappush(heap, (depth[digit.value], digit.shift, digit))
        found.append(heap[0][2] if heap else None)
    return tuple(adders), tuple(found)
