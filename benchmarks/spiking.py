"""Event-driven against dense: a layer of spiking neurons behind a full matrix, at 1, 10 and 50 % of inputs spiking.

    python benchmarks/spiking.py [inputs] [neurons] [steps] [rounds]

Both run the same program as native code on one thread, one sample: `dense` multiplies the whole matrix at each step,
`columns` (`sparsify{storage=columns}`) adds the columns of inputs that spiked. Rounds are interleaved. Answers are
compared: integers must be equal, of floats the voltages within 1e-5 of the largest (of LI neurons, which do not fire,
so that nothing is amplified).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import circuitc
from circuitc.ir import Module
from circuitc.models.spiking import Network, Node, Timing, build_network


def network(inputs: int, neurons: int, kind: str) -> Module:
    """Make a layer: weights, then LIF neurons (or LI, whose voltage is the output)."""
    rng = np.random.default_rng(0)
    p = {"tau": np.full(neurons, 8e-3), "r": np.ones(neurons), "v_leak": np.zeros(neurons)}
    fires = {"v_threshold": np.full(neurons, 1.0)} if kind == "LIF" else {}
    nodes = {"x": Node("Input", {"shape": [inputs]}),
             "w": Node("Linear", {"weight": rng.normal(0, 1, (neurons, inputs)).astype(np.float32)}),
             "n": Node(kind, {**p, **fires}), "y": Node("Output", {"shape": [neurons]})}
    return build_network(Network(nodes, (("x", "w"), ("w", "n"), ("n", "y"))), Timing(1e-3, inputs="spikes"))


def measure(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Time each once a round, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    inputs, neurons, steps, rounds = (*map(int, sys.argv[1:]), *(1024, 1024, 100, 15)[len(sys.argv) - 1:])
    print(f"{inputs} inputs, {neurons} neurons, {steps} steps a call, {rounds} rounds; microseconds a step: median "
          "(quartiles)")
    rng = np.random.default_rng(1)
    for form in ("f32", "i8"):
        module = network(inputs, neurons, "LI" if form == "f32" else "LIF")
        data = {"x": (rng.random((2, 20, inputs)) < 0.1).astype(np.uint8)}
        if form == "i8":
            module = circuitc.run_passes(module, "quantize{activations=16,sensitivity=false}", calibration=data)
        dense = circuitc.jit(circuitc.run_passes(module, "sparsify{storage=dense}"))
        events = circuitc.jit(circuitc.run_passes(module, "sparsify{storage=columns}"))
        for share in (0.01, 0.1, 0.5):
            x = (rng.random((1, steps, inputs)) < share).astype(np.uint8)
            first, second = dense.run({"x": x})["y"], events.run({"x": x})["y"]
            if form == "i8":
                assert np.array_equal(first, second), "the answers differ"
            else:
                assert np.max(np.abs(first - second)) <= 1e-5 * np.max(np.abs(first)), "the answers differ"
            found = measure({"dense": partial(dense.run, {"x": x}), "columns": partial(events.run, {"x": x})}, rounds)
            ratio = np.median(np.array(found["dense"]) / np.array(found["columns"]))
            cells = ", ".join(f"{name} {np.median(s) / steps * 1e6:.2f} ({np.quantile(s, 0.25) / steps * 1e6:.2f} to "
                              f"{np.quantile(s, 0.75) / steps * 1e6:.2f})" for name, s in found.items())
            print(f"{form} {share:4.0%}: {cells}; dense / columns {ratio:.2f}")


if __name__ == "__main__":
    main()
