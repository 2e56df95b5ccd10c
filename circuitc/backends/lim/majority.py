"""Networks of majorities: what RM3 steps compute, and how ANDs, exclusive ORs and majorities become that."""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.ir import Kind, Netlist

from .order import Values

Majority = tuple[int, int, int]   # literals


@dataclass(frozen=True, slots=True)
class MajorityNet:
    """A network of majorities: node 0 is false, then inputs, then gates of three literals each, which differ in node.

    A literal is `node << 1 | inverted`; a AND b is the majority of a, b and 0.
    """

    inputs: int
    gates: tuple[Majority, ...]
    outputs: tuple[int, ...]

    @property
    def first(self) -> int:
        return 1 + self.inputs

    @property
    def values(self) -> Values:
        """See it as values to keep; constants need no cell."""
        fanins = [tuple(f >> 1 for f in gate if f > 1) for gate in self.gates]
        return Values([()] * self.first + fanins, self.first, [o >> 1 for o in self.outputs])


def majorities_of(netlist: Netlist) -> MajorityNet:
    """Say AND, XOR and MAJ gates in majorities, equal ones shared and what no output needs left out."""
    return _Mapping(netlist).run()


class _Mapping:
    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.gates: list[Majority] = []
        self.known: dict[Majority, int] = {}
        fanin, offset = netlist.fanin.tolist(), netlist.offset.tolist()
        self.fanins = [fanin[offset[n]:offset[n + 1]] for n in range(netlist.nodes)]
        self.kinds = netlist.kind.tolist()
        # The nodes of each majority -> its literals, for sums of the same three signals.
        self.majorities = {tuple(sorted(f >> 1 for f in self.fanins[n])): tuple(self.fanins[n])
                           for n in range(netlist.nodes) if self.kinds[n] == Kind.MAJ}

    def run(self) -> MajorityNet:
        net = self.netlist
        new = list(range(0, 2 * net.inputs + 2, 2))
        for node in range(1 + net.inputs, net.nodes):
            f = [new[x >> 1] ^ x & 1 for x in self.fanins[node]]
            sum_of = self._sum_of(node) if self.kinds[node] == Kind.XOR else None
            if sum_of is not None:
                literals, inverted = sum_of
                new.append(self._sum(*(new[x >> 1] ^ x & 1 for x in literals)) ^ inverted)
            elif self.kinds[node] == Kind.XOR:
                new.append(self._gate(self._gate(f[0], f[1] ^ 1, 0) ^ 1, self._gate(f[0] ^ 1, f[1], 0) ^ 1, 0) ^ 1)
            else:
                new.append(self._gate(f[0], f[1], f[2] if self.kinds[node] == Kind.MAJ else 0))
        return self._swept([new[o >> 1] ^ o & 1 for o in net.outputs.tolist()])

    def _sum_of(self, node: int) -> tuple[tuple[int, ...], int] | None:
        """Find an exclusive OR of three signals whose majority is there too: the majority's literals, and a phase."""
        for outer, inner in (self.fanins[node], self.fanins[node][::-1]):
            below = self.fanins[inner >> 1]
            if self.kinds[inner >> 1] == Kind.XOR:
                literals = self.majorities.get(tuple(sorted((outer >> 1, below[0] >> 1, below[1] >> 1))))
                if literals is not None:
                    return literals, (outer ^ inner ^ below[0] ^ below[1] ^ literals[0] ^ literals[1] ^ literals[2]) & 1
        return None

    def _sum(self, a: int, b: int, c: int) -> int:
        """Give a sum bit beside its carry m: M(not m, M(a, b, not c), c)."""
        return self._gate(self._gate(a, b, c) ^ 1, self._gate(a, b, c ^ 1), c)

    def _gate(self, a: int, b: int, c: int) -> int:
        """Give the literal of a majority; it is its own dual, so most inversions move to the output."""
        a, b, c = sorted((a, b, c))
        if a >> 1 == b >> 1:
            return c if a != b else a
        if b >> 1 == c >> 1:
            return a if b != c else b
        inverted = int((a & 1) + (b & 1) + (c & 1) >= 2)
        key = (a ^ inverted, b ^ inverted, c ^ inverted)
        node = self.known.get(key)
        if node is None:
            self.gates.append(key)
            node = self.known[key] = self.netlist.inputs + len(self.gates)
        return node << 1 | inverted

    def _swept(self, outputs: list[int]) -> MajorityNet:
        first = 1 + self.netlist.inputs
        needed = bytearray(first + len(self.gates))
        for o in outputs:
            needed[o >> 1] = 1
        for node in range(len(needed) - 1, first - 1, -1):
            if needed[node]:
                for f in self.gates[node - first]:
                    needed[f >> 1] = 1
        new, gates = list(range(first)), list[Majority]()
        for node in range(first, len(needed)):
            new.append(first + len(gates))
            if needed[node]:
                a, b, c = (new[f >> 1] << 1 | f & 1 for f in self.gates[node - first])
                gates.append((a, b, c))
        return MajorityNet(self.netlist.inputs, tuple(gates), tuple(new[o >> 1] << 1 | o & 1 for o in outputs))
