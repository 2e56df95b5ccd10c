"""What a design costs: tables and depth, counts by module, synthesis, and the harness for clock rates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import circuitc
from circuitc.backends.verilog import VERILOG
from circuitc.cli.entry import run
from circuitc.diagnostics import CircuitError
from circuitc.ir import parse_module
from circuitc.passes import run_passes
from circuitc.synthesis import clock_rate, count_luts, survey, synthesize
from circuitc.synthesis.clock import DEVICES, ClockRate, harness, missing
from circuitc.tools import ToolTimeout

PARITY = "module p (input wire [15:0] x, output wire y);\n  assign y = ^x;\nendmodule\n"
PARTS = """
module core (input wire [6:0] x, output wire y);
  assign y = ^x;
endmodule
module top (input wire clk, input wire [13:0] x, output reg y);
  wire a, b;
  core one (.x(x[6:0]), .y(a));
  core two (.x(x[13:7]), .y(b));
  always @(posedge clk) y <= a & b;
endmodule
"""
COUNT = """
func @count(%x: bit[{n}]) -> (%y: {t}) once {{
  %y = reduce %x {{axes=[0], kind=add}} : {t}
  return %y
}}
"""
ARGMAX = """
func @first(%x: u6[{n}]) -> (%y: {t}) once {{
  %y = argmax %x {{axis=0}} : {t}
  return %y
}}
"""


def test_parity_is_counted():
    found = count_luts(PARITY, "p")
    assert (found.luts, found.depth, found.registers) == (5, 2, 0)


def test_modules_are_counted_apart():
    found = count_luts(PARTS, "top", clock="clk")
    assert found.registers == 1
    assert {p.module: (p.luts, p.registers, p.instances) for p in found.parts} == {"core": (2, 0, 2), "top": (1, 1, 1)}
    assert found.luts == 4  # flat, the last AND goes into a table with what is before it


def test_time_that_is_up_is_said():
    with pytest.raises(ToolTimeout):
        count_luts(PARITY, "p", seconds=0.01)
    found = survey(PARITY, {"module": "p", "ports": []}, seconds=0.01)
    assert "yosys did not finish within 0.01 s" in "\n".join(found.lines())
    assert "did not finish" in found.as_json()["lut6"]["missing"]


@pytest.mark.parametrize("passes", ["scalarize,clean", "lower-to-gates"])
@pytest.mark.parametrize(("text", "small", "large", "deeper"), [
    (COUNT, (32, "u6"), (128, "u8"), 8), (ARGMAX, (4, "u2"), (16, "u4"), 14)])
def test_popcount_and_argmax_are_trees(passes, text, small, large, deeper):
    """Four times the bits, or numbers, cost two more levels of adders or comparisons: a chain would cost far more."""
    depth = []
    for n, t in (small, large):
        module = run_passes(parse_module(text.format(n=n, t=t)), passes)
        emission = VERILOG.emit(VERILOG.build(module, {"vectors": "0"}))
        depth.append(count_luts(emission.files[emission.main].decode(), module.entry.name).depth)
    assert depth[0] < depth[1] <= depth[0] + deeper


def test_ice40_is_synthesized():
    found = synthesize(PARTS, "top", "ice40")
    assert (found.ff, found.carry, found.dsp, found.bram) == (1, 0, 0, 0)
    assert 4 <= found.lut <= 6


def test_yosys_errors_are_told():
    with pytest.raises(CircuitError):
        synthesize("module top (input a, output b); assign b = ; endmodule", "top", "ice40")


def test_the_harness_holds_every_pin():
    ports = {"module": "f", "clock": {"name": "clk"}, "reset": {"name": "rst"},
             "handshake": {"input": {}, "output": {}},
             "ports": [{"verilog": "x", "bits": 3, "direction": "input"},
                       {"verilog": "y", "bits": 2, "direction": "output"}]}
    text = harness(ports)
    for pin in (".clk(clk)", ".rst(reset)", ".x(given[2:0])", ".in_valid(given[3:3])", ".out_ready(given[4:4])",
                ".y(answer[1:0])", ".in_ready(answer[2:2])", ".out_valid(answer[3:3])"):
        assert pin in text


def test_median_and_spread():
    assert ClockRate("ecp5", (90.0, 110.0, 100.0), {}).median == 100


NETWORK = {
    "schema": "circuitc.model/1", "kind": "logic-gates", "name": "small", "input": {
        "name": "x", "type": "u4[2]", "thresholds": [[3, 7.5]]},
    "layers": [{"connections": [[0, 1, 0, 3], [2, 3, 2, 1]], "gates": [1, 7, 6, 14]}], "groups": 2}


def test_parts_of_a_network_in_one_module_are_counted_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "model.json").write_text(json.dumps(NETWORK))
    found = []
    for k, options in enumerate(({}, {"luts": "6", "stages": "2"})):
        folder = tmp_path / str(k)
        build = circuitc.compile(tmp_path / "model.json", "verilog", out=folder, verify=False, options=options)
        assert build.report["figures"]["modules"] == (1 if options else 4)
        assert run(["report", str(folder), "--json"]) == 0
        parts = json.loads(capsys.readouterr().out)["lut6"]["parts"]
        found.append({p["module"]: (p["luts"], p["registers"]) for p in parts})
    assert found[0]["core"] == (4, 0)
    assert found[1] == {"encoder": (2, 0), "core": (4, 0), "reduction": (5, 0)}  # x > 7.5 is a wire


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
def test_families_are_synthesized(family):
    """Yosys takes seconds to read a family's cells: two tiny runs."""
    text = "module f (input wire clk, input wire [2:0] x, output reg y);\n  always @(posedge clk) y <= ^x;\nendmodule\n"
    found = synthesize(text, "f", family)
    assert (found.lut, found.carry, found.ff, found.dsp, found.bram) == (1, 0, 1, 0, 0)


@pytest.mark.parametrize("family", list(DEVICES))
def test_a_clock_rate_is_found(family):
    if missing(family):
        pytest.skip(missing(family))
    text = "module f (input wire [2:0] x, output wire y);\n  assign y = ^x;\nendmodule\n"
    ports = {"module": "f", "ports": [{"verilog": "x", "bits": 3, "direction": "input"},
                                      {"verilog": "y", "bits": 1, "direction": "output"}]}
    found = clock_rate(text, ports, family, seeds=(1,))
    assert len(found.mhz) == 1
    assert 50 < found.median < 2000
    assert sum(n for name, n in found.used.items() if "FF" in name or "LC" in name) >= 5  # the harness's registers


def test_report_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    circuitc.compile(parse_module(COUNT.format(n=8, t="u4")), "verilog", out=tmp_path / "b", verify=False)
    assert run(["report", str(tmp_path / "b"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["lut6"]
    assert found["luts"] >= 4
    assert "if -K 6" in found["convention"]
