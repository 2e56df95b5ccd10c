"""`model.json` of kind `rnn`: streams, whole sequences, PyTorch's state_dict, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import run, verify_module

RNG = np.random.default_rng(2)


def write(folder: Path, layers: Any, **more: Any) -> Path:
    path = folder / "net.json"
    path.write_text(json.dumps({"schema": "circuitc.model/1", "kind": "rnn", "input": {"shape": [3]},
                                "layers": layers, **more}))
    return path


def state_dict(folder: Path, rows: int, hidden: int = 4, levels: int = 2, *, both: bool = False) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for k in range(levels):
        width = 3 if k == 0 else hidden * (2 if both else 1)
        for end in ("", "_reverse")[:2 if both else 1]:
            for name, shape in (("weight_ih", (rows * hidden, width)), ("weight_hh", (rows * hidden, hidden)),
                                ("bias_ih", (rows * hidden,)), ("bias_hh", (rows * hidden,))):
                arrays[f"rnn.{name}_l{k}{end}"] = RNG.standard_normal(shape).astype(np.float16)
    arrays["fc.weight"] = RNG.standard_normal((2, hidden * (2 if both else 1))).astype(np.float32)
    arrays["fc.bias"] = np.ones(2, np.float32)
    save_file(arrays, folder / "net.safetensors")
    np.savez(folder / "net.npz", **arrays)
    return arrays


def layers(op: str) -> list[dict[str, Any]]:
    return [{"op": op, "tensors": "rnn"}, {"op": "linear", "tensors": "fc"}]


@pytest.mark.parametrize(("op", "rows"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_a_stream_and_a_whole_sequence_answer_the_same(tmp_path: Path, op: str, rows: int) -> None:
    state_dict(tmp_path, rows)
    x = RNG.standard_normal((3, 6, 3)).astype(np.float32)
    stream = circuitc.load(write(tmp_path, layers(op), weights="net.safetensors"))
    whole = circuitc.load(write(tmp_path, layers(op), weights="net.npz", length=6))
    assert (str(stream.entry.schedule), str(whole.entry.schedule)) == ("stream", "once")
    verify_module(stream)
    assert np.allclose(run(stream, {"x": x})["y"], run(whole, {"x": x})["y"], atol=1e-6)
    steps = circuitc.load(write(tmp_path, layers(op), weights="net.npz", returns="sequence"))
    assert np.allclose(run(steps, {"x": x})["y"][:, -1], run(stream, {"x": x})["y"], atol=1e-6)


def test_both_directions_read_the_whole_sequence(tmp_path: Path) -> None:
    arrays = state_dict(tmp_path, 1, levels=1, both=True)
    x = RNG.standard_normal((2, 5, 3))
    with pytest.raises(CircuitError, match="length is fixed"):
        circuitc.load(write(tmp_path, layers("rnn"), weights="net.safetensors"))
    module = circuitc.load(write(tmp_path, layers("rnn"), weights="net.safetensors", length=5))
    last = []
    for end, order in (("", range(5)), ("_reverse", range(4, -1, -1))):
        w, r, bi, bh = (arrays[f"rnn.{n}_l0{end}"].astype(float) for n in (
            "weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        h = np.zeros((2, 4))
        for t in order:
            h = np.tanh(x[:, t] @ w.T + h @ r.T + bi + bh)
        last.append(h)
    wanted = np.concatenate(last, axis=1) @ arrays["fc.weight"].T + 1
    assert np.allclose(run(module, {"x": x.astype(np.float32)})["y"], wanted, atol=1e-5)


def test_pixels_come_as_pixels_and_weights_stand_in_the_file(tmp_path: Path) -> None:
    layer = {"op": "rnn", "weight_ih": [[1, 0, 0]], "weight_hh": [[0.5]], "bias_ih": [-1], "activation": "relu"}
    module = circuitc.load(write(tmp_path, [layer], input={"shape": [3], "type": "u8", "scale": "1/4"}))
    assert str(module.entry.inputs[0].type) == "u8[3]"
    assert run(module, {"x": np.array([[[8, 0, 0], [6, 9, 9]]])})["y"].tolist() == [[1.0]]  # (2-1)/2 + 1.5 - 1


W, R = [[1, 2, 3]], [[1]]


@pytest.mark.parametrize(("given", "says"), [
    ([{"op": "rnn", "weight_ih": W}], "the key weight_hh is missing"),
    ([{"op": "rnn", "weight_ih": [[1, 2]], "weight_hh": R}], "layer 0 has 2 inputs, what comes in has 3"),
    ([{"op": "lstm", "weight_ih": W, "weight_hh": R}], "w of a lstm layer of 1 has shape"),
    ([{"op": "rnn", "weight_ih": W, "weight_hh": [[1, 2], [3]]}], "rows of weight_hh are not of one length"),
    ([{"op": "rnn", "weight_ih": W, "weight_hh": R, "bias_ih": [1, 2]}], "bias_w of a rnn layer"),
    ([{"op": "rnn", "tensors": "rnn"}], "the key weights is missing"),
    ([{"op": "gru", "weight_ih": W, "weight_hh": R, "activation": "relu"}], "a gru has its own"),
    ([{"op": "linear", "weight": W}], "at least one layer"),
    ([{"op": "rnn", "weight_ih": W, "weight_hh": R}, {"op": "linear", "weight": [[1, 2]]}], "readout has 2 inputs"),
    ([{"op": "linear", "weight": W}, {"op": "rnn", "weight_ih": W, "weight_hh": R}], "behind a linear one"),
    ([{"op": "rnn", "weight_ih": [[1, 2, 1e39]], "weight_hh": R}], "beyond those of f32"),
    ([{"op": "rnn", "weight_ih": [], "weight_hh": R}], "at least 1"),
])
def test_bad_models_are_refused(tmp_path: Path, given: Any, says: str) -> None:
    with pytest.raises(CircuitError, match=says):
        circuitc.load(write(tmp_path, given))


def test_a_file_without_the_arrays_is_refused(tmp_path: Path) -> None:
    state_dict(tmp_path, 1)
    bad = [{"op": "rnn", "tensors": "encoder"}]
    with pytest.raises(CircuitError, match=r"there are no arrays encoder\.weight_ih_l0"):
        circuitc.load(write(tmp_path, bad, weights="net.npz"))
    with pytest.raises(CircuitError, match="is needed"):
        circuitc.load(write(tmp_path, layers("lstm"), weights="net.npz"))
