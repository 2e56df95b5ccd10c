"""Polynomials with whole coefficients over names of axes: what a cost is, before the axes have lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

Monomial = tuple[str, ...]      # names in order, one for each power: h x x is h * x**2


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A sum of monomials with their coefficients, in order of degree and name."""

    terms: tuple[tuple[Monomial, int], ...] = ()

    @staticmethod
    def product(names: Iterable[str], factor: int = 1) -> Polynomial:
        """Give factor times the product of names."""
        return Polynomial(((tuple(sorted(names)), factor),)) if factor else Polynomial()

    def __add__(self, other: Polynomial) -> Polynomial:
        sums = dict(self.terms)
        for monomial, coefficient in other.terms:
            sums[monomial] = sums.get(monomial, 0) + coefficient
        return Polynomial(tuple(sorted(((m, c) for m, c in sums.items() if c), key=lambda t: (-len(t[0]), t[0]))))

    def at(self, lengths: Mapping[str, int]) -> int:
        """Give the number for known lengths."""
        return sum(c * prod(lengths[n] for n in m) for m, c in self.terms)

    def __str__(self) -> str:
        return " + ".join(_text(m, c) for m, c in self.terms) or "0"


def _text(monomial: Monomial, coefficient: int) -> str:
    powers = {n: monomial.count(n) for n in monomial}
    words = [n if p == 1 else f"{n}^{p}" for n, p in powers.items()]
    return "*".join(words if coefficient == 1 and words else [str(coefficient), *words])
