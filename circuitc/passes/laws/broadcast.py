"""Broadcasting commutes with what is done element by element: f(broadcast x) = broadcast f(x)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from circuitc.ir import Builder, Constant, Graph, Node, Value, rebuild
from circuitc.ir.ops import elementwise, functions

from ..base import Context, GraphPass

ELEMENTWISE = frozenset({op.name for op in (*elementwise.OPS, *functions.OPS)} - {"table"})


@dataclass(frozen=True, slots=True)
class LateBroadcast(GraphPass):
    """Do element by element what is repeated afterwards: f(broadcast x, broadcast y) = broadcast f(x, y).

    Holds to the bit for every type, floats too: each element is computed by the same op from the same numbers, only
    once. Operands repeated along different axes are first brought to the axes that any of them has.
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        return rebuild(graph, _late)


def _late(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
    if node.op not in ELEMENTWISE or not node.type.rank:
        return None
    axes = [_axes(b, v) for v in operands]
    if None in axes or all(b.nodes[v].is_constant for v in operands):
        return None
    union = tuple(sorted({k for found in axes for k in found or ()}))
    shape = tuple(node.type.shape[k] for k in union)
    if prod(shape) >= node.type.size:
        return None
    narrow = [_narrowed(b, v, found or (), union, shape) for v, found in zip(operands, axes, strict=True)]
    value = b.apply(node.op, *narrow, type=node.type.with_shape(shape), name=node.name, origin=node.origin,
                    span=node.span, **node.attributes)
    return b.apply("broadcast", value, shape=node.type.shape, axes=union, name=node.name, origin=node.origin)


def _axes(b: Builder, v: Value) -> tuple[int, ...] | None:
    """Give the axes along which a value is not repeated, or None where it is no repetition."""
    node = b.nodes[v]
    if node.is_constant:
        array = node.constant.array
        return () if bool(np.all(array.view(_BITS.get(array.dtype, array.dtype)) ==
                                 array.view(_BITS.get(array.dtype, array.dtype)).flat[0])) else None
    if node.op != "broadcast":
        return None
    inner, axes = b.type(node.operands[0]), node.attributes["axes"]
    same = inner.scalar == node.type.scalar and inner.shape == tuple(node.type.shape[k] for k in axes)
    return axes if same else None


_BITS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}  # -0.0 is not 0.0


def _narrowed(b: Builder, v: Value, axes: tuple[int, ...], union: tuple[int, ...], shape: tuple[int, ...]) -> Value:
    node = b.nodes[v]
    if node.is_constant:
        raw = np.full(shape, node.constant.array.flat[0], node.type.dtype)
        return b.constant(Constant(node.type.with_shape(shape), raw), node.name)
    if axes == union:
        return node.operands[0]
    return b.apply("broadcast", node.operands[0], shape=shape, axes=tuple(union.index(k) for k in axes))
