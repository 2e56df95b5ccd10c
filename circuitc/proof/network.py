"""One and-inverter network that both sides of a comparison are hashed into, so that equal structure is shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Kind, Netlist, aig, evaluate_words

Words = NDArray[np.uint64]


class Network:
    """A growing network of two-input ANDs with structural hashing; literals as in `Netlist`.

    Plain lists and one dictionary: about 0.6 us a gate, 0.7 s a million that are already there.
    """

    def __init__(self) -> None:
        self.left: list[int] = [0]    # fan-in literals by node; inputs and false have -1 and 0
        self.right: list[int] = [0]
        self.inputs: list[int] = []   # nodes
        self._known: dict[tuple[int, int], int] = {}

    @property
    def nodes(self) -> int:
        return len(self.left)

    def input(self) -> int:
        """Add an input and give its literal."""
        node = len(self.left)
        self.left.append(-1)
        self.right.append(-1)
        self.inputs.append(node)
        return node << 1

    def is_gate(self, node: int) -> bool:
        return node > 0 and self.left[node] >= 0

    def and_(self, a: int, b: int) -> int:
        """Give a literal of a AND b."""
        if a > b:
            a, b = b, a
        if a <= 1:
            return b if a else 0
        if a ^ b <= 1:
            return a if a == b else 0
        known = self._known.get((a, b))
        if known is None:
            known = self._known[a, b] = len(self.left) << 1
            self.left.append(a)
            self.right.append(b)
        return known

    def or_(self, a: int, b: int) -> int:
        """Give a literal of a OR b."""
        return self.and_(a ^ 1, b ^ 1) ^ 1

    def xor(self, a: int, b: int) -> int:
        """Give a literal of a XOR b, three gates."""
        inverted, a, b = (a ^ b) & 1, a & ~1, b & ~1
        return self.and_(self.and_(a, b) ^ 1, self.and_(a ^ 1, b ^ 1) ^ 1) ^ inverted

    def mux(self, condition: int, a: int, b: int) -> int:
        """Give a literal of `a` where the condition is 1, else `b`."""
        return self.or_(self.and_(condition, a), self.and_(condition ^ 1, b))

    def maj(self, a: int, b: int, c: int) -> int:
        """Give a literal of the majority of three."""
        return self.or_(self.and_(a, b), self.and_(c, self.or_(a, b)))

    def netlist(self, outputs: Sequence[int]) -> Netlist:
        """Give the network as a netlist with these output literals; inputs keep their order."""
        node = np.zeros(self.nodes, np.int64)
        left, right = np.array(self.left, np.int64), np.array(self.right, np.int64)
        gates = left >= 0
        gates[0] = False
        node[self.inputs] = 1 + np.arange(len(self.inputs))
        node[gates] = 1 + len(self.inputs) + np.arange(int(gates.sum()))

        def moved(literals: NDArray[np.int64]) -> NDArray[np.int64]:
            return node[literals >> 1] << 1 | literals & 1

        pairs = np.stack([moved(left[gates]), moved(right[gates])], axis=1)
        return aig(len(self.inputs), pairs, moved(np.array(outputs, np.int64).reshape(-1)))

    def values(self, words: Words) -> Words:
        """Give every node's words for 64 samples a word of the inputs: uint64[inputs, n] -> uint64[nodes, n]."""
        return evaluate_words(self.netlist([n << 1 for n in range(self.nodes)]), words)

    def import_netlist(self, netlist: Netlist, inputs: Sequence[int]) -> list[int]:
        """Hash a netlist of any gate kinds in, its inputs at these literals; give the literals of its outputs."""
        assert len(inputs) == netlist.inputs, "one literal for each input"
        literal = [0, *inputs]
        if netlist.is_aig:
            self._import_ands(netlist, literal)
        else:
            self._import_gates(netlist, literal)
        return [literal[out >> 1] ^ (out & 1) for out in netlist.outputs.tolist()]

    def _import_ands(self, netlist: Netlist, literal: list[int]) -> None:
        fanin = netlist.fanin.tolist()
        for a, b in zip(fanin[::2], fanin[1::2], strict=True):
            literal.append(self.and_(literal[a >> 1] ^ (a & 1), literal[b >> 1] ^ (b & 1)))

    def _import_gates(self, netlist: Netlist, literal: list[int]) -> None:
        fanin, offset, kind = netlist.fanin.tolist(), netlist.offset.tolist(), netlist.kind.tolist()
        data, weight = netlist.data.tolist(), netlist.weight.tolist()
        simple: dict[int, Callable[..., int]] = {Kind.AND: self.and_, Kind.XOR: self.xor, Kind.MAJ: self.maj}
        for node in range(1 + netlist.inputs, netlist.nodes):
            edges = range(offset[node], offset[node + 1])
            operands = [literal[fanin[e] >> 1] ^ (fanin[e] & 1) for e in edges]
            if kind[node] == Kind.LUT:
                literal.append(_lut(self, operands, netlist.table(node)))
            elif kind[node] == Kind.THRESHOLD:
                literal.append(_threshold(self, operands, [weight[e] for e in edges], data[node]))
            else:
                literal.append(simple[kind[node]](*operands))


class PlainNetwork(Network):
    """A network that shares and folds nothing: each gate that is asked for is a node, so it mirrors imports."""

    def and_(self, a: int, b: int) -> int:
        """Add a gate a AND b and give its literal."""
        self.left.append(a)
        self.right.append(b)
        return (len(self.left) - 1) << 1


def _lut(network: Network, operands: list[int], table: int) -> int:
    """Build a look-up table by expansion on its last operand: bit i of `table` where operand j has bit j of i."""
    size = 1 << len(operands)
    table &= (1 << size) - 1
    if table in (0, (1 << size) - 1):
        return table & 1
    half = size >> 1
    low = _lut(network, operands[:-1], table & ((1 << half) - 1))
    high = _lut(network, operands[:-1], table >> half)
    return low if low == high else network.mux(operands[-1], high, low)


def _threshold(network: Network, operands: list[int], weights: list[int], threshold: int) -> int:
    """Build `sum(weight * bit) > threshold`: a decision diagram where it stays small, else an adder and a comparison.

    Negative weights move to the inverted operand: `-w * x = w * ~x - w`.
    """
    terms = [(abs(w), x ^ (w < 0)) for w, x in zip(weights, operands, strict=True) if w]
    threshold += sum(-w for w in weights if w < 0)
    terms.sort(reverse=True)
    if len(terms) * (1 + sum(w for w, _ in terms)) <= 4096 or len(terms) <= 10:
        return _diagram(network, terms, threshold)
    return _added(network, terms, threshold)


def _diagram(network: Network, terms: list[tuple[int, int]], threshold: int) -> int:
    """Decide term by term, greatest weight first; equal remaining questions are asked once."""
    rest = [0]
    for weight, _ in reversed(terms):
        rest.append(rest[-1] + weight)
    rest.reverse()
    known: dict[tuple[int, int], int] = {}

    def exceeds(index: int, bound: int) -> int:
        if bound < 0 or bound >= rest[index]:
            return int(bound < 0)
        key = (index, bound)
        if key not in known:
            weight, literal = terms[index]
            known[key] = network.mux(literal, exceeds(index + 1, bound - weight), exceeds(index + 1, bound))
        return known[key]

    return exceeds(0, threshold)


def _added(network: Network, terms: list[tuple[int, int]], threshold: int) -> int:
    """Add all terms column by column with full adders, then compare the sum with the threshold."""
    total = sum(w for w, _ in terms)
    if threshold < 0 or threshold >= total:
        return int(threshold < 0)
    columns: list[list[int]] = [[x for w, x in terms if w >> k & 1] for k in range(total.bit_length())]
    greater = 0
    for k, column in enumerate(columns):
        while len(column) > 1:
            a, b, c = column.pop(), column.pop(), column.pop() if column else 0
            column.insert(0, network.xor(network.xor(a, b), c))
            carry = network.maj(a, b, c)
            if carry and k + 1 < len(columns):  # the total fits the columns, so what would leave the last one is 0
                columns[k + 1].append(carry)
        bit = column[0] if column else 0
        greater = network.and_(bit, greater) if threshold >> k & 1 else network.or_(bit, greater)
    return greater
