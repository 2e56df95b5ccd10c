"""Inputs of a call that come row by row: `--option rows=true`, a row of each tensor a clock, then the steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, parse_module, parse_type, run
from circuitc.models.gnn import ALGORITHMS, Options, compile_program
from circuitc.simulation import simulate_verilog
from circuitc.tools import find_tool

SCALED = """
func @walk(%w: i4[3,2], %start: u4[3], %by: u2) -> (%y: u12[3] {rate=call}) iterate 4 {
  reg %so_far : u12[3] = 0
  %first = reduce %w {kind=max, axes=[1]} : i4[3]
  %wide = broadcast %by {shape=[3], axes=[]} : u2[3]
  %term = mul %first, %wide
  %sum = add %so_far, %term, %start
  %next = requantize %sum {overflow=wrap} : u12[3]
  next %so_far = %next
  return %next
}
"""


def paths(n: int, **more: Any) -> tuple[Module, dict[str, Any]]:
    rng = np.random.default_rng(n)
    module = compile_program(ALGORITHMS["bellman_ford"], Options(n, parse_type("u4"), **more))
    A = rng.integers(0, 16, (12, n, n)) * (rng.random((12, n, n)) < 0.5)
    return module, {"A": A, "s": np.eye(n, dtype=int)[rng.integers(0, n, 12)]}


def walk() -> tuple[Module, dict[str, Any]]:
    rng = np.random.default_rng(0)
    return parse_module(SCALED), {"w": rng.integers(-8, 8, (9, 3, 2)), "start": rng.integers(0, 16, (9, 3)),
                                  "by": rng.integers(0, 4, 9)}


@pytest.mark.parametrize("make", [walk, lambda: paths(3), lambda: paths(4, hints=False, folded=True)])
@pytest.mark.parametrize("engine", ["yosys", "icarus"])
def test_the_same_answers(make: Any, engine: str) -> None:
    if engine == "icarus" and find_tool("iverilog") is None:
        pytest.skip("iverilog is not installed")
    module, inputs = make()
    want = run(module, inputs)
    build = circuitc.compile(module, "verilog", verify=False, options={"rows": "true", "vectors": "0"})
    for stall in (False, True):
        got = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, inputs, engine=engine,
                               stall=stall)
        assert all(np.array_equal(got[name], raw) for name, raw in want.items())


def test_lint_and_the_test_bench_that_is_written(tmp_path: Any) -> None:
    if find_tool("verilator") is None or find_tool("iverilog") is None:
        pytest.skip("verilator and iverilog are not installed")
    from circuitc.tools import require_tool, run_tool
    module, _ = paths(3, hints=False)
    build = circuitc.compile(module, "verilog", verify=False, out=tmp_path / "b", options={"rows": "true"})
    lint = run_tool([str(require_tool("verilator")), "--lint-only", "-Wall", str(build.main)], folder=tmp_path / "b",
                    seconds=60)
    assert lint.ok, lint.said
    name = build.main.removesuffix(".v")
    made = run_tool([str(require_tool("iverilog")), "-o", "run", build.main, f"{name}_tb.v"], folder=tmp_path / "b",
                    seconds=60)
    assert made.ok, made.said
    said = run_tool([str(require_tool("vvp")), "run"], folder=tmp_path / "b", seconds=60)
    assert "PASS 64" in said.said


def test_the_port_map_says_how_many_words_a_call_takes() -> None:
    module, inputs = paths(3, hints=False)
    build = circuitc.compile(module, "verilog", verify=False, options={"rows": "true", "vectors": "0"})
    assert build.ports["rows"] == 3
    assert build.ports["handshake"]["input"]["words_per_call"] == 3
    for rows in (2, True, "3"):
        with pytest.raises(CircuitError, match="rows, and the inputs of @bellman_ford have 3"):
            simulate_verilog(build.artefacts[build.main].decode(), {**build.ports, "rows": rows}, build.module, inputs)


@pytest.mark.parametrize(("text", "message"), [
    ("func @f(%x: u8[2]) -> (%y: u8[2]) once {\n  return %x\n}", "take their inputs once and then run"),
    ("func @f(%x: u8[2]) -> (%y: u8[2]) stream {\n  return %x\n}", "take their inputs once and then run"),
    ("func @f(%x: u8[2], %z: u8[3]) -> (%y: u8[2]) iterate 2 {\n  return %x\n}", "one first axis of at least 2 rows"),
    ("func @f(%x: u8) -> (%y: u8) iterate 2 {\n  return %x\n}", "one first axis of at least 2 rows")])
def test_funcs_without_rows(text: str, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        circuitc.compile(parse_module(text), "verilog", verify=False, options={"rows": "true"})


def test_rows_is_true_or_false() -> None:
    with pytest.raises(CircuitError, match="option rows=3 is not one of true, false"):
        circuitc.compile(parse_module(SCALED), "verilog", verify=False, options={"rows": "3"})
