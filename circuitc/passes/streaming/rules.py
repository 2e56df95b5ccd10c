"""How each op works on one position of a map that passes pixel by pixel; None: on the whole map only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from types import MappingProxyType

import numpy as np

from circuitc.ir import OPS, Constant, Node, Type, Value
from circuitc.ir.ops.reductions import subscripts

from .body import Rule, StreamBody, inner, is_uniform, lane_operands
from .grid import Flow, Pending
from .parts import inner_axes

ELEMENTWISE = frozenset({"add", "sub", "mul", "neg", "abs", "min", "max", "and", "or", "xor", "not", "eq", "lt", "le",
                         "select", "requantize", "convert", "shift", "exp", "log", "sqrt", "rsqrt", "divide", "tanh",
                         "sigmoid", "sin", "cos", "erf", "table"}) & OPS.keys()


def _elementwise(body: StreamBody, node: Node) -> Flow | Pending | None:
    if node.op == "table" and body.known(node.operands[1]) is None:
        return None
    return _before_windows(body, node) or body.joined(node, dict(node.attributes))


def _before_windows(body: StreamBody, node: Node) -> Pending | None:
    """Work on the map that windows are taken of, which is once an element; None where places are not all alike."""
    moving = {v for v in node.operands if body.known(v) is None}
    pending = body.waiting(next(iter(moving))) if len(moving) == 1 else None
    if pending is None or pending.fill is not None or not pending.order or pending.source.axes is None:
        return None
    axes, places = pending.source.axes, len(pending.places)
    varied = (*axes, *range(node.type.rank - places, node.type.rank))
    constants = [c for v in lane_operands(node) if (c := body.known(v)) is not None and c.type.rank]
    if not all(is_uniform(c, varied) for c in constants):
        return None
    def cut(t: Type) -> Type:
        return t.with_shape(tuple(n for k, n in enumerate(t.shape) if k not in varied))
    operands: list[Value] = []
    for k, v in enumerate(node.operands):
        constant = body.known(v)
        if constant is not None and k < len(lane_operands(node)) and constant.type.rank:
            part = constant.array[tuple(0 if a in varied else slice(None) for a in range(constant.type.rank))]
            constant = Constant(cut(constant.type), part)
        operands.append(pending.source.value if constant is None else body.parts.builder.constant(constant))
    value = body.copied(replace(node, type=cut(node.type)), operands)
    return replace(pending, source=replace(pending.source, value=value))


def _pad(body: StreamBody, node: Node) -> Pending | None:
    """Remember padding of rows and columns; it becomes part of the windows that follow."""
    pending, fill = body.pending(node), body.known(node.operands[1])
    if pending is None or fill is None or not _only_at(node, pending.source):
        return None
    if pending.fill is not None or pending.order:
        pending = body.pending_anew(node)
        assert pending is not None, "it passed before"
    assert pending.source.axes is not None, "it passes"
    r, c = pending.source.axes
    before, after = node.attributes["before"], node.attributes["after"]
    rows = replace(pending.rows, before=before[r], after=after[r])
    columns = replace(pending.columns, before=before[c], after=after[c])
    return replace(pending, rows=rows, columns=columns, fill=fill)


def _only_at(node: Node, source: Flow) -> bool:
    """Tell whether padding is at rows and columns only, and not negative."""
    assert source.axes is not None, "it passes"
    both = list(zip(node.attributes["before"], node.attributes["after"], strict=True))
    return all(pair == (0, 0) for k, pair in enumerate(both) if k not in source.axes)


def _window(body: StreamBody, node: Node) -> Flow | Pending | None:
    """Take windows along rows or columns; along another axis only the place of a new axis changes."""
    pending = body.pending(node)
    if pending is None:
        return None
    assert pending.source.axes is not None, "it passes"
    axis = node.attributes["axis"]
    if axis not in pending.source.axes:
        return _inner_window(body, node)
    which = pending.source.axes.index(axis)
    if pending.axis(which).taken:
        pending = body.pending_anew(node)
        assert pending is not None, "it passed before"
    size, stride, dilation = (node.attributes[k] for k in ("size", "stride", "dilation"))
    windows = replace(pending.axis(which), taken=True, size=size, stride=stride, dilation=dilation)
    return replace(pending.with_axis(which, windows), order=(*pending.order, which))


def _inner_window(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    axis = inner_axes(len(node.type.shape), found[1]).index(node.attributes["axis"])
    return body.joined(node, {**node.attributes, "axis": axis})


def _contract(body: StreamBody, node: Node) -> Flow | None:
    """Contract each position with a constant: a matrix times a vector where no index stays in both."""
    found, constants = body.flow(node), [body.known(v) for v in node.operands]
    if found is None or len(node.operands) != 2:
        return None
    flow, axes = found
    k = constants.index(None)
    subs = subscripts([body.type(v) for v in node.operands], node.attributes)
    sides = (subs.a, subs.b)
    passing = {sides[k][a] for a in axes}
    if passing & set(sides[1 - k]) or not passing <= set(subs.result):
        return None
    moving, fixed = "".join(s for s in sides[k] if s not in passing), sides[1 - k]
    result = "".join(s for s in subs.result if s not in passing)
    constant = constants[1 - k]
    assert constant is not None, "the other operand passes"
    places = subs.result.index(sides[k][axes[0]]), subs.result.index(sides[k][axes[1]])
    if set(fixed) == set(moving) ^ set(result) and set(moving).isdisjoint(result) and node.attributes[
            "semiring"] == "plus_times":
        value = _product(body, node, flow, constant, fixed, moving, result)
    else:
        parts = (moving, fixed) if k == 0 else (fixed, moving)
        operand = body.parts.builder.constant(constant)
        t = node.type.with_shape(tuple(subs.sizes[s] for s in result))
        spec = {**node.attributes, "spec": f"{parts[0]},{parts[1]}->{result}"}
        value = body.copied(replace(node, type=t, attributes=spec),
                            [flow.value, operand] if k == 0 else [operand, flow.value])
    return Flow(value, flow.valid, places, flow.times)


def _product(body: StreamBody, node: Node, flow: Flow, constant: Constant, fixed: str, moving: str,
             result: str) -> Value:
    """Write a contraction as a matrix times a vector, which hardware is folded by and adders are shared in."""
    b = body.parts.builder
    array = constant.array.transpose([fixed.index(s) for s in result + moving])
    shape = array.shape[:len(result)]
    array = array.reshape(prod(shape), -1)
    matrix = b.constant(Constant(constant.type.with_shape(array.shape), np.ascontiguousarray(array)),
                        f"{node.name}_matrix")
    vector = b.apply("reshape", flow.value, shape=(array.shape[1],))
    attributes = {**node.attributes, "spec": "ij,j->i"}
    rows = body.copied(replace(node, type=node.type.with_shape((len(array),)), attributes=attributes),
                       [matrix, vector])
    return b.apply("reshape", rows, shape=shape)


def _reduce(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    rank = body.type(node.operands[0]).rank
    gone = {a % rank for a in node.attributes["axes"]}
    if gone & set(axes):
        return None
    own = inner_axes(rank, axes)
    left = [a for a in range(rank) if a not in gone]
    places = left.index(axes[0]), left.index(axes[1])
    node = replace(node, type=inner(node.type, places),
                   attributes={**node.attributes, "axes": tuple(own.index(a) for a in sorted(gone))})
    return replace(flow, value=body.copied(node, [flow.value]), axes=places)


def _transpose(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    order = tuple(node.attributes["order"])
    own = inner_axes(len(order), axes)
    turned = body.parts.builder.apply("transpose", flow.value,
                                      order=tuple(own.index(a) for a in order if a not in axes))
    return replace(flow, value=turned, axes=(order.index(axes[0]), order.index(axes[1])))


def _reshape(body: StreamBody, node: Node) -> Flow | None:
    """Reshape each position where rows and columns stay axes of their own."""
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    before, after = body.type(node.operands[0]).shape, node.type.shape
    places = [next((k for k in range(len(after)) if after[k] == before[a] and prod(after[:k]) == prod(before[:a])),
                   None) for a in axes]
    r, c = places
    if r is None or c is None or r == c:
        return None
    shape = tuple(after[k] for k in inner_axes(len(after), (r, c)))
    return replace(flow, value=body.parts.builder.apply("reshape", flow.value, shape=shape), axes=(r, c))


def _slice(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    shape = body.type(node.operands[0]).shape
    if any(node.type.shape[a] != shape[a] for a in axes):
        return None
    own = inner_axes(len(shape), axes)
    start, stop, step = (tuple(v[a] for a in own) if v else v for v in (
        tuple(node.attributes[k]) for k in ("start", "stop", "step")))
    return replace(flow, value=body.parts.builder.apply("slice", flow.value, start=start, stop=stop, step=step))


def _concat(body: StreamBody, node: Node) -> Flow | None:
    axes = [f.axes for f in (body.settled(v) for v in node.operands if body.known(v) is None)]
    axis = node.attributes["axis"] % node.type.rank
    if axes[0] is None or axis in axes[0]:
        return None
    return body.joined(node, {**node.attributes, "axis": inner_axes(node.type.rank, axes[0]).index(axis)})


RULES: Mapping[str, Rule] = MappingProxyType({
    **dict.fromkeys(sorted(ELEMENTWISE), _elementwise), "pad": _pad, "window": _window, "contract": _contract,
    "reduce": _reduce, "transpose": _transpose, "reshape": _reshape, "slice": _slice, "concat": _concat})

__all__ = ["RULES"]
