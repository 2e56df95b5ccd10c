"""`.bench` files: every operation and dialect, names, and what is refused in which words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats.bench import BENCH, parse_bench
from circuitc.ir import (
    BIT,
    ONCE,
    STREAM,
    Constant,
    Func,
    Module,
    NetlistBuilder,
    Port,
    aig,
    module_of,
    run,
    verify_module,
)

C17 = b"""# c17
INPUT(1)
INPUT(2)
INPUT(3)
INPUT(6)
INPUT(7)

OUTPUT(22)
OUTPUT(23)

10 = NAND(1, 3)
11 = NAND(3, 6)
16 = NAND(2, 11)
19 = NAND(11, 7)
22 = NAND(10, 16)
23 = NAND(16, 19)
"""


def written(module: Module) -> bytes:
    assert BENCH.write is not None
    return BENCH.write(module)[""]


def fault(text: str) -> str:
    with pytest.raises(CircuitError) as caught:
        parse_bench(text.encode(), "f.bench")
    return str(caught.value)


def table(line: str, inputs: int) -> list[int]:
    """Give the output of one gate `z = ...` of inputs a, b, c, ... for all patterns, a changing fastest."""
    names = "abcdefgh"[:inputs]
    text = "\n".join([*(f"INPUT({n})" for n in names), "OUTPUT(z)", line])
    module = parse_bench(text.encode(), "f.bench")
    verify_module(module)
    rows = np.array([p[::-1] for p in itertools.product([0, 1], repeat=inputs)])
    return run(module, {n: rows[:, k] for k, n in enumerate(names)})["z"].tolist()


def test_c17():
    module = parse_bench(C17, "c17.bench", "c17")
    verify_module(module)
    assert module.entry.schedule == ONCE
    assert module.entry.body.count() == {"and": 6}
    rng = np.random.default_rng(1)
    x = {name: rng.integers(0, 2, 64) for name in "12367"}
    n11 = 1 - (x["3"] & x["6"])
    n16 = 1 - (x["2"] & n11)
    answer = run(module, x)
    np.testing.assert_array_equal(answer["22"], 1 - ((1 - (x["1"] & x["3"])) & n16))
    np.testing.assert_array_equal(answer["23"], 1 - (n16 & (1 - (n11 & x["7"]))))


@pytest.mark.parametrize(("operation", "function"), [
    ("AND", all), ("NAND", lambda x: not all(x)), ("OR", any), ("NOR", lambda x: not any(x)),
    ("XOR", lambda x: sum(x) % 2), ("XNOR", lambda x: 1 - sum(x) % 2), ("and", all)])
@pytest.mark.parametrize("inputs", [1, 2, 3, 5])
def test_gates_of_any_number_of_operands(operation: str, function, inputs: int):
    wanted = [int(function(p)) for p in itertools.product([0, 1], repeat=inputs)]
    symmetric = table(f"z = {operation}({', '.join('abcde'[:inputs])})", inputs)
    assert symmetric == wanted


@pytest.mark.parametrize(("line", "wanted"), [
    ("z = NOT(a)", [1, 0]), ("z = INV(a)", [1, 0]), ("z = BUF(a)", [0, 1]), ("z = BUFF( a )", [0, 1]),
    ("z = buff(a)", [0, 1]), ("z = vdd", [1, 1]), ("z = gnd", [0, 0]), ("z = AND(a, vdd)", [0, 1]),
    ("z=OR(a,gnd)#x", [0, 1]),
    ("z = LUT 0x2 (a)", [0, 1]), ("z = LUT 0x1(a)", [1, 0]), ("z = LUT 0x1 ()", [1, 1]), ("z = lut 0X0 (a)", [0, 0])])
def test_small_lines(line: str, wanted: list[int]):
    assert table(line, 1) == wanted


def test_the_first_operand_of_a_table_is_its_lowest_index_bit():
    assert table("z = LUT 0x4 (a, b)", 2) == [0, 0, 1, 0]
    assert table("z = LUT 0xd8 (a, b, c)", 3) == [0, 0, 0, 1, 1, 0, 1, 1]


def test_tables_wider_than_a_gate_are_split():
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, 256)
    digits = f"{int(''.join(map(str, bits[::-1])), 2):064x}"
    assert table(f"z = LUT 0x{digits} (a, b, c, d, e, f, g, h)", 8) == bits.tolist()


def test_definitions_in_any_order():
    module = parse_bench(b"z = AND(y, a)\ny = NOT(x)\nOUTPUT(z)\nx = AND(a, b)\nINPUT(a)\nINPUT(b)\n", "f")
    assert module.entry.body.fanin.tolist() == [2, 4, 7, 2]
    assert run(module, {"a": np.array([1, 1]), "b": np.array([0, 1])})["z"].tolist() == [1, 0]


def test_gates_keep_their_order_and_number_where_they_can():
    module = parse_bench(b"INPUT(a)\nOUTPUT(z)\nx = AND(a, a)\ny = AND(a, a)\nz = AND(y, x)\n", "f")
    assert module.entry.body == aig(1, np.array([[2, 2], [2, 2], [6, 4]]), [8], {2: "x", 3: "y", 4: "z"})


def test_names_of_gates_and_of_inverted_gates():
    names = parse_bench(b"INPUT(a)\nINPUT(b)\nOUTPUT(z)\np = AND(a, b)\nq = BUFF(p)\nr = NOT(p)\nz = NOR(a, b)\n"
                        b"t = NAND(a, b)\nu = NOT(t)\nv = OR(a, b)\n", "f").entry.body.names
    assert names == {3: "p", 4: "z", 5: "u", 6: "~v"}


def test_latches_of_all_dialects():
    text = (b"INPUT(d)\nOUTPUT(q)\nOUTPUT(a[0])\nOUTPUT(a[1])\nq = DFF(d)\nr = DFF0(q)\ns = DFF1(r)\n"
            b"t = DFFRSE( s, gnd, gnd, gnd, gnd )\na[0] = NOT(s)\na[1] = AND(s, t)\n")
    module = parse_bench(text, "f")
    verify_module(module)
    func = module.entry
    assert func.schedule == STREAM
    assert [(r.name, r.initial) for r in func.registers] == [
        ("q", None), ("r", Constant(BIT, 0)), ("s", Constant(BIT, 1)), ("t", None)]
    assert [(p.name, str(p.type), p.rate) for p in func.outputs] == [("q", "bit", "step"), ("a", "bit[2]", "step")]
    answer = run(module, {"d": np.array([[1, 0, 1, 1]])}, state={"q": np.array(1), "t": np.array(0)})
    assert answer["q"].tolist() == [[1, 1, 0, 1]]
    assert answer["a"].tolist() == [[[0, 0], [1, 0], [0, 0], [0, 1]]]


def test_a_loop_through_a_latch_is_no_cycle():
    module = parse_bench(b"OUTPUT(q)\nINPUT(e)\nq = DFF0(n)\nn = XOR(q, e)\n", "f")
    assert run(module, {"e": np.array([[1, 1, 0, 1]])})["q"].tolist() == [[0, 1, 0, 0]]


# Writing


def test_what_is_written():
    builder = NetlistBuilder(2)
    both = builder.and_(2, 5)
    builder.name(both, "both")
    module = module_of(Func("f", (Port("a", BIT), Port("b", BIT)), (Port("y", BIT), Port("both", BIT), Port("k", BIT)),
                            builder.finish([both ^ 1, both, 1])))
    assert written(module).decode().splitlines() == [
        "INPUT(a)", "INPUT(b)", "OUTPUT(y)", "OUTPUT(both)", "OUTPUT(k)", "one = vdd", "b_inv = NOT(b)",
        "both = AND(a, b_inv)", "both_inv = NOT(both)", "y = BUFF(both_inv)", "k = BUFF(one)"]


def test_what_is_written_reads_back():
    for text in (C17, b"OUTPUT(q)\nINPUT(e)\nq = DFF1(n)\nn = XOR(q, e)\nOUTPUT(n)\n"):
        first = parse_bench(text, "f")
        again = parse_bench(written(first), "f")
        assert (again.entry.inputs, again.entry.outputs, again.entry.registers) == (
            first.entry.inputs, first.entry.outputs, first.entry.registers)
        assert written(again) == written(parse_bench(written(again), "f"))


def test_names_of_gates_give_way_to_ports():
    body = aig(2, np.array([[2, 4], [2, 5]]), [8], {3: "z", 4: "odd name"})
    module = module_of(Func("f", (Port("n3", BIT), Port("b", BIT)), (Port("z", BIT),), body))
    text = written(module).decode()
    assert "n3_ = AND(n3, b)" in text
    assert "n4 = AND(n3, b_inv)" in text
    assert "z = BUFF(n4)" in text


@pytest.mark.parametrize(("inputs", "outputs", "message"), [
    (("a b",), ("z",),
     "'a b' is not a name that bench can spell (help: names have no space, comma, parenthesis, = or #)"),
    (("a", "b"), ("a", "b"), "'a' is an input or a register and also another output, bench has one signal of a name "
     "(help: rename one of them)"),
])
def test_names_that_do_not_fit_are_refused(inputs: tuple[str, ...], outputs: tuple[str, ...], message: str):
    body = aig(len(inputs), np.zeros((0, 2), int), [4, 4][-len(outputs):] if len(inputs) > 1 else [2])
    with pytest.raises(CircuitError) as caught:
        written(module_of(Func("f", tuple(Port(n, BIT) for n in inputs), tuple(Port(n, BIT) for n in outputs), body)))
    assert str(caught.value) == message


def test_an_output_may_be_an_input_of_the_same_name():
    body = aig(1, np.zeros((0, 2), int), [2])
    module = module_of(Func("f", (Port("a", BIT),), (Port("a", BIT),), body))
    assert written(module) == b"INPUT(a)\nOUTPUT(a)\n"
    assert parse_bench(written(module), "f", "f").entry == module.entry


# The words of refusals


@pytest.mark.parametrize(("text", "message"), [
    ("INPUT(a)\nOUTPUT(z)\nz = AND(a, y)\ny = NOT(x)\nx = OR(z, a)\n",
     "f.bench:3:1: signal 'z' depends on itself: z <- y <- x <- z (help: a loop needs a DFF in it)"),
    ("z = NOT(z)\n", "f.bench:1:1: signal 'z' depends on itself: z <- z (help: a loop needs a DFF in it)"),
    ("INPUT(a)\nz = NOT(a)\nz = BUFF(a)\n", "f.bench:3:1: signal 'z' is driven twice, first in line 2"),
    ("INPUT(a)\na = gnd\n", "f.bench:2:1: signal 'a' is driven twice, first in line 1"),
    ("a = gnd\nINPUT(a)\n", "f.bench:2:7: signal 'a' is driven twice, first in line 1"),
    ("INPUT(a)\nINPUT(a)\n", "f.bench:2:7: input 'a' is declared twice, first in line 1"),
    ("OUTPUT(z)\nOUTPUT(z)\nz = gnd\n", "f.bench:2:8: output 'z' is declared twice, first in line 1"),
    ("INPUT(adder)\nOUTPUT(z)\nz = NOT(ader)\n",
     "f.bench:3:9: signal 'ader' is used by 'z' and nothing drives it (help: did you mean adder?)"),
    ("INPUT(z1)\nOUTPUT(z)\n", "f.bench:2:8: signal 'z' is an output and nothing drives it (help: did you mean z1?)"),
    ("z = NOT(a, b)\n", "f.bench:1:1: NOT takes 1 operands, got 2"),
    ("z = AND()\n", "f.bench:1:1: AND takes 1 or more operands, got 0"),
    ("z = NADN(a)\n", "f.bench:1: 'NADN' is not an operation (help: did you mean NAND?)"),
    ("z = LUT (a)\n", "f.bench:1: a LUT needs its truth table, such as 0x8"),
    ("z = AND 0x8 (a)\n", "f.bench:1: 'AND' has a truth table, only a LUT has one"),
    ("z = LUT 0x10 (a)\n", "f.bench:1: a LUT of 1 operands has a table of at most 2 bits"),
    ("z = LUT 0x4 (a)\n", "f.bench:1: a LUT of 1 operands has a table of at most 2 bits"),
    ("INPUT(d)\nq = DFFRSE(d, r, gnd, gnd, gnd)\nr = gnd\n",
     "f.bench:2:15: DFFRSE 'q' has the control 'r', only gnd is taken "
     "(help: write set and reset as gates before a DFF)"),
    ("INPUT(A)\nz = AND(A, ND)\n",
     "f.bench:2:12: signal 'ND' is used by 'z' and nothing drives it (help: known are A, z)"),
    ("# nothing\n", "f.bench: the file has no line such as INPUT(a), OUTPUT(z) or z = AND(a, b)"),
    ("INPUT a\n", "f.bench:1: 'INPUT a' is not a line of a bench file (help: lines are INPUT(a), OUTPUT(z), "
     "z = AND(a, b), z = LUT 0x8 (a, b), z = vdd or # comment)"),
    ("INPUT(a)\n\0\n", "f.bench:2: a NUL byte is not text"),
])
def test_refusals_say_what_where_and_why(text: str, message: str):
    assert fault(text) == message
