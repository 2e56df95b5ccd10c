"""What the Verilog target prints, run in Icarus and read by Verilator and Yosys, against the interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from circuitc.backends.verilog import (
    VERILOG,
    driver_bench,
    response_values,
    self_checking_bench,
    stimulus_text,
)
from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    BIT,
    SPIN,
    Builder,
    Constant,
    Func,
    Kind,
    Netlist,
    Port,
    Register,
    Schedule,
    Type,
    fixed,
    module_of,
    parse_type,
    random_raw,
    run,
    ufixed,
    verify_module,
)
from circuitc.ir.generate import random_module, random_netlist
from circuitc.passes import run_passes


def need(tool: str) -> None:
    """Skip where a tool is absent; on the build machine its absence is a failure."""
    if shutil.which(tool) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{tool} is not installed")
        pytest.skip(f"{tool} is not installed")


def call(folder, *command: str) -> str:
    """Run a command in a folder; it must succeed and say nothing on stderr."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def built(folder, module, **options):
    verify_module(module)
    design = VERILOG.build(module, {"vectors": "32", **options})
    emission = VERILOG.emit(design)
    for name, content in emission.files.items():
        (folder / name).write_bytes(content)
    return design, emission


def icarus(folder, design, emission, inputs, samples, steps=1, *, stall=False, state=None):
    """Simulate the emitted module and answer what `circuitc.ir.run` would."""
    need("iverilog")
    (folder / "stimulus.hex").write_text(stimulus_text(design, inputs, state))
    (folder / "driver.v").write_text(driver_bench(design, samples, steps, stall=stall))
    quiet = ["iverilog", "-g2001", "-Wall", "-Wno-timescale", "-s", f"{design.top.module}_driver", "-o", "driver.out",
             emission.main, "driver.v"]
    if state:  # Icarus remarks on stderr that a forced value is taken once, which is what the bench wants
        assert subprocess.run(quiet, cwd=folder, capture_output=True, timeout=120).returncode == 0
    else:
        call(folder, *quiet)
    call(folder, "vvp", "-n", "driver.out")
    return response_values(design, (folder / "response.hex").read_text(), samples, steps)


def lint(folder, emission) -> None:
    """Verilator's -Wall has nothing to say."""
    if shutil.which("verilator"):
        call(folder, "verilator", "--lint-only", "-Wall", emission.main)


def agrees(folder, module, inputs, steps=1, *, stall=False, state=None, reference=None, **options) -> None:
    """The emitted module lints clean and answers the interpreter's bits."""
    design, emission = built(folder, module, **options)
    lint(folder, emission)
    wanted = run(reference or module, inputs, state=state)
    samples = len(next(iter(wanted.values())))
    got = icarus(folder, design, emission, inputs, samples, steps, stall=stall, state=state)
    assert list(got) == list(wanted)
    for name, value in wanted.items():
        assert np.array_equal(got[name], value), name


# Scalar ops, one by one

TYPES = [BIT, SPIN, ufixed(3), fixed(3), fixed(1), ufixed(4, 2), fixed(4, -1), fixed(5, 7), ufixed(8), fixed(9, 3)]
WIDE = [ufixed(31), fixed(33, 5), ufixed(63), fixed(62, -2), fixed(64), ufixed(64, 3)]
BINARY = ("add", "sub", "mul", "min", "max", "and", "or", "xor", "eq", "lt", "le", "select")
UNARY = ("neg", "abs", "not")


def operand_types(op: str, arity: int):
    """All pairs of small types and some wide ones; only equal ones for ops that want one type."""
    if arity == 1 or op in ("min", "max", "and", "or", "xor", "select"):
        return [(t,) * arity for t in TYPES + WIDE]
    return [*product(TYPES, TYPES), *pairwise(WIDE), *zip(WIDE, TYPES, strict=False)]


def module_of_many(op: str, arity: int, declare=lambda t: [None], **attributes) -> Func:
    """One func that applies an op to many operand types, each with input ports of its own."""
    wished, ports = [], []
    for types in operand_types(op, arity):
        wished += [(types, d) for d in declare(types[0])]
    b = Builder()
    values = []
    for k, (types, _) in enumerate(wished):
        given = (BIT, *types) if op == "select" else types
        names = [f"x{k}_{j}" for j in range(len(given))]
        values.append([b.input(n, t) for n, t in zip(names, given, strict=True)])
        ports += [Port(n, t) for n, t in zip(names, given, strict=True)]
    results = []
    for (_, declared), operands in zip(wished, values, strict=True):
        try:
            results.append(b.apply(op, *operands, type=declared, **attributes))
            wider = widened(b.type(results[-1]))
            if declared is None and wider is not None:
                results.append(b.apply(op, *operands, type=wider, **attributes))
        except CircuitError:
            continue  # not every op takes every type
    assert len(results) >= 8
    outputs = tuple(Port(f"y{k}", b.type(v)) for k, v in enumerate(results))
    return Func(f"many_{op}", tuple(ports), outputs, b.finish(results))


def widened(t: Type) -> Type | None:
    """A declared type with more bits on both ends, where there is room."""
    return Type("fixed", t.width + 4, t.fraction + 2, True) if t.kind == "fixed" and t.width <= 60 else None


def inputs_of(func, rng, samples):
    """Random numbers; the first samples are the corners of each type, in all combinations of neighbours."""
    inputs = {}
    for k, port in enumerate(func.inputs):
        raw = random_raw(port.type, samples, rng)
        corners = [port.type.lowest, port.type.highest] if port.type.is_spin else [
            port.type.lowest, port.type.highest, 0, max(port.type.lowest, -1)]
        for s in range(16):
            raw[s] = corners[(s if k % 2 else s // 4) % len(corners)]
        inputs[port.name] = raw
    return inputs


@pytest.mark.parametrize("op", [*UNARY, *BINARY])
def test_scalar_op(op, tmp_path):
    func = module_of_many(op, 1 if op in UNARY else 2)
    agrees(tmp_path, module_of(func), inputs_of(func, np.random.default_rng(1), 150), vectors="0")


@pytest.mark.parametrize("rounding", ["nearest_even", "floor"])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_requantize(rounding, overflow, tmp_path):
    targets = [BIT, fixed(1), ufixed(3), fixed(3, 1), ufixed(4, -3), fixed(5, 4), fixed(7, -1), ufixed(64, 9),
               fixed(64, 70), fixed(2, -70)]
    func = module_of_many("requantize", 1, lambda t: targets, rounding=rounding, overflow=overflow)
    agrees(tmp_path, module_of(func), inputs_of(func, np.random.default_rng(2), 200), vectors="0")


def test_convert(tmp_path):
    targets = [BIT, SPIN, fixed(2), fixed(12, 8), ufixed(9, 2), fixed(64, 3), ufixed(64)]
    func = module_of_many("convert", 1, lambda t: targets)
    agrees(tmp_path, module_of(func), inputs_of(func, np.random.default_rng(3), 100), vectors="0")


@pytest.mark.parametrize("by", [-3, 0, 4])
def test_shift(by, tmp_path):
    func = module_of_many("shift", 1, by=by)
    agrees(tmp_path, module_of(func), inputs_of(func, np.random.default_rng(4), 64), vectors="0")


def test_sums_of_many(tmp_path):
    """Bits and spins by compressors, words and constants beside them, a declared width that is narrower too."""
    rng = np.random.default_rng(5)
    b = Builder()
    spins, bits = b.input("s", parse_type("spin[37]")), b.input("b", parse_type("bit[70]"))
    words = [b.input(f"w{k}", t) for k, t in enumerate(map(parse_type, ("i5", "u7", "fx<6,2>", "ufx<4,-1>", "i61")))]
    s = [b.apply("element", spins, index=k) for k in range(37)]
    t = [b.apply("element", bits, index=k) for k in range(70)]
    half = [b.apply("shift", v, by=k % 3 - 1) for k, v in enumerate(t[:9])]
    c = b.number(parse_type("i9"), -200)
    sums = [s, t, s + t, [*words], [*words, *s, c], [*t[:3], c], [*half, *s[:4]], s[:2], t[:2], [c, s[0]]]
    values = [b.apply("add", *terms) for terms in sums]
    outputs = tuple(Port(f"y{k}", b.type(v)) for k, v in enumerate(values))
    ports = tuple(Port(n.name, n.type) for n in b.nodes[:7])
    func = Func("sums", ports, outputs, b.finish(values))
    inputs = inputs_of(func, rng, 200)
    inputs["s"][:2], inputs["b"][:2] = [[-1], [1]], [[0], [1]]
    agrees(tmp_path, module_of(func), inputs, vectors="0")
    assert "full adders" in (tmp_path / "sums.v").read_text()


def test_tables(tmp_path):
    rng = np.random.default_rng(6)
    b = Builder()
    types = [BIT, SPIN, ufixed(4), fixed(6, 2)]
    xs = [b.input(f"x{k}", t) for k, t in enumerate(types)]
    values = []
    for entry in (BIT, SPIN, fixed(7, 3), ufixed(64)):
        for x, t in zip(xs, types, strict=True):
            table = entry.with_shape((1 << t.width,))
            values.append(b.apply("table", x, b.constant(Constant(table, random_raw(table, 1, rng)[0]), "rom")))
    func = Func("roms", tuple(Port(f"x{k}", t) for k, t in enumerate(types)),
                tuple(Port(f"y{k}", b.type(v)) for k, v in enumerate(values)), b.finish(values))
    agrees(tmp_path, module_of(func), inputs_of(func, rng, 100), vectors="0")


# Whole programs

@pytest.mark.parametrize("seed", range(8))
def test_random_programs(seed, tmp_path):
    """Random modules with tensors, calls and all schedules, through the passes that bring them to scalars."""
    rng = np.random.default_rng(100 + seed)
    original = random_module(rng, 16, exact_only=True, schedule=seed % 2 == 1)
    try:
        module = run_passes(original, "tabulate,scalarize,fold,cse,dce", check=None)
    except CircuitError as e:
        pytest.skip(f"not for gates: {e}")
    wrong = VERILOG.check(module, {})
    if wrong:
        assert all(d.help for d in wrong)
        return
    func = original.entry
    steps = 4 if func.schedule.kind == "stream" else func.schedule.count
    inputs = {p.name: sequence(p, 12, steps, func, rng) for p in func.inputs}
    agrees(tmp_path, module, inputs, steps, stall=seed % 3 == 0, reference=original)


def sequence(port, samples, steps, func, rng):
    if port.rate == "step" and func.schedule.kind != "once":
        return random_raw(port.type, samples * steps, rng).reshape(samples, steps, *port.type.shape)
    return random_raw(port.type, samples, rng)


@pytest.mark.parametrize("kinds", [[Kind.AND], [Kind.XOR], [Kind.MAJ, Kind.AND], [Kind.LUT], [Kind.THRESHOLD],
                                   list(Kind)[2:]])
def test_netlists(kinds, tmp_path):
    rng = np.random.default_rng(len(kinds))
    netlist = random_netlist(rng, 12, 60 if kinds == [Kind.LUT] else 150, 9, kinds)   # tables of 8 inputs are long
    names = {int(k): str(rng.choice(["a", "n5", "x.y[3]", "wire", "n14", "3x", "n13_s0"]))
             for k in rng.integers(13, netlist.nodes, 8)}
    netlist = replace(netlist, names=names)
    ports = (Port("a", parse_type("u4[2]")), Port("b", SPIN), Port("c", parse_type("bit[3]")))
    func = Func("net", ports, (Port("y", parse_type("i4[2]")), Port("always", BIT)), netlist)
    every = np.arange(1 << 12)
    inputs = {"a": np.stack([every & 15, every >> 4 & 15], 1), "b": (every >> 8 & 1) * 2 - 1,
              "c": np.stack([every >> k & 1 for k in (9, 10, 11)], 1)}
    agrees(tmp_path, module_of(func), inputs)


def machine(kind: str, count: int, step_in: bool, step_out: bool, free: bool) -> Func:
    """An accumulator with three registers (a number, a bit with an awkward name, a vector) on any schedule."""
    b = Builder()
    t = parse_type("i10")
    ports = [Port("k", parse_type("i4")), *([Port("x", parse_type("i6"), "step")] if step_in else [])]
    registers = (Register("acc", t, None if free else Constant(t, -3)), Register("clk", BIT, Constant(BIT, 1)),
                 Register("vec", parse_type("u3[2]"), Constant(parse_type("u3[2]"), [1, 6])))
    given = [b.input(p.name, p.type) for p in ports]
    acc, clk, vec = (b.input(r.name, r.type) for r in registers)
    total = b.apply("requantize", b.apply("add", acc, *given), type=t, overflow="wrap", name="total")
    first, second = (b.apply("element", vec, index=k) for k in range(2))
    turned = b.apply("stack", second, b.apply("xor", first, second), shape=(2,))
    outputs = [(Port("y", t), total), (Port("v", vec_type := b.type(vec)), vec)]
    outputs += [(Port("s", t, "step"), acc), (Port("w", vec_type, "step"), turned)] if step_out else []
    done = [b.apply("lt", b.number(t, 40), b.apply("abs", total))] if kind == "until" else []
    body = b.finish([*[v for _, v in outputs], total, b.apply("not", clk), turned, *done])
    return Func("machine", tuple(ports), tuple(p for p, _ in outputs), body, registers, Schedule(kind, count))


MACHINES = [("stream", 1, True, so, free) for so in (False, True) for free in (False, True)] + [
    (kind, count, si, so, count == 5) for kind in ("iterate", "until") for count in (1, 2, 5)
    for si in (False, True) for so in (False, True)]


@pytest.mark.parametrize("case", MACHINES, ids=lambda c: "-".join(map(str, c)))
def test_clocked_designs(case, tmp_path):
    """Calls follow back to back, with and without gaps and back-pressure; the self-checking bench passes too."""
    func = machine(*case)
    rng = np.random.default_rng(7)
    steps = 5 if case[0] == "stream" else case[1]
    inputs = {p.name: sequence(p, 9, steps, func, rng) for p in func.inputs}
    state = {"acc": random_raw(parse_type("i10"), 9, rng)} if case[4] else None
    options = {"reset_kind": "async", "clk": "clock", "reset": "arst"} if case[1] == 2 else {}
    for stall in (False, True):
        agrees(tmp_path, module_of(func), inputs, steps, stall=stall, state=state, **options)
    assert verdict(tmp_path, "machine").startswith("PASS ")


def test_streams_of_other_lengths_follow_each_other(tmp_path):
    """One bench after the other on one build: sequences of 1 item and of 20."""
    func = machine("stream", 1, True, True, False)
    rng = np.random.default_rng(8)
    for steps in (1, 20):
        inputs = {p.name: sequence(p, 4, steps, func, rng) for p in func.inputs}
        agrees(tmp_path, module_of(func), inputs, steps, stall=True)


# The self-checking bench

def verdict(folder, name: str) -> str:
    """Run the self-checking bench and give what it printed."""
    need("iverilog")
    subprocess.run(["iverilog", "-g2001", "-s", f"{name}_tb", "-o", "tb.out", f"{name}.v", f"{name}_tb.v"],
                   cwd=folder, check=True, capture_output=True, timeout=120)
    return call(folder, "vvp", "-n", "tb.out").strip()


def test_the_bench_finds_a_changed_gate(tmp_path):
    netlist = random_netlist(np.random.default_rng(9), 8, 40, 6, [Kind.AND])
    func = Func("net", (Port("x", parse_type("u8")),), (Port("y", parse_type("u6")),), netlist)
    design, _ = built(tmp_path, module_of(func))
    every = {"x": np.arange(256)}
    for name, content in self_checking_bench(module_of(func), design, every).items():
        (tmp_path / name).write_bytes(content)
    assert verdict(tmp_path, "net") == "PASS 256"
    text = (tmp_path / "net.v").read_text()
    assert "assign y[0] = " in text
    (tmp_path / "net.v").write_text(text.replace("assign y[0] = ", "assign y[0] = 1'b1 ^ "))
    lines = verdict(tmp_path, "net").splitlines()
    assert lines[-1] == "FAIL 256 of 256"
    assert lines[0].startswith("mismatch 0: expected ")
    assert len(lines) == 11


def test_the_bench_finds_a_design_that_stops(tmp_path):
    func = machine("iterate", 5, False, True, False)
    built(tmp_path, module_of(func))
    assert verdict(tmp_path, "machine") == "PASS 160"
    text = (tmp_path / "machine.v").read_text()
    (tmp_path / "machine.v").write_text(text.replace("busy <= 1'd1", "busy <= 1'd0"))
    assert verdict(tmp_path, "machine").splitlines()[0] == "timeout: the design stopped answering"


def test_unknown_bits_are_an_error_not_an_answer(tmp_path):
    func = Func("net", (Port("x", BIT),), (Port("y", BIT),), Netlist(*one_wire()))
    design, emission = built(tmp_path, module_of(func))
    text = (tmp_path / "net.v").read_text()
    (tmp_path / "net.v").write_text(text.replace("assign y = x;", "assign y = 1'bx;"))
    with pytest.raises(CircuitError, match="unknown bits at word 1"):
        icarus(tmp_path, design, emission, {"x": np.array([0, 1])}, 2)
    with pytest.raises(CircuitError, match="answered 1 words where 2 were due"):
        response_values(design, "1\n", 2)


def one_wire():
    return (1, np.array([0, 1], np.uint8), np.zeros(3, np.int32), np.zeros(0, np.int32), np.array([2], np.int32))


# Synthesis

def test_yosys_synthesizes(tmp_path):
    pytest.importorskip("pyosys")
    b = Builder()
    x, c = b.input("x", parse_type("i8[3]")), b.input("c", BIT)
    main = Func("main", (Port("x", b.type(x)), Port("c", BIT)), (Port("y", parse_type("i8[3]")),),
                b.finish([b.call("turn", "y", b.type(x), x, c)]))
    n = Builder()
    x, c = n.input("x", parse_type("i8[3]")), n.input("c", BIT)
    parts = [n.apply("element", x, index=k) for k in range(3)]
    turned = n.apply("stack", *[n.apply("select", c, parts[k], parts[(k + 1) % 3]) for k in range(3)], shape=(3,))
    turn = Func("turn", main.inputs, main.outputs, n.finish([turned]))
    for module in (module_of(main, turn), module_of(machine("until", 5, True, True, False))):
        _, emission = built(tmp_path, module)
        script = f"read_verilog {emission.main}; synth -top {module.entry.name}; check -assert"
        done = subprocess.run([sys.executable, "-c", f"import pyosys.libyosys as y; y.run_pass({script!r})"],
                              cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout[-2000:]
        assert "Warning" not in done.stdout.replace("ABC: Warning: The network is combinational", "")
        assert "$_DLATCH" not in done.stdout
    agrees(tmp_path, module_of(main, turn), inputs_of(main, np.random.default_rng(0), 64))
