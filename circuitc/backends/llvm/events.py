"""Matrix times a vector that is mostly zero, by columns: only those of inputs that are not zero are read and added.

This is how spikes are cheap: a step costs a scan of the inputs, several at a time, that lists those that are not zero;
then blocks of rows are summed over that list in registers. A constant asks for it with the storage `columns`; where the
contraction is not a matrix times one vector the usual products are made. Of floats, a zero input adds nothing even
where its weight is infinite.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
import numpy as np

from circuitc.ir import Node, ufixed
from circuitc.ir.ops.reductions import Subscripts

from .body import Body, Leaf, Loops, View
from .kernel import index
from .memory import I32, I64, element_type, is_signed, storage_bits
from .reductions import REASSOCIATE
from .semiring import Sums

_WEIGHTS, _LISTED = -1, -2   # leaves that are no operands
_LANES, _VECTORS = 16, 4     # rows that are summed at a time: 4 registers of 16 numbers of 32 bits


def contract_events(body: Body, node: Node, subs: Subscripts, sums: Sums, out: View) -> bool:
    """Write a (+,*) product of a constant matrix stored by columns and a vector; False where it is another."""
    matrix = next((k for k in (0, 1) if _asks(body, node, k)), None)
    if matrix is None or sums.semiring != "plus_times" or subs.where or len(subs.result) != 1:
        return False
    letters, vector = (subs.a, subs.b)[matrix], node.operands[1 - matrix]
    rows = subs.sizes[subs.result]
    if (subs.a, subs.b)[1 - matrix] != subs.contracted or body.node(vector).is_constant:
        return False
    weights = body.node(node.operands[matrix]).constant
    by_column = weights.array.T if letters[0] == subs.result else weights.array
    data = body.unit.constant(weights.type.with_shape(by_column.shape), np.ascontiguousarray(by_column))
    listed = body.buffer(ufixed(32, 0, (1 + subs.sizes[subs.contracted],)))
    leaves: dict[int, Leaf] = {vector: body.packed(vector), _WEIGHTS: View(data, (rows, 1), weights.type),
                               _LISTED: listed}
    if sums.init is not None:
        leaves.setdefault(node.operands[-1], body.leaf(node.operands[-1]))
    with Loops(body, out, leaves, "events", shape=(), joined=False) as loops:
        _Events(loops, node, sums, matrix, rows).write()
    body.release(listed)
    return True


def _asks(body: Body, node: Node, k: int) -> bool:
    operand = body.node(node.operands[k])
    return operand.is_constant and operand.constant.storage == "columns" and operand.type.rank == 2


class _Events:
    """The loops of one product: inputs that are scanned and listed, and blocks of rows that are summed."""

    def __init__(self, loops: Loops, node: Node, sums: Sums, matrix: int, rows: int) -> None:
        self.loops, self.node, self.sums, self.matrix, self.rows = loops, node, sums, matrix, rows
        self.k = loops.kernel
        self.vector = loops.views[node.operands[1 - matrix]]
        self.weights, self.listed = (loops.views[leaf].pointer for leaf in (_WEIGHTS, _LISTED))
        self.w, self.x = sums.types[matrix], sums.types[1 - matrix]
        self.count = self.k.variable(index(0))

    def write(self) -> None:
        k = self.k
        self._scan()
        live = k.load(self.count, I64)
        block = _LANES * _VECTORS
        if self.rows >= block:
            with k.loop(self.rows // block) as number:
                self._rows(k.builder.mul(number, index(block)), live, _VECTORS, _LANES)
        if self.rows % block:
            with k.loop(self.rows, self.rows - self.rows % block) as row:
                self._rows(row, live, 1, 1)

    def _scan(self) -> None:
        """List inputs that are not zero: as many at a time as lie in 8 bytes (bits) or 64, then each where any is."""
        k, b, count = self.k, self.k.builder, self.vector.type.size
        size = storage_bits(self.x) // 8 if self.x.is_exact else self.x.width // 8
        words = 1 if size == 1 else 8
        together = 8 * words // size
        whole = count // together
        if whole:
            with k.loop(whole) as group:
                first = b.mul(group, index(together))
                with b.if_then(self._any(first, words)), k.loop(together) as j:
                    self._list(b.add(first, j))
        if count > whole * together:
            with k.loop(count, whole * together) as j:
                self._list(j)

    def _any(self, first: Any, words: int) -> Any:
        """Tell whether any bit of some words from an input on is set."""
        k = self.k
        place = k.at(self.vector.pointer, first, element_type(self.x))
        loaded = k.builder.load(place, typ=ir.VectorType(I64, words) if words > 1 else I64)
        loaded.align = 1
        bits = k.intrinsic(f"llvm.vector.reduce.or.v{words}i64", I64, [loaded]) if words > 1 else loaded
        return k.builder.icmp_unsigned("!=", bits, index(0))

    def _list(self, j: Any) -> None:
        """Put an input behind the list; it counts where it is not zero."""
        k, b = self.k, self.k.builder
        x, known = self._input(j), k.load(self.count, I64)
        b.store(b.trunc(j, I32), k.at(self.listed, known, I32))
        zero = ir.Constant(x.type, 0.0 if self.x.is_float else 0)
        live = b.fcmp_unordered("!=", x, zero) if self.x.is_float else b.icmp_unsigned("!=", x, zero)
        b.store(b.add(known, b.zext(live, I64)), self.count)

    def _input(self, j: Any) -> Any:
        kind = element_type(self.x)
        return self.k.load(self.k.at(self.vector.pointer, j, kind), kind)

    def _rows(self, first: Any, live: Any, vectors: int, lanes: int) -> None:
        """Sum some rows from the first on over the inputs that are listed, and write their results."""
        k, b, sums = self.k, self.k.builder, self.sums
        kind = ir.VectorType(sums.kind, lanes) if lanes > 1 else sums.kind
        totals = [k.slot(sums.kind, max(2, lanes)) for _ in range(vectors)]
        for total in totals:
            b.store(ir.Constant(kind, None if lanes > 1 else 0), total)
        with k.loop(live, 0) as place:
            j = b.zext(k.load(k.at(self.listed, place, I32), I32), I64)
            x = None if self.x.is_bit else self._spread(self._input(j), lanes)
            start = b.add(b.mul(j, index(self.rows)), first)
            for v, total in enumerate(totals):
                term = self._weights(b.add(start, index(v * lanes)), lanes)
                so_far = b.load(total, typ=kind)
                if sums.result.is_float:
                    term = term if x is None else b.fmul(term, x, flags=("contract",))
                    b.store(b.fadd(so_far, term, flags=REASSOCIATE), total)
                else:
                    b.store(b.add(so_far, term if x is None else b.mul(term, x)), total)
        written = k.slot(sums.kind, max(2, lanes))  # apart from the totals, which so are registers
        for v, total in enumerate(totals):
            b.store(b.load(total, typ=kind), written)
            with k.loop(lanes) as lane:
                row = b.add(b.add(first, index(v * lanes)), lane)
                init = self.loops.load(self.node.operands[-1], [row]) if sums.init is not None else None
                products = k.load(k.at(written, lane, sums.kind), sums.kind)
                place = k.at(k.arguments[0], row, element_type(sums.result))
                b.store(sums.finish(k, sums.completed(k, products, init)), place)

    def _weights(self, start: Any, lanes: int) -> Any:
        """Load neighbours of a column in the accumulator's type."""
        k, kind = self.k, element_type(self.w)
        loaded = k.builder.load(k.at(self.weights, start, kind), typ=ir.VectorType(kind, lanes) if lanes > 1 else kind)
        loaded.align = 1
        return self._wide(loaded, self.w, lanes)

    def _spread(self, x: Any, lanes: int) -> Any:
        """Give one input in the accumulator's type, in every lane."""
        b, wide = self.k.builder, self._wide(x, self.x, 1)
        if lanes == 1:
            return wide
        one = b.insert_element(ir.Constant(ir.VectorType(wide.type, lanes), ir.Undefined), wide, ir.Constant(I32, 0))
        return b.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, lanes), None))

    def _wide(self, value: Any, t: Any, lanes: int) -> Any:
        if t.is_float:
            return value
        b, bits = self.k.builder, element_type(t).width
        wide = ir.VectorType(self.sums.kind, lanes) if lanes > 1 else self.sums.kind
        if bits == self.sums.bits:
            return value
        if bits > self.sums.bits:
            return b.trunc(value, wide)
        return b.sext(value, wide) if is_signed(t) else b.zext(value, wide)


__all__ = ["contract_events"]
