"""Reservoirs: against their equations in numpy, matrices from seeds and conductances, readouts, wrong models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import run, verify_module
from circuitc.models.reservoir import (
    EchoState,
    Liquid,
    build_echo_state,
    build_liquid,
    conductance_weights,
    liquid_matrices,
    ridge,
    sparse_matrix,
    spectral_radius,
)

HEAD = {"schema": "circuitc.model/1", "kind": "reservoir"}
ECHO: dict[str, Any] = {**HEAD, "model": "echo-state", "weights": [[0, "0.5"], ["-0.25", 0]], "weights_in": [[1], [2]]}
LIQUID: dict[str, Any] = {**HEAD, "model": "liquid", "liquid": {"grid": [3, 2, 2], "inputs": 5, "seed": 3, "weight": 9}}


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 3), st.sampled_from([1.0, 0.3]), st.booleans())
def test_echo_states_follow_their_equation(seed: int, units: int, inputs: int, leak: float, has_readout: bool) -> None:
    rng = np.random.default_rng(seed)
    w, w_in, bias = rng.normal(size=(units, units)), rng.normal(size=(units, inputs)), rng.normal(size=units)
    readout, readout_bias = (rng.normal(size=(2, units)), rng.normal(size=2)) if has_readout else (None, None)
    module = build_echo_state(EchoState(w, w_in, bias, leak, readout, readout_bias), "esn")
    verify_module(module)
    u = rng.normal(size=(2, 6, inputs)).astype(np.float32)
    x, want = np.zeros((2, units)), []
    for step in range(6):
        x = (1 - leak) * x + leak * np.tanh(u[:, step] @ w_in.T + x @ w.T + bias)
        want.append(x if readout is None else x @ readout.T + readout_bias)
    got = run(module, {"u": u})["y"]
    np.testing.assert_allclose(got, np.stack(want, axis=1), atol=2e-4 * max(1, np.abs(want).max()))


def spikes_of(net: Liquid, arriving: Any) -> Any:
    """Run the liquid's equations in doubles, which hold its numbers: [steps, inputs] to [steps, neurons]."""
    one, n = 2.0**net.fraction, len(net.weights)
    w, w_in, bias = (np.rint(a * one) / one for a in (net.weights, net.weights_in, net.bias))
    decay = np.rint(np.exp(-np.arange(101) / net.tau_u) / net.tau_u * one) / one
    leak = min(round(2**24 / net.tau_v), 2**24 - 1) / 2**24
    limit = round(net.threshold * one) / one
    v, since, last = np.zeros(n), np.full(n, 100), np.full(n, -10**6)
    found = []
    for step, items in enumerate(arriving):
        v = np.rint((v + w @ decay[since] + w_in @ items + bias - v * leak) * one) / one
        v = np.clip(v, -(2.0**15), 2.0**15 - 1 / one)
        spike = (v >= limit) & (step - last > net.refractory)
        v, last = np.where(spike, 0, v), np.where(spike, step, last)
        since = np.where(spike, 0, np.minimum(since + 1, 100))
        found.append(spike)
    return np.array(found)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 2.0, 3.7]), st.sampled_from([64.0, 10.0, 1.0]), st.integers(0, 3),
       st.integers(2, 12))
def test_liquids_spike_as_their_equations(seed: int, tau_u: float, tau_v: float, refractory: int,
                                          fraction: int) -> None:
    w, w_in = liquid_matrices((3, 2, 2), 6, seed, weight=12, input_weight=9, input_density=0.4)
    rng = np.random.default_rng(seed)
    net = Liquid(w, w_in, rng.normal(size=12), tau_v, tau_u, 15.0, refractory, fraction)
    module = build_liquid(net, "lsm")
    verify_module(module)
    arriving = (rng.random((3, 25, 6)) < 0.3).astype(np.int64)
    got = run(module, {"spikes_in": arriving})
    want = np.stack([spikes_of(net, a) for a in arriving])
    assert np.array_equal(got["spikes"], want)
    assert np.array_equal(got["counts"], want.sum(axis=1))


def test_spikes_happen_and_are_classified_by_share() -> None:
    w, w_in = liquid_matrices((3, 3, 3), 10, 5, weight=10)
    rng = np.random.default_rng(0)
    readout, bias = rng.normal(size=(4, 27)), rng.normal(size=4) * 0.1
    net = Liquid(w, w_in, np.zeros(27), readout=readout, readout_bias=bias)
    got = run(build_liquid(net, "lsm"), {"spikes_in": rng.integers(0, 2, (50, 20, 10))})
    assert got["counts"].sum(axis=1).min() > 10
    scores = got["counts"] / got["counts"].sum(axis=1, keepdims=True) @ readout.T + bias
    clear = np.diff(np.sort(scores, axis=1)[:, -2:], axis=1)[:, 0] > 1e-3  # the readout is rounded to 15 bits
    assert clear.sum() > 40
    assert np.array_equal(got["class"][clear], scores.argmax(axis=1)[clear])


def test_matrices_are_those_of_their_seed() -> None:
    a, b = (sparse_matrix(50, 50, 0.2, radius=0.9, seed=4) for _ in range(2))
    assert np.array_equal(a, b)
    assert spectral_radius(a) == pytest.approx(0.9)
    assert 0.1 < (a != 0).mean() < 0.3
    w, w_in = liquid_matrices((5, 5, 5), 30, 1)
    assert not np.diagonal(w).any()
    assert all(len(set(np.sign(column[column != 0]))) <= 1 for column in w.T)  # a sender excites or inhibits
    near = np.abs(np.subtract.outer(np.arange(125) // 25, np.arange(125) // 25)) <= 1
    assert (w != 0)[near].mean() > 2 * (w != 0)[~near].mean()
    assert 0.1 < (w_in != 0).mean() < 0.2


def test_ridge_solves_the_normal_equations() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 2))
    weights, bias = ridge(x, y, 0.7)
    wide = np.hstack([x, np.ones((60, 1))])
    full = np.linalg.solve(wide.T @ wide + 0.7 * np.diag([1, 1, 1, 1, 1, 0]), wide.T @ y)
    np.testing.assert_allclose(np.hstack([weights, bias[:, None]]).T, full, atol=1e-12)


def load(folder: Path, model: dict[str, Any]) -> Any:
    (folder / "net.json").write_text(json.dumps(model))
    return circuitc.load(folder / "net.json")


def test_conductances_become_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.uniform(1e-6, 1e-4, (2, 6, 6))
    np.savez(tmp_path / "g.npz", n=negative)
    np.savetxt(tmp_path / "p.csv", positive, delimiter=",")
    model = {**ECHO, "weights": {"positive": "p.csv", "negative": {"file": "g.npz", "array": "n"}, "unit": "5e-5"},
             "weights_in": {"draw": "sparse", "rows": 6, "columns": 1, "seed": 1}}
    want = build_echo_state(EchoState(conductance_weights(positive, negative, 5e-5), sparse_matrix(6, 1, seed=1),
                                      np.zeros(6)), "net")
    u = rng.normal(size=(1, 5, 1)).astype(np.float32)
    got = run(load(tmp_path, model), {"u": u})["y"]
    np.testing.assert_allclose(got, run(want, {"u": u})["y"], rtol=1e-6)
    np.testing.assert_allclose(conductance_weights([[3e-5]], [[1e-5]], 1e-5), [[2]])


def test_a_liquid_in_a_file(tmp_path: Path) -> None:
    module = load(tmp_path, LIQUID)
    w, w_in = liquid_matrices((3, 2, 2), 5, 3, weight=9)
    want = build_liquid(Liquid(w, w_in, np.zeros(12)), "net")
    arriving = np.random.default_rng(0).integers(0, 2, (2, 9, 5))
    assert np.array_equal(run(module, {"spikes_in": arriving})["spikes"], run(want, {"spikes_in": arriving})["spikes"])
    assert module.facts["reservoir"]["units"] == 12


@pytest.mark.parametrize(("model", "change", "message"), [
    (ECHO, {"weights": [[0, 1]]}, "weights of 1 units have shape [1, 1]"),
    (ECHO, {"bias": [1]}, "bias of 2 units have shape [2], got [1]"),
    (ECHO, {"leak": 0}, "a leak rate is above 0 and at most 1"),
    (ECHO, {"readout_bias": [1]}, "readout_bias needs a readout"),
    (ECHO, {"weights": {"draw": "sparse", "rows": 2, "columns": 2, "density": 0}}, "a density is above 0"),
    (ECHO, {"weights": {"draw": "sparse", "rows": 2, "columns": 3, "radius": 1}}, "that of a square matrix"),
    (ECHO, {"weights": {"draw": "dense"}}, "weights"),
    (ECHO, {"weights": {"positive": "a.csv", "negative": "b.csv", "unit": 1}}, "there is no file a.csv beside"),
    (ECHO, {"weights": {"positive": "../a.csv", "negative": "b.csv", "unit": 1}}, "lies outside the folder"),
    (ECHO, {"weights": {"positive": "bad.csv", "negative": "bad.csv", "unit": 1}}, "bad.csv is no table of numbers"),
    (ECHO, {"weights": {"positive": "good.csv", "negative": "good.csv", "unit": 0}}, "is above 0, got 0"),
    (ECHO, {"weights": [["1e400", 0], [0, 0]]}, "1e400 is outside the range"),
    (ECHO, {"weights": None}, "a reservoir has weights and weights_in"),
    (ECHO, {"liquid": LIQUID["liquid"]}, "liquid draws the weights of a liquid"),
    (LIQUID, {"liquid": {"grid": [100, 100, 100], "inputs": 1}}, "a matrix that is drawn has 1 to 16777216 weights"),
    (ECHO, {"weights": {"positive": 5, "negative": "b.csv", "unit": 1}}, "positive: expected an object, got 5"),
    (ECHO, {"weights": {"draw": "sparse", "rows": 2, "columns": 2, "radius": -1}}, "radius is above 0, got -1"),
    (LIQUID, {"liquid": {"grid": [2, 1, 1], "inputs": 1, "distance": 0}}, "the distance of a liquid is above 0"),
    (LIQUID, {"liquid": {"grid": [2, 1, 1], "inputs": 1, "input_density": 7}}, "a density is above 0 and at most 1"),
    (LIQUID, {"tau_u": 0}, "tau_v is 1 to 2**20 steps"),
    (LIQUID, {"threshold": 0}, "a threshold is above 0"),
    (LIQUID, {"fraction": 20}, "fraction: 20 is more than 14"),
    (LIQUID, {"weights": [[1]]}, "which then has no others"),
])
def test_wrong_models_are_told_in_a_line(tmp_path: Path, model: dict[str, Any], change: dict[str, Any],
                                         message: str) -> None:
    (tmp_path / "bad.csv").write_text("1,2\n3\n")
    (tmp_path / "good.csv").write_text("1,2\n3,4\n")
    with pytest.raises(CircuitError) as e:
        load(tmp_path, {**model, **change})
    assert message in str(e.value)
    assert "\n" not in str(e.value)
