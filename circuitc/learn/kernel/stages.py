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

from circuitc.backends.llvm.kernel import index

from .stage import Stage, span_loop
from .vectors import Scalar, Vectors, load_index


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
