"""Bit-parallel logic: our code beside C on 64-bit words and on 512-bit vectors (gcc), Verilator and numpy, in one run.

    python benchmarks/logic.py [FOLDER_OF_AIGER_FILES] [circuit ...]

Figures are AND gates of the file times patterns a second of processor time (the machine may be shared), one core,
median and spread (lowest to highest) of rounds that alternate between the engines; all engines get the same rows of
words (8 MB of them for voter, which a large cache holds) and all answers are compared. `bytes` is our call on one byte
a bit, its packing included, beside a `packing` line that has the same ports and no gates, in rounds of their own: their
64 MB would drive the rows of the others out of the cache. Verilator takes one pattern a step; it is left out where it
is not installed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
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
from circuitc.ir import BIT, Func, Module, Netlist, Port, aig, evaluate_words, module_of
from circuitc.plugins import load_plugin

WORDS = 1000            # 64,000 patterns; not a power of two, whose rows would fall into the same cache sets
ROUNDS = 15
SIMULATED = 640         # patterns that Verilator gets
VERILATOR_SECONDS = 300

Evaluate = Callable[[Any], Any]
Made = tuple[Evaluate, float]

C_KINDS = {
    "C, 64 bits": ("typedef unsigned long long u;", ["gcc", "-O3", "-march=native"]),
    "C, 512 bits": ("typedef unsigned long long u __attribute__((vector_size(64), aligned(8)));",
                    ["gcc", "-O2", "-march=native"]),
}


def aligned(rows: int, words: int) -> Any:
    """Make an array that starts at a cache line."""
    raw = np.zeros(rows * words + 8, np.uint64)
    start = -raw.ctypes.data % 64 // 8
    return raw[start:start + rows * words].reshape(rows, words)


def around(netlist: Netlist) -> Module:
    """Give a netlist one port of bits on each side."""
    return module_of(Func("top", (Port("x", BIT.with_shape((netlist.inputs,))),),
                          (Port("y", BIT.with_shape((len(netlist.outputs),))),), netlist))


def c_source(netlist: Netlist, kind: str) -> str:
    """Write the circuit as C: a function that evaluates one word or vector, and the loop over them."""
    first = 1 + netlist.inputs
    literal = [f"{'~' if k & 1 else ''}v{k >> 1}" for k in range(2 * netlist.nodes)]
    loads = [f"u v{k + 1} = *(const u *)(in + {k} * n);" for k in range(netlist.inputs)]
    fanin = netlist.fanin.reshape(-1, 2).tolist()
    gates = [f"u v{n} = {literal[a]} & {literal[b]};" for n, (a, b) in enumerate(fanin, first)]
    stores = [f"*(u *)(out + {k} * n) = {literal[o]};" for k, o in enumerate(netlist.outputs.tolist())]
    body = "\n  ".join(["const u v0 = {0};" if "512" in kind else "const u v0 = 0;", *loads, *gates, *stores])
    return (f"{C_KINDS[kind][0]}\ntypedef unsigned long long w;\n"
            f"static void one(long n, const w *in, w *out) {{\n  {body}\n}}\n"
            "void all(long n, const w *in, w *out) {\n"
            "  for (long k = 0; k < n; k += sizeof(u) / 8) one(n, in + k, out + k);\n}\n")


def c_engine(netlist: Netlist, folder: Path, kind: str) -> Made:
    """Compile the C and give its function, with the seconds that gcc took."""
    name = kind.split()[1]
    (folder / f"{name}.c").write_text(c_source(netlist, kind))
    start = os.times()
    subprocess.run([*C_KINDS[kind][1], "-shared", "-fPIC", "-o", f"{name}.so", f"{name}.c"], cwd=folder, check=True)
    seconds = os.times().children_user - start.children_user
    function = ctypes.CDLL(str(folder / f"{name}.so")).all
    out = aligned(len(netlist.outputs), WORDS)

    def evaluate(words: Any) -> Any:
        function(ctypes.c_long(words.shape[1]), ctypes.c_void_p(words.ctypes.data), ctypes.c_void_p(out.ctypes.data))
        return out
    return evaluate, seconds


def our_engine(module: Module, shape: str) -> Made:
    """Compile here; the seconds include those of ABC in a process of its own."""
    start, before = time.process_time(), os.times()
    f = compile_native(module, shape=shape)
    after = os.times()
    children = after.children_user + after.children_system - before.children_user - before.children_system
    return f.packed, time.process_time() - start + children


MAIN = """
#include "Vtop.h"
#include <cstdio>
#include <cstring>
#include <ctime>
int main(int, char **argv) {
  Vtop *top = new Vtop;
  FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
  static char x[1 << 16], y[1 << 16];
  memset(y, 0, sizeof y);
  double spent = 0;
  while (fread(x, %d, 1, in) == 1) {
    memcpy(&top->x, x, %d);
    clock_t start = clock();
    top->eval();
    spent += double(clock() - start) / CLOCKS_PER_SEC;
    memcpy(y, &top->y, %d);
    fwrite(y, %d, 1, out);
  }
  fclose(out);
  printf("%%.9f\\n", spent);
}
"""


def verilator(netlist: Netlist, words: Any, want: Any, folder: Path) -> str:
    """Build the emitted Verilog with Verilator, run some patterns, compare, and say its speed."""
    backend = load_plugin("backend", "verilog")
    emission = backend.emit(backend.build(around(netlist), {}))
    text = next(c for name, c in emission.files.items() if name == "top.v")
    (folder / "top.v").write_bytes(text)
    widths = (netlist.inputs, len(netlist.outputs))
    port = [next((size for size in (1, 2, 4, 8) if bits <= 8 * size), 4 * -(-bits // 32)) for bits in widths]
    sizes = [8 * -(-size // 8) for size in port]
    (folder / "main.cpp").write_text(MAIN % (sizes[0], port[0], port[1], sizes[1]))
    start = os.times()
    command = ["verilator", "--cc", "--exe", "--build", "-O3", "-CFLAGS", "-O2", "-Wno-fatal", "--Mdir", "obj",
               "--top-module", "top", "top.v", "main.cpp"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=VERILATOR_SECONDS)
    except subprocess.TimeoutExpired:
        return f"  Verilator     not built within {VERILATOR_SECONDS} s"
    end = os.times()
    seconds = end.children_user - start.children_user
    bits = np.unpackbits(words[:, :SIMULATED // 64].copy().view(np.uint8), axis=1, bitorder="little").T
    padded = np.zeros((SIMULATED, 8 * sizes[0]), np.uint8)
    padded[:, :netlist.inputs] = bits
    (folder / "in.bin").write_bytes(np.packbits(padded, axis=1, bitorder="little").tobytes())
    done = subprocess.run(["obj/Vtop", "in.bin", "out.bin"], cwd=folder, check=True, capture_output=True, text=True)
    raw = np.frombuffer((folder / "out.bin").read_bytes(), np.uint8).reshape(SIMULATED, sizes[1])
    got = np.unpackbits(raw, axis=1, bitorder="little")[:, :len(netlist.outputs)].T
    expected = np.unpackbits(want[:, :SIMULATED // 64].copy().view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(got, expected), "Verilator differs"
    rate = netlist.gates * SIMULATED / float(done.stdout) / 1e9
    return f"  Verilator    {rate:8.2f} G/s  (one pattern a step)  ready in {seconds:.1f} s"


def measure(engines: dict[str, Evaluate], words: Any) -> dict[str, list[float]]:
    """Time all engines in turn, in rounds; the first round only warms up."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(1 + ROUNDS):
        for name, evaluate in engines.items():
            start = time.thread_time()
            evaluate(words)
            times[name].append(time.thread_time() - start)
    return {name: seconds[1:] for name, seconds in times.items()}


def byte_engines(netlist: Netlist, words: Any) -> dict[str, Evaluate]:
    """Make calls on bytes: the circuit, and the same ports without its gates."""
    samples = np.ascontiguousarray(np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").T)
    wires = aig(netlist.inputs, np.zeros((0, 2), np.int32), [2 + 2 * (k % netlist.inputs)
                                                            for k in range(len(netlist.outputs))])
    full, empty = compile_native(around(netlist)), compile_native(around(wires))
    return {"bytes": lambda _: full(samples), "packing": lambda _: empty(samples)}


def report(name: str, module: Module) -> None:
    netlist = module.entry.body
    assert isinstance(netlist, Netlist)
    assert netlist.is_aig
    words = aligned(netlist.inputs, WORDS)
    words[:] = np.random.default_rng(0).integers(0, 1 << 64, words.shape, dtype=np.uint64)
    start = time.thread_time()
    want = evaluate_words(netlist, words)
    numpy_seconds = time.thread_time() - start
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        made = {shape: our_engine(module, shape) for shape in ("straight", "table")}
        made |= {kind: c_engine(netlist, folder, kind) for kind in C_KINDS}
        assert all(np.array_equal(evaluate(words), want) for evaluate, _ in made.values()), "answers differ"
        bytewise = byte_engines(netlist, words)
        unpacked = np.unpackbits(want.view(np.uint8), axis=1, bitorder="little").T
        assert np.array_equal(bytewise["bytes"](words), unpacked), "bytes differ"
        times = measure({k: evaluate for k, (evaluate, _) in made.items()}, words) | measure(bytewise, words)
    print(f"{name}: {netlist.gates} ANDs, {WORDS * 64} patterns, answers equal")
    work = netlist.gates * WORDS * 64 / 1e9
    base = {kind: statistics.median(times[kind]) for kind in C_KINDS}
    for engine, seconds in times.items():
        rate, middle = [work / s for s in seconds], statistics.median(seconds)
        ratios = "  ".join(f"{b / middle:5.1f}x {kind}" for kind, b in base.items())
        ready = f"  ready in {made[engine][1]:.2f} s" if engine in made else ""
        spread = f"({min(rate):.0f} to {max(rate):.0f})"
        print(f"  {engine:11} {statistics.median(rate):8.0f} G/s  {spread:16}  {ratios}{ready}")
    print(f"  numpy       {work / numpy_seconds:8.2f} G/s  (`evaluate_words`, once)", flush=True)
    if shutil.which("verilator"):
        with tempfile.TemporaryDirectory() as text:
            print(verilator(netlist, words, want, Path(text)), flush=True)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "shared/data/epfl"
    print(f"cpu {host().cpu}, {host().vector_bits}-bit vectors")
    assert AIGER.read is not None
    for name in sys.argv[2:] or ["voter", "multiplier"]:
        report(name, AIGER.read(folder / f"{name}.aig"))


if __name__ == "__main__":
    main()
