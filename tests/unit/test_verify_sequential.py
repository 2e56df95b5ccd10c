"""Funcs with registers: matched latches, unrolling, free registers, and the honest unknown."""

from dataclasses import replace

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, Register, Schedule, module_of, parse_type, run
from circuitc.proof import verify
from circuitc.tools import find_tool

U4 = parse_type("u4")


def counter(kind: str = "stream", count: int = 1, *, start: int | None = 3, register: str = "s", twist: int = 0,
            by: int = 1, rate: str = "step") -> Module:
    """Add x to a register, wrapping: `twist` is xored onto the output where the register is 13."""
    b = Builder()
    x, s = b.input("x", U4), b.input(register, U4)
    total = b.apply("requantize", b.apply("add", b.apply("add", x, b.number(U4, by - 1)), s), type=U4, overflow="wrap")
    hit = b.apply("eq", s, b.number(U4, 13))
    out = b.apply("select", hit, b.apply("xor", s, b.number(U4, twist)), s)
    outputs = [out, total]
    if kind == "until":
        outputs.append(b.apply("lt", b.number(U4, 11), total))
    rates = ("step", rate) if kind == "stream" else ("call", rate)
    initial = None if start is None else Constant(U4, start)
    return module_of(Func("f", (Port("x", U4, rates[0]),), (Port("y", U4, rates[1]),), b.finish(outputs),
                          (Register(register, U4, initial),), Schedule(kind, count)))


def test_matched_registers_are_a_proof_and_the_evidence_says_so() -> None:
    verdict = verify(counter(), lowered(counter()))
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")
    assert "latch-matched" in verdict.evidence.note


def lowered(module: Module) -> Module:
    from circuitc.passes import run_passes
    return run_passes(module, "lower-to-gates")


def test_registers_of_other_names_are_matched_by_order() -> None:
    verdict = verify(counter(), counter(register="state"))
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")


def test_another_initial_value_is_shown_with_the_steps_that_show_it() -> None:
    verdict = verify(counter(start=3), counter(start=4))
    example = verdict.counterexample
    assert verdict.status == "different"
    assert example is not None
    assert example.inputs["x"].shape == (example.steps,)
    assert (int(example.first["y"][0]), int(example.second["y"][0])) == (3, 4)


def test_a_difference_deep_in_a_stream_is_found_by_unrolling() -> None:
    verdict = verify(counter(start=0), counter(start=0, twist=5))
    example = verdict.counterexample
    assert verdict.status == "different"
    assert example is not None
    again = [run(m, {"x": example.inputs["x"][None]})["y"][0] for m in (counter(start=0), counter(start=0, twist=5))]
    assert np.array_equal(again[0], example.first["y"])
    assert np.array_equal(again[1], example.second["y"])
    assert not np.array_equal(*again)


def test_a_difference_in_states_that_do_not_come_is_unknown_never_different() -> None:
    # the register runs through odd numbers only, so 14 never comes
    def odd(twist: int) -> Module:
        b = Builder()
        b.input("x", parse_type("bit"))
        s = b.input("s", U4)
        following = b.apply("requantize", b.apply("add", s, b.number(U4, 2)), type=U4, overflow="wrap")
        hit = b.apply("eq", s, b.number(U4, 14))
        out = b.apply("select", hit, b.apply("xor", s, b.number(U4, twist)), s)
        return module_of(Func("f", (Port("x", parse_type("bit"), "step"),), (Port("y", U4, "step"),),
                              b.finish([out, following]), (Register("s", U4, Constant(U4, 1)),), Schedule("stream")))

    verdict = verify(odd(0), odd(9), "sat")
    assert (verdict.status, str(verdict.evidence)) == ("unknown", "bounded 8")
    assert verdict.counterexample is None
    if find_tool("yosys-abc"):
        assert verify(odd(0), odd(9)).status == "equal"


@pytest.mark.parametrize(("kind", "count"), [("iterate", 5), ("until", 6)])
@pytest.mark.parametrize("rate", ["call", "step"])
def test_calls_that_end_are_decided_whole_by_unrolling(kind: str, count: int, rate: str) -> None:
    one = counter(kind, count, rate=rate)
    # the register is kept inverted: no latch corresponds, but every call answers the same
    other = inverted_register(one)
    equal = verify(one, other)
    assert (equal.status, equal.evidence.level) == ("equal", "proved")
    assert "unrolled" in equal.evidence.note
    wrong = verify(one, inverted_register(counter(kind, count, rate=rate, by=3)))
    assert wrong.status == "different"
    assert wrong.counterexample is not None


def inverted_register(module: Module) -> Module:
    """Rebuild a counter so that its register holds the complement."""
    func = module.entry
    b = Builder()
    x, r = b.input("x", U4), b.input("r", U4)
    ones = b.number(U4, 15)
    values = {0: x, 1: b.apply("xor", r, ones)}
    graph = func.body
    for value in range(graph.inputs, len(graph.nodes)):
        node = graph.nodes[value]
        values[value] = b.copy(node, [values[v] for v in node.operands])
    outputs = [values[v] for v in graph.outputs]
    outputs[1] = b.apply("xor", outputs[1], ones)
    initial = func.registers[0].initial
    assert initial is not None
    register = Register("r", U4, Constant(U4, 15 - int(initial.array)))
    return module_of(replace(func, body=b.finish(outputs), registers=(register,)))


def test_free_registers_are_quantified_and_shown() -> None:
    assert verify(counter(start=None), lowered(counter(start=None))).status == "equal"
    verdict = verify(counter(start=None), counter(start=None, twist=1))
    assert verdict.status == "different"
    assert verdict.counterexample is not None
    assert "s" in verdict.counterexample.state


def test_a_free_register_is_not_a_fixed_one() -> None:
    assert verify(counter(start=3), counter(start=None)).status == "different"


def test_registers_that_no_output_needs_do_not_count() -> None:
    plain = counter()
    func = plain.entry
    b = Builder()
    x, s, extra = b.input("x", U4), b.input("s", U4), b.input("extra", U4)
    values = {0: x, 1: s}
    for value in range(2, len(func.body.nodes)):
        node = func.body.nodes[value]
        values[value] = b.copy(node, [values[v] for v in node.operands])
    outputs = [*(values[v] for v in func.body.outputs), b.apply("xor", extra, x)]
    more = replace(func, body=b.finish(outputs), registers=(*func.registers, Register("extra", U4, None)))
    verdict = verify(plain, module_of(more))
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")


def test_calls_of_other_form_are_refused_in_one_line() -> None:
    with pytest.raises(CircuitError, match="the schedules differ: the first is `stream`, the second `iterate 5`"):
        verify(counter(), counter("iterate", 5))


def test_random_vectors_refute_but_never_prove() -> None:
    same = verify(counter(), lowered(counter()), "random", vectors=500)
    assert (same.status, str(same.evidence)) == ("unknown", "simulated 500")
    assert verify(counter(), counter(by=2), "random", vectors=500).status == "different"


@pytest.mark.parametrize("kind", ["stream", "iterate", "until"])
def test_a_proof_file_covers_one_step_or_the_unrolled_calls(kind: str) -> None:
    dratify = pytest.importorskip("dratify", reason="the independent checker is not installed (pip install dratify)")
    one = counter(kind, 1 if kind == "stream" else 4)
    pairs = [(one, lowered(one), "c compared: one step from any state, registers paired", "next s[0]")]
    if kind != "stream":
        pairs.append((one, inverted_register(one), "c compared: whole calls of 4 steps from the initial states", " y"))
    for first, second, compared, name in pairs:
        verdict = verify(first, second, proof="p.drat")
        assert verdict.status == "equal"
        assert verdict.proof is not None, verdict.no_proof
        text = verdict.proof.cnf.decode()
        assert compared in text
        assert name in text
        assert dratify.check_proof(dratify.parse_dimacs(text), verdict.proof.steps.decode()).ok


def test_what_is_equal_up_to_a_bound_only_has_no_proof_file() -> None:
    verdict = verify(counter(), inverted_register(counter()), "sat", proof="p.drat")
    assert verdict.status == "unknown"
    assert (verdict.proof, verdict.no_proof) == (None, "they were not found to be equal")
