"""Look-up tables and threshold gates in one form each, so that equal ones are seen to be equal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from circuitc.ir import NetlistBuilder

Place = tuple[int, bool]  # where a fan-in finds its bit: number of the distinct node (-1: constant), inverted


def add_lut(builder: NetlistBuilder, fanins: Sequence[int], table: int) -> int:
    """Give a literal of a look-up table, in a form without constant, repeated, inverted or idle fan-ins.

    The fan-ins rise and row 0 gives 0; a table that is one of its fan-ins is that literal.
    """
    nodes = sorted({f >> 1 for f in fanins if f > 1})
    places = tuple((nodes.index(f >> 1) if f > 1 else -1, bool(f & 1)) for f in fanins)
    small, kept = _reduced(table & (1 << (1 << len(fanins))) - 1, len(nodes), places)
    inverted = small & 1
    if inverted:
        small ^= (1 << (1 << len(kept))) - 1
    if not kept:
        return inverted
    if len(kept) == 1:
        return nodes[kept[0]] << 1 | inverted
    return builder.lut([nodes[k] << 1 for k in kept], small) ^ inverted


@lru_cache(maxsize=1 << 16)
def _reduced(table: int, count: int, places: tuple[Place, ...]) -> tuple[int, tuple[int, ...]]:
    """Write a table over `count` distinct, upright nodes, then drop those that it does not depend on."""
    rows = [table >> sum(((row >> node & 1 if node >= 0 else 0) ^ inverted) << j
                         for j, (node, inverted) in enumerate(places)) & 1 for row in range(1 << count)]
    kept = tuple(k for k in range(count) if any(rows[r] != rows[r ^ 1 << k] for r in range(1 << count)))
    picked = [rows[sum((r >> j & 1) << k for j, k in enumerate(kept))] for r in range(1 << len(kept))]
    return sum(bit << r for r, bit in enumerate(picked)), kept


def add_threshold(builder: NetlistBuilder, fanins: Sequence[int], weights: Sequence[int], limit: int) -> int:
    """Give a literal of `sum(weight * bit) > limit`: distinct, upright, rising fan-ins, weights other than 0."""
    total: dict[int, int] = {}
    for f, w in zip(fanins, weights, strict=True):
        if f & 1:
            limit, w = limit - w, -w
        if f > 1:
            total[f >> 1] = total.get(f >> 1, 0) + w
    terms = sorted((node, w) for node, w in total.items() if w)
    if limit < sum(min(w, 0) for _, w in terms):
        return 1
    if limit >= sum(max(w, 0) for _, w in terms):
        return 0
    return builder.threshold([node << 1 for node, _ in terms], [w for _, w in terms], limit)
