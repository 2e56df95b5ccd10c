"""Adder graphs for constant products: they compute the product, within the depth that was asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_module, parse_type, run
from circuitc.ir.generate import random_module
from circuitc.passes import parse_pipeline, run_passes
from circuitc.passes.adders import adder_network, evaluate, ranges_of, signed_digits

SEEDS = st.integers(0, 2**32 - 1)


@given(st.integers(-2**40, 2**40))
def test_signed_digits_are_canonical(number: int) -> None:
    digits = signed_digits(number)
    assert sum((-1 if negative else 1) << shift for shift, negative in digits) == number
    shifts = [shift for shift, _ in digits]
    assert all(b - a >= 2 for a, b in pairwise(shifts)), "no two neighbours"


@given(seed=SEEDS, depth=st.none() | st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_networks_compute_the_product(seed: int, depth: int | None) -> None:
    rng = np.random.default_rng(seed)
    shape, bits = rng.integers(1, 20, 2), int(rng.integers(1, 12))
    matrix = rng.integers(-1 << bits - 1, 1 << bits - 1, shape) * (rng.random(shape) < rng.random())
    network = adder_network(matrix, depth)
    x = rng.integers(-128, 128, (20, shape[0]))
    np.testing.assert_array_equal(evaluate(network, x), x @ matrix)
    digits = np.array([[len(signed_digits(n)) for n in row] for row in matrix.tolist()]).sum(axis=0)
    assert len(network.adders) <= np.maximum(digits - 1, 0).sum(), "never more than without sharing"
    if depth is not None:
        for count, digit in zip(digits.tolist(), network.outputs, strict=True):
            assert digit is None or network.depths[digit.value] <= max(depth, (count - 1).bit_length())
    for (low, high), row in zip(ranges_of(network, -3, 5), network.coefficients, strict=True):
        assert (low, high) == (np.minimum(-3 * row, 5 * row).sum(), np.maximum(-3 * row, 5 * row).sum())


def test_more_inputs_than_share() -> None:
    matrix = np.random.default_rng(1).integers(-2, 3, (150, 3))
    x = np.random.default_rng(2).integers(-9, 9, (5, 150))
    np.testing.assert_array_equal(evaluate(adder_network(matrix), x), x @ matrix)


@pytest.mark.parametrize(("rows", "columns", "bits", "most"), [(16, 16, 4, 220), (16, 16, 8, 380), (64, 10, 6, 700)])
def test_adders_of_the_benchmark(rows: int, columns: int, bits: int, most: int) -> None:
    """The figures of benchmarks/cmvm.py: alkaid 0.8.2 takes 200, 366 and 674."""
    matrix = np.random.default_rng(0).integers(-1 << bits - 1, 1 << bits - 1, (rows, columns))
    assert len(adder_network(matrix).adders) <= most


SPECS = (("ij,j->i", "i5[4,6]", "fx<4,2>[6]"), ("j,jk->k", "u4[6]", "fx<5,3>[6,3]"),
         ("ij,jk->ik", "i3[3,5]", "u4[5,2]"), ("pj,ij->pi", "i4[3,5]", "i3[4,5]"),
         ("cj,cj->c", "i4[3,4]", "i4[3,4]"), ("cpj,cij->cip", "i3[2,3,4]", "i4[2,2,4]"),
         ("i,->i", "i6[5]", "u4"), (",->", "i9", "i5"), ("i,j->ij", "u3[2]", "i4[3]"), ("ij,j->ij", "i4[2,3]", "i4[3]"))


@pytest.mark.parametrize(("spec", "a", "b"), SPECS, ids=[s for s, _, _ in SPECS])
@pytest.mark.parametrize("side", [0, 1])
def test_contractions_of_every_form(spec: str, a: str, b: str, side: int) -> None:
    rng = np.random.default_rng(side)
    types = (parse_type(a), parse_type(b))
    x, t = types[1 - side], types[side]
    builder = Builder()
    value = builder.input("x", x)
    constant = builder.constant(Constant(t, rng.integers(t.lowest, t.highest + 1, t.shape)))
    operands = (value, constant) if side else (constant, value)
    y = builder.apply("contract", *operands, spec=spec, name="y")
    module = module_of(Func("f", (Port("x", x),), (Port("y", builder.type(y)),), builder.finish([y])))
    after = run_passes(module, "shift-add")
    ops = {node.op for node in after.entry.body.nodes}
    assert after.facts["passes"][0]["changed"]
    assert not ops & {"contract", "mul"}
    samples = {"x": rng.integers(x.lowest, x.highest + 1, (50, *x.shape))}
    np.testing.assert_array_equal(run(after, samples)["y"], run(module, samples)["y"])


@given(seed=SEEDS)
@settings(max_examples=12, deadline=None)
def test_programs_keep_their_meaning(seed: int) -> None:
    module = random_module(np.random.default_rng(seed), 15, exact_only=True, schedule=bool(seed % 2),
                           ops=("contract", "mul", "add", "requantize", "convert", "reduce"))
    pipeline = ("shift-add", "shift-add{depth=2,digits=2}", "ranges,shift-add,scalarize,clean")[seed % 3]
    run_passes(module, pipeline)  # compared before and after


def _scaled(factor: int) -> Module:
    builder = Builder()
    x = builder.input("x", parse_type("i8"))
    y = builder.apply("mul", x, builder.constant(Constant(parse_type("i9"), factor)))
    return module_of(Func("f", (Port("x", parse_type("i8")),), (Port("y", builder.type(y)),), builder.finish([y])))


def test_constants_with_many_digits_may_stay() -> None:
    assert not run_passes(_scaled(0b10101), "shift-add{digits=2}").facts["passes"][0]["changed"]
    facts = run_passes(_scaled(0b10101), "shift-add{digits=3}").facts["passes"][0]["facts"]
    assert facts["networks"] == [{"value": "mul", "adders": 2, "depth": 2, "networks": 1}]


def test_products_that_stay() -> None:
    """Bits and spins are counted; two unknown numbers are multiplied; floats and other semirings are not ours."""
    for text, ops in (("bit[4]", {}), ("spin[4]", {}), ("f32[4]", {}), ("i4[4]", {"semiring": "min_plus"})):
        t = parse_type(text)
        builder = Builder()
        x = builder.input("x", t)
        w = builder.constant(Constant(t if t.is_float else parse_type("i4[4]"), np.ones(4, t.dtype)))
        y = builder.apply("contract", x, w, spec="i,i->", **ops)
        module = module_of(Func("f", (Port("x", t),), (Port("y", builder.type(y)),), builder.finish([y])))
        assert not run_passes(module, "shift-add").facts["passes"][0]["changed"]


def test_types_that_lean_on_constants() -> None:
    """7x is at most 105, so 7x + 20 is u7; of 8x - x that cannot be seen."""
    text = """const #w : u3[1,1] = [[7]]
const #b : u5[1] = [20]
func @f(%x: u4[1]) -> (%y: u7[1]) once {
  %c = contract #w, %x {spec="ij,j->i"} : u7[1]
  %y = add %c, #b : u7[1]
  return %y
}"""
    run_passes(parse_module(text), "shift-add,scalarize,clean")


def test_options_that_make_no_sense() -> None:
    with pytest.raises(CircuitError, match="depth is at least 1, got 0"):
        parse_pipeline("shift-add{depth=0}")
