"""Find the adders of a network in which equals become one: bits that are sums and carries, by the functions of cuts.

An adder says `a + b + c = sum + 2 carry` for literals as 0 and 1. Mostly the carry is the newest of them and is written
by the others. Merging can leave a carry that is older than what is added: `x + y` where y is only 1 with x has the
carry y. Such an adder is torn, and says what its sum is instead: `sum = a + b + c - 2 carry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import xor

from circuitc.passes.gates.cuts import Cut, itself, merged_cuts
from circuitc.passes.xor_maj import MAJ_TABLES

from .network import Network

Nodes = tuple[int, ...]
Linear = tuple[int, tuple[tuple[int, int], ...]]  # a constant, and nodes with their coefficients

# Truth tables by (leaves, table). Of a parity: is it inverted?
_PARITIES = {(2, 0b0110): 0, (2, 0b1001): 1, (3, 0b10010110): 0, (3, 0b01101001): 1}


def _carries() -> dict[tuple[int, int], Nodes]:
    """List the tables of carries: is the carry inverted, and each leaf? A majority is its own dual."""
    found: dict[tuple[int, int], Nodes] = {(3, table): (0, *flips) for table, flips in MAJ_TABLES.items()}
    for row in range(4):
        found[2, 1 << row] = 0, row & 1 ^ 1, row >> 1 ^ 1
        found[2, 15 ^ 1 << row] = 1, row & 1 ^ 1, row >> 1 ^ 1
    return found


_CARRIES = _carries()


def linear(terms: Iterable[tuple[int, int]]) -> tuple[int, dict[int, int]]:
    """Sum up literals with coefficients: a constant, and nodes with theirs. An inverted literal is 1 - its node."""
    constant, sums = 0, dict[int, int]()
    for literal, coefficient in terms:
        if literal & 1:
            constant, coefficient = constant + coefficient, -coefficient
        if literal >> 1:
            sums[literal >> 1] = sums.get(literal >> 1, 0) + coefficient
    return constant, {node: c for node, c in sums.items() if c}


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


class Adders:
    """What is known of the nodes of `merged`, the network where equals are one.

    `core` is the network as it was, `image` the literal of `merged` for each of its nodes so far. Adders are looked for
    in both: merging joins what two networks have of an adder, and tears others.
    """

    def __init__(self, core: Network, merged: Network, image: Sequence[int]) -> None:
        self.network, self.image = merged, image
        self._core, self._merged = _Cuts(core), _Cuts(merged)
        self._core_sums: dict[Nodes, tuple[int, int]] = {}               # by what is added: node, inverted or not
        self._core_carries: dict[Nodes, list[tuple[int, Nodes]]] = {}    # node, as in _CARRIES
        self._same: dict[int, int] = {}
        self.parity: dict[int, tuple[Nodes, int]] = {}            # node -> nodes whose parity it is, inverted or not
        self.sum_of: dict[frozenset[int], tuple[int, int]] = {}   # the other way
        self.carry: dict[int, Nodes] = {}                         # node -> the literals whose carry it is
        self.torn: dict[int, Linear] = {}                         # node -> what it is, of older nodes

    def see(self, nodes: int) -> None:
        """Look through the first nodes of the core, which have their images, and what is new in the merged network."""
        for node in range(len(self._core.known), nodes):
            for leaves, table in self._core.next():
                self._learn(self.image[node], [self.image[leaf] for leaf in leaves], table)
                self._learn_torn(node, leaves, table)
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

    def _learn_torn(self, node: int, leaves: Nodes, table: int) -> None:
        """Note what the adders of the core say of a sum whose carry is older than what is added."""
        shape = len(leaves), table
        if shape in _PARITIES:
            self._core_sums.setdefault(leaves, (node, _PARITIES[shape]))
        elif shape in _CARRIES:
            self._core_carries.setdefault(leaves, []).append((node, _CARRIES[shape]))
        if leaves not in self._core_sums:
            return
        total, inverted = self._core_sums[leaves]
        for carry, (flip, *flips) in self._core_carries.get(leaves, ()):
            operands = [self.image[leaf] ^ f for leaf, f in zip(leaves, flips, strict=True)]
            self._tear(self.image[total] ^ reduce(xor, flips, inverted), self.image[carry] ^ flip, operands)

    def _tear(self, total: int, carry: int, operands: list[int]) -> None:
        """Note the newest node of a torn adder by the others, where it is there once."""
        if min(total, carry) >> 1 > max(operands) >> 1:
            return
        constant, terms = linear([*((x, 1) for x in operands), (total, -1), (carry, -2)])
        newest = max(terms, default=0)
        sign = -terms.pop(newest, 0)
        if abs(sign) == 1:
            self.torn.setdefault(newest, (sign * constant, tuple((node, sign * c) for node, c in terms.items())))

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

    def parts(self, carry: int) -> tuple[Nodes, int] | None:
        """Give the operands of the adder that a node is the carry of, and its sum where it is there, as literals.

        None where a torn adder writes that sum by this node, or newer ones: that would lead round in circles.
        """
        literals = self.carry.get(carry)
        total = self.sum_literal(literals) if literals else None
        if not literals or total is None:
            return None
        _, terms = self.torn.get(total >> 1, (0, ()))
        return None if any(node >= carry for node, _ in terms) else (literals, total)

    def sum_beside(self, carry: int) -> int | None:
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
