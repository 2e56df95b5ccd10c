"""What graph algorithms cost in hardware: six-input tables, flip-flops and clocks, by size and form.

    python benchmarks/gnn_verilog.py [--only ALGORITHM,FORM] [N ...]

Tables and flip-flops are those of `circuitc report` (ABC's `if -K 6` on the AIG that Yosys makes of the Verilog; no
carry chains). Forms: `sweep` relaxes all edges in a clock, `folded` one sender's edges; both take A row by row
(`rows=true`). `map` is a sweep of one given graph, whose edges are constants. Before it is counted, the Verilog of each
form gives the interpreter's bits on GRAPHS random graphs (edge probability 0.3). Clocks are the mean of those: n rows,
then the steps. A tool that needs more than SECONDS is said not to have finished.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import parse_type, run
from circuitc.models.gnn import ALGORITHMS, Options, compile_program
from circuitc.simulation import simulate_verilog
from circuitc.synthesis.luts import count_luts

GRAPHS, SECONDS = 20, 420
WEIGHTS = {"bfs": parse_type("bit"), "bellman_ford": parse_type("u8")}


def graphs(name: str, n: int) -> tuple[Any, Any]:
    """Draw directed graphs and sources."""
    rng = np.random.default_rng(n)
    A = rng.integers(1, WEIGHTS[name].highest + 1, (GRAPHS, n, n)) * (rng.random((GRAPHS, n, n)) < 0.3)
    return A, np.eye(n, dtype=int)[rng.integers(0, n, GRAPHS)]


def measure(name: str, n: int, form: str) -> str:
    """Compile, compare with the interpreter, count."""
    A, s = graphs(name, n)
    given, inputs = ({"A": A[0]}, {"s": s}) if form == "map" else ({}, {"A": A, "s": s})
    module = compile_program(ALGORITHMS[name], Options(n, WEIGHTS[name], hints=False, folded=form == "folded"),
                             graph=given)
    rows = form != "map"
    build = circuitc.compile(module, "verilog", verify=False,
                             options={"vectors": "0", **({"rows": "true"} if rows else {})})
    text = build.artefacts[build.main].decode()
    want = run(module, inputs)
    got = simulate_verilog(text, build.ports, build.module, inputs, engine="icarus")
    assert all(np.array_equal(got[port], raw) for port, raw in want.items()), (name, n, form)
    clocks = float(np.mean(want["steps"])) + (n if rows else 1)
    try:
        found = count_luts(text, build.ports["module"], clock=build.ports["clock"]["name"], seconds=SECONDS)
        said = f"{found.luts:8,d} {found.registers:8,d} {found.depth:6d}"
    except CircuitError as e:
        said = f"not counted: {str(e)[:60]}"
    return f"{said} {clocks:8.1f}"


def main(sizes: list[int], only: str) -> None:
    """Print one line for each algorithm, size and form."""
    print(f"{'':13s}   n form       LUT6       FF  depth   clocks")
    for name in WEIGHTS:
        for n in sizes:
            for form in ("sweep", "folded", "map"):
                if only not in ("", f"{name},{form}"):
                    continue
                start = time.perf_counter()
                print(f"{name:13s} {n:3d} {form:7s} {measure(name, n, form)}   "
                      f"({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    chosen = given.pop(1) if given[:1] == ["--only"] else ""
    main([int(a) for a in given if a != "--only"] or [8, 16, 32], chosen)
