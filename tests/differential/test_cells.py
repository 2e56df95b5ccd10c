"""Piecewise-linear, continuous-time and event-driven cells against their equations in float64, on all targets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.ir import F32, Module, Port, run, verify_module
from circuitc.models.cells import (
    ARRAYS,
    CURVES,
    MODES,
    VARIANTS,
    Observed,
    Shown,
    Start,
    cell_network,
    cfc,
    egru,
    ltc,
    plrnn,
)
from circuitc.models.rnn import Linear
from circuitc.passes import run_passes
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

SIZES = st.integers(1, 6)
SEEDS = st.integers(0, 1 << 30)
FEW = settings(max_examples=8, deadline=None)
NEAR = 1e-5  # of the largest magnitude, as docs/semantics.md has it


def normal(rng: Any, *shape: int, scale: float = 0.5) -> Any:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def native(module: Module, inputs: dict[str, Any]) -> dict[str, Any]:
    found = circuitc.jit(module)(*(inputs[p.name] for p in module.entry.inputs))
    return dict(zip((p.name for p in module.entry.outputs), found if isinstance(found, tuple) else (found,),
                    strict=True))


def compare(module: Module, inputs: dict[str, Any], wanted: dict[str, Any], margin: Any = None) -> None:
    """Check interpreter and native code; bits are the same wherever `margin`, what they are signs of, is not near 0."""
    verify_module(module)
    for got in (run(module, inputs), native(module, inputs)):
        for name, value in wanted.items():
            if value.dtype == bool:
                sure = np.abs(margin) > 1e-4
                assert np.array_equal(got[name].astype(bool)[sure], value[sure]), name
            else:
                assert np.abs(got[name] - value).max() <= NEAR * max(1.0, np.abs(value).max()), name


# Piecewise-linear networks


def sizes_of(m: int, d: int, bases: int) -> dict[str, int]:
    return {"M": m, "D": d, "B": bases}


def plrnn_arrays(rng: Any, variant: str, m: int, d: int, bases: int) -> dict[str, Any]:
    sizes = sizes_of(m, d, bases)
    return {name: normal(rng, *(sizes[k] for k in letters)) for name, letters in ARRAYS[variant].items()}


def plrnn_step(variant: str, p: dict[str, Any], relus: int, z: Any) -> tuple[Any, Any]:
    """One step from z [batch, M], and what the relus are the signs of, [batch, relus]; sums written out by units."""
    def relu(v: Any) -> Any:
        return np.where(v > 0, v, 0.0)
    if variant in ("shallow", "clipped-shallow"):
        plain = np.einsum("dm,nm->nd", p["W2"], z)
        hidden, inside = relu(plain + p["h2"]), plain + p["h2"]
        if variant == "clipped-shallow":
            hidden, inside = hidden - relu(plain), np.concatenate([inside, plain], axis=1)
        return p["A"] * z + np.einsum("md,nd->nm", p["W1"], hidden) + p["h1"], inside
    units = z.shape[1]
    if variant == "alrnn":
        inside = z[:, units - relus:]
        phi = np.stack([z[:, k] if k < units - relus else relu(z[:, k]) for k in range(units)], axis=1)
    elif variant == "vanilla":
        phi, inside = relu(z), z
    elif variant == "mean-centred":
        inside = z - z.mean(axis=1, keepdims=True)
        phi = relu(inside)
    else:
        phi, parts = np.zeros_like(z), []
        for k in range(units):
            for b, alpha in enumerate(p["alpha"]):
                phi[:, k] += alpha * relu(z[:, k] - p["H"][k, b])
                if variant == "clipped":
                    phi[:, k] -= alpha * relu(z[:, k])
                parts.append(z[:, k] - p["H"][k, b])
            parts += [z[:, k]] if variant == "clipped" else []
        inside = np.stack(parts, axis=1)
    return p["A"] * z + np.einsum("ij,nj->ni", p["W"], phi) + p["h"], inside


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=4, deadline=None)
@given(SIZES, SIZES, st.integers(1, 3), st.integers(0, 3), st.booleans(), SEEDS)
def test_piecewise_linear_networks(variant: str, m: int, d: int, bases: int, inputs: int, affine: bool,
                                   seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays, steps = plrnn_arrays(rng, variant, m, d, bases), 5
    relus = int(rng.integers(1, m + 1))
    c = normal(rng, m, inputs) if inputs else None
    cell = plrnn(variant, arrays, relus=relus if variant == "alrnn" else None, c=c)
    observed = int(rng.integers(1, m + 1))
    start = Start("x0", normal(rng, m - observed, observed)) if observed < m else Start("x0")
    readout = Linear(normal(rng, 2, m), normal(rng, 2)) if affine else Observed(observed)
    port = Port("s", F32.with_shape((inputs,))) if inputs else None
    shown = Shown("x", seen=(("code", "code"),), state="state")
    module = cell_network([cell], [readout], port, steps=None if inputs else steps, start=start, shown=shown)
    x0, s = normal(rng, 3, observed, scale=1.0), normal(rng, 3, steps, max(inputs, 1), scale=1.0)
    given_ = {"x0": x0} | ({"s": s} if inputs else {})

    p = {k: v.astype(np.float64) for k, v in arrays.items()}
    z = x0.astype(np.float64) if start.initial is None else np.concatenate([x0, x0 @ start.initial.T], axis=1)
    seen, signs = [], []
    for t in range(steps):
        z, inside = plrnn_step(variant, p, relus, z)
        z = z + s[:, t].astype(np.float64) @ c.T if c is not None else z
        seen.append(z)
        signs.append(inside)
    states, margin = np.stack(seen, axis=1), np.stack(signs, axis=1)
    out = states @ readout.weights.T + readout.bias if isinstance(readout, Linear) else states[..., :observed]
    compare(module, given_, {"x": out, "state": states, "code": margin > 0}, margin)


# CfC


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def normal_share(x: Any) -> Any:
    from scipy.special import ndtr
    return ndtr(x)


REFERENCE_CURVES = {"lecun_tanh": lambda x: 1.7159 * np.tanh(0.666 * x), "tanh": np.tanh, "gelu": lambda x: x * (
    normal_share(x)), "relu": lambda x: np.maximum(x, 0), "silu": lambda x: x * logistic(x)}


@FEW
@given(st.sampled_from(MODES), st.sampled_from(sorted(CURVES)), st.integers(0, 2), SIZES, SIZES, SIZES, st.booleans(),
       SEEDS)
def test_closed_form_networks(mode: str, curve: str, layers: int, inputs: int, hidden: int, width: int, timed: bool,
                              seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = [inputs + hidden, *[width] * layers]
    backbone = [(normal(rng, o, i), normal(rng, o)) for i, o in pairwise(widths)]
    maps = {k: (normal(rng, hidden, widths[-1]), normal(rng, hidden)) for k in ("ff1", "ff2", "time_a", "time_b")}
    w_tau, a = normal(rng, 1, hidden), normal(rng, 1, hidden)
    constant = float(rng.uniform(0.1, 2))
    cell = cfc(mode, backbone, maps, activation=curve, dt=None if timed else constant, w_tau=w_tau, a=a)
    module = cell_network([cell], [], Port("x", F32.with_shape((inputs,))), dt="dt" if timed else "")
    x = normal(rng, 3, 5, inputs, scale=1.0)
    dt = rng.uniform(0.1, 2, (3, 5)).astype(np.float32)
    wide = {k: tuple(v.astype(np.float64) for v in pair) for k, pair in maps.items()}

    def linear(name: str, u: Any) -> Any:
        return u @ wide[name][0].T + wide[name][1]
    h, found = np.zeros((3, hidden)), []
    for t in range(5):
        ts = dt[:, t, None].astype(np.float64) if timed else constant
        u = np.concatenate([x[:, t], h], axis=1).astype(np.float64)
        for weights, bias in backbone:
            u = REFERENCE_CURVES[curve](u @ weights.astype(np.float64).T + bias)
        if mode == "pure":
            f = linear("ff1", u)
            h = -a * np.exp(-ts * (np.abs(w_tau) + np.abs(f))) * f + a
        else:
            one, two = np.tanh(linear("ff1", u)), np.tanh(linear("ff2", u))
            share = logistic(linear("time_a", u) * ts + linear("time_b", u))
            h = one + share * two if mode == "no_gate" else one * (1 - share) + share * two
        found.append(h)
    compare(module, {"x": x} | ({"dt": dt} if timed else {}), {"y": np.stack(found, axis=1)})


# LTC


def ltc_arrays(rng: Any, inputs: int, units: int, motors: int) -> dict[str, Any]:
    def synapses(prefix: str, sources: int) -> dict[str, Any]:
        shape = (sources, units)
        return {f"{prefix}w": np.abs(normal(rng, *shape)), f"{prefix}sigma": rng.uniform(3, 8, shape),
                f"{prefix}mu": rng.uniform(0.3, 0.8, shape), f"{prefix}erev": rng.choice([-1.0, 1.0], shape),
                f"{prefix}sparsity_mask": rng.integers(0, 2, shape)}
    return {"gleak": rng.uniform(0.01, 1, units), "vleak": normal(rng, units), "cm": rng.uniform(0.4, 0.6, units),
            "input_w": normal(rng, inputs), "input_b": normal(rng, inputs), "output_w": normal(rng, motors),
            "output_b": normal(rng, motors), **synapses("", units), **synapses("sensory_", inputs)}


@FEW
@given(SIZES, SIZES, st.integers(1, 8), st.booleans(), SEEDS)
def test_liquid_networks_call_their_inner_steps(inputs: int, units: int, unfolds: int, implicit: bool,
                                                seed: int) -> None:
    rng = np.random.default_rng(seed)
    motors, dt, epsilon = int(rng.integers(1, units + 1)), float(rng.uniform(0.2, 2)), 1e-8
    arrays = ltc_arrays(rng, inputs, units, motors)
    cell = ltc(arrays, unfolds=unfolds, dt=dt, epsilon=epsilon, implicit=implicit)
    module = cell_network([cell], [], Port("x", F32.with_shape((inputs,))))
    assert sum(n.op == "call" for n in module.entry.body.nodes) == unfolds
    x = normal(rng, 3, 4, inputs, scale=1.0)

    def positive(name: str) -> Any:
        return np.log1p(np.exp(arrays[name])) if implicit else arrays[name]

    def into(prefix: str, v: Any, unit: int) -> tuple[Any, Any]:
        above = below = np.zeros(3)
        for j in range(v.shape[1]):
            gate = logistic(arrays[f"{prefix}sigma"][j, unit] * (v[:, j] - arrays[f"{prefix}mu"][j, unit]))
            weight = positive(f"{prefix}w")[j, unit] * arrays[f"{prefix}sparsity_mask"][j, unit] * gate
            above, below = above + weight * arrays[f"{prefix}erev"][j, unit], below + weight
        return above, below
    v, found = np.zeros((3, units)), []
    for t in range(4):
        mapped = x[:, t] * arrays["input_w"].astype(np.float64) + arrays["input_b"]
        for _ in range(unfolds):
            after = np.empty_like(v)
            for unit in range(units):
                (up, down), (up_in, down_in) = into("", v, unit), into("sensory_", mapped, unit)
                k, g = positive("cm")[unit] / (dt / unfolds), positive("gleak")[unit]
                after[:, unit] = (k * v[:, unit] + g * arrays["vleak"][unit] + up + up_in) / (
                    k + g + down + down_in + epsilon)
            v = after
        found.append(v[:, :motors] * arrays["output_w"].astype(np.float64) + arrays["output_b"])
    compare(module, {"x": x}, {"y": np.stack(found, axis=1)})


# EGRU


@FEW
@given(SIZES, SIZES, SEEDS)
def test_event_based_units_send_only_above_their_threshold(inputs: int, hidden: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel, recurrent = normal(rng, inputs, 3 * hidden, scale=1.0), normal(rng, hidden, 3 * hidden, scale=1.0)
    bias, recurrent_bias, threshold = normal(rng, 3 * hidden), normal(rng, 3 * hidden), rng.uniform(0, 0.4, hidden)
    cell = egru(kernel, recurrent, bias, recurrent_bias, threshold)
    module = cell_network([cell], [], Port("x", F32.with_shape((inputs,))), shown=Shown(seen=(("events", "events"),)))
    x = normal(rng, 4, 5, inputs, scale=1.5)
    limit = threshold.astype(np.float32).astype(np.float64)
    h = y = np.zeros((4, hidden))
    sent, margins = [], []
    for t in range(5):
        vx = np.split(x[:, t].astype(np.float64) @ kernel + bias, 3, axis=1)
        vh = np.split(y @ recurrent.astype(np.float64) + recurrent_bias, 3, axis=1)
        z, r = logistic(vx[0] + vh[0]), logistic(vx[1] + vh[1])
        c = z * h + (1 - z) * np.tanh(vx[2] + r * vh[2])
        event = np.where(c - limit > 0, 1.0, 0.0)
        h, y = c - event * limit, event * c
        sent.append(y)
        margins.append(c - limit)
    margin = np.stack(margins, axis=1)
    if np.abs(margin).min() > 1e-5:  # else one unit's event is a matter of rounding, and all that follows
        compare(module, {"x": x}, {"y": np.stack(sent, axis=1), "events": margin > 0}, margin)


# Integers


def quantized(module: Module, data: dict[str, Any], rng: Any, bits: int = 10) -> tuple[Module, dict[str, Any]]:
    """Give a network in integers, and random numbers for its ports."""
    small = run_passes(module, f"inline-calls,quantize{{sensitivity=false,activations={bits},weights=i8,table=8,"
                       "functions=8},narrow", calibration=data)
    assert not any(n.type.is_float for n in small.entry.body.nodes)
    raw = {p.name: rng.integers(p.type.lowest, p.type.highest + 1, (8, *((4,) if p.rate == "step" else ()),
                                                                    *p.type.shape)) for p in small.entry.inputs}
    return small, raw


def same_everywhere(small: Module, raw: dict[str, Any]) -> None:
    """Interpreter, native code and Icarus: the same bits, two samples back to back in the simulation."""
    wanted = run(small, raw)
    for name, got in native(small, raw).items():
        assert np.array_equal(got, wanted[name]), name
    if tool_version("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    build = circuitc.compile(small, target="verilog", verify=False)
    assert build.ports is not None
    simulated = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module,
                                 {k: v[:2] for k, v in raw.items()}, engine="icarus")
    for name, got in simulated.items():
        assert np.array_equal(got, wanted[name][:2]), name


@pytest.mark.parametrize("driven", [False, True], ids=["alone", "driven"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_piecewise_linear_integers_are_the_same_everywhere(variant: str, driven: bool) -> None:
    rng = np.random.default_rng(3)
    cell = plrnn(variant, plrnn_arrays(rng, variant, 4, 3, 2), relus=2 if variant == "alrnn" else None,
                 c=normal(rng, 4, 2) if driven else None, z0=normal(rng, 4))
    data = {"s": normal(rng, 30, 6, 2)} if driven else {"x0": normal(rng, 30, 2)}
    module = cell_network([cell], [Observed(2)], Port("s", F32.with_shape((2,))) if driven else None,
                          steps=None if driven else 5, start=None if driven else Start("x0", normal(rng, 2, 2)),
                          shown=Shown("x", seen=(("code", "code"),)))
    small, raw = quantized(module, data, rng)
    assert str(small.entry.schedule) == ("stream" if driven else "iterate 5")
    same_everywhere(small, raw)


@pytest.mark.parametrize("kind", ["egru", "ltc", "cfc", "cfc-timed", "cfc-no_gate", "cfc-pure"])
def test_cells_with_functions_as_tables_are_the_same_everywhere(kind: str) -> None:
    rng, inputs, hidden = np.random.default_rng(4), 2, 3
    data = {"x": normal(rng, 30, 6, inputs, scale=1.0)}
    dt, seen = "", ()
    if kind == "egru":
        cell: Any = egru(normal(rng, inputs, 9, scale=1.0), normal(rng, hidden, 9), normal(rng, 9), normal(rng, 9),
                         [0.1, 0.2, 0.3])
        seen = (("events", "events"),)
    elif kind == "ltc":
        cell = ltc(ltc_arrays(rng, inputs, hidden, 2), unfolds=3)
    else:
        _, _, mode = kind.partition("-")
        maps = {k: (normal(rng, hidden, 4), normal(rng, hidden)) for k in ("ff1", "ff2", "time_a", "time_b")}
        dt = "dt" if mode == "timed" else ""
        cell = cfc("default" if mode in ("", "timed") else mode, [(normal(rng, 4, 5), normal(rng, 4))], maps,
                   dt=None if dt else 0.7, w_tau=normal(rng, 3), a=normal(rng, 3))
        data |= {"dt": rng.uniform(0.1, 2, (30, 6)).astype(np.float32)} if dt else {}
    module = cell_network([cell], [], Port("x", F32.with_shape((inputs,))), dt=dt, shown=Shown(seen=seen))
    small, raw = quantized(module, data, rng)
    same_everywhere(small, raw)
