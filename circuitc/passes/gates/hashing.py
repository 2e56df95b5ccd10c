"""Structural hashing of AND gates on arrays: which gates stay, and which literal each old node becomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Pairs = NDArray[np.integer]     # fan-in literals of gates, shape [gates, 2]
Shared = tuple[Int64, Int64]    # fan-in pairs of the gates that stay, the new literal of each old node

MAX_ROUNDS = 16
FEW_ROUNDS = 4  # after these a round must be about less than one gate in a hundred to be worth its cost


def share_pairs(first: int, pairs: Pairs) -> Shared:
    """Share equal gates and propagate constants; the gates are nodes first, first + 1, ...

    Whole arrays a round at a time: 0.4 s for a million random gates where the loop takes 1.4 s. Merges that set off
    long chains of others, a link each round, are left to the loop.
    """
    return share_by_rounds(first, pairs) or share_by_loop(first, pairs)


def share_by_loop(first: int, pairs: Pairs) -> Shared:
    """Share gates one after the other: 0.6 to 1.4 us each, however deep the netlist is."""
    literal = list(range(0, 2 * first, 2))
    known: dict[int, int] = {}
    new = 2 * first
    for a, b in zip(pairs[:, 0].tolist(), pairs[:, 1].tolist(), strict=True):
        a, b = literal[a >> 1] ^ a & 1, literal[b >> 1] ^ b & 1
        if a > b:
            a, b = b, a
        if a <= 1:
            result = b if a else 0
        elif a ^ b <= 1:
            result = a if a == b else 0
        else:
            result = known.setdefault(a << 32 | b, new)
            if result == new:
                new += 2
        literal.append(result)
    keys = np.fromiter(known, np.int64, len(known))
    return np.stack([keys >> 32, keys & 0xFFFF_FFFF], axis=1), np.array(literal, np.int64)


def share_by_rounds(first: int, pairs: Pairs, rounds: int = MAX_ROUNDS) -> Shared | None:
    """Share gates by sorting their fan-in pairs, again where fan-ins were merged; None where that takes many rounds.

    `literal[n]` is what node n stands for, its own literal while it stays. Of equal gates the first stays, so the order
    is kept. Pairs in the tables that name a node that is gone can never be found again, so they need no removal.
    """
    own = np.arange(first + len(pairs), dtype=np.int64) << 1
    literal = own.copy()
    node, inverted = (pairs >> 1).astype(np.int64), (pairs & 1).astype(np.int64)
    gates = np.arange(len(pairs))
    tables: list[tuple[Int64, Int64]] = []  # sorted keys and the gate of each
    for done in range(rounds):
        if done >= FEW_ROUNDS and len(gates) * 100 > len(pairs):
            break
        before = literal.copy()
        keys, simple = _keys(literal[node[gates]] ^ inverted[gates])
        literal[first + gates[simple >= 0]] = simple[simple >= 0]
        keys, gates = keys[simple < 0], gates[simple < 0]
        found = [_find(table, keys, literal, own, first) for table in tables]
        keys = np.concatenate([keys, *(k for k, _ in found)])
        gates = np.concatenate([gates, *(g for _, g in found)])
        order = np.lexsort((gates, keys)) if tables else np.argsort(keys, kind="stable")
        keys, gates = keys[order], gates[order]
        head = np.ones(len(keys), np.bool_)
        head[1:] = keys[1:] != keys[:-1]
        leader = gates[head][np.cumsum(head) - 1]
        literal[first + gates] = own[first + leader]
        tables.append((keys[head], gates[head]))
        literal = _settled(literal)
        moved = literal != before
        if not moved.any():
            return _renumbered(first, literal, own, node, inverted)
        gates = np.flatnonzero((moved[node[:, 0]] | moved[node[:, 1]]) & (literal[first:] == own[first:]))
    return None


def _keys(pairs: Int64) -> tuple[Int64, Int64]:
    """Give each pair as one number, low << 32 | high, and the literal that it simplifies to, else -1."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    simple = np.where(low == high, low, -1)
    simple[low ^ high == 1] = 0
    simple = np.where(low == 0, 0, np.where(low == 1, high, simple))
    return low << 32 | high, simple


def _find(table: tuple[Int64, Int64], keys: Int64, literal: Int64, own: Int64, first: int) -> tuple[Int64, Int64]:
    """Find the gates of a table that have one of these keys and still stay."""
    known, gates = table
    place = np.minimum(np.searchsorted(known, keys), max(0, len(known) - 1))
    hit = known[place] == keys if len(known) else np.zeros(len(keys), np.bool_)
    found = np.unique(place[hit])
    found = found[literal[first + gates[found]] == own[first + gates[found]]]
    return known[found], gates[found]


def _settled(literal: Int64) -> Int64:
    """Follow literals of merged nodes to nodes that stay, doubling the reach each time."""
    while True:
        further = literal[literal >> 1] ^ (literal & 1)
        if np.array_equal(further, literal):
            return literal
        literal = further


def _renumbered(first: int, literal: Int64, own: Int64, node: Int64, inverted: Int64) -> Shared:
    """Drop merged gates and number the others anew."""
    stays = literal == own
    number = (np.cumsum(stays) - 1) << 1
    new = number[literal >> 1] ^ (literal & 1)
    kept = stays[first:]
    return np.sort(new[node[kept]] ^ inverted[kept], axis=1), new
