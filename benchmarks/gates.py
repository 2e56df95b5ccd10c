"""A netlist of a million ANDs: read, hash, emit; beside yosys-abc and aigverse on the same file, sizes compared.

    python benchmarks/gates.py [GATES]
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.formats import load, write
from circuitc.ir import BIT, Func, Netlist, Port, aig, module_of, parse_module, print_module, verify_module
from circuitc.passes import run_passes
from circuitc.plugins import load_plugin
from circuitc.tools import require_tool, run_tool

RUNS = 5


def random_aig(gates: int, inputs: int = 256, seed: int = 0) -> Netlist:
    """Draw an AIG whose gates look back over the last few thousand nodes, so that it is deep and has locality."""
    rng = np.random.default_rng(seed)
    node = np.arange(1 + inputs, 1 + inputs + gates)
    back = np.minimum(rng.integers(1, 4096, (gates, 2)), node[:, None] - 1)
    literals = np.sort((node[:, None] - back) * 2 + rng.integers(0, 2, (gates, 2)))[:, ::-1]  # AIGER: larger first
    return aig(inputs, literals, literals[-64:, 0])


def timed(work: Callable[[], Any]) -> tuple[str, Any]:
    """Run a few times; give the median and spread as text, and the last answer."""
    seconds: list[float] = []
    answer = None
    for _ in range(RUNS):
        start = time.perf_counter()
        answer = work()
        seconds.append(time.perf_counter() - start)
    return f"{statistics.median(seconds):7.3f} s  ({min(seconds):.3f} - {max(seconds):.3f})", answer


def main(gates: int) -> None:
    """Print the table."""
    netlist = random_aig(gates)
    ports = (Port("x", BIT.with_shape((netlist.inputs,))),), (Port("y", BIT.with_shape((64,))),)
    module = module_of(Func("big", *ports, netlist))
    backend = load_plugin("backend", "verilog")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.aig"
        print(f"{gates} ANDs, {RUNS} runs: median (spread)")
        print("write AIGER           ", timed(lambda: write(module, path))[0])
        shown, back = timed(lambda: load(path))
        assert back.entry.body == netlist
        print("read AIGER            ", shown)
        print("verify the IR         ", timed(lambda: verify_module(module))[0])
        shown, hashed = timed(lambda: run_passes(module, "strash", check=None, verify=False))
        print("structural hashing    ", shown)
        print("dead-code removal     ", timed(lambda: run_passes(module, "sweep-dead", check=None, verify=False))[0])
        print("emit Verilog          ", timed(lambda: backend.emit(backend.build(module, {})))[0])
        text = print_module(module)
        print("print the text form   ", timed(lambda: print_module(module))[0])
        print("read the text form    ", timed(lambda: parse_module(text))[0])
        compare_abc(path, run_passes(hashed, "sweep-dead", check=None).entry.body)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def compare_abc(path: Path, ours: Any) -> None:
    """Time yosys-abc on the same file, and compare the sizes after structural hashing."""
    abc = str(require_tool("yosys-abc"))
    out = path.with_name("abc.aig")
    shown, done = timed(lambda: run_tool([abc, "-q", f"read_aiger {path}; strash; print_stats; write_aiger {out}"],
                                         folder=path.parent, seconds=300))
    print("yosys-abc read, strash, write", shown)
    theirs = load(out).entry.body
    assert isinstance(theirs, Netlist)
    print(f"ANDs after hashing and dead-code removal: ours {ours.gates}, yosys-abc {theirs.gates}")
    assert done.status == 0


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
