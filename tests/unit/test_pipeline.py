"""Pipelines: where they are cut, that they are what they say, and that a damaged one is refuted."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.backends.verilog import VERILOG, option_passes
from circuitc.backends.verilog.pipelined import with_registers
from circuitc.backends.verilog.stages import cut_into, cut_within
from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import (
    BIT,
    Func,
    Kind,
    NetlistBuilder,
    Port,
    Register,
    Schedule,
    module_of,
    parse_type,
    random_raw,
    run,
)
from circuitc.ir.generate import random_netlist
from circuitc.ir.netlist_analysis import evaluate_words
from circuitc.passes import run_passes
from circuitc.proof import verify_pipeline
from circuitc.simulation import simulate_verilog


def module_with(netlist):
    ports = (Port("a", parse_type("u3")), Port("in_valid", parse_type(f"bit[{netlist.inputs - 3}]")))
    outputs = (Port("y", parse_type(f"bit[{len(netlist.outputs) - 1}]")), Port("z", BIT))
    return module_of(Func("f", ports, outputs, netlist))


def drawn(seed, gates=50):
    return random_netlist(np.random.default_rng(seed), 9, gates, 5)


def emitted(module, **options):
    emission = VERILOG.emit(VERILOG.build(module, {"vectors": "16", **{k: str(v) for k, v in options.items()}}))
    return emission.files[emission.main].decode(), emission.ports, emission


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 120), st.integers(1, 7), st.booleans())
def test_cuts_are_in_order_and_registers_only_delay(seed, gates, stages, register_inputs):
    netlist = drawn(seed, gates)
    cut = cut_into(netlist, stages)
    owner = np.repeat(np.arange(netlist.nodes), np.diff(netlist.offset))
    assert (cut.of[netlist.fanin >> 1] <= cut.of[owner]).all()
    assert cut.count == stages
    assert cut.of.max(initial=0) < stages
    body, registers = with_registers(netlist, cut, register_inputs)
    words = np.random.default_rng(seed).integers(0, 1 << 63, (netlist.inputs, 1), np.uint64)
    state = np.zeros((len(registers), 1), np.uint64)
    for _ in range(stages + 1):  # inputs that stay: after that many cycles every register holds its value
        out = evaluate_words(body, np.concatenate([words, state]))
        state = out[len(netlist.outputs):]
    assert np.array_equal(out[:len(netlist.outputs)], evaluate_words(netlist, words))


def test_stages_are_balanced():
    b = NetlistBuilder(33)
    value = b.input(0)
    for k in range(32):
        value = b.and_(value, b.input(k + 1))
    chain = b.finish([value])
    assert [cut_into(chain, n).levels for n in (1, 2, 4, 5, 32, 40)] == [32, 16, 8, 7, 1, 1]
    assert [(cut_within(chain, k).count, cut_within(chain, k).levels) for k in (1, 5, 32, 99)] == [
        (32, 1), (7, 5), (1, 32), (1, 32)]


def test_a_cut_is_made_where_few_signals_cross():
    """Four pairs join in level 1 and again in level 2; whatever comes early may wait, but four wires beat eight."""
    b = NetlistBuilder(8)
    pairs = [b.and_(b.input(2 * k), b.input(2 * k + 1)) for k in range(4)]
    left, right = b.xor(pairs[0], pairs[1]), b.xor(pairs[2], pairs[3])
    top = b.and_(left, right)
    netlist = b.finish([b.xor(top, b.input(0))])
    _, registers = with_registers(netlist, cut_into(netlist, 2), False)
    assert len(registers) == 3  # both XORs, and the input that is read again


@pytest.mark.parametrize("seed", range(3))
def test_a_pipeline_is_proved_and_each_engine_agrees(seed):
    module = module_with(drawn(seed))
    options = [{"stages": 3}, {"levels_per_stage": 2, "reset_kind": "async"},
               {"stages": 1, "register_inputs": "true", "clk": "a"}][seed]
    text, ports, _ = emitted(module, **options)
    assert ports["interval"] == 1
    assert ports["latency"] == {0: 3, 1: cut_within(module.entry.body, 2).count, 2: 2}[seed]
    verdict = verify_pipeline(module, text, ports)
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")
    rng = np.random.default_rng(seed)
    inputs = {p.name: random_raw(p.type, 150, rng) for p in module.entry.inputs}
    wanted = run(module, inputs)
    for engine, tool in (("yosys", ""), ("icarus", "iverilog")):
        if not tool or shutil.which(tool):
            got = simulate_verilog(text, ports, module, inputs, engine=engine, stall=engine == "yosys")
            assert all(np.array_equal(got[n], wanted[n]) for n in wanted)


def test_verilator_agrees_and_has_nothing_to_say():
    """Small: Verilator's C++ compiler takes most of the time of this file."""
    if not shutil.which("verilator"):
        pytest.skip("verilator is not installed")
    module = module_with(drawn(7, 12))
    text, ports, _ = emitted(module, stages=2)
    inputs = {p.name: random_raw(p.type, 20, np.random.default_rng(0)) for p in module.entry.inputs}
    got, wanted = simulate_verilog(text, ports, module, inputs, engine="verilator"), run(module, inputs)
    assert all(np.array_equal(got[n], wanted[n]) for n in wanted)


DAMAGE = {
    "a rank is skipped": lambda t: re.sub(r"(\w+)_q2 <= \1_q1;", r"\1_q2 <= \1;", t, count=1),
    "the latency": lambda t: t.replace("assign out_valid = valid[2]", "assign out_valid = valid[1]"),
    "the stall": lambda t: t.replace(") if (advance) begin", ") begin"),
    "the valid bits move alone": lambda t: t.replace("else if (advance) valid", "else valid"),
    "ready": lambda t: t.replace("assign in_ready = advance", "assign in_ready = 1'b1"),
    "reset": lambda t: t.replace("valid <= 3'd0", "valid <= 3'd1"),
    "always moving": lambda t: t.replace("wire advance = ~valid[2] | out_ready", "wire advance = 1'b1"),
    "an output is inverted": lambda t: re.sub(r"y\[1\] <= (\w+);", r"y[1] <= ~\1;", t),
    "an operator": lambda t: re.sub(r"(wire \w+ = [^;&|]*) & ", r"\1 | ", t, count=1),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_pipeline_is_refuted(what):
    module = module_with(random_netlist(np.random.default_rng(1), 9, 60, 5, kinds=(Kind.AND, Kind.XOR)))
    module = run_passes(module, "strash,sweep-dead")
    text, ports, _ = emitted(module, stages=3)
    damaged = DAMAGE[what](text)
    assert damaged != text
    assert verify_pipeline(module, text, ports).status == "equal"
    if what in ("an output is inverted", "an operator"):
        verdict = verify_pipeline(module, damaged, ports)
        assert verdict.status == "different"
        assert verdict.counterexample is not None
    else:
        with pytest.raises(InternalError, match="is no pipeline"):
            verify_pipeline(module, damaged, ports)


def test_the_test_bench_checks_the_latency(tmp_path):
    if not shutil.which("iverilog"):
        pytest.skip("iverilog is not installed")
    _, _, emission = emitted(module_with(drawn(2)), stages=3)

    def said(text):
        (tmp_path / "f.v").write_text(text)
        for name, content in emission.files.items():
            if name != "f.v":
                (tmp_path / name).write_bytes(content)
        subprocess.run(["iverilog", "-g2001", "-Wall", "-o", "t", "f.v", "f_tb.v"], cwd=tmp_path, check=True)
        return subprocess.run(["vvp", "-n", "t"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    text = emission.files["f.v"].decode()
    assert said(text).startswith("PASS 16")
    assert "response 0 came after 2 moves" in said(DAMAGE["the latency"](text))


def test_a_result_comes_each_clock_when_words_do(tmp_path):
    """Forty words in forty clocks: forty results in the forty clocks that begin when the latency is over."""
    if not shutil.which("iverilog"):
        pytest.skip("iverilog is not installed")
    module = module_with(drawn(2))
    text, ports, _ = emitted(module, stages=3)
    (tmp_path / "f.v").write_text(text)
    names = [p["verilog"] for p in ports["ports"] if p["direction"] == "input"]
    wires = "".join(f".{n}({n}), " for n in names)
    (tmp_path / "t.v").write_text(
        f"module t; reg {ports['clock']['name']} = 0, {ports['reset']['name']} = 1, in_valid = 0; integer k;\n"
        + "".join(f"reg [{p['bits'] - 1}:0] {p['verilog']} = 0;\n" for p in ports["ports"] if p["verilog"] in names)
        + f"wire in_ready, out_valid; {ports['module']} f({wires}.{ports['clock']['name']}({ports['clock']['name']}), "
        f".{ports['reset']['name']}({ports['reset']['name']}), .in_valid(in_valid), .in_ready(in_ready), "
        ".out_valid(out_valid), .out_ready(1'b1));\n"
        f"always #5 {ports['clock']['name']} = ~{ports['clock']['name']};\n"
        f"initial begin #12 {ports['reset']['name']} = 0; in_valid = 1;\n"
        "for (k = 0; k < 60; k = k + 1) begin @(negedge " + ports["clock"]["name"] + ");\n"
        '  $write("%b%b ", in_ready, out_valid); if (k == 39) in_valid = 0; end $finish; end endmodule\n')
    subprocess.run(["iverilog", "-g2001", "-o", "t", "f.v", "t.v"], cwd=tmp_path, check=True)
    said = subprocess.run(["vvp", "-n", "t"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    valid = "".join(word[1] for word in said[:60])
    assert all(word[0] == "1" for word in said[:60])
    assert valid == "0" * (ports["latency"] - 1) + "1" * 40 + "0" * (21 - ports["latency"])


def test_options_make_a_build_that_is_proved_to_the_model(tmp_path):
    module = module_with(drawn(4))
    build = circuitc.compile(module, "verilog", options={"luts": "4", "levels_per_stage": "1"}, prove=True, vectors=50,
                             out=tmp_path / "build")
    assert build.certificate.evidence.level in ("proved", "simulated")
    assert f"equals the model, {build.ports['latency']} cycles later" in build.summary[0]
    assert build.summary[0].startswith("proved")
    arity = np.diff(build.module.entry.body.offset)
    assert arity.max() <= 4
    inputs = {p.name: random_raw(p.type, 9, np.random.default_rng(0)) for p in module.entry.inputs}
    got, wanted = circuitc.simulate(tmp_path / "build", inputs), run(module, inputs)
    assert all(np.array_equal(got[n], wanted[n]) for n in wanted)


@pytest.mark.parametrize("inputs", [6, 8])
def test_tables_are_proved(inputs):
    module = module_with(drawn(5))
    build = circuitc.compile(module, "verilog", options={"luts": str(inputs), "vectors": "0"}, prove=True)
    assert build.certificate.evidence.level == "proved"
    assert set(build.module.entry.body.count()) == {"lut"}


@pytest.mark.parametrize(("options", "message"), [
    ({"luts": "9"}, "option luts=9 is not a whole number from 3 to 8"),
    ({"stages": "0"}, "option stages=0 is not a whole number from 1 to 1000"),
    ({"stages": "2", "levels_per_stage": "2"}, "options stages and levels_per_stage both say how to cut a pipeline"),
    ({"register_inputs": "true"}, "option register_inputs is for pipelines"),
    ({"register_inputs": "yes", "stages": "2"}, "option register_inputs=yes is not one of true, false"),
])
def test_wrong_options_are_told(options, message):
    with pytest.raises(CircuitError) as e:
        option_passes(options)
    assert [d.message for d in e.value.diagnostics] == [message]


def test_what_steps_is_not_pipelined():
    b = NetlistBuilder(2)
    netlist = b.finish([b.and_(b.input(0), b.input(1)), b.input(0)])
    func = Func("f", (Port("x", BIT, "step"),), (Port("y", BIT, "step"),), netlist, (Register("r", BIT, None),),
                Schedule("stream"))
    found = VERILOG.check(module_of(func), {"stages": "2"})
    assert [d.message for d in found] == [
        "@f runs by the schedule stream and is not pipelined: each step needs the registers as the one before left "
        "them"]
