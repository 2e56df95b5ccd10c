"""Snapped weights: a certificate holds on all inputs, and nothing is certified that differs somewhere."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.learn.snapping import snap


def answers(w: np.ndarray) -> np.ndarray:
    return np.array(list(product((-1, 1), repeat=len(w)))) @ w > 0


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_certified_gates_are_the_neuron_on_all_inputs(weights: list[float]) -> None:
    w = np.array(weights)
    found = snap(w)
    assert sum(found.weights) % 2
    if found.certified:
        assert np.array_equal(answers(w), answers(np.array(found.weights)))


def test_noisy_gates_are_found() -> None:
    rng = np.random.default_rng(0)
    for gate in ([1, 0, 0, 0, 0], [1, 1, -1, 0, 0], [2, 1, 1, -1, 0], [1, 1, 1, -1, -1], [3, 1, 1, 1, 1]):
        w = np.array(gate) * np.sqrt(5 / np.dot(gate, gate)) + rng.uniform(-0.04, 0.04, 5)
        assert snap(w).weights == tuple(gate)
        assert snap(w).certified


def test_a_neuron_between_two_gates_is_not_certified() -> None:
    assert not snap(np.array([1.0, 1.0, 0.98, 0.97])).certified
    assert not snap(np.zeros(3)).certified
