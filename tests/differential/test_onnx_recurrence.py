"""ONNX Scan and Loop that are a plain recurrence, against onnxruntime; the others are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.formats.onnx import read_onnx, read_stream
from circuitc.ir import run, verify_module

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed (circuitc[onnx])")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime, the peer, is not installed")
helper, FLOAT, INT, BOOL = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL
node, value = helper.make_node, helper.make_tensor_value_info
INPUTS, HIDDEN, STEPS = 3, 4, 5


def constants() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"w": rng.standard_normal((INPUTS, HIDDEN)), "r": rng.standard_normal((HIDDEN, HIDDEN)) / 2,
            "bias": rng.standard_normal(HIDDEN), "h0": rng.standard_normal((1, HIDDEN)), "half": np.array(0.5)}


def step() -> list[Any]:
    """h = tanh(x w + h r + bias); c = c / 2 + h; what is collected is h * c."""
    return [node("MatMul", ["item", "w"], ["a"]), node("MatMul", ["h", "r"], ["b"]), node("Add", ["a", "b"], ["ab"]),
            node("Add", ["ab", "bias"], ["abc"]), node("Tanh", ["abc"], ["h_next"]), node("Mul", ["c", "half"], ["c2"]),
            node("Add", ["c2", "h_next"], ["c_next"]), node("Mul", ["h_next", "c_next"], ["out"])]


def saved(folder: Path, main: Any, inputs: list[Any], more: dict[str, Any] | None = None) -> Path:
    arrays = {k: np.asarray(v, np.float32) for k, v in constants().items()} | (more or {})
    initializers = [onnx.numpy_helper.from_array(v, k) for k, v in arrays.items()]
    outputs = [helper.make_empty_tensor_value_info(name) for name in main.output]
    graph = helper.make_graph([main], "g", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return folder / "net.onnx"


def scan(folder: Path, steps: Any = STEPS, body: list[Any] | None = None, **attributes: Any) -> Path:
    state = [1, HIDDEN]
    inner = helper.make_graph(body or step(), "body", [value("h", FLOAT, state), value("c", FLOAT, state),
                                                       value("item", FLOAT, [1, INPUTS])],
                              [value(k, FLOAT, state) for k in ("h_next", "c_next", "out")])
    main = node("Scan", ["h0", "c0", "x"], ["last_h", "last_c", "all"], name="loop", body=inner,
                num_scan_inputs=1, **attributes)
    return saved(folder, main, [value("x", FLOAT, [steps, 1, INPUTS]), value("c0", FLOAT, state)])


def loop(folder: Path, count: int = STEPS, first: list[Any] | None = None, going: str = "going") -> Path:
    state = [1, HIDDEN]
    body = [*(first or [node("Gather", ["x", "k"], ["item"], axis=0)]), node("Identity", ["going"], ["same"]),
            node("Not", ["going"], ["not_going"]), *step()]
    inner = helper.make_graph(body, "body", [value("k", INT, []), value("going", BOOL, []), value("h", FLOAT, state),
                                             value("c", FLOAT, state)],
                              [value(going, BOOL, []), *(value(k, FLOAT, state) for k in ("h_next", "c_next", "out"))])
    main = node("Loop", ["count", "true", "h0", "c0"], ["last_h", "last_c", "all"], name="loop", body=inner)
    return saved(folder, main, [value("x", FLOAT, [STEPS, 1, INPUTS]), value("c0", FLOAT, state)],
                 {"count": np.array(count, np.int64), "true": np.array(True)})


def compare(path: Path) -> None:
    rng = np.random.default_rng(1)
    given = {"x": rng.standard_normal((STEPS, 1, INPUTS)), "c0": rng.standard_normal((1, HIDDEN))}
    given = {k: v.astype(np.float32) for k, v in given.items()}
    wanted = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, given)
    module = read_onnx(path)
    verify_module(module)
    raw = {p.name: given[p.name].reshape(1, *p.type.shape) for p in module.entry.inputs}
    for got in (run(module, raw), circuitc.jit(module).run(raw)):
        for port, w in zip(module.entry.outputs, wanted, strict=True):
            assert np.abs(got[port.name].ravel() - w.ravel()).max() <= 1e-5 * np.abs(w).max(), port.name


@pytest.mark.parametrize("attributes", [{}, {"scan_input_directions": [1]}, {"scan_output_directions": [1]}])
def test_scan(tmp_path: Path, attributes: dict[str, Any]) -> None:
    compare(scan(tmp_path, **attributes))


def test_loop(tmp_path: Path) -> None:
    compare(loop(tmp_path))
    compare(loop(tmp_path, going="same"))


def test_scan_of_a_free_length_is_a_stream(tmp_path: Path) -> None:
    path = scan(tmp_path, "steps")
    module = read_stream(path)
    assert module.entry.schedule.kind == "stream"
    rng = np.random.default_rng(2)
    x, c0 = (rng.standard_normal(s).astype(np.float32) for s in ((7, 1, INPUTS), (1, HIDDEN)))
    wanted = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x, "c0": c0})
    ours = run(module, {"x": x[None], "c0": c0.reshape(1, HIDDEN)})
    assert np.abs(ours["last_h"].ravel() - wanted[0].ravel()).max() <= 1e-5


def refused(path: Path, message: str) -> None:
    with pytest.raises(circuitc.CircuitError, match=message):
        read_onnx(path)


def test_other_loops_are_refused_by_name(tmp_path: Path) -> None:
    refused(loop(tmp_path, STEPS - 1), r"loop \(Loop\): is no plain recurrence: it gathers from 'x'")
    refused(loop(tmp_path, 0), "how often it runs")
    refused(loop(tmp_path, going="not_going"), "may stop before")
    counted = [node("Gather", ["x", "k"], ["item"], axis=0), node("Add", ["k", "k"], ["twice"])]
    refused(loop(tmp_path, first=counted), "its count is used for more than Gather")
    refused(loop(tmp_path, first=[node("Gather", ["x", "k"], ["item"], axis=1)]), "more than Gather along axis 0")


def test_other_scans_are_refused_by_name(tmp_path: Path) -> None:
    refused(scan(tmp_path, scan_output_axes=[1]), r"loop \(Scan\): it collects along another axis")
    refused(scan(tmp_path, scan_input_axes=[0, 0]), "scan_input_axes has 2 numbers")
    outside = [node("Add", ["h", "c0"], ["h_next"]), *step()[:4], *step()[5:]]
    refused(scan(tmp_path, body=outside), "no constant of the graphs around")
    wider = [node("Concat", ["h", "h"], ["h_next"], axis=1), *step()[:4], node("Tanh", ["abc"], ["c_next"]),
             node("Neg", ["c"], ["out"])]
    refused(scan(tmp_path, body=wider), "state 0 of shape")
    refused(scan(tmp_path, body=[node("Det", ["h"], ["h_next"]), *step()[:4], *step()[5:]]), "Det")
    model = onnx.load(scan(tmp_path))
    del model.graph.node[0].attribute[:]
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    refused(tmp_path / "net.onnx", r"loop \(Scan\): has no body")
