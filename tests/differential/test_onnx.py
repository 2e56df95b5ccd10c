"""ONNX graphs against onnxruntime: every operator that is read, random networks, quantize-dequantize pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.formats.onnx import OPERATORS, SEVERAL, read_onnx
from circuitc.ir import decode, verify_module

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed (circuitc[onnx])")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime, the peer, is not installed")
helper, TensorProto = onnx.helper, onnx.TensorProto


class Net:
    """An ONNX model being grown: nodes in order, constants with made-up names."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0, opset: int = 17) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.shape, self.last, self.opset = shape, "x", opset

    def constant(self, array: Any, name: str = "") -> str:
        name = name or f"c{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def normal(self, *shape: int) -> str:
        return self.constant(self.rng.standard_normal(shape).astype(np.float32))

    def add(self, op: str, *operands: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"t{len(self.nodes)}_{k}" if k else f"t{len(self.nodes)}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(operands or (self.last,)), names, name=f"n{len(self.nodes)}",
                                           **attributes))
        self.last = names[0]
        return names[0]

    def node(self, op: str, **attributes: Any) -> str:
        """Add a node without operands."""
        self.nodes.append(helper.make_node(op, [], [f"t{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def model(self, *outputs: str, batch: int | str = "N") -> bytes:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *self.shape])
        outs = [helper.make_empty_tensor_value_info(name) for name in outputs or (self.last,)]
        graph = helper.make_graph(self.nodes, "g", [x], outs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)],
                                 ir_version=9).SerializeToString()


def session(data: bytes) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # fusions round where graphs do not
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def results(data: bytes, folder: Path, x: np.ndarray, run: Callable[..., Any] | None = None) -> tuple[Any, Any, Any]:
    """What onnxruntime answers, sample by sample; what we do; and the module."""
    path = folder / "net.onnx"
    path.write_bytes(data)
    module = read_onnx(path)
    verify_module(module)
    peer = session(data)
    wanted = [np.concatenate(v) for v in zip(*(peer.run(None, {"x": row[None]}) for row in x), strict=True)]
    raw = (circuitc.run if run is None else run)(module, {"x": x})
    ours = [decode(p, raw[p.name]) for p in module.entry.outputs]
    return wanted, ours, module


def assert_close(wanted: Any, ours: Any) -> None:
    for w, o in zip(wanted, ours, strict=True):
        w = np.asarray(w, dtype=np.float64).reshape(np.shape(o))
        assert np.abs(w - o).max() <= 1e-5 * max(1e-3, np.abs(w).max())


def jit(module: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    answer = circuitc.jit(module)(*inputs.values())
    answers = answer if isinstance(answer, tuple) else (answer,)
    return {p.name: a for p, a in zip(module.entry.outputs, answers, strict=True)}


Make = Callable[[Net], Any]
VECTOR, IMAGE, LINE = (6,), (4, 7, 6), (4, 9)


def unary(op: str, **attributes: Any) -> tuple[tuple[int, ...], Make]:
    return VECTOR, lambda n: n.add(op, **attributes)


def positive(op: str) -> tuple[tuple[int, ...], Make]:
    return VECTOR, lambda n: n.add(op, n.add("Add", n.add("Abs"), n.constant(np.float32(0.5))))


def binary(op: str) -> tuple[tuple[int, ...], Make]:
    return IMAGE, lambda n: n.add(op, "x", n.normal(4, 1, 6))


def logic(op: str) -> tuple[tuple[int, ...], Make]:
    def make(n: Net) -> None:
        less, more = n.add("Less", "x", n.normal(6)), n.add("Greater", "x", n.normal(6))
        n.add("Where", n.add(op, less, more), "x", n.normal(6))
    return VECTOR, make


def compare(op: str) -> tuple[tuple[int, ...], Make]:
    return VECTOR, lambda n: n.add("Where", n.add(op, "x", n.normal(6)), n.normal(6), "x")


def ints(n: Net, *values: int) -> str:
    return n.constant(np.array(values, dtype=np.int64))


CASES: dict[str, tuple[tuple[int, ...], Make]] = {
    **{op: unary(op) for op in ("Neg", "Relu", "Abs", "Exp", "Tanh", "Sigmoid", "Sin", "Cos", "Erf", "Elu", "Selu",
                                "Softplus", "Softsign", "HardSwish", "Identity", "Dropout")},
    **{op: positive(op) for op in ("Log", "Sqrt", "Reciprocal")},
    **{op: binary(op) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "PRelu")},
    **{op: logic(op) for op in ("And", "Or", "Xor")},
    **{op: compare(op) for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")},
    "LeakyRelu": unary("LeakyRelu", alpha=0.2), "HardSigmoid": unary("HardSigmoid", alpha=0.3, beta=0.4),
    "Not": (VECTOR, lambda n: n.add("Where", n.add("Not", n.add("Less", "x", n.normal(6))), "x", n.normal(6))),
    "Where": compare("Less"),
    "Pow": (VECTOR, lambda n: n.add("Pow", "x", n.constant(np.float32(3)))),
    "Clip": (VECTOR, lambda n: n.add("Clip", "x", n.constant(np.float32(-0.5)), n.constant(np.float32(0.7)))),
    "MatMul": ((3, 6), lambda n: n.add("MatMul", "x", n.normal(6, 5))),
    "MatMul two of the run": ((3, 6), lambda n: n.add("MatMul", "x", n.add("Transpose", perm=[0, 2, 1]))),
    "MatMul known left": ((3, 6), lambda n: n.add("MatMul", n.normal(2, 3), "x")),
    "Gemm": (VECTOR, lambda n: n.add("Gemm", "x", n.normal(5, 6), n.normal(5), transB=1, alpha=0.5, beta=2.0)),
    "Conv": (IMAGE, lambda n: n.add("Conv", "x", n.normal(6, 2, 3, 2), n.normal(6), group=2, strides=[2, 1],
                                    pads=[1, 0, 2, 1], dilations=[1, 2])),
    "Conv same": (IMAGE, lambda n: n.add("Conv", "x", n.normal(3, 4, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2])),
    "Conv one axis": (LINE, lambda n: n.add("Conv", "x", n.normal(3, 4, 3), strides=[2], pads=[1, 1])),
    "Conv depthwise": (IMAGE, lambda n: n.add("Conv", "x", n.normal(4, 1, 3, 3), group=4)),
    "BatchNormalization": (IMAGE, lambda n: n.add("BatchNormalization", "x", n.normal(4), n.normal(4), n.normal(4),
                                                  n.constant(np.array([0.5, 1, 2, 3], np.float32)))),
    "LayerNormalization": ((3, 6), lambda n: n.add("LayerNormalization", "x", n.normal(6), n.normal(6), axis=-1)),
    "MaxPool": (IMAGE, lambda n: n.add("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])),
    "MaxPool ceil": (IMAGE, lambda n: n.add("MaxPool", kernel_shape=[3, 4], strides=[3, 3], ceil_mode=1)),
    "AveragePool": (IMAGE, lambda n: n.add("AveragePool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])),
    "AveragePool counted": (IMAGE, lambda n: n.add("AveragePool", kernel_shape=[3, 2], pads=[1, 0, 1, 1],
                                                   count_include_pad=1)),
    "GlobalAveragePool": (IMAGE, lambda n: n.add("GlobalAveragePool")),
    "GlobalMaxPool": (IMAGE, lambda n: n.add("GlobalMaxPool")),
    "ReduceSum": (IMAGE, lambda n: n.add("ReduceSum", "x", ints(n, 2, -1), keepdims=0)),
    "ReduceMean": (IMAGE, lambda n: n.add("ReduceMean", axes=[2, 3])),
    "ReduceMax": (IMAGE, lambda n: n.add("ReduceMax", axes=[1], keepdims=0)),
    "ReduceMin": (IMAGE, lambda n: n.add("ReduceMin", axes=[-1])),
    "Softmax": (IMAGE, lambda n: n.add("Softmax", axis=1)), "LogSoftmax": (LINE, lambda n: n.add("LogSoftmax")),
    "ArgMax": (LINE, lambda n: n.add("ArgMax", axis=2, keepdims=0)),
    "ArgMin": (LINE, lambda n: n.add("ArgMin", axis=1)),
    "Reshape": (IMAGE, lambda n: n.add("Reshape", "x", ints(n, 0, -1, 4))),
    "Flatten": (IMAGE, lambda n: n.add("Flatten")),
    "Transpose": (IMAGE, lambda n: n.add("Transpose", perm=[0, 3, 1, 2])),
    "Squeeze": ((4, 1, 3), lambda n: n.add("Squeeze", "x", ints(n, 2))),
    "Unsqueeze": (LINE, lambda n: n.add("Unsqueeze", "x", ints(n, 1, -1))),
    "Slice": (IMAGE, lambda n: n.add("Slice", "x", ints(n, 1, 0), ints(n, 100, -1), ints(n, 2, 3), ints(n, 2, 1))),
    "Concat": (IMAGE, lambda n: n.add("Concat", "x", n.add("Relu"), axis=2)),
    "Gather": (IMAGE, lambda n: n.add("Gather", "x", n.constant(np.array([[2, -1], [0, 2]])), axis=1)),
    "Pad": (IMAGE, lambda n: n.add("Pad", "x", ints(n, 0, 0, 1, 2, 0, 0, 0, 1), n.constant(np.float32(1.5)))),
    "Expand": ((1, 6), lambda n: n.add("Expand", "x", ints(n, 1, 3, 1))),
    "Split": ((6, 3), lambda n: (n.add("Split", "x", ints(n, 2, 4), axis=1, outputs=2), n.add("Relu", "t0_1"))),
    "Cast": (VECTOR, lambda n: n.add("Cast", to=1)),
    "Shape": (IMAGE, lambda n: n.add("Reshape", "x", n.add("Concat", n.add("Slice", n.add("Shape"), ints(n, 0),
                                                                           ints(n, 1)), ints(n, -1), axis=0))),
    "ConstantOfShape": (VECTOR, lambda n: n.add("Add", "x", n.add(
        "ConstantOfShape", ints(n, 1, 6), value=onnx.numpy_helper.from_array(np.array([2.5], np.float32))))),
    "Constant": (VECTOR, lambda n: n.add("Mul", "x", n.node("Constant", value_float=3.0))),
    "Softmax attention": ((3, 4), lambda n: n.add("MatMul", n.add("Softmax", n.add(
        "MatMul", "x", n.add("Transpose", "x", perm=[0, 2, 1])), axis=-1), "x")),
}


@pytest.mark.parametrize("name", CASES)
def test_each_operator_agrees_with_onnxruntime(name: str, tmp_path: Path) -> None:
    shape, make = CASES[name]
    net = Net(shape)
    make(net)
    x = np.random.default_rng(1).standard_normal((3, *shape)).astype(np.float32)
    wanted, ours, _ = results(net.model(), tmp_path, x)
    assert_close(wanted, ours)


def test_gelu_agrees_with_onnxruntime(tmp_path: Path) -> None:
    net = Net(VECTOR, opset=20)
    net.add("Gelu", net.add("Gelu"), approximate="tanh")
    x = np.random.default_rng(1).standard_normal((3, 6)).astype(np.float32)
    wanted, ours, _ = results(net.model(), tmp_path, x)
    assert_close(wanted, ours)


def test_every_operator_has_a_case() -> None:
    covered = {name.split()[0] for name in CASES} | {"Gelu", "QuantizeLinear", "DequantizeLinear"}
    recurrent = {"RNN", "LSTM", "GRU"}   # tests/differential/test_recurrent.py
    assert {*OPERATORS, *SEVERAL} <= covered | recurrent


@st.composite
def chains(draw: st.DrawFn) -> tuple[Net, tuple[int, ...]]:
    """A small convolutional network, or an MLP, with random layers."""
    net = Net((draw(st.integers(1, 3)), draw(st.integers(4, 7)), draw(st.integers(4, 7))),
              draw(st.integers(0, 1 << 20)))
    channels, height, width = net.shape
    for _ in range(draw(st.integers(0, 3))):
        match draw(st.sampled_from(["Conv", "BatchNormalization", "MaxPool", "AveragePool", "Relu", "Skip"])):
            case "Conv":
                k, p, s = draw(st.integers(1, 3)), draw(st.integers(0, 1)), draw(st.integers(1, 2))
                if min(height, width) + 2 * p < k:
                    continue
                out = draw(st.integers(1, 4))
                net.add("Conv", net.last, net.normal(out, channels, k, k), net.normal(out), pads=[p] * 4,
                        strides=[s, s])
                channels, height, width = out, (height + 2 * p - k) // s + 1, (width + 2 * p - k) // s + 1
            case "BatchNormalization":
                net.add("BatchNormalization", net.last, *(net.normal(channels) for _ in range(3)),
                        net.constant(np.abs(net.rng.standard_normal(channels)).astype(np.float32) + 0.1))
            case "MaxPool" | "AveragePool" as op:
                if min(height, width) < 2:
                    continue
                net.add(op, kernel_shape=[2, 2], strides=[2, 2])
                height, width = height // 2, width // 2
            case "Relu":
                net.add("Relu")
            case _:
                before = net.last
                net.add("Add", before, net.add(draw(st.sampled_from(["Tanh", "Sigmoid", "HardSwish"])), before))
    net.add("Flatten")
    features = channels * height * width
    for _ in range(draw(st.integers(1, 2))):
        out = draw(st.integers(1, 5))
        net.add("Gemm", net.last, net.normal(out, features), net.normal(out), transB=1)
        net.add(draw(st.sampled_from(["Relu", "LeakyRelu", "Elu", "Softmax", "Identity"])))
        features = out
    return net, net.shape


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chains(), st.integers(0, 1 << 20))
def test_random_networks_agree_with_onnxruntime(tmp_path: Path, chain: Any, seed: int) -> None:
    net, shape = chain
    x = np.random.default_rng(seed).standard_normal((2, *shape)).astype(np.float32)
    wanted, ours, _ = results(net.model(), tmp_path, x)
    assert_close(wanted, ours)


def test_a_small_network_agrees_on_the_cpu(tmp_path: Path) -> None:
    net = Net((2, 6, 6))
    net.add("Conv", "x", net.normal(3, 2, 3, 3), net.normal(3), pads=[1, 1, 1, 1])
    net.add("Relu")
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Flatten")
    net.add("Gemm", net.last, net.normal(27, 4))
    net.add("Softmax")
    x = np.random.default_rng(3).standard_normal((8, 2, 6, 6)).astype(np.float32)
    wanted, ours, _ = results(net.model(), tmp_path, x, jit)
    assert_close(wanted, ours)


def quantized_pair(net: Net, scale: float, zero: int, kind: type = np.uint8) -> str:
    operands = net.constant(np.float32(scale)), net.constant(np.array(zero, kind))
    return net.add("DequantizeLinear", net.add("QuantizeLinear", net.last, *operands), *operands)


def quantized_weight(net: Net, shape: tuple[int, ...], scales: np.ndarray, axis: int) -> str:
    q = net.rng.integers(-127, 128, shape).astype(np.int8)
    zero = np.zeros(scales.shape, np.int8)
    return net.add("DequantizeLinear", net.constant(q), net.constant(scales.astype(np.float32)), net.constant(zero),
                   axis=axis)


@pytest.mark.parametrize(("scale", "zero", "kind"), [
    (1 / 16, 128, np.uint8), (1 / 8, 0, np.int8), (1 / 32, 7, np.uint8)])
def test_powers_of_two_agree_with_onnxruntime_bit_for_bit(tmp_path: Path, scale: float, zero: int, kind: type) -> None:
    """Where no float of the peer rounds, quantized layers are equal in every bit."""
    net = Net((2, 6, 6), seed=4)
    quantized_pair(net, scale, zero, kind)
    x = net.last
    w = quantized_weight(net, (3, 2, 3, 3), np.array([1 / 64, 1 / 128, 1 / 32]), 0)
    net.add("Conv", x, w, net.constant(np.array([0.5, -0.25, 1], np.float32)), pads=[1, 1, 1, 1])
    net.add("Relu")
    quantized_pair(net, scale, 0, np.uint8)
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Flatten")
    net.add("MatMul", net.last, quantized_weight(net, (27, 4), np.array(1 / 64), 1))
    x = np.random.default_rng(5).standard_normal((20, 2, 6, 6)).astype(np.float32) * 2
    wanted, ours, module = results(net.model(), tmp_path, x)
    np.testing.assert_array_equal(ours[0], wanted[0].reshape(ours[0].shape))
    assert module.facts["onnx"]["float_nodes"] == []
    assert module.entry.outputs[0].type.is_exact
    if zero == 7:  # native code takes a second or two to make
        _, native, _ = results(net.model(), tmp_path, x, jit)
        np.testing.assert_array_equal(native[0], ours[0])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 20), st.floats(0.01, 0.2), st.floats(0.001, 0.02), st.integers(0, 255))
def test_any_scale_is_at_most_a_tie_away_from_onnxruntime(tmp_path: Path, seed: int, scale: float, step: float,
                                                         zero: int) -> None:
    """Our quantizer rounds the exact real number, the peer one that float32 rounded before: they part at ties only."""
    net = Net((8,), seed)
    quantized_pair(net, scale, zero)
    net.add("MatMul", net.last, quantized_weight(net, (8, 5), net.rng.uniform(step, 2 * step, 5), 1))
    net.add("Add", net.last, net.normal(5))
    net.add("Relu")
    before = net.last
    net.add("QuantizeLinear", net.last, net.constant(np.float32(scale)), net.constant(np.uint8(3)))
    x = np.random.default_rng(seed).standard_normal((40, 8)).astype(np.float32) * 3
    wanted, ours, module = results(net.model(net.last, before), tmp_path, x)
    assert module.entry.outputs[0].type.is_exact
    apart = ours[0] != wanted[0].reshape(ours[0].shape)
    distance = wanted[1].astype(np.float64).reshape(ours[0].shape) / np.float32(scale)
    tie = np.abs(distance - np.floor(distance) - 0.5) < 1e-3
    assert np.all(tie[apart])
    assert np.abs(ours[0] - wanted[0].reshape(ours[0].shape)).max() <= 1
