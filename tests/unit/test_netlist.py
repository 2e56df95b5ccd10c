"""Netlists: what gates compute, how they are built, levels, words."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import Kind, Netlist, NetlistBuilder, aig, evaluate_words, pack_words, unpack_words
from circuitc.ir.generate import random_netlist
from circuitc.ir.netlist_analysis import broken_invariants


def table(netlist: Netlist) -> list[list[int]]:
    """All outputs for all inputs, input 0 the lowest bit of the row's number."""
    rows = np.array([[r >> k & 1 for k in range(netlist.inputs)] for r in range(1 << netlist.inputs)], np.uint8)
    words = evaluate_words(netlist, pack_words(rows.reshape(len(rows), netlist.inputs).T))
    return unpack_words(words, len(rows)).T.tolist()


def slowly(netlist: Netlist, bits: list[int]) -> list[int]:
    """The meaning of gates, one at a time, straight from their description."""
    value = [0, *bits]
    for node in range(1 + netlist.inputs, netlist.nodes):
        x = [value[f >> 1] ^ (f & 1) for f in netlist.fanins(node).tolist()]
        edges = slice(int(netlist.offset[node]), int(netlist.offset[node + 1]))
        match Kind(int(netlist.kind[node])):
            case Kind.AND:
                value.append(x[0] & x[1])
            case Kind.XOR:
                value.append(x[0] ^ x[1])
            case Kind.MAJ:
                value.append(int(sum(x) >= 2))
            case Kind.LUT:
                row = sum(b << k for k, b in enumerate(x))
                word = netlist.data[node] if row < 64 else netlist.weight[edges][row // 64 - 1]
                value.append(int(word) >> row % 64 & 1)
            case _:
                total = sum(w * b for w, b in zip(netlist.weight[edges].tolist(), x, strict=True))
                value.append(int(total > netlist.data[node]))
    return [value[o >> 1] ^ (o & 1) for o in netlist.outputs.tolist()]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_words_agree_with_gates_one_at_a_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    netlist = random_netlist(rng, int(rng.integers(1, 8)), int(rng.integers(0, 40)), int(rng.integers(1, 6)))
    assert broken_invariants(netlist) == []
    bits = rng.integers(0, 2, (netlist.inputs, 70))
    answer = unpack_words(evaluate_words(netlist, pack_words(bits)), 70)
    for k in range(70):
        assert answer[:, k].tolist() == slowly(netlist, bits[:, k].tolist())


TWO: list[tuple[str, Callable[[NetlistBuilder, int, int], int], Callable[[int, int], int]]] = [
    ("and_", lambda b, x, y: b.and_(x, y), lambda x, y: x & y),
    ("or_", lambda b, x, y: b.or_(x, y), lambda x, y: x | y),
    ("xor", lambda b, x, y: b.xor(x, y), lambda x, y: x ^ y),
]


@pytest.mark.parametrize(("name", "build", "meaning"), TWO, ids=[t[0] for t in TWO])
def test_gates_of_two_on_all_literals(name: str, build: Callable[[NetlistBuilder, int, int], int],
                                      meaning: Callable[[int, int], int]) -> None:
    for a, b in product(range(6), repeat=2):  # false, true, two inputs and their inverses
        builder = NetlistBuilder(2)
        netlist = builder.finish([build(builder, a, b)])
        for row, (out,) in enumerate(table(netlist)):
            value = [0, row & 1, row >> 1]
            assert out == meaning(value[a >> 1] ^ (a & 1), value[b >> 1] ^ (b & 1)), (a, b)
        assert netlist.gates == (len({a >> 1, b >> 1, 0}) == 3), "trivial gates are not built"


def test_gates_of_three_on_all_literals() -> None:
    for a, b, c in product(range(8), repeat=3):
        builder = NetlistBuilder(3)
        netlist = builder.finish([builder.maj(a, b, c), builder.mux(a, b, c)])
        for row, outs in enumerate(table(netlist)):
            value = [0, row & 1, row >> 1 & 1, row >> 2]
            x, y, z = (value[f >> 1] ^ (f & 1) for f in (a, b, c))
            assert outs == [int(x + y + z >= 2), y if x else z], (a, b, c)
        assert broken_invariants(netlist) == []


def test_the_builder_shares_equal_gates() -> None:
    b = NetlistBuilder(2)
    x, y = b.input(0), b.input(1)
    assert b.and_(x, y) == b.and_(y, x)
    assert b.xor(x, y) == b.xor(y ^ 1, x ^ 1)
    assert b.xor(x, y ^ 1) == b.xor(x, y) ^ 1
    assert b.maj(x, y, x ^ 1) == y
    assert b.lut([x, y], 6) == b.lut([x, y], 6)
    assert (b.lut([x], 0), b.lut([x], 3)) == (0, 1)
    assert b.threshold([x, y], [1, 2], 1) == b.threshold([x, y], [1, 2], 1)
    assert b.threshold([x, y], [1, 2], 1) != b.threshold([x, y], [2, 1], 1)
    assert b.finish([]).count() == {"and": 1, "xor": 1, "lut": 1, "threshold": 2}


def test_side_tables_run_parallel_to_nodes_and_edges() -> None:
    b = NetlistBuilder(2)
    low = b.lut([2, 4], 8)
    b.name(low, "low")
    b.name(low, "second name")
    b.name(low ^ 1, "inverted")
    b.name(2, "an input")
    top = b.threshold([low, 2], [5, -3], 1)
    netlist = b.finish([top ^ 1])
    assert netlist.kind.tolist() == [Kind.FALSE, Kind.INPUT, Kind.INPUT, Kind.LUT, Kind.THRESHOLD]
    assert (netlist.offset.tolist(), netlist.fanin.tolist()) == ([0, 0, 0, 0, 2, 4], [2, 4, 6, 2])
    assert (netlist.data.tolist(), netlist.weight.tolist()) == ([0, 0, 0, 8, 1], [0, 0, 5, -3])
    assert (netlist.outputs.tolist(), netlist.names) == ([9], {3: "low"})
    assert table(netlist) == [[1], [1], [1], [0]]


def test_a_table_of_64_rows_uses_the_sign_bit() -> None:
    b = NetlistBuilder(6)
    netlist = b.finish([b.lut([b.input(k) for k in range(6)], 1 << 63 | 1)])
    assert netlist.data[-1] < 0
    outs = [row[0] for row in table(netlist)]
    assert outs == [1] + [0] * 62 + [1]


def test_an_aig_of_arrays() -> None:
    netlist = aig(2, np.array([[2, 5], [6, 1]]), [7, 1, 8], {3: "g"})
    assert netlist.is_aig
    assert (netlist.gates, netlist.depth, netlist.level.tolist()) == (2, 2, [0, 0, 0, 1, 2])
    assert table(netlist) == [[1, 1, 0], [0, 1, 1], [1, 1, 0], [1, 1, 0]]
    assert broken_invariants(netlist) == []


def test_arrays_are_frozen_and_netlists_compare_by_content() -> None:
    one, two = (aig(1, np.array([[2, 3]]), [4]) for _ in range(2))
    assert one == two
    assert one != aig(1, np.array([[2, 2]]), [4])
    assert one != aig(1, np.array([[2, 3]]), [4], {2: "name"})
    with pytest.raises(ValueError, match="read-only"):
        one.fanin[0] = 4
    with pytest.raises(TypeError):
        hash(one)


def test_a_deep_chain_and_an_empty_netlist() -> None:
    gates = 30_000
    ands = np.array([[2 * (k + 1), 2 * (k + 1)] for k in range(gates)])
    netlist = aig(1, ands, [2 * (gates + 1)])
    assert netlist.depth == gates
    assert table(netlist) == [[0], [1]]
    assert table(aig(0, np.zeros((0, 2), np.int32), [0, 1])) == [[0, 1]]
    assert table(aig(1, np.zeros((0, 2), np.int32), [])) == [[], []]


@given(st.integers(1, 200), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_words_pack_and_unpack(samples: int, rows: int, seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (rows, samples))
    words = pack_words(bits)
    assert words.shape == (rows, -(-samples // 64))
    assert int(words[0, 0]) & 1 == bits[0, 0], "sample 0 is the lowest bit"
    np.testing.assert_array_equal(unpack_words(words, samples), bits)


def test_a_threshold_gate_counts_what_64_bits_hold() -> None:
    b = NetlistBuilder(2)
    netlist = b.finish([b.threshold([2, 4], [2**61 - 1, 2**60], 2**61), b.threshold([2, 4], [-2**61, 1], -2**61)])
    assert broken_invariants(netlist) == []
    assert table(netlist) == [[0, 1], [0, 0], [0, 1], [1, 1]]
