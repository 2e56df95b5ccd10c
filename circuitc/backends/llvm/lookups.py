"""Tables of small numbers in vector registers: 64 entries looked up at a time, where LLVM would fetch one by one.

A permutation of bytes (AVX-512's vpermi2b) takes each of 64 places from 128 bytes in two registers, by the low seven
bits of its index. A longer table is one permutation for each of its pieces, and the index's other bits choose among
their results, two by two.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Node

from .body import Body, Deferred, Loops, View
from .kernel import Kernel, index, number
from .memory import I8, element_type, storage_bits, to_compact

LANES = 64
_PIECE, _PIECE_BITS = 128, 7
_MOST_BITS = 12  # of the index: 32 permutations for 64 entries
_BYTES = ir.VectorType(I8, LANES)


def table(body: Body, value: int, node: Node) -> None:
    """Look a tensor of indices up in a table, in registers where that is possible."""
    if not _fits(body, node):
        body.map(value, node)
        return
    indices, out = _indices(body, node.operands[0]), body.buffer(node.type, value)
    pieces = _pieces(to_compact(body.type(node.operands[1]), body.node(node.operands[1]).constant.array))
    data = View(body.unit.data(pieces), (1,), node.type.with_shape((1,)))
    with Loops(body, out, {0: indices, 1: data}, "lookup", shape=(), joined=False) as loops:
        _Lookup(loops, pieces.shape).write(node.type.size)
    body.release(indices)
    body.hold(value, out)


def _fits(body: Body, node: Node) -> bool:
    indices, entries = (body.type(v) for v in node.operands)
    if not body.unit.target.permutes_bytes or node.type.size < LANES or not body.node(node.operands[1]).is_constant:
        return False
    if indices.is_float or indices.is_spin or indices.width > _MOST_BITS or entries.is_float:
        return False
    same = storage_bits(entries) == storage_bits(node.type) and entries.fraction == node.type.fraction
    return same and entries.kind == node.type.kind and storage_bits(entries) <= 16 and entries.rank == 1


def _indices(body: Body, value: int) -> View:
    """Give the indices in memory without gaps, computed now where they wait for their user."""
    if not isinstance(body.held[value], Deferred):
        return body.packed(value)
    out = body.buffer(body.type(value))
    body.fill(out, value)
    return out


def _pieces(entries: NDArray[Any]) -> NDArray[np.uint8]:
    """Give the bytes of a table's entries: [byte of the entry, piece, place in it].

    A table shorter than a piece is repeated: the seven bits of an index below zero are ones above its own.
    """
    whole = np.resize(entries, max(_PIECE, len(entries)))
    size = whole.dtype.itemsize
    stored = whole.astype(whole.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, size)
    return np.ascontiguousarray(stored.T).reshape(size, -1, _PIECE)


class _Lookup:
    """The loop over blocks of 64 entries."""

    def __init__(self, loops: Loops, shape: tuple[int, ...]) -> None:
        self.kernel, self.out = loops.kernel, loops.out.type
        self.size, self.pieces, _ = shape
        self.kind = element_type(loops.views[0].type)
        self.target = loops.kernel.arguments[0]
        self.source, self.entries = loops.views[0].pointer, loops.views[1].pointer

    def write(self, count: int) -> None:
        k = self.kernel
        with k.loop(count // LANES) as block:
            self._block(k.builder.mul(block, index(LANES)))
        if count % LANES:
            self._block(index(count - LANES))  # some entries a second time

    def _block(self, start: Any) -> None:
        k, b = self.kernel, self.kernel.builder
        wide = _load(k, k.at(self.source, start, self.kind), ir.VectorType(self.kind, LANES))
        low, tests = self._taken_apart(wide)
        found = [self._byte(byte, low, tests) for byte in range(self.size)]
        result = found[0]
        if self.size == 2:
            lanes = ir.VectorType(ir.IntType(16), LANES)
            upper = b.shl(b.zext(found[1], lanes), ir.Constant(lanes, [number(16, 8)] * LANES))
            result = b.or_(b.zext(found[0], lanes), upper)
        b.store(result, k.at(self.target, start, element_type(self.out))).align = self.size

    def _taken_apart(self, wide: Any) -> tuple[Any, list[Any]]:
        """Give the indices' low bytes, and a test of each bit that chooses among pieces, the lowest first."""
        b = self.kernel.builder
        if self.kind.width == 8:
            low, high, shift = wide, wide, _PIECE_BITS
        else:
            low = b.trunc(wide, _BYTES)
            by = ir.Constant(wide.type, [number(self.kind.width, _PIECE_BITS)] * LANES)
            high, shift = b.trunc(b.lshr(wide, by), _BYTES), 0
        zero = ir.Constant(_BYTES, None)
        masks = [ir.Constant(_BYTES, [number(8, 1 << (shift + bit))] * LANES)
                 for bit in range(self.pieces.bit_length() - 1)]
        return low, [b.icmp_unsigned("!=", b.and_(high, mask), zero) for mask in masks]

    def _byte(self, byte: int, low: Any, tests: list[Any]) -> Any:
        """Look up one byte of the entries."""
        k, b = self.kernel, self.kernel.builder
        found: list[Any] = []
        for piece in range(self.pieces):
            first = (byte * self.pieces + piece) * _PIECE
            halves = [_load(k, k.at(self.entries, first + half), _BYTES) for half in (0, LANES)]
            found.append(k.intrinsic("llvm.x86.avx512.vpermi2var.qi.512", _BYTES, [halves[0], low, halves[1]]))
        for test in tests:
            found = [b.select(test, odd, even) for even, odd in zip(found[::2], found[1::2], strict=True)]
        return found[0]


def _load(kernel: Kernel, pointer: Any, kind: Any) -> Any:
    loaded = kernel.load(pointer, kind)
    loaded.align = kind.element.width // 8
    return loaded
