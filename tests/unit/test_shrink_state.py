"""Whole neurons of recurrent networks: which go, and that `shrink` takes them out of registers, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import F32, Graph, Module, Port, parse_module, random_raw, run
from circuitc.models.rnn import GATES, Linear, network, torch_layer
from circuitc.passes import run_passes
from circuitc.passes.prune import weights_of


def recurrent(kind: Any, hidden: int = 8, levels: int = 1, seed: int = 0) -> Module:
    rng, rows = np.random.default_rng(seed), GATES[kind] * hidden
    made = [(torch_layer(kind, rng.normal(size=(rows, 4 if k == 0 else hidden)), rng.normal(size=(rows, hidden)),
                         rng.normal(size=rows)),) for k in range(levels)]
    readout = Linear(rng.normal(size=(3, hidden)).astype(np.float32), np.ones(3, np.float32))
    return network(made, [readout], Port("x", F32.with_shape((4,))))


def matrices(module: Module) -> dict[str, Any]:
    graph = module.entry.body
    assert isinstance(graph, Graph)
    return {graph.nodes[v].name: c.array for v, (_, c) in weights_of(graph).items()}


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("method", ["magnitude", "random", "lattice"])
def test_whole_neurons_go_in_all_gates_and_leave_the_state(kind: Any, method: str) -> None:
    rng = np.random.default_rng(1)
    module = recurrent(kind)
    pruned = run_passes(module, f"prune{{method={method},block=neurons,sparsity=0.4,density=0.2}}")
    facts, found = pruned.facts["passes"][-1]["facts"], matrices(pruned)
    assert facts["neurons"] == [{"register": "h0", "removed": 3, "of": 8}]
    gone = ~found["readout"].any(axis=0)
    assert gone.sum() == 3
    assert np.array_equal(gone, ~found["l0_state"].any(axis=0))
    for name in ("l0_in", "l0_state"):
        assert np.array_equal(np.tile(gone, GATES[kind]), ~found[name].any(axis=1))
    if method == "magnitude":
        old = matrices(module)
        size = sum((old[k] ** 2).sum(axis=1).reshape(-1, 8).sum(axis=0) for k in ("l0_in", "l0_state"))
        size = size + sum((old[k] ** 2).sum(axis=0) for k in ("l0_state", "readout"))
        assert size[gone].max() < size[~gone].min()
    if method == "lattice":
        assert 0 <= facts["lattice"]["decided_share"] <= 1
    data = {"x": rng.standard_normal((40, 5, 4)).astype(np.float32)}
    whole = run_passes(pruned, "quantize{sensitivity=false}", calibration=data)
    small = run_passes(whole, "shrink")
    assert {r.type.shape for r in small.entry.registers} == {(5,)}
    assert [w.shape for w in matrices(small).values()] == [(GATES[kind] * 5, 4), (GATES[kind] * 5, 5), (3, 5)]
    raw = {"x": random_raw(small.entry.inputs[0].type, 60, rng).reshape(10, 6, 4)}
    wanted = run(whole, raw)["y"]
    assert np.array_equal(run(small, raw)["y"], wanted)
    assert np.array_equal(circuitc.jit(small)(raw["x"]), wanted)
    assert run_passes(small, "shrink").entry is small.entry


def test_two_layers_lose_neurons_of_their_own() -> None:
    module = recurrent("lstm", levels=2)
    pruned = run_passes(module, "prune{block=neurons,sparsity=0.5,scope=global}")
    removed = [n["removed"] for n in pruned.facts["passes"][-1]["facts"]["neurons"]]
    assert sum(removed) == 8
    data = {"x": np.random.default_rng(1).standard_normal((40, 5, 4)).astype(np.float32)}
    small = run_passes(pruned, "quantize{sensitivity=false},shrink", calibration=data)
    assert [r.type.shape for r in small.entry.registers] == [(8 - removed[k],) for k in (0, 0, 1, 1)]


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(["rnn", "lstm", "gru"]), st.integers(1, 6), st.integers(1, 2), st.integers(0, 1 << 20))
def test_any_zero_columns_are_cut_without_changing_a_bit(kind: Any, hidden: int, levels: int, seed: int) -> None:
    """Columns of zeros at random places: in one reader of a state, in all, in none; `run_passes` compares too."""
    rng = np.random.default_rng(seed)
    small = run_passes(recurrent(kind, hidden, levels, seed), "quantize{sensitivity=false},narrow",
                       calibration={"x": rng.standard_normal((20, 4, 4)).astype(np.float32)})
    graph = small.entry.body
    assert isinstance(graph, Graph)
    from circuitc.passes.prune import _masked  # pyright: ignore[reportPrivateUsage]
    layers = weights_of(graph)
    masks = {v: np.broadcast_to(rng.random(c.type.shape[1]) < rng.choice([0.0, 0.5, 1.0]), c.type.shape)
             for v, (_, c) in layers.items()}
    holed = small.with_func(small.entry.with_body(_masked(graph, layers, masks)))
    cut = run_passes(holed, "shrink")
    raw = {"x": random_raw(small.entry.inputs[0].type, 24, rng).reshape(4, 6, 4)}
    assert np.array_equal(run(cut, raw)["y"], run(holed, raw)["y"])


def test_what_an_output_or_another_op_reads_stays() -> None:
    text = """
    const #w : i4[3,2] = [[1, 2], [0, 0], [3, -1]]
    const #v : i4[1,3] = [[1, 2, 0]]
    func @main(%%x: i4[2]) -> (%%y: i20[1] {rate=call}%s) stream {
      reg %%h : i9[3] = [1, 2, 3]
      %%a = contract #w, %%x {spec="ij,j->i"} : i9[3]
      %%y = contract #v, %%h {spec="ij,j->i"} : i20[1]
      next %%h = %%a
      return %%y%s
    }
    """
    small = run_passes(parse_module(text % ("", "")), "shrink")
    assert small.entry.registers[0].type.shape == (2,)
    assert small.entry.registers[0].initial is not None
    assert small.entry.registers[0].initial.array.tolist() == [1, 2]
    whole = parse_module(text % (", %h2: i9[3]", ", %a"))
    assert run_passes(whole, "shrink").entry is whole.entry


def test_a_table_that_is_a_register_stays_whole() -> None:
    module = parse_module("""
    func @main(%x: u2[3] {rate=step}) -> (%y: i8[3] {rate=call}) stream {
      reg %entries : i8[4] = [1, 2, 3, 4]
      %y = table %x, %entries
      next %entries = %entries
      return %y
    }
    """)
    assert run_passes(module, "shrink").entry is module.entry


def test_structured_pruning_has_neurons_of_its_own() -> None:
    with pytest.raises(CircuitError, match="takes no block"):
        run_passes(recurrent("rnn"), "prune{method=structured,block=neurons}")
