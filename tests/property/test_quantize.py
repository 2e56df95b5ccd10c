"""Quantization of random float networks: integers only, the same everywhere, as near as the bounds say."""

from typing import Any

import numpy as np
import pytest
from float_models import Net, random_net
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.ir import Graph, Module, random_raw, run
from circuitc.passes import run_passes
from circuitc.simulation import simulate_verilog

OPTIONS = ("", "scales=arbitrary", "granularity=tensor,scales=arbitrary,scheme=affine", "weights=i4,activations=4",
           "weights=binary", "weights=ternary,scales=arbitrary", "weights=i5,activations=u6,method=mse",
           "weights=i16,activations=16,inputs=16,functions=11,table=7", 'weights="fx<6,4>",activations=fx<8,4>',
           "scheme=affine,weight_scheme=affine,method=percentile,fit=minmax")


def quantized(module: Module, options: str, rng: np.random.Generator, more: str = "narrow") -> tuple[Module, Any, Any]:
    """Quantize on random data: the program, the record of `quantize`, and the data."""
    data = {"x": rng.normal(size=(100, *module.entry.inputs[0].type.shape)).astype(np.float32)}
    result = run_passes(module, f"quantize{{{options}}},{more}", calibration=data)
    return result, result.facts["passes"][0], data


def floats(module: Module) -> list[str]:
    body = module.entry.body
    assert isinstance(body, Graph)
    ports = [p.type for p in (*module.entry.inputs, *module.entry.outputs)]
    return [n.name for n in body.nodes if n.type.is_float] + [str(t) for t in ports if t.is_float]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), options=st.sampled_from(OPTIONS))
def test_integers_only_native_code_agrees_and_bounds_hold(seed: int, options: str) -> None:
    rng = np.random.default_rng(seed)
    module, record, _ = quantized(random_net(rng), options, rng)
    assert not floats(module)
    for name, found in record["evidence"]["outputs"].items():
        bound = record["facts"]["bound"]["any_input"].get(name)
        assert bound is None or found["max_error"] <= bound * (1 + 1e-6) + 1e-4  # the float program rounds to f32 too
    raw = {"x": random_raw(module.entry.inputs[0].type, 64, rng)}
    wanted, got = run(module, raw), circuitc.jit(module).run(raw)
    assert all(np.array_equal(wanted[name], got[name]) for name in wanted)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), scales=st.sampled_from(["power-of-two", "arbitrary"]))
def test_sixteen_bits_stay_within_the_bound_without_saturation(seed: int, scales: str) -> None:
    rng = np.random.default_rng(seed)
    net = Net(rng, (6,))
    v = net.relu(net.norm(net.linear(net.x, 5)))
    v = net.linear(net.function("tanh", v), 4, "out")
    _, record, _ = quantized(net.finish(v), f"weights=i16,activations=16,functions=12,scales={scales}", rng)
    bound = record["facts"]["bound"]["nothing_saturates"]["y0"]
    found = record["evidence"]["outputs"]["y0"]
    assert found["max_error"] <= bound + 1e-5
    assert bound < 0.2


@pytest.mark.parametrize("options", ["activations=3,functions=5", "activations=3,functions=7,table=5,scales=arbitrary"])
def test_simulated_verilog_agrees(options: str) -> None:
    rng = np.random.default_rng(3)
    net = Net(rng, (3,))
    v = net.sign(net.norm(net.linear(net.function("tanh", net.linear(net.x, 2)), 3, "h")))
    v = net.linear(v, 2, "out")
    module, _, _ = quantized(net.finish(v, net.b.apply("argmax", v, axis=0)), options, rng)
    build = circuitc.compile(module, target="verilog", verify=False)
    raw = {"x": random_raw(module.entry.inputs[0].type, 100, rng)}
    wanted = run(module, raw)
    got = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, raw, engine="yosys")
    assert all(np.array_equal(wanted[name], got[name]) for name in wanted)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ranges_prove_what_quantize_promises(seed: int) -> None:
    rng = np.random.default_rng(seed)
    module, _, _ = quantized(random_net(rng), "scales=arbitrary,functions=8,table=6", rng, "ranges")
    facts = module.facts["passes"][-1]["facts"]
    assert facts.get("never", {"not_proved": []})["not_proved"] == []
