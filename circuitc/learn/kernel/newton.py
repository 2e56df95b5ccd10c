"""The root behind the margin projection, many neurons at once.

The nearest (w', x') to (w, x) with w'.x' = c is w' = (w + u x) / (1 - u^2), x' = (x + u w) / (1 - u^2) for one u in
(-1, 1). In s = w + x and d = w - x it separates: s' = s / (1 - u), d' = d / (1 + u). With S = s.s and D = d.d

    (S / (1 - u)^2 - D / (1 + u)^2) / 4 = c,        squared distance = (S (u/(1-u))^2 + D (u/(1+u))^2) / 2.

The left side rises with u. Callers turn signs so that c > w.x, hence u >= 0.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.backends.llvm.memory import I64

from .vectors import Vectors

MAX_STEPS = 50
HIGHEST = 0.9999  # where the first guess is cut off; the bracket reaches to 1


def find_root(v: Vectors, s: Any, d: Any, c: Any, needed: Any) -> Any:
    """Write the search for u: 0 in lanes that are not `needed`; in those (S - D)/4 < c.

    Newton's method kept inside a bracket; it leaves when no lane moves any more.
    """
    b = v.builder
    zero, one = v.number(0), v.number(1)
    # lanes that are not needed get a harmless problem whose root is 0
    s, d, c = (v.choose(needed, given, easy) for given, easy in ((s, one), (d, one), (c, zero)))
    start = _first_guess(v, s, d, c)
    before = b.block
    body, after = b.append_basic_block("newton"), b.append_basic_block("found")
    b.branch(body)
    b.position_at_end(body)
    u, low, high, count = (b.phi(t) for t in (v.type, v.type, v.type, I64))
    step, negative = _newton(v, s, d, c, u)
    new_low, new_high = v.choose(negative, u, low), v.choose(negative, high, u)
    following = v.sub(u, step)
    outside = b.or_(v.is_("<=", following, new_low), v.is_(">=", following, new_high))
    settled = v.is_("<", v.magnitude(step), v.number(v.scalar.small))
    middle = v.mul(v.add(new_low, new_high), v.number(0.5))
    following = v.choose(b.and_(outside, b.not_(settled)), middle, following)
    again = b.add(count, ir.Constant(I64, 1))
    for phi, first, next_one in ((u, start, following), (low, zero, new_low), (high, one, new_high),
                                 (count, ir.Constant(I64, 1), again)):
        phi.add_incoming(first, before)
        phi.add_incoming(next_one, body)
    more = b.and_(v.any(b.not_(settled)), b.icmp_signed("<", count, ir.Constant(I64, MAX_STEPS)))
    b.cbranch(more, body, after)
    b.position_at_end(after)
    return v.choose(needed, following, zero)


def _first_guess(v: Vectors, s: Any, d: Any, c: Any) -> Any:
    """Give the second-order guess at u = 0: there f = p - c, f' = q, f'' = 6 p with p = (S - D)/4, q = (S + D)/2."""
    p, q = v.mul(v.sub(s, d), v.number(0.25)), v.mul(v.add(s, d), v.number(0.5))
    inverse = v.div(v.number(1), q)
    first = v.mul(v.sub(c, p), inverse)
    guess = v.sub(first, v.mul(v.mul(v.mul(v.number(3), p), inverse), v.mul(first, first)))
    guess = v.choose(v.is_(">", guess, v.number(0)), guess, v.number(0))
    return v.choose(v.is_("<", guess, v.number(HIGHEST)), guess, v.number(HIGHEST))


def _newton(v: Vectors, s: Any, d: Any, c: Any, u: Any) -> tuple[Any, Any]:
    """Give the step f / f' and where f < 0; both sides are multiplied by powers of 1 - u^2, so one division does."""
    up, down = v.add(v.number(1), u), v.sub(v.number(1), u)
    product = v.mul(up, down)
    a, b = v.mul(v.mul(s, up), up), v.mul(v.mul(d, down), down)
    value = v.sub(v.mul(v.sub(a, b), v.number(0.25)), v.mul(c, v.mul(product, product)))
    slope = v.times_plus(a, up, v.mul(b, down))
    step = v.div(v.mul(v.mul(value, v.number(2)), product), slope)
    return step, v.is_("<", value, v.number(0))
