"""Verilog through Yosys: ports, registers, undefined bits, and errors in one line."""

from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, Stepper, run
from circuitc.proof import verify
from circuitc.simulation import UNDEFINED, read_verilog

ADDER = """
module add(input [3:0] a, input [0:3] b, output [4:0] \\s.x , output less, output one, output same);
  assign \\s.x = a + b;
  assign less = $signed(a) < $signed(b);
  assign one = 1'b1;
  assign same = a[2];
endmodule
"""


def test_ports_keep_names_order_and_bits() -> None:
    func = read_verilog(ADDER).entry
    assert [(p.name, str(p.type)) for p in func.inputs] == [("a", "u4"), ("b", "u4")]
    assert [p.name for p in func.outputs] == ["s.x", "less", "one", "same"]
    a, b = (v.ravel() for v in np.meshgrid(np.arange(16), np.arange(16)))
    answer = run(read_verilog(ADDER), {"a": a, "b": b})
    assert np.array_equal(answer["s.x"], a + b)
    assert np.array_equal(answer["less"], ((a ^ 8) < (b ^ 8)).astype(int))
    assert np.all(answer["one"] == 1)
    assert np.array_equal(answer["same"], a >> 2 & 1)


def test_wide_ports_become_vectors_of_bits() -> None:
    func = read_verilog("module w(input [99:0] x, output [99:0] y); assign y = ~x; endmodule").entry
    assert str(func.inputs[0].type) == "bit[100]"


def test_a_hierarchy_is_flattened_and_the_top_found_or_chosen() -> None:
    text = """module inner(input x, output y); assign y = ~x; endmodule
    module outer(input x, output y); inner i(.x(x), .y(y)); endmodule"""
    assert read_verilog(text).entry.name == "outer"
    assert read_verilog(text, "inner").entry.name == "inner"
    with pytest.raises(CircuitError, match=r"design.v: yosys: module `?other'? not found"):
        read_verilog(text, "other")
    with pytest.raises(CircuitError, match="is not the name of a Verilog module"):
        read_verilog(text, "outer; exec rm")


SEQUENTIAL = """
module count(input clk, input rst, input [1:0] by, output [3:0] now, output wrapped);
  reg [3:0] s = 4'd9;
  reg seen;
  initial seen = 1'b0;
  always @(posedge clk)
    if (rst) s <= 0;
    else begin s <= s + by; if (s + by > 15) seen <= 1'b1; end
  assign now = s;
  assign wrapped = seen;
endmodule
"""


def test_flip_flops_become_registers_and_the_clock_goes() -> None:
    module = read_verilog(SEQUENTIAL, registers=["s", "seen"])
    func = module.entry
    assert [p.name for p in func.inputs] == ["rst", "by"]
    assert func.schedule.kind == "stream"
    assert {r.name: int(r.initial.array) for r in func.registers if r.initial} == {"s": 9, "seen": 0}
    stepper = Stepper(module)
    seen = [int(stepper.step({"rst": np.array([k == 3]), "by": np.array([3])})["now"][0]) for k in range(6)]
    assert seen == [9, 12, 15, 2, 0, 3]


def test_two_clocked_designs_are_compared(tmp_path: Path) -> None:
    one = read_verilog(SEQUENTIAL)
    (tmp_path / "same.v").write_text(SEQUENTIAL.replace("s + by;", "by + s;"))
    verdict = verify(one, tmp_path / "same.v")
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")
    (tmp_path / "other.v").write_text(SEQUENTIAL.replace("> 15", "> 14"))
    different = verify(one, tmp_path / "other.v")
    assert different.status == "different"
    assert different.counterexample is not None
    assert different.counterexample.differing == ("wrapped",)
    (tmp_path / "start.v").write_text(SEQUENTIAL.replace("4'd9", "4'd8"))
    assert verify(one, tmp_path / "start.v").status == "different"


MEMORY = """
module rom(input [1:0] a, output [2:0] q);
  reg [2:0] m [0:3];
  initial begin m[0] = 5; m[1] = 1; m[2] = 7; m[3] = 2; end
  assign q = m[a];
endmodule
"""


def test_a_memory_with_contents_is_logic() -> None:
    assert run(read_verilog(MEMORY), {"a": np.arange(4)})["q"].tolist() == [5, 1, 7, 2]


UNDEFINED_CASES = {
    "undriven": "wire u; assign y = x[0] ^ u;",
    "x": "assign y = x[0] ? 1'bx : x[1];",
    "index": "assign y = x[{1'b1, x}];",
    "case": "reg r; always @* case (x) 0: r = 1; 1: r = 0; default: r = 1'bx; endcase assign y = r;",
    "unknown name": "assign y = x[0] & nothing;",
}


@pytest.mark.parametrize("body", UNDEFINED_CASES.values(), ids=UNDEFINED_CASES)
def test_what_is_undefined_is_an_input_and_never_a_dont_care(body: str) -> None:
    def design(text: str) -> Module:
        return read_verilog(f"module m(input [1:0] x, output y); {text} endmodule")

    module = design(body)
    assert [p.name for p in module.entry.inputs] == ["x", UNDEFINED]
    for constant in ("1'b0", "1'b1", "x[0]", "x[1]"):
        verdict = verify(design(f"assign y = {constant};"), module)
        assert verdict.status == "different"
        assert verdict.counterexample is not None
        assert UNDEFINED in verdict.counterexample.free or body.startswith("reg")


def test_undefined_bits_that_do_not_matter_do_not_hinder() -> None:
    text = "module m(input [1:0] x, output y); wire u; assign y = x[0] & (u | ~u); endmodule"
    assert verify(read_verilog("module m(input [1:0] x, output y); assign y = x[0]; endmodule"),
                  read_verilog(text)).status == "equal"


@pytest.mark.parametrize(("text", "message"), [
    ("module m(input x, output y);\n assign y = x +;\nendmodule", "design.v:2: yosys: syntax error, unexpected ;"),
    ("module m(input x, inout y); assign y = x; endmodule", "port y of m is inout"),
    ("module m(input x, output y);\n other o(x, y);\nendmodule", "yosys: module other referenced in module m"),
    ("", "yosys: "),
    ("\0\1\2garbage", "yosys: "),
])
def test_errors_are_one_line_with_the_place(text: str, message: str) -> None:
    with pytest.raises(CircuitError) as caught:
        read_verilog(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_time_and_memory_run_out_in_one_line() -> None:
    big = "module m(input [63:0] x, output [63:0] y); assign y = x * x * x * x * x * x; endmodule"
    with pytest.raises(CircuitError, match=r"yosys did not finish within 0\.05 s"):
        read_verilog(big, seconds=0.05)
    with pytest.raises(CircuitError, match="yosys"):
        read_verilog(big, memory_bytes=60 << 20)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match="there is no such file"):
        verify(read_verilog(ADDER), tmp_path / "no.v")
