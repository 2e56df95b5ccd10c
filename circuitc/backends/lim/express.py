"""Find a function among few NOR gates over given functions: tables as whole numbers, one bit a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

Expression: TypeAlias = "int | tuple[Expression, ...]"   # a node, or the NOR of expressions
Term = tuple[int, Expression]                       # a table, and what has it

MOST_TERMS = 220     # operands that a pair is sought among


def expressed(target: int, full: int, divisors: Sequence[Term], most: int, own: tuple[int, ...]) -> Expression | None:
    """Give the cheapest expression of `target` with at most `most` NOR gates of one or two inputs, or None.

    `divisors` are nodes with their tables, tried in their order; `own` is the pair that the node has now, which is no
    answer. Costs 0 to 3 are searched over all divisors, as far as MOST_TERMS goes, and exclusive ORs at cost 4 and 5.
    """
    rest = full ^ target
    for table, node in divisors:
        if table == target:
            return node
    if most < 1:
        return None
    below = [d for d in divisors if not d[0] & target]      # what may be an operand of the last NOR
    for table, node in below:
        if table == rest and (node,) != own:
            return (node,)
    for pair in _covers(below, below, rest):
        if tuple(sorted(pair)) != own:   # pyright: ignore[reportArgumentType]  # operands are nodes here
            return pair
    if most < 2:
        return None
    inside = [d for d in divisors if not d[0] & rest]
    for pair in _covers(inside, inside, target):
        return (pair,)
    nors = list(_nors(divisors, full, target))[:MOST_TERMS]
    for pair in _covers(below, nors, rest):
        return pair
    if most < 3:
        return None
    for pair in _covers(nors, nors, rest):
        return pair
    ors = list(_nors(divisors, full, rest))[:MOST_TERMS]
    for pair in _covers(inside, ors, target):
        return (pair,)
    return _exclusive(target, rest, divisors, most) if most >= 4 else None


def _covers(first: Sequence[Term], second: Sequence[Term], wanted: int) -> Iterator[tuple[Expression, Expression]]:
    """Find pairs of tables, all within `wanted`, that together are `wanted`."""
    same = first is second
    for k, (table, node) in enumerate(first):
        missing = wanted & ~table
        for other, partner in second[k + 1:] if same else second:
            if not missing & ~other:
                yield node, partner


def _nors(divisors: Sequence[Term], full: int, outside: int) -> Iterator[Term]:
    """Give the NORs of one and two divisors that share no pattern with `outside` and are not constant."""
    for k, (table, node) in enumerate(divisors):
        missing = outside & ~table
        if not missing:
            if table != full:
                yield full ^ table, (node,)
            continue   # any partner only makes the NOR smaller
        for other, partner in divisors[k + 1:]:
            if not missing & ~other and table | other != full and outside & ~other:
                yield full & ~(table | other), (node, partner)


def _exclusive(target: int, rest: int, divisors: Sequence[Term], most: int) -> Expression | None:
    """Find two divisors whose equivalence (4 NORs) or exclusive OR (5) is wanted."""
    place = dict(reversed(divisors))
    for table, a in divisors:
        b = place.get(table ^ rest)
        if b is not None:
            return _equal(a, b)
    if most >= 5:
        for table, a in divisors:
            b = place.get(table ^ target)
            if b is not None:
                return (_equal(a, b),)
    return None


def _equal(a: Expression, b: Expression) -> Expression:
    neither = (a, b)
    return ((a, neither), (b, neither))
