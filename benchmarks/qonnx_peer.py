"""QONNX's trained networks here and in QONNX's own executor: logits, classes, digests and times of the same inputs.

    python benchmarks/qonnx_peer.py FOLDER_OF_QONNX_FILES MNIST_NPZ PYTHON_WITH_QONNX [--digits N] [--verilog N]

PYTHON_WITH_QONNX is the interpreter of an environment with `qonnx`, `onnx<1.20` and `onnxruntime`, which cannot live
beside ours. It runs all 10,000 test digits one by one, which takes minutes; --digits takes fewer. With --verilog the
first N digits also go through Icarus Verilog.
"""

from __future__ import annotations

import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

import circuitc
from circuitc.formats.onnx import Reading, read_onnx
from circuitc.ir import decode

EXECUTOR = """
import sys, time, numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model
file, inputs, answers, kind = sys.argv[1:]
model = cleanup_model(ModelWrapper(file))
last = [n for n in model.graph.node if n.op_type == kind][-1]
name = last.output[0] if kind == "MatMul" else last.input[0]
logits, out, start = [], [], time.perf_counter()
for row in np.load(inputs):
    context = execute_onnx(model, {model.graph.input[0].name: row[None]}, return_full_exec_context=True)
    logits.append(context[name][0])
    out.append(context[model.graph.output[0].name][0])
np.savez(answers, logits=np.array(logits), out=np.array(out), seconds=time.perf_counter() - start)
"""


def executor(python: str, file: Path, x: np.ndarray, kind: str) -> dict[str, np.ndarray]:
    """Run QONNX's executor on float inputs in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, answers = Path(folder, "x.npy"), Path(folder, "y.npz")
        np.save(inputs, x.astype(np.float32))
        subprocess.run([python, "-c", EXECUTOR, str(file), str(inputs), str(answers), kind], check=True,
                       stderr=subprocess.DEVNULL)
        return dict(np.load(answers))


def digest(logits: np.ndarray) -> str:
    """Give the SHA-256 of logits as 64-bit integers, little endian, row major."""
    return hashlib.sha256(np.ascontiguousarray(logits.astype("<i8")).tobytes()).hexdigest()


def seconds(call: object, *operands: object) -> str:
    """Give the median of five calls and their spread."""
    assert callable(call)
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        call(*operands)
        times.append(time.perf_counter() - start)
    return f"{statistics.median(times) * 1e3:.0f} ms ({min(times) * 1e3:.0f} to {max(times) * 1e3:.0f})"


def digits(folder: Path, mnist: Path, python: str, name: str, count: int, verilog: int) -> None:
    """Compare one MNIST network on the first `count` test digits."""
    data = np.load(mnist)
    x, labels = data["x_test"][:count], data["y_test"][:count]
    peer = executor(python, folder / f"{name}.onnx", (x.astype(np.float32) / 255)[:, None], "MatMul")
    module = read_onnx(folder / f"{name}.onnx", {"0": Reading("u8", Fraction(1, 255))})
    native = circuitc.jit(module)
    raw = x.reshape(-1, 1, 28, 28).astype(np.uint8)
    ours = native(raw)
    assert np.array_equal(peer["logits"], np.rint(peer["logits"]))
    print(f"{name}: logits equal {np.array_equal(ours, peer['logits'])}, classes equal "
          f"{np.array_equal(ours.argmax(1), peer['out'].argmax(1))}, accuracy {np.mean(ours.argmax(1) == labels):.2%} "
          f"(executor {np.mean(peer['out'].argmax(1) == labels):.2%})")
    print(f"  digests {digest(ours)} {digest(peer['logits'])}")
    print(f"  {count} digits: {seconds(native, raw)}; executor, one by one, {float(peer['seconds']):.1f} s")
    if verilog:
        start = time.perf_counter()
        found = next(iter(circuitc.simulate(module, {"_0": raw[:verilog].astype(np.int64)}, engine="icarus").values()))
        print(f"  Verilog in Icarus: {verilog} digits equal {np.array_equal(found, ours[:verilog])}, "
              f"{time.perf_counter() - start:.0f} s with compilation")


def jets(folder: Path, python: str) -> None:
    """Compare jet tagging on 1,000 inputs of a 2**-6 grid."""
    file = folder / "qkeras_jettagging.onnx"
    grid = np.random.default_rng(0).integers(-512, 512, (1000, 16))
    peer = executor(python, file, grid / 64, "Softmax")
    for words, reading, x in (("float inputs", None, (grid / 64).astype(np.float32)),
                              ("fx<16,6> inputs", {"global_in": Reading("fx<16,6>")}, grid)):
        module = read_onnx(file, reading, ["Add_3_out0", "global_out"])
        for target, answer in (("interpreter", circuitc.run(module, {"global_in": x})),
                               ("llvm", dict(zip(("Add_3_out0", "global_out"), circuitc.jit(module)(x), strict=True)))):
            logits = decode(module.entry.outputs[0], answer["Add_3_out0"])
            print(f"jets, {words}, {target}: logits equal {np.array_equal(logits, peer['logits'])}, softmax within "
                  f"{np.abs(answer['global_out'] - peer['out']).max():.1e}; digest {digest(logits * 2048)}")


def option(name: str, default: int) -> int:
    """Give the number behind an option."""
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


if __name__ == "__main__":
    for network in ("TFC_1W1A", "TFC_1W2A"):
        digits(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], network, option("--digits", 10_000),
               option("--verilog", 0))
    jets(Path(sys.argv[1]), sys.argv[3])
