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
from functools import reduce
from heapq import heappop, heappush
from operator import xor

from circuitc.passes.gates.cuts import Cut, itself, merged_cuts
from circuitc.passes.xor_maj import MAJ_TABLES

from .network import Network

PLACES = 64          # K: longer chains of carries are not followed to their end
MAX_REWRITES = 4000  # for one literal

Nodes = tuple[int, ...]
Rest = tuple[int, tuple[tuple[int, int], ...]]  # a constant, and nodes with their coefficients

_PARITIES = {(2, 0b0110): 0, (2, 0b1001): 1, (3, 0b10010110): 0, (3, 0b01101001): 1}  # (leaves, table) -> inverted


class _Cuts:
    """The small cuts of the nodes of a network that grows."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.known: list[list[Cut]] = [[]]

    def next(self) -> list[Cut]:
        """Give the cuts of the next node; none for an input."""
        node = len(self.known)
        found: list[Cut] = []
        if self.network.is_gate(node):
            a, b = self.network.left[node], self.network.right[node]
            found = merged_cuts(self.known[a >> 1], a & 1, self.known[b >> 1], b & 1, near=True)
        self.known.append([*found, itself(node)])
        return found


class Sums:
    """The adders of a network in which equals become one, found by the functions of small cuts.

    `core` is the network as it was, `merged` the one where equals are one, `image` the literal there of each node of
    `core` so far. Adders are looked for in both: merging joins what two networks have of an adder, and tears others.
    """

    def __init__(self, core: Network, merged: Network, image: Sequence[int]) -> None:
        self.network, self.image = merged, image
        self._core, self._merged = _Cuts(core), _Cuts(merged)
        self._same: dict[int, int] = {}
        self._by_rest: dict[Rest, int] = {}
        self.parity: dict[int, tuple[Nodes, int]] = {}            # node -> nodes whose parity it is, inverted or not
        self.sum_of: dict[frozenset[int], tuple[int, int]] = {}   # the other way
        self.carry: dict[int, Nodes] = {}                         # node -> the literals whose carry it is

    def twin(self, literal: int, guess: int, nodes: int) -> int | None:
        """Give an older literal that is shown to be equal, if any; the first `nodes` of the core have their images.

        It need not be the guess: samples seldom tell the high bits of counts apart, their arithmetic does. Literals are
        remembered once they were asked about or guessed.
        """
        for node in range(len(self._core.known), nodes):
            for leaves, table in self._core.next():
                self._learn(self.image[node], [self.image[leaf] for leaf in leaves], table)
        self._settled(guess)
        return self._settled(literal)

    def _settled(self, literal: int) -> int | None:
        """Give an older literal with the same rest; if it is a carry, after the sum beside it, which its rest reads."""
        self._catch_up()
        beside = self._sum_beside(literal)
        if beside is not None:
            self._catch_up()
            same = self._remembered(beside)
            if same is not None:
                self.merge(beside, same)
        return self._remembered(literal)

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

    def _catch_up(self) -> None:
        for node in range(len(self._merged.known), self.network.nodes):
            for leaves, table in self._merged.next():
                self._learn(node << 1, [leaf << 1 for leaf in leaves], table)
            if self.network.is_gate(node):
                self.carry.setdefault(node, (self.network.left[node], self.network.right[node]))

    def _learn(self, literal: int, leaves: Sequence[int], table: int) -> None:
        """Note a literal that is this function of literals, if it is the sum bit or the carry of an adder."""
        node, size = literal >> 1, len({leaf >> 1 for leaf in leaves if leaf > 1})
        if size < len(leaves) or node <= max(leaf >> 1 for leaf in leaves):  # an adder no more, or older than its input
            return
        inverted = _PARITIES.get((size, table))
        if inverted is not None:
            inverted = reduce(xor, (leaf & 1 for leaf in leaves), inverted ^ literal & 1)
            operands = tuple(leaf >> 1 for leaf in leaves)
            self.parity.setdefault(node, (operands, inverted))
            self.sum_of.setdefault(frozenset(operands), (node, inverted))
        elif size == 3 and table in MAJ_TABLES:  # its own dual: an inverted majority is that of the inverted literals
            flips = MAJ_TABLES[table]
            self.carry.setdefault(node, tuple(x ^ flip ^ literal & 1 for x, flip in zip(leaves, flips, strict=True)))

    def merge(self, first: int, second: int) -> None:
        """Have the second of two literals that are equal stand for the first."""
        first, second = self.current(first), self.current(second)
        if first >> 1 != second >> 1:
            self._same[first >> 1] = second ^ (first & 1)

    def current(self, literal: int) -> int:
        """Give the literal that stands for one."""
        while (other := self._same.get(literal >> 1)) is not None:
            literal = other ^ (literal & 1)
        return literal

    def _sum_beside(self, carry: int) -> int | None:
        """Give the sum of the adder that a literal is the carry of; make it where it is not there yet."""
        literals = self.carry.get(carry >> 1)
        if literals is None or carry >> 1 in self.parity:
            return None
        known = self.sum_literal(literals)
        return reduce(self.network.xor, literals) if known is None else known

    def sum_literal(self, literals: Nodes) -> int | None:
        """Give the literal that is the parity of literals, where the network has one."""
        found = self.sum_of.get(frozenset(x >> 1 for x in literals))
        if found is None:
            return None
        node, inverted = found
        return self.current(node << 1) ^ reduce(xor, (x & 1 for x in literals), inverted)

    def _rest(self, literal: int) -> Rest | None:
        """Rewrite 2**K times a literal modulo 2**(K+1) until only bits are left that come from elsewhere."""
        rewriting = _Rewriting(self)
        rewriting.add(literal, 1 << PLACES)
        return rewriting.finish()


class _Rewriting:
    """A sum `constant + coefficient * node + ...` modulo 2**(K+1), rewritten from its highest node down."""

    def __init__(self, sums: Sums) -> None:
        self.sums = sums
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

    def finish(self) -> Rest | None:
        """Rewrite to the end; None where that takes too long."""
        kept: dict[int, int] = {}
        for _ in range(MAX_REWRITES):
            if not self.heap:
                rest = sorted((node, c) for node, c in kept.items() if c)
                return self.constant % self.modulus, tuple(rest)
            node = -heappop(self.heap)
            coefficient = self.terms.pop(node, 0)
            if not coefficient:
                continue
            coefficient = (coefficient + kept.pop(node, 0)) % self.modulus
            if not self._rewritten(node, coefficient):
                kept[node] = coefficient
        return None

    def _rewritten(self, node: int, coefficient: int) -> bool:
        """Replace a term, if it is a sum of the highest place or the carry of an adder whose sum is there too."""
        if node in self.sums.parity:
            operands, inverted = self.sums.parity[node]
            if coefficient << 1 & (self.modulus - 1):
                return False
            self.constant += inverted * coefficient
            for operand in operands:
                self.add(operand << 1, coefficient)
            return True
        literals = self.sums.carry.get(node, ())
        total = self.sums.sum_literal(literals) if literals else None
        if total is None or coefficient & 1:
            return False
        for literal in literals:
            self.add(literal, coefficient // 2)
        self.add(total, -(coefficient // 2))
        return True
