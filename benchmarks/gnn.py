"""Bellman-Ford in native code beside networkx and scipy.sparse.csgraph on random graphs; distances are compared.

    python benchmarks/gnn.py [N ...]

Edge probability 0.5, weights 1..255, a single source. Rounds of all engines are interleaved; each round takes the best
of a few calls, and the table gives the median of the rounds, their spread, and the ratio to native code.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import bellman_ford, dijkstra

import circuitc
from circuitc.ir import parse_type
from circuitc.models.gnn import ALGORITHMS, Options, compile_program

ROUNDS, CALLS = 5, 5


def best_of(work: Callable[[], Any], calls: int) -> tuple[float, Any]:
    """Give the shortest of some calls in milliseconds, and the answer."""
    shortest, answer = float("inf"), None
    for _ in range(calls):
        start = time.perf_counter()
        answer = work()
        shortest = min(shortest, time.perf_counter() - start)
    return 1e3 * shortest, answer


def engines(n: int, batch: int) -> dict[str, Callable[[], Any]]:
    """Give each engine's call: distances of all graphs of a batch, [batch, n]."""
    rng = np.random.default_rng(n)
    A = rng.integers(1, 256, (batch, n, n)) * (rng.random((batch, n, n)) < 0.5)
    f = circuitc.jit(compile_program(ALGORITHMS["bellman_ford"], Options(n, parse_type("u8"), hints=False)))
    s = np.zeros((batch, n), np.int64)
    s[:, 0] = 1
    sparse = [csr_array(a.astype(float)) for a in A]
    found: dict[str, Callable[[], Any]] = {
        "circuitc": lambda: f.run({"A": A, "s": s})["distance"],
        "scipy bellman_ford": lambda: np.stack([bellman_ford(a, indices=0) for a in sparse]),
        "scipy dijkstra": lambda: np.stack([dijkstra(a, indices=0) for a in sparse])}
    if n * batch <= 1024:
        graphs = [nx.from_numpy_array(a, create_using=nx.DiGraph) for a in A]
        found["networkx"] = lambda: np.array([_row(g, n) for g in graphs])
    return found


def _row(graph: Any, n: int) -> list[float]:
    lengths = nx.single_source_bellman_ford_path_length(graph, 0)
    return [lengths.get(v, float("inf")) for v in range(n)]


def main(sizes: list[int]) -> None:
    """Print a table for each size."""
    for n, batch in [(n, b) for n in sizes for b in (1, 32) if n * n * b <= 1 << 21]:
        works = engines(n, batch)
        times: dict[str, list[float]] = {name: [] for name in works}
        answers: dict[str, Any] = {}
        for _ in range(ROUNDS):
            for name, work in works.items():
                spent, answers[name] = best_of(work, 1 if name == "networkx" else CALLS)
                times[name].append(spent)
        for name, answer in answers.items():
            reached = np.isfinite(answer)
            assert np.array_equal(np.where(reached, answer, 0), answers["circuitc"]), name
        mine = statistics.median(times["circuitc"])
        print(f"n = {n}, {batch} graph{'s' if batch > 1 else ''}: milliseconds, median ({ROUNDS} rounds: least - most)")
        for name, row in times.items():
            middle = statistics.median(row)
            print(f"  {name:20s} {middle:9.3f} ({min(row):.3f} - {max(row):.3f})  {middle / mine:7.2f} x", flush=True)


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [16, 64, 256, 1024])
