"""What CLRS-30 records of its graph algorithms, in plain Python: every hint and output, one node and edge at a time.

Written from the semantics (google-deepmind/clrs, `specs.py` and `algorithms/graphs.py`), and sharing nothing with
circuitc. `A` is a matrix of whole numbers, 0 is no edge. An answer is (outputs, hints): hints have an axis of steps in
front; nodes that are marked are one-hot; times count hundredths. Where CLRS leaves a tie open the lowest node wins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Answer = tuple[dict[str, Any], dict[str, Any]]


class Log:
    """Hints as they are pushed."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def push(self, **hints: Any) -> None:
        self.rows.append({name: np.array(value) for name, value in hints.items()})

    def stacked(self) -> dict[str, Any]:
        return {name: np.stack([row[name] for row in self.rows]) for name in self.rows[0]}


def one(node: int, n: int) -> list[int]:
    return [int(k == node) for k in range(n)]


def classes(color: list[int]) -> list[list[int]]:
    return [one(c, 3) for c in color]


def bfs(A: Any, s: int) -> Answer:
    n, log = len(A), Log()
    reach, pi = one(s, n), list(range(n))
    while True:
        before = list(reach)
        log.push(reach_h=before, pi_h=pi)
        for i in range(n):
            for j in range(n):
                if A[i][j] > 0 and before[i]:
                    if pi[j] == j and j != s:
                        pi[j] = i
                    reach[j] = 1
        if reach == before:
            return {"pi": pi}, log.stacked()


def bellman_ford(A: Any, s: int) -> Answer:
    n, log = len(A), Log()
    d, msk, pi = [0] * n, one(s, n), list(range(n))
    while True:
        old_d, old_msk = list(d), list(msk)
        log.push(pi_h=pi, d=old_d, msk=old_msk)
        for u in range(n):
            for v in range(n):
                if old_msk[u] and A[u][v] != 0:
                    if not msk[v] or old_d[u] + A[u][v] < d[v]:
                        d[v], pi[v] = old_d[u] + A[u][v], u
                    msk[v] = 1
        if d == old_d:
            return {"pi": pi, "distance": d}, log.stacked()


def _queue(A: Any, s: int, key: str, keep: bool) -> Answer:
    """Dijkstra (keep: the key of a node adds up along the path) and Prim."""
    n, log = len(A), Log()
    cost, mark, queue, pi = [0] * n, [0] * n, one(s, n), list(range(n))
    log.push(pi_h=pi, mark=mark, in_queue=queue, u=one(s, n), **{key: cost})
    for _ in range(n):
        waiting = [v for v in range(n) if queue[v]]
        if not waiting:
            break
        u = min(waiting, key=lambda v: (cost[v], v))
        mark[u], queue[u] = 1, 0
        for v in range(n):
            if A[u][v] != 0 and not mark[v]:
                new = A[u][v] + (cost[u] if keep else 0)
                if not queue[v] or new < cost[v]:
                    pi[v], cost[v], queue[v] = u, new, 1
        log.push(pi_h=pi, mark=mark, in_queue=queue, u=one(u, n), **{key: cost})
    return {"pi": pi, "distance" if keep else "weight": cost}, log.stacked()


def dijkstra(A: Any, s: int) -> Answer:
    return _queue(A, s, "d", True)


def mst_prim(A: Any, s: int) -> Answer:
    return _queue(A, s, "key", False)


def floyd_warshall(A: Any) -> Answer:
    n, log = len(A), Log()
    D = [[int(x) for x in row] for row in A]
    Pi = [[i] * n for i in range(n)]
    msk = [[int(A[i][j] != 0 or i == j) for j in range(n)] for i in range(n)]
    for k in range(n):
        old_D, old_msk = [list(r) for r in D], [list(r) for r in msk]
        log.push(Pi_h=Pi, D=old_D, msk=old_msk, k=one(k, n))
        for i in range(n):
            for j in range(n):
                if old_msk[i][k] and old_msk[k][j]:
                    if not msk[i][j] or old_D[i][k] + old_D[k][j] < D[i][j]:
                        D[i][j] = old_D[i][k] + old_D[k][j]
                        Pi[i][j] = Pi[k][j]
                    msk[i][j] = 1
    return {"Pi": Pi, "distance": D, "reachable": msk}, log.stacked()


def dfs(A: Any) -> Answer:
    n, log = len(A), Log()
    color, pi, d, f, s_prev, time = [0] * n, list(range(n)), [0] * n, [0] * n, list(range(n)), 0
    s = u = v = s_last = 0

    def push() -> None:
        log.push(pi_h=pi, color=classes(color), d=d, f=f, s_prev=s_prev, s=one(s, n), u=one(u, n), v=one(v, n),
                 s_last=one(s_last, n), time=time)

    for s in range(n):
        if color[s] != 0:
            continue
        s_last = u = v = s
        push()
        while True:
            if color[u] == 0 or d[u] == 0:
                time += 1
                d[u], color[u] = time, 1
                push()
            for v in range(n):  # v stays at the last node where no child is found, as in CLRS
                if A[u][v] != 0 and color[v] == 0:
                    pi[v], color[v], s_prev[v] = u, 1, s_last
                    s_last = v
                    push()
                    break
            if s_last == u:
                time += 1
                color[u], f[u] = 2, time
                push()
                if s_prev[u] == u:
                    break
                popped = s_prev[s_last]
                s_prev[s_last] = s_last
                s_last = popped
            u = s_last
    return {"pi": pi}, log.stacked()


def topological_sort(A: Any) -> Answer:
    n, log = len(A), Log()
    color, topo, s_prev, head = [0] * n, list(range(n)), list(range(n)), 0
    s = u = v = s_last = 0

    def push() -> None:
        log.push(topo_h=topo, topo_head_h=one(head, n), color=classes(color), s_prev=s_prev, s=one(s, n), u=one(u, n),
                 v=one(v, n), s_last=one(s_last, n))

    for s in range(n):
        if color[s] != 0:
            continue
        s_last = u = v = s
        push()
        while True:
            if color[u] == 0:
                color[u] = 1
                push()
            for v in range(n):
                if A[u][v] != 0 and color[v] == 0:
                    color[v], s_prev[v] = 1, s_last
                    s_last = v
                    push()
                    break
            if s_last == u:
                color[u] = 2
                if color[head] == 2:
                    topo[u] = head
                head = u
                push()
                if s_prev[u] == u:
                    break
                popped = s_prev[s_last]
                s_prev[s_last] = s_last
                s_last = popped
            u = s_last
    return {"topo": topo, "topo_head": one(head, n)}, log.stacked()


REFERENCE: dict[str, Any] = {f.__name__: f for f in (
    bfs, bellman_ford, dijkstra, mst_prim, floyd_warshall, dfs, topological_sort)}
FROM_SOURCE = ("bfs", "bellman_ford", "dijkstra", "mst_prim", "widest_path")
UNWEIGHTED = ("bfs", "dfs", "topological_sort", "connected_components")


def random_graph(rng: np.random.Generator, n: int, *, weighted: bool, acyclic: bool = False) -> Any:
    """Draw a matrix of weights: directed or not, thin to full, weights of 1..255 or few (so that they tie), loops."""
    density = rng.choice([0.05, 0.2, 0.5, 0.9])
    top = int(rng.choice([1, 3, 255])) if weighted else 1
    A = rng.integers(1, top + 1, (n, n)) * (rng.random((n, n)) < density)
    if rng.random() < 0.7:
        np.fill_diagonal(A, 0)
    if acyclic:
        order = rng.permutation(n)
        return np.triu(A, 1)[np.ix_(order, order)]
    if rng.random() < 0.5:
        A = np.triu(A) + np.triu(A, 1).T
    if rng.random() < 0.3 and n > 3:  # two parts
        A[: n // 2, n // 2:] = 0
        A[n // 2:, : n // 2] = 0
    return A
