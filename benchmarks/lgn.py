"""Random logic-gate networks of difflogic's shape, 8,000 and 48,000 gates, 784 inputs, beside C and numpy.

    python benchmarks/lgn.py [8000] [48000] [--no-c]

Ready: from model.json (arrays in a .npz) to a native function, in seconds of processor time (machines are shared).
Speed: images a second of processor time on one core, median and spread of rounds that alternate between the engines.
`network` is the layers alone on packed words, which is what the C does; `class` adds the popcounts and the comparison
of the ten groups, still on packed words; `bytes` starts from one byte a pixel and ends with numbers. All answers are
compared. The C is difflogic's shape (one function on 64-bit words) and functions of 500 gates on an array of 512-bit
vectors; the former is left out at 48,000 gates, where gcc does not finish in minutes.
"""

from __future__ import annotations

import ctypes
import json
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

import circuitc
from circuitc.backends.llvm.target import host
from circuitc.ir import Module, module_of, unpack_words

SHAPES = {8000: (2000,) * 4, 48000: (8000,) * 6}
INPUTS, CLASSES, WORDS, ROUNDS = 784, 10, 200, 15

Layers = list[tuple[Any, Any]]  # connections [2, gates], functions [gates]
# Function k of a and b, the bits of k being its values at 00, 01, 10, 11, highest first.
FUNCTIONS = ("0", "a & b", "a & ~b", "a", "~a & b", "b", "a ^ b", "a | b", "~(a | b)", "~(a ^ b)", "~b", "a | ~b",
             "~a", "~a | b", "~(a & b)", "~0")


def random_layers(widths: tuple[int, ...]) -> Layers:
    """Draw connections as difflogic does, and functions uniformly."""
    rng = np.random.default_rng(0)
    layers: Layers = []
    inputs = INPUTS
    for gates in widths:
        wires = rng.permutation(inputs)[rng.permutation(2 * gates) % inputs].reshape(2, gates)
        layers.append((wires.astype(np.uint16), rng.integers(0, 16, gates).astype(np.uint8)))
        inputs = gates
    return layers


def write_model(layers: Layers, folder: Path) -> Path:
    arrays = {f"{what}{k}": a for k, pair in enumerate(layers) for what, a in zip("cg", pair, strict=True)}
    np.savez(folder / "model.npz", **arrays)
    model = {"schema": "circuitc.model/1", "kind": "logic-gates", "name": "net",
             "input": {"name": "x", "size": INPUTS}, "groups": CLASSES,
             "layers": [{"connections": {"file": "model.npz", "array": f"c{k}"},
                         "gates": {"file": "model.npz", "array": f"g{k}"}} for k in range(len(layers))]}
    path = folder / "model.json"
    path.write_text(json.dumps(model))
    return path


def ready(path: Path) -> tuple[Module, Any, list[float]]:
    """Give the loaded module, its native function, and the seconds of reading, lowering, making code."""
    times = [time.process_time()]
    module = circuitc.load(path)
    times.append(time.process_time())
    gates = circuitc.run_passes(module, "lower-to-gates{luts=true}", check=None)
    times.append(time.process_time())
    f = circuitc.jit(gates)
    times.append(time.process_time())
    return module, f, np.diff(times).tolist()


def numpy_engine(layers: Layers) -> Callable[[Any], Any]:
    """Evaluate packed words a layer and a function at a time."""
    plan = [[(k, np.flatnonzero(number == k)) for k in range(16)] for _, number in layers]
    code = [eval(f"lambda a, b: {text}") for text in FUNCTIONS]  # our own sixteen texts

    def evaluate(words: Any) -> Any:
        for (wires, number), groups in zip(layers, plan, strict=True):
            after = np.empty((len(number), words.shape[1]), np.uint64)
            for k, mine in groups:
                after[mine] = code[k](words[wires[0][mine]], words[wires[1][mine]]) if 0 < k < 15 else (
                    np.uint64((1 << 64) - 1 if k else 0))
            words = after
        return words
    return evaluate


def put(text: str, a: str, b: str) -> str:
    """Write a function of two named values."""
    return "".join({"a": a, "b": b}.get(letter, letter) for letter in text)


def scalar_c(layers: Layers) -> str:
    """Write C as difflogic does: one function on 64-bit words, a variable a gate."""
    names = [f"in[{k} * n]" for k in range(INPUTS)]
    lines: list[str] = []
    for index, (wires, number) in enumerate(layers):
        for gate, (x, y, k) in enumerate(zip(*wires.tolist(), number.tolist(), strict=True)):
            lines.append(f"const u g{index}_{gate} = {put(FUNCTIONS[k], names[x], names[y])};")
        names = [f"g{index}_{gate}" for gate in range(len(number))]
    stores = [f"out[{k} * n] = {name};" for k, name in enumerate(names)]
    body = "\n".join(lines + stores)
    return (f"typedef unsigned long long u;\nstatic void one(long n, const u *in, u *out) {{\n{body}\n}}\n"
            "void all(long n, const u *in, u *out) { for (long w = 0; w < n; w++) one(n, in + w, out + w); }\n")


def vector_c(layers: Layers) -> str:
    """Write C on 512-bit vectors: values in an array, functions of 500 gates."""
    total = INPUTS + sum(len(number) for _, number in layers)
    statements, start, own = list[str](), 0, INPUTS
    for wires, number in layers:
        for x, y, k in zip(*wires.tolist(), number.tolist(), strict=True):
            text = {0: "a ^ a", 15: "~(a ^ a)"}.get(k, FUNCTIONS[k])  # a vector has no constant
            statements.append(f"v[{own}] = {put(text, f'v[{start + x}]', f'v[{start + y}]')};")
            own += 1
        start = own - len(number)
    parts = [statements[k:k + 500] for k in range(0, len(statements), 500)]
    functions = "\n".join(f"static __attribute__((noinline)) void f{k}(u *v) {{\n" + "\n".join(part) + "\n}"
                          for k, part in enumerate(parts))
    calls = " ".join(f"f{k}(v);" for k in range(len(parts)))
    last = len(layers[-1][1])
    return f"""#include <string.h>
typedef unsigned long long u __attribute__((vector_size(64)));
{functions}
static u v[{total}];
void all(long n, const unsigned long long *in, unsigned long long *out) {{
  for (long w = 0; w < n; w += 8) {{
    for (int k = 0; k < {INPUTS}; k++) memcpy(&v[k], in + k * n + w, 64);
    {calls}
    for (int k = 0; k < {last}; k++) memcpy(out + k * n + w, &v[{total - last} + k], 64);
  }}
}}
"""


def c_engine(source: str, outputs: int, folder: Path) -> tuple[Callable[[Any], Any], float]:
    """Compile C and give its function, with the seconds that gcc took."""
    name = f"code{len(list(folder.glob('*.c')))}"
    (folder / f"{name}.c").write_text(source)
    start = os.times()
    subprocess.run(["gcc", "-O1", "-march=native", "-shared", "-fPIC", "-o", f"{name}.so", f"{name}.c"], cwd=folder,
                   check=True)
    seconds = os.times().children_user - start.children_user
    function = ctypes.CDLL(str(folder / f"{name}.so")).all

    def evaluate(words: Any) -> Any:
        out = np.empty((outputs, words.shape[1]), np.uint64)
        function(ctypes.c_long(words.shape[1]), ctypes.c_void_p(words.ctypes.data), ctypes.c_void_p(out.ctypes.data))
        return out
    return evaluate, seconds


def check_classes(f: Any, images: Any, packed: Any, network: Any) -> None:
    """Compare classes and scores, from bytes and from words, with popcounts of the network's last layer by numpy."""
    last = unpack_words(network)
    scores = last.reshape(CLASSES, -1, last.shape[1]).sum(axis=1, dtype=np.int64).T
    best, sums = f(images)
    assert np.array_equal(best, scores.argmax(axis=1))
    assert np.array_equal(sums, scores)
    bits = unpack_words(packed)
    width = f.func.outputs[0].type.width
    assert np.array_equal((bits[:width].T @ (1 << np.arange(width))), best)


def measure(size: int, with_c: bool) -> None:
    layers = random_layers(SHAPES[size])
    images = np.random.default_rng(1).integers(0, 2, (WORDS * 64, INPUTS), dtype=np.uint8)
    words = circuitc.ir.pack_words(images.T)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_model(layers, folder)
        ready(path)  # imports and LLVM's own start are not the network's
        builds = [ready(path) for _ in range(3)]
        module, f, _ = builds[0]
        steps = [statistics.median(times) for times in zip(*(b[2] for b in builds), strict=True)]
        core = circuitc.jit(module_of(module.funcs["core"]))
        plain = numpy_engine(layers)
        engines: dict[str, Callable[[], Any]] = {
            "ours, network": lambda: core.packed(words), "ours, class": lambda: f.packed(words),
            "ours, bytes": lambda: f(images), "numpy, network": lambda: plain(words)}
        builds_of = {"ours, class": sum(steps)}
        if with_c:
            outputs = len(layers[-1][1])
            for label, source in (("C 64, network", scalar_c), ("C 512, network", vector_c)):
                if source is scalar_c and size > 8000:
                    continue
                evaluate, builds_of[label] = c_engine(source(layers), outputs, folder)
                engines[label] = lambda evaluate=evaluate: evaluate(words)
        want = plain(words)
        for label in engines:
            assert not label.endswith("network") or np.array_equal(engines[label](), want), f"{label} differs"
        check_classes(f, images, f.packed(words), want)
        times: dict[str, list[float]] = {label: [] for label in engines}
        for _ in range(ROUNDS):
            for label, run in engines.items():
                start = time.thread_time()
                run()
                times[label].append(time.thread_time() - start)
    facts = module.facts["logic-network"]
    print(f"{size} gates in {len(layers)} layers ({facts['netlist_gates']} after constants, copies and equal gates), "
          f"{len(images)} images, answers equal")
    print("  ready in {:.2f} s: read {:.2f}, gates {:.2f}, code {:.2f}".format(sum(steps), *steps))
    for label, seconds in times.items():
        rate = [len(images) / s / 1e6 for s in seconds]
        built = f"  built in {builds_of[label]:.1f} s" if label in builds_of else ""
        print(f"  {label:15} {statistics.median(rate):7.2f} M images/s  ({min(rate):.2f} to {max(rate):.2f}){built}")


def main() -> None:
    print(f"cpu {host().cpu}, {host().vector_bits}-bit vectors")
    sizes = [int(a) for a in sys.argv[1:] if a.isdigit()] or list(SHAPES)
    for size in sizes:
        measure(size, "--no-c" not in sys.argv)


if __name__ == "__main__":
    main()
