"""Bellman-Ford in native code beside networkx and scipy.sparse.csgraph on random graphs; distances are compared.

    python benchmarks/gnn.py [N ...]

First dense graphs: edge probability 0.5, weights 1..255, a single source, one graph and batches of 32. Then the sparse
form (padded lists of senders) on road-like graphs: a grid of streets of which one in six is missing, with slanting
ones. Raw numbers come in narrow dtypes (uint8), as scipy is given its csr_array of floats ready made. Rounds of all
engines are interleaved; each round takes the best of a few calls, and the table gives the median of the rounds, their
spread, and the ratio to native code. `all cores` is `circuitc.jit(..., threads=0)`.
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
from circuitc.models.gnn import ALGORITHMS, Options, compile_program, sender_lists

ROUNDS = 5
Works = dict[str, Callable[[], Any]]


def best_of(work: Callable[[], Any], calls: int) -> tuple[float, Any]:
    """Give the shortest of some calls in milliseconds, and the answer."""
    shortest, answer = float("inf"), None
    for _ in range(calls):
        start = time.perf_counter()
        answer = work()
        shortest = min(shortest, time.perf_counter() - start)
    return 1e3 * shortest, answer


def engines(n: int, batch: int) -> Works:
    """Give each engine's call on dense graphs: distances of all graphs of a batch, [batch, n]."""
    rng = np.random.default_rng(n)
    A = (rng.integers(1, 256, (batch, n, n)) * (rng.random((batch, n, n)) < 0.5)).astype(np.uint8)
    module = compile_program(ALGORITHMS["bellman_ford"], Options(n, parse_type("u8"), hints=False))
    return _works(module, A, {"A": A})


def road_engines(side: int, batch: int) -> Works:
    """Give each engine's call on road-like graphs of side * side places, in the sparse form."""
    rng = np.random.default_rng(side)
    A = np.stack([_roads(side, rng) for _ in range(batch)])
    degree = int((A != 0).sum(1).max())
    module = compile_program(ALGORITHMS["bellman_ford"],
                             Options(side * side, parse_type("u8"), degree=degree, directed=False, hints=False))
    return _works(module, A, {k: v.astype(np.uint8 if k != "senders" else np.uint16)
                              for k, v in sender_lists(A, degree).items()})


def _roads(side: int, rng: np.random.Generator) -> Any:
    """Make a grid of streets with random lengths: one in six is missing, and some slant."""
    n = side * side
    A = np.zeros((n, n), np.uint8)
    at = np.arange(n).reshape(side, side)
    for a, b in ((at[:, :-1], at[:, 1:]), (at[:-1], at[1:]), (at[:-1, :-1], at[1:, 1:])):
        there = rng.random(a.shape) < (1 / 3 if a.size < n - side else 5 / 6)
        A[a[there], b[there]] = rng.integers(1, 256, there.sum())
    return np.maximum(A, A.T)


def _works(module: Any, A: Any, inputs: dict[str, Any]) -> Works:
    batch, n = A.shape[:2]
    s = np.zeros((batch, n), np.uint8)
    s[:, 0] = 1
    f, team = circuitc.jit(module), circuitc.jit(module, threads=0)
    sparse = [csr_array(a.astype(float)) for a in A]
    found: Works = {
        "circuitc": lambda: f.run({**inputs, "s": s})["distance"],
        "scipy bellman_ford": lambda: np.stack([bellman_ford(a, indices=0) for a in sparse]),
        "scipy dijkstra": lambda: np.stack([dijkstra(a, indices=0) for a in sparse])}
    if batch > 1:
        found["circuitc, all cores"] = lambda: team.run({**inputs, "s": s})["distance"]
    if n * batch <= 1024:
        graphs = [nx.from_numpy_array(a, create_using=nx.DiGraph) for a in A]
        found["networkx"] = lambda: np.array([_row(g, n) for g in graphs])
    return found


def _row(graph: Any, n: int) -> list[float]:
    lengths = nx.single_source_bellman_ford_path_length(graph, 0)
    return [lengths.get(v, float("inf")) for v in range(n)]


def compare(title: str, works: Works, calls: int) -> None:
    """Time all engines in turn, compare their distances, and print a table."""
    times: dict[str, list[float]] = {name: [] for name in works}
    answers: dict[str, Any] = {}
    for _ in range(ROUNDS):
        for name, work in works.items():
            spent, answers[name] = best_of(work, 1 if name == "networkx" else calls)
            times[name].append(spent)
    for name, answer in answers.items():
        reached = np.isfinite(answer)
        assert np.array_equal(np.where(reached, answer, 0), answers["circuitc"]), name
    mine = statistics.median(times["circuitc"])
    print(f"{title}: milliseconds, median ({ROUNDS} rounds: least - most)")
    for name, row in times.items():
        middle = statistics.median(row)
        print(f"  {name:20s} {middle:9.3f} ({min(row):.3f} - {max(row):.3f})  {middle / mine:7.2f} x", flush=True)


def main(sizes: list[int]) -> None:
    """Print a table for each size."""
    for n in sizes:
        calls = max(3, 2000 // n)
        for batch in (1, 32):
            graphs = "1 graph" if batch == 1 else f"{batch} graphs"
            if n * n * batch <= 1 << 21:
                compare(f"n = {n}, {graphs}", engines(n, batch), max(3, calls // batch))
        side = round(n ** 0.5)
        compare(f"roads, n = {side * side}, sparse, 1 graph", road_engines(side, 1), calls)


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:]] or [16, 64, 256, 1024])
