"""Adders in gates: columns of bits become the bits of their sum."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from circuitc.ir import NetlistBuilder

Column = list[tuple[int, int, int]]  # a heap of bits to add: level at which they are there, order, literal

RIPPLE = 8  # columns with two bits each over which carries ripple: for more of them they are looked ahead


def add_columns(builder: NetlistBuilder, columns: list[Column], constant: int, tables: int = 0) -> tuple[int, ...]:
    """Give the sum of bits worth 2**k in column k and of a constant, modulo 2**columns.

    Columns of full adders take the three earliest bits of their column; wide sums become trees of adders that end in a
    ripple, which is the fewest gates. With `tables` of six inputs or more, six bits that are there at once are counted
    together, as each bit of the count is one table (a full adder takes two tables to leave one bit less, this takes
    three for three less); and where the ripple would pass more than `RIPPLE` columns, carries are looked ahead
    (`_look_ahead`): a ripple of n columns is n/2 tables of six inputs deep, a tree log2(n), and up to eight columns
    they are the same.
    """
    if tables and sum(len(c) > 1 for c in columns) > RIPPLE:
        return _two_rows(builder, columns, constant, tables)
    return tuple(_work_off(builder, columns, k, constant >> k & 1, tables, 1) for k in range(len(columns)))


def _work_off(builder: NetlistBuilder, columns: list[Column], k: int, one: int, tables: int, left: int) -> int:
    """Add up column k and the constant bit `one` until `left` bits are left; carries go to the next columns.

    The constant comes last: with one literal left it costs nothing, with two less than a full adder. Gives the bit
    where one is left.
    """
    column = columns[k]
    order = len(column)
    while len(column) + one > left:
        taken = _earliest(column, 6 if tables >= 6 else 3)
        times, literals = [t for t, _, _ in taken], [x for _, _, x in taken]
        if len(taken) == 6:
            total, carry, high = _count_six(builder, literals)
            heappush(column, (times[-1] + 3, order, total))
            _carry(columns, k + 1, times[-1] + 3, carry)
            _carry(columns, k + 2, times[-1] + 3, high)
        else:
            if len(taken) < 3:
                literals, one = [*literals, one, 0][:3], 0
            a, b, c = literals
            heappush(column, (max(times[:2][-1] + 2, times[-1] + 1), order, builder.xor(builder.xor(a, b), c)))
            _carry(columns, k + 1, times[-1] + 1, builder.maj(a, b, c))
        order += 1
    if one:
        heappush(column, (0, order, 1))
    return column[0][2] if column else 0


def _earliest(column: Column, most: int) -> Column:
    """Take six bits that are there with the third one, if so many may be taken, or else up to three."""
    taken = [heappop(column) for _ in range(min(3, len(column)))]
    while len(taken) < most and column and column[0][0] == taken[-1][0]:
        taken.append(heappop(column))
    while 3 < len(taken) < most:
        heappush(column, taken.pop())
    return taken


def _carry(columns: list[Column], k: int, time: int, carry: int) -> None:
    if k < len(columns) and carry:
        heappush(columns[k], (time, len(columns[k]), carry))


def _count_six(builder: NetlistBuilder, bits: Sequence[int]) -> tuple[int, int, int]:
    """Count six bits: the three bits of the number, lowest first."""
    a, b, c, d, e, f = bits
    low, other = builder.xor(builder.xor(a, b), c), builder.xor(builder.xor(d, e), f)
    first, second, third = builder.maj(a, b, c), builder.maj(d, e, f), builder.and_(low, other)
    return builder.xor(low, other), builder.xor(builder.xor(first, second), third), builder.maj(first, second, third)


def _two_rows(builder: NetlistBuilder, columns: list[Column], constant: int, tables: int) -> tuple[int, ...]:
    """Add up until each column holds two bits, then add these two rows with a tree of carries."""
    pairs: list[tuple[int, int]] = []
    for k in range(len(columns)):
        _work_off(builder, columns, k, constant >> k & 1, tables, 2)
        a, b = [x for _, _, x in columns[k]] + [0] * (2 - len(columns[k]))
        pairs.append((a, b))
    carries = _look_ahead(builder, pairs)
    return tuple(builder.xor(builder.xor(a, b), c) for (a, b), c in zip(pairs, carries, strict=True))


def _look_ahead(builder: NetlistBuilder, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Give the carry into each column, by Sklansky's tree: each span of columns makes a carry or passes one on.

    J. Sklansky, "Conditional-sum addition logic", 1960: of all trees of least depth the one with the fewest nodes.
    """
    spans = [(builder.and_(a, b), builder.or_(a, b)) for a, b in pairs[:-1]]
    step = 1
    while step < len(spans):
        for k in range(len(spans)):
            if k & step:
                make, go = spans[k]
                low_make, low_go = spans[(k & -step) - 1]
                spans[k] = builder.or_(make, builder.and_(go, low_make)), builder.and_(go, low_go)
        step *= 2
    return [0, *(make for make, _ in spans)]


__all__ = ["RIPPLE", "Column", "add_columns"]
