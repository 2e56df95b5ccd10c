"""The AXI-Stream wrapper, driven by a stream that pauses and read by one that stalls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import circuitc
from circuitc.ir import Module, flatten_bits, parse_module
from circuitc.passes import run_passes
from circuitc.tools import require_tool, run_tool, tool_version

PURE = """func @f(%x: i5, %y: u3) -> (%z: i6) once {
  %z = add %x, %y : i6
  return %z
}"""
TOTAL = """func @f(%x: u4, %y: bit) -> (%sum: u9) stream {
  reg %so_far : u9 = 0
  %wide = add %so_far, %x, %y : u10
  %new = requantize %wide {overflow=wrap, rounding=floor} : u9
  next %so_far = %new
  return %new
}"""
LAYER = """const #w : i3[4,3] = [[1, -2, 3], [0, 1, 1], [-4, 2, 0], [3, 3, 3]]
func @f(%x: u3[3]) -> (%z: i8[4]) once {
  %z = contract #w, %x {spec="ij,j->i"} : i8[4]
  return %z
}"""


def words(module: Module, ports: tuple, values: dict[str, np.ndarray]) -> list[int]:
    """Lay numbers [words, *shape] out as words, first port lowest."""
    bits = flatten_bits([p.type for p in ports], [values[p.name] for p in ports])
    return [int("".join(map(str, row[::-1])), 2) for row in bits.tolist()]


@pytest.mark.skipif(tool_version("iverilog") is None, reason="iverilog is not installed")
@pytest.mark.parametrize("kind", ["pure", "stream", "folded"])
def test_words_and_last_pass_with_stalls(kind: str, tmp_path: Path) -> None:
    module = parse_module({"pure": PURE, "stream": TOTAL, "folded": LAYER}[kind])
    if kind == "folded":
        module = run_passes(module, "fold-hardware{reuse=2}")
    build = circuitc.compile(module, options={"vectors": "0", "axis": "true"}, verify=False)
    rng, count, entry = np.random.default_rng(1), 24, module.entry
    x = {p.name: rng.integers(p.type.lowest, p.type.highest + 1, (count, *p.type.shape)) for p in entry.inputs}
    calls = {name: v[None] for name, v in x.items()} if kind == "stream" else x
    answer = circuitc.run(module, calls)
    found = {name: v[0] for name, v in answer.items()} if kind == "stream" else answer
    given = words(module, entry.inputs, x)
    for name in ("f.v", "f_axis.v"):
        (tmp_path / name).write_bytes(build.artefacts[name])
    taken = -(-sum(p.type.bits for p in entry.inputs) // 8) * 8
    wide = -(-sum(p.type.bits for p in entry.outputs) // 8) * 8
    feed = "\n".join(f"    words[{k}] = {taken}'d{w};" for k, w in enumerate(given))
    (tmp_path / "bench.v").write_text(f"""
module bench;
  reg clk = 0, rstn = 0, valid = 0, ready = 0; wire tready, tvalid, tlast; wire [{wide - 1}:0] out;
  reg [{taken - 1}:0] words [0:{count - 1}]; integer k = 0, n = 0, now = 0;
  f_axis dut (.aclk(clk), .aresetn(rstn), .s_axis_tdata(words[k]), .s_axis_tvalid(valid), .s_axis_tready(tready),
    .s_axis_tlast(k == {count - 1}), .m_axis_tdata(out),
    .m_axis_tvalid(tvalid), .m_axis_tready(ready), .m_axis_tlast(tlast));
  always #1 clk = ~clk;
  initial begin
{feed}
  end
  always @(posedge clk) begin
    now <= now + 1;
    if (now == 3) rstn <= 1;
    if (rstn && valid && tready) begin k <= k + 1; valid <= k + 1 < {count} && now % 3 != 0; end
    else if (rstn && !valid) valid <= k < {count} && now % 5 != 0;
    ready <= rstn && now % 7 > 2;
    if (rstn && tvalid && ready) begin $display("%d %d", out, tlast); n = n + 1; if (n == {count}) $finish; end
    if (now == 5000) $finish;
  end
endmodule
""")
    run_tool([str(require_tool("iverilog")), "-g2005", "-o", "b.vvp", "f.v", "f_axis.v", "bench.v"], folder=tmp_path,
             seconds=60)
    said = run_tool([str(require_tool("vvp")), "-n", "b.vvp"], folder=tmp_path, seconds=60).said
    rows = [tuple(map(int, line.split())) for line in said.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == words(module, entry.outputs, found)
    lasts = [1] * count if kind == "folded" else [0] * (count - 1) + [1]
    assert [row[1] for row in rows] == lasts
