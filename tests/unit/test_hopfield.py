"""Hopfield networks: against the equations unit by unit, energies that never rise, recall, and wrong models."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import run, verify_module
from circuitc.models.recall import Memory, build_hopfield, energy, hebbian

HEAD = {"schema": "circuitc.model/1", "kind": "hopfield"}


def follow(memory: Memory, x: Any) -> list[Any]:
    """Give all states of the sweeps, by the equations with Python's integers."""
    def field(state: Any, unit: int) -> int:
        if memory.degree == 2:
            return int(memory.weights[unit] @ state - memory.thresholds[unit])
        return sum(int(xi[unit]) * int(xi @ state) ** (memory.degree - 1) for xi in memory.patterns)

    def sign(h: int, old: int) -> int:
        return (old if memory.ties == "keep" else -1) if h == 0 else (1 if h > 0 else -1)
    states = [np.array(x)]
    for _ in range(memory.sweeps):
        if not memory.order:
            now = states[-1]
            states.append(np.array([sign(field(now, k), now[k]) for k in range(len(now))]))
        for unit in memory.order:
            after = states[-1].copy()
            after[unit] = sign(field(after, unit), after[unit])
            states.append(after)
    return states


@st.composite
def memories(draw: Any) -> Memory:
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, count = draw(st.integers(2, 9)), draw(st.integers(1, 4))
    patterns = rng.choice([-1, 1], (count, n))
    degree = draw(st.sampled_from([2, 2, 3, 4]))
    thresholds = rng.integers(-2, 3, n) if draw(st.booleans()) else np.zeros(n, np.int64)
    order = draw(st.sampled_from([(), tuple(range(n)), tuple(rng.permutation(n).tolist()), (0, 0, n - 1)]))
    return Memory(hebbian(patterns), thresholds, patterns, degree, order, draw(st.integers(1, 3)), draw(st.booleans()),
                  draw(st.sampled_from(["keep", "minus"])), draw(st.sampled_from(["row", "array"])) if order else "row")


@settings(deadline=None, max_examples=40)
@given(memories(), st.integers(0, 1000))
def test_states_and_energies_are_those_of_the_equations(memory: Memory, seed: int) -> None:
    x = np.random.default_rng(seed).choice([-1, 1], (3, memory.units))
    module = build_hopfield(memory, "memory")
    verify_module(module)
    got = run(module, {"x": x})
    for k, begin in enumerate(x):
        states = follow(memory, begin)
        assert np.array_equal(got["y"][k], states[-1])
        levels = [energy(memory, s) for s in states]
        if module.facts["hopfield"]["energy_never_rises"]:
            assert all(b <= a for a, b in pairwise(levels))
        if memory.settle and got["converged"][k]:
            still = follow(memory, got["y"][k])
            assert all(np.array_equal(s, got["y"][k]) for s in still)


def test_energy_is_that_of_the_papers() -> None:
    patterns = np.random.default_rng(0).choice([-1, 1], (3, 7))
    memory = Memory(hebbian(patterns), np.arange(7), patterns)
    x = np.array([1, -1, 1, 1, -1, -1, 1])
    pairs = sum(memory.weights[i, j] * x[i] * x[j] for i in range(7) for j in range(7))
    by_hand = -0.5 * pairs + (x * np.arange(7)).sum()
    assert energy(memory, x) == 2 * by_hand
    dense = Memory(hebbian(patterns), np.zeros(7, int), patterns, 4)
    assert energy(dense, x) == -sum(int(p @ x) ** 4 for p in patterns)


def test_all_at_once_may_alternate_and_says_so() -> None:
    """Two units that inhibit each other change places for ever; one after the other they settle."""
    weights = np.array([[0, -1], [-1, 0]])
    nothing = np.zeros((0, 2), np.int64)
    sync = build_hopfield(Memory(weights, np.zeros(2, int), nothing, sweeps=5, settle=True), "sync")
    got = run(sync, {"x": np.array([[1, 1]])})
    assert (got["converged"].tolist(), got["steps"].tolist()) == ([0], [5])
    assert sync.facts["hopfield"]["energy_never_rises"] is False
    serial = build_hopfield(Memory(weights, np.zeros(2, int), nothing, order=(0, 1), sweeps=5, settle=True), "serial")
    got = run(serial, {"x": np.array([[1, 1]])})
    assert (got["converged"].tolist(), got["y"].tolist()) == ([1], [[-1, 1]])
    assert serial.facts["hopfield"]["energy_never_rises"] is True


def test_stored_patterns_are_recalled() -> None:
    rng = np.random.default_rng(1)
    patterns = rng.choice([-1, 1], (4, 64))
    spoiled = patterns * np.where(rng.random(patterns.shape) < 0.15, -1, 1)
    for degree in (2, 4):
        memory = Memory(hebbian(patterns), np.zeros(64, int), patterns, degree, tuple(range(64)), 10, True)
        got = circuitc.jit(build_hopfield(memory, "memory")).run({"x": spoiled})
        assert np.array_equal(got["y"], patterns)
        assert got["converged"].all()


def load(folder: Path, model: dict[str, Any]) -> Any:
    (folder / "net.json").write_text(json.dumps({**HEAD, **model}))
    return circuitc.load(folder / "net.json")


def test_weights_are_exact_decimals(tmp_path: Path) -> None:
    """0.1 + 0.2 - 0.3 is nothing: the tie stays a tie."""
    rows = [[0, "0.1", "0.2", "-0.3"]] + [[0, 0, 0, 0]] * 3
    module = load(tmp_path, {"weights": rows, "thresholds": ["0", "0.5", "-0.5", "0"], "update": "sync"})
    x = np.array([[1, 1, 1, 1], [-1, 1, 1, 1], [-1, 1, 1, -1]])
    assert run(module, {"x": x})["y"].tolist() == [[1, -1, 1, 1], [-1, -1, 1, 1], [1, -1, 1, -1]]


def test_thresholds_with_digits_scale_what_patterns_store(tmp_path: Path) -> None:
    """Patterns of 1,200 units were a minute of fractions."""
    pattern = [1, -1] * 600
    module = load(tmp_path, {"patterns": [pattern], "thresholds": ["0.25"] * 1200, "update": "sync"})
    assert run(module, {"x": np.array([pattern])})["y"].tolist() == [pattern]


def test_arrays_in_files(tmp_path: Path) -> None:
    patterns = np.random.default_rng(0).choice([-1, 1], (2, 6))
    np.savez(tmp_path / "p.npz", p=patterns.astype(np.int8))
    module = load(tmp_path, {"patterns": {"file": "p.npz", "array": "p"}, "degree": 4, "sweeps": 3, "order": [5, 0, 3]})
    want = build_hopfield(Memory(hebbian(patterns), np.zeros(6, int), patterns, 4, (5, 0, 3), 3), "net")
    x = np.random.default_rng(1).choice([-1, 1], (8, 6))
    assert np.array_equal(run(module, {"x": x})["y"], run(want, {"x": x})["y"])


@pytest.mark.parametrize(("change", "message"), [
    ({}, "a memory has either patterns or weights"),
    ({"patterns": [[1, 0]]}, "pattern 0 has a number that is neither -1 nor 1"),
    ({"patterns": [[1, -1], [1]]}, "rows of one length"),
    ({"patterns": []}, "expected a list of at least 1"),
    ({"patterns": [[1, -1]], "weights": [[0]]}, "either patterns or weights"),
    ({"weights": [[0, 1], [1, 0]], "degree": 4}, "a dense memory (degree above 2) has patterns"),
    ({"weights": [[0, 1, 2], [1, 0, 2]]}, "weights are [units, units]"),
    ({"weights": [[0, 1], [1, 0]], "thresholds": [1]}, "2 units have 1 thresholds"),
    ({"weights": [[0, "1e30"], [1, 0]]}, "need more than 60 bits"),
    ({"patterns": [[1, -1]], "order": [2]}, "the order names unit 2, there are 2"),
    ({"patterns": [[1, -1]], "update": "sync", "order": [0]}, "order and form are those of async updates"),
    ({"patterns": [[1, -1] * 2000], "degree": 9}, "need sums of more than 62 bits"),
    ({"patterns": [[1] * 9000]}, "patterns of 9000 units make 9000**2 weights, more than 67108864"),
    ({"patterns": [[1, -1]], "thresholds": ["1e-30", 0]}, "need more than 60 bits"),
    ({"patterns": {"file": "../p.npz", "array": "p"}}, "lies outside the folder"),
])
def test_wrong_models_are_told_in_a_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(CircuitError) as e:
        load(tmp_path, change)
    assert message in str(e.value)
    assert "\n" not in str(e.value)
