"""The generator: deterministic, valid, and covering the whole language."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import (
    OPS,
    Graph,
    Kind,
    Module,
    Netlist,
    evaluate_words,
    parse_module,
    print_module,
    run,
    verify_module,
)
from circuitc.ir.generate import random_func, random_module, random_netlist
from circuitc.ir.generate_nodes import MAKERS
from circuitc.ir.netlist_analysis import broken_invariants
from circuitc.ir.ranges import value_ranges
from circuitc.passes import sample_inputs

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int) -> Module:
    return random_module(np.random.default_rng(seed), 20, schedule=bool(seed % 2), exact_only=seed % 3 == 0)


def test_every_op_has_a_maker() -> None:
    assert set(MAKERS) == set(OPS)


def test_programs_cover_the_language() -> None:
    ops: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    schedules: Counter[str] = Counter()
    wider = 0
    for seed in range(120):
        module = random_module(np.random.default_rng(seed), 30, schedule=bool(seed % 2))
        for func in module.funcs.values():
            assert isinstance(func.body, Graph)
            schedules[func.schedule.kind] += 1
            for node in func.body.nodes:
                ops[node.op] += 1
                kinds["float" if node.type.is_float else f"{node.type.width}"] += 1
                kinds[f"rank {node.type.rank}"] += 1
                kinds["negative fraction"] += node.type.fraction < 0
                if node.op == "add":
                    types = [func.body.nodes[v].type for v in node.operands]
                    wider += OPS["add"].result_type(types, {}, None) != node.type
    assert not [name for name in (*OPS, "call", "constant") if ops[name] < 10]
    assert all(kinds[k] for k in ("float", "1", "31", "32", "33", "62", "63", "64", "rank 3", "negative fraction"))
    assert set(schedules) == {"once", "stream", "iterate", "until"}
    assert wider > 5


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_programs_verify_run_and_print(seed: int) -> None:
    module = draw(seed)
    verify_module(module)
    text = print_module(module)
    assert print_module(draw(seed)) == text, "the same seed gives the same program"
    assert print_module(parse_module(text)) == text
    inputs = sample_inputs(module.entry, 6, np.random.default_rng(seed))
    values, again = run(module, inputs), run(parse_module(text), inputs)
    for port in module.entry.results:
        raw = values[port.name]
        np.testing.assert_array_equal(raw, again[port.name])
        assert raw.dtype == port.type.dtype
        assert raw.shape[raw.ndim - port.type.rank:] == port.type.shape
        if port.type.is_exact:
            assert np.all((raw >= port.type.lowest) & (raw <= port.type.highest))
            assert not port.type.is_spin or np.all(raw != 0)


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_values_stay_in_their_ranges(seed: int) -> None:
    func = random_func(np.random.default_rng(seed), 20)
    graph = func.body
    assert isinstance(graph, Graph)
    whole = Graph(graph.inputs, graph.nodes, tuple(range(len(graph.nodes))))
    inputs = sample_inputs(func, 12, np.random.default_rng(seed))
    from circuitc.ir.interpreter import evaluate_body
    values = evaluate_body(Module({"main": func}), func.with_body(whole), [inputs[p.name] for p in func.inputs])
    for node, raw, interval in zip(graph.nodes, values, value_ranges(graph), strict=True):
        if interval is not None:
            assert np.all((raw >= interval.low) & (raw <= interval.high)), f"{node.name}: {node.op}"


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_programs_of_some_ops_have_no_others(seed: int) -> None:
    allowed = {"add", "select", "lt", "requantize"}
    func = random_func(np.random.default_rng(seed), 15, ops=allowed, exact_only=True, schedule=bool(seed % 2))
    assert isinstance(func.body, Graph)
    assert {n.op for n in func.body.nodes} <= allowed | {"constant", "input"}
    assert all(n.type.is_exact for n in func.body.nodes)


@given(SEEDS, st.integers(0, 9), st.integers(0, 60), st.integers(0, 8),
       st.sets(st.sampled_from([k for k in Kind if k > Kind.INPUT]), min_size=1))
@settings(max_examples=60, deadline=None)
def test_netlists_are_sound(seed: int, inputs: int, gates: int, outputs: int, kinds: set[Kind]) -> None:
    netlist = random_netlist(np.random.default_rng(seed), inputs, gates, outputs, sorted(kinds))
    assert broken_invariants(netlist) == []
    assert (netlist.inputs, netlist.gates, len(netlist.outputs)) == (inputs, gates, outputs)
    assert set(netlist.count()) <= {k.name.lower() for k in kinds}
    assert netlist == random_netlist(np.random.default_rng(seed), inputs, gates, outputs, sorted(kinds))
    values = evaluate_words(netlist, np.random.default_rng(seed).integers(0, 2**64, (inputs, 2), dtype=np.uint64))
    assert values.shape == (outputs, 2)


@pytest.mark.parametrize("gates", [100_000])
def test_large_netlist_uses_every_kind_and_polarity(gates: int) -> None:
    netlist = random_netlist(np.random.default_rng(0), 64, gates, 32)
    assert isinstance(netlist, Netlist)
    assert broken_invariants(netlist) == []
    assert min(netlist.count().values()) > gates // 8
    assert 0.4 < float(np.mean(netlist.fanin & 1)) < 0.6
