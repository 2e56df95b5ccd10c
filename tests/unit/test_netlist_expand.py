"""Netlists of any gates said in ANDs: the same function, and as few ANDs as promised."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from circuitc.ir import Kind, NetlistBuilder, evaluate_words, pack_words, unpack_words
from circuitc.ir.generate import random_netlist
from circuitc.ir.netlist import Netlist, aig
from circuitc.ir.netlist_analysis import broken_invariants
from circuitc.ir.netlist_expand import expand_to_aig


def truth(netlist: Netlist) -> np.ndarray:
    """Give the outputs for all input patterns, [outputs, 2**inputs]."""
    samples = 1 << netlist.inputs
    rows = np.array(list(itertools.product([0, 1], repeat=netlist.inputs)), np.uint8).T.reshape(-1, samples)
    words = pack_words(rows) if netlist.inputs else np.zeros((0, 1), np.uint64)
    return unpack_words(evaluate_words(netlist, words), samples)


def test_an_aig_is_given_back_itself():
    netlist = aig(2, np.array([[2, 5]]), [6])
    assert expand_to_aig(netlist) is netlist


@pytest.mark.parametrize(("gate", "operands", "ands"), [("xor", 2, 3), ("maj", 3, 4)])
def test_xor_and_maj_take_as_many_ands_as_promised(gate: str, operands: int, ands: int):
    builder = NetlistBuilder(operands)
    netlist = builder.finish([getattr(builder, gate)(*map(builder.input, range(operands)))])
    expanded = expand_to_aig(netlist)
    assert expanded.count() == {"and": ands}
    np.testing.assert_array_equal(truth(expanded), truth(netlist))


@pytest.mark.parametrize("arity", [1, 2, 3])
def test_every_small_table(arity: int):
    builder = NetlistBuilder(arity)
    operands = [builder.input(k) for k in range(arity)]
    netlist = builder.finish([builder.lut(operands, table) for table in range(1 << (1 << arity))])
    expanded = expand_to_aig(netlist)
    assert not broken_invariants(expanded)
    np.testing.assert_array_equal(truth(expanded), truth(netlist))


def test_a_table_that_is_a_wire_costs_nothing_however_long_the_chain():
    builder = NetlistBuilder(1)
    literal = builder.input(0)
    for k in range(50):
        literal = builder.lut([literal], 0b01 if k % 2 else 0b10)
    expanded = expand_to_aig(builder.finish([literal]))
    assert expanded.gates == 0
    assert expanded.outputs.tolist() == [2 | 25 % 2]


def test_tables_of_six_operands_with_the_top_bit_set():
    builder = NetlistBuilder(6)
    operands = [builder.input(k) for k in range(6)]
    tables = [0x8000000000000000, 0xFFFFFFFF00000000, 0x6996966996696996, 0xFEDCBA9876543210]
    netlist = builder.finish([builder.lut(operands, table) for table in tables])
    np.testing.assert_array_equal(truth(expand_to_aig(netlist)), truth(netlist))


@pytest.mark.parametrize("weights", [
    (), (1,), (-1,), (0, 0), (1, 1, 1), (3, -2, 1, -1), (1 << 40, -(1 << 40), 1, 7), (5, 5, 5, -5, 2, 2, 1)])
def test_every_threshold_of_some_weights(weights: tuple[int, ...]):
    span = sum(map(abs, weights))
    low = -span - 1
    far = 1 << 40
    limits = range(low, span + 2) if span < 100 else [low, -1, 0, 1, 6, 7, 8, far - 1, far, far + 8, span]
    builder = NetlistBuilder(len(weights))
    operands = [builder.input(k) ^ (k & 1) for k in range(len(weights))]
    netlist = builder.finish([builder.threshold(operands, weights, limit) for limit in limits])
    expanded = expand_to_aig(netlist)
    assert not broken_invariants(expanded)
    np.testing.assert_array_equal(truth(expanded), truth(netlist))


@pytest.mark.parametrize(("inputs", "highest", "most"), [(100, 1, 500), (200, 1000, 8000), (60, 1 << 40, 12000)])
def test_wide_thresholds_stay_small(inputs: int, highest: int, most: int):
    """The bounds are about 1.3 times what was measured; a decision diagram alone would take millions."""
    rng = np.random.default_rng(7)
    weights = rng.integers(-highest, highest + 1, inputs).tolist()
    builder = NetlistBuilder(inputs)
    netlist = builder.finish([builder.threshold(map(builder.input, range(inputs)), weights, 0)])
    expanded = expand_to_aig(netlist)
    assert expanded.gates < most
    words = rng.integers(0, 1 << 63, (inputs, 16)).astype(np.uint64)
    np.testing.assert_array_equal(evaluate_words(expanded, words), evaluate_words(netlist, words))


def test_names_follow_values():
    builder = NetlistBuilder(3)
    a, b, c = (builder.input(k) for k in range(3))
    both, odd, most = builder.and_(a, b), builder.xor(a, b), builder.maj(a, b, c)
    for literal, name in ((both, "both"), (odd, "odd"), (most, "most")):
        builder.name(literal, name)
    netlist = builder.finish([both, odd, most])
    expanded = expand_to_aig(netlist)
    values = truth(aig(3, expanded.fanin.reshape(-1, 2), [node << 1 for node in expanded.names]))
    wanted = dict(zip(("both", "odd", "most"), truth(netlist), strict=True))
    assert {"both", "odd"} <= set(expanded.names.values())
    for name, value in zip(expanded.names.values(), values, strict=True):
        np.testing.assert_array_equal(value, wanted[name])


@pytest.mark.parametrize("seed", range(60))
def test_random_netlists_keep_their_function(seed: int):
    netlist = random_netlist(np.random.default_rng(seed), inputs=seed % 8, gates=30, outputs=6)
    expanded = expand_to_aig(netlist)
    assert not broken_invariants(expanded)
    assert expanded.is_aig
    np.testing.assert_array_equal(truth(expanded), truth(netlist))


def test_a_broken_template_would_be_noticed():
    """The comparison above can fail: with one fan-in inverted it does."""
    builder = NetlistBuilder(2)
    netlist = builder.finish([builder.xor(builder.input(0), builder.input(1))])
    expanded = expand_to_aig(netlist)
    broken = aig(2, expanded.fanin.reshape(-1, 2) ^ np.array([[1, 0], [0, 0], [0, 0]]), expanded.outputs)
    assert not np.array_equal(truth(broken), truth(netlist))
    assert Kind.XOR in netlist.kind
