"""Matrix-vector products with a constant stored as rows of non-zeros (CSR)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Node
from circuitc.ir.ops.reductions import Subscripts

from .body import Body, Leaf, Loops, View
from .kernel import index
from .memory import I32, I64, element_type
from .semiring import Sums


def contract_sparse(body: Body, node: Node, subs: Subscripts, sums: Sums, out: View) -> bool:
    """Write a (+,*) product of a sparse constant matrix and a vector; False where the contraction is another."""
    matrix = _sparse_operand(body, node, subs)
    if matrix is None or sums.semiring != "plus_times" or subs.where or len(subs.result) != 1:
        return False
    letters = (subs.a, subs.b)[matrix]
    weights = body.node(node.operands[matrix]).constant
    array = weights.array if letters[0] == subs.result else weights.array.T
    starts, columns, values = _rows(array)
    vector = node.operands[1 - matrix]
    pointers = [body.unit.data(starts), body.unit.data(columns), body.unit.constant(weights.type, values)]
    leaves: dict[int, Leaf] = {vector: body.leaf(vector)}
    if sums.init is not None:
        leaves[node.operands[-1]] = body.leaf(node.operands[-1])
    for k, pointer in enumerate(pointers):  # operands have keys from 0
        leaves[-1 - k] = View(pointer, (1,), weights.type.with_shape((1,)))
    with Loops(body, out, leaves, "csr", shape=node.type.shape, joined=False) as loops:
        _row(loops, node, sums, vector, matrix)
    return True


def _sparse_operand(body: Body, node: Node, subs: Subscripts) -> int | None:
    """Tell which operand is a sparse constant matrix times a vector, 0 or 1."""
    for k, (mine, other) in enumerate(((subs.a, subs.b), (subs.b, subs.a))):
        operand = body.node(node.operands[k])
        if operand.is_constant and operand.constant.storage == "csr" and len(mine) == 2 and (
                len(other) == 1 and other == subs.contracted):
            return k
    return None


def _rows(array: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any]]:
    """Give row starts, columns and values of the non-zeros."""
    row, column = np.nonzero(array)
    starts = np.zeros(len(array) + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=len(array)), out=starts[1:])
    values = array[row, column]
    return starts, column.astype(np.int32), values if len(values) else np.zeros(1, array.dtype)


def _row(loops: Loops, node: Node, sums: Sums, vector: int, matrix: int) -> None:
    """Sum one row: value times the vector's element at its column."""
    k, b, row = loops.kernel, loops.kernel.builder, loops.indices[0]
    starts, columns, values = (loops.views[-1 - i].pointer for i in range(3))
    kind = element_type(sums.types[matrix])
    begin = b.zext(k.load(k.at(starts, row, I32), I32), I64)
    end = b.zext(k.load(k.at(starts, b.add(row, index(1)), I32), I32), I64)
    init = loops.load(node.operands[-1], [row]) if sums.init is not None else None
    total = k.slot(sums.kind)
    b.store(sums.start(k, init), total)
    with k.loop(b.sub(end, begin)) as i:
        at = b.add(begin, i)
        x = loops.load(vector, [b.zext(k.load(k.at(columns, at, I32), I32), I64)])
        w = k.load(k.at(values, at, kind), kind)
        term = sums.term(k, w, x) if matrix == 0 else sums.term(k, x, w)
        b.store(sums.join(k, k.load(total, sums.kind), term, None), total)
    loops.store(sums.finish(k, k.load(total, sums.kind)))

