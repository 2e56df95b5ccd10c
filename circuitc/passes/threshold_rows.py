"""What threshold rows are: weighted sums of literals compared with a number, and which literals decide alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Generic, TypeVar

L = TypeVar("L")

# Above these sizes finding literals that cannot matter costs more than it saves.
_MAX_TERMS, _MAX_TOTAL = 24, 1 << 14


@dataclass(frozen=True, slots=True)
class Row(Generic[L]):
    """The bit `sum of weight * literal > limit`; weights are positive and each literal occurs once."""

    terms: tuple[tuple[L, int], ...]
    limit: int

    @property
    def total(self) -> int:
        return sum(weight for _, weight in self.terms)


@dataclass(frozen=True, slots=True)
class Peeled(Generic[L]):
    """A row taken apart: a constant; or AND of all `needed` and the core; or OR of all `enough` and the core.

    The core is a smaller row or None; without literals taken off it is the row itself in its simplest form.
    """

    constant: bool | None = None
    needed: tuple[L, ...] = ()
    enough: tuple[L, ...] = ()
    core: Row[L] | None = None


def peel(row: Row[L]) -> Peeled[L]:
    """Take off the literals without which the row is 0, or those with which it is 1."""
    row = simplest(row)
    if row.limit < 0 or row.limit >= row.total:
        return Peeled(constant=row.limit < 0)
    total = row.total
    needed = tuple(x for x, w in row.terms if total - w <= row.limit)
    if needed:
        rest = tuple((x, w) for x, w in row.terms if total - w > row.limit)
        core = Row(rest, row.limit - sum(w for _, w in row.terms if total - w <= row.limit))
        return Peeled(needed=needed, core=None if core.limit < 0 else core)
    enough = tuple(x for x, w in row.terms if w > row.limit)
    if enough:
        core = Row(tuple((x, w) for x, w in row.terms if w <= row.limit), row.limit)
        return Peeled(enough=enough, core=None if core.limit >= core.total else core)
    return Peeled(core=row)


def simplest(row: Row[L]) -> Row[L]:
    """Give the row without literals that cannot matter, its weights without common factor, three literals as 2 of 3."""
    terms, limit = row.terms, row.limit
    if len(terms) <= _MAX_TERMS and 0 <= limit < row.total <= _MAX_TOTAL:
        terms = _without_idle(terms, limit)
    divisor = gcd(*(w for _, w in terms)) or 1
    terms = tuple((x, w // divisor) for x, w in terms)
    limit //= divisor
    row = Row(terms, limit)
    if len(terms) == 3 and all(w <= limit < row.total - w for _, w in terms):
        return Row(tuple((x, 1) for x, _ in terms), 1)
    return row


def _without_idle(terms: tuple[tuple[L, int], ...], limit: int) -> tuple[tuple[L, int], ...]:
    """Drop literals, lightest first, for which no choice of the others makes a difference.

    The sums that the others reach are the bits of an integer; a literal matters where one lies in limit-w+1..limit.
    """
    kept = list(terms)
    for term in sorted(terms, key=lambda t: t[1]):
        sums = 1
        for other in kept:
            if other is not term:
                sums |= sums << other[1]
        low = max(0, limit - term[1] + 1)
        if sums >> low & (1 << limit - low + 1) - 1:
            return tuple(kept)  # heavier literals matter where a lighter one does
        kept.remove(term)
    return tuple(kept)
