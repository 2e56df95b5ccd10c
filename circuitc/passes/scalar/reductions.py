"""Rules for reduce and contract: n-ary sums, and balanced trees for everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from circuitc.ir import BIT, SPIN, Node, Type, Value, smallest
from circuitc.ir.ops.reductions import Subscripts, subscripts

from .emitter import Elements, Emitter, natural_type


def reduce(e: Emitter, node: Node, x: Elements) -> Elements:
    """Fold the named axes."""
    axes, kind = node.attributes["axes"], node.attributes["kind"]
    kept = [k for k in range(x.ndim) if k not in axes]
    shape = tuple(x.shape[k] for k in kept)
    rows = np.transpose(x, (*kept, *axes)).reshape(int(np.prod(shape)), -1).tolist()
    fold: Callable[[Sequence[Value]], Value] = e.sum if kind == "add" else lambda row: e.tree(
        lambda a, b: e.apply(kind, a, b), row)
    return np.array([fold(row) for row in rows], np.int64).reshape(shape)


def contract(e: Emitter, node: Node, a: Elements, b: Elements, *rest: Elements) -> Elements:
    """Write each result element as the fold of its terms."""
    types = [e.type(int(x.flat[0])).with_shape(x.shape) for x in (a, b, *rest)]
    subs = subscripts(types, node.attributes)
    first, second = (_rows(x, index, subs) for x, index in ((a, subs.a), (b, subs.b)))
    where = _rows(rest[0], subs.where, subs) if subs.where else None
    init = rest[-1].ravel().tolist() if node.attributes["init"] else None
    fold = _FOLDS[node.attributes["semiring"]]
    widest = natural_type(node, types).scalar
    values = [fold(e, widest, first[k], second[k], where[k] if where else None, [init[k]] if init else [])
              for k in range(len(first))]
    return np.array(values, np.int64).reshape([subs.sizes[c] for c in subs.result])


def _rows(x: Elements, index: str, subs: Subscripts) -> list[list[Value]]:
    """Lay an operand out as one row of terms for each result element."""
    letters = subs.all
    order = sorted(range(len(index)), key=lambda k: letters.index(index[k]))
    spread = np.transpose(x, order).reshape([subs.sizes[c] if c in index else 1 for c in letters])
    full = np.broadcast_to(spread, [subs.sizes[c] for c in letters])
    return full.reshape(-1, subs.terms).tolist()


Row = Sequence[Value]


def _plus_times(e: Emitter, widest: Type, a: Row, b: Row, where: Row | None, init: Row) -> Value:
    terms = [_masked(e, multiply(e, p, q), where[k] if where else None)
             for k, (p, q) in enumerate(zip(a, b, strict=True))]
    return e.sum([*(t for t in terms if t is not None), *init])


def _masked(e: Emitter, term: Value | None, mask: Value | None) -> Value | None:
    """Give the term where the mask is 1, else 0; None for a term that is always 0."""
    if term is None or mask is None or e.raw(mask) == 1:
        return term
    if e.raw(mask) == 0:
        return None
    t, raw = e.type(term), e.raw(term)
    if t.is_spin:
        term, t = e.fit(term, smallest(-1, 1)), smallest(-1, 1)
    if raw is not None and t.is_exact:
        t = smallest(min(0, raw), max(0, raw), t.fraction)
        term = e.number(t, raw)
    return e.select(mask, term, e.number(t, 0.0 if t.is_float else 0))


def _extreme_plus(op: str) -> Callable[..., Value]:
    def fold(e: Emitter, widest: Type, a: Row, b: Row, where: Row | None, init: Row) -> Value:
        """Fold in one type that holds every term; a masked term becomes `init`, which takes part anyway."""
        start = [e.fit(v, widest) for v in init]
        terms = [e.fit(e.sum([p, q]) if widest.is_exact else e.apply("add", p, q), widest)
                 for p, q in zip(a, b, strict=True)]
        if where is not None:
            terms = [e.select(w, term, start[0]) for w, term in zip(where, terms, strict=True)]
        return e.tree(lambda p, q: p if p == q else e.apply(op, p, q), [*start, *terms])
    return fold


def _or_and(e: Emitter, widest: Type, a: Row, b: Row, where: Row | None, init: Row) -> Value:
    terms = [e.both(p, q) for p, q in zip(a, b, strict=True)]
    if where is not None:
        terms = [e.both(w, term) for w, term in zip(where, terms, strict=True)]
    open_terms = [v for v in (*init, *terms) if e.raw(v) != 0]
    return e.tree(e.either, open_terms) if open_terms else e.number(BIT, 0)


_FOLDS: dict[str, Callable[..., Value]] = {
    "plus_times": _plus_times, "min_plus": _extreme_plus("min"), "max_plus": _extreme_plus("max"), "or_and": _or_and}


def multiply(e: Emitter, p: Value, q: Value) -> Value | None:
    """Give the exact product, without a multiplier where one side is a simple constant; None where it is 0."""
    if e.type(p).is_float:
        return e.apply("mul", p, q)
    if e.raw(p) is not None:
        p, q = q, p
    factor = e.raw(q)
    if factor is None:
        return e.apply("mul", p, q)
    return None if factor == 0 or e.raw(p) == 0 else _scale(e, p, factor, e.type(q).fraction)


def _scale(e: Emitter, p: Value, factor: int, fraction: int) -> Value:
    """Multiply a value by the constant factor * 2**-fraction."""
    known, t = e.raw(p), e.type(p)
    if known is not None:
        return e.whole(known * factor, t.fraction + fraction)
    power = abs(factor).bit_length() - 1
    simple = abs(factor) == 1 << power
    if t == SPIN and simple and power == fraction:
        return p if factor > 0 else e.apply("neg", p)
    if t == SPIN or (t == BIT and not (simple and factor > 0)):
        other = -factor if t == SPIN else 0
        narrow = smallest(min(factor, other), max(factor, other), fraction)
        condition = e.as_bit(p) if t == SPIN else p
        return e.select(condition, e.number(narrow, factor), e.number(narrow, other))
    if not simple:
        return e.apply("mul", p, e.whole(factor, fraction))
    signed = p if factor > 0 else e.apply("neg", p)
    return e.apply("shift", signed, by=power - fraction) if power != fraction else signed


RULES = {"reduce": reduce, "contract": contract}
