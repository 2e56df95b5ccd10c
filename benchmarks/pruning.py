"""What pruning saves: 6-input LUTs (mapped by ABC), latency of native code, accuracy; digits 64-32-10 at 4 bits.

    python benchmarks/pruning.py [wide] [small] [recurrent]

Each row is pruned, quantized, shrunk and narrowed. LUTs are those of the whole combinational network by `map-luts` with
`effort=fast`. Latency is that of one sample, as the median of interleaved rounds, beside the dense network's in the
same round; a wide layer (1024 x 1024, 8 bits) shows where sparse loops pay. Recurrent networks of 128 (random weights,
28 inputs, 28 steps, 10 outputs, 8 bits) lose half of their weights one by one, in blocks, or as whole neurons; their
answers are compared with the interpreter's.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "07_digits_mlp"))
from network import DATA, digits

import circuitc
from circuitc.ir import F32, Builder, Constant, Func, Module, Netlist, Port, fixed, module_of, run
from circuitc.models.rnn import GATES, Linear, layer, network
from circuitc.passes import run_passes

ROWS = ("", "prune{sparsity=0.5},", "prune{sparsity=0.8},", "prune{method=structured,sparsity=0.5},",
        "prune{method=nm,n=1,m=4},")
QUANTIZE = "quantize{weights=i4,activations=4,sensitivity=false},shrink,narrow"
STATES = ("", "prune{sparsity=0.5},", "prune{sparsity=0.5,block=4x16,scope=row},",
          "prune{sparsity=0.5,block=4x64,scope=row},", "prune{sparsity=0.32,block=neurons},")
ROUNDS = 25


def luts(module: Module) -> int:
    mapped = run_passes(module, "scalarize,clean,lower-to-gates,sweep-dead,map-luts{effort=fast}", check=None)
    assert isinstance(mapped.entry.body, Netlist)
    return mapped.entry.body.gates


def latencies(functions: list[Any], x: Any) -> list[list[float]]:
    """Measure one call of each function in turn, many rounds, in microseconds."""
    found: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for f, times in zip(functions, found, strict=True):
            start = time.perf_counter()
            for _ in range(20):
                f(x)
            times.append((time.perf_counter() - start) / 20 * 1e6)
    return found


def report(names: list[str], times: list[list[float]], more: list[str]) -> None:
    for name, row, text in zip(names, times, more, strict=True):
        ratio = [t / d for t, d in zip(row, times[0], strict=True)]
        low, high = np.quantile(ratio, [0.25, 0.75])
        print(f"{name:46} {text:34} {statistics.median(row):8.1f} us, {statistics.median(ratio):.2f} of the first "
              f"({low:.2f} to {high:.2f})")


def small() -> None:
    model, data = digits(), {"image": DATA["calibration"]}
    modules = [run_passes(model, row + QUANTIZE, calibration=data) for row in ROWS]
    rates = [(run(m, {"image": DATA["test"]})["digit"] == DATA["test_labels"]).mean() for m in modules]
    times = latencies([circuitc.jit(m) for m in modules], DATA["test"][:1])
    report([row.rstrip(",") or "dense" for row in ROWS], times,
           [f"accuracy {rate:.4f}, {luts(m)} LUTs" for m, rate in zip(modules, rates, strict=True)])


def wide() -> None:
    rng = np.random.default_rng(0)
    array = np.where(rng.random((1024, 1024)) < 0.9, 0, rng.integers(-127, 128, (1024, 1024)))
    groups = np.where(rng.random((1024, 128, 1)) < 0.9, 0, rng.integers(-127, 128, (1024, 128, 8)))
    x = rng.integers(-128, 128, (1, 1024))
    kinds = (("dense", array), ("csr", array), ("nm", array), ("block", groups.reshape(1024, 1024)))
    functions: list[Any] = []
    for storage, weights in kinds:
        b = Builder()
        v = b.input("x", fixed(8, 0, (1024,)))
        w = b.constant(Constant(fixed(8, 0, (1024, 1024)), weights, storage))
        y = b.apply("contract", w, v, spec="ij,j->i")
        func = Func("f", (Port("x", b.type(v)),), (Port("y", b.type(y)),), b.finish([y]))
        functions.append(circuitc.jit(module_of(func)))
        assert np.array_equal(functions[-1](x), x @ weights.T)
    report([f"1024 x 1024, 90 % zeros, {s}" for s, _ in kinds], latencies(functions, x), [""] * len(kinds))


def recurrent() -> None:
    rng, hidden = np.random.default_rng(0), 128
    for kind in ("rnn", "gru", "lstm"):
        rows = GATES[kind] * hidden
        w, r, bias = ((rng.standard_normal(s) / np.sqrt(hidden)).astype(np.float32) for s in (
            (rows, 28), (rows, hidden), (rows,)))
        readout = Linear(rng.standard_normal((10, hidden)).astype(np.float32), np.zeros(10, np.float32))
        model = network([(layer(kind, w, r, bias, linear_before_reset=True),)], [readout],
                        Port("x", F32.with_shape((28,))))
        data = {"x": rng.standard_normal((50, 28, 28)).astype(np.float32)}
        modules = [run_passes(model, f"{row}quantize{{sensitivity=false}},shrink,narrow", calibration=data)
                   for row in STATES]
        functions: list[Any] = [circuitc.jit(m) for m in modules]
        x = rng.integers(-128, 128, (1, 28, 28), dtype=np.int8)
        for module, function in zip(modules, functions, strict=True):
            assert np.array_equal(function(x), run(module, {"x": x})["y"])
        report([f"{kind} {row.rstrip(',') or 'dense'}" for row in STATES], latencies(functions, x),
               [f"state of {m.entry.registers[0].type.size}" for m in modules])


if __name__ == "__main__":
    parts = {"wide": wide, "small": small, "recurrent": recurrent}
    for name in sys.argv[1:] or parts:
        parts[name]()
