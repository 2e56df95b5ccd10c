"""Matrix times a vector that is mostly zero, by columns: only those of inputs that are not zero are read and added.

This is how spikes are cheap: a step costs a scan of the inputs, and a row of additions for each that spiked. Inputs are
scanned several at a time. A constant asks for it with the storage `columns`; where the contraction is not a matrix
times one vector the usual products are made. Of floats, a zero input adds nothing even where its weight is infinite.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
import numpy as np

from circuitc.ir import Node
from circuitc.ir.ops.reductions import Subscripts

from .body import Body, Leaf, Loops, View
from .kernel import index
from .memory import I64, element_type, storage_bits
from .semiring import Sums

_WEIGHTS = -1         # a leaf that is no operand
_MOST_ROWS = 1 << 13  # of accumulators that are not the result itself and so lie on the stack


def contract_events(body: Body, node: Node, subs: Subscripts, sums: Sums, out: View) -> bool:
    """Write a (+,*) product of a constant matrix stored by columns and a vector; False where it is another."""
    matrix = next((k for k in (0, 1) if _asks(body, node, k)), None)
    if matrix is None or sums.semiring != "plus_times" or subs.where or len(subs.result) != 1:
        return False
    letters, vector = (subs.a, subs.b)[matrix], node.operands[1 - matrix]
    rows = subs.sizes[subs.result]
    if (subs.a, subs.b)[1 - matrix] != subs.contracted or body.node(vector).is_constant:
        return False
    if not sums.stores_accumulator and rows > _MOST_ROWS:
        return False
    weights = body.node(node.operands[matrix]).constant
    by_column = weights.array.T if letters[0] == subs.result else weights.array
    data = body.unit.constant(weights.type.with_shape(by_column.shape), np.ascontiguousarray(by_column))
    leaves: dict[int, Leaf] = {vector: body.packed(vector), _WEIGHTS: View(data, (rows, 1), weights.type)}
    if sums.init is not None:
        leaves.setdefault(node.operands[-1], body.leaf(node.operands[-1]))
    with Loops(body, out, leaves, "events", shape=(), joined=False) as loops:
        _Events(loops, node, sums, matrix, rows).write()
    return True


def _asks(body: Body, node: Node, k: int) -> bool:
    operand = body.node(node.operands[k])
    return operand.is_constant and operand.constant.storage == "columns" and operand.type.rank == 2


class _Events:
    """The loops of one product: sums that start, inputs that are scanned, columns that are added, results."""

    def __init__(self, loops: Loops, node: Node, sums: Sums, matrix: int, rows: int) -> None:
        self.loops, self.node, self.sums, self.matrix, self.rows = loops, node, sums, matrix, rows
        self.k = loops.kernel
        self.vector = loops.views[node.operands[1 - matrix]]
        self.x = sums.types[1 - matrix]
        self.place = self.k.arguments[0] if sums.stores_accumulator else self.k.slot(sums.kind, max(2, rows))

    def write(self) -> None:
        k, sums = self.k, self.sums
        with k.loop(self.rows) as r:
            init = self.loops.load(self.node.operands[-1], [r]) if sums.init is not None else None
            k.builder.store(sums.start(k, init), k.at(self.place, r, sums.kind))
        self._scan()
        if sums.stores_accumulator:
            return
        kind = element_type(sums.result)
        with k.loop(self.rows) as r:
            total = k.load(k.at(self.place, r, sums.kind), sums.kind)
            k.builder.store(sums.finish(k, total), k.at(k.arguments[0], r, kind))

    def _scan(self) -> None:
        """Look at as many inputs at a time as lie in 8 bytes (bits) or 64, then at each where any is not zero."""
        k, b, count = self.k, self.k.builder, self.vector.type.size
        size = storage_bits(self.x) // 8 if self.x.is_exact else self.x.width // 8
        words = 1 if size == 1 else 8
        together = 8 * words // size
        whole = count // together
        if whole:
            with k.loop(whole) as group:
                first = b.mul(group, index(together))
                with b.if_then(self._any(first, words)), k.loop(together) as j:
                    self._column(b.add(first, j))
        if count > whole * together:
            with k.loop(count, whole * together) as j:
                self._column(j)

    def _any(self, first: Any, words: int) -> Any:
        """Tell whether any bit of some words from an input on is set."""
        k = self.k
        place = k.at(self.vector.pointer, first, element_type(self.x))
        kind = ir.VectorType(I64, words) if words > 1 else I64
        loaded = k.builder.load(place, typ=kind)
        loaded.align = 1
        bits = k.intrinsic(f"llvm.vector.reduce.or.v{words}i64", I64, [loaded]) if words > 1 else loaded
        return k.builder.icmp_unsigned("!=", bits, index(0))

    def _column(self, j: Any) -> None:
        """Add an input's column, times the input, where that is not zero."""
        k, b, sums = self.k, self.k.builder, self.sums
        kind = element_type(self.x)
        x = k.load(k.at(self.vector.pointer, j, kind), kind)
        zero = ir.Constant(kind, 0.0 if self.x.is_float else 0)
        live = b.fcmp_unordered("!=", x, zero) if self.x.is_float else b.icmp_unsigned("!=", x, zero)
        with b.if_then(live), k.loop(self.rows) as r:
            w = self.loops.load(_WEIGHTS, [j, r])
            term = sums.term(k, w, x) if self.matrix == 0 else sums.term(k, x, w)
            place = k.at(self.place, r, sums.kind)
            b.store(sums.join(k, k.load(place, sums.kind), term, None), place)


__all__ = ["contract_events"]
