"""Verilog as a model file: designs are read whole, their faults placed, and nothing outside their folder is opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats import detect, load
from circuitc.formats.verilog import choose_top
from circuitc.ir import Stepper, run

DESIGN = """`include "sizes.vh"
`timescale 1ns/1ps
// module commented(input x);
module store #(parameter WIDTH = 4) (input clk, input [1:0] at, output reg [WIDTH-1:0] q);
  reg [WIDTH-1:0] memory [0:3];
  initial $readmemh("data/rom.hex", memory);
  always @(posedge clk) q <= memory[at];
endmodule
module top(input clk, input [1:0] at, output [`SIZE-1:0] q);
  store #(.WIDTH(`SIZE)) s (.clk(clk), .at(at), .q(q));
endmodule
"""


def test_parameters_memories_and_files_below_the_folder(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rom.hex").write_text("3 1c 7 a\n")
    (tmp_path / "sizes.vh").write_text("`define SIZE 5\n")
    path = tmp_path / "design.v"
    path.write_text(DESIGN)
    assert detect(path).name == "verilog"
    func = load(path).entry
    assert (func.name, [(p.name, str(p.type)) for p in (*func.inputs, *func.outputs)]) == (
        "top", [("at", "u2"), ("q", "u5")])
    answer = run(load(path), {"at": np.array([[0, 1, 2, 3, 0]])}, state={r.name: np.zeros(1, int)
                                                                         for r in func.registers})
    assert answer["q"][0].tolist()[1:] == [3, 0x1C, 7, 0xA]


def test_system_verilog_by_its_ending(tmp_path: Path):
    path = tmp_path / "m.sv"
    path.write_text("package p; localparam int K = 3; endpackage\nmodule m(input logic [3:0] a, output "
                    "logic [3:0] y);\n always_comb begin y = a; y ^= 4'(p::K); end\nendmodule\n")
    assert run(load(path), {"a": np.arange(4)})["y"].tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize(("text", "top"), [
    ("module a(input x); endmodule", "a"), ("", ""),
    ("module a(input x); endmodule module b(input x); a #(.K(2)) u(x); endmodule", "b"),
    ("module a(input x); endmodule module b(input x); a u[3:0] (x); endmodule", "b"),
    ("(* top *) module a(input x); endmodule module b(input x); endmodule", "a"),
    ("module a(input x); endmodule /* a u(x); */ (* keep, top *)\nmodule b(input x); endmodule", "b")])
def test_the_top(text: str, top: str):
    assert choose_top(text, "f.v") == top


@pytest.mark.parametrize(("text", "message"), [
    ("module a(input x, output y);\n assign y = x +;\nendmodule\n", "m.v:2: yosys: syntax error, unexpected ;"),
    ("module a(output y); endmodule\nmodule b(output y); endmodule\n",
     "m.v: the top could be any of a, b (help: mark one, as in `(* top *) module a`, or leave the others out)"),
    ("module a(output y); nothing n(y); endmodule\n", "m.v"),
    ("module a(inout y, input x); assign y = x; endmodule\n", "port y of a is inout")])
def test_faults_have_a_place(tmp_path: Path, text: str, message: str):
    path = tmp_path / "m.v"
    path.write_text(text)
    with pytest.raises(CircuitError) as caught:
        load(path)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_fault_in_an_included_file_is_placed_there(tmp_path: Path):
    (tmp_path / "part.vh").write_text("\nassign y = ;\n")
    (tmp_path / "m.v").write_text('module m(output y);\n`include "part.vh"\nendmodule\n')
    with pytest.raises(CircuitError, match=r"part\.vh:2: yosys: syntax error"):
        load(tmp_path / "m.v")


ROM = "module m(output [7:0] y); reg [7:0] r [0:1]; initial {}; assign y = r[0]; endmodule\n"


@pytest.mark.parametrize("text", [
    '`include "{0}/secret"', '`include "../secret"', '`include "sub/../../secret"', "`include <secret>",
    '`define F "../secret"\n`include `F', "`define I include\n`I", '`define D(x) `x\n`D(include) "../secret"',
    '`define P in``clude\n``P "../secret"', '`in/**/clude "../secret"', '`inc\\\nlude "../secret"',
    '`define S(x) `"x`"', ROM.format('$readmemh("{0}/secret", r)'), ROM.format('$readmemb("../secret", r)'),
    ROM.format('$readmemh({"../","secret"}, r)'), ROM.format('$readmemh("\\056\\056/secret", r)'),
    "`define R readmemh\n" + ROM.format('$`R("../secret", r)'),
    "`define R(x) $x\n" + ROM.format('`R(readmemh)("../secret", r)'),
    "module m #(parameter F = \"../secret\")(output y); reg [7:0] r [0:1]; initial $readmemh(F, r); endmodule",
    'import "DPI-C" function int system(input string s);\nmodule m; endmodule',
    '`define I import\n`I "DPI-C" function int system(input string s);\nmodule m; endmodule',
    'x = "a\nb" `include "../secret" "', 'wire \\a" ; `include "../secret" wire \\b" ;',
    '`define S `" `include "../secret" `"\n`S', 'wire \\a// ; `include "../secret"',
    '`include "link"', '`include "missing"', '`include "script.ys"', '`include "part"'])
def test_nothing_outside_the_folder_is_read(tmp_path: Path, text: str):
    folder = tmp_path / "design"
    folder.mkdir()
    (tmp_path / "secret").write_text("aa bb\n")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "script.ys").write_text("")
    (folder / "part").write_text('`include "../secret"\n')
    path = folder / "m.v"
    path.write_text(text.replace("{0}", str(tmp_path)))
    with pytest.raises(CircuitError) as caught:
        load(path, "verilog")
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert "yosys" not in said
    assert "aa bb" not in said


def test_names_in_texts_and_comments_do_no_harm(tmp_path: Path):
    path = tmp_path / "m.v"
    path.write_text('module m(input x, output y); // `include "/etc/passwd"\n/* import "DPI-C" */ assign y = x;\n'
                    'initial $display("http://import include $readmemh");\nendmodule\n')
    assert run(load(path), {"x": np.array([0, 1])})["y"].tolist() == [0, 1]


@pytest.mark.parametrize("keep", range(3, 150, 21))
def test_cut_files_are_refused_in_one_line(tmp_path: Path, keep: int):
    path = tmp_path / "m.v"
    path.write_text("module counter(input clk, input go, output reg [3:0] n);\n  always @(posedge clk) "
                    "if (go) n <= n + 4'd1; else begin n <= n; end\nendmodule\n"[:keep])
    with pytest.raises(CircuitError) as caught:
        load(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_counter_counts(tmp_path: Path):
    path = tmp_path / "m.v"
    path.write_text("module counter(input clk, input go, output reg [3:0] n = 2);\n always @(posedge clk) if (go) "
                    "n <= n + 1;\nendmodule\n")
    stepper = Stepper(load(path))
    assert [int(stepper.step({"go": np.array([1])})["n"][0]) for _ in range(4)] == [2, 3, 4, 5]
