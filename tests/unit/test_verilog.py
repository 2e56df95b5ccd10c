"""The Verilog target: its op table, names, options, printed text and port map."""

from __future__ import annotations

import json
import re
from itertools import product

import numpy as np
import pytest
from pyverilog.ast_code_generator.codegen import ASTCodeGenerator
from pyverilog.vparser.parser import VerilogParser

from circuitc.backends.verilog import VERILOG, hex_words, self_checking_bench
from circuitc.backends.verilog.backend import unit_lines
from circuitc.backends.verilog.cover import lut_template
from circuitc.backends.verilog.names import KEYWORDS, Names, sanitised
from circuitc.backends.verilog.printer import item_lines
from circuitc.backends.verilog.rows import REFUSALS, ROWS, STRUCTURAL
from circuitc.backends.verilog.spelling import Spelling, paste
from circuitc.backends.verilog.sums import compress
from circuitc.backends.verilog.tree import Lines
from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    BIT,
    OPS,
    SPIN,
    Builder,
    Constant,
    Encoding,
    Func,
    Kind,
    NetlistBuilder,
    Port,
    Register,
    Schedule,
    module_of,
    parse_type,
    verify_module,
)
from circuitc.ir.generate import random_netlist
from circuitc.proof import verify_emitted


def func_of(build, inputs, outputs, name="main", **rest):
    """Make a func: `build(builder, *inputs)` answers the body's outputs."""
    b = Builder()
    given = [(n, parse_type(t)) for n, t in inputs]
    values = build(b, *[b.input(n, t) for n, t in given])
    ports = tuple(Port(n, b.type(v)) for n, v in zip(outputs, values, strict=False))
    return Func(name, tuple(Port(n, t) for n, t in given), ports, b.finish(values), **rest)


def text_of(func, **options):
    module = module_of(func)
    verify_module(module)
    emission = VERILOG.emit(VERILOG.build(module, {"vectors": "0", **options}))
    return emission.files[emission.main].decode()


def test_every_op_has_a_row_or_a_refusal():
    known = [*ROWS, *STRUCTURAL, *REFUSALS]
    assert sorted(known) == sorted(set(known)), "an op is in one table"
    assert set(known) == set(OPS)
    assert all(r.reason and r.help for r in REFUSALS.values())


def test_an_adder_reads_like_one():
    func = func_of(lambda b, x, y: [b.apply("add", x, y, name="s", origin="model.json:layers[0]")],
                   [("x", "i8"), ("y", "u5")], ["s"])
    assert text_of(func) == """\
// @main: (x: i8, y: u5) -> (s: i9)
module main (
  input wire signed [7:0] x,  // i8
  input wire [4:0] y,  // u5
  output wire signed [8:0] s  // i9
);
  assign s = {4'd0, y} + {x[7], x};  // i9  from model.json:layers[0]
endmodule
"""


def test_a_netlist_is_one_line_a_gate():
    b = NetlistBuilder(3)
    g = b.and_(b.input(0), b.input(1) ^ 1)
    b.name(g, "layer.0 carry")
    netlist = b.finish([b.xor(g, b.input(2)) ^ 1, b.maj(b.input(0), g, b.input(2))])
    func = Func("net", (Port("a", parse_type("u2")), Port("c", SPIN)), (Port("y", parse_type("u2")),), netlist)
    assert text_of(func) == """\
// @net: (a: u2, c: spin) -> (y: u2)
module net (
  input wire [1:0] a,  // u2
  input wire c,  // spin
  output wire [1:0] y  // u2
);
  wire layer_0_carry = a[0] & ~a[1];  // layer.0 carry
  wire n5 = c ^ layer_0_carry;
  wire n6 = (a[0] & c) | (layer_0_carry & (a[0] | c));
  assign y[0] = ~n5;
  assign y[1] = n6;
endmodule
"""


def test_unread_bits_are_read_in_one_place():
    func = func_of(lambda b, x, y: [b.apply("requantize", x, type=parse_type("u3"), overflow="wrap", name="r")],
                   [("x", "u8"), ("y", "bit[3]")], ["r"])
    assert "wire unused = &{1'd0, x[7:3], y};" in text_of(func)


@pytest.mark.parametrize(("build", "inputs", "message", "cure"), [
    (lambda b, x: [b.apply("tanh", x, type=parse_type("i4"), name="t")], [("x", "i8")],
     "%t: tanh is a function without gates of its own", "run the pass tabulate before"),
    (lambda b, x: [b.apply("argmax", x, name="m")], [("x", "i8[3]")],
     "%m: argmax works on whole tensors, which verilog has not", "run the pass scalarize before"),
    (lambda b, x: [b.apply("not", x, name="m")], [("x", "i8[3]")],
     "%m: not works on tensors (i8[3])", "run the pass scalarize before"),
    (lambda b, x: [b.apply("neg", x, name="m")], [("x", "f32")],
     "@main: x is f32, and verilog has no floats", "run the pass quantize before"),
])
def test_refusals_name_the_op_and_the_cure(build, inputs, message, cure):
    found = VERILOG.check(module_of(func_of(build, inputs, ["y"])), {})
    assert (message, cure) in [(d.message, d.help) for d in found]
    with pytest.raises(CircuitError):
        VERILOG.build(module_of(func_of(build, inputs, ["y"])), {})


def test_check_collects_everything():
    def build(b, x, y):
        return [b.apply("tanh", x, type=parse_type("i4")), b.apply("argmax", y)]
    found = VERILOG.check(module_of(func_of(build, [("x", "i8"), ("y", "i8[3]")], ["a", "b"])), {"colour": "red"})
    assert [d.message.split(" ")[0] for d in found] == ["the", "%tanh:", "%argmax:"]


def test_a_call_of_a_stepping_func_is_refused():
    step = func_of(lambda b, x: [b.apply("not", x)], [("x", "bit")], ["y"], name="slow",
                   schedule=Schedule("iterate", 3))
    b = Builder()
    x = b.input("x", BIT)
    main = Func("main", (Port("x", BIT),), (Port("y", BIT),), b.finish([b.call("slow", "y", BIT, x, name="c")]))
    found = VERILOG.check(module_of(main, step), {})
    assert [d.message for d in found] == ["%c: @slow is called, but its schedule is iterate 3"]


@pytest.mark.parametrize(("options", "message"), [
    ({"colour": "red"}, "the verilog target has no option colour"),
    ({"top": "module"}, "option top=module is not a verilog identifier"),
    ({"clk": "x", "reset": "x"}, "options clk=x and reset=x need names of their own"),
    ({"reset_kind": "slow"}, "option reset_kind=slow is not one of sync, async"),
    ({"axis": "yes"}, "option axis=yes is not one of true, false"),
    ({"multipliers": "lut"}, "option multipliers=lut is not one of auto, shift-add, dsp"),
    ({"vectors": "-1"}, "option vectors=-1 is not a whole number up to 1000000"),
    ({"vectors": "9" * 30}, f"option vectors={'9' * 30} is not a whole number up to 1000000"),
])
def test_wrong_options_are_told(options, message):
    func = func_of(lambda b, x: [b.apply("not", x)], [("x", "bit")], ["y"])
    assert [d.message for d in VERILOG.check(module_of(func), options)] == [message]


def test_options_name_things():
    text = text_of(_accumulator(), top="acc_top", clk="clock", reset="arst", reset_kind="async")
    assert "module acc_top_step (" in text
    assert "module acc_top (" in text
    assert "always @(posedge clock or posedge arst) begin" in text
    assert "module pre_acc (" in text_of(_accumulator(), prefix="pre_")


def _accumulator():
    def build(b, x, acc):
        total = b.apply("requantize", b.apply("add", x, acc), type=parse_type("u8"), overflow="wrap", name="total")
        return [total, total]
    t = parse_type("u8")
    b = Builder()
    values = build(b, b.input("x", t), b.input("clk", t))
    return Func("acc", (Port("x", t, "step", Encoding(scale=0.5)),), (Port("sum", t, "step"),), b.finish(values),
                (Register("clk", t, Constant(t, 7)),), Schedule("stream"))


def test_ports_json_says_what_a_driver_needs():
    emission = VERILOG.emit(VERILOG.build(module_of(_accumulator()), {}))
    ports = json.loads(json.dumps(emission.ports))
    assert ports["schema"] == "circuitc.ports/1"
    assert ports["latency"] == 1
    assert ports["schedule"] == {"kind": "stream", "steps": None}
    assert ports["reset"] == {"name": "rst", "kind": "sync", "active": "high"}
    assert ports["handshake"]["input"] == {"valid": "in_valid", "ready": "in_ready", "words_per_call": "any",
                                           "last": "in_last", "call_rate": "the same on every word of a call"}
    assert ports["registers"] == [{"name": "clk", "verilog": "clk_1", "type": "u8", "free": False}]
    x = ports["ports"][0]
    assert (x["name"], x["direction"], x["rate"], x["bits"]) == ("x", "input", "step", 8)
    assert x["encoding"] == {"scale": 0.5, "zero_point": 0, "bit_order": "lsb"}


def test_output_is_the_same_each_time():
    func = _accumulator()
    first, second = (VERILOG.emit(VERILOG.build(module_of(func), {})) for _ in range(2))
    assert first == second
    assert set(first.files) == {"acc.v", "acc_tb.v", "acc_tb_stimulus.hex", "acc_tb_expected.hex"}


def test_a_model_that_breaks_its_promise_on_random_numbers_has_no_bench():
    func = func_of(lambda b, x: [b.apply("requantize", x, type=parse_type("u2"), overflow="never", name="r")],
                   [("x", "u8")], ["r"])
    design = VERILOG.build(module_of(func), {})
    emission = VERILOG.emit(design)
    assert list(emission.files) == ["main.v"]
    assert emission.figures["test_bench"].startswith("none: ")
    assert emission.figures["trusted_to_fit"] == 1
    assert b"trusted to fit" in emission.files["main.v"]
    files = self_checking_bench(module_of(func), design, {"x": np.array([0, 1, 2, 3])})
    assert files["main_tb_expected.hex"] == b"0\n1\n2\n3\n"


def test_a_constant_table_with_one_entry_or_many():
    def build(b, x):
        same = b.constant(Constant(parse_type("i4[4]"), [-2] * 4), "same")
        steps = b.constant(Constant(parse_type("i4[4]"), [-8, 0, 0, 7]), "steps")
        return [b.apply("table", x, same), b.apply("table", x, steps)]
    text = text_of(func_of(build, [("x", "u2")], ["a", "b"]))
    assert "function [3:0] steps;" in text
    assert "2'd0: steps = 4'sh8;" in text
    assert "default: steps = 4'sd0;" in text
    assert "assign a = -4'sd2;" in text
    assert "same" not in text


# Names

@pytest.mark.parametrize(("wish", "name"), [
    ("x", "x"), ("x.w[3]", "x_w_3"), ("3x", "n3x"), ("wire", "wire_"), ("", "v"), ("é", "v"), ("a b", "a_b"),
    ("bit", "bit_"), ("_x", "_x"), ("__", "__"), ("$a", "a"),
])
def test_names_are_legal_and_readable(wish, name):
    assert sanitised(wish) == name


def test_names_are_unique_and_short():
    names = Names("x", "x_1")
    assert [names.take(w) for w in ("x", "x", "x_2", "y" * 300, "y" * 300)] == [
        "x_2", "x_3", "x_2_1", "y" * 200, "y" * 200 + "_1"]
    assert {"wire", "reg", "logic", "function"} <= KEYWORDS


# Parts

def test_lut_covers_are_the_truth_table():
    rng = np.random.default_rng(0)
    for inputs in range(1, 7):
        rows = 1 << inputs
        some = [int.from_bytes(rng.bytes(max(1, rows // 8)), "little") for _ in range(40)]
        tables = range(1 << rows) if inputs <= 3 else some
        for table in tables:
            template, absent = lut_template(table, inputs)
            for row in range(rows):
                bits = [row >> j & 1 for j in range(inputs)]
                text = template.format(*bits, *[1 - x for x in bits]).replace("1'b", "")
                assert eval(text) & 1 == table >> row & 1
            for j in absent:
                assert all((table >> r & 1) == (table >> (r ^ (1 << j)) & 1) for r in range(rows))


@pytest.mark.parametrize("sizes", [[3], [9], [1, 0, 4], [0, 2, 5, 3], [64]])
def test_compressors_count(sizes):
    rng = np.random.default_rng(1)
    columns = [[(0, rng.integers(0, 2, 50)) for _ in range(n)] for n in sizes]
    depth = []

    def add(*bits):
        level = 1 + max(d for d, _ in bits)
        depth.append(level)
        total = sum(v for _, v in bits)
        return (level, total & 1), (level, total >> 1)

    found = compress(columns, add, add)
    wanted = sum(v << k for k, column in enumerate(columns) for _, v in column)
    assert np.array_equal(sum((b[1] << k) for k, b in enumerate(found) if b is not None), wanted)
    assert len(found) == sum(n << k for k, n in enumerate(sizes)).bit_length()
    assert max(depth, default=0) <= 3 * sum(sizes).bit_length()


def test_hex_words_are_padded_and_highest_first():
    assert hex_words(np.array([[1, 0, 0, 0, 1], [0, 1, 1, 1, 1]], np.uint8)) == "11\n1e\n"


# pyverilog

@pytest.fixture(scope="module")
def parser(tmp_path_factory):
    return VerilogParser(outputdir=str(tmp_path_factory.mktemp("tables")), debug=False)


def test_what_we_print_parses_back_to_our_trees(parser):
    def build(b, x, y, v, c):
        bits = [b.apply("element", v, index=k) for k in range(5)]
        r = b.apply("requantize", b.apply("mul", x, y), type=parse_type("fx<6,-2>"))
        table = b.constant(Constant(parse_type("i3[32]"), np.arange(32) % 8 - 4), "t")
        return [b.apply("add", *bits), r, b.apply("select", c, x, b.apply("not", x)), b.apply("table", y, table),
                b.apply("lt", x, y), b.apply("stack", *bits, shape=(5,))]
    func = func_of(build, [("x", "i8"), ("y", "u5"), ("v", "spin[5]"), ("c", "bit")], list("abcdef"))
    design = VERILOG.build(module_of(func), {"vectors": "0"})
    (unit,) = design.units
    module = parser.parse("\n".join(unit_lines(unit))).description.definitions[0]
    printed = [line for item in unit.body if item.tree is not None for line in item_lines(item.tree)]
    again = [line for item in module.items for line in item_lines(item)]
    assert again == printed
    assert [p.first.name for p in module.portlist.ports] == [p.id for p in unit.pins]
    for item in unit.body:
        if item.tree is not None and not isinstance(item.tree, Lines):
            ASTCodeGenerator().visit(item.tree)  # pyverilog's own tools take the trees too


@pytest.mark.parametrize("kind", list(product(("stream", "iterate", "until"), ("sync", "async"))))
def test_clocked_modules_parse(parser, kind):
    schedule, reset = kind
    t = parse_type("u8")
    b = Builder()
    x, acc = b.input("x", t), b.input("acc", t)
    total = b.apply("requantize", b.apply("add", x, acc), type=t, overflow="wrap")
    done = [b.apply("lt", b.number(t, 99), total)] if schedule == "until" else []
    func = Func("f", (Port("x", t, "step"),), (Port("y", t, "call"),), b.finish([total, total, *done]),
                (Register("acc", t, None),), Schedule(schedule, 1 if schedule == "stream" else 6))
    text = text_of(func, reset_kind=reset)
    names = [d.name for d in parser.parse(text).description.definitions]
    assert names == ["f_step", "f"]


def test_netlists_parse(parser):
    netlist = random_netlist(np.random.default_rng(5), 6, 80, 5)
    func = Func("n", (Port("x", parse_type("bit[6]")),), (Port("y", parse_type("bit[5]")),), netlist)
    definition = parser.parse(text_of(func)).description.definitions[0]
    assert definition.name == "n"
    assert {Kind(k).name for k in netlist.kind} >= {"AND", "LUT", "THRESHOLD"}


def test_a_name_cannot_leave_its_comment() -> None:
    from circuitc.ir import parse_module

    text = 'func @m(%a: bit, %b: bit) -> (%y: bit) once {\n  netlist {\n    and 2 4\n    outputs 6\n' \
           '    name 3 "q\\n  assign y = 1; // \\u2028 (or\\rigin)"\n  }\n}\n'
    emission = VERILOG.emit(VERILOG.build(parse_module(text), {}))
    lines = emission.files["m.v"].decode().splitlines()
    code = [line.split("//")[0].rstrip() for line in lines]
    assert [line for line in code if line.lstrip().startswith(("assign", "wire"))] == [
        "  wire q_assign_y_1 = a & b;", "  assign y = q_assign_y_1;"]


def test_bits_of_wide_inputs_that_are_read_often_have_wires_of_their_own() -> None:
    # Icarus makes a net of each selection: without the wires it takes minutes over a network of some 10,000.
    b = NetlistBuilder(8)
    rng = np.random.default_rng(0)
    bits = [b.and_(2 * int(i), 2 * int(j) ^ 1) for i, j in rng.integers(1, 9, (40, 2))]
    for i, j, table in zip(*rng.integers(1, 9, (2, 600)), rng.integers(1, 255, 600), strict=True):
        bits.append(b.lut((2 * int(i), 2 * int(j), bits[-1]), int(table)))
    func = Func("f", (Port("x", parse_type("u8")),), (Port("y", parse_type("bit")),), b.finish([bits[-1]]))
    emission = VERILOG.emit(VERILOG.build(module_of(func), {}))
    text = emission.files[emission.main].decode()
    assert text.count("[") < 20
    assert "wire x_3 = x[3];" in text
    assert verify_emitted(module_of(func), text, emission.ports).status == "equal"


def test_wires_of_wide_inputs_do_not_take_the_names_of_gates() -> None:
    # An input `n` of 8 bits would have wires n_1..n_7, and the port `n3` makes the gates' prefix `n_`.
    b = NetlistBuilder(9)
    bits = [2 * k for k in range(1, 10)]
    for k in range(1200):
        bits.append(b.and_(2 + 2 * (k % 8), bits[-1] ^ (k & 1)))
    inputs = (Port("n", parse_type("u8")), Port("n3", parse_type("bit")))
    func = Func("f", inputs, (Port("y", parse_type("bit")),), b.finish([bits[-1]]))
    emission = VERILOG.emit(VERILOG.build(module_of(func), {}))
    text = emission.files[emission.main].decode()
    wires = re.findall(r"wire (\S+) =", text)
    assert {"n_1", "n_7"} < set(wires)
    assert len(wires) == len(set(wires))
    assert verify_emitted(module_of(func), text, emission.ports).status == "equal"


def test_columns_of_names_are_the_names() -> None:
    spelling = Spelling(("1'b0", "a", "long_name[10]"), "n", {4: "given", 1005: "x"}, shift=2)
    literals = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2010, 2011, 2012, 20_000, 199_999, 1_999_999])
    lines = paste(len(literals), ("[", spelling.rows(literals), "]"))
    assert lines == [f"[{spelling.text(x)}]" for x in literals.tolist()]
    assert lines[:2] == ["[1'b0]", "[1'b1]"]
    assert lines[5:9] == ["[~long_name[10]]", "[n1]", "[~n1]", "[given]"]
    assert lines[-1] == "[~n999997]"
    moved = spelling.with_leading(("q",))
    assert [moved.name(k) for k in (3, 4, 5, 1006)] == ["q", "n1", "given", "x"]
