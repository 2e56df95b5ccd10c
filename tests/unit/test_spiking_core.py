"""The fixed-point core against a reference in Python integers, UltraLIF against its smooth form; model.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.formats import load
from circuitc.ir import parse_type, run, verify_module
from circuitc.models.spiking import Core, UltraLayer, core_module, ultra_network

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")


def rounded(numbers: Any, fraction: int) -> Any:
    return np.rint(np.ldexp(numbers, fraction)) * 2.0**-fraction


def make(n: int, m: int, *, shifts: bool, seed: int = 0) -> Core:
    rng = np.random.default_rng(seed)
    tau = 2.0 ** rng.integers(1, 5, n) if shifts else rng.uniform(1, 20, n)
    return Core(rounded(rng.normal(-0.05, 0.2, (n, n)), 7), rounded(rng.uniform(-0.2, 0.7, (n, m)), 7),
                rounded(rng.uniform(0.3, 1, n), 10), rng.integers(0, 4, n).astype(float), tau,
                rounded(rng.uniform(-0.1, 0.1, n), 10))


def reference(core: Core, x: Any) -> tuple[Any, Any]:
    """Walk the neurons in Python integers: the spikes and raw voltages of each tick."""
    n = len(core.threshold)
    raw = [[round(w * 1024) for w in (*core.lateral[j], *core.forward[j])] for j in range(n)]
    rate = [int(np.rint(1024 / t)) for t in core.tau]
    v, wait, before = [0] * n, [0] * n, [0] * n
    spikes, voltages = [], []
    for tick in x:
        heard, now = [*before, *map(int, tick)], []
        for j in range(n):
            moved = v[j] - (v[j] * rate[j] >> 10) + sum(w for w, s in zip(raw[j], heard, strict=True) if s)
            moved = max(-(1 << 17), min((1 << 17) - 1, moved))
            fires = wait[j] == 0 and moved >= round(core.threshold[j] * 1024)
            v[j] = round(core.reset[j] * 1024) if fires else moved
            wait[j] = int(core.refractory[j]) if fires else max(0, wait[j] - 1)
            now.append(int(fires))
        before = now
        spikes.append(now)
        voltages.append(list(v))
    return np.array(spikes), np.array(voltages)


@pytest.mark.parametrize("shifts", [True, False])
def test_both_forms_of_a_core_follow_the_reference(shifts: bool) -> None:
    n, m, ticks = 7, 5, 40
    core = make(n, m, shifts=shifts)
    x = (np.random.default_rng(1).random((2, ticks, m)) < 0.3).astype(np.uint8)
    parallel, serial = core_module(core, "parallel"), core_module(core)
    found = run(parallel, {"x": x})
    held = {"x": np.repeat(x, n, axis=1)}
    clocked, native = run(serial, held), circuitc.jit(serial).run(held)
    assert all(np.array_equal(clocked[name], native[name]) for name in clocked)
    for k in range(2):
        spikes, voltages = reference(core, x[k])
        assert 0.02 < spikes.mean() < 0.9
        assert np.array_equal(found["spike"][k], spikes)
        assert np.array_equal(found["v"][k], voltages)
        assert np.array_equal(clocked["spike"][k].reshape(ticks, n), spikes)
        assert np.array_equal(clocked["v"][k].reshape(ticks, n), voltages)
    assert clocked["neuron"][0, :n + 1].tolist() == [*range(n), 0]
    assert clocked["tick"][0].reshape(ticks, n).sum(axis=0).tolist() == [0] * (n - 1) + [ticks]


def test_a_voltage_saturates() -> None:
    core = Core(np.zeros((1, 1)), np.full((1, 64), 127 / 128), np.full(1, 127.0), np.zeros(1), np.full(1, 1000.0),
                np.zeros(1))
    x = np.ones((1, 6, 64), np.uint8)
    for form in ("parallel", "multiplexed"):
        answer = run(core_module(core, form), {"x": x})
        assert np.array_equal(answer["v"].ravel(), reference(core, x[0])[1].ravel())


@needs_icarus
def test_a_core_simulates_bit_for_bit() -> None:
    core = make(5, 3, shifts=False)
    module = core_module(core)
    x = {"x": np.repeat((np.random.default_rng(1).random((2, 10, 3)) < 0.4).astype(np.uint8), 5, axis=1)}
    wanted, found = run(module, x), circuitc.simulate(module, x, engine="icarus")
    assert all(np.array_equal(wanted[name], found[name]) for name in wanted)
    assert wanted["spike"].any()


def ultra(t: str, **how: Any) -> tuple[Any, list[UltraLayer]]:
    rng = np.random.default_rng(3)
    layers = [UltraLayer(rounded(rng.normal(0, 1, (6, 4)), 6), rounded(rng.normal(0, 0.3, 6), 6),
                         rng.uniform(0.3, 1, 6), np.full(6, 0.75)),
              UltraLayer(rounded(rng.normal(0, 1, (3, 6)), 6), np.zeros(3), rng.uniform(0.3, 1, 3), np.full(3, 0.5))]
    return ultra_network(layers, parse_type(t), **how), layers


@pytest.mark.parametrize("t", ["f64", "fx<20,12>"])
def test_ultralif_is_the_limit_of_its_smooth_form(t: str) -> None:
    module, layers = ultra(t)
    verify_module(module)
    x = (np.random.default_rng(4).random((2, 60, 4)) < 0.4).astype(np.uint8)
    found = run(module, {"x": x})["y"]
    assert np.array_equal(circuitc.jit(module).run({"x": x})["y"], found)
    e, right = 1e-4, []
    for sample in x:
        v, steps = [np.zeros(6), np.zeros(3)], []
        for s in sample.astype(float):
            for k, layer in enumerate(layers):
                current = layer.weights @ s + layer.bias
                charged = e * logsumexp(np.stack([v[k] + np.log(layer.tau), current]) / e, axis=0)
                s = (charged >= layer.theta - 2 * e).astype(float)  # the soft maximum is at most e log 2 above
                v[k] = charged * (1 - s)
            steps.append(s)
        right.append(steps)
    assert 0.02 < found.mean() < 0.9
    assert np.mean(found != np.array(right)) < 0.01


@needs_icarus
def test_ultralif_simulates_bit_for_bit() -> None:
    module, _ = ultra("fx<16,10>")
    x = {"x": (np.random.default_rng(4).random((2, 20, 4)) < 0.4).astype(np.uint8)}
    wanted = run(module, x)["y"]
    assert wanted.any()
    assert np.array_equal(circuitc.simulate(module, x, engine="icarus")["y"], wanted)


CORE = {"lateral": [[0, "0.5"], ["-0.25", 0]], "forward": [[1], ["0.25"]], "threshold": ["0.5", 1], "tau": [4, 8],
        "weight_fraction": 6}
LAYER = {"weights": [[1, "0.5"]], "tau": ["0.9"], "theta": [1]}


def model(path: Path, **keys: Any) -> Path:
    path.write_text(json.dumps({"schema": "circuitc.model/1", "kind": "spiking", **keys}))
    return path


def test_models_as_json(tmp_path: Path) -> None:
    core = load(model(tmp_path / "a.json", core=CORE))
    same = Core(np.array([[0, 0.5], [-0.25, 0]]), np.array([[1], [0.25]]), np.array([0.5, 1]), np.zeros(2),
                np.array([4.0, 8.0]), np.zeros(2), 6)
    assert core.entry == core_module(same, name="a").entry
    layers = load(model(tmp_path / "b.json", layers=[LAYER], type="fx<16,8>", inputs="real"))
    assert str(layers.entry.inputs[0].type) == "fx<16,8>[2]"
    assert run(layers, {"x": np.array([[[256, 0], [0, 256], [0, 512]]])})["y"].ravel().tolist() == [1, 0, 1]


@pytest.mark.parametrize(("keys", "message"), [
    ({}, "one of the keys core and layers"),
    ({"core": CORE, "layers": [LAYER]}, "one of the keys core and layers"),
    ({"core": {**CORE, "tau": [4, "0.5"]}}, "tau is at least 1 tick"),
    ({"core": {**CORE, "tau": [4]}}, "tau has a number for each of 2 neurons, got [1]"),
    ({"core": {**CORE, "threshold": ["0.5", 200]}}, "threshold has 200, which fx<18,10> does not hold"),
    ({"core": {**CORE, "lateral": [[0, 3], [0, 0]]}}, "weights has 3, which fx<8,6> does not hold"),
    ({"core": {**CORE, "lateral": [[0, 1]]}}, "a core of 2 neurons has lateral weights [2, 2]"),
    ({"core": {**CORE, "lateral": [[0, 1], [1]]}}, "the rows are not of one length"),
    ({"core": {**CORE, "refractory": [1, 300]}}, "refractory has 300"),
    ({"core": {**CORE, "forwards": 1}}, "there is no key 'forwards' here"),
    ({"layers": [{**LAYER, "tau": [2]}]}, "tau lies above 0 and is at most 1"),
    ({"layers": [LAYER, LAYER]}, "the layers of a network fit each other"),
    ({"layers": [LAYER], "type": "u8"}, "voltages are floats or signed numbers, u8 is neither"),
    ({"layers": [{**LAYER, "theta": ["1e50"]}]}, "theta has a number beyond those of f32"),
])
def test_models_that_are_none(keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CircuitError) as caught:
        load(model(tmp_path / "a.json", **keys))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
