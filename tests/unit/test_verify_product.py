"""The sequential methods of verify: bounds that are really reached, invariants that are not believed, refusals."""

from pathlib import Path

import numpy as np
import pytest

from circuitc.backends.aiger import encode_binary
from circuitc.backends.gate_level import circuit_of
from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.ir import BIT, STREAM, Constant, Func, Module, Port, Register, module_of
from circuitc.proof import verify
from circuitc.proof.invariant import holds, read_invariant
from circuitc.proof.matching import lower, match
from circuitc.proof.network import Network
from circuitc.proof.product import Product, multiply
from circuitc.proof.sequential import BMC_STEPS
from circuitc.tools import find_tool

needs_abc = pytest.mark.skipif(find_tool("yosys-abc") is None, reason="needs ABC")
BITS = 7


def counter(wrong_at: int = -1, *, name: str = "n", inverted: bool = False, start: int = 0) -> Module:
    """Count steps in seven bits; the output is whether x came in step 5 of 128, or also in the step `wrong_at`."""
    network = Network()
    x, *latches = [network.input() for _ in range(1 + BITS)]
    bits = [latch ^ inverted for latch in latches]
    hit = is_number(network, bits, 5)
    if wrong_at >= 0:
        hit = network.or_(hit, is_number(network, bits, wrong_at))
    following, carry = [], 1
    for bit in bits:
        following.append(network.xor(bit, carry) ^ inverted)
        carry = network.and_(bit, carry)
    initial = Constant(BIT.with_shape((BITS,)), np.array([start >> k & 1 ^ inverted for k in range(BITS)], np.uint8))
    return module_of(Func("count", (Port("x", BIT, "step"),), (Port("y", BIT, "step"),),
                          network.netlist([network.and_(x, hit), *following]),
                          (Register(name, BIT.with_shape((BITS,)), initial),), STREAM))


def is_number(network: Network, bits: list[int], number: int) -> int:
    result = 1
    for k, bit in enumerate(bits):
        result = network.and_(result, bit ^ 1 ^ (number >> k & 1))
    return result


def product_of(first: Module, second: Module) -> Product:
    return multiply(lower(first), lower(second), match(first.entry, second.entry))


@needs_abc
def test_the_bound_of_bmc_is_the_number_of_steps_that_it_looked_at() -> None:
    # a difference in the last step that is looked at is found, one in the next step is not
    found = verify(counter(), counter(BMC_STEPS - 1), "bmc")
    assert found.counterexample is not None
    assert found.counterexample.steps == BMC_STEPS
    assert found.counterexample.inputs["x"][-1] == 1
    missed = verify(counter(), counter(BMC_STEPS), "bmc")
    assert (missed.status, str(missed.evidence)) == ("unknown", f"bounded {BMC_STEPS}")
    assert (missed.evidence.method, missed.evidence.solver) == ("bmc", "ABC bmc3")


@needs_abc
def test_auto_finds_what_lies_beyond_unrolling() -> None:
    verdict = verify(counter(), counter(BMC_STEPS + 20))
    assert verdict.counterexample is not None
    assert verdict.counterexample.steps == BMC_STEPS + 21
    assert verdict.counterexample.differing == ("y",)


@needs_abc
@pytest.mark.parametrize("method", ["scorr", "pdr", "dsec"])
def test_a_register_kept_inverted_is_proved_and_the_evidence_names_the_engine(method: str) -> None:
    verdict = verify(counter(start=3), counter(start=3, inverted=True, name="m"), method)
    assert (verdict.status, verdict.evidence.level, verdict.evidence.method) == ("equal", "proved", method)
    assert verdict.evidence.solver == {"scorr": "ABC scorr", "pdr": "ABC pdr", "dsec": "ABC dprove"}[method]
    if method == "pdr":
        assert "checked by Glucose" in verdict.evidence.note


@needs_abc
def test_an_engine_that_cannot_refute_says_that_it_does_not_know() -> None:
    verdict = verify(counter(), counter(3), "scorr")
    assert (verdict.status, verdict.evidence.level) == ("unknown", "not_checked")
    assert verdict.evidence.note == "scorr came to no answer"


def test_an_invariant_that_is_none_is_not_believed() -> None:
    same = product_of(counter(), counter(inverted=True, name="m"))
    agree = [clause for k in range(BITS) for clause in (((k, 0), (k + BITS, 1)), ((k, 1), (k + BITS, 0)))]
    deadline = float("inf")
    assert holds(same, agree, deadline)
    assert not holds(same, [], deadline), "too weak to keep the sides equal"
    assert not holds(same, [*agree, ((3, 1),)], deadline), "bit 3 is reached"
    assert not holds(same, [*agree, ((0, 0), (1, 0))], deadline), "false at the start"
    other = product_of(counter(), counter(9, inverted=True, name="m"))
    assert not holds(other, agree, deadline), "kept by every step, but the outputs differ"


def test_the_table_of_an_invariant_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "invariant.pla"
    assert read_invariant(path) == []
    path.write_text("# by PDR\n.i 3\n.o 1\n.p 2\n.ilb s[1] s[4] s[2]\n.ob inv\n1-0 1\n-1- 1\n.e\n")
    assert read_invariant(path) == [((1, 1), (2, 0)), ((4, 1),)]
    path.write_text(".ilb s[1] other\n11 1\n")
    assert read_invariant(path) is None
    path.write_text(".ilb s[1] s[2]\n1 1\n")
    assert read_invariant(path) is None


def test_a_trace_is_run_on_the_product_and_cut_where_the_sides_differ() -> None:
    product = product_of(counter(), counter(6, name="m"))
    trace = np.ones((12, 1), np.uint8)
    assert product.first_difference(trace) == 6
    trace[6] = 0
    assert product.first_difference(trace) is None


@pytest.mark.parametrize("method", ["pdr", "bmc"])
def test_sides_without_registers_need_no_engine(method: str) -> None:
    network = Network()
    a, b = network.input(), network.input()
    ports = (Port("a", BIT), Port("b", BIT)), (Port("y", BIT),)
    one = module_of(Func("f", *ports, network.netlist([network.xor(a, b)])))
    other = module_of(Func("f", *ports, network.netlist([network.and_(network.or_(a, b), network.and_(a, b) ^ 1)])))
    verdict = verify(one, other, method)
    assert verdict.status == "equal"
    assert verdict.evidence.method in ("sat", "structural hashing")


def test_calls_that_end_are_refused_with_the_method_that_takes_them() -> None:
    from dataclasses import replace

    from circuitc.ir import Schedule
    func = counter().entry
    ports = tuple(Port(p.name, p.type) for p in func.inputs), tuple(Port(p.name, p.type) for p in func.outputs)
    called = module_of(replace(func, inputs=ports[0], outputs=ports[1], schedule=Schedule("iterate", 9)))
    with pytest.raises(CircuitError, match="pdr compares streams and the schedule is `iterate 9`"):
        verify(called, module_of(replace(called.entry, name="other")), "pdr")


@needs_abc
def test_the_command_answers_by_its_status_and_writes_the_trace(tmp_path: Path) -> None:
    for name, module in (("a", counter()), ("b", counter(inverted=True, name="m")), ("c", counter(20, name="m"))):
        (tmp_path / f"{name}.aig").write_bytes(encode_binary(circuit_of(module)))
    a, b, c = (str(tmp_path / f"{name}.aig") for name in "abc")
    wave = tmp_path / "trace.vcd"
    assert command(["verify", a, b, "--method", "pdr"]) == 0
    assert command(["verify", a, c, "--method", "pdr", "--vcd", str(wave)]) == 1
    assert command(["verify", a, b, "--method", "bmc"]) == 3
    times = [int(line[1:]) for line in wave.read_text().splitlines() if line.startswith("#")]
    assert times == [10 * k for k in range(22)]


@needs_abc
def test_commands_that_abc_does_not_know_are_an_error_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from circuitc.proof.sequential import ENGINES
    monkeypatch.setitem(ENGINES, "pdr", replace(ENGINES["pdr"], commands="prove_it_somehow"))
    with pytest.raises(CircuitError, match="ABC pdr ended with status 0"):
        verify(counter(), counter(inverted=True, name="m"), "pdr")
