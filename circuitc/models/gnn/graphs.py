"""Graphs as the arrays that compiled programs take: matrices of weights, padded lists of senders, CLRS's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuitc.diagnostics import error

Array = NDArray[Any]


def weight_matrix(graph: Any, attribute: str = "weight", default: float = 1) -> Array:
    """Give a networkx graph's matrix A of weights, in the order of its nodes: A[i, j] is the edge from i to j, or 0.

    An edge without the attribute weighs `default`. Of parallel edges the lightest counts. A weight that is not above 0
    is refused: 0 would mean that there is no edge.
    """
    place = {node: k for k, node in enumerate(graph.nodes)}
    A = np.zeros((len(place), len(place)))
    for u, v, weight in graph.edges(data=attribute, default=default):
        if not weight > 0:
            raise error(f"the edge from {u} to {v} weighs {weight}; weights are above 0")
        for i, j in ((u, v),) if nx.is_directed(graph) else ((u, v), (v, u)):
            old = A[place[i], place[j]]
            A[place[i], place[j]] = min(old, weight) if old else weight
    return A.astype(np.int64) if np.array_equal(A, np.rint(A)) else A


def edge_matrix(n: int, edges: Sequence[Sequence[float]], *, directed: bool) -> Array:
    """Give the matrix of a list of edges (i, j, weight); the last of parallel edges counts."""
    A = np.zeros((n, n))
    for i, j, weight in edges:
        A[int(i), int(j)] = weight
        if not directed:
            A[int(j), int(i)] = weight
    return A


def sender_lists(weights: ArrayLike, degree: int) -> dict[str, Array]:
    """Give the sparse form of a matrix of weights: for each node the senders in rising order, padded.

    Answers `A` (weights), `senders` and `present`, each of shape [n, degree]; for a batch of matrices [batch, n, n]
    with that axis in front.
    """
    A = np.asarray(weights)
    if A.ndim == 3:
        parts = [sender_lists(a, degree) for a in A]
        return {name: np.stack([p[name] for p in parts]) for name in parts[0]}
    columns = A.T
    present = columns != 0
    most = int(present.sum(1).max()) if len(A) else 0
    if most > degree:
        raise error(f"a node has {most} senders, the lists hold {degree}", help=f"compile with degree = {most} or more")
    order = np.argsort(~present, axis=1, kind="stable")[:, :degree]  # senders first, in rising order
    kept = np.take_along_axis(present, order, 1)
    return {"A": np.where(kept, np.take_along_axis(columns, order, 1), 0), "senders": np.where(kept, order, 0),
            "present": kept.astype(np.int64)}


def clrs_inputs(weights: ArrayLike, source: int | None = None) -> Mapping[str, Array]:
    """Give the inputs of CLRS-30 for a matrix of weights: `pos`, `A`, `adj` (with self-loops) and, with a source, `s`.

    A batch axis of one graph stands in front, as `circuitc run` takes them.
    """
    A = np.asarray(weights)
    n = len(A)
    found = {"pos": np.arange(n) / n, "A": A, "adj": ((A + np.eye(n)) != 0).astype(np.int64)}
    if source is not None:
        found["s"] = np.eye(n, dtype=np.int64)[source]
    return {name: x[None] for name, x in found.items()}
