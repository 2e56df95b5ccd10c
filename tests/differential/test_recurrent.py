"""Recurrent layers against onnxruntime: every option of RNN, LSTM and GRU, and PyTorch's names and order of gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.formats.onnx import read_onnx, read_stream
from circuitc.ir import F32, Port, run, verify_module
from circuitc.models.rnn import ACTIVATIONS, DEFAULTS, GATES, Linear, network, torch_layer
from circuitc.passes import run_passes
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed (circuitc[onnx])")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime, the peer, is not installed")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
KINDS = ("rnn", "lstm", "gru")
NAMES = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "affine": "Affine", "leakyrelu": "LeakyRelu",
         "thresholdedrelu": "ThresholdedRelu", "scaledtanh": "ScaledTanh", "hardsigmoid": "HardSigmoid", "elu": "Elu",
         "softsign": "Softsign", "softplus": "Softplus"}


def model(kind: str, steps: int | str, inputs: int, hidden: int, rng: Any, direction: str = "forward", *,
          state: str = "", bias: bool = True, peepholes: bool = False, outputs: int = 2, **attributes: Any) -> bytes:
    """One recurrent node; `state` is "", "known" or "given" (an input h0 of the graph)."""
    d, g = 2 if direction == "bidirectional" else 1, GATES[kind]  # pyright: ignore

    def array(*shape: int) -> Any:
        return (rng.standard_normal(shape) * 0.5).astype(np.float32)
    arrays = {"w": array(d, g * hidden, inputs), "r": array(d, g * hidden, hidden)}
    operands = ["x", "w", "r", "", "", "", "", ""]
    if bias:
        operands[3], arrays["b"] = "b", array(d, 2 * g * hidden)
    graph_inputs = [helper.make_tensor_value_info("x", FLOAT, [steps, 1, inputs])]
    if state == "known":
        operands[5], arrays["h0"] = "h0", array(d, 1, hidden)
    elif state == "given":
        operands[5] = "h0"
        graph_inputs.append(helper.make_tensor_value_info("h0", FLOAT, [d, 1, hidden]))
    if kind == "lstm" and state == "known":
        operands[6], arrays["c0"] = "c0", array(d, 1, hidden)
    if kind == "lstm" and peepholes:
        operands[7], arrays["p"] = "p", array(d, 3 * hidden)
    while not operands[-1]:
        operands.pop()
    results = ["y", "y_h", "y_c"][:3 if kind == "lstm" else 2]
    node = helper.make_node(kind.upper(), operands, results, name="layer", hidden_size=hidden, direction=direction,
                            **attributes)
    outs = [helper.make_empty_tensor_value_info(name) for name in results[:outputs + 1]]
    constants = [onnx.numpy_helper.from_array(v, k) for k, v in arrays.items()]
    graph = helper.make_graph([node], "g", graph_inputs, outs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def compare(data: bytes, folder: Path, given: dict[str, Any], length: int | None = None) -> Any:
    (folder / "net.onnx").write_bytes(data)
    module = read_onnx(folder / "net.onnx", length=length)
    verify_module(module)
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    wanted = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, given)
    ours = run(module, {p.name: given[p.name].reshape(1, *p.type.shape) for p in module.entry.inputs})
    for port, w in zip(module.entry.outputs, wanted, strict=True):
        error = np.abs(ours[port.name].ravel() - w.ravel()).max()
        assert error <= 1e-5 * max(1e-3, np.abs(w).max()), port.name
    return module


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KINDS), st.sampled_from(["forward", "reverse", "bidirectional"]), st.integers(1, 6),
       st.integers(1, 5), st.integers(1, 6), st.sampled_from(["", "known", "given"]), st.booleans(), st.booleans(),
       st.integers(0, 1 << 30))
def test_random_layers_answer_as_onnxruntime(tmp_path: Path, kind: str, direction: str, steps: int, inputs: int,
                                             hidden: int, state: str, bias: bool, option: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    more = {"linear_before_reset": int(option)} if kind == "gru" else {}
    data = model(kind, steps, inputs, hidden, rng, direction, state=state, bias=bias, peepholes=option, **more)
    given_ = {"x": rng.standard_normal((steps, 1, inputs)).astype(np.float32)}
    if state == "given":
        directions = 2 if direction == "bidirectional" else 1
        given_["h0"] = rng.standard_normal((directions, 1, hidden)).astype(np.float32)
    compare(data, tmp_path, given_)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("constants", [{}, {"activation_alpha": [0.3], "activation_beta": [0.6]}],
                         ids=["plain", "given"])
def test_every_activation_of_onnx(tmp_path: Path, name: str, constants: dict[str, Any]) -> None:
    if constants and name not in ("affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"):
        constants = {}
    if name in ("affine", "scaledtanh", "thresholdedrelu") and not constants:
        constants = {"activation_alpha": [0.7], "activation_beta": [0.4]}
    if name in ("leakyrelu", "elu", "thresholdedrelu"):
        constants = {k: v for k, v in constants.items() if k == "activation_alpha"}
    rng = np.random.default_rng(3)
    compare(model("rnn", 4, 3, 5, rng, activations=[NAMES[name]], **constants), tmp_path,
            {"x": rng.standard_normal((4, 1, 3)).astype(np.float32)})


def test_activations_and_clip_of_each_direction(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    names = ["Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softsign", "Tanh"]
    x = {"x": 3 * rng.standard_normal((5, 1, 3)).astype(np.float32)}
    compare(model("lstm", 5, 3, 4, rng, "bidirectional", activations=names, clip=0.8), tmp_path, x)
    compare(model("gru", 5, 3, 4, rng, activations=["HardSigmoid", "Relu"], clip=0.5), tmp_path, x)
    compare(model("lstm", 5, 3, 4, rng, input_forget=1, peepholes=True), tmp_path, x)


def test_a_free_length_is_given_by_the_caller(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    data = model("gru", "steps", 3, 4, rng)
    x = rng.standard_normal((7, 1, 3)).astype(np.float32)
    module = compare(data, tmp_path, {"x": x}, length=7)
    assert module.entry.inputs[0].type.shape == (7, 1, 3)
    assert "gather" not in {n.op for n in module.entry.body.nodes}
    got = circuitc.jit(module)(x[None])[0]
    assert np.allclose(got, run(module, {"x": x[None]})["y"], atol=1e-6)
    with pytest.raises(circuitc.CircuitError, match="axis 0 has no fixed length"):
        read_onnx(tmp_path / "net.onnx")


def answers(data: bytes, x: Any) -> list[Any]:
    """What onnxruntime says, sequence by sequence: x is [samples, steps, inputs]."""
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    rows = [session.run(None, {"x": one[:, None]}) for one in x]
    return [np.stack(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(("kind", "state"), [("rnn", ""), ("lstm", "known"), ("gru", "known")])
def test_a_free_length_as_a_stream(tmp_path: Path, kind: str, state: str) -> None:
    """Sequences of any length: states at every step, and the last ones of the call."""
    data = model(kind, "steps", 3, 4, np.random.default_rng(5), state=state)
    (tmp_path / "net.onnx").write_bytes(data)
    module = read_stream(tmp_path / "net.onnx")
    verify_module(module)
    func = module.entry
    assert (func.schedule.kind, func.inputs[0].type.shape) == ("stream", (1, 3))
    assert [p.rate for p in func.outputs] == ["step", *["call"] * (len(func.outputs) - 1)]
    for steps in (1, 6):
        x = np.random.default_rng(steps).standard_normal((3, steps, 3)).astype(np.float32)
        native = circuitc.jit(module).run({"x": x[:, :, None]})
        for port, wanted in zip(func.outputs, answers(data, x), strict=True):
            for got in (run(module, {"x": x[:, :, None]})[port.name], native[port.name]):
                assert np.abs(got.ravel() - wanted.ravel()).max() <= 1e-5 * np.abs(wanted).max()


def test_what_is_no_stream_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    rng = np.random.default_rng(5)
    path.write_bytes(model("gru", "steps", 3, 4, rng, "reverse"))
    with pytest.raises(circuitc.CircuitError, match="is no stream"):
        read_stream(path)
    path.write_bytes(model("gru", 5, 3, 4, rng))
    with pytest.raises(circuitc.CircuitError, match="no input has an axis that the file leaves free"):
        read_stream(path)
    made = onnx.ModelProto.FromString(model("rnn", "steps", 3, 4, rng, outputs=0))
    made.graph.node.append(helper.make_node("ReduceMean", ["y"], ["mean"], axes=[0], keepdims=0))
    made.graph.output[0].CopyFrom(helper.make_empty_tensor_value_info("mean"))
    path.write_bytes(made.SerializeToString())
    with pytest.raises(circuitc.CircuitError, match="an answer depends on items in another way"):
        read_stream(path)


def test_a_stream_by_model_json(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(model("lstm", "steps", 3, 4, np.random.default_rng(5), outputs=0))
    text = '{"schema": "circuitc.model/1", "kind": "onnx", "file": "net.onnx", "stream": true%s}'
    (tmp_path / "net.json").write_text(text % "")
    assert circuitc.load(tmp_path / "net.json").entry.schedule.kind == "stream"
    (tmp_path / "net.json").write_text(text % ', "length": 3')
    with pytest.raises(circuitc.CircuitError, match="a stream has no length"):
        circuitc.load(tmp_path / "net.json")


@pytest.mark.parametrize("kind", KINDS)
def test_the_equations_once_more_in_numpy_with_pytorch_gates(kind: Any) -> None:
    """Two layers as a stream against the equations of PyTorch's documentation, and native code against the stream."""
    rng, hidden, inputs = np.random.default_rng(6), 5, 3
    rows = GATES[kind]
    levels, arrays = [], []
    for width in (inputs, hidden):
        parts = [rng.standard_normal(s).astype(np.float32) * 0.6 for s in (
            (rows * hidden, width), (rows * hidden, hidden), (rows * hidden,), (rows * hidden,))]
        arrays.append(parts)
        levels.append((torch_layer(kind, *parts),))
    readout = Linear(rng.standard_normal((2, hidden)).astype(np.float32), np.ones(2, np.float32))
    module = network(levels, [readout], Port("x", F32.with_shape((inputs,))))
    verify_module(module)
    x = rng.standard_normal((4, 6, inputs)).astype(np.float32)
    state = [x.astype(np.float64)[:, t] for t in range(6)]
    for parts in arrays:
        state = reference(kind, state, *(p.astype(np.float64) for p in parts))
    wanted = state[-1] @ readout.weights.T + 1
    for got in (run(module, {"x": x})["y"], circuitc.jit(module)(x)):
        assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()
    assert [len(DEFAULTS[k]) for k in KINDS] == [1, 3, 2]


def reference(kind: str, xs: list[Any], wi: Any, wh: Any, bi: Any, bh: Any) -> list[Any]:
    n = wh.shape[1]
    h = c = np.zeros((len(xs[0]), n))
    found = []
    for x in xs:
        a, s = x @ wi.T + bi, h @ wh.T + bh
        if kind == "rnn":
            h = np.tanh(a + s)
        elif kind == "lstm":
            i, f, g, o = np.split(a + s, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            (ar, az, an), (sr, sz, sn) = np.split(a, 3, axis=1), np.split(s, 3, axis=1)
            new = np.tanh(an + sigmoid(ar + sr) * sn)
            z = sigmoid(az + sz)
            h = (1 - z) * new + z * h
        found.append(h)
    return found


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(("change", "says"), [
    ({"clip": 1.0, "hidden_size": 9}, "hidden_size is 9"), ({"direction": "sideways"}, "direction"),
    ({"activations": ["Tanh", "Tanh"]}, "1 activations, 2 are named"), ({"activations": ["Tnah"]}, "no activation"),
    ({"activations": ["Affine"]}, "Affine has no activation_alpha"), ({"clip": 0.0}, "clip of a rnn layer is above 0"),
    ({"activations": ["ThresholdedRelu"]}, "ThresholdedRelu has no activation_alpha"), ({"clip": np.nan}, "above 0"),
    ({"activations": ["ScaledTanh"], "activation_alpha": [1.0]}, "ScaledTanh has no activation_beta"),
    ({"activations": ["Elu"], "activation_alpha": [np.inf]}, "alpha and beta of activation Elu are finite")])
def test_bad_nodes_are_refused_in_a_line(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    made = onnx.ModelProto.FromString(model("rnn", 3, 2, 4, np.random.default_rng(0)))
    node = made.graph.node[0]
    kept = [a for a in node.attribute if a.name not in change]
    del node.attribute[:]
    node.attribute.extend(kept + [helper.make_attribute(k, v) for k, v in change.items()])
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(circuitc.CircuitError, match=says):
        read_onnx(tmp_path / "net.onnx")


@pytest.mark.parametrize(("lengths", "fits"), [([3], True), ([2], False), ([], False), (3, False)])
def test_sequence_lens_is_the_whole_length(tmp_path: Path, lengths: Any, fits: bool) -> None:
    made = onnx.ModelProto.FromString(model("lstm", 3, 2, 4, np.random.default_rng(0)))
    made.graph.node[0].input.append("lens")
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array(lengths, np.int32), "lens"))
    if fits:
        compare(made.SerializeToString(), tmp_path, {"x": np.ones((3, 1, 2), np.float32)})
        return
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(circuitc.CircuitError, match=r"sequence_lens must be known and \[3\]"):
        read_onnx(tmp_path / "net.onnx")


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    data = model("lstm", 3, 2, 4, np.random.default_rng(0))
    for old, new in ((b"direction", b"dire\xffction"), (b"layer", b"la\xffer"), (b"LSTM", b"L\xffTM")):
        (tmp_path / "net.onnx").write_bytes(data.replace(old, new[:len(old)]))
        with pytest.raises(circuitc.CircuitError, match="has a name that is no text in UTF-8"):
            read_onnx(tmp_path / "net.onnx")


@pytest.mark.parametrize("kind", KINDS)
def test_integers_are_the_same_everywhere(kind: Any) -> None:
    """Pruned, at 8 bits: interpreter, native code and, where it is installed, Icarus; two sequences back to back."""
    rng, hidden, inputs = np.random.default_rng(8), 3, 2
    rows = GATES[kind] * hidden
    level = (torch_layer(kind, *(rng.standard_normal(s) for s in ((rows, inputs), (rows, hidden), (rows,), (rows,)))),)
    readout = Linear(rng.standard_normal((2, hidden)).astype(np.float32), np.ones(2, np.float32))
    module = network([level], [readout], Port("x", F32.with_shape((inputs,))))
    data = {"x": rng.standard_normal((40, 5, inputs)).astype(np.float32)}
    small = run_passes(module, "prune{method=lattice,sparsity=0.3,density=0.3},quantize{sensitivity=false,table=8,"
                       "functions=8},narrow", calibration=data)
    port = small.entry.inputs[0]
    raw = {"x": rng.integers(port.type.lowest, port.type.highest + 1, (30, 6, inputs))}
    wanted = run(small, raw)["y"]
    assert np.array_equal(circuitc.jit(small)(raw["x"]), wanted)
    if tool_version("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    build = circuitc.compile(small, target="verilog", verify=False)
    text = build.artefacts[build.main].decode()
    assert build.ports is not None
    simulated = simulate_verilog(text, build.ports, build.module, {"x": raw["x"][:2]}, engine="icarus")
    assert np.array_equal(simulated["y"], wanted[:2])


def test_a_network_as_pytorch_exports_it(tmp_path: Path) -> None:
    """Batch first: transpose, LSTM, squeeze, transpose, the last step, a linear layer."""
    rng, hidden = np.random.default_rng(9), 4
    shapes = {"w": (1, 16, 3), "r": (1, 16, hidden), "b": (1, 32), "fc": (5, hidden), "bias": (5,)}
    constants = {k: (rng.standard_normal(s) * 0.5).astype(np.float32) for k, s in shapes.items()}
    constants |= {"one": np.array([1], np.int64), "last": np.array(-1, np.int64)}
    nodes = [helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
             helper.make_node("LSTM", ["xt", "w", "r", "b"], ["y", "", "y_c"], hidden_size=hidden),
             helper.make_node("Squeeze", ["y", "one"], ["ys"]),
             helper.make_node("Transpose", ["ys"], ["yt"], perm=[1, 0, 2]),
             helper.make_node("Gather", ["yt", "last"], ["h"], axis=1),
             helper.make_node("Gemm", ["h", "fc", "bias"], ["logits"], transB=1)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", FLOAT, ["N", "T", 3])],
                              [helper.make_empty_tensor_value_info("logits")],
                              [onnx.numpy_helper.from_array(v, k) for k, v in constants.items()])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    module = compare(data, tmp_path, {"x": rng.standard_normal((1, 6, 3)).astype(np.float32)}, length=6)
    assert module.entry.inputs[0].type.shape == (6, 3)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_layout_1_is_layout_0_with_the_batch_in_front(tmp_path: Path, direction: str) -> None:
    """onnxruntime does not run layout 1, so it is compared with what was compared with onnxruntime."""
    data = model("gru", 5, 3, 4, np.random.default_rng(10), direction, state="known")
    (tmp_path / "a.onnx").write_bytes(data)
    made = onnx.ModelProto.FromString(data)
    node, graph = made.graph.node[0], made.graph
    node.attribute.append(helper.make_attribute("layout", 1))
    graph.input[0].CopyFrom(helper.make_tensor_value_info("x", FLOAT, ["N", 5, 3]))
    state = next(t for t in graph.initializer if t.name == "h0")
    state.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(state).transpose(1, 0, 2), "h0"))
    (tmp_path / "b.onnx").write_bytes(made.SerializeToString())
    x = np.random.default_rng(11).standard_normal((2, 5, 3)).astype(np.float32)
    plain = run(read_onnx(tmp_path / "a.onnx"), {"x": x[:, :, None]})
    first = run(read_onnx(tmp_path / "b.onnx"), {"x": x})
    for name in ("y", "y_h"):
        assert np.array_equal(plain[name].ravel(), first[name].ravel())
