"""From a weighted graph of neurons to an order, and the exact test for meet-irreducible elements.

An order is kept as its matrix R[i, j], "i is below j", so that column j is the down-set of j. Matrices of [0, 1] (mode
`continuous`) are fuzzy orders: and is the minimum, or the maximum. Adjacencies are A[target, source], as weights are.
"""

from __future__ import annotations

from typing import Any, Literal

import networkx as nx
import numpy as np
from numpy.typing import NDArray

Cut = Literal["scc", "unroll", "fca", "orient"]
Matrix = NDArray[Any]  # bool, or float64 in [0, 1]


def meet_irreducible(relation: Matrix) -> NDArray[np.bool_]:
    """Tell which columns are meet-irreducible in the lattice of all intersections of columns.

    For the matrix of an order that lattice is the smallest complete one that holds it (Dedekind and MacNeille). A
    column is irreducible where it is not the intersection of the columns strictly above it; no column above means the
    whole set. Equal columns are one element. O(n^2) intersections of columns.
    """
    packed = relation.dtype == np.bool_
    columns = np.ascontiguousarray(np.packbits(relation, axis=0).T if packed else relation.T)
    top = np.packbits(np.ones(relation.shape[0], bool)) if packed else np.ones(relation.shape[0])
    meet = np.bitwise_and.reduce if packed else np.minimum.reduce
    found = np.empty(len(columns), bool)
    for j, column in enumerate(columns):
        holds = (columns & column) == column if packed else columns >= column
        above = holds.all(axis=1) & (columns != column).any(axis=1)
        lowest = meet(columns[above], axis=0) if above.any() else top
        found[j] = bool(np.any(lowest != column))
    return found


def closure(edges: Matrix) -> Matrix:
    """Give what reaches what, edges[source, target] and each itself: by any path, or by the widest (max-min)."""
    reach = edges | np.eye(len(edges), dtype=bool) if edges.dtype == np.bool_ else np.maximum(edges, np.eye(len(edges)))
    for k in range(len(reach)):
        through = _and(reach[:, k:k + 1], reach[k:k + 1])
        reach = reach | through if reach.dtype == np.bool_ else np.maximum(reach, through)
    return reach


def _and(x: Matrix, y: Matrix) -> Matrix:
    return x & y if x.dtype == np.bool_ else np.minimum(x, y)


def _compose(x: Matrix, y: Matrix) -> Matrix:
    """Give the edges of two steps: x[i, k] and then y[k, j]."""
    if x.dtype == np.bool_:
        return (x.astype(np.float32) @ y.astype(np.float32)) > 0
    found = np.zeros((len(x), y.shape[1]))
    for k in range(x.shape[1]):
        found = np.maximum(found, np.minimum(x[:, k:k + 1], y[k:k + 1]))
    return found


def order_of(adjacency: Matrix, cut: Cut, steps: int = 2) -> Matrix:
    """Give the order (or, for `fca`, the context) of a graph, with its cycles cut.

    `scc`: reachability; the neurons of a cycle have one down-set, so they are one element. `orient`: reachability along
    the edges that climb in rank, by centrality. `unroll`: elements are (neuron, time) for `steps` times, time by time;
    the first columns are the neurons at time 0. `fca`: the adjacency itself, a formal context in which a neuron is the
    set of those it feeds.
    """
    edges = adjacency.T
    match cut:
        case "fca":
            return adjacency
        case "scc":
            return closure(edges)
        case "orient":
            rank = np.argsort(np.argsort(-centrality(adjacency), kind="stable"), kind="stable")
            climbing = rank[:, None] < rank[None, :]
            return closure(_and(edges, climbing if edges.dtype == np.bool_ else climbing.astype(float)))
        case "unroll":
            return _unrolled(edges, steps)


def _unrolled(edges: Matrix, steps: int) -> Matrix:
    n = len(edges)
    relation = np.zeros((n * steps, n * steps), edges.dtype)
    power = np.eye(n).astype(edges.dtype)
    for gap in range(steps):
        for start in range(steps - gap):
            end = start + gap
            relation[start * n:(start + 1) * n, end * n:(end + 1) * n] = power
        power = _compose(power, edges)
    return relation


def irreducible_neurons(adjacency: Matrix, cut: Cut, steps: int = 2) -> NDArray[np.bool_]:
    """Tell which neurons are meet-irreducible, by the order that a cut gives."""
    return meet_irreducible(order_of(adjacency, cut, steps))[:adjacency.shape[1]]


def centrality(adjacency: Matrix) -> NDArray[np.float64]:
    """Give each neuron's PageRank among those that it feeds and that feed it, divided by the largest."""
    graph = nx.from_numpy_array(adjacency.T.astype(np.float64), create_using=nx.DiGraph)
    ranks = nx.pagerank(graph, max_iter=1000)
    found = np.array([ranks[k] for k in range(len(adjacency))])
    return found / found.max()


__all__ = ["Cut", "Matrix", "centrality", "closure", "irreducible_neurons", "meet_irreducible", "order_of"]
