"""Native code computes once a call what does not change from step to step; answers stay those of the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.llvm import compile_native
from circuitc.backends.llvm.invariant import split
from circuitc.diagnostics import CircuitError
from circuitc.ir import Graph, Module, Stepper, parse_module, parse_type, run
from circuitc.ir.generate import random_module
from circuitc.models.gnn import ALGORITHMS, Options, compile_program

RELAX = """
func @relax(%w: WEIGHT[5,5], %there: bit[5,5], %start: SENDER[5]) -> (%d: SENDER[5] {rate=call}) iterate 3 {
  reg %so_far : SENDER[5] = 0
  %first = max %so_far, %start : SENDER[5]
  %best = contract %first, %w, %there, %start {spec="i,ij->j", semiring=min_plus, where=ij, init=true}
  %next = requantize %best {overflow=wrap} : SENDER[5]
  next %so_far = %next
  return %next
}
"""


def graph_of(module: Module) -> Graph:
    body = module.entry.body
    assert isinstance(body, Graph)
    return body


def test_what_is_kept() -> None:
    module = parse_module("""
    func @f(%held: u8[4] {rate=call}, %item: u8[4] {rate=step}) -> (%y: u9[4] {rate=step}) stream {
      reg %count : u4 = 0
      %square = mul %held, %held : u16[4]
      %big = lt %item, %square : bit[4]
      %wide = convert %held : u9[4]
      %sum = add %held, %item : u9[4]
      %y = select %big, %wide, %sum : u9[4]
      next %count = %count
      return %y
    }
    """)
    parts = split(module.entry, graph_of(module))
    assert parts.before is not None
    assert parts.reads == (0,)
    assert [n.op for n in parts.before.nodes] == ["input", "mul"]          # %wide is made where it is used
    assert "mul" not in {n.op for n in parts.body.nodes}
    held, items = np.array([[1, 2, 3, 15]]), np.array([[[0, 4, 8, 224], [1, 3, 9, 225]]])
    want = run(module, {"held": held, "item": items})["y"]
    native = compile_native(module, cpu="baseline")
    assert np.array_equal(native.run({"held": held, "item": items})["y"], want)
    mine, stepper = Stepper(module), native.stepper()
    for k in range(2):
        step = {"held": held, "item": items[:, k]}
        assert np.array_equal(stepper.step(step)["y"], mine.step(step)["y"])


def test_a_func_that_runs_once_is_left_alone() -> None:
    module = parse_module("func @f(%x: u8) -> (%y: u16) once {\n  %y = mul %x, %x : u16\n  return %y\n}")
    assert split(module.entry, graph_of(module)).body is module.entry.body


@settings(max_examples=12, deadline=None)
@given(weight=st.sampled_from(["u8", "u3", "ufx<8,4>", "u16", "i8"]),
       sender=st.sampled_from(["u8", "ufx<12,6>", "u20"]), seed=st.integers(0, 99))
def test_masks_of_shortest_paths(weight: str, sender: str, seed: int) -> None:
    module = parse_module(RELAX.replace("WEIGHT", weight).replace("SENDER", sender))
    rng, batch = np.random.default_rng(seed), 4
    ports = {p.name: p.type for p in module.entry.inputs}
    inputs = {name: rng.integers(t.lowest, t.highest, (batch, *t.shape), endpoint=True) for name, t in ports.items()}
    inputs["w"][:, 0], inputs["start"][0] = ports["w"].highest, ports["start"].highest
    got, want = compile_native(module, cpu="baseline").run(inputs), run(module, inputs)
    assert np.array_equal(got["d"], want["d"])
    parts = split(module.entry, graph_of(module))
    assert (parts.before is not None) == (weight != "i8")                   # a sum with a negative weight may be less
    assert parts.before is None or {n.op for n in parts.before.nodes} >= {"select"}


def test_a_promise_that_is_broken_before_the_first_step() -> None:
    module = parse_module("""
    func @f(%x: u8) -> (%y: u8 {rate=call}) iterate 2 {
      reg %r : u4 = 0
      %low = requantize %x {overflow=never} : u4
      %y = add %low, %r : u5
      %wide = convert %y : u8
      next %r = %low
      return %wide
    }
    """)
    native = compile_native(module, cpu="baseline")
    assert native.run({"x": np.array([7])})["y"].tolist() == [14]
    with pytest.raises(CircuitError, match="does not fit u4"):
        native.run({"x": np.array([7, 16])})


def test_random_stepped_programs_are_cut() -> None:
    cut = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        module = random_module(rng, 14, exact_only=True, schedule=True, ops={
            "add", "mul", "select", "eq", "reduce", "contract", "gather", "broadcast", "requantize", "convert", "min"})
        for func in module.funcs.values():
            assert isinstance(func.body, Graph)
            parts = split(func, func.body)
            assert parts.body.output_types == func.body.output_types
            cut += parts.before is not None
    assert cut > 5


def test_threads_share_a_batch_of_graphs() -> None:
    rng, n, batch = np.random.default_rng(0), 24, 300
    A = rng.integers(0, 200, (batch, n, n)) * (rng.random((batch, n, n)) < 0.2)
    s = np.eye(n, dtype=int)[rng.integers(0, n, batch)]
    module = compile_program(ALGORITHMS["bellman_ford"], Options(n, parse_type("u8")))
    one, two = (compile_native(module, threads=t).run({"A": A, "s": s}) for t in (1, 2))
    want = run(module, {"A": A[:20], "s": s[:20]})
    for name, raw in want.items():
        assert np.array_equal(one[name], two[name])
        assert np.array_equal(one[name][:20], raw)
    with pytest.raises(CircuitError, match="does not hold"):
        compile_native(module, threads=2).run({"A": np.where(np.arange(batch)[:, None, None] == batch - 1, 256, A),
                                               "s": s})
