"""Training beside a plain C port of the same iteration (`learn.c`, gcc -O3 -march=native): same starts, same run.

    python benchmarks/learn.py [rounds]

Both iterate from the same points for the same number of steps without stopping; the gaps of the f64 kernel and of C are
compared. Figures are nanoseconds of processor time an edge, item and iteration: median and spread (lowest to highest)
of rounds that alternate between the engines, on one core; then two restarts on two threads beside the same on one, by
the wall clock (which says something on an idle machine only) and by processor time (what threads cost). The last part
trains the 2-bit multiplier from 20 starts until the gap is small.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.learn.kernel import Memory, infer
from circuitc.learn.network import Network, layered

SIGMA, BETA, GAMMA = 3.0, 0.2, 1e-3


class Problem(ctypes.Structure):
    """The record of learn.c."""

    _fields_ = [*((name, ctypes.c_long) for name in ("items", "nodes", "innodes", "outnodes", "edges")),
                *((name, ctypes.c_void_p) for name in ("start", "source", "data", "w", "x", "y", "g", "agreed")),
                *((name, ctypes.c_double) for name in ("sigma", "beta", "gamma"))]


class Peer:
    """The C port, started where a Memory stands."""

    def __init__(self, library: ctypes.CDLL, memory: Memory) -> None:
        n = memory.network
        self.library, tables = library, n.tables()
        self.arrays = {name: np.ascontiguousarray(memory.unpack(array)[:, :count].astype(np.float64))
                       for name, array, count in (("data", memory.data, n.nodes), ("w", memory.w, n.edges),
                                                  ("x", memory.x, n.edges), ("y", memory.y, n.nodes),
                                                  ("g", memory.metric, n.nodes))}
        self.arrays |= {"agreed": np.zeros(n.edges), "start": tables["START"], "source": tables["SOURCE"]}
        self.problem = Problem(items=memory.items, nodes=n.nodes, innodes=n.innodes, outnodes=n.outnodes,
                               edges=n.edges, sigma=SIGMA, beta=BETA, gamma=GAMMA,
                               **{name: a.ctypes.data for name, a in self.arrays.items()})

    def iterate(self, count: int, stop: float = 0.0) -> Any:
        """Iterate and answer the gaps."""
        gaps = np.zeros(count)
        function = self.library.train
        function.restype = ctypes.c_long
        done = function(ctypes.byref(self.problem), ctypes.c_long(count), ctypes.c_double(stop),
                        ctypes.c_void_p(gaps.ctypes.data))
        return gaps[:done]


def build_peer(folder: Path) -> ctypes.CDLL:
    """Compile learn.c with gcc."""
    target = folder / "learn.so"
    subprocess.run(["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-o", str(target),
                    str(Path(__file__).with_name("learn.c")), "-lm"], check=True)
    return ctypes.CDLL(str(target))


def multiplier(bits: int) -> tuple[Any, Any]:
    """Give all inputs and products of two numbers, most significant bit first, as -1 and +1."""
    numbers = np.arange(1 << 2 * bits)
    products = (numbers >> bits) * (numbers & ((1 << bits) - 1))
    places = np.arange(2 * bits)[::-1]
    return tuple(2.0 * ((n[:, None] >> places) & 1) - 1 for n in (numbers, products))  # type: ignore[return-value]


TASKS = [("2-bit multiplier, 4-4-4-4, 16 items", [4, 4, 4, 4], multiplier(2), 3000),
         ("3-bit multiplier, 6-12-12-12-6, 64 items", [6, 12, 12, 12, 6], multiplier(3), 100),
         ("random data, 32-32-32-32, 256 items", [32, 32, 32, 32],
          tuple(np.random.default_rng(k).choice([-1.0, 1.0], (256, 32)) for k in (1, 2)), 10)]


def measure(library: ctypes.CDLL, network: Network, data: Any, count: int, rounds: int) -> None:
    """Print one task's figures."""
    kernels = {kind: Memory(network, *data, kind) for kind in ("f32", "f64")}
    for memory in kernels.values():
        memory.start(np.random.default_rng(1))
    peer = Peer(library, kernels["f64"])
    ours, theirs = kernels["f64"].iterate(count, SIGMA, BETA, GAMMA, 0.0)[:, 3], peer.iterate(count)
    near = min(count, 50)
    print(f"  gaps of the first {near} iterations differ by at most {abs(ours - theirs)[:near].max():.1e}")
    engines = {"C": lambda: peer.iterate(count),
               **{k: (lambda m=m: m.iterate(count, SIGMA, BETA, GAMMA, 0.0)) for k, m in kernels.items()}}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, run in engines.items():
            begin = time.process_time()
            run()
            times[name].append((time.process_time() - begin) * 1e9 / (count * network.edges * kernels["f32"].items))
    for name, found in times.items():
        ratios = [c / t for c, t in zip(times["C"], found, strict=True)]
        print(f"  {name:4} {statistics.median(found):6.2f} ns ({min(found):.2f} to {max(found):.2f}), "
              f"{statistics.median(ratios):5.1f} times C ({min(ratios):.1f} to {max(ratios):.1f})")


def two_cores(network: Network, data: Any, count: int, rounds: int) -> None:
    """Print how much faster two restarts are on two threads than one after the other."""
    memories = [Memory(network, *data, "f32") for _ in range(2)]
    for k, memory in enumerate(memories):
        memory.start(np.random.default_rng(k))
    ratios: list[float] = []
    costs: list[float] = []
    for _ in range(rounds):
        begin, cpu = time.perf_counter(), time.process_time()
        for memory in memories:
            memory.iterate(count, SIGMA, BETA, GAMMA, 0.0)
        middle, half = time.perf_counter(), time.process_time()
        threads = [threading.Thread(target=m.iterate, args=(count, SIGMA, BETA, GAMMA, 0.0)) for m in memories]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ratios.append((middle - begin) / (time.perf_counter() - middle))
        costs.append((time.process_time() - half) / (half - cpu))
    print(f"  two restarts on two threads: {statistics.median(ratios):.2f} times as fast as on one "
          f"({min(ratios):.2f} to {max(ratios):.2f}), for {statistics.median(costs):.2f} times the processor time "
          f"({min(costs):.2f} to {max(costs):.2f})")


def solve_all(library: ctypes.CDLL, starts: int = 20, limit: int = 100_000, stop: float = 0.05) -> None:
    """Train the 2-bit multiplier from many starts in each engine."""
    network, data = layered([4, 4, 4, 4]), multiplier(2)
    for kind in ("f32", "f64", "C"):
        counts: list[int] = []
        right = 0
        begin = time.process_time()
        for seed in range(starts):
            memory = Memory(network, *data, "f64" if kind == "C" else kind)
            memory.start(np.random.default_rng(seed))
            if kind == "C":
                peer = Peer(library, memory)
                gaps, weights = peer.iterate(limit, stop), peer.arrays["agreed"]
            else:
                gaps, weights = memory.iterate(limit, SIGMA, BETA, GAMMA, stop)[:, 3], memory.agreed
            right += bool((infer(network, weights, data[0])[0] == data[1]).all()) and gaps[-1] < stop
            counts.append(len(gaps))
        seconds = (time.process_time() - begin) / starts
        error = statistics.stdev(counts) / starts**0.5
        print(f"  {kind:4} {right} of {starts} solved (gap < {stop}, all items right), {statistics.mean(counts):.0f} "
              f"+- {error:.0f} iterations, median {statistics.median(counts):.0f}, {seconds:.3f} s a start")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        library = build_peer(Path(folder))
        for name, widths, data, count in TASKS:
            print(f"{name}: ns an edge, item and iteration, one core")
            measure(library, layered(widths), data, count, rounds)
            two_cores(layered(widths), data, 20 * count, rounds)
        print("2-bit multiplier from 20 starts")
        solve_all(library)


if __name__ == "__main__":
    main()
