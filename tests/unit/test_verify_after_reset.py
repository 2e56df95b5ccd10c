"""Streams compared from where a reset leaves them: pairs whose registers have no initial values, MGVGA's sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from circuitc.cli.entry import run as circuitc
from circuitc.diagnostics import CircuitError
from circuitc.formats import load
from circuitc.ir import Module, Netlist, aig, parse_module
from circuitc.proof import Reset, likely_reset, parse_reset, verify
from circuitc.tools import find_tool

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "mgvga"
needs_tools = pytest.mark.skipif(find_tool("pyosys") is None or find_tool("yosys-abc") is None,
                                 reason="needs Yosys and ABC")

# A bit that a reset clears and `go` toggles; the other one keeps it inverted, the third does not toggle.
TOGGLE = """func @main(%rst: bit, %go: bit) -> (%y: bit) stream {{
  reg %{name} : bit = {initial}
  netlist {{
    {gates}
  }}
}}"""
PLAIN = "and 3 6\nxor 8 4\nand 3 10\noutputs 8 12"
INVERTED = "and 3 7\nxor 8 4\nand 3 10\noutputs 8 13"
STUCK = "and 3 6\nxor 8 4\nand 3 10\noutputs 8 8"


def machine(gates: str, name: str, initial: str = "free") -> Module:
    return parse_module(TOGGLE.format(gates=gates, name=name, initial=initial))


@pytest.fixture
def plain() -> Module:
    return machine(PLAIN, "a")


def test_equal_after_a_reset_only(plain: Module):
    inverted = machine(INVERTED, "b")
    assert verify(plain, inverted).status == "different"
    found = verify(plain, inverted, reset=Reset({"rst": 1}))
    assert (found.status, found.evidence.level) == ("equal", "proved")
    assert "after 1 step with rst = 1" in found.evidence.note
    assert verify(plain, inverted, reset=Reset({"rst": 1}, 3)).status == "equal"


def test_a_difference_after_the_reset_is_one(plain: Module):
    found = verify(plain, machine(STUCK, "b"), reset=Reset({"rst": 1}))
    assert found.status == "different"
    assert found.counterexample is not None
    assert found.counterexample.state == {}


def test_a_reset_that_leaves_registers_open_refutes_nothing(plain: Module):
    found = verify(plain, machine(INVERTED, "b"), reset=Reset({"go": 1}, 2))
    assert (found.status, found.evidence.level) == ("unknown", "not_checked")
    assert "leaves 2 registers undefined" in found.evidence.note


@pytest.mark.parametrize(("text", "values", "steps"), [
    ("rst_n=0", {"rst_n": 0}, 0), ("rst=1:4", {"rst": 1}, 4), ("a = 0x1f, b=0 :2", {"a": 31, "b": 0}, 2)])
def test_resets_are_written(text: str, values: dict[str, int], steps: int):
    assert parse_reset(text.replace(" :", ":")) == Reset(values, steps)


@pytest.mark.parametrize("text", ["", "rst", "rst=", "rst=1:0", "rst=-1", "rst=1:x", "rst=1:5000", "=1"])
def test_what_is_no_reset_is_refused(text: str):
    with pytest.raises(CircuitError):
        parse_reset(text)


@pytest.mark.parametrize(("reset", "message"), [
    (Reset({"rts": 1}), "there is no input 'rts' to reset by .*rst"), (Reset({"rst": 2}), "cannot be 2")])
def test_resets_that_do_not_fit(plain: Module, reset: Reset, message: str):
    with pytest.raises(CircuitError, match=message):
        verify(plain, machine(INVERTED, "b"), reset=reset)


def test_resets_are_guessed_by_name():
    def guess(*names: str) -> dict[str, int] | None:
        ports = ", ".join(f"%{n}: bit" for n in names)
        text = f"func @m({ports}) -> (%y: bit) stream {{\n reg %s : bit = 0\n netlist {{\n outputs 2 2\n }}\n}}"
        found = likely_reset(parse_module(text).entry)
        return dict(found.values) if found else None
    assert [guess(n) for n in ("rst", "rst_n", "nreset", "areset", "arst_ni", "reset_i", "resetn")] == [
        {"rst": 1}, {"rst_n": 0}, {"nreset": 0}, {"areset": 1}, {"arst_ni": 0}, {"reset_i": 1}, {"resetn": 0}]
    assert guess("first") is guess("preset_count") is guess("rst", "reset") is None


def test_the_command_says_what_rests_on_first_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = {name: tmp_path / f"{name}.ccir" for name in ("plain", "inverted", "stuck")}
    for path, gates, register in zip(files.values(), (PLAIN, INVERTED, STUCK), "abc", strict=True):
        path.write_text(TOGGLE.format(gates=gates, name=register, initial="free"))
    assert circuitc(["verify", str(files["plain"]), str(files["inverted"]), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["status"], said["any_value"]["status"], said["after_reset"]["status"]) == (
        "unknown", "different", "equal")
    assert circuitc(["verify", str(files["plain"]), str(files["inverted"])]) == 3
    assert "from registers of any value they are different, from where a reset leaves them equal" in (
        capsys.readouterr().out)
    assert circuitc(["verify", str(files["plain"]), str(files["inverted"]), "--after-reset", "rst=1:2"]) == 0
    assert circuitc(["verify", str(files["plain"]), str(files["stuck"])]) == 1
    assert circuitc(["verify", str(files["plain"]), str(files["stuck"]), "--after-reset", "rst"]) == 2


@needs_tools
@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the MGVGA sample is not there")
def test_the_sample_of_mgvga_is_equal_after_one_step_of_reset():
    """Its 256 flip-flops became 106 latches without names or initial values, and its asynchronous reset loads sums."""
    found = verify(load(SAMPLE / "module_107598.sv"), load(SAMPLE / "module_107598.pt"), reset=Reset({"rst_n": 0}))
    assert (found.status, found.evidence.level) == ("equal", "proved")
    assert "after 1 step with rst_n = 0" in found.evidence.note


@needs_tools
@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the MGVGA sample is not there")
def test_a_sample_with_another_edge_inverted_differs_after_reset():
    sample = load(SAMPLE / "module_107598.pt")
    body = sample.entry.body
    assert isinstance(body, Netlist)
    fanin = body.fanin.copy()
    gate = int(body.outputs[3] >> 1) - 1 - body.inputs
    fanin[2 * gate] ^= 1
    mutant = sample.with_func(sample.entry.with_body(aig(body.inputs, fanin, body.outputs)))
    found = verify(load(SAMPLE / "module_107598.sv"), mutant, reset=Reset({"rst_n": 0}))
    assert found.status == "different"
