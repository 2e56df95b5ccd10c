"""Quantization of random float networks: integers only, the same everywhere, as near as the bounds say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.ir import F32, Builder, Constant, Func, Graph, Module, Port, Value, module_of, random_raw, run
from circuitc.passes import run_passes
from circuitc.simulation import simulate_verilog

OPTIONS = ("", "scales=arbitrary", "granularity=tensor,scales=arbitrary,scheme=affine", "weights=i4,activations=4",
           "weights=binary", "weights=ternary,scales=arbitrary", "weights=i5,activations=u6,method=mse",
           "weights=i16,activations=16,inputs=16,functions=11,table=7", 'weights="fx<6,4>",activations=fx<8,4>',
           "scheme=affine,weight_scheme=affine,method=percentile,fit=minmax")


class Net:
    """A builder of float networks with random weights."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        self.rng, self.b = rng, Builder()
        self.x = self.b.input("x", F32.with_shape(shape))

    def shape(self, v: Value) -> tuple[int, ...]:
        return self.b.type(v).shape

    def constant(self, array: Any, name: str = "c") -> Value:
        array = np.asarray(array, np.float32)
        return self.b.constant(Constant(F32.with_shape(array.shape), array), name)

    def channels(self, numbers: Any, v: Value) -> Value:
        """Repeat one number a channel (axis 0) over a value's shape."""
        shape = self.shape(v)
        return self.b.apply("broadcast", self.constant(numbers), shape=shape, axes=(0,)) if len(shape) > 1 else (
            self.constant(numbers))

    def filled(self, number: float, v: Value) -> Value:
        return self.constant(np.full(self.shape(v), number))

    def linear(self, v: Value, out: int, name: str = "fc") -> Value:
        n = self.shape(v)[0]
        w = self.constant(self.rng.normal(size=(out, n)) / np.sqrt(n), f"{name}_w")
        y = self.b.apply("contract", w, v, spec="ij,j->i", name=name)
        return self.b.apply("add", y, self.constant(self.rng.normal(size=out) * 0.2), name=f"{name}_bias")

    def norm(self, v: Value) -> Value:
        """A batch normalisation, some of its factors negative."""
        n = self.shape(v)[0]
        y = self.b.apply("mul", v, self.channels(self.rng.normal(size=n), v), name="bn")
        return self.b.apply("add", y, self.channels(self.rng.normal(size=n) * 0.3, v), name="bn_shift")

    def relu(self, v: Value) -> Value:
        return self.b.apply("max", v, self.filled(0.0, v), name="relu")

    def sign(self, v: Value) -> Value:
        """+1 where positive, else -1."""
        bit = self.b.apply("lt", self.filled(0.0, v), v, name="positive")
        return self.b.apply("select", bit, self.filled(1.0, v), self.filled(-1.0, v), name="sign")

    def function(self, op: str, v: Value) -> Value:
        return self.b.apply(op, v, type=F32, name=op)

    def conv(self, v: Value, out: int, size: int = 3, name: str = "conv") -> Value:
        """A one-dimensional convolution of [channels, length] with zeros around it."""
        c, _ = self.shape(v)
        zero = self.constant(0.0)
        v = self.b.apply("pad", v, zero, before=(0, size // 2), after=(0, size // 2))
        windows = self.b.apply("window", v, axis=1, size=size)
        w = self.constant(self.rng.normal(size=(out, c, size)) / np.sqrt(c * size), f"{name}_w")
        return self.b.apply("contract", w, windows, spec="ock,cnk->on", name=name)

    def pool(self, v: Value, kind: str) -> Value:
        windows = self.b.apply("window", v, axis=1, size=2, stride=2)
        folded = self.b.apply("reduce", windows, kind="max" if kind == "max" else "add", axes=(2,), name="pool")
        return folded if kind == "max" else self.b.apply("mul", folded, self.filled(0.5, folded))

    def flat(self, v: Value) -> Value:
        return self.b.apply("reshape", v, shape=(int(np.prod(self.shape(v))),))

    def softmax(self, v: Value) -> Value:
        n = self.shape(v)[0]
        most = self.b.apply("broadcast", self.b.apply("reduce", v, kind="max", axes=(0,)), shape=(n,), axes=())
        e = self.b.apply("exp", self.b.apply("sub", v, most), type=F32, name="exp")
        total = self.b.apply("broadcast", self.b.apply("reduce", e, kind="add", axes=(0,)), shape=(n,), axes=())
        return self.b.apply("divide", e, total, type=F32, name="softmax")

    def finish(self, *outputs: Value) -> Module:
        ports = tuple(Port(f"y{k}", self.b.type(v)) for k, v in enumerate(outputs))
        x = Port("x", self.b.type(self.x))
        return module_of(Func("net", (x,), ports, self.b.finish(outputs)))


def random_net(rng: np.random.Generator, *, classes: bool = False) -> Module:
    """Draw a float network: convolution or not, layers, activations, a residual, a softmax or an index at the end."""
    if rng.random() < 0.5:
        net = Net(rng, (2, 8))
        v = net.relu(net.norm(net.conv(net.x, 3)))
        v = net.flat(net.pool(v, str(rng.choice(["max", "mean"]))))
    else:
        net = Net(rng, (int(rng.integers(3, 9)),))
        v = net.x
    for k in range(int(rng.integers(1, 4))):
        before, v = v, net.linear(v, int(rng.integers(3, 8)), f"fc{k}")
        v = net.norm(v) if rng.random() < 0.4 else v
        match str(rng.choice(["relu", "sign", "tanh", "sigmoid", "none", "relu6", "neg", "abs", "square", "erf"])):
            case "relu":
                v = net.relu(v)
            case "relu6":
                v = net.b.apply("min", net.relu(v), net.filled(2.5, v))
            case "sign":
                v = net.sign(v)
            case "neg" | "abs" as op:
                v = net.b.apply(op, v)
            case "square":
                v = net.b.apply("mul", v, v, name="square")
            case "tanh" | "sigmoid" | "erf" as op:
                v = net.function(op, v)
            case _:
                pass
        if net.shape(before) == net.shape(v):
            v = net.b.apply(str(rng.choice(["add", "sub", "max"])), v, before, name="residual")
    if rng.random() < 0.3:
        v = net.softmax(v)
    if classes or rng.random() < 0.3:
        return net.finish(v, net.b.apply("argmax", v, axis=0, name="class"))
    if rng.random() < 0.3:
        half = net.filled(0.1, v)
        return net.finish(v, net.b.apply("le", half, v), net.b.apply("convert", net.b.apply("lt", v, half), type=F32))
    return net.finish(v)


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
