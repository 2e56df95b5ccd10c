"""The ONNX reader: quantizers in every mode, what is exact, and one clear line for each file that is not read."""

from __future__ import annotations

import random
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.formats.onnx import Reading, read_onnx
from circuitc.formats.onnx.quantizers import ROUNDINGS
from circuitc.ir import decode, verify_module

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed (circuitc[onnx])")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
BREVITAS = "onnx.brevitas"


def model(nodes: list[Any], constants: dict[str, Any], shape: tuple[Any, ...] = (1, 4), output: str = "y",
          opset: int = 13, kind: int = 1) -> Any:
    arrays = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", kind, list(shape))],
                              [helper.make_empty_tensor_value_info(output)], arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(BREVITAS, 1)],
                             ir_version=8)


def node(op: str, *operands: str, out: str = "y", domain: str = "", **attributes: Any) -> Any:
    return helper.make_node(op, list(operands), [out], name=f"the_{op}", domain=domain, **attributes)


def save(folder: Path, made: Any, name: str = "net.onnx") -> Path:
    path = folder / name
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


def outcome(module: Any, **inputs: Any) -> Any:
    verify_module(module)
    port = module.entry.outputs[0]
    return decode(port, circuitc.run(module, inputs)[port.name])


def round_as(y: Any, mode: str) -> Any:
    """QONNX's rounding modes, one line each."""
    return {"nearest_even": np.rint(y), "floor": np.floor(y), "ceil": np.ceil(y), "down": np.trunc(y),
            "up": np.sign(y) * np.ceil(abs(y)), "half_away": np.sign(y) * np.floor(abs(y) + 0.5),
            "half_down": np.sign(y) * np.ceil(abs(y) - 0.5)}[ROUNDINGS[mode]]


def quant(x: Any, scale: float, zero: int, low: int, high: int, mode: str) -> Any:
    return (round_as(np.clip(x / scale + zero, low, high), mode) - zero) * scale


def quant_model(scale: float, zero: int, bits: int, mode: str, *, signed: int = 1, narrow: int = 0) -> Any:
    return model([node("Quant", "x", "s", "z", "b", domain=BREVITAS, signed=signed, narrow=narrow, rounding_mode=mode)],
                 {"s": np.float32(scale), "z": np.float32(zero), "b": np.float32(bits)})


@pytest.mark.parametrize("mode", ROUNDINGS)
@pytest.mark.parametrize(("scale", "zero"), [(0.25, 0), (0.25, 2), (0.75, 0)])
def test_quant_in_every_mode_of_floats_and_of_exact_numbers(mode: str, scale: float, zero: int, tmp_path: Path) -> None:
    path = save(tmp_path, quant_model(scale, zero, 4, mode))
    x = np.arange(-64, 64).reshape(-1, 4).astype(np.float32) / 16
    wanted = quant(x, scale, zero, -8, 7, mode)
    from_float = read_onnx(path)
    np.testing.assert_array_equal(outcome(from_float, x=x), wanted)
    exact = read_onnx(path, {"x": Reading("fx<12,6>")})
    np.testing.assert_array_equal(outcome(exact, x=np.rint(x * 64).astype(np.int64)), wanted)
    assert exact.facts["onnx"]["float_nodes"] == []


@pytest.mark.parametrize(("signed", "narrow", "low", "high"), [
    (1, 0, -8, 7), (1, 1, -7, 7), (0, 0, 0, 15), (0, 1, 0, 14)])
def test_narrow_and_unsigned_ranges(signed: int, narrow: int, low: int, high: int, tmp_path: Path) -> None:
    path = save(tmp_path, quant_model(0.5, 0, 4, "ROUND", signed=signed, narrow=narrow))
    x = np.linspace(-9, 9, 40).reshape(-1, 4).astype(np.float32)
    np.testing.assert_array_equal(outcome(read_onnx(path), x=x), quant(x, 0.5, 0, low, high, "ROUND"))


def test_one_signed_bit_and_bipolar_are_spins_and_zero_is_plus(tmp_path: Path) -> None:
    x = np.array([[-1, -0.0, 0, 2]], np.float32)
    module = read_onnx(save(tmp_path, quant_model(0.5, 0, 1, "ROUND")))
    assert module.entry.outputs[0].type.is_spin
    np.testing.assert_array_equal(outcome(module, x=x), [[-0.5, 0.5, 0.5, 0.5]])
    made = model([node("BipolarQuant", "x", "s", domain=BREVITAS)], {"s": np.float32(2)})
    np.testing.assert_array_equal(outcome(read_onnx(save(tmp_path, made)), x=x), [[-2, 2, 2, 2]])


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL", "DOWN"])
def test_trunc_cuts_low_bits_in_both_versions(mode: str, tmp_path: Path) -> None:
    constants = {"s": np.float32(0.25), "z": np.float32(0), "b": np.float32(8), "o": np.float32(4),
                 "t": np.float32(1.0)}
    x = np.arange(-128, 128).reshape(-1, 4)
    reading = {"x": Reading("i8", Fraction(1, 4))}
    first = model([node("Trunc", "x", "s", "z", "b", "o", domain=BREVITAS, rounding_mode=mode)], constants)
    np.testing.assert_array_equal(outcome(read_onnx(save(tmp_path, first), reading), x=x),
                                  round_as(x / 16, mode) * 0.25)
    second = model([node("Trunc", "x", "s", "z", "b", "t", "o", domain=BREVITAS, rounding_mode=mode, signed=1)],
                   constants)
    np.testing.assert_array_equal(outcome(read_onnx(save(tmp_path, second), reading), x=x),
                                  np.clip(round_as(np.clip(x / 4, -8, 7), mode), -8, 7))


def test_normalisation_and_sign_become_integer_thresholds_flipped_where_gamma_is_negative(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w = rng.integers(0, 2, (8, 6)).astype(np.float32) * 2 - 1
    gamma, beta, mean = (rng.standard_normal(6).astype(np.float32) for _ in range(3))
    gamma[2], gamma[3] = 0, -1.5
    var = np.array([1, 2, 3, 4, 5, 6], np.float32)
    nodes = [node("BipolarQuant", "x", "one", out="a", domain=BREVITAS), node("MatMul", "a", "w", out="b"),
             node("BatchNormalization", "b", "g", "be", "m", "v", out="c", epsilon=0.5),
             node("BipolarQuant", "c", "one", domain=BREVITAS)]
    made = model(nodes, {"one": np.float32(1), "w": w, "g": gamma, "be": beta, "m": mean, "v": var}, (1, 8))
    module = read_onnx(save(tmp_path, made), {"x": Reading("i4")})
    ops = {n.op for n in module.entry.body.nodes}
    assert all(n.type.is_exact for n in module.entry.body.nodes)
    assert not ops & {"mul", "divide", "sqrt", "requantize"}
    x = rng.integers(-8, 8, (200, 8))
    wide = np.where(x >= 0, 1, -1) @ w.astype(np.float64)
    real = (wide - mean.astype(np.float64)) * gamma / np.sqrt(var.astype(np.float64) + 0.5) + beta
    np.testing.assert_array_equal(outcome(module, x=x), np.where(real >= 0, 1, -1))


def test_clips_and_relus_before_a_quantizer_are_taken_in(tmp_path: Path) -> None:
    nodes = [node("Add", "x", "third", out="a"), node("Relu", "a", out="b"), node("Clip", "b", "low", "high", out="c"),
             node("Quant", "c", "s", "z", "b4", domain=BREVITAS, signed=0, narrow=0, rounding_mode="ROUND")]
    made = model(nodes, {"third": np.float32(1 / 3), "low": np.float32(0.1), "high": np.float32(2.4),
                         "s": np.float32(0.3), "z": np.float32(0), "b4": np.float32(4)})
    module = read_onnx(save(tmp_path, made), {"x": Reading("fx<6,3>")})
    assert module.facts["onnx"]["float_nodes"] == []
    x = np.arange(-32, 32).reshape(-1, 4)
    real = np.clip(np.maximum(x / 8 + np.float32(1 / 3), 0), np.float32(0.1), np.float32(2.4))
    wanted = np.rint(real / np.float64(np.float32(0.3))) * np.float64(np.float32(0.3))
    np.testing.assert_allclose(outcome(module, x=x), wanted, rtol=1e-12)


def test_scales_that_differ_by_channel_leave_as_floats_and_it_is_told(tmp_path: Path) -> None:
    made = model([node("Mul", "x", "c")], {"c": np.array([1, 2, 3, 0.1], np.float32)})
    module = read_onnx(save(tmp_path, made), {"x": Reading("i8")})
    assert str(module.entry.outputs[0].type) == "f32[4]"
    np.testing.assert_allclose(outcome(module, x=np.array([[1, 2, 3, -4]])), [[1, 4, 9, -0.4]], rtol=1e-6)


def test_an_affine_result_leaves_as_integers_with_scale_and_offset(tmp_path: Path) -> None:
    made = model([node("Mul", "x", "c", out="t"), node("Add", "t", "d")], {"c": np.float32(0.3), "d": np.float32(5)})
    module = read_onnx(save(tmp_path, made), {"x": Reading("i8")})
    port = module.entry.outputs[0]
    assert (str(port.type), port.encoding.scale, port.encoding.offset) == ("i8[4]", float(np.float32(0.3)), 5.0)
    np.testing.assert_allclose(outcome(module, x=np.array([[1, 2, 3, -4]])), [[5.3, 5.6, 5.9, 3.8]], rtol=1e-6)


def test_external_data_beside_the_model_are_read(tmp_path: Path) -> None:
    made = model([node("MatMul", "x", "w")], {"w": np.eye(4, dtype=np.float32) * 3})
    onnx.save_model(made, str(tmp_path / "net.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    np.testing.assert_array_equal(outcome(read_onnx(tmp_path / "net.onnx"), x=np.ones((1, 4), np.float32)), [[3] * 4])


def moved_external(folder: Path, location: str, length: int = 64) -> Any:
    made = model([node("MatMul", "x", "w")], {"w": np.eye(4, dtype=np.float32)})
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    for key, value in (("location", location), ("length", str(length))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return made


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown operator": (lambda: model([node("Det", "x")], {}),
                         "graph.node[0] the_Det (Det): the operator is not read"),
    "other domain": (lambda: model([node("Relu", "x", domain="com.microsoft")], {}),
                     "graph.node[0] the_Relu (com.microsoft.Relu): the operator is not read"),
    "control flow": (lambda: model([node("If", "x", then_branch=helper.make_graph([], "t", [], []))], {}),
                     "(If): control flow is not read"),
    "recurrent": (lambda: model([node("LSTM", "x", "w", "r", hidden_size=3)], {"w": np.ones(1), "r": np.ones(1)}),
                  "graph.node[0] the_LSTM (LSTM): it takes [steps, 1, inputs], got [1, 4]"),
    "old operator set": (lambda: model([node("Relu", "x")], {}, opset=12), "operator set 12 is not read, 13 to"),
    "old quantized": (lambda: model([node("BipolarQuant", "x", "s", domain=BREVITAS)], {"s": np.float32(1)}, opset=8),
                      "operator set 8 is not read, 9 to"),
    "future operator set": (lambda: model([node("Relu", "x")], {}, opset=99), "operator set 99 is not read"),
    "cycle": (lambda: model([node("Add", "x", "b", out="a"), node("Relu", "a", out="b"), node("Relu", "b")], {}),
              "reads 'b', which a later node makes: the nodes are out of order or a cycle"),
    "missing initializer": (lambda: model([node("MatMul", "x", "w")], {}), "reads 'w', which nothing makes"),
    "free axis": (lambda: model([node("Relu", "x")], {}, ("N", "K")), "input x: axis 1 has no fixed length"),
    "shapes": (lambda: model([node("MatMul", "x", "w")], {"w": np.ones((3, 2), np.float32)}), "do not fit together"),
    "batch is mixed": (lambda: model([node("ReduceSum", "x", "a")], {"a": np.array([0])}, ("N", 4)),
                       "it works along axis 0, the batch"),
    "training": (lambda: model([node("BatchNormalization", "x", *"gbmv", training_mode=1)],
                               {k: np.ones(4, np.float32) for k in "gbmv"}), "training mode is not read"),
    "rounding": (lambda: quant_model(1, 0, 4, "SIDEWAYS"), "there is no rounding mode 'SIDEWAYS'"),
    "bit width": (lambda: quant_model(1, 0, 99, "ROUND"), "its bit width is one whole number, 1 to 32"),
    "scale": (lambda: quant_model(-1, 0, 4, "ROUND"), "its scale is a positive number"),
    "no batch of ten": (lambda: model([node("Reshape", "x", "s")], {"s": np.array([10, 4])}, ("N", 4)),
                        "[1, 4] cannot be brought to [10, 4]"),
    "bfloat": (lambda: model([node("Relu", "x")], {}, kind=TensorProto.BFLOAT16), "input x: holds element type 16"),
    "no output": (lambda: model([node("Relu", "x")], {}, output="zz"), "the graph has no tensor 'zz'"),
    "external outside": (lambda: moved_external(Path(), "../../etc/passwd"), "lies outside the folder"),
    "external missing": (lambda: moved_external(Path(), "gone.bin"), "there is no file gone.bin beside the model"),
    "external length": (lambda: moved_external(Path(), "net.onnx", 8), "its external data are 8 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    make, said = REFUSED[name]
    with pytest.raises(CircuitError) as caught:
        read_onnx(save(tmp_path, make()))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "net.onnx"))


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, model([node("Relu", "x")], {}))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CircuitError, match=r"needs the package onnx \(help: pip install 'circuitc\[onnx\]'\)"):
        circuitc.load(path)


def test_the_command_refuses_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = quant_model(0.5, 0, 4, "ROUND").SerializeToString()
    for data in (whole[:len(whole) // 2], b"\x08\x08\x12\x00", b"{}", whole + b"\xff\xff"):
        path = save(tmp_path, data)
        assert command(["compile", str(path), "--target", "llvm", "-o", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert error.count("\n") <= 2


def test_damaged_files_are_refused_or_read_and_never_crash(tmp_path: Path) -> None:
    nodes = [node("Conv", "x", "w", out="a", pads=[1, 1, 1, 1]), node("Relu", "a", out="b"),
             node("MaxPool", "b", out="c", kernel_shape=[2, 2]), node("Flatten", "c", out="d"),
             node("Quant", "d", "s", "z", "n", domain=BREVITAS, signed=1, narrow=1, rounding_mode="ROUND")]
    constants = {"w": np.ones((2, 1, 3, 3), np.float32), "s": np.float32(0.5), "z": np.float32(0), "n": np.float32(3)}
    whole = model(nodes, constants, (1, 1, 4, 4)).SerializeToString()
    picks = random.Random(7)
    refused = read = 0
    for round_ in range(150):
        data = bytearray(whole)
        for _ in range(picks.randint(1, 4)):
            data[picks.randrange(len(data))] = picks.randrange(256)
        if round_ % 5 == 0:
            data = data[:picks.randrange(1, len(data))]
        try:
            verify_module(read_onnx(save(tmp_path, bytes(data))))
        except CircuitError as e:
            refused += "\n" not in str(e.diagnostics[0])
        else:
            read += 1
    assert refused > 60
    assert refused + read == 150  # no message had a second line


def test_verilog_refuses_floats_by_name(tmp_path: Path) -> None:
    made = model([node("Sigmoid", "x")], {})
    with pytest.raises(CircuitError, match=r"f32"):
        circuitc.compile(read_onnx(save(tmp_path, made)), "verilog")


def test_a_quantized_network_is_the_same_in_verilog(tmp_path: Path) -> None:
    """A convolution, a residual sum, max-pooling and a per-channel requantization, through Yosys."""
    rng = np.random.default_rng(3)
    constants = {"w": rng.integers(-3, 4, (2, 1, 2, 2)).astype(np.float32),
                 "ws": np.array([0.5, 0.3], np.float32).reshape(2, 1, 1, 1),
                 "z": np.float32(0), "b3": np.float32(3), "s": np.float32(0.7), "b4": np.float32(4)}
    how = {"domain": BREVITAS, "signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    nodes = [node("Quant", "w", "ws", "z", "b3", out="q", **how), node("Conv", "x", "q", out="a"),
             node("Quant", "a", "s", "z", "b4", out="b", **how), node("Add", "b", "b", out="c"),
             node("MaxPool", "c", kernel_shape=[2, 2])]
    module = read_onnx(save(tmp_path, model(nodes, constants, (1, 1, 3, 3))), {"x": Reading("i4")})
    x = rng.integers(-8, 8, (40, 1, 3, 3))
    wanted = circuitc.run(module, {"x": x})["y"]
    assert len(np.unique(wanted)) > 4
    np.testing.assert_array_equal(circuitc.simulate(module, {"x": x}, engine="yosys")["y"], wanted)
