"""Latency of a whole 28-step sequence of 28 numbers, hidden size 128: native code beside onnxruntime.

    python benchmarks/rnn.py [--hidden 128] [--batch 1] [--rounds 300]

The same random weights for both, as f32; answers are compared first (1e-5 of the largest). Then ours at 8 bits, whole
and with half of the weights pruned by magnitude, against the same peer's f32; these are compared with the interpreter.
Both use one thread. Times are of one sample, medians over interleaved rounds and, in brackets, the shortest; the ratio
is the median of the rounds' ratios with its quartiles. Ours is a `stream` func, so the loop over time is native code.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import circuitc
from circuitc.ir import F32, Port, run
from circuitc.models.rnn import GATES, layer, network
from circuitc.passes import run_passes

STEPS, INPUTS, CALLS = 28, 28, 4


def peer(kind: str, w: Any, r: Any, bias: Any) -> Any:
    """Give onnxruntime's answer to the same layer: a function of x [steps, batch, inputs]."""
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    more = {"linear_before_reset": 1} if kind == "gru" else {}
    node = helper.make_node(kind.upper(), ["x", "w", "r", "b"], ["", "h"], hidden_size=r.shape[1], **more)
    arrays = {"w": w[None], "r": r[None], "b": np.concatenate([bias, np.zeros_like(bias)])[None]}
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", real, [STEPS, "batch", INPUTS])],
                              [helper.make_empty_tensor_value_info("h")],
                              [onnx.numpy_helper.from_array(v, k) for k, v in arrays.items()])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def timed(function: Any, x: Any, batch: int) -> float:
    """Give microseconds a sample."""
    calls = max(1, CALLS // batch)
    start = time.perf_counter()
    for _ in range(calls):
        function(x)
    return (time.perf_counter() - start) / (calls * batch) * 1e6


def report(name: str, ours: Any, x: Any, theirs: Any, turned: Any, rounds: int) -> None:
    batch = len(x)
    pairs = np.array([(timed(ours, x, batch), timed(theirs, turned, batch)) for _ in range(rounds)])
    low, middle, high = np.quantile(pairs[:, 0] / pairs[:, 1], [0.25, 0.5, 0.75])
    times = [f"{np.median(t):7.1f} us ({t.min():.1f})" for t in pairs.T]
    print(f"{name:18} circuitc {times[0]}, onnxruntime f32 {times[1]}, ours takes {middle:.2f} of theirs "
          f"({low:.2f} to {high:.2f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    for kind in ("rnn", "gru", "lstm"):
        rows = GATES[kind] * given.hidden
        w, r, bias = ((rng.standard_normal(s) / np.sqrt(given.hidden)).astype(np.float32) for s in (
            (rows, INPUTS), (rows, given.hidden), (rows,)))
        port = Port("x", F32.with_shape((INPUTS,)))
        module = network([(layer(kind, w, r, bias, linear_before_reset=True),)], [], port)
        ours, theirs = circuitc.jit(module), peer(kind, w, r, bias)
        x = rng.standard_normal((given.batch, STEPS, INPUTS)).astype(np.float32)
        turned = np.ascontiguousarray(x.transpose(1, 0, 2))
        a, b = np.ravel(ours(x)), np.ravel(theirs(turned))
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()
        report(kind, ours, x, theirs, turned, given.rounds)
        for name, first in (("int8", ""), ("int8, half pruned", "prune{sparsity=0.5},")):
            small = run_passes(module, f"{first}quantize{{sensitivity=false}},shrink,narrow",
                               calibration={"x": rng.standard_normal((50, STEPS, INPUTS)).astype(np.float32)})
            raw = rng.integers(-128, 128, x.shape, dtype=np.int8)
            native = circuitc.jit(small)
            assert np.array_equal(native(raw), run(small, {"x": raw})["y"])
            report(f"{kind} {name}", native, raw, theirs, turned, given.rounds)


if __name__ == "__main__":
    main()
