"""Each invariant of the verifier, broken alone on a graph that is sound otherwise; and graphs that are broken badly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    BIT,
    F32,
    OPS,
    SPIN,
    Constant,
    Encoding,
    Func,
    Graph,
    Kind,
    Module,
    Netlist,
    Node,
    Port,
    Register,
    Schedule,
    aig,
    fixed,
    module_of,
    parse_module,
    print_module,
    ufixed,
    verify_module,
)
from circuitc.ir.generate import random_module

SOUND = """
func @main(%x: u4, %y: u4) -> (%z: u5, %same: bit) until limit 3 {
  reg %r : u4 = 7
  %z = add %x, %r : u5
  %part = call @part %x, %y {output=p} : u8
  %low = requantize %part {overflow=wrap} : u4
  %same = eq %low, %r : bit
  next %r = %low
  done %same
  return %z, %same
}
func @part(%a: u4, %b: u4) -> (%p: u8) once {
  %p = mul %a, %b : u8
  return %p
}
func @gates(%a: bit[2]) -> (%b: bit) once {
  netlist {
    lut 6 2 4
    threshold 0 3 6 -1 2
    outputs 8
  }
}
"""
MODULE = parse_module(SOUND)
MAIN, PART, GATES = MODULE.funcs.values()
Z, CALL, LOW, SAME = range(3, 7)  # values of main's body; 0 to 2 are x, y, r


def body_of(func: Func) -> Graph:
    assert isinstance(func.body, Graph)
    return func.body


def said(module: Module) -> list[str]:
    """What the verifier says, without places."""
    with pytest.raises(CircuitError) as caught:
        verify_module(module)
    assert "Traceback" not in str(caught.value)
    return [d.message for d in caught.value.diagnostics]


def with_main(**changes: Any) -> Module:
    return MODULE.with_func(replace(MAIN, **changes))


def with_node(value: int, **changes: Any) -> Module:
    body = body_of(MAIN)
    nodes = list(body.nodes)
    nodes[value] = replace(nodes[value], **changes)
    return with_main(body=replace(body, nodes=tuple(nodes)))


def with_gates(**changes: Any) -> Module:
    assert isinstance(GATES.body, Netlist)
    return MODULE.with_func(replace(GATES, body=replace(GATES.body, **changes)))


def ints(*numbers: int, dtype: type = np.int32) -> np.ndarray[Any, Any]:
    return np.array(numbers, dtype)


def test_the_sound_module_is_sound() -> None:
    verify_module(MODULE)


BROKEN: dict[str, tuple[Callable[[], Module], list[str]]] = {
    # 1: ops, operands, attributes, constants
    "unknown op": (lambda: with_node(Z, op="addd"), ["there is no op addd"]),
    "operand after its use": (lambda: with_node(Z, operands=(0, SAME)), ["an operand does not come before its use"]),
    "operand is itself": (lambda: with_node(Z, operands=(0, Z)), ["an operand does not come before its use"]),
    "negative operand": (lambda: with_node(Z, operands=(0, -1)), ["an operand does not come before its use"]),
    "too few operands": (lambda: with_node(Z, operands=(0,)), ["add takes 2 or more operands, got 1"]),
    "attribute too many": (lambda: with_node(Z, attributes={"by": 1}), ["add has no attribute by"]),
    "attribute left out": (lambda: with_node(LOW, attributes={"overflow": "wrap"}),
                           ["requantize does not hold all its attributes in their own form"]),
    "attribute of another kind": (lambda: with_node(LOW, attributes={"rounding": 3, "overflow": "wrap"}),
                                  ["requantize: rounding is one of nearest_even, floor, got 3"]),
    "input in the middle": (lambda: with_node(Z, op="input"), ["inputs stand first in a body and nowhere else"]),
    "input that reads": (lambda: with_node(0, operands=(0,)), ["an input reads nothing"]),
    "op among the inputs": (lambda: with_node(1, op="not", operands=(0,)),
                            ["inputs stand first in a body and nowhere else"]),
    "constant without content": (lambda: with_node(Z, op="constant", operands=()),
                                 ["a constant has a content and no operands"]),
    "constant of another type": (
        lambda: with_node(Z, op="constant", operands=(), attributes={"value": Constant(ufixed(4), 3)}),
        ["the constant is u4, declared u5"]),
    # 2: declared types
    "declared too narrow": (lambda: with_node(Z, type=ufixed(4)),
                            ["add of u4 and u4 needs u5, declared u4", "@main: output %z is u5, the body has u4"]),
    "declared another shape": (lambda: with_node(Z, type=ufixed(5, 0, (2,))),
                               ["add of u4 and u4 is u5, declared u5[2]",
                                "@main: output %z is u5, the body has u5[2]"]),
    "declared another kind": (lambda: with_node(SAME, type=SPIN),
                              ["eq of u4 and u4 is bit, declared spin",
                               "@main: output %same is bit, the body has spin",
                               "@main: output %(done) is bit, the body has spin"]),
    # 3: the body and its header
    "an input too many": (lambda: with_main(inputs=(*MAIN.inputs, Port("w", BIT))),
                          ["@main: the body has 3 inputs, the header needs 4"]),
    "an input of another type": (lambda: with_main(inputs=(MAIN.inputs[0], Port("y", BIT))),
                                 ["@main: input %y is bit, the body has u4"]),
    "an output too few": (lambda: with_main(outputs=MAIN.outputs[:1]),
                          ["@main: the body has 4 outputs, the header needs 3"]),
    "an output that is no value": (lambda: with_main(body=replace(body_of(MAIN), outputs=(3, 6, 5, 99))),
                                   ["@main: an output is not a value of the body"]),
    "more inputs than values": (lambda: with_main(body=replace(body_of(MAIN), inputs=99)),
                                ["inputs stand first in a body and nowhere else"] * 4
                                + ["@main: a body of 7 values cannot have 99 inputs"]),
    # 4: names, schedules
    "two inputs of one name": (lambda: with_main(inputs=(MAIN.inputs[0], Port("x", ufixed(4)))),
                               ["@main: input or register %x stands twice"]),
    "an input named as a register": (lambda: with_main(inputs=(MAIN.inputs[0], Port("r", ufixed(4)))),
                                     ["@main: input or register %r stands twice"]),
    "an output named converged": (lambda: with_main(outputs=(MAIN.outputs[0], Port("converged", BIT))),
                                  ["@main: output %converged stands twice"]),
    "no steps": (lambda: with_main(schedule=Schedule("until", 0)),
                 ["@main: a schedule of 0 steps is outside 1..2147483647"]),
    "too many steps": (lambda: with_main(schedule=Schedule("until", 1 << 70)),
                       ["@main: a schedule of 1180591620717411303424 steps is outside 1..2147483647"]),
    "a stream without items": (lambda: with_main(schedule=Schedule("stream"),
                                                 body=replace(body_of(MAIN), outputs=body_of(MAIN).outputs[:3])),
                               ["@main: a stream needs an input that has a value each step"]),
    "registers that are never used": (lambda: with_main(schedule=Schedule("once"),
                                                        body=replace(body_of(MAIN), outputs=body_of(MAIN).outputs[:3])),
                                      ["@main: a func that runs once has no registers"]),
    # 5: calls
    "unknown func": (lambda: with_node(CALL, attributes={"func": "parts", "output": "p"}), ["there is no func @parts"]),
    "unknown output": (lambda: with_node(CALL, attributes={"func": "part", "output": "q"}),
                       ["q is not an output of @part"]),
    "a call without a name": (lambda: with_node(CALL, attributes={}), ["a call names a func and an output"]),
    "a call of a number": (lambda: with_node(CALL, attributes={"func": 1, "output": 2}),
                           ["a call names a func and an output"]),
    "a call with an operand too few": (lambda: with_node(CALL, operands=(0,)), ["@part takes 2 operands, got 1"]),
    "a call with a wrong operand": (lambda: with_node(CALL, operands=(0, Z)), ["@part takes u4 as %b, got u5"]),
    "a call declared wrong": (lambda: with_node(CALL, type=ufixed(9)),
                              ["output %p of @part is u8, declared u9"]),
    "a func that calls itself": (
        lambda: module_of(replace(PART, body=Graph(2, (*body_of(PART).nodes[:2], Node(
            "call", (0, 1), ufixed(8), {"func": "part", "output": "p"}, "p")), (2,)))), ["@part calls itself"]),
    # 6: netlists
    "node 0 is not false": (lambda: with_gates(kind=ints(Kind.AND, 1, 1, 5, 6, dtype=np.uint8)),
                            ["@gates: node 0 must be false and the nodes after it the inputs"]),
    "an input is a gate": (lambda: with_gates(kind=ints(0, 1, 2, 5, 6, dtype=np.uint8)),
                           ["@gates: node 0 must be false and the nodes after it the inputs"]),
    "a gate of no kind": (lambda: with_gates(kind=ints(0, 1, 1, 5, 9, dtype=np.uint8)),
                          ["@gates: node 4 has no gate kind"]),
    "offsets go back": (lambda: with_gates(offset=ints(0, 0, 0, 0, 5, 4)),
                        ["@gates: the fan-in offsets do not run from 0 to the number of edges"]),
    "offsets are too few": (lambda: with_gates(offset=ints(0, 0, 0, 0, 2)),
                            ["@gates: the fan-in offsets do not run from 0 to the number of edges"]),
    "an and of three": (lambda: MODULE.with_func(replace(GATES, body=replace(
        aig(2, np.array([[2, 4]]), [6]), offset=ints(0, 0, 0, 0, 3), fanin=ints(2, 4, 4)))),
        ["@gates: node 3: and takes 2 fan-ins, got 3"]),
    "a lut of nine": (lambda: with_gates(kind=ints(0, 1, 1, 5, dtype=np.uint8), offset=ints(0, 0, 0, 0, 9),
                                         fanin=ints(*[2] * 9), outputs=ints(6), data=ints(0, 0, 0, 1, dtype=np.int64),
                                         weight=ints(dtype=np.int64)),
                       ["@gates: a lut takes 1 to 8 fan-ins"]),
    "a fan-in after its gate": (lambda: with_gates(fanin=ints(2, 8, 6, 2)),
                                ["@gates: node 3: literal 8 is not of a node before it"]),
    "a negative fan-in": (lambda: with_gates(fanin=ints(2, -2, 6, 2)),
                          ["@gates: node 3: literal -2 is not of a node before it"]),
    "an output of no node": (lambda: with_gates(outputs=ints(10)), ["@gates: an output is not a literal of a node"]),
    "a table too short": (lambda: with_gates(data=ints(0, 0, 0, 6, dtype=np.int64)),
                          ["@gates: the side table of truth tables and thresholds has not one number a node"]),
    "bits beyond the rows": (lambda: with_gates(data=ints(0, 0, 0, 22, 0, dtype=np.int64)),
                             ["@gates: a truth table has bits beyond its rows"]),
    "weights too short": (lambda: with_gates(weight=ints(0, 3, -1, dtype=np.int64)),
                          ["@gates: the side table of weights has not one number a fan-in"]),
    "weights too large": (lambda: with_gates(weight=ints(0, 0, 1 << 62, 1, dtype=np.int64)),
                          ["@gates: node 4: the weights of a threshold gate add up to more than 62 bits"]),
    "a name of no node": (lambda: with_gates(names={5: "far"}), ["@gates: a name belongs to a node that is not there"]),
    "bits do not fit": (lambda: MODULE.with_func(replace(GATES, outputs=(Port("b", ufixed(2)),))),
                        ["@gates: the netlist has 1 outputs, the ports have 2 bits"]),
    "a float port": (lambda: MODULE.with_func(replace(GATES, outputs=(Port("b", F32),))),
                     ["@gates: a netlist has bits, its outputs have floats"]),
    # 7: initial values
    "an initial value of another type": (
        lambda: with_main(registers=(Register("r", ufixed(4), Constant(fixed(4), 1)),)),
        ["@main: register %r is u4, its initial value is i4"]),
    # 8: encodings
    "a scale of 0": (lambda: with_main(inputs=(replace(MAIN.inputs[0], encoding=Encoding(0.0)), MAIN.inputs[1])),
                     ["@main: port %x has a scale of 0.0, which no number can be divided by"]),
    "a scale that is no number": (
        lambda: with_main(inputs=(replace(MAIN.inputs[0], encoding=Encoding(float("nan"))), MAIN.inputs[1])),
        ["@main: port %x has a scale of nan, which no number can be divided by"]),
    "a zero point too far": (
        lambda: with_main(inputs=(replace(MAIN.inputs[0], encoding=Encoding(1.0, 1 << 63)), MAIN.inputs[1])),
        ["@main: port %x has a zero point beyond 64 bits"]),
    "levels of a number": (
        lambda: with_main(inputs=(replace(MAIN.inputs[0], encoding=Encoding(levels=(1.0,))), MAIN.inputs[1])),
        ["@main: port %x has thermometer levels but is u4, not bits"]),
    "a level of infinity": (
        lambda: with_main(outputs=(MAIN.outputs[0],
                                   replace(MAIN.outputs[1], encoding=Encoding(levels=(float("inf"),))))),
        ["@main: port %same has a thermometer level that is not finite"]),
    # 9: the module
    "no funcs": (lambda: Module({}), ["a module has at least one func"]),
    "no main": (lambda: replace(MODULE, main="mian"), ["the main func @mian is not in the module"]),
    "another's name": (lambda: Module({"part": PART, "twin": PART}), ["@part stands under the name @twin"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_invariant_is_one_complaint(name: str) -> None:
    make, wanted = BROKEN[name]
    assert said(make()) == wanted


def test_everything_wrong_is_said_at_once() -> None:
    module = parse_module("""func @f(%x: u8) -> (%y: u8, %z: u8) once {
      %y = add %x, %x : u8
      %z = mul %x, %x : u8
      return %y, %z }""", "two")
    with pytest.raises(CircuitError) as caught:
        verify_module(module)
    assert str(caught.value) == (
        "two:2:12: add of u8 and u8 needs u9, declared u8 (help: declare u9, or requantize the result)\n"
        "two:3:12: mul of u8 and u8 needs u16, declared u8 (help: declare u16, or requantize the result)")


def test_a_narrow_type_is_taken_where_the_constants_prove_it() -> None:
    text = """const #w : i2[1,3] = [[0, %s, 0]]
func @f(%%x: u4[3]) -> (%%y: u4[1]) once {
  %%y = contract #w, %%x {spec="ij,j->i"} : u4[1]
  return %%y
}"""
    verify_module(parse_module(text % "1"))
    assert said(parse_module(text % "-1")) == ["contract of i2[1,3] and u4[3] needs i8[1], declared u4[1]"]


def test_a_long_chain_of_calls_is_no_recursion() -> None:
    funcs = [f"func @f{k}(%x: bit) -> (%y: bit) once {{ %y = call @f{k + 1} %x {{output=y}} : bit return %y }}"
             for k in range(1200)]
    text = "\n".join(funcs) + "\nfunc @f1200(%x: bit) -> (%y: bit) once { return %x }"
    verify_module(parse_module(text))
    loop = text.replace("@f1200(%x: bit) -> (%y: bit) once { return %x }",
                        "@f1200(%x: bit) -> (%y: bit) once { %y = call @f7 %x {output=y} : bit return %y }")
    assert said(parse_module(loop)) == ["@f7 calls itself"]


WORDS = ["", "add", "wrap", "ij,j->i", None, (), (1, 2), (-1,), True, 0.5]
JUNK = st.one_of(st.integers(-3, 99), st.sampled_from(WORDS))


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_no_broken_graph_trips_the_verifier(seed: int, data: st.DataObject) -> None:
    module = random_module(np.random.default_rng(seed), 8, schedule=bool(seed % 2))
    body = body_of(module.entry)
    nodes = list(body.nodes)
    for _ in range(data.draw(st.integers(1, 3))):
        k = data.draw(st.integers(0, len(nodes) - 1))
        node = nodes[k]
        match data.draw(st.integers(0, 4)):
            case 0:
                node = replace(node, op=data.draw(st.sampled_from([*OPS, "input", "constant", "call", ""])))
            case 1:
                node = replace(node, operands=tuple(data.draw(st.lists(st.integers(-2, len(nodes) + 1), max_size=4))))
            case 2:
                node = replace(node, type=data.draw(st.sampled_from([n.type for n in nodes])))
            case 3:
                name = data.draw(st.sampled_from([*node.attributes, "axis", "func"]))
                node = replace(node, attributes={**node.attributes, name: data.draw(JUNK)})
            case _:
                node = replace(node, attributes={})
        nodes[k] = node
    outputs = (data.draw(st.integers(-1, len(nodes))), *body.outputs[1:])
    broken = module.with_func(module.entry.with_body(replace(body, nodes=tuple(nodes), outputs=outputs)))
    sound = True
    try:
        verify_module(broken)
    except CircuitError:
        sound = False
    if sound:
        text = print_module(broken)
        assert print_module(parse_module(text)) == text
