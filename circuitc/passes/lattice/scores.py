"""Which weights the lattice of a recurrent network would keep: scores for `prune{method=lattice}`.

What the paper's abstract states (Sengupta 2025, arXiv 2502.16525): a recurrent network is taken as a poset, a
dependency lattice is made of it, meet-irreducible neurons are found, centrality guides which connections stay,
adjacencies are binary or continuous, hierarchical networks with feedback are covered.

What is our reading, because the abstract does not say it: how cycles are cut (`cut`); that the lattice is the
Dedekind-MacNeille completion of the order; that a connection is kept first where a neuron at either end is meet-
irreducible; that a neuron counts as such if it is in the graph of any gate (the union over gates); that PageRank is
the centrality; that magnitude breaks what ties remain; that a binary adjacency holds the share `density` of largest
weights of each gate. Nothing here was compared with the author's program, which is not public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Value

from .neurons import Layer, Neurons
from .relation import Cut, Matrix, centrality, irreducible_neurons

Mode = Literal["binary", "continuous"]
CLASS = 4.0  # above any sum of a centrality and a magnitude, which are at most 1 each


@dataclass(frozen=True, slots=True)
class Choice:
    """How a graph is made of weights and cut: the options of the pass."""

    mode: Mode
    cut: Cut
    density: float
    alpha: float
    steps: int


@dataclass(frozen=True, eq=False)
class Found:
    """What the lattice says of neurons, in one row for all groups, and how many are irreducible gate by gate."""

    irreducible: NDArray[np.bool_]
    centrality: NDArray[np.float64]
    by_gate: tuple[int, ...]


def adjacency_of(weights: NDArray[np.float64], choice: Choice) -> Matrix:
    """Give the graph of one gate: its largest weights, or all of them relative to the largest."""
    top = weights.max()
    if choice.mode == "continuous":
        return weights / top if top > 0 else weights
    if top == 0:
        return weights > 0
    edges = max(1, round(choice.density * weights.size))
    least = np.partition(weights.ravel(), -edges)[-edges]
    return (weights >= least) & (weights > 0)


def judge(neurons: Neurons, matrices: Mapping[Value, NDArray[np.float64]], choice: Choice) -> Found:
    """Find the meet-irreducible neurons of every gate's graph, their union, and centralities in the gates' union."""
    graphs = [adjacency_of(a, choice) for a in neurons.adjacencies(matrices)]
    each = [irreducible_neurons(graph, choice.cut, choice.steps) for graph in graphs]
    union = np.maximum.reduce(graphs)
    return Found(np.logical_or.reduce(each), centrality(union), tuple(int(e.sum()) for e in each))


def layer_scores(layer: Layer, weights: NDArray[np.float64], neurons: Neurons, found: Found,
                 alpha: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score the weights of a layer [rows, columns] by centrality and magnitude, and tell which have an irreducible end.

    What has such an end stays before what has none: CLASS is to be added to its score.
    """
    size = np.abs(weights)
    score = size / size.max() if size.max() > 0 else size
    kept: NDArray[np.bool_] = np.zeros(weights.shape, bool)
    for group, along_rows in ((layer.target, True), (layer.source, False)):
        if group is None:
            continue
        part = neurons.part(group)
        first, rank = found.irreducible[part][None], found.centrality[part][None]
        if along_rows:
            first, rank = np.tile(first, layer.gates).T, np.tile(rank, layer.gates).T
        kept = kept | first
        score = score + alpha / 2 * rank
    return score, kept


def decided(kept: Any, mask: Any) -> int:
    """Count the weights that the lattice itself decided, and not centrality or magnitude.

    Where the weights with an irreducible end fill the budget, it decided that all others go; else, that these stay.
    Where all weights or none have such an end, or none go, it decided nothing.
    """
    if mask.all() or kept.all() or not kept.any():
        return 0
    return int((~kept).sum()) if kept.sum() >= mask.sum() else int(kept.sum())


__all__ = ["CLASS", "Choice", "Found", "Mode", "adjacency_of", "decided", "judge", "layer_scores"]
