"""Prove bits of sums equal by arithmetic, whatever order their adders add in.

SAT is helpless before two compressor trees that take their bits in another order: they agree at the sums and hardly
anywhere between. As numbers it is one line. A full adder says `a + b + c = sum + 2 carry` for literals as 0 and 1, and
modulo 2 the sum is `a + b + c`. So 2**K times a bit is rewritten modulo 2**(K+1): sums of the highest place into their
operands, carries `2 carry = a + b + c - sum` place by place into those of lower places. Sums within a tree come once
with each sign and cancel; what is left are the bits that go in and the final bits of lower places. Two literals with
the same rest are the same bit. (Backward rewriting of adders, as in algebraic verification of multipliers: Sayed-Ahmed
et al., DATE 2016; here for sums only.)
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from .adders import Adders, Linear
from .network import Network

PLACES = 64          # K: longer chains of carries are not followed to their end
MAX_REWRITES = 4000  # for one literal


class Sums:
    """The literals of a network in which equals become one that were asked about so far, by their rests."""

    def __init__(self, core: Network, merged: Network, image: Sequence[int]) -> None:
        self._adders = Adders(core, merged, image)
        self._by_rest: dict[Linear, int] = {}

    def twin(self, literal: int, guess: int, nodes: int) -> int | None:
        """Give an older literal that is shown to be equal, if any; the first `nodes` of the core have their images.

        It need not be the guess: samples seldom tell the high bits of counts apart, their arithmetic does. Literals are
        remembered once they were asked about or guessed.
        """
        for asked in (guess, literal):
            self._adders.see(nodes)
            self._settle_beside(asked, nodes)
        self._adders.see(nodes)
        rest = self._rest(guess)
        if rest is not None:  # not what else has this rest: equals are taken for the oldest, and that is the guess
            self._by_rest[rest] = guess
        return self._remembered(literal)

    def merge(self, first: int, second: int) -> None:
        """Have the second of two literals that are equal stand for the first."""
        self._adders.merge(first, second)

    def _settle_beside(self, literal: int, nodes: int) -> None:
        """Of a carry, find what the sum beside it is equal to, for the carry's rest reads that sum."""
        beside = self._adders.sum_beside(literal)
        if beside is None:
            return
        self._adders.see(nodes)
        same = self._remembered(beside)
        if same is not None:
            self._adders.merge(beside, same)

    def _remembered(self, literal: int) -> int | None:
        """Give a literal with the same rest, or remember this one."""
        rest = self._rest(literal)
        if rest is None:
            return None
        for flip, found in ((0, rest), (1, self._rest(literal ^ 1))):
            known = self._by_rest.get(found) if found is not None else None
            if known is not None and known >> 1 != literal >> 1:
                return known ^ flip
        self._by_rest[rest] = literal
        return None

    def _rest(self, literal: int) -> Linear | None:
        """Rewrite 2**K times a literal modulo 2**(K+1) until only bits are left that come from elsewhere."""
        rewriting = _Rewriting(self._adders)
        rewriting.add(literal, 1 << PLACES)
        return rewriting.finish()


class _Rewriting:
    """A sum `constant + coefficient * node + ...` modulo 2**(K+1), rewritten from its highest node down."""

    def __init__(self, adders: Adders) -> None:
        self.adders = adders
        self.modulus = 2 << PLACES
        self.constant = 0
        self.terms: dict[int, int] = {}
        self.heap: list[int] = []

    def add(self, literal: int, coefficient: int) -> None:
        """Add a literal: an inverted one is 1 - its node, node 0 is 0."""
        if literal & 1:
            self.constant, coefficient = self.constant + coefficient, -coefficient
        node = literal >> 1
        if node:
            if not self.terms.get(node):
                heappush(self.heap, -node)
            self.terms[node] = (self.terms.get(node, 0) + coefficient) % self.modulus

    def finish(self) -> Linear | None:
        """Rewrite to the end; None where that takes too long."""
        kept: dict[int, int] = {}
        for _ in range(MAX_REWRITES):
            if not self.heap:
                return self.constant % self.modulus, tuple(sorted(kept.items()))
            node = -heappop(self.heap)
            coefficient = self.terms.pop(node, 0)
            if not coefficient:
                continue
            left = self._rewritten(node, (coefficient + kept.pop(node, 0)) % self.modulus)
            if left:
                kept[node] = left
        return None

    def _rewritten(self, node: int, coefficient: int) -> int:
        """Replace a term as far as it can be, and give the coefficient that is left."""
        if node in self.adders.torn:
            constant, terms = self.adders.torn[node]
            self.constant += constant * coefficient
            for other, factor in terms:
                self.add(other << 1, factor * coefficient)
            return 0
        if node in self.adders.parity:
            return self._sum_rewritten(node, coefficient)
        parts = None if coefficient & 1 else self.adders.parts(node)
        if parts is None:
            return coefficient
        literals, total = parts
        for literal in literals:
            self.add(literal, coefficient // 2)
        self.add(total, -(coefficient // 2))
        return 0

    def _sum_rewritten(self, node: int, coefficient: int) -> int:
        """Replace what a term has in the highest place; else c and c - 2**K of a sum would be two rests of one bit."""
        operands, inverted = self.adders.parity[node]
        low = coefficient & (self.modulus // 2 - 1)
        high = coefficient - low
        if high:
            self.constant += inverted * high
            for operand in operands:
                self.add(operand << 1, high)
        return low
