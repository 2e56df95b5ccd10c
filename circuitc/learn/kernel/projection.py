"""The projection on A: every neuron of every item right by its margin, at the least cost."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.backends.llvm.kernel import index

from .newton import find_root
from .stage import Stage, span_loop
from .vectors import LANES, Scalar, Vectors


def write_dots(module: ir.Module, scalar: Scalar) -> ir.Function:
    """P = w.x and Q = w.w + x.x of each neuron."""
    stage = Stage(module, "dots", scalar)
    k, v, f, b = stage.kernel, stage.v, stage.f, stage.kernel.builder
    with k.loop(f["neurons"]) as n:
        low, high = stage.range_of("START", n)
        p, q, q2 = v.sums(3)
        with span_loop(stage, low, high) as j:
            e = b.add(low, j)
            w, x = v.load(f["W"], e), v.load(f["X"], e)
            v.accumulate(p, v.mul(w, x))
            v.accumulate(q, v.mul(w, w))
            v.accumulate(q2, v.mul(x, x))
        v.store(v.value(p), f["P"], n)
        v.store(v.add(v.value(q), v.value(q2)), f["Q"], n)
    return k.finish()


def write_decisions(module: ir.Module, scalar: Scalar) -> ir.Function:
    """The projection of each neuron: its sign YA, the multiplier U of the projection and SCALE = 1 / (1 - U^2).

    Signs are turned so that y > 0. Where y and w.x agree, the sign stays and w.x has to reach the margin. Else both
    signs are tried, and the nearer point is taken. Rows of several neurons are worked on at once, for a root waits
    for its divisions: 64 lanes of f32, 32 of f64, are four registers.
    """
    stage = Stage(module, "decide", scalar)
    rows = rows_at_once(scalar)
    v, f, b = stage.v.wide(rows * LANES), stage.f, stage.kernel.builder
    zero, one = v.number(0), v.number(1)
    with stage.kernel.loop(b.udiv(f["neuron_rows"], index(rows))) as chunk:
        n = b.mul(chunk, index(rows))
        y, mu = v.load(f["Y"], stage.node(n)), v.load(f["MU"], n)
        q = v.load(f["Q"], n)
        positive = v.is_(">=", y, zero)
        sign = v.choose(positive, one, v.number(-1))
        p, y = v.mul(v.load(f["P"], n), sign), v.mul(y, sign)
        short = v.is_("<", p, mu)
        slot_u, slot_scale, slot_sign = (stage.kernel.variable(start) for start in (zero, one, sign))
        with b.if_then(v.any(short)):
            u = _root(v, p, q, mu, short)
            scale = _scale(v, u)
            b.store(u, slot_u)
            b.store(scale, slot_scale)
            torn = v.both(short, v.is_("<=", p, zero))
            with b.if_then(v.any(torn)):
                other = b.fneg(p)
                needed = v.both(torn, v.is_("<", other, mu))
                root = _root(v, other, q, mu, needed)
                root_scale = _scale(v, root)
                stay = v.add(_square(v, v.sub(y, one)), _distance(v, p, q, u, scale))
                turn = v.add(_square(v, v.add(y, one)), _distance(v, other, q, root, root_scale))
                turned = v.both(torn, v.is_("<", turn, stay))
                b.store(v.choose(turned, b.fneg(root), u), slot_u)
                b.store(v.choose(turned, root_scale, scale), slot_scale)
                b.store(v.choose(turned, b.fneg(sign), sign), slot_sign)
        # U is in turned signs: back to those of w and x, in which a root for -mu changes its sign with the target
        v.store(v.mul(v.value(slot_u), sign), f["U"], n)
        v.store(v.value(slot_scale), f["SCALE"], n)
        v.store(v.value(slot_sign), f["YA"], stage.node(n))
    return stage.kernel.finish()


def rows_at_once(scalar: Scalar) -> int:
    """How many rows the decisions take at once."""
    return 16 // scalar.bytes


def _root(v: Vectors, p: Any, q: Any, mu: Any, needed: Any) -> Any:
    s, d = _squares(v, p, q)
    return find_root(v, s, d, mu, needed)


def _squares(v: Vectors, p: Any, q: Any) -> tuple[Any, Any]:
    """Give S = |w + x|^2 and D = |w - x|^2, not below what rounding leaves of them.

    With w = -x to the last digit there is no nearest point but a sphere of them; the floor ends the search before
    1 - u becomes 0, and that neuron stays short of its margin for one iteration.
    """
    floor, twice = v.mul(q, v.number(v.scalar.floor)), v.add(p, p)
    return tuple(v.choose(v.is_(">", a, floor), a, floor) for a in (v.add(q, twice), v.sub(q, twice)))  # type: ignore[return-value]


def _scale(v: Vectors, u: Any) -> Any:
    return v.div(v.number(1), v.sub(v.number(1), v.mul(u, u)))


def _square(v: Vectors, a: Any) -> Any:
    return v.mul(a, a)


def _distance(v: Vectors, p: Any, q: Any, u: Any, scale: Any) -> Any:
    """Give |w' - w|^2 + |x' - x|^2 = (S (u/(1-u))^2 + D (u/(1+u))^2) / 2 with 1/(1-u) = (1+u) scale."""
    t = v.mul(u, scale)
    up, down = v.mul(t, v.add(v.number(1), u)), v.mul(t, v.sub(v.number(1), u))
    s, d = _squares(v, p, q)
    whole = v.times_plus(s, _square(v, up), v.mul(d, _square(v, down)))
    return v.mul(v.number(0.5), whole)
