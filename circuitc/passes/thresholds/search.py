"""Search for the smallest integer weights of a gate: a linear program, an integer program, then rounding.

The margin of a weight vector V on a pattern is `y (V.x)`, y being the gate's answer. V is right on all patterns when
every margin is at least 1. Constraints enter lazily: only patterns that a candidate gets wrong. The solver's numbers
are never believed: what is answered has been checked on every pattern in integers, and the bound is a rational.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CUTS_A_ROUND = 12
MAX_ROUNDS = 400
MILP_LARGEST_SUM = 64    # above this sum of weights the integer program is given up for rounding
MILP_NODES = 3000        # a limit in nodes, not seconds: the same input gives the same answer on every machine


class Patterns(Protocol):
    """The patterns that weights must get right, with the gate's answer taken in (so margins want to be positive)."""

    size: int
    sorted: bool   # whether weights may be taken as falling and never negative

    def margins(self, weights: Array) -> Array:
        """Give the margin on each pattern."""
        ...

    def pattern(self, index: int) -> Array:
        """Give one pattern times the gate's answer, int64[size]."""
        ...


class AllPatterns:
    """All 2**(m-1) patterns of a gate in normal form (the other half are their negatives, and the gate is self-dual).

    Smallest weights may be taken in falling order and never negative: where u_i >= u_j, input i dominates input j, so
    a representation keeps that order or can be swapped; a weight of the wrong sign is of an input that does not matter.
    """

    sorted = True

    def __init__(self, size: Sequence[int]) -> None:
        self.size = len(size)
        self.answer = np.where(_sums(np.array(size, np.int64)) > 0, 1, -1)

    def margins(self, weights: Array) -> Array:
        return _sums(weights) * self.answer

    def pattern(self, index: int) -> Array:
        bits = (index >> np.arange(self.size - 1)[::-1]) & 1
        return np.concatenate([[1], 1 - 2 * bits]) * self.answer[index]


def _sums(weights: Array) -> Array:
    """Give `w_0 +- w_1 +- ...` for all signs; the first stays, the second's sign is the index's highest bit."""
    total = weights[:1]
    for w in weights[1:]:
        total = np.stack([total + w, total - w], axis=1).reshape(-1)
    return total


class SomePatterns:
    """Listed patterns: `rows` are inputs (the constant's -1 first) times the gate's answer there."""

    sorted = False

    def __init__(self, rows: Array) -> None:
        self.rows = rows.astype(np.int64)
        self.size = rows.shape[1]

    def margins(self, weights: Array) -> Array:
        return self.rows @ weights

    def pattern(self, index: int) -> Array:
        return self.rows[index]


@dataclass(frozen=True, slots=True)
class Found:
    """Weights that are right on every pattern, and the proven least sum of magnitudes of such integers."""

    weights: tuple[int, ...]
    least_sum: int


def smallest_weights(patterns: Patterns) -> Found | None:
    """Find integer weights with a small (where feasible the least) sum of magnitudes that are right on all patterns."""
    cuts: list[Array] = []
    relaxed = _relax(patterns, cuts)
    if relaxed is None:
        return None
    real, bound = relaxed
    integers = _integers(patterns, cuts) if bound <= MILP_LARGEST_SUM else None
    if integers is not None:
        weights, optimal = integers
        return Found(weights, sum(map(abs, weights)) if optimal else bound)
    rounded = _round(patterns, real)
    return None if rounded is None else Found(rounded, bound)


class _Shape:
    """How solver variables (all >= 0) make weights: steps between sorted weights, or positive minus negative parts."""

    def __init__(self, patterns: Patterns) -> None:
        n = patterns.size
        self.sorted = patterns.sorted
        self.cost = np.arange(1, n + 1) if self.sorted else np.ones(2 * n, np.int64)

    def rows(self, cuts: Sequence[Array]) -> Array:
        z = np.array(cuts)
        return np.cumsum(z, axis=1) if self.sorted else np.concatenate([z, -z], axis=1)

    def weights(self, x: Array) -> Array:
        return np.cumsum(x[::-1])[::-1] if self.sorted else x[:len(x) // 2] - x[len(x) // 2:]


def _wrong(patterns: Patterns, weights: Array, cuts: list[Array]) -> int:
    """Add to the cuts the patterns with the least margins below 1; answer how many are."""
    margins = patterns.margins(weights)
    bad = np.flatnonzero(margins < 1 - 1e-6)
    if len(bad) > 4096:
        bad = bad[np.argpartition(margins[bad], 4096)[:4096]]
    worst = bad[np.lexsort((bad, np.round(margins[bad], 9)))][:CUTS_A_ROUND]
    cuts.extend(patterns.pattern(int(i)) for i in worst)
    return len(bad)


def _relax(patterns: Patterns, cuts: list[Array]) -> tuple[Array, int] | None:
    """Solve the linear program over the reals; answer weights and the proven least sum of integer weights."""
    from scipy.optimize import linprog
    shape = _Shape(patterns)
    cuts.append(patterns.pattern(0))
    for _ in range(MAX_ROUNDS):
        rows = shape.rows(cuts)
        solved = linprog(shape.cost, A_ub=-rows, b_ub=-np.ones(len(rows)), method="highs-ds")
        if solved.status != 0:
            return None
        weights = shape.weights(solved.x)
        if not _wrong(patterns, weights, cuts):
            return weights, _proven_bound(shape.cost, rows, -solved.ineqlin.marginals)
    return None


def _proven_bound(cost: Array, rows: Array, dual: Array) -> int:
    """Turn the solver's dual numbers into a bound that holds exactly.

    For y >= 0 with `y.rows <= cost`, every feasible x has cost.x >= y.rows.x >= sum(y). Any y >= 0 becomes such by a
    division; all of it in rationals. Sums of integer weights are integers: round up.
    """
    used = [(Fraction(float(y)), row) for y, row in zip(dual, rows.tolist(), strict=True) if y > 1e-12]
    load = [sum((y * row[j] for y, row in used), Fraction(0)) for j in range(len(cost))]
    excess = max((part / int(c) for part, c in zip(load, cost, strict=True)), default=Fraction(0))
    if excess <= 0:
        return 1
    return max(1, -int(-sum((y for y, _ in used), Fraction(0)) / excess // 1))


def _integers(patterns: Patterns, cuts: list[Array]) -> tuple[tuple[int, ...], bool] | None:
    """Solve the integer program with lazily added patterns; answer weights and whether each step was optimal."""
    from scipy.optimize import LinearConstraint, milp
    shape, optimal = _Shape(patterns), True
    for _ in range(MAX_ROUNDS):
        rows = shape.rows(cuts)
        solved = milp(shape.cost, integrality=np.ones(len(shape.cost)), constraints=LinearConstraint(rows, lb=1),
                      options={"node_limit": MILP_NODES, "mip_rel_gap": 0.0})
        if solved.x is None:
            return None
        optimal = optimal and solved.status == 0
        weights = shape.weights(np.rint(solved.x).astype(np.int64))
        known = len(cuts)
        if not _wrong(patterns, weights, cuts):
            return tuple(map(int, weights)), optimal
        if any(np.array_equal(new, old) for new in cuts[known:] for old in cuts[:known]):
            return None  # the solver's tolerance let a listed pattern through: no progress
    return None


def _round(patterns: Patterns, real: Array) -> tuple[int, ...] | None:
    """Scale real weights up until they round to integers that are right, then take off what can be spared.

    Scaled by more than m/2 the margin of at least m/2 outweighs m roundings of at most 1/2, so this ends.
    """
    scale = 1.0
    while scale <= len(real) + 2:
        weights = np.rint(real * scale).astype(np.int64)
        if weights.any() and patterns.margins(weights).min() >= 1:
            return _thinned(patterns, weights)
        scale *= 1.01
    return None


def _thinned(patterns: Patterns, weights: Array) -> tuple[int, ...]:
    """Lower single magnitudes by one as long as all patterns stay right."""
    changed = True
    while changed:
        changed = False
        for i in np.flatnonzero(weights):
            lower = weights.copy()
            lower[i] -= np.sign(lower[i])
            if lower.any() and patterns.margins(lower).min() >= 1:
                weights, changed = lower, True
    return tuple(map(int, weights))
