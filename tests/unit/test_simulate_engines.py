"""Emitted Verilog gives the interpreter's numbers in every engine, and the tools around it fail in one line."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from circuitc.backends.verilog import VERILOG
from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, Register, Schedule, module_of, parse_type, run
from circuitc.passes import sample_inputs
from circuitc.proof import simulate_emitted, verify_emitted
from circuitc.simulation import simulate_verilog
from circuitc.tools import TOOLS, ToolMissing, ToolTimeout, find_tool, run_tool, tool_version

U3, U6 = parse_type("u3"), parse_type("u6")
NEEDED = {"yosys": "yosys-abc", "icarus": "iverilog", "verilator": "verilator"}


def have(engine: str) -> None:
    if find_tool(NEEDED[engine]) is None:
        pytest.skip(f"{engine} is not installed")


def adding(kind: str, rate_in: str, rate_out: str, *, free: bool = False) -> Module:
    """Add inputs up in a register."""
    b = Builder()
    x, s = b.input("x", U3), b.input("s", U6)
    total = b.apply("requantize", b.apply("add", x, s), type=U6, overflow="wrap")
    outputs = [s, total, total]
    if kind == "until":
        outputs.append(b.apply("lt", b.number(U6, 40), total))
    ports = (Port("before", U6, rate_out), Port("total", U6, "call"))  # `before` is a word of SystemVerilog
    register = Register("s", U6, None if free else Constant(U6, 5))
    return module_of(Func("adding", (Port("x", U3, rate_in),), ports, b.finish(outputs), (register,),
                          Schedule(kind, 1 if kind == "stream" else 6)))


def emitted(module: Module):
    emission = VERILOG.emit(VERILOG.build(module, {"vectors": "0"}))
    return emission.files[emission.main].decode(), emission.ports


CASES = [(kind, i, o, free) for kind in ("stream", "iterate", "until") for i in ("step", "call")
         for o in ("step", "call") for free in (False, True) if (kind, i) != ("stream", "call")]


@pytest.mark.parametrize(("kind", "rate_in", "rate_out", "free"), CASES)
@pytest.mark.parametrize("engine", ["yosys", "icarus"])
def test_whole_calls_agree_with_the_interpreter(
        kind: str, rate_in: str, rate_out: str, free: bool, engine: str) -> None:
    have(engine)
    module = adding(kind, rate_in, rate_out, free=free)
    text, ports = emitted(module)
    rng = np.random.default_rng(1)
    inputs = sample_inputs(module.entry, 70, rng)
    state = {"s": rng.integers(0, 64, 70)} if free else {}
    wanted = run(module, inputs, state=state)
    for stall in (False, True):
        answer = simulate_verilog(text, ports, module, inputs, state=state, engine=engine, stall=stall)
        assert set(answer) == set(wanted)
        for name, values in wanted.items():
            assert np.array_equal(answer[name], values), (name, stall)


def product() -> Module:
    b = Builder()
    x, y = b.input("x", parse_type("i4[2]")), b.input("y", parse_type("i4[2]"))
    p = b.apply("mul", x, y)
    ports = tuple(Port(n, parse_type("i4[2]")) for n in "xy")
    return module_of(Func("product", ports, (Port("p", b.type(p)),), b.finish([p])))


@pytest.mark.parametrize("engine", ["yosys", "icarus", "verilator"])
def test_combinational_tensors_agree(engine: str) -> None:
    have(engine)
    from circuitc.passes import run_passes
    module = run_passes(product(), "scalarize")
    text, ports = emitted(module)
    inputs = sample_inputs(module.entry, 100, np.random.default_rng(2))
    answer = simulate_verilog(text, ports, module, inputs, engine=engine)
    assert np.array_equal(answer["p"], run(module, inputs)["p"])
    assert verify_emitted(product(), text, ports).status == "equal"


def test_whole_calls_are_evidence_and_a_wrong_wrapper_is_refuted() -> None:
    module = adding("until", "call", "step")
    text, ports = emitted(module)
    verdict = simulate_emitted(module, text, ports, vectors=40)
    assert (verdict.status, str(verdict.evidence)) == ("unknown", "simulated 40")
    step = verify_emitted(module, text, ports)
    assert (step.status, step.subject) == ("equal", "module adding_step: one step of @adding from any state")
    wrong = text.replace("count == 3'd5", "count == 3'd4")
    assert wrong != text
    assert verify_emitted(module, wrong, ports).status == "equal"  # the step is right, the wrapper is not
    refuted = simulate_emitted(module, wrong, ports, vectors=40)
    assert refuted.status == "different"
    assert refuted.counterexample is not None
    assert "steps" in refuted.counterexample.differing


def test_a_wrong_step_is_refuted_with_the_registers_name() -> None:
    module = adding("stream", "step", "step")
    text, ports = emitted(module)
    wrong = text.replace("} + {", "} - {")
    assert wrong != text
    verdict = verify_emitted(module, wrong, ports)
    assert verdict.status == "different"
    assert verdict.counterexample is not None
    assert set(verdict.counterexample.inputs) == {"x", "state s"}
    assert "next s" in verdict.counterexample.differing


def test_a_design_that_stops_answering_is_said_in_one_line() -> None:
    module = adding("iterate", "call", "call")
    text, ports = emitted(module)
    stuck = text.replace("assign in_ready = ~busy", "assign in_ready = 1'b0")
    assert stuck != text
    inputs = {"x": np.array([1, 2])}
    with pytest.raises(CircuitError, match="stopped answering"):
        simulate_verilog(stuck, ports, module, inputs)
    if shutil.which("iverilog"):
        with pytest.raises(CircuitError, match="stopped answering"):
            simulate_verilog(stuck, ports, module, inputs, engine="icarus")
        with pytest.raises(CircuitError, match=r"icarus: adding.v:\d+: "):
            simulate_verilog(text.replace("endmodule", "endmodul", 1), ports, module, inputs, engine="icarus")


def test_wrong_use_is_refused() -> None:
    module = adding("stream", "step", "step")
    text, ports = emitted(module)
    with pytest.raises(CircuitError, match=r"there is no engine veri.*did you mean verilator"):
        simulate_verilog(text, ports, module, {"x": np.zeros((1, 2))}, engine="veri")
    with pytest.raises(CircuitError, match="needs the input x: u3"):
        simulate_verilog(text, ports, module, {})
    with pytest.raises(CircuitError, match="the port map does not belong to @product"):
        simulate_verilog(text, ports, product(), {"x": np.zeros((1, 2)), "y": np.zeros((1, 2))})


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ToolTimeout, match=r"sh did not finish within 0\.3 s"):
        run_tool(["/bin/sh", "-c", "sleep 30 & echo $! > child; sleep 30"], folder=tmp_path, seconds=0.3)
    assert time.monotonic() - start < 10
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    while child.exists() and child.read_text().split()[2] != "Z":  # the signal is on its way
        assert time.monotonic() - start < 20, "the child outlives the call"


def test_a_program_gets_what_it_is_given_and_no_more(tmp_path: Path) -> None:
    assert run_tool(["cat"], folder=tmp_path, seconds=5).stdout == ""
    assert run_tool(["cat"], folder=tmp_path, seconds=5, input_text="words").stdout == "words"
    assert run_tool(["pwd"], folder=tmp_path, seconds=5).stdout.strip() == str(tmp_path.resolve())
    hungry = run_tool(["python3", "-c", "bytearray(1 << 30)"], folder=tmp_path, seconds=20, memory_bytes=256 << 20)
    assert not hungry.ok
    assert "MemoryError" in hungry.stderr
    long = run_tool(["python3", "-c", "print('a' * 3_000_000 + 'end')"], folder=tmp_path, seconds=20)
    assert len(long.stdout) < 1_100_000
    assert "bytes left out" in long.stdout
    assert long.stdout.endswith("end\n")
    assert run_tool(["no-such-program"], folder=tmp_path, seconds=5).status == 127


def test_a_missing_tool_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_tool("iverilog") is None
    assert tool_version("iverilog") is None
    module = adding("stream", "step", "step")
    with pytest.raises(ToolMissing, match=r"iverilog is needed to compile Verilog.*apt-get install iverilog"):
        simulate_verilog(*emitted(module), module, {"x": np.zeros((1, 2), int)}, engine="icarus")
    assert {"iverilog", "vvp", "verilator", "yosys-abc", "pyosys"} <= set(TOOLS)
