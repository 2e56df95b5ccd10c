"""Where gates come from: lines on the gates of a design, in a `.pt` and back, and the outline of a source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats import load
from circuitc.formats.mgvga import encode_graph, graph_of_netlist, parse_mgvga, write_mgvga
from circuitc.formats.mgvga.read import OWN_KEY
from circuitc.formats.origins import Place, origins, origins_of_output, parse_places, plain_name, spell_name
from circuitc.formats.verilog_outline import Declared, outline
from circuitc.ir import Netlist, aig
from circuitc.passes import run_passes
from circuitc.tools import find_tool

pytestmark = pytest.mark.skipif(find_tool("pyosys") is None, reason="needs Yosys")

DESIGN = """// Adds, and counts.
module leaf #(parameter WIDTH = 4) (
  input [WIDTH-1:0] a,  // first
  input [WIDTH-1:0] b,
  output [WIDTH-1:0] sum
);
  assign sum = a + b;
endmodule

module top(input clk, input [3:0] a, input [3:0] b, output [3:0] s, output [7:0] p, output reg q);
  // both words
  leaf #(.WIDTH(4)) adder (.a(a), .b(b), .sum(s));
  assign p = a * b;
`include "tail.vh"
endmodule
"""
TAIL = """
always @(posedge clk)
  q <= q ^ a[0];
"""


@pytest.fixture
def design(tmp_path: Path) -> Path:
    (tmp_path / "tail.vh").write_text(TAIL)
    path = tmp_path / "design.v"
    path.write_text(DESIGN)
    return path


def lines(body: Netlist, literal: int) -> set[tuple[str, int]]:
    """Walk a cone: the (file, line) of its gates, each of which must have one."""
    known, seen, waiting = origins(body), set[int](), [literal >> 1]
    while waiting:
        node = waiting.pop()
        if node > body.inputs and node not in seen:
            seen.add(node)
            waiting += [x >> 1 for x in body.fanins(node).tolist()]
    assert seen
    return {(place.file, place.line) for node in seen for place in known[node]}


def test_each_gate_knows_its_line(design: Path):
    func = load(design).entry
    body = func.body
    assert isinstance(body, Netlist)
    assert set(origins(body)) == set(range(1 + body.inputs, body.nodes))
    outputs = body.outputs.tolist()
    assert lines(body, outputs[3]) == {("design.v", 7)}, "the adder, in the module it is written in"
    assert lines(body, outputs[4 + 7]) == {("design.v", 13)}, "a multiplier, whose gates Yosys gives no line"
    assert lines(body, outputs[-1]) == {("tail.vh", 3)}, "the register's next value, in a file that is included"
    assert [str(p) for p in origins_of_output(func, "s")] == ["design.v:7.16-7.21"]
    assert origins_of_output(func, "q") == ()


def test_origins_go_into_a_pt_and_through_passes(design: Path):
    module = load(design)
    data = write_mgvga(module)[""]
    again = parse_mgvga(data, "design.pt").entry.body
    body = module.entry.body
    assert isinstance(again, Netlist)
    assert isinstance(body, Netlist)
    assert list(origins(again).values()) == list(origins(body).values())
    less = run_passes(module, "strash,sweep-dead").entry.body
    assert isinstance(less, Netlist)
    assert less.gates < body.gates
    assert len(origins(less)) > less.gates // 2
    assert {p.line for places in origins(less).values() for p in places} == {3, 7, 13}


@pytest.mark.parametrize(("places", "place_of", "message"), [
    (["here"], [0, -1, -1, -1], "has a place that is not file:line"),
    (["a.v:1"], [0, -1, -1], "does not say of each node which place it is from"),
    (["a.v:1"], [0, -1, 1, -1], "does not say of each node which place it is from")])
def test_broken_origins_in_a_pt(places: list[str], place_of: list[int], message: str):
    netlist = aig(2, np.array([[2, 4]]), [6])
    own = {"registers": [], "initial": [], "constant": -1, "places": places, "place_of": place_of}
    with pytest.raises(CircuitError, match=message):
        parse_mgvga(encode_graph(graph_of_netlist(netlist), {OWN_KEY: own}), "design.pt")


def test_names_and_places():
    place = Place("a b.v", 3, 4, 5, 6)
    assert parse_places(str(place)) == (place,)
    assert parse_places("a.v:1|b.v:2.3") == (Place("a.v", 1), Place("b.v", 2, 3))
    assert parse_places("net.json:layers[0]") == ()
    assert [plain_name(spell_name(n, "a.v:1")) for n in ("", "x", "x[1]")] == ["", "x", "x[1]"]


def test_an_outline_by_pyverilog(tmp_path: Path):
    path = tmp_path / "leaf.sv"
    path.write_text(DESIGN.partition("\n\n")[0])
    found = outline(path)
    assert (found.reader, found.note) == ("pyverilog", "")
    (module,) = found.modules
    assert (module.name, module.line, module.comment) == ("leaf", 2, "Adds, and counts.")
    assert module.declared == (
        Declared("WIDTH", "parameter", 2), Declared("a", "input", 3, "first"), Declared("b", "input", 4),
        Declared("sum", "output", 5))


def test_an_outline_by_yosys_where_pyverilog_stops(design: Path):
    design.write_text(DESIGN.replace("assign p = a * b", "wire y = 1, z = 0; assign p = a * b"))
    found = outline(design)
    assert found.reader == "yosys"
    assert found.note.startswith("pyverilog does not take it: ")
    assert [(m.name, m.line) for m in found.modules] == [("leaf", 2), ("top", 10)]
    assert {(d.name, d.kind) for d in found.modules[1].declared} >= {
        ("a", "input"), ("q", "output"), ("adder", "module"), ("y", "signal")}
    assert Declared("adder", "module", 12, "both words") in found.modules[1].declared
    design.write_text("module m(")
    with pytest.raises(CircuitError, match="neither pyverilog nor Yosys takes it"):
        outline(design)
