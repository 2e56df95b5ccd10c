"""The gate-level body: rows of numpy arrays, no object per gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


class Kind(IntEnum):
    """What a node computes from its fan-in literals. The numbers are what `Netlist.kind` holds."""

    FALSE = 0
    INPUT = 1
    AND = 2        # two fan-ins
    XOR = 3        # two fan-ins
    MAJ = 4        # three fan-ins
    LUT = 5        # one to eight fan-ins; truth table bit i is the output where fan-in j has bit j of i
    THRESHOLD = 6  # any fan-ins; 1 where the weighted sum of the fan-in bits is greater than the threshold


ARITY = MappingProxyType({Kind.FALSE: 0, Kind.INPUT: 0, Kind.AND: 2, Kind.XOR: 2, Kind.MAJ: 3})
MAX_LUT_INPUTS = 8
WORD_INPUTS = 6  # a truth table of so many inputs is one word
_WORD = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class Netlist:
    """A combinational network of gates.

    A *literal* is `node << 1 | inverted`. Node 0 is constant false, nodes 1..inputs are the inputs, and the gates
    follow in topological order: a gate's fan-ins are nodes before it. So literal 0 is false and literal 1 is true.

        node      0      1   2    3          4
        kind    FALSE  IN  IN   AND        XOR
        fanin                   2 5        6 4      node 3 = n1 & ~n2, node 4 = n3 ^ n2
        offset    0    0   0    0 2        4        fan-ins of node n: fanin[offset[n]:offset[n+1]]

    `data` has one number a node: the truth table of a LUT (as uint64 bits), the threshold of a threshold gate, else 0;
    empty where there is no such gate. `weight` runs parallel to `fanin`: the weights of threshold gates, and the rows
    64 and up of tables of 7 and 8 inputs, a word each at the gate's first one or three fan-ins; else 0, and empty where
    there is neither. `table` puts a table together. Arrays are read-only. `names` gives some nodes the name they had in
    the source, with the place in the model they came from in parentheses behind it where it is known:
    `carry (net.json:layers[0])`.
    """

    inputs: int
    kind: NDArray[np.uint8]     # [nodes]
    offset: Int32               # [nodes + 1]
    fanin: Int32                # [edges] literals
    outputs: Int32              # [outputs] literals
    data: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    weight: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for array in (self.kind, self.offset, self.fanin, self.outputs, self.data, self.weight):
            array.setflags(write=False)

    @property
    def nodes(self) -> int:
        """The number of nodes: false, inputs and gates."""
        return len(self.kind)

    @property
    def gates(self) -> int:
        return self.nodes - 1 - self.inputs

    @cached_property
    def is_aig(self) -> bool:
        """True where every gate is a two-input AND (edges may be inverted)."""
        return bool(np.all(self.kind[1 + self.inputs:] == Kind.AND))

    def fanins(self, node: int) -> Int32:
        """Give the fan-in literals of a node."""
        return self.fanin[self.offset[node]:self.offset[node + 1]]

    def table(self, node: int) -> int:
        """Give the truth table of a LUT: bit i is the output where fan-in j has bit j of i."""
        first, last = int(self.offset[node]), int(self.offset[node + 1])
        table = int(self.data[node]) & _WORD
        for k in range(1, table_words(last - first)):
            table |= (int(self.weight[first + k - 1]) & _WORD) << 64 * k
        return table

    def count(self) -> dict[str, int]:
        """Count the gates of each kind, kinds that do not occur left out."""
        numbers = np.bincount(self.kind, minlength=len(Kind))
        return {kind.name.lower(): int(numbers[kind]) for kind in Kind if kind > Kind.INPUT and numbers[kind]}

    @cached_property
    def level(self) -> Int32:
        """The logic level of each node: 0 for inputs and false, else 1 + the highest fan-in level."""
        from .netlist_analysis import levels
        return levels(self)

    @property
    def depth(self) -> int:
        """The highest logic level of an output."""
        return int(self.level[self.outputs >> 1].max(initial=0))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Netlist):
            return NotImplemented
        mine, theirs = (
            (n.kind, n.offset, n.fanin, n.outputs, n.data, n.weight) for n in (self, other))
        return self.inputs == other.inputs and dict(self.names) == dict(other.names) and all(
            np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # arrays are compared by content, never used as keys


def table_words(inputs: int) -> int:
    """Give how many words of 64 rows the truth table of so many inputs has."""
    return max(1, 1 << inputs >> WORD_INPUTS)


def split_table(table: int, inputs: int) -> list[int]:
    """Cut a truth table into words as `data` and `weight` hold them, lowest rows first."""
    words = [table >> 64 * k & _WORD for k in range(table_words(inputs))]
    return [word - (1 << 64) if word >> 63 else word for word in words]


def aig(inputs: int, ands: NDArray[np.integer], outputs: NDArray[np.integer] | Sequence[int],
        names: Mapping[int, str] | None = None) -> Netlist:
    """Make a netlist of AND gates from their fan-in literals, shape [gates, 2], in topological order."""
    fanin = np.ascontiguousarray(ands, dtype=np.int32).reshape(-1)
    gates = len(fanin) // 2
    kind = np.full(1 + inputs + gates, Kind.AND, np.uint8)
    kind[0] = Kind.FALSE
    kind[1:1 + inputs] = Kind.INPUT
    offset = np.zeros(len(kind) + 1, np.int32)
    offset[1 + inputs:] = np.arange(gates + 1, dtype=np.int32) * 2
    return Netlist(inputs, kind, offset, fanin, np.asarray(outputs, dtype=np.int32).copy(), names=dict(names or {}))


class NetlistBuilder:
    """Grow a netlist gate by gate, simplifying constants and sharing equal gates; `finish` freezes it.

    For constructions of moderate size (about 1.5 us a gate): what reads or rewrites whole netlists works on arrays.
    """

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self._kind: list[Kind] = [Kind.FALSE, *[Kind.INPUT] * inputs]
        self._fanins: list[tuple[int, ...]] = [()] * (1 + inputs)
        self._data: dict[int, int] = {}
        self._weights: dict[int, tuple[int, ...]] = {}
        self._names: dict[int, str] = {}
        self._known: dict[tuple[object, ...], int] = {}

    @property
    def nodes(self) -> int:
        """The number of nodes so far: false, inputs and gates."""
        return len(self._kind)

    def input(self, index: int) -> int:
        """Give the literal of input number `index`, from 0."""
        assert 0 <= index < self.inputs
        return (1 + index) << 1

    def name(self, literal: int, name: str, *, replace: bool = False) -> None:
        """Remember a name for a literal's node, if it has none yet (or with `replace` in any case)."""
        if not literal & 1 and literal >> 1 > self.inputs and (replace or literal >> 1 not in self._names):
            self._names[literal >> 1] = name

    def and_(self, a: int, b: int) -> int:
        """Give a literal of a AND b."""
        if a > b:
            a, b = b, a
        if a == 0 or a ^ b == 1:
            return 0
        if a == 1 or a == b:
            return b
        return self._gate(Kind.AND, (a, b))

    def or_(self, a: int, b: int) -> int:
        """Give a literal of a OR b."""
        return self.and_(a ^ 1, b ^ 1) ^ 1

    def xor(self, a: int, b: int) -> int:
        """Give a literal of a XOR b; inversions move to the output."""
        inverted = (a ^ b) & 1
        a, b = sorted((a & ~1, b & ~1))
        if a == b:
            return inverted
        return (b if a == 0 else self._gate(Kind.XOR, (a, b))) ^ inverted

    def maj(self, a: int, b: int, c: int) -> int:
        """Give a literal of the majority of three; at most one fan-in stays inverted (self-duality)."""
        a, b, c = sorted((a, b, c))
        if a >> 1 == b >> 1:
            return c if a != b else a
        if b >> 1 == c >> 1:
            return a if b != c else b
        if a <= 1:
            return self.and_(b, c) if a == 0 else self.or_(b, c)
        if (a & 1) + (b & 1) + (c & 1) >= 2:
            return self._gate(Kind.MAJ, (a ^ 1, b ^ 1, c ^ 1)) ^ 1
        return self._gate(Kind.MAJ, (a, b, c))

    def mux(self, condition: int, a: int, b: int) -> int:
        """Give a literal of `a` where the condition is 1, else `b`."""
        if a == b:
            return a
        if a == b ^ 1:
            return self.xor(condition, b)
        return self.or_(self.and_(condition, a), self.and_(condition ^ 1, b))

    def lut(self, fanins: Iterable[int], table: int) -> int:
        """Give a literal of a look-up table: bit i of `table` where fan-in j has bit j of i."""
        fanins = tuple(fanins)
        size = 1 << len(fanins)
        assert 1 <= len(fanins) <= MAX_LUT_INPUTS
        assert 0 <= table < 1 << size
        if table in (0, (1 << size) - 1):
            return table & 1
        low, *high = split_table(table, len(fanins))
        return self._gate(Kind.LUT, fanins, (*high, *[0] * (len(fanins) - len(high))) if high else (), low)

    def threshold(self, fanins: Iterable[int], weights: Iterable[int], threshold: int) -> int:
        """Give a literal of `sum(weight * bit) > threshold`."""
        return self._gate(Kind.THRESHOLD, tuple(fanins), tuple(weights), threshold)

    def _gate(self, kind: Kind, fanins: tuple[int, ...], weights: tuple[int, ...] = (), data: int = 0) -> int:
        key = (kind, fanins, weights, data)
        node = self._known.get(key)
        if node is None:
            node = len(self._kind)
            assert all(0 <= f >> 1 < node for f in fanins)
            self._known[key] = node
            self._kind.append(kind)
            self._fanins.append(fanins)
            if data:
                self._data[node] = data
            if weights:
                self._weights[node] = weights
        return node << 1

    def finish(self, outputs: Iterable[int]) -> Netlist:
        """Freeze what was built, with these output literals."""
        arity = np.fromiter((len(f) for f in self._fanins), np.int32, len(self._fanins))
        offset = np.zeros(len(arity) + 1, np.int32)
        np.cumsum(arity, out=offset[1:])
        fanin = np.fromiter((f for fs in self._fanins for f in fs), np.int32, int(offset[-1]))
        has_data = any(k in (Kind.LUT, Kind.THRESHOLD) for k in set(self._kind))
        data = np.zeros(len(arity) if has_data else 0, np.int64)
        for node, value in self._data.items():
            data[node] = value
        weight = np.zeros(len(fanin) if self._weights else 0, np.int64)
        for node, weights in self._weights.items():
            weight[offset[node]:offset[node + 1]] = weights
        return Netlist(self.inputs, np.array(self._kind, np.uint8), offset, fanin,
                       np.fromiter(outputs, np.int32), data, weight, dict(self._names))
