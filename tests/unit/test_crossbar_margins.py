"""Margins are the truth over all inputs: compared with every one of them."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.crossbar import margins
from circuitc.backends.crossbar.margins import gate_margin, sum_error, with_one_reference

CASES = st.integers(1, 9).flatmap(lambda n: st.tuples(
    st.lists(st.integers(-3, 3), min_size=n, max_size=n), st.integers(-8, 8), st.floats(0, 0.5), st.integers(0, 10**6)))


def all_inputs(n: int) -> np.ndarray:
    return np.array(list(product([0, 1], repeat=n)))


@settings(deadline=None, max_examples=150)
@given(CASES, st.booleans())
def test_a_gates_margin_is_attained_and_never_passed(case: tuple, windowed: bool) -> None:
    weights, least, spread, seed = case
    rng = np.random.default_rng(seed)
    w = np.array(weights)
    e = w * 0.9 + rng.normal(0, spread, len(w))
    one, zero = (rng.uniform(0, 0.1, (2, len(w))) if windowed else np.zeros((2, len(w))))
    gate = gate_margin(w, e, least, one, zero)
    x = all_inputs(len(w))
    sums, currents = x @ w, x @ e
    slack = x @ one + (1 - x) @ zero
    on = sums >= least
    if on.all() or not on.any():
        assert gate.margin == np.inf
        assert (gate.reference == -np.inf) == bool(on.all())
        return
    below, above = (currents + slack)[~on].max(), (currents - slack)[on].min()
    assert np.isclose(gate.margin, (above - below) / 2, atol=1e-9)
    assert np.isclose(gate.reference, (above + below) / 2, atol=1e-9)
    if gate.certified and not windowed:
        assert np.array_equal(currents > gate.reference, on)
    assert gate.below @ w < least <= gate.above @ w
    assert np.isclose(gate.above @ e - gate.above @ one - ~gate.above @ zero, above, atol=1e-9)


@settings(deadline=None, max_examples=100)
@given(CASES, st.floats(0, 0.3))
def test_one_reference_serves_targets_and_windows(case: tuple, wide: float) -> None:
    weights, least, spread, seed = case
    rng = np.random.default_rng(seed)
    w = np.array(weights)
    e = w * 0.9 + rng.normal(0, spread / 4, len(w))
    one, zero = rng.uniform(0, wide, (2, len(w)))
    gate, window = with_one_reference(gate_margin(w, e, least), gate_margin(w, e, least, one, zero))
    assert gate.reference == window.reference
    x = all_inputs(len(w))
    on, currents, slack = x @ w >= least, x @ e, x @ one + (1 - x) @ zero
    if on.all() or not on.any():
        return
    assert gate_margin(w, e, least).certified == gate.certified
    for found, spared in ((gate, np.zeros(len(x))), (window, slack)):
        left = min((currents - spared)[on].min() - found.reference, found.reference - (currents + spared)[~on].max())
        assert np.isclose(left, found.margin, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(CASES)
def test_the_closed_form_is_a_bound(case: tuple) -> None:
    weights, least, spread, seed = case
    rng = np.random.default_rng(seed)
    w = np.array(weights)
    e = w * 0.9 + rng.normal(0, spread, len(w))
    exact = gate_margin(w, e, least)
    if np.isfinite(exact.margin):
        bound = margins._bound(w, e, least, np.zeros(len(w)), np.zeros(len(w)))
        assert bound.margin <= exact.margin + 1e-9
        if bound.certified:
            x = all_inputs(len(w))
            assert np.array_equal(x @ e > bound.reference, x @ w >= least)


@settings(deadline=None, max_examples=60)
@given(CASES)
def test_a_sums_error_is_attained_and_never_passed(case: tuple) -> None:
    weights, _, spread, seed = case
    w = np.array(weights)
    e = w * 0.8 + np.random.default_rng(seed).normal(0, spread, len(w))
    found = sum_error(w, e)
    x = all_inputs(len(w))
    errors = np.abs(found.gain * (x @ e) - x @ w)
    assert np.isclose(errors.max(), found.error, atol=1e-9)
    assert np.isclose(abs(found.gain * (found.witness @ e) - found.witness @ w), found.error, atol=1e-9)


def test_rescaling_makes_up_for_a_drop_that_all_share() -> None:
    w = np.array([1, 1, 1, 1, -1, -1])
    assert gate_margin(w, 0.7 * w, 2).margin > 0.34
    assert sum_error(w, 0.7 * w).error < 1e-12
