"""Spiking networks as integers: interpreter, native code and Verilog (Icarus) answer the same bits, step by step."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.formats import load
from circuitc.ir import Module, run
from circuitc.models.spiking import Network, Node, Timing, build_network

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nir"
DT = 1e-3


def layer(kind: str, n: int, rng: np.random.Generator) -> Node:
    values = {"tau": rng.uniform(2, 9, n) * DT, "tau_syn": rng.uniform(2, 9, n) * DT,
              "tau_mem": rng.uniform(2, 9, n) * DT, "r": rng.uniform(4, 6, n), "v_leak": rng.uniform(-0.1, 0.1, n),
              "v_threshold": rng.uniform(0.2, 0.8, n), "v_reset": rng.uniform(-0.2, 0.1, n)}
    names = {"LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
             "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset"), "LI": ("tau", "r", "v_leak")}
    return Node(kind, {name: values[name] for name in names[kind]})


def recurrent(kind: str, seed: int = 0, **timing: Any) -> tuple[Module, Any]:
    """Make a small recurrent network with a delayed readout, and spikes for it."""
    rng = np.random.default_rng(seed)
    nodes = {
        "in": Node("Input", {"shape": [3]}),
        "fc": Node("Affine", {"weight": rng.normal(0, 1, (4, 3)), "bias": rng.normal(0, 0.1, 4)}),
        "hidden": layer(kind, 4, rng), "rec": Node("Linear", {"weight": rng.normal(0, 0.3, (4, 4))}),
        "wait": Node("Delay", {"delay": np.array([0, 1, 2, 1]) * DT}),
        "out": Node("Linear", {"weight": rng.normal(0, 1, (2, 4))}), "li": layer("LI", 2, rng),
        "y": Node("Output", {"shape": [2]}), "s": Node("Output", {"shape": [4]})}
    edges = (("in", "fc"), ("fc", "hidden"), ("hidden", "rec"), ("rec", "hidden"), ("hidden", "wait"), ("wait", "out"),
             ("out", "li"), ("li", "y"), ("hidden", "s"))
    module = build_network(Network(nodes, edges), Timing(DT, inputs="spikes", **timing))
    return module, {"in": (rng.random((8, 24, 3)) < 0.4).astype(np.uint8)}


@needs_icarus
@pytest.mark.parametrize(("kind", "timing"), [("LIF", {"decay": "shift"}), ("CubaLIF", {"scheme": "exact"})])
def test_quantized_networks_simulate_bit_for_bit(kind: str, timing: dict[str, Any]) -> None:
    module, data = recurrent(kind, **timing)
    small = circuitc.run_passes(module, "quantize{weights=i8,activations=16}", calibration=data)
    assert not any(n.type.is_float for n in small.entry.body.nodes)
    wanted = run(small, data)
    assert 0.02 < wanted["s"].mean() < 0.95
    real = run(module, data)
    assert np.mean(wanted["s"] != real["s"]) < 0.1
    native, simulated = circuitc.jit(small).run(data), circuitc.simulate(small, data, engine="icarus")
    for name in wanted:
        assert np.array_equal(native[name], wanted[name])
        assert np.array_equal(simulated[name], wanted[name])


def test_leaks_as_shifts_need_no_multiplier() -> None:
    nodes = {"in": Node("Input", {"shape": [2]}), "lif": Node("LIF", {
        "tau": np.array([3.1, 3.8]) * DT, "r": np.ones(2), "v_leak": np.zeros(2), "v_threshold": np.full(2, 0.5)}),
        "out": Node("Output", {"shape": [2]})}
    module = build_network(Network(nodes, (("in", "lif"), ("lif", "out"))), Timing(DT, decay="shift"))
    small = circuitc.run_passes(module, "quantize", calibration={"in": np.random.default_rng(0).random((4, 20, 2))})
    build = circuitc.compile(small, "verilog", vectors=50)
    assert " * " not in build.artefacts[build.main].decode()


@needs_icarus
@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is absent")
@pytest.mark.parametrize(("name", "dt", "decay", "samples"), [
    ("lif_norse", 1e-3, "as-is", 4), ("lif_norse", 1e-3, "shift", 4), ("braille_noDelay_bias_zero", 1e-4, "as-is", 1)])
def test_trained_networks_simulate_bit_for_bit(name: str, dt: float, decay: str, samples: int) -> None:
    module = load(DATA / f"{name}.nir", options={"dt": dt, "decay": decay, "inputs": "spikes"})
    rng = np.random.default_rng(0)
    data = {"input": (rng.random((8, 40, *module.entry.inputs[0].type.shape)) < 0.2).astype(np.uint8)}
    small = circuitc.run_passes(module, "quantize{weights=i8,activations=16,sensitivity=false}", calibration=data)
    wanted = run(small, data)["output"]
    assert wanted.any()
    assert np.array_equal(circuitc.jit(small).run(data)["output"], wanted)
    simulated = circuitc.simulate(small, {"input": data["input"][:samples]}, engine="icarus")
    assert np.array_equal(simulated["output"], wanted[:samples])
