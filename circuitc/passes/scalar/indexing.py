"""Rules for ops that take or give an index: gather, update, one_hot, priority, argmax, argmin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from circuitc.ir import BIT, Node, Value, index_type
from circuitc.ir.ops.structure import zero_bits

from .emitter import Elements, Emitter, each

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An element, its index, and whether `where` keeps it (None: always).

    `chosen` says which of two others it is, as (condition, where 1, where 0): comparing these need not wait for it.
    """

    value: Value
    index: Value
    kept: Value | None
    chosen: tuple[Value, Candidate, Candidate] | None = None


def look_up(e: Emitter, bits: Sequence[Value], entries: Sequence[Value]) -> Value:
    """Choose the entry whose number the bits (lowest first) spell; past the end all bits are zero."""
    t = e.type(entries[0])
    outside = e.number(t, 0.0 if t.is_float else zero_bits(t))
    levels = max(0, len(entries) - 1).bit_length()
    row = list(entries) + [outside] * ((1 << min(levels, len(bits))) - len(entries))
    for bit in bits[:levels]:
        row = [e.select(bit, odd, even) for even, odd in zip(row[::2], row[1::2], strict=True)]
    above = bits[levels:]
    return e.select(e.tree(e.either, above), outside, row[0]) if above else row[0]


def gather(e: Emitter, node: Node, x: Elements, index: Elements) -> Elements:
    """Pick slices: a constant index is wiring, others choose with the index's bits."""
    axis = node.attributes["axis"]
    moved = np.moveaxis(x, axis, 0)
    columns = moved.reshape(len(moved), -1).T.tolist()
    picked = np.array([_slice(e, v, columns) for v in index.ravel().tolist()], np.int64)
    shaped = picked.reshape((*index.shape, *moved.shape[1:]))
    return np.moveaxis(shaped, range(index.ndim), range(axis, axis + index.ndim))


def _slice(e: Emitter, index: Value, columns: Sequence[Sequence[Value]]) -> list[Value]:
    """Pick one entry of each column."""
    bits = [e.bit(index, k) for k in range(e.type(index).width)]
    count = len(columns[0])
    raw = e.raw(index)
    if raw is None:
        needed = 1 << min(len(bits), 32)
        return [look_up(e, bits, column[:needed]) for column in columns]
    if raw < count:
        return [column[raw] for column in columns]
    t = e.type(columns[0][0])
    return [e.number(t, 0.0 if t.is_float else zero_bits(t))] * len(columns)


def _equals(e: Emitter, index: Value, number: int) -> Value:
    """Give the bit that tells whether an index is a number."""
    t, raw = e.type(index), e.raw(index)
    if number > t.highest or raw is not None:
        return e.number(BIT, int(raw == number))
    if t == BIT:
        return index if number else e.invert(index)
    return e.apply("eq", index, e.number(t, number))


def update(e: Emitter, node: Node, x: Elements, index: Elements, v: Elements) -> Elements:
    """Replace the row that the index names: each element chooses between old and new."""
    hits = [_equals(e, int(index), row) for row in range(len(x))]
    return np.stack([each(lambda new, old, hit=hit: e.select(hit, new, old), v, row)
                     for hit, row in zip(hits, x, strict=True)])


def one_hot(e: Emitter, node: Node, x: Elements) -> Elements:
    """Compare each index with each number."""
    return np.stack([each(lambda v, k=k: _equals(e, v, k), x) for k in range(node.attributes["size"])], axis=-1)


def priority(e: Emitter, node: Node, x: Elements) -> Elements:
    """Find the lowest set index by a tree of pairs: any bit set on the left, and its index."""
    t = index_type(x.shape[-1])
    rows = x.reshape(-1, x.shape[-1]).tolist()
    return np.array([_first(e, [(v, e.number(t, k)) for k, v in enumerate(row)]) for row in rows],
                    np.int64).reshape(x.shape[:-1])


def _first(e: Emitter, pairs: Sequence[tuple[Value, Value]]) -> Value:
    found, index = _split(pairs, lambda left, right: (
        e.either(left[0], right[0]), e.select(left[0], left[1], right[1])))
    return e.select(found, index, e.number(e.type(index), 0))


def _split(items: Sequence[T], join: Callable[[T, T], T]) -> T:
    """Fold in halves cut at powers of two, so that the upper index bit of the two sides is constant 0 and 1."""
    if len(items) == 1:
        return items[0]
    middle = 1 << (len(items) - 1).bit_length() - 1
    return join(_split(items[:middle], join), _split(items[middle:], join))


def arg_extreme(e: Emitter, node: Node, x: Elements, where: Elements | None = None) -> Elements:
    """Find the lowest index of the extreme element by a balanced tree of comparisons.

    Where the emitter looks ahead, the comparisons of every second round are made for all that may come out of the round
    before, and one of the answers is chosen: six comparisons for four elements instead of three.
    """
    axis = node.attributes["axis"]
    t = index_type(x.shape[axis])
    moved = np.moveaxis(x, axis, -1)
    kept = None if where is None else np.moveaxis(where, axis, -1).reshape(-1, x.shape[axis]).tolist()
    results: list[Value] = []
    for k, row in enumerate(moved.reshape(-1, x.shape[axis]).tolist()):
        items = [Candidate(v, e.number(t, i), kept[k][i] if kept else None) for i, v in enumerate(row)]
        results.append(_split(items, lambda left, right: _better(e, left, right)).index)
    return np.array(results, np.int64).reshape(moved.shape[:-1])


def _better(e: Emitter, left: Candidate, right: Candidate) -> Candidate:
    """Give the right candidate where it is strictly better and kept, or where the left one is not kept."""
    wins = _beats(e, right, left)
    kept = None
    if left.kept is not None and right.kept is not None:
        wins = e.both(right.kept, e.either(e.invert(left.kept), wins))
        kept = e.either(left.kept, right.kept)
    starts = e.pool.ahead and left.chosen is None and right.chosen is None
    return Candidate(e.select(wins, right.value, left.value), e.select(wins, right.index, left.index), kept,
                     (wins, right, left) if starts else None)


def _beats(e: Emitter, a: Candidate, b: Candidate) -> Value:
    """Tell whether `a` is strictly better, by comparing what the candidates were chosen from."""
    if a.chosen is not None:
        condition, one, zero = a.chosen
        return e.select(condition, _beats(e, one, b), _beats(e, zero, b))
    if b.chosen is not None:
        condition, one, zero = b.chosen
        return e.select(condition, _beats(e, a, one), _beats(e, a, zero))
    return _compare(e, a.value, b.value)


def _compare(e: Emitter, a: Value, b: Value) -> Value:
    """Compare two elements; a NaN beats every number, as in numpy."""
    better = e.apply("lt", b, a) if e.node.op == "argmax" else e.apply("lt", a, b)
    if not e.type(a).is_float:
        return better
    return e.either(better, e.both(e.invert(e.apply("eq", a, a)), e.apply("eq", b, b)))


RULES = {"gather": gather, "update": update, "one_hot": one_hot, "priority": priority,
         "argmax": arg_extreme, "argmin": arg_extreme}
