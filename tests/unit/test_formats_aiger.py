"""AIGER files: what they mean, what is written, and what is refused in which words."""

from __future__ import annotations

import numpy as np
import pytest

from circuitc.backends.aiger import AIGER as TARGET
from circuitc.backends.gate_level import port_map
from circuitc.diagnostics import CircuitError
from circuitc.formats.aiger import AIGER, AIGER_ASCII
from circuitc.formats.aiger_read import parse_aiger
from circuitc.ir import (
    BIT,
    ONCE,
    SPIN,
    STREAM,
    Builder,
    Constant,
    Encoding,
    Func,
    Module,
    NetlistBuilder,
    Port,
    Register,
    aig,
    fixed,
    module_of,
    parse_type,
    run,
    ufixed,
    verify_module,
)

# From the AIGER report: a toggle flip-flop with enable and reset, and a half adder.
TOGGLE = (b"aag 7 2 1 2 4\n2\n4\n6 8\n6\n7\n8 4 10\n10 13 15\n12 2 6\n14 3 7\n"
          b"i0 enable\ni1 reset\nl0 state\no0 Q\no1 !Q\n")
HALF_ADDER = (b"aag 7 2 0 2 3\n2\n4\n6\n12\n6 13 15\n12 2 4\n14 3 5\ni0 x\ni1 y\no0 s\no1 c\nc\nhalf adder\n")
BINARY_HALF_ADDER = b"aig 5 2 0 2 3\n10\n6\n\x02\x02\x03\x02\x01\x02i0 x\ni1 y\no0 s\no1 c\nc\nhalf adder\n"


def written(module: Module, ascii: bool = False) -> bytes:
    format = AIGER_ASCII if ascii else AIGER
    assert format.write is not None
    return format.write(module)[""]


def fault(data: bytes) -> str:
    with pytest.raises(CircuitError) as caught:
        parse_aiger(data, "f.aig")
    return str(caught.value)


@pytest.mark.parametrize("data", [HALF_ADDER, BINARY_HALF_ADDER])
def test_half_adder(data: bytes):
    module = parse_aiger(data, "half.aig", "half")
    verify_module(module)
    func = module.entry
    assert (func.name, func.schedule, [p.name for p in func.inputs], [p.name for p in func.outputs]) == (
        "half", ONCE, ["x", "y"], ["s", "c"])
    answer = run(module, {"x": np.array([0, 1, 0, 1]), "y": np.array([0, 0, 1, 1])})
    assert answer["s"].tolist() == [0, 1, 1, 0]
    assert answer["c"].tolist() == [0, 0, 0, 1]


def test_toggle_flip_flop_with_gates_out_of_order():
    module = parse_aiger(TOGGLE, "toggle.aag")
    verify_module(module)
    func = module.entry
    assert func.schedule == STREAM
    assert [p.rate for p in (*func.inputs, *func.outputs)] == ["step"] * 4
    assert func.registers == (Register("state", BIT, Constant(BIT, 0)),)
    enable, reset = [1, 1, 0, 1, 1], [1, 1, 1, 0, 1]
    answer = run(module, {"enable": np.array([enable]), "reset": np.array([reset])})
    assert answer["Q"].tolist() == [[0, 1, 0, 0, 0]]
    assert answer["!Q"].tolist() == [[1, 0, 1, 1, 1]]


def test_latch_resets_are_zero_one_and_free():
    module = parse_aiger(b"aag 3 0 3 1 0\n2 2\n4 2 1\n6 4 6\n6\n", "f")
    assert [r.initial for r in module.entry.registers] == [Constant(BIT, 0), Constant(BIT, 1), None]
    binary = parse_aiger(written(module), "f")
    assert binary.entry.registers == module.entry.registers
    assert written(module) == b"aig 3 0 3 1 0\n2\n2 1\n4 6\n6\n"
    assert written(module, ascii=True) == b"aag 3 0 3 1 0\n2 2\n4 2 1\n6 4 6\n6\n"


def test_constants_as_outputs_and_fanins():
    module = parse_aiger(b"aag 2 1 0 3 1\n2\n0\n1\n4\n4 1 2\n", "f")
    verify_module(module)
    answer = run(module, {"i0": np.array([0, 1])})
    assert [answer[f"o{k}"].tolist() for k in range(3)] == [[0, 0], [1, 1], [0, 1]]


def test_an_empty_circuit_reads_and_writes():
    assert written(parse_aiger(b"aag 0 0 0 0 0\n", "f")) == b"aig 0 0 0 0 0\n"
    assert written(parse_aiger(b"aig 0 0 0 0 0\n", "f"), ascii=True) == b"aag 0 0 0 0 0\n"


def test_the_half_adder_is_written_as_the_report_has_it():
    assert written(parse_aiger(BINARY_HALF_ADDER, "f")) == BINARY_HALF_ADDER.removesuffix(b"c\nhalf adder\n")


def test_gates_keep_their_order_and_number():
    doubled = b"aag 4 1 0 2 3\n2\n6\n8\n4 2 2\n6 2 2\n8 1 2\n"
    netlist = parse_aiger(doubled, "f").entry.body
    assert netlist == aig(1, np.array([[2, 2], [2, 2], [1, 2]]), [6, 8])


def test_two_gates_the_wrong_way_round_among_many_inputs():
    data = b"aag 6 4 0 1 2\n2\n4\n6\n8\n12\n12 11 11\n10 4 9\n"
    assert parse_aiger(data, "f").entry.body == aig(4, np.array([[4, 9], [11, 11]]), [12])


def test_carriage_returns_and_a_missing_last_line_break_in_ascii():
    crlf = HALF_ADDER.replace(b"\n", b"\r\n")
    assert parse_aiger(crlf, "f").entry == parse_aiger(HALF_ADDER, "f").entry
    assert parse_aiger(b"aag 1 1 0 1 0\n2\n3", "f").entry.body == aig(1, np.zeros((0, 2), int), [3])


def test_sparse_variable_numbers_need_no_table_of_their_size():
    module = parse_aiger(b"aag 1000000000 1 0 1 1\n1999999998\n2000000000\n2000000000 1999999998 1999999999\n", "f")
    assert module.entry.body == aig(1, np.array([[2, 3]]), [4])


# Names


def test_consecutive_elements_become_one_port_and_others_stay():
    data = (b"aig 7 7 0 2 0\n2\n4\ni0 a[0]\ni1 a[1]\ni2 b[1]\ni3 b[0]\ni4 c[0]\ni5 d\ni6 c[1]\n"
            b"o0 z[0]\no1 odd name, (x)\n")
    func = parse_aiger(data, "f").entry
    assert [(p.name, str(p.type)) for p in func.inputs] == [
        ("a", "bit[2]"), ("b[1]", "bit"), ("b[0]", "bit"), ("c[0]", "bit"), ("d", "bit"), ("c[1]", "bit")]
    assert [(p.name, str(p.type)) for p in func.outputs] == [("z", "bit[1]"), ("odd name, (x)", "bit")]
    assert written(parse_aiger(data, "f")) == data


def test_a_vector_never_takes_the_name_of_a_port_or_a_latch():
    data = b"aig 4 3 1 0 0\n2\ni0 a[0]\ni1 b[0]\ni2 b\nl0 a\n"
    func = parse_aiger(data, "f").entry
    assert [p.name for p in func.inputs] == ["a[0]", "b[0]", "b"]
    verify_module(module_of(func))
    assert written(module_of(func)) == data


def test_names_for_what_has_none_keep_away_from_symbols():
    func = parse_aiger(b"aig 4 3 1 2 0\n2\n2\n4\ni0 i1\no0 i2\n", "f").entry
    assert [p.name for p in func.inputs] == ["i1", "i1_", "i2_"]
    assert [p.name for p in func.outputs] == ["i2", "o1"]
    assert [r.name for r in func.registers] == ["l0"]
    assert parse_aiger(written(module_of(func)), "f").entry == func


def test_names_that_would_be_given_anyway_are_not_written():
    assert written(parse_aiger(b"aig 2 2 0 1 0\n2\ni0 i0\no0 o0\ni1 p\n", "f")) == b"aig 2 2 0 1 0\n2\ni1 p\n"


def test_two_names_alike_are_refused():
    said = fault(b"aig 2 2 0 0 0\ni0 a\ni1 a\n")
    assert said == "f.aig: inputs 0 and 1 are both named 'a' (help: rename one of them)"
    assert "'a' is the name of an input and of a latch" in fault(b"aig 2 1 1 0 0\n2\ni0 a\nl0 a\n")


def test_an_abc_comment_without_a_line_break_is_a_comment():
    data = b"aig 1 1 0 1 0\n2\ni0 a\ncn\x00\x00\x00\x04top\x00\nThis file was produced by ABC"
    assert [p.name for p in parse_aiger(data, "f").entry.inputs] == ["a"]


# Writing typed funcs


def test_typed_ports_are_flattened_least_significant_bit_first():
    builder = NetlistBuilder(7)
    body = builder.finish([builder.input(0) ^ 1, *(builder.input(k) for k in range(3))])
    func = Func("f", (Port("s", SPIN.with_shape((2,))), Port("n", fixed(3)), Port("w", ufixed(2))),
                (Port("y", SPIN), Port("m", ufixed(3))), body)
    text = written(module_of(func), ascii=True).decode()
    names = [line.split()[1] for line in text.splitlines() if line[0] in "io"]
    assert names == ["s[0]", "s[1]", "n[0]", "n[1]", "n[2]", "w[0]", "w[1]", "y", "m[0]", "m[1]", "m[2]"]


def test_typed_registers_become_latches_with_their_bits():
    register = Register("count", fixed(3), Constant(fixed(3), -3))
    body = aig(4, np.zeros((0, 2), int), [2, 4, 6, 8])
    func = Func("f", (Port("x", BIT, "step"),), (Port("y", BIT, "step"),), body, (register,), STREAM)
    assert b"\n4 1\n6\n8 1\n2\n" in written(module_of(func))
    again = parse_aiger(written(module_of(func)), "f").entry
    assert [(r.name, int(r.initial.array)) for r in again.registers if r.initial] == [
        ("count[0]", 1), ("count[1]", 0), ("count[2]", 1)]


def test_other_gates_are_written_as_ands():
    builder = NetlistBuilder(3)
    a, b, c = (builder.input(k) for k in range(3))
    body = builder.finish([builder.xor(a, b), builder.maj(a, b, c), builder.lut([a, b, c], 0x1E),
                           builder.threshold([a, b, c], [2, -1, 3], 1)])
    module = module_of(Func("f", (Port("x", BIT.with_shape((3,))),), (Port("y", BIT.with_shape((4,))),), body))
    again = parse_aiger(written(module), "f")
    patterns = np.arange(8)[:, None] >> np.arange(3) & 1
    assert again.entry.body.is_aig
    np.testing.assert_array_equal(run(again, {"x": patterns})["y"], run(module, {"x": patterns})["y"])


def test_the_backend_names_files_ports_and_figures():
    module = parse_aiger(TOGGLE, "toggle.aag", "toggle")
    assert TARGET.check(module, {}) == []
    emission = TARGET.emit(TARGET.build(module, {}))
    assert (emission.main, list(emission.files)) == ("toggle.aig", ["toggle.aig"])
    assert emission.figures == {"ands": 4, "latches": 1, "depth": 3}
    assert emission.ports["inputs"][1] == {
        "name": "reset", "type": "bit", "first_bit": 1, "bits": 1, "rate": "step",
        "encoding": {"scale": 1.0, "zero_point": 0, "bit_order": "lsb", "levels": (), "offset": 0.0}}
    assert emission.ports["registers"] == [
        {"name": "state", "type": "bit", "first_bit": 0, "bits": 1, "initial": [0]}]
    ascii = TARGET.emit(TARGET.build(module, {"encoding": "ascii"}))
    assert ascii.files["toggle.aag"].startswith(b"aag 7 2 1 2 4\n")


def test_port_maps_keep_encodings():
    pixel = Port("x", ufixed(2), encoding=Encoding(scale=1 / 3))
    func = Func("f", (pixel,), (Port("y", BIT),), aig(2, np.zeros((0, 2), int), [4]))
    from circuitc.backends.gate_level import circuit_of
    assert port_map(circuit_of(module_of(func)))["inputs"][0]["encoding"]["scale"] == 1 / 3


def _graph_module() -> Module:
    builder = Builder()
    x = builder.input("x", BIT)
    return module_of(Func("f", (Port("x", BIT),), (Port("y", BIT),), builder.finish([x])))


def _wire(schedule: str = "once", **changes: object) -> Module:
    from circuitc.ir import Schedule
    facts: dict[str, object] = {"inputs": (Port("x", BIT),), "outputs": (Port("y", BIT),), "registers": ()} | changes
    bits = sum(p.type.bits for p in (*facts["inputs"], *facts["registers"]))  # type: ignore[misc]
    outs = sum(p.type.bits for p in (*facts["outputs"], *facts["registers"]))  # type: ignore[misc]
    return module_of(Func("f", body=aig(bits, np.zeros((0, 2), int), [2] * outs),
                          schedule=Schedule(schedule, 3), **facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(("module", "message"), [
    (_graph_module(),
     "the body of @f is a graph of typed ops, aiger takes gates (help: run the pass lower-to-gates first)"),
    (_wire("iterate"), "@f runs by the schedule iterate 3, aiger knows once and stream"),
    (_wire(registers=(Register("r", BIT, None),)), "@f runs once and has registers, aiger latches step on"),
    (_wire(inputs=(Port("a", BIT.with_shape((2,))), Port("a[1]", BIT))),
     "two bits of the inputs and registers of @f are both named 'a[1]' (help: rename a port)"),
    (_wire(outputs=(Port("a\nb", BIT),)),
     "the outputs of @f have the name 'a\\nb', which no line can hold (help: rename the port)"),
    (_wire(outputs=(Port("\ud800", BIT),)),
     "the outputs of @f have the name '\\ud800', which no line can hold (help: rename the port)"),
    (_wire(inputs=(Port("x", parse_type("f32")),)),
     "x of @f is f32, aiger takes bits (help: quantize the model to exact types first)"),
])
def test_what_does_not_fit_is_refused(module: Module, message: str):
    with pytest.raises(CircuitError) as caught:
        written(module)
    assert str(caught.value) == message


def test_unknown_options_are_refused():
    faults = TARGET.check(_wire(), {"encodin": "ascii"}) + TARGET.check(_wire(), {"encoding": "asci"})
    assert [str(f) for f in faults] == ["aiger has no option 'encodin' (help: did you mean encoding?)",
                                        "'asci' is not an encoding of aiger (help: did you mean ascii?)"]


# The words of refusals


@pytest.mark.parametrize(("data", "message"), [
    (b"aag 1 1 0 1 0\n2\n-2\n", "f.aig:3:1: expected a literal, got a minus sign"),
    (b"aag 2 1 0 1 1\n2\n4\n4 2\n", "f.aig:4:1: an and is three literals, got 2 numbers"),
    (b"aag 2 1 0 1 1\n2\n4\n4 2 6\n", "f.aig:4:5: literal 6 is more than 5, the last of 2 variables"),
    (b"aag 3 1 0 1 1\n2\n4\n4 2 6\n", "f.aig:4:1: literal 6 is used and never defined"),
    (b"aag 3 1 0 1 2\n2\n4\n4 2 6\n6 5 2\n", "f.aig:4:1: and gate 4 depends on itself: 4 <- 6 <- 4"),
    (b"aag 2 1 0 0 1\n2\n4 4 2\n", "f.aig:3:1: and gate 4 depends on itself: 4 <- 4"),
    (b"aag 2 2 0 0 0\n2\n2\n", "f.aig:3:1: literal 2 is defined twice"),
    (b"aag 2 1 1 0 0\n2\n4 2 3\n",
     "f.aig:3:1: latch 4 has the reset 3 (help: a reset is 0, 1, or 4 for an unknown value)"),
    (b"aag 1 1 0 1 0\n2\n", "f.aig:1:1: the header promises 1 inputs, 0 latches, 1 outputs and 0 ands, more than the "
     "2 bytes after it can hold"),
    (b"aag 1 1 0 1 0\n222222\n", "f.aig:3:1: the header promises 2 lines of literals, the file ends after 1"),
    (b"aig 3 1 0 1 2\n6\n\x02\x00\x09\x00",
     "f.aig:byte 18: and gate 6 has the fan-ins -3 and -3, which are not literals before it"),
    (b"aig 2 1 0 0 1\n\x82\x80",
     "f.aig:byte 16: the header promises 1 and gates, the file ends in gate 0"),
    (b"aig 2 1 0 0 1\n\x82\x80\x80\x80\x80\x00\x00",
     "f.aig:byte 14: a delta of more than 5 bytes is no difference of literals"),
    (b"aig 1 1 0 1 0 1 0 0 0\n2\n2\n", "f.aig:byte 0: the file has 1 bad state properties, which circuitc does not "
     "take (help: write them as ordinary outputs)"),
    (b"aig 1 1 0 0 0\ni1 a\n", "f.aig:byte 14: symbol i1 names nothing: the header has 1 of that kind"),
])
def test_refusals_say_what_where_and_why(data: bytes, message: str):
    assert fault(data) == message
