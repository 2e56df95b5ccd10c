"""Boolean functions of few variables as short formulas: the best tree of and, or, xor, not that splits by variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from circuitc.ir import Builder, Value

Table = tuple[int | None, ...]  # 2**k entries; None is a pattern that never happens
Gate = Literal["constant", "variable", "not", "and", "or", "xor"]


@dataclass(frozen=True, slots=True)
class Formula:
    """A constant or variable (`number` says which), or a gate of formulas; `cost` counts its gates."""

    gate: Gate
    parts: tuple[Formula, ...] = ()
    number: int = 0

    @property
    def cost(self) -> int:
        return (self.gate not in ("constant", "variable")) + sum(p.cost for p in self.parts)

    def apply(self, b: Builder, variables: Sequence[Value], constant: Callable[[int], Value]) -> Value:
        """Write the formula over these values; `constant` gives the value of all zeros or all ones."""
        if self.gate == "constant":
            return constant(self.number)
        if self.gate == "variable":
            return variables[self.number]
        return b.apply(self.gate, *(p.apply(b, variables, constant) for p in self.parts))


def find_formula(table: Table) -> Formula:
    """Find the cheapest formula that splits a function by one variable after the other.

    Bit k of a table's address is variable k. Where entries are None the formula may answer anything. Shannon's
    expansion over all orders, with the special cases (constant, equal and opposite halves) that need no multiplexer.
    """
    return _best(tuple(range((len(table) - 1).bit_length())), table)


@cache
def _best(variables: tuple[int, ...], table: Table) -> Formula:
    known = {entry for entry in table if entry is not None}
    if len(known) < 2:
        return Formula("constant", number=known.pop() if known else 0)
    found: list[Formula] = []
    for place, variable in enumerate(variables):
        rest = variables[:place] + variables[place + 1:]
        bit = 1 << place
        low = tuple(entry for k, entry in enumerate(table) if not k & bit)
        high = tuple(entry for k, entry in enumerate(table) if k & bit)
        if (same := _merged(low, high)) is not None:
            return _best(rest, same)
        found.append(_split(Formula("variable", number=variable), rest, low, high))
    return min(found, key=lambda f: f.cost)


def _split(x: Formula, rest: tuple[int, ...], low: Table, high: Table) -> Formula:
    """Give the formula that is `low` where x is 0 and `high` where it is 1."""
    opposite = _merged(low, tuple(None if e is None else 1 - e for e in high))
    if opposite is not None:
        return _xor(x, _best(rest, opposite))
    zero, one = _best(rest, low), _best(rest, high)
    if zero.gate == "constant":
        return Formula("or", (_not(x), one)) if zero.number else Formula("and", (x, one))
    if one.gate == "constant":
        return Formula("or", (x, zero)) if one.number else Formula("and", (_not(x), zero))
    return Formula("or", (Formula("and", (x, one)), Formula("and", (_not(x), zero))))


def _not(x: Formula) -> Formula:
    return x.parts[0] if x.gate == "not" else Formula("not", (x,))


def _xor(x: Formula, y: Formula) -> Formula:
    if y.gate == "constant":
        return _not(x) if y.number else x
    return Formula("xor", (x, y))


def _merged(a: Table, b: Table) -> Table | None:
    """Give a table that says what both say, or None where they contradict each other."""
    if any(x is not None and y is not None and x != y for x, y in zip(a, b, strict=True)):
        return None
    return tuple(y if x is None else x for x, y in zip(a, b, strict=True))
