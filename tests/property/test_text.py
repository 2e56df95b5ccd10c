"""Whatever the IR can say, the text form says, reads back and says again in the same words."""

from __future__ import annotations

import string
from contextlib import suppress
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    BIT,
    Constant,
    Func,
    Graph,
    Kind,
    Module,
    Port,
    Register,
    module_of,
    parse_module,
    print_module,
    random_raw,
    run,
    verify_module,
)
from circuitc.ir.generate import random_func, random_module, random_netlist

SEEDS = st.integers(0, 2**32 - 1)
NAMES = st.text(st.one_of(st.sampled_from(' "\\{}%@#/:=,\n\t[]()<>'), st.characters()), min_size=1, max_size=8)


def resolved(graph: Graph) -> list[tuple[object, ...]]:
    """The body without what the text may lay out anew: where constants stand, and what they are called."""
    inner = [v for v, n in enumerate(graph.nodes) if not n.is_constant]
    number = {v: k for k, v in enumerate(inner)}

    def seen(v: int) -> object:
        return graph.nodes[v].constant if graph.nodes[v].is_constant else number[v]

    rows: list[tuple[object, ...]] = [
        (n.op, tuple(map(seen, n.operands)), n.type, dict(n.attributes), n.name, n.origin)
        for n in (graph.nodes[v] for v in inner)]
    return [*rows, tuple(map(seen, graph.outputs))]


def assert_same(a: Module, b: Module) -> None:
    assert list(a.funcs) == list(b.funcs)
    assert (a.entry.name, a.name) == (b.entry.name, b.name)
    for f, g in zip(a.funcs.values(), b.funcs.values(), strict=True):
        assert replace(f, body=g.body) == g
        if isinstance(f.body, Graph):
            assert isinstance(g.body, Graph)
            assert resolved(f.body) == resolved(g.body)
        else:
            assert f.body == g.body


def assert_round_trip(module: Module) -> Module:
    text = print_module(module)
    back = parse_module(text)
    assert print_module(back) == text
    assert_same(module, back)
    assert parse_module(print_module(back)) == back
    return back


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, schedule=st.booleans())
def test_random_modules_read_back_equal(seed: int, schedule: bool) -> None:
    module = random_module(np.random.default_rng(seed), 14, schedule=schedule)
    verify_module(assert_round_trip(module))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_what_was_read_back_computes_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    module = module_of(random_func(rng, 12))
    inputs = {p.name: random_raw(p.type, 5, rng) for p in module.entry.inputs}
    before, after = run(module, inputs), run(parse_module(print_module(module)), inputs)
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name])


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, kinds=st.sets(st.sampled_from([k for k in Kind if k > Kind.INPUT]), min_size=1))
def test_random_netlists_read_back_equal(seed: int, kinds: set[Kind]) -> None:
    rng = np.random.default_rng(seed)
    inputs, outputs = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    body = random_netlist(rng, inputs, int(rng.integers(0, 40)), outputs, sorted(kinds))
    func = Func("f", (Port("x", BIT.with_shape((inputs,))),), (Port("y", BIT.with_shape((outputs,))),), body)
    verify_module(assert_round_trip(module_of(func)))


@settings(max_examples=100, deadline=None)
@given(names=st.lists(NAMES, min_size=7, max_size=7, unique=True), gate=NAMES)
def test_any_name_reads_back(names: list[str], gate: str) -> None:
    main, helper, x, r, y, title, origin = names
    ports = ((Port(x, BIT),), (Port(y, BIT),))
    body = random_netlist(np.random.default_rng(0), 1, 3, 1)
    net = Func(helper, *ports, replace(body, names={2: gate, 4: ' "name 3" }// outputs'}))
    text = ('func @a(%x: bit) -> (%y: bit) stream { reg %r : bit = 0\n %v = and %x, %r loc "o"\n next %r = %v\n'
            " return %v }")
    func = parse_module(text).entry
    assert isinstance(func.body, Graph)
    old = func.body.nodes
    nodes = (replace(old[0], name=x), replace(old[1], name=r), replace(old[2], name=y, origin=origin))
    func = replace(func, name=main, registers=(Register(r, BIT, Constant(BIT, 0)),), inputs=(Port(x, BIT, "step"),),
                   outputs=(Port(y, BIT, "step"),), body=Graph(2, nodes, func.body.outputs))
    module = Module({main: func, helper: net}, helper, title)
    back = parse_module(print_module(module))
    assert_same(module, back)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=5), st.lists(st.floats(), min_size=1, max_size=5))
def test_every_float_constant_reads_back_bit_for_bit(singles: list[float], doubles: list[float]) -> None:
    text = (f"const #a : f32[{len(singles)}] = {[*singles]}\nconst #b : f64[{len(doubles)}] = {[*doubles]}\n"
            f"func @f() -> (%a: f32[{len(singles)}], %b: f64[{len(doubles)}]) once {{ return #a, #b }}")
    module = parse_module(text)
    out, again = run(module, {}), run(parse_module(print_module(module)), {})
    assert out["a"][0].tobytes() == again["a"][0].tobytes()
    assert out["b"][0].tobytes() == again["b"][0].tobytes()
    np.testing.assert_array_equal(out["b"][0], np.array(doubles))
    numbers = ~np.isnan(doubles)
    np.testing.assert_array_equal(np.signbit(out["b"][0])[numbers], np.signbit(np.array(doubles))[numbers])


GOOD = """ccir 1 "good"
main @f
const #w : i3[2,3] csr = [[1, -2, 3], [0, 1, -1]]
const #g : f32[2] = [inf, -0.0]
func @f(%x: u4[3] {scale=0.5, zero_point=3}, %"a b": bit) -> (%y: i8[2], %c: bit) until limit 5 target=part {
  reg %r : u4 = 3
  reg %q : u4 = free
  reg %z : i3[2,3] = #w
  %y = contract #w, %x {spec="ij,j->i", where="", init=false} : i8[2] loc "a:3"
  %s = add %r, %q : u5   // a comment
  %t = requantize %s {overflow=wrap} : u4
  %c = call @g %"a b", %"a b" {output=o} : bit
  %d = eq %t, %r
  next %r = %t
  next %q = %q
  next %z = %z
  done %d
  return %y, %c
}
func @g(%a: bit, %b: bit) -> (%o: bit) once {
  netlist {
    and 2 4 // a comment
    xor 6 3
    maj 2 4 6
    lut 232 2 4 6
    threshold -3 2 4 -1 6
    outputs 13
    name 5 "ca // } rry"
  }
}
"""
PIECES = ["{", "}", "(", "[", "]", '"', "-", "9" * 60, "9" * 5000, "0", "1.5", "nan", "%x", "#w", "@g", "u65", "u8[0]",
          "u8[1,,2]", "u8[999999999,999999999]", "fx<8,9999>", "//", "\\", "\x00", "é", "free", "csr", 'npz "ab"',
          "lut", "outputs", ",", ":", "\n", "stream", "until", "limit 0", "true", '"\\x"', "1e400", "\f", "\x1c", "٤"]


EDITS = st.tuples(st.integers(0, len(GOOD)), st.integers(0, 6),
                  st.one_of(st.sampled_from(PIECES), st.sampled_from(string.printable)))


def read(text: str) -> Module | None:
    """Read and verify whatever it is: a module, or a CircuitError that has a place. Anything else is a bug."""
    complaint: CircuitError | None = None
    try:
        module = parse_module(text)
    except CircuitError as e:
        complaint = e
    if complaint is not None:
        assert all(d.span is not None and d.render() for d in complaint.diagnostics), str(complaint)
        return None
    with suppress(CircuitError):
        verify_module(module)
    return module


def test_the_good_text_is_good() -> None:
    verify_module(parse_module(GOOD))


@settings(max_examples=300, deadline=None)
@given(cut=st.integers(0, len(GOOD)), end=st.integers(0, len(GOOD)))
def test_a_cut_text_is_refused_in_words(cut: int, end: int) -> None:
    read(GOOD[:cut])
    read(GOOD[:cut] + GOOD[max(cut, end):])


@settings(max_examples=300, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_a_changed_text_is_refused_in_words_or_reads_back(edits: list[tuple[int, int, str]]) -> None:
    text = GOOD
    for place, length, piece in edits:
        text = text[:place] + piece + text[place + length:]
    module = read(text)
    if module is not None:
        printed = print_module(module)
        assert print_module(parse_module(printed)) == printed
