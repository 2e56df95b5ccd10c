"""Verilog in which a bit has two drivers is refused by name; Yosys would join them and go on."""

from pathlib import Path

import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats import load
from circuitc.ir import parse_module, run
from circuitc.proof import verify
from circuitc.simulation.read_verilog import read_blif_independently, read_verilog

SUB = "module sub #(parameter W = 2)(input [W-1:0] a, output [W-1:0] y); assign y = ~a; endmodule\n"
TWICE = {
    "two assignments": ("assign y = a[0];\nassign y = !a[0];", "y of t has more than one driver"),
    "two constants": ("assign y = 1'b0; assign y = 1'b1;", "y of t has more than one driver"),
    "the same twice": ("assign y = a[0]; assign y = a[0];", "y of t has more than one driver"),
    "an undriven one": ("wire u; assign y = a[0]; assign y = u; assign z[4] = u;", "y of t has more than one driver"),
    "an input": ("assign a[2] = a[1]; assign y = a[2];", "input a[2] of t is also driven inside"),
    "a slice and a bit": ("assign z = {a[2:0], a[0]}; assign z[6] = a[1];", "z[6] of t has more than one driver"),
    "a list": ("assign z[5:4] = a[1:0]; assign {y, z[5]} = a[1:0];", "z[5] of t has more than one driver"),
    "two always blocks": ("reg r; always @(posedge clk) r <= a[0]; always @(posedge clk) r <= a[1]; assign y = r;",
                          "r of t has more than one driver"),
    "two instances": ("sub p(a[1:0], z[5:4]); sub q(a[1:0], z[6:5]);", "z[5] of t has more than one driver"),
    "an instance and an assignment": ("wire [0:3] v; sub #(.W(4)) p({a, a[0]}, v); assign v[1] = 1'b0;",
                                      "v[1] of t has more than one driver"),
    "inside a parametrised instance": ("twice #(.W(3)) p(a, z[6:4]);", "y[2] of twice has more than one driver"),
    "primitives": ("and g(y, a[0], a[1]); or h(y, a[0], a[1]);", "y of t has more than one driver"),
    "tri-state": ("assign y = a[0] ? a[1] : 1'bz; assign y = a[0] ? 1'bz : a[2];", "y of t has more than one driver"),
}
TEXT = (SUB + "module twice #(parameter W = 2)(input [W-1:0] a, output [W-1:0] y); assign y = a; assign y[W-1] = 0; "
        "endmodule\n(* top *) module t(input clk, input [2:0] a,\n output y, output [7:4] z); {} endmodule")


@pytest.mark.parametrize(("body", "message"), TWICE.values(), ids=TWICE)
def test_two_drivers_are_refused_by_name(body: str, message: str) -> None:
    with pytest.raises(CircuitError) as caught:
        read_verilog(TEXT.format(body), "t")
    assert message in str(caught.value)
    assert str(caught.value).startswith("design.v:")
    assert "\n" not in str(caught.value)


def test_the_line_is_that_of_the_signal_in_the_users_file(tmp_path: Path) -> None:
    (tmp_path / "t.v").write_text("module t(input a,\n  output y,\n  output z);\n assign z = a;\n"
                                  " assign y = a;\n assign y = !a;\nendmodule\n")
    with pytest.raises(CircuitError, match=r"t\.v:2: y of t has more than one driver"):
        load(tmp_path / "t.v")


FINE = """
module sub #(parameter W = 2)(input [W-1:0] a, output [W-1:0] y); assign y = ~a; endmodule
module t(input clk, input [3:0] a, output [7:4] y, output reg [0:3] \\z[0] , output wired, output [2:0] m);
  sub p(a[1:0], y[5:4]); sub #(.W(1)) q(a[2], y[6]); assign y[7] = a[3];
  initial \\z[0] = 0;
  always @(posedge clk) \\z[0] [0:1] <= a[1:0];
  always @(posedge clk) if (a[0]) \\z[0] [2:3] <= a[3:2];
  wand w; assign w = a[0]; assign w = a[1]; assign wired = w;
  reg [2:0] memory [0:3];
  always @(posedge clk) memory[a[1:0]] <= a[2:0];
  assign m = memory[a[3:2]];
endmodule
"""


def test_parts_of_a_signal_may_have_drivers_of_their_own() -> None:
    func = read_verilog(FINE, "t").entry
    assert [p.name for p in func.outputs] == ["y", "z[0]", "wired", "m"]
    text = "module t(input a, b, output o); wand w; assign w = a; assign w = b; assign o = w; endmodule"
    assert run(read_verilog(text), {"a": [0, 1, 1], "b": [1, 0, 1]})["o"].tolist() == [0, 0, 1]


def test_an_emitted_text_with_two_drivers_is_not_proved(tmp_path: Path) -> None:
    identity = parse_module("func @t(%a: bit) -> (%y: bit) once { netlist { outputs 2 } }")
    (tmp_path / "t.v").write_text("module t(input a, output y); assign y = a; assign y = !a; endmodule")
    with pytest.raises(CircuitError, match="y of t has more than one driver"):
        verify(identity, tmp_path / "t.v")
    blif = b".model t\n.inputs a b\n.outputs y\n.names a y\n1 1\n.names b y\n1 1\n.end\n"
    with pytest.raises(CircuitError, match="y of t has more than one driver"):
        read_blif_independently(blif)
