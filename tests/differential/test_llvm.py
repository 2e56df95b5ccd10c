"""The LLVM backend agrees with the interpreter: bit for bit on exact types, 1e-5 of the largest magnitude on floats."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest

from circuitc.backends.llvm import compile_native
from circuitc.backends.llvm.lowering import LOWERINGS, REFUSED
from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    OPS,
    Builder,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Schedule,
    Stepper,
    Type,
    module_of,
    parse_module,
    parse_type,
    random_raw,
    run,
)
from circuitc.ir.generate import random_module

NATIVE = tuple(op for op in OPS if op not in REFUSED)


def random_inputs(func: Func, rng: np.random.Generator, batch: int) -> dict[str, Any]:
    """Draw raw numbers for all ports; streams get three items."""
    drawn: dict[str, Any] = {}
    for port in func.inputs:
        steps = 3 if func.schedule.kind == "stream" else func.schedule.count
        stepped = port.rate == "step" and func.schedule.kind != "once"
        shape = (steps, *port.type.shape) if stepped else port.type.shape
        drawn[port.name] = random_raw(port.type.with_shape(shape), batch, rng)
    return drawn


def same(t: Type, got: Any, want: Any) -> bool:
    """Compare raw numbers: exact types exactly, floats to 1e-5 of the largest finite magnitude, NaN for NaN."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    if t.is_exact:
        return bool(np.all(got == want))
    finite = np.isfinite(want)
    largest = np.max(np.abs(want[finite]), initial=0.0)
    with np.errstate(all="ignore"):
        close = np.abs(got - want) <= 1e-5 * largest
    return bool(np.all((got == want) | (np.isnan(got) & np.isnan(want)) | (finite & close)))


def outcome(compute: Callable[[], dict[str, Any]]) -> dict[str, Any] | str:
    """Give the results, or the message of the error without its place."""
    try:
        return compute()
    except CircuitError as e:
        return e.diagnostics[0].message.split(", but ")[0]


def assert_agrees(module: Module, rng: np.random.Generator, batch: int = 5) -> None:
    """Run a module both ways on the same random numbers."""
    func, native = module.entry, compile_native(module)
    inputs = random_inputs(func, rng, batch)
    state = {r.name: random_raw(r.type, batch, rng) for r in func.registers if r.initial is None}
    want = outcome(lambda: run(module, inputs, state=state))
    got = outcome(lambda: native.run(inputs, state))
    if isinstance(want, str) or isinstance(got, str):
        assert isinstance(want, str)
        assert isinstance(got, str)
        assert got.endswith(want)
        return
    assert list(got) == list(want)
    for port in func.results:
        assert same(port.type, got[port.name], want[port.name]), f"{port.name}: {port.type}"


def random_program(seed: int, size: int, ops: Collection[str] = NATIVE) -> tuple[Module, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return random_module(rng, size, schedule=seed % 2 == 0, exact_only=seed % 3 == 0, ops=ops), rng


def test_every_op_has_a_row_or_a_refusal() -> None:
    assert set(OPS) - set(LOWERINGS) - set(REFUSED) == set()
    assert set(LOWERINGS) - set(OPS) == {"constant", "call"}
    assert set(REFUSED) <= set(OPS)


@pytest.mark.parametrize("chunk", range(10))
def test_random_programs(chunk: int) -> None:
    for seed in range(20 * chunk, 20 * chunk + 20):
        module, rng = random_program(seed, 12)
        assert_agrees(module, rng)


@pytest.mark.parametrize("op", NATIVE)
def test_random_programs_of_one_op(op: str) -> None:
    """Programs with no other op (and a few that feed it) reach types that a mixture seldom does."""
    for seed in range(4):
        module, rng = random_program(7919 * seed + 1, 5, (op,))
        assert_agrees(module, rng)
    module, rng = random_program(104729, 6, (op, "requantize", "unpack", "eq", "reshape"))
    assert_agrees(module, rng)


@pytest.mark.parametrize("cpu", ["baseline", "x86-64-v3"])
def test_other_processors(cpu: str) -> None:
    """Code for lesser processors of the same kind runs here too."""
    for seed in range(300, 312):
        module, rng = random_program(seed, 10)
        func, inputs = module.entry, random_inputs(module.entry, rng, 3)
        state = {r.name: random_raw(r.type, 3, rng) for r in func.registers if r.initial is None}
        want = outcome(lambda m=module, i=inputs, s=state: run(m, i, state=s))
        got = outcome(lambda m=module, i=inputs, s=state: compile_native(m, cpu=cpu).run(i, s))
        assert isinstance(got, str) == isinstance(want, str)
        if isinstance(got, dict) and isinstance(want, dict):
            assert all(same(p.type, got[p.name], want[p.name]) for p in func.results)


@pytest.mark.parametrize("op", sorted(REFUSED))
def test_functions_on_exact_types_are_refused_with_the_cure(op: str) -> None:
    b = Builder()
    t = parse_type("fx<8,4>")
    operands = [b.input(f"x{k}", t) for k in range(OPS[op].arity[0])]
    graph = b.finish([b.apply(op, *operands, type=t, name="y")])
    func = Func("main", tuple(Port(f"x{k}", t) for k in range(len(operands))), (Port("y", t),), graph)
    with pytest.raises(CircuitError, match=f"cannot take {op}.*tabulate"):
        compile_native(module_of(func))


@pytest.mark.parametrize("op", sorted(REFUSED))
@pytest.mark.parametrize("width", [32, 64])
def test_functions_on_floats(op: str, width: int) -> None:
    b = Builder()
    t = parse_type(f"f{width}[33]")
    operands = [b.input(f"x{k}", t) for k in range(OPS[op].arity[0])]
    graph = b.finish([b.apply(op, *operands, type=t, name="y")])
    func = Func("main", tuple(Port(f"x{k}", t) for k in range(len(operands))), (Port("y", t),), graph)
    rng = np.random.default_rng(1)
    inputs = {p.name: random_raw(t, 4, rng) * 3 for p in func.inputs}
    inputs["x0"][0, :4] = [0.0, -0.0, np.inf, np.nan]
    module = module_of(func)
    assert same(t, compile_native(module).run(inputs)["y"], run(module, inputs)["y"])


def linear(rows: int, columns: int, element: str, storage: str, rng: np.random.Generator) -> Module:
    b = Builder()
    x = b.input("x", parse_type(f"{element}[{columns}]"))
    w = random_raw(parse_type(f"{element}[{rows},{columns}]"), 1, rng)[0]
    w = np.where(rng.random(w.shape) < 0.2, w, 0)
    weights = Constant(parse_type(f"{element}[{rows},{columns}]"), w, storage)  # pyright: ignore[reportArgumentType]
    y = b.apply("contract", b.constant(weights), x, spec="ij,j->i", name="y")
    func = Func("main", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    return module_of(func)


@pytest.mark.parametrize("element", ["i8", "f32", "fx<12,5>", "u1", "i28"])
@pytest.mark.parametrize("storage", ["dense", "csr"])
def test_matrix_vector_products(element: str, storage: str) -> None:
    rng = np.random.default_rng(5)
    assert_agrees(linear(37, 70, element, storage, rng), rng, batch=9)


@pytest.mark.parametrize("spec", ["ij,jk->ik", "ij,kj->ik", "ij,kj->"])
@pytest.mark.parametrize("declared", ["bit", "ufx<6,2>", "i3"])
def test_reachability_in_a_wider_type(spec: str, declared: str) -> None:
    b = Builder()
    t = parse_type("bit[4,4]")
    x, y = b.input("x", t), b.input("y", t)
    shape = (4, 4) if spec.endswith("ik") else ()
    z = b.apply("contract", x, y, spec=spec, semiring="or_and", type=parse_type(declared).with_shape(shape), name="z")
    func = Func("main", (Port("x", t), Port("y", t)), (Port("z", b.type(z)),), b.finish([z]))
    assert_agrees(module_of(func), np.random.default_rng(0), batch=30)


@pytest.mark.parametrize("overflow", ["saturate", "wrap", "never"])
@pytest.mark.parametrize("rounding", ["nearest_even", "floor"])
@pytest.mark.parametrize(("source", "target"), [
    ("fx<8,4>", "fx<5,1>"), ("fx<64,60>", "u3"), ("i64", "ufx<64,-3>"), ("u64", "fx<8,40>"), ("fx<9,70>", "i9"),
    ("u64", "i64"), ("f64", "fx<16,8>"), ("f32", "u64"), ("f64", "i64"), ("f64", "ufx<7,3>"), ("i8", "fx<40,30>")])
def test_requantize(source: str, target: str, rounding: str, overflow: str) -> None:
    b = Builder()
    s, t = parse_type(f"{source}[50]"), parse_type(target)
    x = b.input("x", s)
    y = b.apply("requantize", x, type=t, rounding=rounding, overflow=overflow, name="y")
    module = module_of(Func("main", (Port("x", s),), (Port("y", b.type(y)),), b.finish([y])))
    rng = np.random.default_rng(3)
    raw = random_raw(s, 8, rng)
    if s.is_float:
        raw = (raw * np.logspace(-3, 21, 50)).astype(s.dtype)
        raw[0, :6] = [np.inf, -np.inf, np.nan, 0.5, -0.5, 1.5]
    else:
        raw[0, :5] = [s.lowest, s.highest, 0, 1, s.highest // 2]
    native = compile_native(module)
    for row in raw:
        inputs = {"x": row[None]}
        want, got = outcome(lambda i=inputs: run(module, i)), outcome(lambda i=inputs: native.run(i))
        if isinstance(want, dict) and isinstance(got, dict):
            assert np.array_equal(got["y"], want["y"])
        else:
            assert isinstance(want, str) == isinstance(got, str)


def counter(schedule: Schedule) -> Module:
    """A func that adds its input to a register of its own, and is done above 40."""
    b = Builder()
    x, total = b.input("x", parse_type("u4")), b.input("total", parse_type("u8"))
    after = b.apply("requantize", b.apply("add", x, total), type=parse_type("u8"), overflow="wrap", name="after")
    outputs = [after, after]
    if schedule.kind == "until":
        outputs.append(b.apply("lt", b.number(parse_type("u8"), 40), after))
    register = Register("total", parse_type("u8"), Constant(parse_type("u8"), 3))
    return module_of(Func("main", (Port("x", parse_type("u4"), "step"),), (Port("y", parse_type("u8"), "step"),),
                          b.finish(outputs), (register,), schedule))


@pytest.mark.parametrize("schedule", [Schedule("stream"), Schedule("iterate", 7), Schedule("until", 9)])
def test_schedules(schedule: Schedule) -> None:
    module, rng = counter(schedule), np.random.default_rng(2)
    assert_agrees(module, rng, batch=40)
    inputs = random_inputs(module.entry, rng, 4)
    given = {"total": np.array([1, 2, 3, 250])}
    want, got = run(module, inputs, state=given), compile_native(module).run(inputs, given)
    assert all(np.array_equal(got[k], want[k]) for k in want)


def test_stepper_keeps_state() -> None:
    module, rng = counter(Schedule("stream")), np.random.default_rng(2)
    mine, theirs = compile_native(module).stepper(6), Stepper(module, batch=6)
    for _ in range(20):
        x = {"x": rng.integers(0, 16, 6)}
        assert np.array_equal(mine.step(x)["y"], theirs.step(x)["y"])
    assert np.array_equal(mine.state["total"], theirs.state[0])


def test_call_by_position_and_name() -> None:
    module = linear(3, 4, "i8", "dense", np.random.default_rng(0))
    f, x = compile_native(module), np.arange(8).reshape(2, 4)
    assert np.array_equal(f(x), f(x=x))
    assert np.array_equal(f(x), run(module, {"x": x})["y"])
    assert f(x[:0]).shape == (0, 3)


@pytest.mark.parametrize(("inputs", "message"), [
    ({"x": np.zeros((2, 3), int)}, r"takes shape \[batch, 4\], got \[2, 3\]"),
    ({"z": np.zeros((2, 4), int)}, "no input z"),
    ({}, "needs the input x"),
    ({"x": np.full((2, 4), 128)}, "i8 does not hold"),
    ({"x": np.zeros((2, 4))}, "takes raw numbers"),
    ({"x": np.array([[1, None, 3, 4]])}, "takes raw numbers"),
    ({"x": np.array([[1, 2.5, 3, 4]], object)}, "takes raw numbers")])
def test_wrong_inputs_are_said_in_one_line(inputs: dict[str, Any], message: str) -> None:
    f = compile_native(linear(3, 4, "i8", "dense", np.random.default_rng(0)))
    with pytest.raises(CircuitError, match=message) as caught:
        f.run(inputs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("x", [np.ones((1, 4), complex), np.array([["1", "2", "3", "4"]]), np.array([[1, 2, 3, None]])])
def test_what_is_no_real_number_is_no_float(x: Any) -> None:
    with pytest.raises(CircuitError, match="takes raw numbers"):
        compile_native(linear(3, 4, "f32", "dense", np.random.default_rng(0)))(x)


@pytest.mark.parametrize(("given", "message"), [
    ([300, 0], "i8 does not hold"), ([1.5, 0], "takes raw numbers"), ([1, 2, 3], r"takes shape \[1, 2\] or \[2\]"),
    (5, "takes shape"), ([["a", "b"]], "takes raw numbers")])
def test_states_that_no_register_holds_are_refused(given: Any, message: str) -> None:
    module = parse_module("""
    func @main(%x: i8[2] {rate=step}) -> (%y: i8[2] {rate=step}) stream {
      reg %h : i8[2] = [0, 0]
      next %h = %x
      return %h
    }
    """)
    for call in (compile_native(module).run, lambda inputs, state: run(module, inputs, state=state)):
        with pytest.raises(CircuitError, match=message):
            call({"x": np.zeros((1, 3, 2), int)}, {"h": given})


def test_a_large_layer_compiles_as_loops() -> None:
    """Code for a layer of 16 times the weights is as long: no unrolling by us."""
    from circuitc.backends.llvm.func import write_program
    from circuitc.backends.llvm.target import host
    from circuitc.backends.llvm.unit import Unit

    sizes: list[int] = []
    for rows, columns in ((512, 784), (2048, 3136)):
        unit = Unit(linear(rows, columns, "i8", "dense", np.random.default_rng(0)), host(), "c", by_address=True)
        write_program(unit)
        sizes.append(str(unit.module).count("\n"))
    assert abs(sizes[1] - sizes[0]) < 5
