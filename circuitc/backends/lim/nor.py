"""Networks of NOR gates: what a row of memristors computes, and how ANDs become that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from circuitc.ir import Kind, Netlist

Gate = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NorNet:
    """A combinational network of NOR gates over positive values; a gate of one fan-in is a NOT.

    Node 0 is constant true (a cell that was only initialised), nodes 1..inputs are the inputs, and the gates follow in
    topological order: `gates[k]` has the fan-in nodes, rising and different, of node `1 + inputs + k`. `outputs` are
    nodes. Plain tuples, for it is walked gate by gate: about 100 bytes a gate.
    """

    inputs: int
    gates: tuple[Gate, ...]
    outputs: tuple[int, ...]

    @property
    def first(self) -> int:
        """The node of the first gate."""
        return 1 + self.inputs

    @property
    def nodes(self) -> int:
        return self.first + len(self.gates)


class NorBuilder:
    """Grow a network, sharing equal gates and dropping double inversions; `finish` sweeps what nothing uses."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.gates: list[Gate] = []
        self._known: dict[Gate, int] = {}

    def nor(self, fanins: Iterable[int]) -> int:
        """Give the node of a NOR of nodes."""
        false = self._known.get((0,), -1)
        wanted = tuple(sorted(f for f in set(fanins) if f != false))
        if not wanted:
            return 0
        if 0 in wanted:
            wanted = (0,)
        elif self._opposed(wanted):
            return self._gate((0,))
        if len(wanted) == 1 and wanted[0] > self.inputs:
            inner = self.gates[wanted[0] - self.inputs - 1]
            if len(inner) == 1:
                return inner[0]
        return self._gate(wanted)

    def find(self, *fanins: int) -> int | None:
        """Give the NOR of these nodes if there is one already."""
        return self._known.get(tuple(sorted(set(fanins))))

    def _opposed(self, nodes: Gate) -> bool:
        """Tell whether one of the nodes is the inverse of another: their NOR is false."""
        return len(nodes) > 1 and any((node,) in self._known and self._known[node,] in nodes for node in nodes)

    def _gate(self, fanins: Gate) -> int:
        node = self._known.get(fanins)
        if node is None:
            node = self._known[fanins] = 1 + self.inputs + len(self.gates)
            self.gates.append(fanins)
        return node

    def finish(self, outputs: Sequence[int]) -> NorNet:
        """Freeze what the outputs need."""
        return swept(NorNet(self.inputs, tuple(self.gates), tuple(outputs)))


def swept(net: NorNet) -> NorNet:
    """Give the network without gates that no output needs."""
    needed = bytearray(net.nodes)
    for node in net.outputs:
        needed[node] = 1
    for node in range(net.nodes - 1, net.inputs, -1):
        if needed[node]:
            for f in net.gates[node - net.first]:
                needed[f] = 1
    new = list(range(net.first)) + [0] * len(net.gates)
    gates: list[Gate] = []
    for node in range(net.first, net.nodes):
        if needed[node]:
            new[node] = net.first + len(gates)
            gates.append(tuple(sorted(new[f] for f in net.gates[node - net.first])))
    return NorNet(net.inputs, tuple(gates), tuple(new[o] for o in net.outputs))


def rebuilt(net: NorNet) -> NorNet:
    """Give the network with equal gates shared, double inversions gone and dead gates swept."""
    builder = NorBuilder(net.inputs)
    new = list(range(net.first))
    for fanins in net.gates:
        new.append(builder.nor(new[f] for f in fanins))
    return builder.finish([new[o] for o in net.outputs])


def nor_of_gates(netlist: Netlist) -> NorNet:
    """Map AND, XOR and MAJ gates to NORs; each value is had in the phase that its gates give, and inverted on demand.

    a AND b is NOR(not a, not b), so plain edges need inverters, shared by value. Four NORs make an exclusive NOR, of
    any phases of its operands, and two more the majority of its operands and a third: a full adder takes nine.
    """
    return _Mapping(netlist).run()


class _Mapping:
    """The value of each node of a netlist as a node of the NOR network, and which phase that is."""

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.builder = NorBuilder(netlist.inputs)
        # Node 0 of a netlist is false, of a NOR network true: each value is a node, and 1 where that holds its inverse.
        self.values: list[tuple[int, int]] = [(0, 1), *((k, 0) for k in range(1, 1 + netlist.inputs))]

    def run(self) -> NorNet:
        net = self.netlist
        fanin, offset, kinds = net.fanin.tolist(), net.offset.tolist(), net.kind.tolist()
        for node in range(1 + net.inputs, net.nodes):
            fanins = fanin[offset[node]:offset[node + 1]]
            match kinds[node]:
                case Kind.AND:
                    self.values.append((self.builder.nor([self.value(f ^ 1) for f in fanins]), 0))
                case Kind.XOR:
                    self.values.append(self._xor(*fanins))
                case kind:
                    assert kind == Kind.MAJ, "other gates were expanded"
                    self.values.append(self._maj(fanins))
        return self.builder.finish([self.value(o) for o in net.outputs.tolist()])

    def value(self, literal: int) -> int:
        """Give the node that holds a literal, with an inverter where it is had inverted only."""
        node, inverted = self.values[literal >> 1]
        return self.builder.nor([node]) if inverted ^ literal & 1 else node

    def _xor(self, a: int, b: int) -> tuple[int, int]:
        (x, p), (y, q) = self.values[a >> 1], self.values[b >> 1]
        return self._xnor(x, y), 1 ^ p ^ q ^ (a ^ b) & 1

    def _xnor(self, a: int, b: int) -> int:
        nor = self.builder.nor
        neither = nor([a, b])
        return nor([nor([a, neither]), nor([b, neither])])

    def _maj(self, fanins: list[int]) -> tuple[int, int]:
        """Give a majority from the equivalence of two operands, one that is there already if any is.

        A majority of inverses is the inverse of the majority, so all may be taken in the other phase.
        """
        phases = [self.values[f >> 1][1] ^ f & 1 for f in fanins]
        inverted = int(sum(phases) >= 2)
        values = [self.value(f ^ inverted) for f in fanins]
        turned = (values, values[1:] + values[:1], values[2:] + values[:2])
        a, b, c = next((v for v in turned if self._has_xnor(v[0], v[1])), values)
        nor = self.builder.nor
        return nor([nor([a, b]), nor([self._xnor(a, b), c])]), inverted

    def _has_xnor(self, a: int, b: int) -> bool:
        find = self.builder.find
        neither = find(a, b)
        return neither is not None and find(a, neither) is not None and find(b, neither) is not None
