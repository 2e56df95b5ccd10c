"""Contractions: loop nests in the order that memory likes, and rows of non-zeros for sparse constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from circuitc.ir import Node
from circuitc.ir.ops.reductions import Subscripts, subscripts

from .body import Body, Leaf, Loops, View, offset_of
from .events import contract_events
from .memory import element_type
from .product import contract_product
from .semiring import Sums, sums_of
from .sparse import contract_sparse
from .sparse_block import contract_sparse_block

_SHORT = 16  # a dot product shorter than this is not worth a vector register of partial sums


@dataclass(frozen=True, slots=True)
class _Access:
    """The operands of one contraction: leaves by operand, and which letters index which."""

    subs: Subscripts
    sums: Sums
    leaves: dict[int, Leaf]
    indexed: tuple[tuple[int, str], ...]  # (operand value, letters): a, b, and where

    def step(self, letter: str) -> int:
        """Tell the largest step in memory that one step of a letter makes (0 where nothing depends on it)."""
        steps = [0]
        for value, letters in self.indexed:
            leaf = self.leaves[value]
            if letter in letters and isinstance(leaf, View):
                steps.append(abs(leaf.strides[letters.index(letter)]))
        return max(steps)


def contract(body: Body, value: int, node: Node) -> None:
    """Write a contraction as loops; where a constant asks for sparse storage, over its non-zeros only."""
    subs, sums = subscripts([body.type(v) for v in node.operands], node.attributes), sums_of(body, node)
    out = body.buffer(node.type, value)
    if any(written(body, node, subs, sums, out) for written in (
            contract_events, contract_sparse, contract_sparse_block, contract_product)):
        body.hold(value, out)
        return
    letters = [subs.a, subs.b, *([subs.where] if subs.where else [])]
    access = _Access(subs, sums, {v: body.leaf(v) for v in node.operands},
                     tuple(zip(node.operands, letters, strict=False)))
    with Loops(body, out, access.leaves, "contract", shape=(), joined=False) as loops:
        _Nest(loops, access, out, node).write()
    body.hold(value, out)


class _Nest:
    """The loop nest of one contraction, written in one of two forms.

    *dot*: one accumulator in a register for each result element, the innermost loop runs along a summed index.
    *rows*: accumulators lie in the result, the innermost loop runs along the result's last index.
    """

    def __init__(self, loops: Loops, access: _Access, out: View, node: Node) -> None:
        self.loops, self.access, self.out, self.node = loops, access, out, node
        self.kernel, self.sums, self.subs = loops.kernel, access.sums, access.subs

    def write(self) -> None:
        subs, access = self.subs, self.access
        summed = sorted(subs.contracted, key=lambda c: -access.step(c))
        last = subs.result[-1:]
        dot = bool(summed) and access.step(summed[-1]) <= 1
        rows = bool(last) and access.step(last) <= 1 and self.sums.stores_accumulator and bool(summed)
        if rows and not (dot and subs.sizes[summed[-1]] >= _SHORT):
            self._rows(summed, last)
        else:
            self._dot(summed)

    def _load(self, operand: int, at: dict[str, Any]) -> Any:
        value, letters = self.access.indexed[operand]
        return self.loops.load(value, [at[c] for c in letters])

    def _init(self, at: dict[str, Any]) -> Any:
        if self.sums.init is None:
            return self.sums.start(self.kernel, None)
        init = self.loops.load(self.node.operands[-1], [at[c] for c in self.subs.result])
        return self.sums.start(self.kernel, init)

    def _joined(self, total: Any, at: dict[str, Any]) -> Any:
        term = self.sums.term(self.kernel, self._load(0, at), self._load(1, at))
        where = self._load(2, at) if self.subs.where is not None else None
        return self.sums.join(self.kernel, total, term, where)

    def _place(self, at: dict[str, Any]) -> Any:
        offset = offset_of(self.kernel, [at[c] for c in self.subs.result], self.out.strides)
        return self.kernel.at(self.kernel.arguments[0], offset, element_type(self.out.type))

    def _dot(self, summed: list[str]) -> None:
        kernel, b, sizes = self.kernel, self.kernel.builder, self.subs.sizes
        with kernel.loops([sizes[c] for c in self.subs.result]) as outer:
            at = dict(zip(self.subs.result, outer, strict=True))
            total = kernel.slot(self.sums.kind)
            b.store(self._init(at), total)
            with kernel.loops([sizes[c] for c in summed]) as inner:
                joined = self._joined(kernel.load(total, self.sums.kind), at | dict(zip(summed, inner, strict=True)))
                b.store(joined, total)
            b.store(self.sums.finish(kernel, kernel.load(total, self.sums.kind)), self._place(at))

    def _rows(self, summed: list[str], last: str) -> None:
        kernel, b, sizes = self.kernel, self.kernel.builder, self.subs.sizes
        before = self.subs.result[:-1]
        with kernel.loops([sizes[c] for c in before]) as outer:
            at = dict(zip(before, outer, strict=True))
            with kernel.loop(sizes[last]) as j:
                b.store(self._init(at | {last: j}), self._place(at | {last: j}))
            with kernel.loops([sizes[c] for c in summed]) as inner, kernel.loop(sizes[last]) as j:
                here = at | dict(zip(summed, inner, strict=True)) | {last: j}
                place = self._place(here)
                b.store(self._joined(kernel.load(place, self.sums.kind), here), place)

