"""Outputs that SAT leaves open are tried on all patterns where few inputs decide them; the evidence says so."""

from __future__ import annotations

import numpy as np
import pytest

from circuitc.ir import BIT, Func, Module, NetlistBuilder, Port, module_of, run
from circuitc.proof import exhaustive, methods, verify
from circuitc.proof.network import Network
from circuitc.tools import find_tool

BITS = 12
needs_abc = pytest.mark.skipif(find_tool("yosys-abc") is None, reason="yosys-abc is not installed")


def parities(*, from_above: bool, wide: bool, wrong: bool = False) -> Module:
    """Two parities of 12 inputs each, and of all 24; from either end. `wrong` differs on one pattern of 4096."""
    b = NetlistBuilder(2 * BITS)

    def parity(inputs: list[int]) -> int:
        value = 0
        for k in reversed(inputs) if from_above else inputs:
            x = b.input(k)
            value = b.and_(b.and_(value, x) ^ 1, b.and_(value ^ 1, x ^ 1) ^ 1)
        return value

    rare = 1
    for k in range(BITS):
        rare = b.and_(rare, b.input(k) ^ (k & 1))
    low, high = parity(list(range(BITS))), parity(list(range(BITS, 2 * BITS)))
    outputs = [low, high]
    if wrong:
        outputs[0] = b.and_(b.and_(low, rare ^ 1) ^ 1, b.and_(low ^ 1, rare) ^ 1) ^ 1
    if wide:
        outputs.append(parity(list(range(2 * BITS))))
    ports = (Port("x", BIT.with_shape((2 * BITS,))),), (Port("y", BIT.with_shape((len(outputs),))),)
    return module_of(Func("f", *ports, b.finish(outputs)))


@pytest.fixture
def without_sat(monkeypatch: pytest.MonkeyPatch) -> None:
    """SAT has no share of the time, so that all outputs stay open."""
    monkeypatch.setattr(methods, "SAT_SHARE", -1)


@pytest.mark.usefixtures("without_sat")
def test_outputs_of_few_inputs_are_exhausted() -> None:
    verdict = verify(parities(from_above=False, wide=False), parities(from_above=True, wide=False), seconds=30)
    assert (verdict.status, str(verdict.evidence), verdict.evidence.method) == ("equal", "exhausted", "exhaustive")
    assert "2 of 2 outputs on all patterns of at most 12 input bits" in verdict.evidence.note


@needs_abc
@pytest.mark.usefixtures("without_sat")
def test_the_others_are_proved_and_the_whole_is_as_good_as_its_weakest_part() -> None:
    verdict = verify(parities(from_above=False, wide=True), parities(from_above=True, wide=True), seconds=30)
    assert (verdict.status, str(verdict.evidence)) == ("equal", "exhausted")
    assert verdict.evidence.method == "abc and exhaustive"
    assert "2 of 3 outputs" in verdict.evidence.note


@pytest.mark.usefixtures("without_sat")
def test_a_difference_on_one_pattern_is_found() -> None:
    first, second = (parities(from_above=above, wide=False, wrong=above) for above in (False, True))
    verdict = verify(first, second, seconds=30)
    assert verdict.status == "different"
    assert verdict.counterexample is not None
    given = {name: value[None] for name, value in verdict.counterexample.inputs.items()}
    assert not np.array_equal(run(first, given)["y"], run(second, given)["y"])


def test_groups_take_together_what_the_same_inputs_decide_and_leave_out_what_is_wide() -> None:
    network = Network()
    x = [network.input() for _ in range(30)]
    few, part, other = network.and_(x[0], x[1]), x[1], network.and_(x[2], x[3])
    wide = x[0]
    for literal in x[1:]:
        wide = network.and_(wide, literal)
    pairs = [(few, network.and_(few, x[0])), (part, part), (other, x[2]), (wide, few), (other, other)]
    support = exhaustive._support(network)
    assert [support[a >> 1].bit_count() for a, _ in pairs] == [2, 1, 2, 30, 2]
    assert list(exhaustive._groups(support, pairs, [0, 1, 2, 3, 4])) == [[0, 1], [2, 4]]
    tried = exhaustive.try_cones(network, pairs, [0, 1, 3, 4], float("inf"))
    assert (tried.equal, tried.pattern, tried.bits) == ([0, 1, 4], None, 2)
    found = exhaustive.try_cones(network, pairs, [2], float("inf")).pattern
    assert found is not None
    assert (found[2], found[3], len(found)) == (1, 0, 30)
    assert exhaustive.try_cones(network, pairs, [0], 0).equal == []


def test_no_pattern_is_left_out() -> None:
    network = Network()
    x = [network.input() for _ in range(7)]
    for number in (0, 1, 63, 64, 127):
        only = 1
        for k, literal in enumerate(x):
            only = network.and_(only, literal ^ 1 ^ (number >> k & 1))
        found = exhaustive.try_all(network, [(only, 0)], float("inf")).pattern
        assert found is not None
        assert sum(int(bit) << k for k, bit in enumerate(found)) == number
