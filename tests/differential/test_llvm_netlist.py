"""Netlists as native code agree with the interpreter, in both shapes of code and on narrower processors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.backends.llvm import compile_native
from circuitc.diagnostics import CircuitError
from circuitc.formats.aiger import AIGER
from circuitc.ir import (
    Builder,
    Constant,
    Func,
    Kind,
    Module,
    Netlist,
    NetlistBuilder,
    Port,
    Register,
    Schedule,
    Type,
    evaluate_words,
    module_of,
    parse_type,
    random_raw,
    run,
)
from circuitc.ir.generate import random_netlist

EPFL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "epfl"
SHAPES = ("straight", "table")


def around(netlist: Netlist) -> Module:
    """Give a netlist one port of bits on each side."""
    inputs = (Port("x", parse_type(f"bit[{netlist.inputs}]")),) if netlist.inputs else ()
    return module_of(Func("main", inputs, (Port("y", parse_type(f"bit[{len(netlist.outputs)}]")),), netlist))


def words_for(netlist: Netlist, count: int, rng: np.random.Generator) -> Any:
    return rng.integers(0, 1 << 64, (netlist.inputs, count), dtype=np.uint64)


@pytest.mark.parametrize("cpu", [None, "baseline", "x86-64-v3"])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_netlists(shape: str, cpu: str | None) -> None:
    """Gates of all kinds; counts of words that fill no block, one, and some and a part."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        netlist = random_netlist(rng, int(rng.integers(1, 20)), int(rng.integers(0, 150)), 9)
        f = compile_native(around(netlist), shape=shape, cpu=cpu)
        for count in (1, 8, 21):
            words = words_for(netlist, count, rng)
            assert np.array_equal(f.packed(words), evaluate_words(netlist, words))


@pytest.mark.parametrize("cpu", [None, "baseline", "x86-64-v3"])
@pytest.mark.parametrize("inputs", [20, 300])
def test_rows_a_page_apart(inputs: int, cpu: str | None) -> None:
    """A few rows that crowd in the cache are copied, rows of many inputs are fetched ahead; threads share both."""
    rng = np.random.default_rng(inputs)
    netlist = random_netlist(rng, inputs, 200, 9)
    for count in (512, 1024 + 512, 700):
        words = words_for(netlist, count, rng)
        for threads in (1, 3):
            f = compile_native(around(netlist), shape="straight", cpu=cpu, threads=threads)
            assert np.array_equal(f.packed(words), evaluate_words(netlist, words))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [Kind.AND, Kind.XOR, Kind.MAJ, Kind.LUT, Kind.THRESHOLD])
def test_each_kind(kind: Kind, shape: str) -> None:
    rng = np.random.default_rng(int(kind))
    netlist = random_netlist(rng, 12, 80, 20, (kind,))
    words = words_for(netlist, 17, rng)
    assert np.array_equal(compile_native(around(netlist), shape=shape).packed(words), evaluate_words(netlist, words))


def test_wide_threshold_gates() -> None:
    """Sums of 62 bits, thresholds at their ends and beyond, repeated and constant fan-ins."""
    rng = np.random.default_rng(4)
    b = NetlistBuilder(40)
    literals = [b.input(k) for k in range(40)]
    outputs: list[int] = []
    for k in range(60):
        count = int(rng.integers(1, 40))
        size = 2**int(rng.integers(1, 56))
        weights = rng.integers(-size, size + 1, count).tolist()
        fanins = [int(rng.choice([*literals, 0])) ^ int(rng.integers(0, 2)) for _ in range(count)]
        low, high = sum(w for w in weights if w < 0), sum(w for w in weights if w > 0)
        limit = [low - 1, low, high - 1, high, (low + high) // 2, int(rng.integers(low, high + 1))][k % 6]
        outputs.append(b.threshold(fanins, weights, limit))
    netlist = b.finish(outputs)
    words = words_for(netlist, 40, rng)
    for shape in SHAPES:
        f = compile_native(around(netlist), shape=shape)
        assert np.array_equal(f.packed(words), evaluate_words(netlist, words))


def test_many_functions_of_a_few_steps() -> None:
    """Values that cross from one straight-line function to a later one keep their slots."""
    from circuitc.backends.llvm import native, target
    from circuitc.backends.llvm.func import write_program
    from circuitc.backends.llvm.unit import Unit

    rng = np.random.default_rng(1)
    netlist = random_netlist(rng, 9, 300, 12)
    unit = Unit(around(netlist), target.host(), "circuit", by_address=True, shape="straight", chunk=7)
    write_program(unit)
    f = native.native_of(unit)
    words = words_for(netlist, 9, rng)
    assert np.array_equal(f.packed(words), evaluate_words(netlist, words))


def test_a_cover_has_the_same_outputs_and_fewer_steps() -> None:
    """A chain of 20,000 gates over three inputs is one step each, and needs no deep recursion."""
    from circuitc.backends.llvm.netlist_cover import cover
    from circuitc.backends.llvm.netlist_program import program_of

    rng = np.random.default_rng(0)
    b = NetlistBuilder(3)
    chain = b.input(0)
    for k in range(20_000):
        chain = b.lut((chain, b.input(1 + k % 2)), int(rng.choice([6, 9, 8, 14])))
    netlist = b.finish([chain, chain ^ 1, 0, b.input(1)])
    assert cover(program_of(netlist)).steps == 1
    words = words_for(netlist, 3, rng)
    for shape in SHAPES:
        f = compile_native(around(netlist), shape=shape)
        assert np.array_equal(f.packed(words), evaluate_words(netlist, words))


@pytest.mark.parametrize("name", ["adder", "bar", "ctrl", "dec", "i2c", "int2float", "max", "multiplier", "router",
                                  "sin", "square", "voter"])
def test_epfl_circuits(name: str) -> None:
    path = EPFL / f"{name}.aig"
    if not path.exists():
        pytest.skip("the EPFL circuits are not on this machine")
    assert AIGER.read is not None
    module = AIGER.read(path)
    netlist = module.entry.body
    assert isinstance(netlist, Netlist)
    words = words_for(netlist, 11, np.random.default_rng(0))
    want = evaluate_words(netlist, words)
    for shape in SHAPES:
        f = compile_native(module, shape=shape)
        assert np.array_equal(f.packed(words), want)


PORTS = ("bit[3]", "spin[2]", "u8", "i5[2]", "fx<16,3>", "bit", "spin", "u64", "i33", "i1[2]")


@pytest.mark.parametrize("batch", [1, 63, 64, 513, 1100])
def test_ports_of_all_kinds_are_packed_and_unpacked(batch: int) -> None:
    """A netlist that passes its inputs through, inverted here and there."""
    types = [parse_type(t) for t in PORTS]
    bits = sum(t.bits for t in types)
    rng = np.random.default_rng(batch)
    b = NetlistBuilder(bits)
    netlist = b.finish([b.input(k) ^ (k % 3 == 0) for k in range(bits)])
    func = Func("main", tuple(Port(f"x{k}", t) for k, t in enumerate(types)),
                tuple(Port(f"y{k}", t) for k, t in enumerate(types)), netlist)
    inputs = {f"x{k}": random_raw(t, batch, rng) for k, t in enumerate(types)}
    want, got = run(module_of(func), inputs), compile_native(module_of(func)).run(inputs)
    for name in want:
        assert np.array_equal(got[name], want[name]), name


def machine(schedule: Schedule, rng: np.random.Generator) -> Func:
    """A random sequential netlist: inputs and outputs of both rates, registers given, free and wide."""
    inputs = (Port("s", parse_type("bit[3]"), "step"), Port("c", parse_type("u4")))
    outputs = (Port("y", parse_type("i3"), "step"), Port("z", parse_type("bit[2]")))
    bit: Type = parse_type("bit")
    registers = (Register("r0", bit, Constant(bit, 1)), Register("r1", bit, None),
                 Register("w", parse_type("u6"), Constant(parse_type("u6"), 37)))
    done = int(schedule.kind == "until")
    netlist = random_netlist(rng, 7 + 8, 60, 5 + 8 + done)
    return Func("main", inputs, outputs, netlist, registers, schedule)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("schedule", [Schedule(), Schedule("stream"), Schedule("iterate", 4), Schedule("until", 6)])
def test_sequential_netlists(schedule: Schedule, shape: str) -> None:
    for seed in range(2):
        rng = np.random.default_rng(seed)
        func = machine(schedule, rng)
        native = compile_native(module_of(func), shape=shape)
        steps = 5 if schedule.kind == "stream" else schedule.count
        for batch in (1, 70, 600):
            s_shape = (steps, 3) if schedule.kind != "once" else (3,)
            inputs = {"s": random_raw(parse_type("bit").with_shape(s_shape), batch, rng),
                      "c": random_raw(parse_type("u4"), batch, rng)}
            state = {"r1": random_raw(parse_type("bit"), batch, rng)}
            want = run(module_of(func), inputs, state=state)
            got = native.run(inputs, state)
            for name in want:
                assert np.array_equal(got[name], want[name]), name


def test_stepper_of_a_netlist() -> None:
    from circuitc.ir import Stepper

    rng = np.random.default_rng(3)
    module = module_of(machine(Schedule("stream"), rng))
    state = {"r1": random_raw(parse_type("bit"), 77, rng)}
    mine, theirs = compile_native(module).stepper(77, state), Stepper(module, batch=77, state=state)
    for _ in range(12):
        inputs = {"s": random_raw(parse_type("bit[3]"), 77, rng), "c": random_raw(parse_type("u4"), 77, rng)}
        want, got = theirs.step(inputs), mine.step(inputs)
        assert all(np.array_equal(got[k], want[k]) for k in want)


def test_a_graph_calls_a_netlist() -> None:
    b = NetlistBuilder(8)
    total = b.finish([b.xor(b.input(k), b.input(k + 4)) for k in range(4)])
    u4 = parse_type("u4")
    mix = Func("mix", (Port("p", u4), Port("q", u4)), (Port("r", u4),), total)
    g = Builder()
    x, y = g.input("x", u4), g.input("y", u4)
    z = g.call("mix", "r", u4, x, y)
    out = g.apply("add", g.call("mix", "r", u4, z, x), y, name="out")
    main = Func("main", (Port("x", u4), Port("y", u4)), (Port("out", g.type(out)),), g.finish([out]))
    rng = np.random.default_rng(0)
    inputs = {"x": random_raw(u4, 50, rng), "y": random_raw(u4, 50, rng)}
    module = module_of(main, mix)
    assert np.array_equal(compile_native(module)(**inputs), run(module, inputs)["out"])


def test_packed_refuses_what_does_not_fit() -> None:
    f = compile_native(around(random_netlist(np.random.default_rng(0), 5, 10, 2)))
    with pytest.raises(CircuitError, match=r"takes words of shape \[5, n\], got \[4, 2\]"):
        f.packed(np.zeros((4, 2), np.uint64))
    assert f.packed(np.zeros((5, 0), np.uint64)).shape == (2, 0)
