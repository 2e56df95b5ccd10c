"""A thousand random graphs for each graph algorithm: every hint and output beside CLRS's semantics and networkx.

    python benchmarks/gnn_exact.py [GRAPHS] [ENGINE] [ALGORITHM ...]

Graphs have 2 to 64 nodes, are directed or not, thin to full, in one or two parts, with loops and equal weights. The
interpreter runs a module made for each n; native code runs one padded module of 64 nodes. ENGINE is interpreter, llvm,
icarus or verilator (graphs of 16 nodes, their adjacency a port). Without it, interpreter and llvm. Exit status 1 where
one differs.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

import circuitc
from circuitc.ir import run
from circuitc.models.gnn import ALGORITHMS, Options, compile_program

_spec = importlib.util.spec_from_file_location("test_gnn", Path(__file__).parents[1] / "tests/unit/test_gnn.py")
assert _spec is not None
assert _spec.loader is not None
suite: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(suite)
MOST = 64


def interpreter(name: str, sizes: Any) -> int:
    """Run graphs of each size through a module of that size."""
    for n in sorted(set(sizes.tolist())):
        A, s = suite.graphs(name, n, int((sizes == n).sum()), 100)
        module = compile_program(ALGORITHMS[name], Options(n, suite.weight(name)))
        answer = run(module, suite.inputs(name, A, s))
        suite.check(name, A, s, answer)
        compare_networkx(name, A, s, answer)
    return len(sizes)


def llvm(name: str, sizes: Any) -> int:
    """Run all graphs through one padded module."""
    f = circuitc.jit(compile_program(ALGORITHMS[name], Options(MOST, suite.weight(name), padded=True)))
    for n in sorted(set(sizes.tolist())):
        count = int((sizes == n).sum())
        A, s = suite.graphs(name, MOST, count, 1000 + n, n)
        active = np.tile(np.arange(MOST) < n, (count, 1)).astype(int)
        answer = f.run(suite.inputs(name, A, s, active=active))
        suite.check(name, A, s, answer, n)
        compare_networkx(name, A[:, :n, :n], s, answer)
    return len(sizes)


def icarus(name: str, sizes: Any) -> int:
    return verilog(name, sizes, "icarus")


def verilator(name: str, sizes: Any) -> int:
    return verilog(name, sizes, "verilator")


def verilog(name: str, sizes: Any, engine: str) -> int:
    """Run graphs of 16 nodes through the emitted Verilog and its handshake, all in one simulation."""
    from circuitc.simulation import simulate_verilog

    build = circuitc.compile(compile_program(ALGORITHMS[name], Options(16, suite.weight(name))), "verilog",
                             verify=False, options={"vectors": "0"})
    A, s = suite.graphs(name, 16, len(sizes), 200)
    text = build.artefacts[build.main].decode()
    suite.check(name, A, s, simulate_verilog(text, build.ports, build.module, suite.inputs(name, A, s),
                                             engine=engine, seconds=3000))
    return len(sizes)


def compare_networkx(name: str, A: Any, s: Any, answer: Any) -> None:
    """Compare distances, trees and orders with networkx."""
    for k, a in enumerate(A):
        graph = nx.from_numpy_array(a, create_using=nx.DiGraph)
        n = len(a)
        if name in ("bellman_ford", "dijkstra"):
            wanted = nx.single_source_dijkstra_path_length(graph, int(s[k]))
            assert answer["distance"][k][:n].tolist() == [wanted.get(v, 0) for v in range(n)]
        elif name == "floyd_warshall":
            for u, row in nx.all_pairs_dijkstra_path_length(graph):
                assert all(answer["distance"][k, u, v] == d for v, d in row.items() if v != u)
        elif name == "bfs":
            levels = nx.single_source_shortest_path_length(graph, int(s[k]))
            pi = answer["pi"][k]
            assert all(v == s[k] or levels[int(pi[v])] == level - 1 for v, level in levels.items())
        elif name == "mst_prim" and np.array_equal(a, a.T):
            part = nx.node_connected_component(graph.to_undirected(), int(s[k]))
            tree = nx.minimum_spanning_tree(graph.to_undirected().subgraph(part))
            assert answer["weight"][k][:n].sum() == tree.size("weight")
        elif name == "topological_sort" and nx.is_directed_acyclic_graph(graph):
            order = [int(answer["topo_head"][k].argmax())]
            while answer["topo"][k][order[-1]] != order[-1]:
                order.append(int(answer["topo"][k][order[-1]]))
            place = {v: i for i, v in enumerate(order)}
            assert len(place) == n
            assert all(place[u] < place[v] for u, v in graph.edges)


ENGINES = {"interpreter": interpreter, "llvm": llvm, "icarus": icarus, "verilator": verilator}


def main(count: int, engines: list[str], names: list[str]) -> int:
    """Print one line for each algorithm and engine."""
    wrong = 0
    sizes = np.random.default_rng(0).integers(2, MOST + 1, count)
    for name in names or ALGORITHMS:
        for engine in engines:
            start = time.perf_counter()
            try:
                done = ENGINES[engine](name, sizes)
                said = f"{done} graphs: every hint and output is right"
            except AssertionError as e:
                wrong, said = wrong + 1, f"DIFFERS {str(e)[:300]}"
            print(f"{name:22s} {engine:12s} {said} ({time.perf_counter() - start:.0f} s)", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, sys.argv[2:3] or ["interpreter", "llvm"],
                  sys.argv[3:]))
