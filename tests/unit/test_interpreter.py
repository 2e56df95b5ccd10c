"""The meaning of funcs: schedules, rates, padding, calls, registers; samples of a batch do not see each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.diagnostics import CircuitError
from circuitc.ir import Func, Module, Stepper, module_of, parse_module, print_module, random_raw, run, verify_module
from circuitc.ir.generate import random_func, random_module

SEEDS = st.integers(0, 2**32 - 1)

COUNTER = parse_module("""
func @main(%up: u4, %base: u4 {rate=call}) -> (%count: u8, %last: u8 {rate=call}) stream {
  reg %n : u8 = 100
  %sum = add %n, %up, %base : u9
  %new = requantize %sum {overflow=wrap} : u8
  next %n = %new
  return %n, %new
}""")

HALVING = parse_module("""
const #one : u4 = 1
const #yes : bit = 1
func @main(%x: u4) -> (%y: u4, %trace: u4 {rate=step}) until limit 4 {
  reg %value : u4 = 0
  reg %begun : bit = 0
  %old = select %begun, %value, %x : u4
  %half = shift %old {by=-1} : ufx<4,1>
  %new = requantize %half {rounding=floor} : u4
  %end = le %new, #one : bit
  next %value = %new
  next %begun = #yes
  done %end
  return %new, %new
}""")


def drawn(func: Func, batch: int, rng: np.random.Generator, steps: int = 4) -> dict[str, Any]:
    """Random inputs of a func, with steps where its ports have them."""
    if func.schedule.kind in ("iterate", "until"):
        steps = func.schedule.count
    inputs: dict[str, Any] = {}
    for p in func.inputs:
        stepped = p.rate == "step" and func.schedule.kind != "once"
        raw = random_raw(p.type, batch * (steps if stepped else 1), rng)
        inputs[p.name] = raw.reshape(batch, steps, *p.type.shape) if stepped else raw
    return inputs


def assert_equal(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert list(a) == list(b)
    for name, value in a.items():
        assert value.dtype == b[name].dtype
        np.testing.assert_array_equal(value, b[name], err_msg=name)


def test_a_stream_keeps_state_from_step_to_step_and_not_from_call_to_call() -> None:
    inputs = {"up": np.array([[1, 2, 3], [0, 0, 15]]), "base": np.array([0, 1])}
    for _ in range(2):
        out = run(COUNTER, inputs)
        assert out["count"].tolist() == [[100, 101, 103], [100, 101, 102]]
        assert out["last"].tolist() == [106, 118]


def test_a_stream_takes_any_number_of_items_but_none() -> None:
    assert run(COUNTER, {"up": np.ones((1, 1)), "base": np.zeros(1)})["count"].shape == (1, 1)
    with pytest.raises(CircuitError, match="needs at least one item"):
        run(COUNTER, {"up": np.ones((1, 0)), "base": np.zeros(1)})


def test_until_stops_each_sample_on_its_own() -> None:
    out = run(HALVING, {"x": np.array([15, 3, 1, 0])})
    assert out["trace"].tolist() == [[7, 3, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert out["y"].tolist() == [1, 1, 0, 0]
    assert out["steps"].tolist() == [3, 1, 1, 1]
    assert out["converged"].tolist() == [1, 1, 1, 1]


def test_until_says_that_the_limit_was_reached() -> None:
    short = parse_module(print_module(HALVING).replace("limit 4", "limit 2"))
    out = run(short, {"x": np.array([15, 3])})
    assert out["trace"].tolist() == [[7, 3], [1, 1]]
    assert (out["converged"].tolist(), out["steps"].tolist()) == ([0, 1], [2, 1])


def test_until_done_at_the_limit_has_converged() -> None:
    exact = parse_module(print_module(HALVING).replace("limit 4", "limit 3"))
    out = run(exact, {"x": np.array([15])})
    assert (out["converged"].tolist(), out["steps"].tolist()) == ([1], [3])


def test_iterate_holds_call_inputs_and_walks_step_inputs() -> None:
    module = parse_module("""
    func @main(%held: u4, %each: u4 {rate=step}) -> (%sum: u8, %sums: u8 {rate=step}) iterate 3 {
      reg %s : u8 = 0
      %t = add %s, %held, %each : u9
      %n = requantize %t {overflow=wrap} : u8
      next %s = %n
      return %n, %n
    }""")
    out = run(module, {"held": np.array([1, 2]), "each": np.array([[1, 2, 3], [0, 0, 0]])})
    assert out["sums"].tolist() == [[2, 5, 9], [2, 4, 6]]
    assert out["sum"].tolist() == [9, 6]
    with pytest.raises(CircuitError, match=r"step inputs of @main need 3 items, got 2"):
        run(module, {"held": np.array([1]), "each": np.array([[1, 2]])})


def test_a_call_runs_the_whole_schedule_from_the_initial_state() -> None:
    text = """
    func @main(%a: u4[3], %b: u4[3]) -> (%x: u8, %y: u8, %n: u2, %hints: u4[4]) once {
      %x = call @sum %a {output=total} : u8
      %y = call @sum %b {output=total} : u8
      %first = element %a {index=0} : u4
      %n = call @main_ %first {output=steps} : u3
      %hints = call @main_ %first {output=trace} : u4[4]
      %m = requantize %n : u2
      return %x, %y, %m, %hints
    }
    func @sum(%item: u4) -> (%total: u8 {rate=call}) stream {
      reg %s : u8 = 0
      %t = add %s, %item : u9
      %n = requantize %t {overflow=wrap} : u8
      next %s = %n
      return %n
    }
    """
    halving = print_module(HALVING).split("\n", 1)[1].replace("@main", "@main_")
    consts, func = halving.split("\n\n", 1)
    module = parse_module(consts + text + func)
    verify_module(module)
    out = run(module, {"a": np.array([[15, 1, 2]]), "b": np.array([[1, 1, 1]])})
    assert [out[k].tolist() for k in ("x", "y", "n", "hints")] == [[18], [3], [3], [[7, 3, 1, 1]]]


def test_calls_nest() -> None:
    funcs = ["func @f0(%x: u8) -> (%y: u8) once { %a = not %x : u8 return %a }"]
    funcs += [f"func @f{k}(%x: u8) -> (%y: u8) once {{ %a = call @f{k - 1} %x {{output=y}} : u8 "
              f"%b = call @f{k - 1} %a {{output=y}} : u8 %c = not %b : u8 return %c }}" for k in range(1, 5)]
    module = parse_module("main @f4\n" + "\n".join(funcs))
    verify_module(module)
    assert run(module, {"x": np.array([5])})["y"].tolist() == [255 - 5]
    assert run(module, {"x": np.array([5])}, func="f0")["y"].tolist() == [250]


def test_free_registers_are_asked_for_and_given() -> None:
    module = parse_module("""func @main(%x: u4) -> (%y: u4) stream {
      reg %a : u4 = free
      reg %b : u4 = 3
      next %a = %b
      next %b = %x
      return %a }""")
    inputs = {"x": np.array([[1, 2, 4], [5, 6, 7]])}
    with pytest.raises(CircuitError, match="register a of @main has no initial value") as caught:
        run(module, inputs)
    assert caught.value.diagnostics[0].help == "give one with state={'a': ...}"
    assert run(module, inputs, state={"a": np.array(9)})["y"].tolist() == [[9, 3, 1], [9, 3, 5]]
    assert run(module, inputs, state={"a": np.array([8, 9])})["y"].tolist() == [[8, 3, 1], [9, 3, 5]]
    both = run(module, inputs, state={"a": np.array(9), "b": np.array([0, 15])})
    assert both["y"].tolist() == [[9, 0, 1], [9, 15, 5]], "a given state wins over the initial value"


def test_netlists_keep_the_typed_ports_and_registers() -> None:
    module = parse_module("""func @main(%x: i2) -> (%y: i2) stream {
      reg %r : spin = -1
      netlist {
        xor 2 6
        outputs 8 4 7
      }
    }""")
    verify_module(module)
    out = run(module, {"x": np.array([[-1, -1, 1, 0]])})
    assert out["y"].tolist() == [[-1, -2, 1, 1]]


@pytest.mark.parametrize(("inputs", "message"), [
    ({"up": np.ones((1, 2))}, "@main needs the input base: u4"),
    ({"up": np.ones((1, 2)), "base": np.ones(1), "bass": np.ones(1)}, "@main has no input bass"),
    ({"up": np.ones(2), "base": np.ones(2)}, r"input up takes shape \[batch, steps\], got \[2\]"),
    ({"up": np.ones((2, 2)), "base": np.ones(3)}, r"different batch sizes: \[2, 3\]"),
    ({"up": np.ones((1, 2)), "base": np.ones((1, 1))}, r"input base takes shape \[batch\], got \[1, 1\]"),
])
def test_inputs_that_do_not_fit(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        run(COUNTER, inputs)


def test_never_raises_where_it_happens() -> None:
    module = parse_module("func @f(%x: u8) -> (%y: u4) once {\n"
                          "  %y = requantize %x {overflow=never} : u4\n  return %y\n}")
    assert run(module, {"x": np.array([15])})["y"].tolist() == [15]
    with pytest.raises(CircuitError, match=r"text:2:8: requantize says overflow=never, but raw 16 does not fit u4"):
        run(module, {"x": np.array([15, 16])})


def exact_64(op: str, x: int, y: int) -> int:
    meaning: dict[str, Callable[[int, int], int]] = {
        "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b, "min": min, "max": max}
    return meaning[op](x, y)


WORD = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]))


@settings(max_examples=60, deadline=None)
@given(x=WORD, y=WORD)
def test_64_bits_are_64_bits(x: int, y: int) -> None:
    ops = ["and", "or", "xor", "min", "max"]
    lines = "\n".join(f"  %{op}_ = {op} %x, %y : u64" for op in ops)
    outs = ", ".join(f"%{op}_: u64" for op in ops) + ", %n: u64, %less: bit, %low: u32, %s: i64, %b: bit[64], %w: u64"
    module = parse_module(f"""func @f(%x: u64, %y: u64) -> ({outs}) once {{
{lines}
  %n = not %x : u64
  %less = lt %x, %y : bit
  %low = requantize %x {{overflow=wrap}} : u32
  %s = requantize %x {{overflow=wrap}} : i64
  %b = unpack %x : bit[64]
  %w = pack %b : u64
  return {', '.join(f'%{op}_' for op in ops)}, %n, %less, %low, %s, %b, %w
}}""")
    out = run(module, {"x": np.array([x], dtype=object), "y": np.array([y], dtype=object)})
    for op in ops:
        assert out[f"{op}_"].tolist() == [exact_64(op, x, y)]
    assert out["n"].tolist() == [2**64 - 1 - x]
    assert out["less"].tolist() == [x < y]
    assert out["low"].tolist() == [x % 2**32]
    assert out["s"].tolist() == [x - 2**64 if x >= 2**63 else x]
    assert out["b"][0].tolist() == [x >> k & 1 for k in range(64)]
    assert out["w"].tolist() == [x]


@settings(max_examples=60, deadline=None)
@given(a=st.integers(-2**31, 2**31 - 1), b=st.integers(-2**31, 2**31 - 1), c=st.integers(0, 2**62))
def test_products_and_sums_of_64_bits(a: int, b: int, c: int) -> None:
    module = parse_module("""func @f(%a: i32[2], %b: i32[2], %c: u62) -> (%p: i64[2], %s: u63) once {
      %p = mul %a, %b : i64[2]
      %s = add %c, %c : u63
      return %p, %s }""")
    out = run(module, {"a": np.array([[a, b]]), "b": np.array([[b, b]]), "c": np.array([min(c, 2**62 - 1)])})
    assert out["p"].tolist() == [[a * b, b * b]]
    assert out["s"].tolist() == [2 * min(c, 2**62 - 1)]


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_samples_of_a_batch_do_not_see_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    module: Module = random_module(rng, 12, exact_only=True, schedule=bool(seed % 2))
    inputs = drawn(module.entry, 4, rng)
    together = run(module, inputs)
    for k in range(4):
        alone = run(module, {name: value[k:k + 1] for name, value in inputs.items()})
        assert_equal(alone, {name: value[k:k + 1] for name, value in together.items()})


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_a_stepper_takes_the_steps_of_a_run(seed: int) -> None:
    rng = np.random.default_rng(seed)
    module = module_of(random_func(rng, 10, schedule=True))
    func = module.entry
    inputs = drawn(func, 3, rng)
    wanted = run(module, inputs)
    stepper = Stepper(module, batch=3)
    steps = max((v.shape[1] for p in func.inputs if p.rate == "step" for v in [inputs[p.name]]),
                default=func.schedule.count)
    if func.schedule.kind == "until":
        steps = int(wanted["steps"].min())
    out: dict[str, Any] = {}
    for k in range(steps):
        out = stepper.step({p.name: inputs[p.name][:, k] if p.rate == "step" else inputs[p.name] for p in func.inputs})
        for p in func.outputs:
            if p.rate == "step":
                np.testing.assert_array_equal(out[p.name], wanted[p.name][:, k])
    if func.schedule.kind != "until":
        for p in func.outputs:
            if p.rate == "call":
                np.testing.assert_array_equal(out[p.name], wanted[p.name])


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_answers_are_numbers_of_their_types(seed: int) -> None:
    rng = np.random.default_rng(seed)
    module = random_module(rng, 12, schedule=bool(seed % 2))
    func = module.entry
    out = run(module, drawn(func, 3, rng))
    for p in func.results:
        raw = out[p.name]
        assert raw.dtype == p.type.dtype
        assert raw.shape[-p.type.rank or raw.ndim:] == p.type.shape
        if p.type.is_exact:
            assert all(p.type.lowest <= v <= p.type.highest for v in raw.ravel().tolist())


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(CircuitError, match="inputs of @main have no samples"):
        run(COUNTER, {"up": np.ones((0, 2)), "base": np.ones(0)})


def test_a_func_without_inputs_has_one_sample() -> None:
    module = parse_module("const #c : u4[2] = [3, 4]\nfunc @f() -> (%y: u4[2]) once { return #c }")
    assert run(module, {})["y"].tolist() == [[3, 4]]
