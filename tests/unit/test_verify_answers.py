"""Interfaces that do not fit, time that runs out, verdicts, evidence and waveforms."""

import json
import time

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import BIT, Builder, Func, Module, NetlistBuilder, Port, module_of, parse_type
from circuitc.proof import Evidence, Verdict, parse_level, verify, weakest, write_vcd


def product(inputs: str = "x:u3 y:i4", output: str = "p", *, off: int = 0, kind: str = "") -> Module:
    """Multiply two numbers and add `off`."""
    b = Builder()
    ports = [Port(n, parse_type(t)) for n, t in (part.split(":") for part in inputs.split())]
    values = [b.input(p.name, p.type) for p in ports]
    result = b.apply("mul", *values)
    if off:
        result = b.apply("add", result, b.number(b.type(result), off))
        result = b.apply("requantize", result, type=b.type(b.apply("mul", *values)), overflow="wrap")
    return module_of(Func("f", tuple(ports), (Port(output, b.type(result)),), b.finish([result])))


def test_typed_programs_are_compared_and_differences_shown_as_numbers() -> None:
    assert verify(product(), product()).status == "equal"
    verdict = verify(product(), product(off=3))
    example = verdict.counterexample
    assert example is not None
    x, y = int(example.inputs["x"]), int(example.inputs["y"])
    assert int(example.first["p"]) == x * y
    assert int(example.second["p"]) == (x * y + 3 + 64) % 128 - 64
    assert f"x={x}, y={y}: p is {x * y} in the first" in str(verdict)
    assert example.lines()[0] == f"  x = {x}"
    with pytest.raises(CircuitError, match=f"the two sides differ for x={x}, y={y}"):
        verdict.raise_if_different()
    assert json.loads(json.dumps(verdict.as_json()))["counterexample"]["differing"] == ["p"]


@pytest.mark.parametrize(("inputs", "output", "message"), [
    ("x:u3 y:i5", "p", r"input y has 4 bits \(i4\) in the first and 5 \(i5\) in the second"),
    ("x:u3 z:i4", "p", "the inputs of the two sides differ: y only in the first; z only in the second"),
    ("x:u3 y:i4", "q", "."),
])
def test_other_interfaces_are_refused_with_the_names(inputs: str, output: str, message: str) -> None:
    if output == "q":  # no output name is shared and the bits agree: matched by order, and said so
        assert "outputs matched by order" in verify(product(), product(output="q")).evidence.note
        return
    with pytest.raises(CircuitError, match=message):
        verify(product(), product(inputs, output))


def test_a_type_of_as_many_bits_will_do() -> None:
    b = Builder()
    x = b.input("x", parse_type("i8"))
    first = module_of(Func("f", (Port("x", parse_type("i8")),), (Port("y", parse_type("i8")),), b.finish([x])))
    bits = NetlistBuilder(8)
    second = module_of(Func("g", (Port("x", BIT.with_shape((8,))),), (Port("y", parse_type("u8")),),
                            bits.finish([bits.input(k) for k in range(8)])))
    assert verify(first, second).status == "equal"
    assert verify(second, first).status == "equal"


def multiplied(b: NetlistBuilder, x: list[int], y: list[int], width: int) -> list[int]:
    """Multiply two numbers in gates, row by row, modulo 2**width."""
    total = [0] * width
    for i, a in enumerate(x):
        carry, following = 0, total[:i]
        for k in range(i, width):
            row = b.and_(a, y[k - i]) if k - i < len(y) else 0
            following.append(b.xor(b.xor(total[k], row), carry))
            carry = b.maj(total[k], row, carry)
        total = following
    return total


def product_of(width: int, order: str) -> Module:
    """The product of numbers x, y, z, in this order: with three of them hard to prove equal to another order."""
    names = sorted(order)
    b = NetlistBuilder(len(names) * width)
    words = {n: [b.input(k * width + j) for j in range(width)] for k, n in enumerate(names)}
    total = words[order[0]]
    for n in order[1:]:
        total = multiplied(b, total, words[n], len(names) * width)
    ports = tuple(Port(n, BIT.with_shape((width,))) for n in names)
    return module_of(Func("f", ports, (Port("p", BIT.with_shape((len(names) * width,))),), b.finish(total)))


def test_multipliers_that_add_in_another_order_are_proved_by_arithmetic() -> None:
    """Neither side has the partial sums of the other; SAT alone takes minutes from ten bits on."""
    verdict = verify(product_of(14, "xy"), product_of(14, "yx"), "sat", seconds=60)
    assert (verdict.status, str(verdict.evidence)) == ("equal", "proved")


@pytest.mark.parametrize("method", ["sat", "abc", "auto"])
def test_time_that_runs_out_is_unknown(method: str) -> None:
    first, second = product_of(10, "xyz"), product_of(10, "zyx")
    start = time.monotonic()
    verdict = verify(first, second, method, seconds=1.5, vectors=1000)
    assert time.monotonic() - start < 30
    assert verdict.status == "unknown"
    assert str(verdict.evidence) == ("simulated 1000" if method == "auto" else "not_checked")
    assert verdict.counterexample is None


def test_exhaustion_has_its_limit() -> None:
    with pytest.raises(CircuitError, match="28 input bits are too many to try all patterns"):
        verify(product_of(14, "xy"), product_of(14, "yx"), "exhaustive")
    assert str(verify(product_of(5, "xy"), product_of(5, "yx"), "exhaustive").evidence) == "exhausted"


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(CircuitError, match=r"there is no method satt .*did you mean sat"):
        verify(product(), product(), "satt")


def test_floats_are_compared_on_vectors_only() -> None:
    def scaled(by: float) -> Module:
        b = Builder()
        x = b.input("x", parse_type("f32[4]"))
        y = b.apply("mul", x, b.number(parse_type("f32[4]"), by))
        return module_of(Func("f", (Port("x", parse_type("f32[4]")),), (Port("y", b.type(y)),), b.finish([y])))

    same = verify(scaled(2.0), scaled(2.0), vectors=300)
    assert same.status == "unknown"
    assert same.evidence.level == "simulated"
    assert verify(scaled(2.0), scaled(2.5), vectors=300).status == "different"


def test_a_promise_that_breaks_is_no_difference() -> None:
    def narrowed(overflow: str) -> Module:
        b = Builder()
        x = b.input("x", parse_type("u4"))
        y = b.apply("requantize", x, type=parse_type("u3"), overflow=overflow)
        return module_of(Func("f", (Port("x", parse_type("u4")),), (Port("y", parse_type("u3")),), b.finish([y])))

    assert verify(narrowed("never"), narrowed("saturate")).status != "different"


def test_verdicts_say_equal_only_for_complete_evidence() -> None:
    vectors = Evidence("simulated", 5, "random")
    every = Evidence("exhausted", method="all")
    for status, evidence in (("equal", vectors), ("unknown", every), ("different", vectors)):
        with pytest.raises(AssertionError):
            Verdict(status, evidence)
    for wrong in (("proved",), ("simulated",), ("sure",), ("proved", 0, "sat")):
        with pytest.raises(AssertionError):
            Evidence(*wrong)


def test_evidence_is_ordered() -> None:
    proved, few, many = (Evidence("proved", method="sat", solver="S"), Evidence("simulated", 10, "random"),
                         Evidence("simulated", 1000, "random"))
    assert proved.meets("proved")
    assert proved.meets("simulated 5000")
    assert not Evidence("exhausted", method="all").meets("proved")
    assert many.meets("simulated 1000")
    assert not few.meets("simulated 1000")
    assert few.meets("simulated")
    assert weakest([proved, many, few]) is few
    assert weakest([]).level == "not_checked"
    assert parse_level("bounded 7") == ("bounded", 7)
    with pytest.raises(CircuitError, match="did you mean proved"):
        parse_level("prooved")
    with pytest.raises(CircuitError, match="proved has no count"):
        parse_level("proved 5")


def test_the_waveform_shows_inputs_and_both_sides(tmp_path) -> None:
    verdict = verify(product(), product(off=3))
    assert verdict.counterexample is not None
    write_vcd(verdict.counterexample, tmp_path / "c.vcd")
    text = (tmp_path / "c.vcd").read_text()
    assert "$scope module first $end\n$var wire 7" in text
    y = int(verdict.counterexample.inputs["y"]) & 15
    assert f"b{y:04b} " in text
    assert text.endswith("#10\n")
    assert np.count_nonzero([line.startswith("$var") for line in text.splitlines()]) == 4
    with pytest.raises(CircuitError, match="No such file"):
        write_vcd(verdict.counterexample, tmp_path / "no" / "c.vcd")
