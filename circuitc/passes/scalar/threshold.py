"""The rule for threshold: rows with constant weights over bits and spins become counts of literals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from circuitc.ir import BIT, SPIN, Node, Value, ufixed
from circuitc.ir.ops.elementwise import product_range
from circuitc.ir.types import MAX_WIDTH

from ..threshold_rows import Row, peel
from .emitter import Elements, Emitter
from .reductions import multiply

Pair = tuple[Value, Value]  # an element of x and its weight
LIMB = 32
LIMB_MASK = (1 << LIMB) - 1


def threshold(e: Emitter, node: Node, x: Elements, w: Elements, t: Elements) -> Elements:
    """Give the spins of all rows."""
    values = [_row(e, x.tolist(), weights, limit) for weights, limit in zip(w.tolist(), t.tolist(), strict=True)]
    return np.array(values, np.int64)


def _row(e: Emitter, x: list[Value], weights: list[Value], limit: Value) -> Value:
    used = [(v, w) for v, w in zip(x, weights, strict=True) if e.raw(w) != 0 and e.raw(v) != 0]
    types = [e.type(v) for v, _ in used]
    known = e.raw(limit) is not None and all(e.raw(w) is not None for _, w in used)
    if known and all(t in (BIT, SPIN) or e.raw(v) is not None for t, (v, _) in zip(types, used, strict=True)):
        return _as_spin(e, _bit(e, _bit_row(e, used, limit)))
    if _width(e, used) <= MAX_WIDTH - 2:  # negated terms may take a bit more than their range needs
        return _compared(e, used, limit)
    return _as_spin(e, _bit(e, _bit_row(e, used, limit)))


def _width(e: Emitter, used: Sequence[Pair]) -> int:
    """Bound the width of the sum of products."""
    ends = [product_range(e.type(v), e.type(w)) for v, w in used]
    return max(sum(high for _, high in ends).bit_length(), (-sum(low for low, _ in ends)).bit_length()) + 1


def _as_spin(e: Emitter, bit: Value) -> Value:
    """Give the spin of a bit; of a bit that came from a spin, that spin."""
    raw = e.raw(bit)
    if raw is not None:
        return e.number(SPIN, 2 * raw - 1)
    source = e.pool.builder.nodes[bit]
    if source.op == "convert" and e.type(source.operands[0]) == SPIN:
        return source.operands[0]
    return e.apply("convert", bit, type=SPIN)


def _compared(e: Emitter, used: Sequence[Pair], limit: Value) -> Value:
    """Compare the sum of products with the threshold as it stands."""
    terms = [multiply(e, p, q) for p, q in used]
    return _as_spin(e, e.apply("lt", limit, e.sum([term for term in terms if term is not None])))


def _bit_row(e: Emitter, used: Sequence[Pair], limit: Value) -> Row[Value]:
    """Write `sum of w*x > limit` over bits: every number is a weighted sum of its bits, every product of bits an AND.

    Raw numbers are brought to one fraction; weights may be of any size.
    """
    common = max([e.type(v).fraction + e.type(w).fraction for v, w in used] + [e.type(limit).fraction])
    weights: dict[Value, int] = {}
    level = 0
    for v, w in used:
        up = common - e.type(v).fraction - e.type(w).fraction
        for (p, a), (q, b) in product(_bits(e, v), _bits(e, w)):
            level += _count(e, weights, e.both(p, q), a * b << up)
    for p, a in _bits(e, limit):
        level += _count(e, weights, p, -a << common - e.type(limit).fraction)
    terms: list[tuple[Value, int]] = []
    for bit, weight in weights.items():
        if weight < 0:
            level -= weight
            bit, weight = e.invert(bit), -weight
        if weight:
            terms.append((bit, weight))
    return Row(tuple(terms), level)


def _count(e: Emitter, weights: dict[Value, int], bit: Value, weight: int) -> int:
    """Add a weighted bit to a row; answer what a constant bit, or an inverted one, adds to the limit instead."""
    known = e.raw(bit)
    if known is not None:
        return -weight * known
    node = e.pool.builder.nodes[bit]
    if node.op == "not":
        weights[node.operands[0]] = weights.get(node.operands[0], 0) - weight
        return -weight
    weights[bit] = weights.get(bit, 0) + weight
    return 0


def _bits(e: Emitter, value: Value) -> list[tuple[Value, int]]:
    """Give bits and weights that add up to a value's raw number; the bit of a constant is 1."""
    raw, t = e.raw(value), e.type(value)
    if raw is not None:
        return [(e.number(BIT, 1), raw)]
    if t.is_spin:
        return [(e.as_bit(value), 2), (e.number(BIT, 1), -1)]
    sign = 1 << t.width - 1
    return [(e.bit(value, k), -sign if t.signed and 1 << k == sign else 1 << k) for k in range(t.width)]


def _bit(e: Emitter, row: Row[Value]) -> Value:
    """Build a row: bits that decide alone are ANDed and ORed, the core is compared as a sum."""
    peeled = peel(row)
    if peeled.constant is not None:
        return e.number(BIT, int(peeled.constant))
    core = peeled.core
    bits = list(peeled.needed) or list(peeled.enough)
    join = e.both if peeled.needed else e.either
    if core is not None:
        bits.append(_bit(e, core) if bits else _counted(e, core))
    return e.tree(join, bits)


def _counted(e: Emitter, row: Row[Value]) -> Value:
    """Compare the sum of weighted bits with the limit; in limbs where 64 bits are too few."""
    if sum((1 << weight.bit_length()) - 1 for _, weight in row.terms).bit_length() <= MAX_WIDTH:
        return e.apply("lt", e.whole(row.limit), _weighted(e, row.terms))
    above = e.number(BIT, 0)
    carry: list[Value] = []
    for start in range(0, row.total.bit_length(), LIMB):
        total = e.sum([*carry, _weighted(e, [(bit, weight >> start & LIMB_MASK) for bit, weight in row.terms])])
        carry = [e.apply("requantize", e.apply("shift", total, by=-LIMB), type=ufixed(LIMB), rounding="floor",
                         overflow="wrap")]
        digit = e.apply("requantize", total, type=ufixed(LIMB), rounding="floor", overflow="wrap")
        limit = e.whole(row.limit >> start & LIMB_MASK)
        here, equal = e.apply("lt", limit, digit), e.apply("eq", limit, digit)
        above = e.either(here, e.both(equal, above))
    return above


def _weighted(e: Emitter, terms: Sequence[tuple[Value, int]]) -> Value:
    products = [multiply(e, bit, e.whole(weight)) for bit, weight in terms]
    return e.sum([term for term in products if term is not None])


RULES = {"threshold": threshold}
