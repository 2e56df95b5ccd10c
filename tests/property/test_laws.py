"""The algebraic laws as passes: random maps keep their meaning, and each law does its work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import F32, Builder, Constant, Func, Graph, Module, Port, Value, module_of, parse_type, run
from circuitc.ir.generate import random_module
from circuitc.passes import find_pass, run_passes

SEEDS = st.integers(0, 2**32 - 1)
LAWS = ("late-broadcast", "fuse-linear", "merge-linear", "absorb-residual", "drop-dead-axes")
INTEGERS, FLOATS = "i8", "f32"


class Draw:
    """A random program of linear maps, sums, repetitions and parts: what the laws are about."""

    def __init__(self, seed: int, scalar: str) -> None:
        self.rng = np.random.default_rng(seed)
        self.b = Builder()
        self.scalar = parse_type(scalar)

    def input(self, name: str, *shape: int) -> Value:
        return self.b.input(name, self.scalar.with_shape(shape))

    def constant(self, *shape: int) -> Value:
        if self.scalar.is_float:
            return self.b.constant(Constant(F32.with_shape(shape), self.rng.normal(size=shape)), "w")
        t = parse_type(str(self.rng.choice(["i3", "i4", "fx<5,2>"]))).with_shape(shape)
        return self.b.constant(Constant(t, self.rng.integers(t.lowest, t.highest + 1, shape)), "w")

    def size(self) -> int:
        return int(self.rng.integers(1, 5))

    def map(self, x: Value, rows: int) -> Value:
        """A map over the last axis of a matrix, on either side, its rows anywhere."""
        w = self.constant(rows, self.b.type(x).shape[1])
        spec = str(self.rng.choice(["ok,xk->xo", "ok,xk->ox"]))
        return self.b.apply("contract", w, x, spec=spec) if self.rng.random() < 0.5 else self.b.apply(
            "contract", x, w, spec=f"xk,ok->{spec[-2:]}")

    def done(self, *outputs: Value) -> Module:
        graph = self.b.finish(outputs)
        inputs = tuple(Port(n.name, n.type) for n in graph.nodes[:graph.inputs])
        results = tuple(Port(f"y{k}", t) for k, t in enumerate(graph.output_types))
        return module_of(Func("main", inputs, results, graph))


def ops(module: Module) -> list[str]:
    body = module.entry.body
    assert isinstance(body, Graph)
    return [n.op for v, n in enumerate(body.nodes) if v in body.live and n.op not in ("input", "constant")]


def chain(d: Draw) -> Module:
    x = d.input("x", d.size(), 4)
    return d.done(d.map(d.map(x, 2), d.size()))


def parallel(d: Draw) -> Module:
    x = d.input("x", d.size(), d.size())
    wide, (n, k) = F32 if d.scalar.is_float else parse_type("fx<30,4>"), d.b.type(x).shape
    y = d.b.apply("contract", d.constant(2, 3, k), x, spec="hdk,xk->hxd", type=wide.with_shape((2, n, 3)))
    z = d.b.apply("contract", x, d.constant(4, k), spec="xk,ok->xo", type=wide.with_shape((n, 4)))
    return d.done(y, z, d.map(x, 3))


def residual(d: Draw) -> Module:
    n = d.size()
    x = d.input("x", d.size(), n)
    y = d.b.apply("contract", d.constant(n, n), x, spec="ok,xk->xo")
    return d.done(d.b.apply("add", *((y, x) if d.rng.random() < 0.5 else (x, y, x))))


def repeated(d: Draw) -> Module:
    shape = (d.size() + 1, d.size() + 1, d.size() + 1)
    x, y = d.input("x", shape[1]), d.input("y", shape[1])
    wide = [d.b.apply("broadcast", v, shape=shape, axes=(1,)) for v in (x, y)]
    total = d.b.apply(str(d.rng.choice(["add", "mul", "max"])), *wide)
    return d.done(d.b.apply("neg", total))


def cut(d: Draw) -> Module:
    n = d.size() + 2
    x = d.input("x", d.size(), d.size())
    y = d.map(x, n)
    y = d.b.apply("neg", d.b.apply("broadcast", y, shape=(2, *d.b.type(y).shape), axes=(1, 2)))
    shape = d.b.type(y).shape
    start = [int(d.rng.integers(0, m)) for m in shape]
    stop = [int(d.rng.integers(a + 1, m + 1)) for a, m in zip(start, shape, strict=True)]
    step = tuple(int(k) for k in d.rng.integers(1, 3, 3))
    y = d.b.apply("slice", y, start=tuple(start), stop=tuple(stop), step=step)
    return d.done(d.b.apply("reduce", y, kind="max", axes=(0,)))


PROGRAMS = (chain, parallel, residual, repeated, cut)


@pytest.mark.parametrize("law", [*LAWS, ",".join(LAWS)])
@given(seed=SEEDS, kind=st.sampled_from([INTEGERS, FLOATS]), program=st.sampled_from(PROGRAMS))
@settings(max_examples=14, deadline=None)
def test_a_law_keeps_the_meaning(law: str, seed: int, kind: str, program: Any) -> None:
    """Verified, and compared by the runner: exact types bit for bit. And a law that is done has nothing left to do."""
    module = program(Draw(seed, kind))
    after = run_passes(module, law)
    assert all(r["evidence"]["level"] in ("proved", "exhausted", "simulated") for r in after.facts["passes"])
    again = run_passes(after, law, check=None).facts["passes"][-1]
    assert not again["changed"] or "," in law


@pytest.mark.parametrize("law", LAWS)
@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_any_program_keeps_its_meaning(law: str, seed: int) -> None:
    family = (None, ("contract", "add", "broadcast", "slice", "reduce", "transpose", "neg", "concat", "window"))
    module = random_module(np.random.default_rng(seed), 20, schedule=bool(seed % 2), ops=family[seed // 2 % 2])
    after = run_passes(module, [find_pass(law)()])
    assert after.facts["passes"][0]["changed"] or after.entry is module.entry


@given(seed=SEEDS, law=st.sampled_from(["late-broadcast", "drop-dead-axes"]))
@settings(max_examples=20, deadline=None)
def test_floats_stay_bit_for_bit_where_no_sum_is_touched(seed: int, law: str) -> None:
    d = Draw(seed, FLOATS)
    x = d.input("x", 3)
    wide = d.b.apply("broadcast", x, shape=(4, 3), axes=(1,))
    y = d.b.apply("mul", wide, d.b.apply("exp", wide, type=F32.with_shape((4, 3))))
    module = d.done(d.b.apply("slice", y, start=(1, 0), stop=(3, 2)))
    values = {"x": d.rng.normal(size=(8, 3)).astype(np.float32)}
    after = run_passes(module, law)
    assert after.facts["passes"][0]["changed"]
    np.testing.assert_array_equal(run(after, values)["y0"], run(module, values)["y0"])


def test_each_law_does_its_work() -> None:
    d = Draw(3, INTEGERS)
    x = d.input("x", 2, 4)
    maps = [d.b.apply("contract", d.constant(4, 4), x, spec="ok,xk->xo", type=parse_type("fx<20,2>[2,4]"))
            for _ in range(3)]
    heads = d.done(*maps)
    assert ops(heads) == ["contract"] * 3
    assert ops(run_passes(heads, "merge-linear")).count("contract") == 1
    assert ops(run_passes(run_passes(heads, "merge-linear"), "drop-dead-axes")).count("contract") == 1
    assert ops(run_passes(residual(Draw(8, INTEGERS)), "absorb-residual")) in (["contract"], ["contract", "add"])
    small = run_passes(repeated(Draw(1, INTEGERS)), "late-broadcast").entry.body
    assert isinstance(small, Graph)
    assert [n.type.rank for n in small.nodes[small.inputs:]] == [1, 1, 3]
    row = run_passes(cut(Draw(5, INTEGERS)), "drop-dead-axes").entry.body
    assert isinstance(row, Graph)
    assert ops(run_passes(chain(Draw(2, INTEGERS)), "fuse-linear")) in (["contract"], ["contract", "contract"])


def test_two_maps_become_the_product_of_their_matrices() -> None:
    d = Draw(0, INTEGERS)
    x = d.input("x", 5)
    first, second = (np.arange(15).reshape(3, 5) - 7, np.array([[1, -1, 2]]))
    for w in (first, second):
        t = parse_type("i6").with_shape(w.shape)
        x = d.b.apply("contract", d.b.constant(Constant(t, w)), x, spec="ok,k->o")
    body = run_passes(d.done(x), "fuse-linear").entry.body
    assert isinstance(body, Graph)
    assert [n.constant.array.tolist() for n in body.nodes if n.is_constant] == [(second @ first).tolist()]


def test_floats_are_reassociated_only_where_one_asks() -> None:
    d = Draw(4, FLOATS)
    x = d.input("x", 6)
    hidden = d.b.apply("contract", d.constant(4, 6), x, spec="ok,k->o")
    module = d.done(d.b.apply("contract", d.constant(2, 4), hidden, spec="ok,k->o"))
    assert run_passes(module, "fuse-linear,absorb-residual").entry is module.entry
    calibration = {"x": np.random.default_rng(0).normal(size=(9, *module.entry.inputs[0].type.shape)).astype("f4")}
    after = run_passes(module, "reassociate", calibration=calibration)
    record = after.facts["passes"][0]
    assert not record["exact"]
    assert record["evidence"]["level"] == "measured"
    assert ops(after).count("contract") == 1
    assert record["evidence"]["outputs"]["y0"]["max_error"] < 1e-4
