"""Recurrent networks as hardware: size, clocks, and the same bits in four engines, on MNIST row by row.

    python benchmarks/rnn_verilog.py --data mnist.npz [--models net.json ...] [--reuse 0 16 64] [--no-luts]

Each network of examples/10_row_rnn is quantized to 8 bits (tables of functions have 8-bit arguments), and emitted with
all its products at once (reuse 0) or folded. The bits of its answers are compared: interpreter and native code on all
10,000 test digits, Verilator and Icarus Verilog on the first ones, one digit right behind another. A folded program is
compared with the unfolded one by native code on all digits too. Clocks are those of a digit of 28 rows. Tables and
flip-flops are those of `circuitc report` (ABC's `if -K 6` on Yosys's AIG, no carry chains, ROMs as logic).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, run
from circuitc.passes import run_passes
from circuitc.simulation import simulate_verilog
from circuitc.synthesis.luts import count_luts

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "10_row_rnn"
QUANTIZE = "quantize{sensitivity=false,method=percentile,percentile=99.99,functions=8,table=8},shrink,narrow"
PART = 1000


def interpreted(module: Module, x: Any) -> Any:
    return np.concatenate([run(module, {"row": x[k:k + PART]})["logits"] for k in range(0, len(x), PART)])


def hardware(module: Module, reuse: int, x: Any, wanted: Any, given: argparse.Namespace) -> None:
    """Emit, simulate, count; say each thing when it is known."""
    folded = run_passes(module, f"fold-hardware{{reuse={reuse}}}", check=None) if reuse else module
    assert np.array_equal(circuitc.jit(folded)(x), wanted), "native code of the folded program"
    start = time.perf_counter()
    build = circuitc.compile(folded, "verilog", verify=False, options={"vectors": "0"})
    text = build.artefacts[build.main].decode()
    made = time.perf_counter() - start
    print(f"  reuse {reuse}: {x.shape[1] * build.ports['interval']} clocks a digit, {len(text):,} bytes of Verilog "
          f"({made:.0f} s)", flush=True)
    for engine, digits in (("verilator", given.verilator), ("icarus", given.icarus)):
        start = time.perf_counter()
        if digits:
            got = simulate_verilog(text, build.ports, build.module, {"row": x[:digits]}, engine=engine,
                                   seconds=given.seconds)["logits"]
            same = "same bits" if np.array_equal(got, wanted[:digits]) else "DIFFERENT"
            print(f"    {engine}, {digits} digits: {same} ({time.perf_counter() - start:.0f} s)", flush=True)
    if given.luts:
        try:
            found = count_luts(text, build.ports["module"], clock=build.ports["clock"]["name"], seconds=given.seconds,
                               apart=False)
            print(f"    {found.luts:,} LUT6, depth {found.depth}, {found.registers:,} FF", flush=True)
        except CircuitError as e:
            print(f"    not counted: {str(e)[:80]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", type=Path, default=[
        EXAMPLE / f"mnist_{name}.json" for name in ("rnn64", "gru", "lstm")])
    parser.add_argument("--reuse", nargs="+", type=int, default=[64, 16, 0])
    parser.add_argument("--verilator", type=int, default=1000)
    parser.add_argument("--icarus", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--passes", default="", help="passes before quantize, such as prune{sparsity=0.5}")
    parser.add_argument("--no-luts", dest="luts", action="store_false")
    given = parser.parse_args()
    with np.load(given.data) as data:
        train, x, labels = (data[k] for k in ("x_train", "x_test", "y_test"))
    for path in given.models:
        first = f"{given.passes}," if given.passes else ""
        module = run_passes(circuitc.load(path), first + QUANTIZE, calibration={"row": train[:300]})
        wanted = circuitc.jit(module)(x)
        same = "the same" if np.array_equal(interpreted(module, x), wanted) else "DIFFERENT"
        print(f"{path.stem}: {(wanted.argmax(axis=1) == labels).mean():.4f} right at 8 bits; {same} logits in "
              f"interpreter and native code on {len(x):,} digits", flush=True)
        for reuse in given.reuse:
            hardware(module, reuse, x, wanted, given)


if __name__ == "__main__":
    main()
