"""Folding along axes: reduce, argmax and argmin, threshold."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.ir import SPIN, Node, Type
from circuitc.ir.ops.elementwise import product_range

from .body import Body, Leaf, Loops, View, offset_of
from .elementwise import compare
from .kernel import Kernel, index, number
from .memory import I64, element_type, rounded, storage_bits

REASSOCIATE = ("reassoc", "contract")  # the order of a float sum is free


def least(kernel: Kernel, kind: str, t: Type, x: Any, y: Any) -> Any:
    """Fold with min or max; NaN wins. Ties between zeros of floats may go either way here."""
    if t.is_float:
        name = "llvm.minimum" if kind == "min" else "llvm.maximum"
        return kernel.intrinsic(f"{name}.f{t.width}", x.type, [x, y])
    return kernel.builder.select(compare(kernel, "<" if kind == "min" else ">", t, x, y), x, y)


def _join(kernel: Kernel, kind: str, t: Type, x: Any, y: Any) -> Any:
    b = kernel.builder
    match kind:
        case "add":
            return b.fadd(x, y, flags=REASSOCIATE) if t.is_float else b.add(x, y)
        case "min" | "max":
            return least(kernel, kind, t, x, y)
        case _:
            return {"and": b.and_, "or": b.or_, "xor": b.xor}[kind](x, y)


def identity(kind: str, t: Type) -> Any:
    """Give what a fold starts from, as a stored element."""
    if t.is_float:
        return ir.Constant(element_type(t), {"add": 0.0, "min": float("inf"), "max": float("-inf")}[kind])
    value = {"add": 0, "or": 0, "xor": 0, "and": -1, "min": t.highest, "max": t.lowest}[kind]
    return number(storage_bits(t), value)


def reduce(body: Body, value: int, node: Node) -> None:
    """Fold in a register where the last axis is folded, else row by row into the result, which LLVM vectorises."""
    source, kind, axes = node.operands[0], node.attributes["kind"], node.attributes["axes"]
    t = body.type(source)
    out = body.buffer(node.type, value)
    kept = [k for k in range(t.rank) if k not in axes]
    # sums are exact modulo the result's width; the other folds stay in the operand's type
    fold_type = node.type.scalar if kind == "add" else t.scalar
    in_place = bool(kept) and kept[-1] == t.rank - 1 and storage_bits(fold_type) == storage_bits(node.type)
    leaves = body.leaves(source) or {source: body.leaf(source)}
    with Loops(body, out, leaves, "reduce", shape=(), joined=False) as loops:
        fold = _Fold(body, loops, source, kind, fold_type)
        if in_place:
            _fold_rows(fold, out, node, t, kept)
        else:
            _fold_each(fold, out, node, t, kept)
    body.hold(value, out)


class _Fold:
    """What folding needs at hand: the element at an index, in the folding type, and the join."""

    def __init__(self, body: Body, loops: Loops, source: int, kind: str, t: Type) -> None:
        self.body, self.loops, self.source, self.kind, self.type = body, loops, source, kind, t
        self.kernel = loops.kernel

    def element(self, indices: list[Any]) -> Any:
        loops, t = self.loops, self.body.type(self.source)
        elements = {v: loops.load(v, indices) for v, w in loops.views.items() if w.type.shape == t.shape}
        element = self.body.compute(self.kernel, self.source, elements | loops.values, loops.views)
        return self.kernel.settle(element, t.scalar, self.type) if self.kind == "add" else element

    def join(self, x: Any, y: Any) -> Any:
        return _join(self.kernel, self.kind, self.type, x, y)


def _place(fold: _Fold, out: View, indices: list[Any]) -> Any:
    kernel = fold.kernel
    return kernel.at(kernel.arguments[0], offset_of(kernel, indices, out.strides), element_type(out.type))


def _merged(t: Type, kept: list[int], of_kept: list[Any], of_folded: list[Any]) -> list[Any]:
    """Put indices of kept and folded axes in the operand's order."""
    a, f = iter(of_kept), iter(of_folded)
    return [next(a) if k in kept else next(f) for k in range(t.rank)]


def _fold_each(fold: _Fold, out: View, node: Node, t: Type, kept: list[int]) -> None:
    kernel, b = fold.kernel, fold.kernel.builder
    kind = element_type(fold.type)
    with kernel.loops([t.shape[k] for k in kept]) as outer:
        total = kernel.variable(identity(fold.kind, fold.type))
        b.store(identity(fold.kind, fold.type), total)
        with kernel.loops([t.shape[k] for k in node.attributes["axes"]]) as inner:
            x = fold.element(_merged(t, kept, outer, inner))
            b.store(fold.join(kernel.load(total, kind), x), total)
        whole = kernel.settle(kernel.load(total, kind), fold.type, node.type)
        b.store(whole, _place(fold, out, outer))


def _fold_rows(fold: _Fold, out: View, node: Node, t: Type, kept: list[int]) -> None:
    kernel, b = fold.kernel, fold.kernel.builder
    kind = element_type(fold.type)
    last = t.shape[kept[-1]]
    with kernel.loops([t.shape[k] for k in kept[:-1]]) as outer:
        with kernel.loop(last) as j:
            b.store(identity(fold.kind, fold.type), _place(fold, out, [*outer, j]))
        with kernel.loops([t.shape[k] for k in node.attributes["axes"]]) as inner, kernel.loop(last) as j:
            place = _place(fold, out, [*outer, j])
            x = fold.element(_merged(t, kept, [*outer, j], inner))
            b.store(fold.join(kernel.load(place, kind), x), place)
        if fold.type.fraction != node.type.fraction:
            with kernel.loop(last) as j:
                place = _place(fold, out, [*outer, j])
                b.store(kernel.settle(kernel.load(place, kind), fold.type, node.type), place)


def arg(body: Body, value: int, node: Node) -> None:
    """argmax and argmin: the first strictly better element wins, so the lowest index of a tie stays."""
    source, axis = node.operands[0], node.attributes["axis"]
    t, test = body.type(source), ">" if node.op == "argmax" else "<"
    out = body.buffer(node.type, value)
    leaves = {v: body.leaf(v) for v in node.operands}
    with Loops(body, out, leaves, node.op, shape=node.type.shape, joined=False) as loops:
        search = _Search(loops.kernel, t, test, len(node.operands) == 2)
        with loops.kernel.loop(t.shape[axis]) as i:
            at = [*loops.indices[:axis], i, *loops.indices[axis:]]
            search.visit(i, loops.load(source, at), loops.load(node.operands[1], at) if search.masked else None)
        found = loops.kernel.resize(search.answer(), False, storage_bits(node.type))
        loops.store(loops.kernel.shift_left(found, node.type.fraction))
    body.hold(value, out)


class _Search:
    """The best element so far and its index; NaN beats every number, the first NaN stays."""

    def __init__(self, kernel: Kernel, t: Type, test: str, masked: bool) -> None:
        self.kernel, self.type, self.test, self.masked = kernel, t, test, masked
        kind = element_type(t)
        self.best, self.place = kernel.slot(kind), kernel.slot(I64)
        self.found, self.poisoned = kernel.slot(ir.IntType(1)), kernel.slot(ir.IntType(1))
        b = kernel.builder
        b.store(ir.Constant(kind, 0.0 if t.is_float else 0), self.best)
        b.store(index(0), self.place)
        b.store(ir.Constant(ir.IntType(1), 0), self.found)
        b.store(ir.Constant(ir.IntType(1), 0), self.poisoned)

    def visit(self, i: Any, x: Any, kept: Any) -> None:
        k, b, bit = self.kernel, self.kernel.builder, ir.IntType(1)
        best, found = k.load(self.best, x.type), k.load(self.found, bit)
        better = compare(k, self.test, self.type, x, best)
        if self.type.is_float:
            nan = b.fcmp_unordered("uno", x, x)
            better = b.or_(better, b.and_(nan, b.fcmp_ordered("ord", best, best)))
            b.store(b.or_(k.load(self.poisoned, bit), nan), self.poisoned)
        take = b.or_(better, b.not_(found))
        if kept is not None:
            kept = b.icmp_unsigned("!=", kept, number(8, 0))
            take = b.and_(take, kept)
        b.store(b.select(take, x, best), self.best)
        b.store(b.select(take, i, k.load(self.place, I64)), self.place)
        b.store(b.or_(found, kept if kept is not None else ir.Constant(bit, 1)), self.found)

    def answer(self) -> Any:
        k, b = self.kernel, self.kernel.builder
        place = k.load(self.place, I64)
        if self.masked and self.type.is_float:  # a NaN equals no element, so that none is found
            return b.select(k.load(self.poisoned, ir.IntType(1)), index(0), place)
        return place


def threshold(body: Body, value: int, node: Node) -> None:
    """Sum exactly, bring sum and threshold to one fraction, compare."""
    x, w, limit = node.operands
    tx, tw, tt = (body.type(v).scalar for v in node.operands)
    low, high = product_range(tx, tw)
    count = body.type(x).shape[0]
    total_type = _wide(low * count, high * count, tx.fraction + tw.fraction)
    out = body.buffer(node.type, value)
    leaves: dict[int, Leaf] = {v: body.leaf(v) for v in node.operands}
    with Loops(body, out, leaves, "threshold", shape=node.type.shape, joined=False) as loops:
        k, b = loops.kernel, loops.kernel.builder
        bits, row = total_type.bits, loops.indices[0]
        total = k.slot(ir.IntType(bits))
        b.store(number(bits, 0), total)
        with k.loop(count) as j:
            p, q = k.widen(loops.load(x, [j]), tx, bits), k.widen(loops.load(w, [row, j]), tw, bits)
            b.store(b.add(k.load(total, p.type), b.mul(p, q)), total)
        above = _above(k, k.load(total, ir.IntType(bits)), total_type, loops.load(limit, [row]), tt)
        loops.store(k.settle(b.select(above, number(8, 1), number(8, -1)), SPIN, node.type))
    body.hold(value, out)


class _Sum:
    """The type of an exact sum; it may have more bits than a value may."""

    def __init__(self, bits: int, width: int, fraction: int) -> None:
        self.bits, self.width, self.fraction = bits, width, fraction


def _wide(low: int, high: int, fraction: int) -> _Sum:
    width = max(high.bit_length(), (~low).bit_length()) + 1
    return _Sum(max(32, rounded(width)), width, fraction)


def _above(k: Kernel, total: Any, s: _Sum, limit: Any, t: Type) -> Any:
    common = max(s.fraction, t.fraction)
    bits = rounded(max(s.width + common - s.fraction, t.width + common - t.fraction) + 1)
    a = k.shift_left(k.resize(total, True, bits), common - s.fraction)
    return k.builder.icmp_signed(">", a, k.widen(limit, t, bits, common))

