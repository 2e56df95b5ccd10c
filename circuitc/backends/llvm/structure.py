"""Ops that move elements: views that cost nothing where memory allows, else loops that copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circuitc.ir import BIT, Node, Type

from .body import Body, Loops, Splat, View, row_major
from .kernel import index, number, zero
from .memory import I8, I64, element_type, storage_bits


def _same_storage(a: Type, b: Type) -> bool:
    """Tell whether elements of a are, byte for byte, elements of the wider type b."""
    return a.kind == b.kind and storage_bits(a) == storage_bits(b) and a.fraction == b.fraction


def _view(body: Body, value: int, node: Node, offset: int, strides: Sequence[int]) -> None:
    """Hold a strided view of operand 0, or a copy of it where elements change their storage."""
    source = body.view(node.operands[0])
    t = node.type
    view = source.moved(body.kernel, offset, strides, source.type.with_shape(t.shape))
    if _same_storage(source.type, t):
        body.hold(value, View(view.pointer, view.strides, t, view.block))
        return
    out = body.buffer(t, value)
    body.copy(out, view, source.type)
    body.hold(value, out)


def _splat(body: Body, value: int, node: Node) -> bool:
    """Hold the scalar of an operand that is one scalar throughout; False where it is not."""
    held = body.leaf(node.operands[0])
    if not isinstance(held, Splat):
        return False
    body.hold(value, Splat(body.kernel.settle(held.value, held.type, node.type), node.type))
    return True


def reshape(body: Body, value: int, node: Node) -> None:
    if _splat(body, value, node):
        return
    source = body.packed(node.operands[0])
    if source is not body.held[node.operands[0]] and source.block >= 0:
        body.hold(node.operands[0], source)
    t = node.type
    packed = View(source.pointer, row_major(t), source.type.with_shape(t.shape), source.block)
    if _same_storage(source.type, t):
        body.hold(value, View(packed.pointer, packed.strides, t, packed.block))
        return
    out = body.buffer(t, value)
    body.copy(out, packed, source.type)
    body.hold(value, out)


def transpose(body: Body, value: int, node: Node) -> None:
    if not _splat(body, value, node):
        strides = body.view(node.operands[0]).strides
        _view(body, value, node, 0, [strides[k] for k in node.attributes["order"]])


def broadcast(body: Body, value: int, node: Node) -> None:
    if _splat(body, value, node):
        return
    source = body.view(node.operands[0])
    strides = [0] * node.type.rank
    for axis, n, step in zip(node.attributes["axes"], source.type.shape, source.strides, strict=True):
        strides[axis] = step if n > 1 else 0
    _view(body, value, node, 0, strides)


def slice_(body: Body, value: int, node: Node) -> None:
    if _splat(body, value, node):
        return
    strides, start = body.view(node.operands[0]).strides, node.attributes["start"]
    step = node.attributes["step"] or (1,) * len(start)
    offset = sum(i * s for i, s in zip(start, strides, strict=True))
    _view(body, value, node, offset, [s * k for s, k in zip(strides, step, strict=True)])


def window(body: Body, value: int, node: Node) -> None:
    if _splat(body, value, node):
        return
    strides, axis = list(body.view(node.operands[0]).strides), node.attributes["axis"]
    inner = strides[axis] * node.attributes["dilation"]
    strides[axis] *= node.attributes["stride"]
    _view(body, value, node, 0, [*strides, inner])


def element(body: Body, value: int, node: Node) -> None:
    if _splat(body, value, node):
        return
    view = body.view(node.operands[0])
    rest, offset = node.attributes["index"], 0
    for n, step in zip(reversed(view.type.shape), reversed(view.strides), strict=True):
        offset += rest % n * step
        rest //= n
    kind = element_type(view.type)
    loaded = body.kernel.load(body.kernel.at(view.pointer, offset, kind), kind)
    body.hold(value, Splat(body.kernel.settle(loaded, view.type, node.type), node.type))


def concat(body: Body, value: int, node: Node) -> None:
    out, axis, start = body.buffer(node.type, value), node.attributes["axis"], 0
    for operand in node.operands:
        t = body.type(operand)
        part = out.moved(body.kernel, start * out.strides[axis], out.strides, node.type.with_shape(t.shape))
        body.copy(part, body.leaf(operand), t)
        start += t.shape[axis]
    body.hold(value, out)


def stack(body: Body, value: int, node: Node) -> None:
    out, kind = body.buffer(node.type, value), element_type(node.type)
    for k, operand in enumerate(node.operands):
        settled = body.kernel.settle(body.scalar(operand), body.type(operand), node.type)
        body.kernel.builder.store(settled, body.kernel.at(out.pointer, k, kind))
    body.hold(value, out)


def pad(body: Body, value: int, node: Node) -> None:
    out, (source, filler) = body.buffer(node.type, value), node.operands
    t = body.type(source)
    body.copy(out, Splat(body.scalar(filler), t.with_shape(node.type.shape)), t)
    offset = sum(n * s for n, s in zip(node.attributes["before"], out.strides, strict=True))
    inside = out.moved(body.kernel, offset, out.strides, node.type.with_shape(t.shape))
    body.copy(inside, body.leaf(source), t)
    body.hold(value, out)


def gather(body: Body, value: int, node: Node) -> None:
    source, chosen = node.operands
    t, i = body.type(source), body.type(chosen)
    axis, count = node.attributes["axis"], body.type(source).shape[node.attributes["axis"]]
    out = body.buffer(node.type, value)
    with Loops(body, out, {source: body.leaf(source), chosen: body.leaf(chosen)}, "gather",
               shape=node.type.shape, joined=False) as loops:
        k, b = loops.kernel, loops.kernel.builder
        before, at, after = (loops.indices[:axis], loops.indices[axis:axis + i.rank], loops.indices[axis + i.rank:])
        number_ = k.resize(loops.load(chosen, at), False, 64)
        inside = b.icmp_unsigned("<", number_, index(count))
        safe = b.select(inside, number_, index(count - 1))
        picked = b.select(inside, loops.load(source, [*before, safe, *after]), zero(t))
        loops.store(k.settle(picked, t, node.type))
    body.hold(value, out)


def update(body: Body, value: int, node: Node) -> None:
    source, chosen, row = node.operands
    t = body.type(source)
    out = body.buffer(node.type, value)
    leaves = {v: body.leaf(v) for v in (source, row)}
    where = body.kernel.resize(body.scalar(chosen), False, 64)
    leaves[-1] = Splat(where, Type("fixed", 64))
    with Loops(body, out, leaves, "update", shape=node.type.shape, joined=False) as loops:
        k, b = loops.kernel, loops.kernel.builder
        hit = b.icmp_unsigned("==", loops.indices[0], loops.values[-1])
        new = b.select(hit, loops.load(row, loops.indices[1:]), loops.load(source, loops.indices))
        loops.store(k.settle(new, t, node.type))
    body.hold(value, out)


def _indexed(body: Body, value: int, node: Node, name: str, emit: Any) -> None:
    """Fill a tensor of bits whose last axis is new: `emit(loops, element of operand 0, last index)` answers an i8."""
    source = node.operands[0]
    out = body.buffer(node.type, value)
    with Loops(body, out, {source: body.leaf(source)}, name, shape=node.type.shape, joined=False) as loops:
        bit = emit(loops, loops.load(source, loops.indices[:-1]), loops.indices[-1])
        loops.store(loops.kernel.settle(bit, BIT, node.type))
    body.hold(value, out)


def one_hot(body: Body, value: int, node: Node) -> None:
    def emit(loops: Loops, x: Any, last: Any) -> Any:
        b = loops.kernel.builder
        return b.zext(b.icmp_unsigned("==", loops.kernel.resize(x, False, 64), last), I8)
    _indexed(body, value, node, "one_hot", emit)


def unpack(body: Body, value: int, node: Node) -> None:
    t = body.type(node.operands[0])

    def emit(loops: Loops, x: Any, last: Any) -> Any:
        k, b = loops.kernel, loops.kernel.builder
        if t.is_spin:
            x = b.lshr(b.add(x, number(8, 1)), number(8, 1))
        return b.and_(k.resize(b.lshr(x, k.resize(last, False, x.type.width)), False, 8), number(8, 1))
    _indexed(body, value, node, "unpack", emit)


def pack(body: Body, value: int, node: Node) -> None:
    source, t = node.operands[0], node.type
    out, bits = body.buffer(t, value), storage_bits(t)
    with Loops(body, out, {source: body.leaf(source)}, "pack", shape=t.shape, joined=False) as loops:
        k, b = loops.kernel, loops.kernel.builder
        word = k.variable(number(bits, 0))
        with k.loop(t.width) as j:
            bit = k.resize(loops.load(source, [*loops.indices, j]), False, bits)
            shifted = b.shl(bit, k.resize(j, False, bits))
            b.store(b.or_(k.load(word, shifted.type), shifted), word)
        whole = k.load(word, element_type(t))
        if t.is_spin:
            whole = b.sub(b.shl(whole, number(8, 1)), number(8, 1))
        elif t.signed and t.width < bits:
            by = number(bits, bits - t.width)
            whole = b.ashr(b.shl(whole, by), by)
        loops.store(whole)
    body.hold(value, out)


def priority(body: Body, value: int, node: Node) -> None:
    source, t = node.operands[0], node.type
    size = body.type(source).shape[-1]
    out = body.buffer(t, value)
    with Loops(body, out, {source: body.leaf(source)}, "priority", shape=t.shape, joined=False) as loops:
        k, b = loops.kernel, loops.kernel.builder
        best = k.variable(index(0))
        with k.loop(size) as j:
            at = b.sub(index(size - 1), j)
            bit = b.icmp_unsigned("!=", loops.load(source, [*loops.indices, at]), number(8, 0))
            b.store(b.select(bit, at, k.load(best, I64)), best)
        found = k.resize(k.load(best, I64), False, storage_bits(t))
        loops.store(k.shift_left(found, t.fraction))
    body.hold(value, out)

