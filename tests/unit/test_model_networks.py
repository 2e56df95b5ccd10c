"""model.json of the kinds mlp, state-dict and onnx: what they compute, and one line for what does not fit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import decode

MLP: dict[str, Any] = {
    "schema": "circuitc.model/1", "kind": "mlp", "input": {"shape": [3], "type": "i4"},
    "layers": [{"weights": [[1, -1, 0.5], [0.25, 0.5, -1]], "type": "fx<4,2>", "bias": [0.5, -0.25],
                "activation": "relu", "output": "ufx<4,1>"},
               {"weights": [[1, 1], [-1, 1]], "type": "spin", "activation": "sign"}]}


def load(folder: Path, model: Any) -> Any:
    path = folder / "net.json"
    path.write_text(json.dumps(model))
    return circuitc.load(path)


def test_an_exact_perceptron_is_exact_and_rounds_where_it_says(tmp_path: Path) -> None:
    module = load(tmp_path, MLP)
    assert all(n.type.is_exact for n in module.entry.body.nodes)
    x = np.random.default_rng(0).integers(-8, 8, (100, 3))
    w, v = np.array(MLP["layers"][0]["weights"]), np.array(MLP["layers"][1]["weights"])
    hidden = np.clip(np.rint(np.maximum(x @ w.T + [0.5, -0.25], 0) * 2), 0, 15) / 2
    np.testing.assert_array_equal(circuitc.run(module, {"x": x})["y"], np.where(hidden @ v.T >= 0, 1, -1))


def test_a_float_perceptron_with_weights_in_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {"w": rng.standard_normal((4, 3)).astype(np.float32), "b": rng.standard_normal(4).astype(np.float32)}
    np.savez(tmp_path / "w.npz", **arrays)
    module = load(tmp_path, {
        "schema": "circuitc.model/1", "kind": "mlp", "input": {"shape": [3]}, "output": "p",
        "layers": [{"weights": {"file": "w.npz", "array": "w"}, "bias": {"file": "w.npz", "array": "b"},
                    "activation": "softmax"}]})
    x = rng.standard_normal((5, 3)).astype(np.float32)
    power = np.exp(x @ arrays["w"].T + arrays["b"])
    np.testing.assert_allclose(circuitc.run(module, {"x": x})["p"], power / power.sum(axis=1, keepdims=True), atol=1e-6)


def changed(path: str, value: Any) -> Any:
    model = json.loads(json.dumps(MLP))
    *rest, last = path.split(".")
    place = model
    for part in rest:
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    return model


@pytest.mark.parametrize(("path", "value", "said"), [
    ("layers.0.weights.0.2", 0.3, "layers[0].weights: 0.3 in row 0 is not a number of fx<4,2>"),
    ("layers.1.weights.0.1", 0, "layers[1].weights: 0 in row 0 is not a number of spin"),
    ("layers.0.weights.1", [1, 2], "layers[0].weights: row 1 has 2 numbers, the layer before has 3"),
    ("layers.0.bias", [1], "layers[0].bias: 1 numbers are given, the layer has 2 outputs"),
    ("layers.0.type", "fx<4", "layers[0].type: 'fx<4' is not a type"),
    ("layers.0.output", "f32", "layers[0].output: a result is rounded to fixed point of at most 24 bits, got f32"),
    ("layers.0.activation", "rulu", "layers[0].activation: expected"),
    ("layers.0.weigths", 1, "layers[0]: there is no key 'weigths' here"),
    ("layers.0.weights", {"file": "../x.npz", "array": "w"}, "lies outside the folder"),
    ("layers", [], "layers: expected a list of at least 1"),
    ("input.shape", [1, 3], "input.shape: the input of a perceptron is a vector"),
    ("input.scale", "0/3", "input: a scale of 0/3 is none"),
    ("input.scale", "1/0", "input: a scale of 1/0 is none")])
def test_what_broken_perceptrons_say(path: str, value: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(CircuitError) as caught:
        load(tmp_path, changed(path, value))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_state_dict_computes_what_its_layers_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    w = {"0.weight": rng.standard_normal((3, 2, 3, 3)), "0.bias": rng.standard_normal(3), "1.weight": rng.random(3),
         "1.bias": rng.random(3), "1.running_mean": rng.random(3), "1.running_var": rng.random(3) + 0.5,
         "1.num_batches_tracked": np.array(7), "fc.weight": rng.standard_normal((4, 12))}
    save_file({k: v.astype(np.float32) if v.ndim else v for k, v in w.items()}, tmp_path / "w.safetensors")
    model = {"schema": "circuitc.model/1", "kind": "state-dict", "weights": "w.safetensors",
             "input": {"shape": [2, 4, 4]}, "layers": [
                 {"op": "conv2d", "tensors": "0", "padding": 1}, {"op": "batch_norm", "tensors": "1"}, {"op": "relu"},
                 {"op": "max_pool", "size": 2}, {"op": "flatten"}, {"op": "linear", "tensors": "fc"}]}
    x = rng.standard_normal((2, 2, 4, 4)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    slides = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    y = np.einsum("nchwij,mcij->nmhw", slides, w["0.weight"]) + w["0.bias"][:, None, None]
    c = {k[2:]: v.reshape(-1, 1, 1) for k, v in w.items() if k.startswith("1.") and v.ndim}
    y = (y - c["running_mean"]) / np.sqrt(c["running_var"] + 1e-5) * c["weight"] + c["bias"]
    y = np.maximum(y, 0).reshape(2, 3, 2, 2, 2, 2).max(axis=(3, 5)).reshape(2, 12) @ w["fc.weight"].T
    found = circuitc.run(load(tmp_path, model), {"x": x})["y"]
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-5)
    for change, said in (({"op": "linear", "tensors": "fd"}, "layers[5]: w.safetensors has no array named 'fd.weight'"),
                         ({"op": "linear"}, "layers[5]: the key tensors is missing"),
                         ({"op": "max_pool"}, "layers[5]: ")):
        model["layers"][5] = change  # type: ignore[index]
        with pytest.raises(CircuitError) as caught:
            load(tmp_path, model)
        assert said in str(caught.value)


def test_a_state_dict_of_pixels_starts_exact(tmp_path: Path) -> None:
    save_file({"fc.weight": np.array([[0.5, -1]], np.float32)}, tmp_path / "w.safetensors")
    module = load(tmp_path, {
        "schema": "circuitc.model/1", "kind": "state-dict", "weights": "w.safetensors",
        "input": {"shape": [2], "type": "u8", "scale": "1/255"}, "layers": [{"op": "linear", "tensors": "fc"}]})
    port = module.entry.outputs[0]
    assert port.type.is_exact
    raw = circuitc.run(module, {"x": np.array([[255, 51]])})["y"]
    np.testing.assert_allclose(decode(port, raw), [[0.3]], rtol=1e-12)


def test_a_certificate_has_the_digests_of_files_beside_the_model(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array([[1, -1]]))
    (tmp_path / "other.npy").write_bytes(b"not named")
    load(tmp_path, {"schema": "circuitc.model/1", "kind": "mlp", "name": "net",
                    "input": {"shape": [2], "type": "u2"}, "layers": [{"weights": {"file": "w.npy"}, "type": "i2"}]})
    build = circuitc.compile(next(tmp_path.glob("*.json")), verify=False, options={"vectors": "0"})
    said = json.loads(build.artefacts["certificate.json"])["model"]["files"]
    assert said == {"w.npy": hashlib.sha256((tmp_path / "w.npy").read_bytes()).hexdigest()}
