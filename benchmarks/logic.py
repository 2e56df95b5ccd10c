"""Bit-parallel logic: our packed code beside C on 64-bit words (gcc -O3), same circuit, same patterns, one run.

    python benchmarks/logic.py [FOLDER_OF_AIGER_FILES] [circuit ...]

Figures are AND gates of the file times patterns a second of processor time (the machine may be shared), one core:
median and spread (lowest to highest) of rounds that alternate between the engines. All answers are compared.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.llvm import compile_native
from circuitc.backends.llvm.target import host
from circuitc.formats.aiger import AIGER
from circuitc.ir import Module, Netlist, evaluate_words

WORDS = 1000  # 64,000 patterns; not a power of two, whose rows would fall into the same cache sets
ROUNDS = 15

Evaluate = Callable[[Any], Any]


def c_source(netlist: Netlist) -> str:
    """Write the circuit as C: a function that evaluates 64 patterns, and the loop over words."""
    first = 1 + netlist.inputs
    literal = [f"{'~' if k & 1 else ''}v{k >> 1}" for k in range(2 * netlist.nodes)]
    loads = [f"u v{k + 1} = in[{k} * n];" for k in range(netlist.inputs)]
    fanin = netlist.fanin.reshape(-1, 2).tolist()
    gates = [f"u v{n} = {literal[a]} & {literal[b]};" for n, (a, b) in enumerate(fanin, first)]
    stores = [f"out[{k} * n] = {literal[o]};" for k, o in enumerate(netlist.outputs.tolist())]
    body = "\n  ".join(["const u v0 = 0;", *loads, *gates, *stores])
    return (f"typedef unsigned long long u;\nstatic void one(long n, const u *in, u *out) {{\n  {body}\n}}\n"
            "void all(long n, const u *in, u *out) { for (long w = 0; w < n; w++) one(n, in + w, out + w); }\n")


def c_engine(netlist: Netlist, folder: Path) -> tuple[Evaluate, float]:
    """Compile the C and give its function, with the seconds that gcc took."""
    (folder / "code.c").write_text(c_source(netlist))
    command = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", "code.so", "code.c"]
    start = os.times()
    subprocess.run(command, cwd=folder, check=True)
    seconds = os.times().children_user - start.children_user
    function = ctypes.CDLL(str(folder / "code.so")).all

    def evaluate(words: Any) -> Any:
        out = np.empty((len(netlist.outputs), words.shape[1]), np.uint64)
        function(ctypes.c_long(words.shape[1]), ctypes.c_void_p(words.ctypes.data), ctypes.c_void_p(out.ctypes.data))
        return out
    return evaluate, seconds


def our_engine(module: Module, shape: str) -> tuple[Evaluate, float]:
    start = time.thread_time()
    f = compile_native(module, shape=shape)
    return f.packed, time.thread_time() - start


def measure(engines: dict[str, Evaluate], words: Any) -> dict[str, list[float]]:
    """Time all engines in turn, in rounds."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(ROUNDS):
        for name, evaluate in engines.items():
            start = time.thread_time()
            evaluate(words)
            times[name].append(time.thread_time() - start)
    return times


def report(name: str, module: Module) -> None:
    netlist = module.entry.body
    assert isinstance(netlist, Netlist)
    assert netlist.is_aig
    words = np.random.default_rng(0).integers(0, 1 << 64, (netlist.inputs, WORDS), dtype=np.uint64)
    with tempfile.TemporaryDirectory() as folder:
        made = {"straight": our_engine(module, "straight"), "table": our_engine(module, "table"),
                "C, 64 bits": c_engine(netlist, Path(folder))}
        want = evaluate_words(netlist, words)
        assert all(np.array_equal(evaluate(words), want) for evaluate, _ in made.values()), "answers differ"
        times = measure({k: evaluate for k, (evaluate, _) in made.items()}, words)
    print(f"{name}: {netlist.gates} ANDs, {WORDS * 64} patterns, answers equal")
    work = netlist.gates * WORDS * 64 / 1e9
    base = statistics.median(times["C, 64 bits"])
    for engine, seconds in times.items():
        rate = [work / s for s in seconds]
        print(f"  {engine:10}  {statistics.median(rate):7.0f} G/s  ({min(rate):.0f} to {max(rate):.0f})  "
              f"{base / statistics.median(seconds):5.1f}x C   ready in {made[engine][1]:.2f} s")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "shared/data/epfl"
    print(f"cpu {host().cpu}, {host().vector_bits}-bit vectors")
    assert AIGER.read is not None
    for name in sys.argv[2:] or ["voter", "multiplier"]:
        report(name, AIGER.read(folder / f"{name}.aig"))


if __name__ == "__main__":
    main()
