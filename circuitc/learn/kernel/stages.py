"""The stages of one RRR iteration, each a function of its own: `stage(record, block)`.

A block is LANES items. Every array is a stack of rows of LANES numbers (`W[block][edge]`, `Y[block][node]`, ...), so
a stage walks over rows and each lane is an item. With z = (w, x, y): A is the nearest point at which every neuron of
every item is right by its margin, B the nearest to R = 2A - z at which the copies agree, and z moves by
beta * (B - A). Facts and names: Elser, "Learning with Boolean threshold functions"; `circuitc/learn/reference.py` says
the same in numpy.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.backends.llvm.kernel import Kernel, index
from circuitc.backends.llvm.memory import I64, POINTER

from .newton import find_root
from .vectors import LANES, Scalar, Vectors, load_fields, load_index

# Numbers are lower case, pointers upper case. See `memory.py`, which fills the record.
FIELDS = ("blocks", "nodes", "node_rows", "innodes", "neurons", "neuron_rows", "outnodes", "edges", "classes",
          "groups", "free", "START", "SOURCE", "OFFSET", "CLASS_START", "MEMBER_START", "MEMBER", "READ_START", "READ",
          "W", "X", "Y", "G", "DATA", "MASK", "MU", "U", "SCALE", "YA", "YB", "GAP",
          "P", "Q", "YSUM", "YDEN", "WSUM", "WB", "TOTALS", "beta", "gamma", "gap_stop", "TRACE", "done")
PER_BLOCK = {"W": "edges", "X": "edges", "Y": "node_rows", "G": "node_rows", "DATA": "node_rows", "MASK": "",
             "U": "neuron_rows", "SCALE": "neuron_rows", "YA": "node_rows", "YB": "node_rows", "GAP": "node_rows"}


class Stage:
    """One stage under construction: the kernel, the record's fields, and rows moved to the block at hand."""

    def __init__(self, module: ir.Module, name: str, scalar: Scalar, *, per_block: bool = True) -> None:
        arguments = [POINTER, I64] if per_block else [POINTER]
        self.kernel = Kernel(module, f"{name}_{scalar.name}", arguments)
        self.v = Vectors(self.kernel, scalar)
        self.f = load_fields(self.kernel, self.kernel.arguments[0], FIELDS)
        b = self.kernel.builder
        for name_, count in PER_BLOCK.items() if per_block else ():
            rows = b.mul(self.kernel.arguments[1], self.f[count]) if count else self.kernel.arguments[1]
            self.f[name_] = self.kernel.at(self.f[name_], rows, self.v.type)

    def parameter(self, name: str) -> Any:
        """Give a parameter, kept as the bits of an f64, as the kernel's own kind of number."""
        b, double = self.kernel.builder, ir.DoubleType()
        value = b.bitcast(self.f[name], double)
        return value if self.v.scalar.type == double else b.fptrunc(value, self.v.scalar.type)

    def range_of(self, table: str, place: Any) -> tuple[Any, Any]:
        """Give where a table's entry starts and ends: `table[place]`, `table[place + 1]`."""
        b = self.kernel.builder
        return (load_index(self.kernel, self.f[table], place),
                load_index(self.kernel, self.f[table], b.add(place, index(1))))

    def node(self, neuron: Any) -> Any:
        """Give the node of a neuron."""
        return self.kernel.builder.add(self.f["innodes"], neuron)


def span_loop(stage: Stage, low: Any, high: Any) -> Any:
    """Loop over low..high-1, counting from 0: yields the offset from low."""
    return stage.kernel.loop(stage.kernel.builder.sub(high, low))


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


def write_reflections(module: ir.Module, scalar: Scalar) -> ir.Function:
    """Add up what wants to agree: WSUM over the block's items, YSUM over the copies of a node, weighted by G.

    R = 2A - z of an edge is (2 SCALE - 1) w + 2 SCALE U x, and the same with w and x changed.
    """
    stage = Stage(module, "reflect", scalar)
    k, v, f, b = stage.kernel, stage.v, stage.f, stage.kernel.builder
    mask = v.load(f["MASK"], index(0))
    with k.loop(f["nodes"]) as node:
        v.store(v.number(0), f["YSUM"], node)
    with k.loop(f["neurons"]) as n:
        low, high = stage.range_of("START", n)
        first = load_index(k, f["OFFSET"], n)
        u, scale, g = v.load(f["U"], n), v.load(f["SCALE"], n), v.load(f["G"], stage.node(n))
        twice = v.add(scale, scale)
        own, other = v.sub(twice, v.number(1)), v.mul(twice, u)
        own_g, other_g = v.mul(own, g), v.mul(other, g)
        own_w, other_w = v.mul(own_g, mask), v.mul(other_g, mask)
        with span_loop(stage, low, high) as j:
            e, place = b.add(low, j), b.add(first, j)
            w, x = v.load(f["W"], e), v.load(f["X"], e)
            source = load_index(k, f["SOURCE"], e)
            v.store(v.times_plus(own_w, w, v.times_plus(other_w, x, v.load(f["WSUM"], place))), f["WSUM"], place)
            v.store(v.times_plus(own_g, x, v.times_plus(other_g, w, v.load(f["YSUM"], source))), f["YSUM"], source)
    return k.finish()


def write_nodes(module: ir.Module, scalar: Scalar) -> ir.Function:
    """Values of nodes: what inputs are in A, where copies agree in B, the node's own share of the gap, its step."""
    stage = Stage(module, "nodes", scalar)
    k, v, f, b = stage.kernel, stage.v, stage.f, stage.kernel.builder
    _denominators(stage)
    _inputs(stage)
    beta = v.spread(stage.parameter("beta"))
    inner = b.sub(f["nodes"], f["outnodes"])
    with k.loop(inner) as node:
        y, a, g = (v.load(f[name], node) for name in ("Y", "YA", "G"))
        reflected = v.sub(v.add(a, a), y)
        agreed = v.div(v.times_plus(g, reflected, v.load(f["YSUM"], node)), v.load(f["YDEN"], node))
        _step(v, f, beta, node, y, a, agreed)
    with k.loop(f["outnodes"]) as place:
        node = b.add(inner, place)
        _step(v, f, beta, node, v.load(f["Y"], node), v.load(f["YA"], node), v.load(f["DATA"], node))
    return k.finish()


def _step(v: Vectors, f: dict[str, Any], beta: Any, node: Any, y: Any, a: Any, agreed: Any) -> None:
    moved = v.sub(agreed, a)
    v.store(agreed, f["YB"], node)
    v.store(v.times_plus(beta, moved, y), f["Y"], node)
    v.store(v.mul(moved, moved), f["GAP"], node)


def _denominators(stage: Stage) -> None:
    """YDEN = G of the node and of each neuron that reads it; neurons with the same sources are a group."""
    k, v, f, b = stage.kernel, stage.v, stage.f, stage.kernel.builder
    with k.loop(f["nodes"]) as node:
        v.store(v.load(f["G"], node), f["YDEN"], node)
    with k.loop(f["groups"]) as group:
        (whole,) = v.sums(1)
        low, high = stage.range_of("MEMBER_START", group)
        with span_loop(stage, low, high) as j:
            member = load_index(k, f["MEMBER"], b.add(low, j))
            v.accumulate(whole, v.load(f["G"], stage.node(member)))
        low, high = stage.range_of("READ_START", group)
        with span_loop(stage, low, high) as j:
            source = load_index(k, f["READ"], b.add(low, j))
            v.store(v.add(v.load(f["YDEN"], source), v.value(whole)), f["YDEN"], source)


def _inputs(stage: Stage) -> None:
    """YA of inputs: the data; free inputs take the nearest of -1 and +1 (free = 1), or one of them +1 (free = 2)."""
    k, v, f, b = stage.kernel, stage.v, stage.f, stage.kernel.builder
    zero, one, minus = v.number(0), v.number(1), v.number(-1)
    with b.if_else(b.icmp_signed("==", f["free"], index(0))) as (given, chosen):
        with given, k.loop(f["innodes"]) as node:
            v.store(v.load(f["DATA"], node), f["YA"], node)
        with chosen:
            v.store(minus, f["YA"], index(0))
            with k.loop(f["innodes"], 1) as node:
                v.store(v.choose(v.is_(">=", v.load(f["Y"], node), zero), one, minus), f["YA"], node)
            with b.if_then(b.icmp_signed("==", f["free"], index(2))):
                best, where = k.variable(v.load(f["Y"], index(1))), k.variable(one)
                number = k.variable(one)
                with k.loop(f["innodes"], 2) as node:
                    b.store(v.add(v.value(number), one), number)
                    y = v.load(f["Y"], node)
                    higher = v.is_(">", y, v.value(best))
                    b.store(v.choose(higher, y, v.value(best)), best)
                    b.store(v.choose(higher, v.value(number), v.value(where)), where)
                b.store(zero, number)
                with k.loop(f["innodes"], 1) as node:
                    b.store(v.add(v.value(number), one), number)
                    hit = v.is_("==", v.value(number), v.value(where))
                    v.store(v.choose(hit, one, minus), f["YA"], node)


def write_agreement(module: ir.Module, scalar: Scalar) -> ir.Function:
    """WB: the weights on which items (and neurons that share them) agree, each neuron's at length sqrt(inputs)."""
    stage = Stage(module, "agree", scalar, per_block=False)
    k, v, f, b = stage.kernel, stage.v, stage.f, stage.kernel.builder
    kind = v.scalar.type
    with k.loop(f["classes"]) as c:
        low, high = stage.range_of("CLASS_START", c)
        length = k.variable(ir.Constant(kind, 0.0))
        with span_loop(stage, low, high) as j:
            place = b.add(low, j)
            total = v.total(v.load(f["WSUM"], place))
            v.store(v.number(0), f["WSUM"], place)
            b.store(total, k.at(f["WB"], place, kind))
            b.store(v.times_plus(total, total, k.load(length, kind)), length)
        count = b.sitofp(b.sub(high, low), kind)
        scale = v.root(b.fdiv(count, k.load(length, kind)))
        with span_loop(stage, low, high) as j:
            place = b.add(low, j)
            b.store(v.mul(v.load_one(f["WB"], place), scale), k.at(f["WB"], place, kind))
    return k.finish()


def write_moves(module: ir.Module, scalar: Scalar) -> ir.Function:
    """z += beta (B - A) on the edges, and the gap: GAP of each neuron, its parts added into TOTALS."""
    stage = Stage(module, "move", scalar)
    k, v, f, b = stage.kernel, stage.v, stage.f, stage.kernel.builder
    beta, mask = v.spread(stage.parameter("beta")), v.load(f["MASK"], index(0))
    with k.loop(f["neurons"]) as n:
        low, high = stage.range_of("START", n)
        first = load_index(k, f["OFFSET"], n)
        u, scale = v.load(f["U"], n), v.load(f["SCALE"], n)
        other = v.mul(scale, u)
        gap_w, gap_x = v.sums(2)
        with span_loop(stage, low, high) as j:
            e = b.add(low, j)
            w, x = v.load(f["W"], e), v.load(f["X"], e)
            agreed_w = v.spread(v.load_one(f["WB"], b.add(first, j)))
            agreed_x = v.load(f["YB"], load_index(k, f["SOURCE"], e))
            moved_w = v.sub(agreed_w, v.times_plus(scale, w, v.mul(other, x)))
            moved_x = v.sub(agreed_x, v.times_plus(scale, x, v.mul(other, w)))
            v.store(v.times_plus(beta, moved_w, w), f["W"], e)
            v.store(v.times_plus(beta, moved_x, x), f["X"], e)
            v.accumulate(gap_w, v.mul(moved_w, moved_w))
            v.accumulate(gap_x, v.mul(moved_x, moved_x))
        gap_y = v.load(f["GAP"], stage.node(n))
        parts = v.value(gap_w), v.value(gap_x), gap_y
        v.store(v.add(v.add(*parts[:2]), gap_y), f["GAP"], stage.node(n))
        for row, part in enumerate(parts):
            v.store(v.times_plus(part, mask, v.load(f["TOTALS"], index(row))), f["TOTALS"], index(row))
    return k.finish()


def write_tuning(module: ir.Module, scalar: Scalar) -> ir.Function:
    """G += gamma (GAP / mean - G): neurons of items that are far from right get a larger say.

    TOTALS[0] holds 1 / mean in every lane by now.
    """
    stage = Stage(module, "tune", scalar)
    k, v, f = stage.kernel, stage.v, stage.f
    gamma, inverse = v.spread(stage.parameter("gamma")), v.load(f["TOTALS"], index(3))
    with k.loop(f["neurons"]) as n:
        node = stage.node(n)
        g = v.load(f["G"], node)
        v.store(v.times_plus(gamma, v.sub(v.mul(v.load(f["GAP"], node), inverse), g), g), f["G"], node)
    return k.finish()
