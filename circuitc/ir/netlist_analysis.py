"""Ask things of a netlist: levels, invariants, values. Work is done a level at a time, on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .netlist import ARITY, MAX_LUT_INPUTS, WORD_INPUTS, Int32, Kind, Netlist, table_words

Words = NDArray[np.uint64]
ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def levels(netlist: Netlist) -> Int32:
    """Give each node's logic level, int32[nodes].

    A plain loop over Python lists: 0.25 s for a million ANDs, where a numpy sweep a level would need one
    pass over all open nodes for each of thousands of levels in a deep netlist.
    """
    level = [0] * netlist.nodes
    first = 1 + netlist.inputs
    node = (netlist.fanin >> 1).tolist()
    offset = netlist.offset.tolist()
    if netlist.gates and np.all(np.diff(netlist.offset[first:]) == 2):
        start = offset[first]
        pairs = zip(node[start::2], node[start + 1::2], strict=True)
        for n, (a, b) in enumerate(pairs, first):
            x, y = level[a], level[b]
            level[n] = (x if x > y else y) + 1
    else:
        for n in range(first, netlist.nodes):
            level[n] = 1 + max((level[f] for f in node[offset[n]:offset[n + 1]]), default=0)
    result = np.array(level, np.int32)
    result.setflags(write=False)
    return result


def broken_invariants(netlist: Netlist) -> list[str]:
    """List what is wrong with a netlist, in the words of its own encoding; empty where it is sound.

    1. node 0 is FALSE, nodes 1..inputs are INPUT, no others are    2. offsets run from 0 to the number of edges
    3. each kind has its arity    4. fan-ins are nodes before the gate    5. outputs are literals of nodes
    6. side tables are as long as the encoding says, truth tables have no bits but those of their rows, and
       threshold sums fit 64 bits
    """
    nodes, first = netlist.nodes, 1 + netlist.inputs
    kind, offset, fanin = netlist.kind, netlist.offset, netlist.fanin
    if netlist.inputs < 0 or nodes < first or kind[0] != Kind.FALSE or np.any(kind[1:first] != Kind.INPUT):
        return ["node 0 must be false and the nodes after it the inputs"]
    wrong: list[str] = []
    gates = kind[first:]
    if np.any((gates < Kind.AND) | (gates > Kind.THRESHOLD)):
        wrong.append(f"node {first + int(np.argmax((gates < Kind.AND) | (gates > Kind.THRESHOLD)))} has no gate kind")
    if len(offset) != nodes + 1 or offset[0] != 0 or offset[-1] != len(fanin) or np.any(np.diff(offset) < 0):
        return [*wrong, "the fan-in offsets do not run from 0 to the number of edges"]
    arity = np.diff(offset)
    for k, wanted in ARITY.items():
        if np.any(arity[kind == k] != wanted):
            node = int(np.flatnonzero((kind == k) & (arity != wanted))[0])
            wrong.append(f"node {node}: {k.name.lower()} takes {wanted} fan-ins, got {arity[node]}")
    lut = arity[kind == Kind.LUT]
    if np.any((lut < 1) | (lut > MAX_LUT_INPUTS)):
        wrong.append(f"a lut takes 1 to {MAX_LUT_INPUTS} fan-ins")
    owner = np.repeat(np.arange(nodes), arity)
    late = (fanin < 0) | (fanin >> 1 >= owner)
    if np.any(late):
        edge = int(np.argmax(late))
        wrong.append(f"node {owner[edge]}: literal {fanin[edge]} is not of a node before it")
    if np.any((netlist.outputs < 0) | (netlist.outputs >> 1 >= nodes)):
        wrong.append("an output is not a literal of a node")
    return wrong + _broken_tables(netlist)


def _broken_tables(netlist: Netlist) -> list[str]:
    kinds = netlist.kind
    wrong: list[str] = []
    tables = bool(np.any((kinds == Kind.LUT) | (kinds == Kind.THRESHOLD)))
    if len(netlist.data) not in ({netlist.nodes} if tables else {0, netlist.nodes}):
        wrong.append("the side table of truth tables and thresholds has not one number a node")
    elif tables:
        lut = np.flatnonzero((kinds == Kind.LUT) & (np.diff(netlist.offset) < WORD_INPUTS))
        rows = np.left_shift(1, np.diff(netlist.offset)[lut].astype(np.int64))
        if np.any(netlist.data[lut] >> rows):
            wrong.append("a truth table has bits beyond its rows")
    arity = np.diff(netlist.offset)
    wide = (kinds == Kind.LUT) & (arity > WORD_INPUTS) & (arity <= MAX_LUT_INPUTS)
    if len(netlist.weight) not in {0, len(netlist.fanin)} or (wide.any() and not len(netlist.weight)):
        wrong.append("the side table of weights has not one number a fan-in")
    elif len(netlist.weight):
        owner = np.repeat(np.arange(netlist.nodes), np.diff(netlist.offset))
        total = np.bincount(owner, np.abs(netlist.weight.astype(np.float64)), netlist.nodes)
        total[kinds == Kind.LUT] = 0
        if total.max(initial=0) >= 2.0**62:
            wrong.append(f"node {int(np.argmax(total))}: the weights of a threshold gate add up to more than 62 bits")
    if any(not 0 < node < netlist.nodes for node in netlist.names):
        wrong.append("a name belongs to a node that is not there")
    return wrong


def evaluate_words(netlist: Netlist, words: Words) -> Words:
    """Give the outputs for 64 samples a word: uint64[inputs, n] -> uint64[outputs, n].

    The reference meaning of a netlist: one sweep a level, all gates of a kind in it at once. Samples are cut into
    slices so that all nodes' values stay below about 256 MB.
    """
    assert words.shape[0] == netlist.inputs, "one row of words for each input"
    count = words.shape[1]
    step = max(1, (1 << 25) // max(1, netlist.nodes))
    plan = _schedule(netlist)
    result = np.empty((len(netlist.outputs), count), np.uint64)
    for start in range(0, count, step):
        part = words[:, start:start + step]
        value = np.zeros((netlist.nodes, part.shape[1]), np.uint64)
        value[1:1 + netlist.inputs] = part
        for kind, nodes in plan:
            value[nodes] = _EVALUATE[kind](netlist, nodes, value)
        result[:, start:start + step] = _literals(value, netlist.outputs)
    return result


def _schedule(netlist: Netlist) -> list[tuple[Kind, NDArray[np.int64]]]:
    """Group the gates by level, kind and arity, in the order in which they can be evaluated."""
    first = 1 + netlist.inputs
    arity = np.diff(netlist.offset)[first:]
    level, kind = netlist.level[first:], netlist.kind[first:]
    order = np.lexsort((arity, kind, level))
    key = np.stack([level, kind, arity])[:, order]
    cuts = np.flatnonzero(np.any(np.diff(key, axis=1) != 0, axis=0)) + 1
    groups = np.split(order, cuts) if len(order) else []
    return [(Kind(int(kind[g[0]])), g + first) for g in groups]


def _literals(value: Words, literals: NDArray[np.integer]) -> Words:
    """Give the values of literals: their node's words, inverted where the literal is."""
    return value[literals >> 1] ^ np.where(literals & 1, ONES, np.uint64(0))[..., None]


def _operands(netlist: Netlist, nodes: NDArray[np.int64], value: Words) -> Words:
    """Gather fan-in values of gates of one arity: uint64[gates, arity, n]."""
    arity = int(netlist.offset[nodes[0] + 1] - netlist.offset[nodes[0]])
    edges = netlist.offset[nodes][:, None] + np.arange(arity)
    return _literals(value, netlist.fanin[edges])


def _and(netlist: Netlist, nodes: NDArray[np.int64], value: Words) -> Words:
    x = _operands(netlist, nodes, value)
    return x[:, 0] & x[:, 1]


def _xor(netlist: Netlist, nodes: NDArray[np.int64], value: Words) -> Words:
    x = _operands(netlist, nodes, value)
    return x[:, 0] ^ x[:, 1]


def _maj(netlist: Netlist, nodes: NDArray[np.int64], value: Words) -> Words:
    x = _operands(netlist, nodes, value)
    return (x[:, 0] & x[:, 1]) | (x[:, 2] & (x[:, 0] | x[:, 1]))


def _lut(netlist: Netlist, nodes: NDArray[np.int64], value: Words) -> Words:
    """Choose between the halves of the tables by the highest operand, down to single rows."""
    x = _operands(netlist, nodes, value)
    more = netlist.offset[nodes][:, None] + np.arange(table_words(x.shape[1]) - 1)
    words = np.concatenate([netlist.data[nodes][:, None], netlist.weight[more] if more.size else more], axis=1)
    words = words.astype(np.uint64)

    def half(row: int, operands: int) -> Words:
        if not operands:
            return np.where(words[:, row >> 6] >> np.uint64(row & 63) & np.uint64(1), ONES, np.uint64(0))[:, None]
        top = x[:, operands - 1]
        return half(row, operands - 1) & ~top | half(row + (1 << operands - 1), operands - 1) & top

    return half(0, x.shape[1])


def _threshold(netlist: Netlist, nodes: NDArray[np.int64], value: Words) -> Words:
    """One gate at a time (fan-ins times 64 samples a word of integers): threshold gates are few and wide."""
    result = np.empty((len(nodes), value.shape[1]), np.uint64)
    for row, node in enumerate(nodes):
        edges = slice(netlist.offset[node], netlist.offset[node + 1])
        bits = unpack_words(_literals(value, netlist.fanin[edges]))
        total = netlist.weight[edges] @ bits.astype(np.int64)
        result[row] = pack_words((total > netlist.data[node])[None])[0]
    return result


_EVALUATE = {Kind.AND: _and, Kind.XOR: _xor, Kind.MAJ: _maj, Kind.LUT: _lut, Kind.THRESHOLD: _threshold}


def pack_words(bits: NDArray[np.generic]) -> Words:
    """Pack samples into words: bool[rows, samples] -> uint64[rows, ceil(samples / 64)], sample 0 lowest."""
    rows, samples = bits.shape
    padded = np.zeros((rows, -(-samples // 64) * 64), np.uint8)
    padded[:, :samples] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def unpack_words(words: Words, samples: int | None = None) -> NDArray[np.uint8]:
    """Unpack words into samples: uint64[rows, n] -> uint8[rows, samples], the inverse of `pack_words`."""
    data = np.ascontiguousarray(words.astype("<u8")).view(np.uint8)
    return np.unpackbits(data, axis=1, bitorder="little", count=samples)
