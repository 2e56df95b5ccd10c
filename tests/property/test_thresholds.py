"""Random neurons: the gate that the ladder finds is the neuron, and nothing smaller is."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from circuitc.passes.thresholds.gates import gate_of
from circuitc.passes.thresholds.ladder import climb, fit
from circuitc.passes.thresholds.normal import certify, normal_form
from circuitc.passes.thresholds.patterns import signed_rows
from circuitc.passes.thresholds.wide import equal_everywhere, snap_integers

common = settings(max_examples=80, deadline=None)

decimals = st.decimals(min_value=-3, max_value=3, places=8, allow_nan=False).map(lambda d: int(d * 10**8))
small = st.integers(-6, 6)


@st.composite
def noisy_gates(draw: st.DrawFn) -> list[int]:
    """A neuron near a majority: equal weights on some inputs, noise on all."""
    n = draw(st.integers(1, 8))
    chosen = draw(st.lists(st.sampled_from([-100, 0, 100]), min_size=n + 1, max_size=n + 1))
    return [w + draw(st.integers(-9, 9)) for w in chosen]


rows = st.one_of(st.lists(decimals, min_size=1, max_size=9), st.lists(small, min_size=1, max_size=9), noisy_gates())


def answers(weights: Sequence[int]) -> list[bool]:
    """Give a neuron's answers on all inputs by the definition, in Python's integers: weights[0] is the threshold."""
    return [sum(w * s for w, s in zip(weights[1:], x, strict=True)) > weights[0]
            for x in product((-1, 1), repeat=len(weights) - 1)]


@common
@given(rows)
def test_the_gate_is_the_neuron(row: list[int]) -> None:
    found = climb(row[0], row[1:], 20)
    assert answers(found.weights) == answers(row)
    assert found.least_sum <= found.sum
    assert all(sum(w * s for w, s in zip(found.weights[1:], x, strict=True)) != found.weights[0]
               for x in product((-1, 1), repeat=len(row) - 1)), "a snapped gate never ties"


@common
@given(rows)
def test_climbing_again_changes_nothing(row: list[int]) -> None:
    found = climb(row[0], row[1:], 20)
    assert climb(found.weights[0], found.weights[1:], 20).weights == found.weights


@common
@given(rows)
def test_proving_without_listing_finds_the_same(row: list[int]) -> None:
    found = climb(row[0], row[1:], 0)  # no neuron has so few inputs: candidates and the dynamic program
    assert answers(found.weights) == answers(row)


@common
@given(rows)
def test_the_certificate_is_exact_and_as_good_as_the_published_one(row: list[int]) -> None:
    normal = normal_form(row[0], row[1:])
    k = certify(normal.size)
    majorities = [k for k in range(1, len(row) + 1, 2)
                  if answers(normal.weights([1] * k + [0] * (len(row) - k))) == answers(row)]
    assert majorities == ([] if k is None else [k])
    for other in range(1, len(row) + 1, 2):  # sum |w - c s| < c, for the scale c that boolearn's normalisation gives
        c = Fraction(sum(u * u for u in normal.size), other)  # c squared
        distance = sum(normal.size[other:])
        inner = normal.size[:other]
        below = sum(1 for u in inner if u * u < c)
        # |u - c| summed: the u above c count +u - c, those below c - u; the rest of the inequality is linear in c
        constant = sum(u if u * u >= c else -u for u in inner) + distance
        slope = below - (other - below) - 1   # sum |u - c| - c = constant + slope * c
        holds = constant < 0 if slope == 0 else (
            (slope < 0 and (constant < 0 or constant * constant < slope * slope * c))
            or (slope > 0 and constant < 0 and slope * slope * c < constant * constant))
        if holds:
            assert k == other


@common
@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), rows)
def test_the_dynamic_program_is_the_definition(candidate: list[int], row: list[int]) -> None:
    normal = normal_form(row[0], row[1:])
    numbers = (candidate * len(row))[:len(row)]
    assume(any(numbers))
    patterns = list(product((-1, 1), repeat=len(row)))
    equal = all((sum(v * z for v, z in zip(numbers, p, strict=True)) > 0)
                == (sum(u * z for u, z in zip(normal.size, p, strict=True)) > 0)
                and sum(v * z for v, z in zip(numbers, p, strict=True)) != 0 for p in patterns)
    assert equal_everywhere(numbers, normal.size) == equal
    snapped = snap_integers(normal.size)
    if snapped is not None:
        assert answers(normal.weights(snapped)) == answers(row)


@settings(max_examples=25, deadline=None)
@given(st.lists(small, min_size=1, max_size=4))
def test_no_smaller_integers_exist(row: list[int]) -> None:
    found = climb(row[0], row[1:], 20)
    wanted = answers(row)
    for candidate in product(range(-found.sum + 1, found.sum), repeat=len(row)):
        if sum(map(abs, candidate)) < found.sum and sum(candidate) % 2:  # an odd sum never ties
            assert answers(candidate) != wanted
    assert found.sum % 2


@common
@given(rows, st.randoms(use_true_random=False))
def test_listed_patterns_are_kept(row: list[int], random: object) -> None:
    patterns = list(product((-1, 1), repeat=len(row) - 1))
    chosen = random.sample(patterns, random.randint(1, len(patterns)))
    array = np.array(chosen, np.int64).reshape(len(chosen), len(row) - 1)
    found = fit(signed_rows(array, row[0], row[1:]), "data", "measured")
    assert found is not None
    for x in chosen:
        got, wanted = (sum(w * s for w, s in zip(r[1:], x, strict=True)) > r[0] for r in (found.weights, row))
        assert got == wanted


@common
@given(rows)
def test_names_say_what_gates_do(row: list[int]) -> None:
    found = climb(row[0], row[1:], 20)
    gate, truth = gate_of(found.weights), answers(found.weights)
    ones, n = sum(truth), sum(1 for w in found.weights[1:] if w)
    free = 2 ** (len(row) - 1 - n)  # inputs that do not matter
    match gate.family:
        case "constant":
            assert ones == (0 if gate.name == "false" else len(truth))
        case "and/or":
            assert ones == (free if gate.name.startswith("and") else len(truth) - free)
        case "copy" | "maj":
            assert 2 * ones == len(truth)
        case _:
            assert 0 < ones < len(truth)
