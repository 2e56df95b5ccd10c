"""The text form: what is written how, the file beside the text, sizes and bombs."""

from __future__ import annotations

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    BIT,
    F32,
    Builder,
    Constant,
    Encoding,
    Func,
    Kind,
    Module,
    Port,
    Register,
    Schedule,
    fixed,
    module_of,
    parse_module,
    parse_type,
    print_module,
    run,
    verify_module,
)
from circuitc.ir.generate import random_netlist

HEAD = "func @f(%x: u8) -> (%y: u8) once {\n"


def constant_module(constant: Constant) -> Module:
    b = Builder()
    return module_of(Func("f", (), (Port("y", constant.type),), b.finish([b.constant(constant, "k")])))


def complaint(text: str) -> str:
    with pytest.raises(CircuitError) as caught:
        verify_module(parse_module(text))
    return str(caught.value)


def test_everything_a_func_can_carry_prints_and_reads_back() -> None:
    encoding = Encoding(0.5, -3, "msb", (0.25, 1.0))
    ports = (Port("x", BIT.with_shape((2,)), "step", encoding),)
    func = Func("f", ports, (Port("y", BIT.with_shape((2,)), "call"),), Builder().finish([]),
                (Register("r", F32, Constant(F32, -0.0)), Register("q", fixed(8, 4), None)),
                Schedule("until", 7), "cross bar")
    b = Builder()
    values = [b.input(name, t) for name, t in zip(("x", "r", "q"), func.body_inputs, strict=True)]
    bit = b.apply("element", values[0], index=0, name="d")
    module = module_of(func.with_body(b.finish([*values, bit])), name='a "title"')
    text = print_module(module)
    assert text == """ccir 1 "a \\"title\\""

func @f(%x: bit[2] {rate=step, scale=0.5, zero_point=-3, bit_order=msb, levels=[0.25, 1.0]}) -> (%y: bit[2]) \
until limit 7 target="cross bar" {
  reg %r : f32 = #r_init
  reg %q : fx<8,4> = free
  %d = element %x {index=0} : bit
  next %r = %r
  next %q = %q
  done %d
  return %x
}
""".replace('"a \\"title\\""\n', '"a \\"title\\""\nconst #r_init : f32 = -0.0\n')
    assert parse_module(text) == module


@pytest.mark.parametrize(("type_text", "raw", "printed"), [
    ("u64", 2**64 - 1, "18446744073709551615"), ("i64", -2**63, "-9223372036854775808"),
    ("fx<8,4>", -128, "-128"), ("ufx<4,-3>", 15, "15"), ("spin[2]", [1, -1], "[1, -1]"), ("bit[3]", [1, 1, 1], "1"),
    ("f32", float("inf"), "inf"), ("f32", -0.0, "-0.0"), ("f64", float("nan"), "nan"), ("f64", 5e-324, "5e-324"),
    ("f32[2]", [0.1, 1e38], "[0.10000000149011612, 9.999999680285692e+37]"), ("u64[2]", [0, 2**63], f"[0, {2**63}]"),
    ("u8[1,2,1]", [[[1], [2]]], "[[[1], [2]]]"),
])
def test_constants_of_every_type(type_text: str, raw: object, printed: str) -> None:
    t = parse_type(type_text)
    module = constant_module(Constant(t, np.array(raw, dtype=t.dtype)))
    text = print_module(module)
    assert f"const #k : {type_text} = {printed}\n" in text
    assert parse_module(text) == module


def test_storage_is_kept_and_counts() -> None:
    t = parse_type("u8[2,2]")
    dense, sparse = Constant(t, [[0, 0], [0, 0]]), Constant(t, [[0, 0], [0, 0]], "csr")
    assert dense != sparse
    module = constant_module(sparse)
    assert "const #k : u8[2,2] csr = 0\n" in print_module(module)
    assert parse_module(print_module(module)) == module


def test_a_register_keeps_the_storage_of_its_initial_value() -> None:
    t = parse_type("bit[2,2]")
    b = Builder()
    x, r = b.input("x", BIT), b.input("r", t)
    func = Func("f", (Port("x", BIT, "step"),), (Port("y", BIT, "step"),), b.finish([x, r]),
                (Register("r", t, Constant(t, np.zeros((2, 2), np.int64), "csr")),), Schedule("stream"))
    assert parse_module(print_module(module_of(func))).entry == func


def test_large_constants_go_beside_the_text() -> None:
    t = parse_type("u64[2,400]")
    numbers = np.arange(800, dtype=object).reshape(2, 400) + 2**63
    module = constant_module(Constant(t, numbers))
    large: dict[str, Constant] = {}
    text = print_module(module, large)
    assert len(text) < 300
    (digest, constant), = large.items()
    assert f'= npz "{digest}"' in text
    assert parse_module(text, large={digest: constant.array}) == module
    assert parse_module(print_module(module)) == module, "without a companion the numbers stand in the text"
    assert complaint(text) == (
        f"text:2:29: the numbers of constant {digest[:12]}... are not in the file beside the text")


def test_words_that_mean_something_else_are_quoted() -> None:
    text = ('func @f(%a: u4[2,2,2], %w: bit[2,2,2]) -> (%y: u8) once {\n'
            '  %y = contract %a, %a, %w {spec="inf,inf->", where="inf"} : u8\n  return %y\n}\n')
    module = parse_module(text)
    assert 'where="inf"' in print_module(module)
    assert parse_module(print_module(module)).entry == module.entry


def test_a_byte_order_mark_and_windows_line_ends_are_taken() -> None:
    text = "\ufeff" + (HEAD + "  %y = not %x : u8 // why\n  return %y\n}\n").replace("\n", "\r\n")
    assert run(parse_module(text), {"x": np.array([1])})["y"].tolist() == [254]


def test_comments_in_netlists_end_with_their_line_and_not_in_names() -> None:
    module = parse_module('func @f(%x: bit[2]) -> (%y: bit) once {\n  netlist { // outputs 2 }\n    and 2 4 // }\n'
                          '    outputs 6 // all\n    name 3 "// not } a comment"\n  }\n}\n')
    body = module.entry.body
    assert body.names == {3: "// not } a comment"}  # pyright: ignore[reportAttributeAccessIssue]
    assert parse_module(print_module(module)) .entry == module.entry


@pytest.mark.parametrize("table", [0x8000_0000_0000_0000, 2**64 - 1, 2**63 - 1, 999_999_999_999_999_999, 2**62 + 1])
def test_truth_tables_of_64_bits(table: int) -> None:
    text = (f"func @f(%x: bit[6]) -> (%y: bit) once {{\n  netlist {{\n    lut {table} 2 4 6 8 10 12\n    outputs 14\n"
            "  }\n}\n")
    module = parse_module(text)
    verify_module(module)
    assert f"lut {table} 2" in print_module(module)
    rows = np.array([[r >> k & 1 for k in range(6)] for r in range(64)])
    bits = run(module, {"x": rows})["y"].tolist()
    assert sum(b << k for k, b in enumerate(bits)) == table


@pytest.mark.parametrize("gate", [
    "2 2 4", "and", "and 2 4 and 2 4", "and 2and 4", "and 2 -", "and 2 4x", "and 2 4.0", "and +2 4", "and 2 0x4",
    "and 2\xa04", "and 2 \u0664", "lut -1 2 4", "lut 18446744073709551616 2 4 6 8 10 12", "and 2 --4", "and 2 4-6",
    "threshold 9223372036854775808 1 2", "threshold 0 2", "lut 3", "maj 2 4", "\x822 4", "xor 2 99", "and 2 -4",
    "lut 1 2 4 6 2 4 6 2", "and 2\f4", "\x1c",
])
def test_what_is_not_a_gate(gate: str) -> None:
    text = f"func @f(%x: bit[6]) -> (%y: bit) once {{\n  netlist {{\n  and 2 4\n  {gate}\n  outputs 14\n  }}\n}}\n"
    assert complaint(text).startswith("text:4:"), complaint(text)


BOMBS = {
    "nested lists": "const #a : u8[1] = " + "[" * 10_000 + "1" + "]" * 10_000 + "\n" + HEAD + "return %x }",
    "open lists": "const #a : u8[1] = " + "[" * 50_000,
    "a constant of all of memory": "const #a : u64[2147483648] = 1\n" + HEAD + "return %x }",
    "a huge shape": "func @f(%x: u8[999999999,999999999]) -> (%y: u8) once { return %x }",
    "a huge fraction": "func @f(%x: fx<8,9999>) -> (%y: u8) once { return %x }",
    "a huge shift": HEAD + "%a = shift %x {by=99999999999999}\nreturn %x }",
    "a shift just as bad": HEAD + "%a = shift %x {by=-4000}\n%b = add %a, %x\nreturn %x }",
    "a huge number": HEAD + "%a = shift %x {by=" + "9" * 5000 + "}\nreturn %x }",
    "a huge constant": "const #a : u8 = " + "9" * 5000 + "\n" + HEAD + "return %x }",
    "a huge schedule": "func @f(%x: u8) -> (%y: u8) iterate 99999999999999999999 { return %x }",
    "a schedule of 5000 digits": "func @f(%x: u8) -> (%y: u8) iterate " + "9" * 5000 + " { return %x }",
    "a huge one-hot": HEAD + "%a = one_hot %x {size=99999999999999}\nreturn %x }",
    "a huge broadcast": HEAD + "%a = broadcast %x {shape=[99999,99999], axes=[]}\nreturn %x }",
    "a huge stride": "func @f(%x: u8[3]) -> (%y: u8[1,3]) once { %y = window %x {size=3, stride="
                     + "9" * 30 + "}\n return %y }",
    "a netlist of many inputs": "func @f(%x: u64[2147483648]) -> (%y: bit) once { netlist {\n outputs 0\n } }",
    "a text without end": 'ccir 1 "' + "\\" * 50_001,
    "slashes in an open netlist": "func @f() -> () once { netlist { " + "/" * 50_000,
    "quotes in an open netlist": "func @f() -> () once { netlist { " + '"a' * 50_000,
    "comments in an open netlist": "func @f() -> () once { netlist { " + "// a\n" * 50_000,
    "many lines": "\n" * 100_000 + "x",
    "a lone escape": 'ccir 1 "\\ud8"', "a nul": "\x00",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_one_line(name: str) -> None:
    said = complaint(BOMBS[name])
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize("kinds", [(Kind.AND,), (Kind.AND, Kind.XOR, Kind.MAJ, Kind.LUT, Kind.THRESHOLD)])
def test_a_netlist_of_many_gates(kinds: tuple[Kind, ...]) -> None:
    body = random_netlist(np.random.default_rng(1), 64, 200_000, 64, kinds)
    word = BIT.with_shape((64,))
    module = module_of(Func("f", (Port("x", word),), (Port("y", word),), body))
    assert parse_module(print_module(module)).entry.body == body


@pytest.mark.parametrize("name", ["op", "type", "name", "origin", "span", "axs"])
def test_attributes_that_an_op_has_not_are_refused_by_name(name: str) -> None:
    text = f'ccir 1 "m"\nfunc @f(%x: u4[8]) -> (%y: u7) once {{\n  %y = reduce %x {{{name}=1}} : u7\n  return %y\n}}\n'
    with pytest.raises(CircuitError, match=rf"3:8: reduce has no attribute {name}"):
        parse_module(text)
