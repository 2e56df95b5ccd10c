"""Cuts of at most three leaves: which few nodes determine a gate, and by which truth table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from circuitc.ir import Kind, Netlist

Cut = tuple[tuple[int, ...], int]  # leaves, rising; the node's truth table over them (bit i: leaf j has bit j of i)

MAX_LEAVES = 3
MAX_CUTS = 8  # kept for each node, fewest leaves first


def small_cuts(netlist: Netlist) -> Iterator[tuple[int, list[Cut]]]:
    """Give the cuts of each AND gate in order, fewest leaves first; other gates, inputs and false are leaves only.

    A loop over gates with at most 81 merges each, mostly far fewer: about 30 us a gate.
    """
    first = 1 + netlist.inputs
    kind, offset, fanin = netlist.kind.tolist(), netlist.offset.tolist(), netlist.fanin.tolist()
    known: list[list[Cut]] = [[itself(node)] for node in range(first)]
    for node in range(first, netlist.nodes):
        if kind[node] != Kind.AND:
            known.append([itself(node)])
            continue
        a, b = fanin[offset[node]], fanin[offset[node] + 1]
        cuts = merged_cuts(known[a >> 1], a & 1, known[b >> 1], b & 1)
        yield node, cuts
        known.append([*cuts, itself(node)])


def itself(node: int) -> Cut:
    """Give the cut of a node that is the node alone."""
    return (node,), 0b10


def merged_cuts(first: list[Cut], invert_first: int, second: list[Cut], invert_second: int, *,
                near: bool = False) -> list[Cut]:
    """Give the cuts of an AND gate from those of its fan-ins, which may be inverted.

    Of cuts with as many leaves those with low ones are kept, or with `near` those with high ones, which are near the
    gate: they show what it was made of.
    """
    found: dict[tuple[int, ...], int] = {}
    for leaves, table in first:
        for others, other in second:
            both = {*leaves, *others}
            if len(both) > MAX_LEAVES:
                continue
            union = tuple(sorted(both))
            if union not in found:
                found[union] = (_spread(table, invert_first, tuple(union.index(n) for n in leaves), len(union))
                                & _spread(other, invert_second, tuple(union.index(n) for n in others), len(union)))
    # a cut that contains another says nothing more
    small = [(v, set(v)) for v in found if len(v) < MAX_LEAVES]
    minimal = [u for u in found if not any(v != u and leaves.issubset(u) for v, leaves in small)]
    sign = -1 if near else 1
    return [(u, found[u]) for u in sorted(minimal, key=lambda u: (len(u), [sign * n for n in u]))[:MAX_CUTS]]


@lru_cache(maxsize=1 << 14)
def _spread(table: int, inverted: int, places: tuple[int, ...], count: int) -> int:
    """Write a truth table over `count` leaves of which it reads those at `places`."""
    return sum(((table >> sum((row >> p & 1) << j for j, p in enumerate(places)) & 1) ^ inverted) << row
               for row in range(1 << count))
