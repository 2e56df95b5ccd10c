"""A perceptron 784-512-512-10 on one thread: ours in f32, int8, binary and sparse, beside onnxruntime and PyTorch.

    python benchmarks/dense.py [rounds]

One network with random weights (He), read from one ONNX file by both. Peers: onnxruntime in f32, quantized statically
(QDQ, u8 x i8, per channel) and dynamically; PyTorch in f32 where it is installed. Each call goes through the Python
interface; calls of all engines take turns, and a figure is the median of the rounds with its quartiles, in processor
time of this thread, so that other programs on the machine matter less. Answers: f32 within 1e-5 of onnxruntime's
largest; integers equal to the interpreter's bit for bit. The quantized networks are different approximations of the f32
one, so for them the share of samples with its class is printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

import circuitc
from circuitc.ir import SPIN, Builder, Constant, Func, Module, Port, encode, module_of, run
from circuitc.passes import run_passes

SIZES = (784, 512, 512, 10)
BATCHES = (1, 256)
QUANTIZE = "quantize{weights=i8,activations=8,inputs=8,sensitivity=false},shrink,narrow"
ZEROS = 0.9

Engine = Callable[[Any], Any]


def weights(zeros: float = 0.0) -> list[tuple[Any, Any]]:
    """Draw weights [outputs, inputs] and biases of all layers."""
    rng = np.random.default_rng(0)
    layers: list[tuple[Any, Any]] = []
    for inputs, outputs in pairwise(SIZES):
        w = rng.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(np.float32)
        layers.append((np.where(rng.random(w.shape) < zeros, np.float32(0), w),
                       rng.normal(0, 0.1, outputs).astype(np.float32)))
    return layers


def write_onnx(path: Path, layers: list[tuple[Any, Any]]) -> Path:
    """Write the perceptron as ONNX: Gemm and Relu in turn."""
    nodes, tensors, value = [], [], "x"
    for k, (w, bias) in enumerate(layers):
        tensors += [numpy_helper.from_array(w, f"w{k}"), numpy_helper.from_array(bias, f"b{k}")]
        last = k == len(layers) - 1
        nodes.append(helper.make_node("Gemm", [value, f"w{k}", f"b{k}"], ["y" if last else f"s{k}"], transB=1))
        value = f"h{k}"
        if not last:
            nodes.append(helper.make_node("Relu", [f"s{k}"], [value]))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", s]) for n, s in (("x", SIZES[0]), ("y", 10))]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


class _Calibration(CalibrationDataReader):
    def __init__(self, x: Any) -> None:
        self._rows = iter([{"x": row[None]} for row in x])

    def get_next(self) -> Any:
        return next(self._rows, None)


def session(path: Path) -> Engine:
    """Open an ONNX file in onnxruntime, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: opened.run(None, {"x": x})[0]


def torch_engine(layers: list[tuple[Any, Any]]) -> Engine | None:
    """Make the perceptron in PyTorch, one thread; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    parts: list[Any] = []
    for w, bias in layers:
        linear = torch.nn.Linear(w.shape[1], w.shape[0])
        linear.load_state_dict({"weight": torch.from_numpy(w), "bias": torch.from_numpy(bias)})
        parts += [linear, torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1]).eval()

    def call(x: Any) -> Any:
        with torch.inference_mode():
            return net(torch.from_numpy(x)).numpy()
    return call


def binary() -> Module:
    """Make the perceptron with spins for weights and activations; the last layer gives sums."""
    rng, b = np.random.default_rng(0), Builder()
    v = b.input("x", SPIN.with_shape(SIZES[:1]))
    for k, (inputs, outputs) in enumerate(pairwise(SIZES)):
        w = b.constant(Constant(SPIN.with_shape((outputs, inputs)), rng.choice([-1, 1], (outputs, inputs))))
        v = b.apply("contract", w, v, spec="ij,j->i")
        if k < len(SIZES) - 2:
            zero = b.constant(Constant(b.type(v), np.zeros(outputs, int)))
            v = b.apply("convert", b.apply("le", zero, v), type=SPIN)
    return module_of(Func("binary", (Port("x", SPIN.with_shape(SIZES[:1])),), (Port("y", b.type(v)),), b.finish([v])))


def measured(engines: dict[str, tuple[Engine, Any]], rounds: int) -> dict[str, list[float]]:
    """Call all engines in turn, many rounds; microseconds of processor time a call."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, (call, x) in engines.items():
            repeat = 20 if len(x) == 1 else 2
            call(x)
            start = time.thread_time()
            for _ in range(repeat):
                call(x)
            times[name].append((time.thread_time() - start) / repeat * 1e6)
    return times


def report(times: dict[str, list[float]], peer: str, batch: int) -> None:
    """Print medians, quartiles, and the peer's time over each engine's, round by round."""
    for name, row in times.items():
        ratio = [p / t for p, t in zip(times[peer], row, strict=True)]
        low, high = np.quantile(ratio, [0.25, 0.75])
        middle = statistics.median(row) / batch
        print(f"  {name:34} {middle:8.2f} us a sample, {statistics.median(ratio):6.2f} times as fast as {peer} "
              f"({low:.2f} to {high:.2f})")


def compile_all(folder: Path, x: Any) -> dict[str, tuple[Engine, Any]]:
    """Make all engines, each with its input for all samples."""
    dense, sparse = write_onnx(folder / "f32.onnx", weights()), write_onnx(folder / "sparse.onnx", weights(ZEROS))
    quantize_static(dense, folder / "qdq.onnx", _Calibration(x), quant_format=QuantFormat.QDQ, per_channel=True)
    quantize_dynamic(dense, folder / "dynamic.onnx", per_channel=True)
    peers = {"onnxruntime f32": dense, "onnxruntime QDQ": folder / "qdq.onnx",
             "onnxruntime dynamic": folder / "dynamic.onnx", "onnxruntime f32, 90 % zeros": sparse}
    engines: dict[str, tuple[Engine, Any]] = {name: (session(path), x) for name, path in peers.items()}
    pytorch = torch_engine(weights())
    if pytorch is not None:
        engines["PyTorch f32"] = pytorch, x
    model, thin = circuitc.load(dense), circuitc.load(sparse)
    for title, module in (("circuitc f32", model), ("circuitc f32, 90 % zeros", thin),
                          ("circuitc f32, 90 % zeros, csr", run_passes(thin, "sparsify{storage=csr}"))):
        engines[title] = circuitc.jit(module), x
    for title, module, passes in (("circuitc int8", model, QUANTIZE), ("circuitc int8, 90 % zeros", thin, QUANTIZE),
                                  ("circuitc int8, 90 % zeros, csr", thin, f"{QUANTIZE},sparsify{{storage=csr}}")):
        exact = run_passes(module, passes, calibration={"x": x})
        engines[title] = checked(exact, encode(exact.entry.inputs[0], x))
    engines["circuitc binary"] = checked(binary(), np.where(x > 0.5, 1, -1))
    return engines


def checked(module: Module, raw: Any) -> tuple[Engine, Any]:
    """Compile a program of exact types, and compare it with the interpreter."""
    function, port = circuitc.jit(module), module.entry.inputs[0]
    raw = raw.astype(np.uint8 if port.type.lowest == 0 else np.int8)
    for n in BATCHES:
        want = run(module, {port.name: raw[:n].astype(port.type.dtype)})
        assert np.array_equal(function(raw[:n]), want[module.entry.outputs[0].name])
    return function, raw


def compare(engines: dict[str, tuple[Engine, Any]]) -> None:
    """Compare floats with onnxruntime, and print how often quantized networks give the float network's class."""
    answers = {name: call(x) for name, (call, x) in engines.items()}
    for name, got in answers.items():
        want = answers["onnxruntime f32" + (", 90 % zeros" if "zeros" in name else "")]
        if "f32" in name:
            assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max(), name
        elif "binary" not in name:
            print(f"{name} gives the class of f32 for {(got.argmax(1) == want.argmax(1)).mean():.1%} of the samples")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    x = np.random.default_rng(1).random((max(BATCHES), SIZES[0]), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        engines = compile_all(Path(folder), x)
        compare(engines)
        for batch in BATCHES:
            print(f"batch {batch}, one thread, median of {rounds} rounds")
            inputs = {name: (call, x[:batch]) for name, (call, x) in engines.items()}
            report(measured(inputs, rounds), "onnxruntime f32", batch)


if __name__ == "__main__":
    main()
