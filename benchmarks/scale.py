"""Cost per gate from a hundred thousand to ten million ANDs: AIGER in, strash, sweep, Verilog and native code out.

    python benchmarks/scale.py [GATES ...]        (default 100000 1000000 10000000; the last needs about 8 GB)

Each size runs in a process of its own; figures are processor time per gate of the file, and the peak of resident
memory after each stage. What came out is checked: the Verilog is read back by the streaming reader (not by Yosys, which
cannot at this size) and simulated against the netlist, and so is the native code, on 512 random patterns. That is
simulation, not proof.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.llvm import compile_native
from circuitc.formats import load, write
from circuitc.ir import BIT, Func, Port, evaluate_words, module_of, verify_module
from circuitc.passes import run_passes
from circuitc.plugins import load_plugin
from circuitc.simulation.read_gates import read_gates

sys.path.insert(0, str(Path(__file__).parent))
from gates import random_aig

SIZES = (100_000, 1_000_000, 10_000_000)


class Stages:
    """Seconds and peak memory of each stage."""

    def __init__(self) -> None:
        self.figures: dict[str, tuple[float, float]] = {}

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        answer = work()
        seconds = time.process_time() - start
        self.figures[name] = seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"# {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
        return answer


def one(gates: int) -> dict[str, Any]:
    """Run all stages at one size."""
    stages = Stages()
    stages.run("interpreter and imports", lambda: None)
    netlist = random_aig(gates)
    module = module_of(Func("big", (Port("x", BIT.with_shape((netlist.inputs,))),),
                            (Port("y", BIT.with_shape((64,))),), netlist))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.aig"
        write(module, path)
        del module
        module = stages.run("read AIGER", lambda: load(path))
    assert module.entry.body == netlist
    stages.run("verify the IR", lambda: verify_module(module))
    backend = load_plugin("backend", "verilog")
    emission = stages.run("emit Verilog", lambda: backend.emit(backend.build(module, {})))
    name, text = next((n, c) for n, c in emission.files.items() if n.endswith(".v") and "tb" not in n)
    del emission
    hashed = stages.run("strash", lambda: run_passes(module, "strash", check=None, verify=False))
    swept = stages.run("sweep-dead", partial(run_passes, hashed, "sweep-dead", check=None, verify=False))
    words = np.random.default_rng(0).integers(0, 1 << 64, (netlist.inputs, 8), dtype=np.uint64)
    want = evaluate_words(netlist, words)
    assert np.array_equal(evaluate_words(swept.entry.body, words), want), "strash, sweep-dead"
    gates_after = swept.entry.body.gates
    del hashed, swept
    f = stages.run("native code (table)", lambda: compile_native(module, shape="table"))
    assert np.array_equal(f.packed(words), want), "native code"
    many = np.random.default_rng(1).integers(0, 1 << 64, (netlist.inputs, 64), dtype=np.uint64)
    f.packed(many)
    seconds: list[float] = []
    for _ in range(5):
        start = time.thread_time()
        f.packed(many)
        seconds.append(time.thread_time() - start)
    rate = netlist.gates * 4096 / np.array(sorted(seconds)) / 1e9
    figures = f.figures
    del f, many
    back = stages.run("read the Verilog back", lambda: read_gates(text.decode(), module.entry.name, name))
    assert np.array_equal(evaluate_words(back.entry.body, words), want), "Verilog"
    return {"gates": gates, "stages": stages.figures, "rate": rate.tolist(), "after": gates_after, "code": figures}


def main(sizes: list[int]) -> None:
    """Print the table."""
    results: list[dict[str, Any]] = []
    for gates in sizes:
        done = subprocess.run([sys.executable, __file__, "--one", str(gates)], check=True, stdout=subprocess.PIPE,
                              text=True)
        results.append(json.loads(done.stdout))
    print(f"{'us a gate (peak MB after)':26}" + "".join(f"{r['gates']:>24,}" for r in results))
    for stage in results[0]["stages"]:
        cells = [(r["stages"][stage][0] / r["gates"] * 1e6, r["stages"][stage][1]) for r in results]
        print(f"{stage:26}" + "".join(f"{f'{us:.3f} ({peak:.0f})':>24}" for us, peak in cells))
    rates = ["{:.0f} ({:.0f}-{:.0f})".format(np.median(r["rate"]), min(r["rate"]), max(r["rate"])) for r in results]
    print(f"{'table kernel, G gates/s':26}" + "".join(f"{rate:>24}" for rate in rates))
    print(f"{'gates after strash, sweep':26}" + "".join(f"{r['after']:>24,}" for r in results))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]))))
    else:
        main([int(a) for a in sys.argv[1:]] or list(SIZES))
