"""Latency of a whole 28-step sequence of 28 numbers, hidden size 128: native code beside onnxruntime and PyTorch.

    python benchmarks/rnn.py [--hidden 128] [--batch 1] [--rounds 300]

The same random weights for all, as f32; answers are compared first (1e-5 of the largest). Then ours at 8 bits, whole
and with half of the weights pruned (the smallest one by one, or in blocks of 4 inputs by 64 outputs), against the same
peers' f32; these are compared with the interpreter. All use one thread. Times are of one sample, medians over
interleaved rounds of 16 calls and, in brackets, the shortest; ratios are the medians of the rounds' ratios, with
quartiles. Ours is a `stream` func, so the loop over time is native code. PyTorch is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import circuitc
from circuitc.ir import F32, Port, run
from circuitc.models.rnn import GATES, layer, network
from circuitc.passes import run_passes

STEPS, INPUTS, CALLS = 28, 28, 16
PRUNED = {"int8": "", "int8, half pruned": "prune{sparsity=0.5},",
          "int8, half pruned in blocks": "prune{sparsity=0.5,block=4x64},"}


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


def torch_peer(kind: str, w: Any, r: Any, bias: Any) -> Any:
    """Give PyTorch's answer to the same layer, whose gates come in another order there: a function of x [b, s, i]."""
    import torch

    torch.set_num_threads(1)
    gates = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 2, 3, 1]}[kind]  # of ours: h; z r h; i o f c
    layer_ = getattr(torch.nn, kind.upper())(INPUTS, r.shape[1], batch_first=True)
    given = {"weight_ih_l0": w, "weight_hh_l0": r, "bias_ih_l0": bias, "bias_hh_l0": np.zeros_like(bias)}
    layer_.load_state_dict({name: torch.from_numpy(np.concatenate([np.split(a, len(gates))[g] for g in gates]))
                            for name, a in given.items()})

    def call(x: Any) -> Any:
        with torch.inference_mode():
            return layer_(torch.from_numpy(x))[0][:, -1].numpy()
    return call


def timed(function: Any, x: Any, batch: int) -> float:
    """Give microseconds a sample."""
    calls = max(1, CALLS // batch)
    start = time.perf_counter()
    for _ in range(calls):
        function(x)
    return (time.perf_counter() - start) / (calls * batch) * 1e6


Call = tuple[Any, Any]  # a function and what it takes


def report(name: str, ours: Call, peers: dict[str, Call], batch: int, rounds: int) -> None:
    times = np.array([[timed(f, x, batch) for f, x in (ours, *peers.values())] for _ in range(rounds)]).T
    said = [f"{np.median(t):7.1f} us ({t.min():.1f})" for t in times]
    print(f"{name:34} circuitc {said[0]}", flush=True)
    for k, peer_ in enumerate(peers, 1):
        low, middle, high = np.quantile(times[k] / times[0], [0.25, 0.5, 0.75])
        print(f"{'':24} {peer_:>18} {said[k]}: {middle:.2f} times as long ({low:.2f} to {high:.2f})", flush=True)


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
        x = rng.standard_normal((given.batch, STEPS, INPUTS)).astype(np.float32)
        turned = np.ascontiguousarray(x.transpose(1, 0, 2))
        peers = {"onnxruntime f32": (peer(kind, w, r, bias), turned)}
        if find_spec("torch"):
            peers["PyTorch f32"] = (torch_peer(kind, w, r, bias), x)
        ours = circuitc.jit(module)
        want = np.ravel(ours(x))
        for function, argument in peers.values():
            assert np.abs(want - np.ravel(function(argument))).max() <= 1e-5 * np.abs(want).max()
        report(kind, (ours, x), peers, given.batch, given.rounds)
        for name, first in PRUNED.items():
            small = run_passes(module, f"{first}quantize{{sensitivity=false}},shrink,narrow",
                               calibration={"x": rng.standard_normal((50, STEPS, INPUTS)).astype(np.float32)})
            raw = rng.integers(-128, 128, x.shape, dtype=np.int8)
            native = circuitc.jit(small)
            assert np.array_equal(native(raw), run(small, {"x": raw})["y"])
            report(f"{kind} {name}", (native, raw), peers, given.batch, given.rounds)


if __name__ == "__main__":
    main()
