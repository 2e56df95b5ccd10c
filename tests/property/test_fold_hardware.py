"""Folded networks: the same bits as unfolded ones, in every engine, in as many cycles as is said."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import SPIN, Builder, Constant, Func, Module, Port, Type, module_of, parse_type, run
from circuitc.passes import parse_pipeline, run_passes
from circuitc.simulation import ENGINES, simulate_verilog
from circuitc.tools import require_tool, run_tool, tool_version

SEEDS = st.integers(0, 2**32 - 1)


def mlp(seed: int, sizes: tuple[int, ...], weights: Type, source: Type, requantized: Type) -> Module:
    """A network with biases and requantization between its layers; every second matrix comes transposed."""
    rng = np.random.default_rng(seed)
    b = Builder()
    x = value = b.input("x", source.with_shape((sizes[0],)))
    for k, (columns, rows) in enumerate(pairwise(sizes)):
        w = random_raw(rng, weights, (rows, columns) if k % 2 == 0 else (columns, rows))
        spec = "ij,j->i" if k % 2 == 0 else "ji,j->i"
        matrix = b.constant(Constant(weights.with_shape(w.shape), w))
        value = b.apply("contract", matrix, value, spec=spec, name=f"fc{k}")
        if k + 2 < len(sizes):
            bias = b.constant(Constant(parse_type(f"i5[{rows}]"), rng.integers(-16, 16, rows)))
            value = b.apply("requantize", b.apply("add", value, bias), type=requantized.with_shape((rows,)))
    return module_of(Func("net", (Port("x", b.type(x)),), (Port("y", b.type(value)),), b.finish([value])))


def random_raw(rng: np.random.Generator, t: Type, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice([-1, 1], shape) if t.is_spin else rng.integers(t.lowest, t.highest + 1, shape)


@given(seed=SEEDS)
@settings(max_examples=5, deadline=None)
def test_folding_keeps_the_meaning(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = tuple(rng.integers(1, 9, rng.integers(2, 5)).tolist())
    weights = (parse_type("i3"), parse_type("fx<4,2>"), SPIN)[seed % 3]
    module = mlp(seed, sizes, weights, (parse_type("u4"), SPIN)[seed // 3 % 2], parse_type("u3"))
    reuse = int(rng.integers(2, 10))
    after = run_passes(module, f"fold-hardware{{reuse={reuse}}}")  # verified and compared
    rows = [n for n in sizes[1:] if n > 1]
    if rows:
        assert after.entry.schedule.count == 2 + sum(min(reuse, n) for n in rows)
        x = random_raw(rng, module.entry.inputs[0].type.scalar, (20, sizes[0]))
        np.testing.assert_array_equal(circuitc.jit(after)(x), run(module, {"x": x})["y"])
    else:
        assert not after.facts["passes"][0]["changed"]


NETWORK = mlp(1, (9, 6, 3), parse_type("i3"), parse_type("u4"), parse_type("u3"))


@pytest.mark.parametrize("engine", ENGINES)
def test_folded_verilog_in_every_engine(engine: str) -> None:
    if engine != "yosys" and tool_version({"icarus": "vvp"}.get(engine, engine)) is None:
        pytest.skip(f"{engine} is not installed")
    folded = run_passes(NETWORK, "fold-hardware{reuse=3}")
    build = circuitc.compile(folded, options={"vectors": "0"}, verify=False)
    x = np.random.default_rng(1).integers(0, 16, (12, 9))
    found = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, {"x": x}, engine=engine,
                             stall=True)
    np.testing.assert_array_equal(found["y"], run(NETWORK, {"x": x})["y"])


def test_multipliers_are_shared() -> None:
    """6 and 3 rows, three steps each: 2 rows of 9 and 1 row of 6 at a time."""
    build = circuitc.compile(run_passes(NETWORK, "fold-hardware{reuse=3}"), options={"vectors": "0"}, verify=False)
    assert build.artefacts[build.main].decode().count(" * ") == 2 * 9 + 1 * 6
    layers = build.module.facts["passes"][0]["facts"]["net"]["layers"]
    assert [(layer["rows_a_step"], layer["steps"], layer["multipliers"]) for layer in layers] == [(2, 3, 18), (1, 3, 6)]


@pytest.mark.skipif(tool_version("iverilog") is None, reason="iverilog is not installed")
def test_latency_and_interval_are_true(tmp_path: Path) -> None:
    """Count clock edges between two accepted inputs, and from one to its answer, where nobody waits."""
    build = circuitc.compile(run_passes(NETWORK, "fold-hardware{reuse=3}"), options={"vectors": "0"}, verify=False)
    assert (build.ports["latency"], build.ports["interval"]) == (9, 9)
    (tmp_path / "net.v").write_bytes(build.artefacts[build.main])
    width = build.module.entry.outputs[0].type.bits
    (tmp_path / "bench.v").write_text(f"""
module bench;
  reg clk = 0, rst = 1; wire in_ready, out_valid; wire [{width - 1}:0] y; integer now = 0;
  net net (.clk(clk), .rst(rst), .in_valid(1'b1), .in_ready(in_ready), .x(36'd5), .out_valid(out_valid),
           .out_ready(1'b1), .y(y));
  always #1 clk = ~clk;
  always @(posedge clk) begin
    now = now + 1; if (now == 3) rst <= 0;
    if (!rst && in_ready) $display("in %0d", now);
    if (out_valid) $display("out %0d", now);
    if (now == 60) $finish;
  end
endmodule
""")
    run_tool([str(require_tool("iverilog")), "-o", "b.vvp", "net.v", "bench.v"], folder=tmp_path, seconds=60)
    said = run_tool([str(require_tool("vvp")), "-n", "b.vvp"], folder=tmp_path, seconds=60).said
    entered, left = ([int(n) for n in re.findall(rf"{word} (\d+)", said)] for word in ("in", "out"))
    assert set(np.diff(entered)) == {9}
    assert {b - a for a, b in zip(entered, left, strict=False)} == {9}


def test_what_is_not_folded() -> None:
    once = run_passes(NETWORK, "fold-hardware{reuse=3}", check=None)
    assert run_passes(once, "fold-hardware{reuse=3}").facts["passes"][1]["changed"] is False, "it has its steps already"
    with pytest.raises(CircuitError, match="reuse is at least 2, got 1"):
        parse_pipeline("fold-hardware{reuse=1}")
    with pytest.raises(CircuitError, match="reuse"):
        parse_pipeline("fold-hardware")
