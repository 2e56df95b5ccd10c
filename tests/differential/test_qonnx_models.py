"""Trained networks of QONNX: the integer logits that QONNX's own executor gives, on all of MNIST's test digits.

The executor needs its own environment, so its answers are here as SHA-256 of the logits' bytes (int64, little endian,
row major); `benchmarks/qonnx_peer.py` runs it beside us and prints both digests.
"""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import circuitc
from circuitc.formats.onnx import Reading, read_onnx
from circuitc.ir import decode, verify_module

pytest.importorskip("onnx", reason="the package onnx is not installed (circuitc[onnx])")
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not (DATA / "qonnx").is_dir(), reason="the shared data folder is absent")

DIGITS = {"TFC_1W1A": (9296, "40a287fd801036beec02b55ecc8de03b1d2b93028fbb158f48d0a3f2d3753c66"),
          "TFC_1W2A": (9474, "d2338be1b070d204030d71258661b1c7b2ef26dc8fae7fe4c5a3769f1d49c17e")}
JET_LOGITS = "6374efaf8c06e4ac69def55e3d8cb1a430d8680a0bf0ade37af250391810e22b"


def digest(logits: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(logits.astype("<i8")).tobytes()).hexdigest()


@needs_data
@pytest.mark.parametrize("name", DIGITS)
def test_all_test_digits_have_the_executors_logits(name: str) -> None:
    right, expected = DIGITS[name]
    digits = np.load(DATA / "mnist" / "mnist.npz")
    x = digits["x_test"].reshape(-1, 1, 28, 28).astype(np.int64)
    module = read_onnx(DATA / "qonnx" / f"{name}.onnx", {"0": Reading("u8", Fraction(1, 255))})
    assert all(n.type.is_exact for n in module.entry.body.nodes)
    logits = circuitc.jit(module)(x)
    assert int((logits.argmax(axis=1) == digits["y_test"]).sum()) == right
    assert digest(logits) == expected
    np.testing.assert_array_equal(circuitc.run(module, {"_0": x[:20]})["_" + ("74" if "1A" in name[5:] else "82")],
                                  logits[:20])


@needs_data
@pytest.mark.parametrize("exact", [False, True])
def test_jet_tagging_has_the_executors_logits_and_softmax(exact: bool) -> None:
    x = np.random.default_rng(0).integers(-512, 512, (1000, 16))
    reading = {"global_in": Reading("fx<16,6>")} if exact else None
    module = read_onnx(DATA / "qonnx" / "qkeras_jettagging.onnx", reading, ["Add_3_out0", "global_out"])
    verify_module(module)
    answer = circuitc.run(module, {"global_in": x if exact else (x / 64).astype(np.float32)})
    logits = decode(module.entry.outputs[0], answer["Add_3_out0"])
    assert digest(logits * 2048) == JET_LOGITS
    assert np.all(logits * 2048 == np.rint(logits * 2048))
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(answer["global_out"], power / power.sum(axis=1, keepdims=True), atol=1e-6, rtol=0)


@needs_data
def test_a_model_json_says_how_pixels_come(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes((DATA / "qonnx" / "TFC_1W1A.onnx").read_bytes())
    path = tmp_path / "net.json"
    path.write_text(json.dumps({
        "schema": "circuitc.model/1", "kind": "onnx", "file": "net.onnx", "outputs": ["66"],
        "inputs": [{"name": "0", "type": "u8", "scale": "1/255"}]}))
    port = circuitc.load(path).entry.outputs[0]
    assert (str(port.type), port.encoding.scale, port.encoding.offset) == ("i8[10]", 1.0, 0.0)
