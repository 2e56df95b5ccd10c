"""The lowering passes keep the meaning: op by op, on random programs, and on random netlists."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import (
    BIT,
    OPS,
    Builder,
    Func,
    Module,
    Netlist,
    Port,
    evaluate_body,
    evaluate_words,
    fixed,
    module_of,
    parse_type,
    random_raw,
    unflatten_bits,
    verify_module,
)
from circuitc.ir.generate import random_func, random_module, random_netlist
from circuitc.ir.netlist import Kind
from circuitc.ir.netlist_analysis import broken_invariants
from circuitc.passes import scalarize as scalarize_file
from circuitc.passes.base import Context
from circuitc.passes.gates import lowering, sums, words
from circuitc.passes.gates.hashing import share_by_loop, share_by_rounds
from circuitc.passes.gates.tables import FUNCTIONS
from circuitc.passes.inline_calls import InlineCalls
from circuitc.passes.lower_to_gates import LowerToGates
from circuitc.passes.scalar import SCALAR_RULES
from circuitc.passes.scalarize import Scalarize, is_scalar, scalarize
from circuitc.passes.strash import strash
from circuitc.passes.sweep_dead import sweep_dead
from circuitc.passes.to_aig import ToAig

SEEDS = st.integers(0, 2**32 - 1)
PLAIN_OPS = tuple(op for op in OPS if op not in FUNCTIONS)  # functions are correctly rounded reals: slow to tabulate
EXHAUSTIVE_BITS = 12
NETLIST_PASSES: dict[str, Callable[[Netlist], Netlist]] = {
    "strash": strash, "sweep-dead": sweep_dead, "to-aig": lambda n: ToAig().run(n, Context())}


def body_values(func: Func, rng: np.random.Generator, batch: int = 16) -> list[np.ndarray]:
    """All input patterns of a body where they are few, else random ones."""
    width = sum(t.bits for t in func.body_inputs)
    if width > EXHAUSTIVE_BITS:
        return [random_raw(t, batch, rng) for t in func.body_inputs]
    patterns = np.arange(1 << width)[:, None] >> np.arange(width) & 1
    return unflatten_bits(func.body_inputs, patterns)


def agree(before: Module, after: Module, rng: np.random.Generator) -> None:
    """Bodies of all funcs give the same numbers: equal, or near for floats, whose sums may be taken in any order."""
    for name, func in before.funcs.items():
        values = body_values(func, rng)
        old, new = (evaluate_body(m, m.funcs[name], values) for m in (before, after))
        for t, x, y in zip(func.body_outputs, old, new, strict=True):
            if t.is_exact:
                np.testing.assert_array_equal(x, y)
            else:
                finite = np.abs(x[np.isfinite(x)])
                np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5 * finite.max(initial=0.0))


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_the_first_extreme_is_found(op: str, ahead: bool) -> None:
    """Exhaustively where it fits: ties, masks, lengths that are no powers of two."""
    for n, width, masked in ((1, 2, False), (3, 4, False), (6, 2, False), (4, 2, True), (5, 1, True), (23, 5, False)):
        b = Builder()
        x = b.input("x", fixed(width, 0, (n,)) if width > 1 else parse_type(f"u1[{n}]"))
        where = [b.input("w", BIT.with_shape((n,)))] * masked
        graph = b.finish([b.apply(op, x, *where, axis=0)])
        ports = tuple(Port(f"x{k}", t) for k, t in enumerate(graph.input_types))
        module = module_of(Func("f", ports, (Port("y", graph.output_types[0]),), graph))
        after = Scalarize(ahead=ahead).apply(module, Context())
        verify_module(after)
        agree(module, after, np.random.default_rng(n))


@pytest.mark.parametrize("op", list(OPS))
def test_each_op_as_scalars(op: str) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        module = module_of(random_func(rng, 4, ops=[op]))
        after = Scalarize().apply(module, Context())
        verify_module(after)
        assert is_scalar(after.entry.body)
        assert scalarize(after.entry.body) is after.entry.body
        agree(module, after, rng)


@pytest.mark.parametrize("op", PLAIN_OPS)
def test_each_op_as_gates(op: str) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        module = module_of(random_func(rng, 4, exact_only=True, ops=[op, "convert"]))
        after = LowerToGates(tables=(0, 4, 6, 3)[seed % 4]).apply(module, Context())
        verify_module(after)
        agree(module, after, rng)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.booleans())
def test_random_modules_as_scalars(seed: int, schedule: bool) -> None:
    rng = np.random.default_rng(seed)
    module = random_module(rng, 10, schedule=schedule)
    after = Scalarize().apply(module, Context())
    verify_module(after)
    agree(module, after, rng)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.booleans())
def test_random_modules_as_gates(seed: int, schedule: bool) -> None:
    rng = np.random.default_rng(seed)
    module = random_module(rng, 10, exact_only=True, ops=PLAIN_OPS, schedule=schedule)
    after = LowerToGates(tables=(0, 3, 4, 6)[seed % 4]).apply(module, Context())
    verify_module(after)
    agree(module, after, rng)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_random_modules_with_calls_in_place(seed: int) -> None:
    rng = np.random.default_rng(seed)
    module = random_module(rng, 10)
    after = InlineCalls().apply(module, Context())
    verify_module(after)
    agree(module, after, rng)
    assert InlineCalls().apply(after, Context()) is after


def drawn_netlist(seed: int) -> Netlist:
    rng = np.random.default_rng(seed)
    kinds = [(Kind.AND,), (Kind.AND, Kind.XOR, Kind.MAJ), (Kind.LUT,), tuple(k for k in Kind if k > Kind.INPUT)]
    return random_netlist(rng, int(rng.integers(1, 9)), int(rng.integers(0, 80)), 4, kinds[seed % 4])


def same_function(a: Netlist, b: Netlist) -> bool:
    """Compare two netlists of at most eight inputs on all patterns."""
    words = np.array([[sum((p >> k & 1) << (p & 63) for p in range(64 * w, 64 * w + 64)) for w in range(4)]
                      for k in range(a.inputs)], np.uint64)
    return np.array_equal(evaluate_words(a, words), evaluate_words(b, words))


@pytest.mark.parametrize("name", NETLIST_PASSES)
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_netlist_passes_keep_the_function(name: str, seed: int) -> None:
    netlist = drawn_netlist(seed)
    after = NETLIST_PASSES[name](netlist)
    assert not broken_invariants(after)
    assert same_function(netlist, after)
    assert NETLIST_PASSES[name](after) is after
    swept = sweep_dead(strash(netlist))
    assert strash(swept) is swept


def test_a_wrong_hash_is_seen() -> None:
    """The check above catches a copy of strash that forgets inversions when it looks for equal gates."""
    def forgetful(netlist: Netlist) -> Netlist:
        upright = netlist.fanin & ~np.int32(1)
        return strash(Netlist(netlist.inputs, netlist.kind, netlist.offset, upright, netlist.outputs))

    caught = sum(not same_function(n, forgetful(n)) for n in map(drawn_netlist, range(0, 80, 4)))
    assert caught >= 10


def caught(broken: Callable[[Module], Module], op: str) -> bool:
    """Tell whether the checks above see a wrong pass on small programs of one op."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        module = module_of(random_func(rng, 4, exact_only=True, ops=[op, "convert"]))
        try:
            agree(module, broken(module), rng)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize(("op", "like"), [("lt", "le"), ("min", "max"), ("sub", "add")])
def test_a_wrong_gate_rule_is_seen(monkeypatch: pytest.MonkeyPatch, op: str, like: str) -> None:
    table = lowering._FORM_RULES if op == "sub" else lowering._WORD_RULES
    wrong = {"le": words.less_or_equal, "add": sums.add,
             "max": lambda g, node: words.extreme(g, replace(node, op="max"))}[like]
    assert not caught(lambda m: LowerToGates().apply(m, Context()), op)
    monkeypatch.setitem(table, op, wrong)
    assert caught(lambda m: LowerToGates().apply(m, Context()), op)


@pytest.mark.parametrize(("op", "like"), [("argmax", "argmin"), ("reduce", "one"), ("pad", "turned")])
def test_a_wrong_scalar_rule_is_seen(monkeypatch: pytest.MonkeyPatch, op: str, like: str) -> None:
    rule = SCALAR_RULES[op]
    wrong = {"argmin": lambda e, node, *x: rule(replace(e, node=replace(node, op="argmin")), node, *x),
             "one": lambda e, node, x: rule(e, replace(node, attributes={**node.attributes, "kind": "max"}), x),
             "turned": lambda e, node, *x: rule(e, node, *x)[::-1]}[like]
    monkeypatch.setattr(scalarize_file, "SCALAR_RULES", {**SCALAR_RULES, op: wrong})
    assert caught(lambda m: Scalarize().apply(m, Context()), op)


def test_both_ways_of_hashing_agree() -> None:
    finished = 0
    for seed in range(0, 400, 4):
        netlist = drawn_netlist(seed)
        pairs = netlist.fanin.reshape(-1, 2)
        slow, fast = share_by_loop(1 + netlist.inputs, pairs), share_by_rounds(1 + netlist.inputs, pairs)
        if fast is not None:
            finished += 1
            np.testing.assert_array_equal(fast[0], slow[0])
            np.testing.assert_array_equal(fast[1], slow[1])
    assert finished >= 30
