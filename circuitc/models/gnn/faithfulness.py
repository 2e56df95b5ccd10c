"""How faithful a network is to the algorithm: its traces beside the right ones, its attention beside the compiled one.

After "Mind the Gap" (arXiv 2505.18623): eq. 24 measures from outside, by the accuracy of predicted hints; eq. 25 from
inside, by the distance of attention matrices to the compiled ones. High accuracy can go with a large distance. The norm
of eq. 25 is not told in what is public of the paper, so two are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuitc.diagnostics import error

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TraceAccuracy:
    """The share of hint values that are right: over everything, by hint, and by step (how it decays over time)."""

    total: float
    by_hint: Mapping[str, float]
    by_step: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AttentionDistance:
    """Distances of attention matrices, averaged over graphs and steps.

    `frobenius` is the norm of the difference of two matrices. `variation` is the mean over receiving nodes of half the
    sum of absolute differences: 0 is the same distribution over senders, 1 a disjoint one.
    """

    frobenius: float
    variation: float


def trace_accuracy(found: Mapping[str, ArrayLike], wanted: Mapping[str, ArrayLike], steps: ArrayLike,
                   tolerance: float = 1e-3) -> TraceAccuracy:
    """Compare hints, [batch, steps, ...] each, over the steps that the right run takes (`steps`: [batch]).

    Floats agree up to `tolerance`, whole numbers when they are equal. Hints of one name must have one shape up to the
    number of steps; a shorter trace is continued with its last step.
    """
    taken = np.asarray(steps)
    if not wanted:
        raise error("there are no hints to compare")
    right: dict[str, NDArray[np.bool_]] = {}
    for name, value in wanted.items():
        if name not in found:
            raise error(f"the trace has no hint {name}")
        right[name] = _agreement(name, np.asarray(found[name]), np.asarray(value), tolerance)
    counts = max(r.shape[1] for r in right.values())
    during = np.arange(counts) < taken[:, None]
    by_hint = {name: float(r[during[:, :r.shape[1]]].mean()) for name, r in right.items()}
    by_step = tuple(_step_mean(right, during, t) for t in range(int(taken.max())))
    hits = sum(float(r[during[:, :r.shape[1]]].sum()) for r in right.values())
    total = sum(r[during[:, :r.shape[1]]].size for r in right.values())
    return TraceAccuracy(hits / total, by_hint, by_step)


def _step_mean(right: Mapping[str, NDArray[np.bool_]], during: NDArray[np.bool_], t: int) -> float:
    parts = [r[during[:, t], t].ravel() for r in right.values() if t < r.shape[1]]
    return float(np.concatenate(parts).mean())


def _agreement(name: str, found: NDArray[np.generic], wanted: NDArray[np.generic], tolerance: float,
               ) -> NDArray[np.bool_]:
    if found.ndim != wanted.ndim or found.shape[:1] + found.shape[2:] != wanted.shape[:1] + wanted.shape[2:]:
        raise error(f"hint {name} has shape {list(found.shape)} beside {list(wanted.shape)}")
    if found.shape[1] < wanted.shape[1]:
        last = np.repeat(found[:, -1:], wanted.shape[1] - found.shape[1], axis=1)
        found = np.concatenate([found, last], axis=1)
    a, b = found[:, :wanted.shape[1]].astype(np.float64), wanted.astype(np.float64)
    exact = found.dtype.kind in "iub" and wanted.dtype.kind in "iub"
    return np.asarray(a == b if exact else np.abs(a - b) <= tolerance)


def attention_distance(given: ArrayLike, compiled: ArrayLike, steps: ArrayLike) -> AttentionDistance:
    """Compare attention, [batch, steps, senders, receivers] each, over the steps that are taken (`steps`: [batch])."""
    a, b = np.asarray(given, np.float64), np.asarray(compiled, np.float64)
    if a.shape != b.shape or a.ndim != 4:
        raise error(f"attention has shape [batch, steps, n, n] twice, got {list(a.shape)} and {list(b.shape)}")
    during = np.arange(a.shape[1]) < np.asarray(steps)[:, None]
    difference = (a - b)[during]
    return AttentionDistance(float(np.sqrt((difference ** 2).sum((1, 2))).mean()),
                             float(np.abs(difference).sum(1).mean() / 2))
