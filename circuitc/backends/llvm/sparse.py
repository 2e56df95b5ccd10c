"""Matrix-vector products with a constant stored as its non-zeros: rows of single numbers, or groups of neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Constant, Node, Type
from circuitc.ir.constant import BLOCK
from circuitc.ir.ops.reductions import Subscripts

from .body import Body, Leaf, Loops, View
from .kernel import Kernel, index
from .memory import I32, I64, element_type, is_signed
from .panels import form_of
from .reductions import REASSOCIATE
from .semiring import Sums
from .slices import LANES, Pointers, Window, slices_of, sum_slice, window_of

_STEP = 4  # instructions of a step of slices


@dataclass(frozen=True, slots=True)
class _Packed:
    """A sparse matrix: row r holds the groups starts[r] to starts[r + 1], each `group` columns from columns[g] on.

    `length` is the number of groups of every row where all have as many; starts are then not needed.
    """

    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: NDArray[Any]
    group: int = 1
    length: int = 0


def contract_sparse(body: Body, node: Node, subs: Subscripts, sums: Sums, out: View) -> bool:
    """Write a (+,*) product of a sparse constant matrix and a vector; False where the contraction is another."""
    matrix = sparse_operand(body, node)
    if matrix is None or sums.semiring != "plus_times" or subs.where or len(subs.result) != 1:
        return False
    if (subs.a, subs.b)[1 - matrix] != subs.contracted:
        return False
    letters = (subs.a, subs.b)[matrix]
    weights = body.node(node.operands[matrix]).constant
    array = weights.array if letters[0] == subs.result else weights.array.T
    vector = node.operands[1 - matrix]
    window = window_of(body.unit.target, body.type(vector).scalar, array, sums)
    if _dense_is_quicker(body, body.type(vector).scalar, array, sums, window):
        return False
    if window is not None and (window.group > 1 or weights.storage != "block"):  # groups of floats are faster as such
        _by_slices(body, node, sums, out, vector, array, window)
        return True
    packed = _pack(weights, array)
    pointers = [body.unit.data(packed.starts), body.unit.data(packed.columns),
                body.unit.constant(weights.type, packed.values)]
    leaves: dict[int, Leaf] = {vector: body.leaf(vector) if packed.group == 1 else body.packed(vector)}
    if sums.init is not None:
        leaves.setdefault(node.operands[-1], body.leaf(node.operands[-1]))
    for k, pointer in enumerate(pointers):  # operands have keys from 0
        leaves[-1 - k] = View(pointer, (1,), weights.type.with_shape((1,)))
    with Loops(body, out, leaves, weights.storage, shape=node.type.shape, joined=False) as loops:
        (_row if packed.group == 1 else _row_of_groups)(loops, node, sums, (vector, matrix), packed)
    return True


def _dense_is_quicker(body: Body, x: Type, array: NDArray[Any], sums: Sums, window: Window | None) -> bool:
    """Tell whether a product of all numbers, zeros too, takes fewer instructions than one of the others alone.

    Small integers are multiplied 64 at a time where they lie side by side. A step of slices loads, permutes and
    multiplies as many, a single number costs about as much as such an instruction. Of floats, zeros also cost memory.
    """
    if sums.result.is_float or not array.size:
        return False
    form = form_of(body.unit.target, x, array, sums)
    if form.kind != "bytes" or 2 * len(array) < form.lanes:
        return False
    dense = -(-len(array) // form.lanes) * -(-array.shape[1] // form.group)
    numbers = int(np.count_nonzero(array))
    return dense < (numbers if window is None else _STEP * len(slices_of(array, window).bases))


def _by_slices(body: Body, node: Node, sums: Sums, out: View, vector: int, array: NDArray[Any], window: Window) -> None:
    """Write the product slice by slice, see slices.py."""
    packed = slices_of(array, window)
    parts = [packed.starts, packed.bases, packed.places, packed.values]
    leaves: dict[int, Leaf] = {vector: body.packed(vector)}
    if sums.init is not None:
        leaves.setdefault(node.operands[-1], body.leaf(node.operands[-1]))
    if window.flip:
        parts.append((-window.flip * array.astype(np.int64).sum(axis=1)).astype(np.int32))
    for k, part in enumerate(parts):  # operands have keys from 0
        leaves[-1 - k] = View(body.unit.data(part), (1,), node.type.with_shape((1,)))
    with Loops(body, out, leaves, "slices", shape=(), joined=False) as loops:
        k, b = loops.kernel, loops.kernel.builder
        starts, bases, places, values = (loops.views[-1 - i].pointer for i in range(4))
        at = Pointers(starts, bases, places, values, loops.views[vector].pointer)
        rows, lane = len(array), ir.FloatType() if sums.result.is_float else I32
        for count, lanes in ((rows // LANES, LANES), (1, rows % LANES)):
            if not count or not lanes:
                continue
            first = 0 if lanes == LANES else rows // LANES
            with k.loop(count + first, first) as which:
                total = sum_slice(k, window, at, which, sums)
                with k.loop(lanes) as j:
                    row = b.add(b.mul(which, index(LANES)), j)
                    value = k.load(k.at(total, j, lane), lane)
                    if window.flip:
                        value = b.add(value, k.load(k.at(loops.views[-5].pointer, row, I32), I32))
                    init = loops.load(node.operands[-1], [row]) if sums.init is not None else None
                    place = k.at(k.arguments[0], row, element_type(out.type))
                    b.store(sums.finish(k, sums.completed(k, value, init)), place)


def sparse_operand(body: Body, node: Node) -> int | None:
    """Tell which operand is a matrix stored as its non-zeros, 0 or 1."""
    for k in (0, 1):
        operand = body.node(node.operands[k])
        if operand.is_constant and operand.constant.storage in ("csr", "block", "nm") and operand.type.rank == 2:
            return k
    return None


def _pack(weights: Constant, array: NDArray[Any]) -> _Packed:
    """Pack a matrix as its storage asks; groups need columns that they divide, else single numbers are kept."""
    if weights.storage == "block" and array.shape[1] % BLOCK == 0:
        groups = array.reshape(len(array), -1, BLOCK)
        starts, columns, values = _kept((groups != 0).any(axis=2), groups)
        return _Packed(starts, columns * BLOCK, values.reshape(-1), BLOCK)
    if weights.storage == "nm":
        return _even_rows(array)
    return _Packed(*pack_rows(array))


def pack_rows(array: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any]]:
    """Give row starts, columns and values of the non-zeros."""
    return _kept(array != 0, array)


def _kept(kept: NDArray[np.bool_], array: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any]]:
    """Give row starts, columns and content of what is kept (at least one entry, as no array is empty)."""
    row, column = np.nonzero(kept)
    starts = np.zeros(len(kept) + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=len(kept)), out=starts[1:])
    values = array[row, column]
    return (starts, column.astype(np.int32), values) if len(values) else (
        starts, np.zeros(1, np.int32), np.zeros_like(array[:1, 0]))


def _even_rows(array: NDArray[Any]) -> _Packed:
    """Give every row as many entries as the fullest has; the spare ones are zeros of the row itself."""
    length = max(1, int((array != 0).sum(axis=1).max()))
    columns = np.sort(np.argsort(array == 0, axis=1, kind="stable")[:, :length], axis=1)
    values = np.take_along_axis(array, columns, axis=1)
    return _Packed(np.zeros(1, np.int32), columns.astype(np.int32).ravel(), values.ravel(), 1, length)


def _row(loops: Loops, node: Node, sums: Sums, operands: tuple[int, int], packed: _Packed) -> None:
    """Sum one row: each value times the vector's element at its column."""
    k, b, row = loops.kernel, loops.kernel.builder, loops.indices[0]
    vector, matrix = operands
    starts, columns, values = (loops.views[-1 - i].pointer for i in range(3))
    kind = element_type(sums.types[matrix])
    if packed.length:
        begin, count = b.mul(row, index(packed.length)), index(packed.length)
    else:
        begin = b.zext(k.load(k.at(starts, row, I32), I32), I64)
        count = b.sub(b.zext(k.load(k.at(starts, b.add(row, index(1)), I32), I32), I64), begin)
    init = loops.load(node.operands[-1], [row]) if sums.init is not None else None
    total = k.slot(sums.kind)
    b.store(sums.start(k, init), total)
    with k.loop(count) as i:
        at = b.add(begin, i)
        x = loops.load(vector, [b.zext(k.load(k.at(columns, at, I32), I32), I64)])
        w = k.load(k.at(values, at, kind), kind)
        term = sums.term(k, w, x) if matrix == 0 else sums.term(k, x, w)
        b.store(sums.join(k, k.load(total, sums.kind), term, None), total)
    loops.store(sums.finish(k, k.load(total, sums.kind)))


def _row_of_groups(loops: Loops, node: Node, sums: Sums, operands: tuple[int, int], packed: _Packed) -> None:
    """Sum one row of groups: BLOCK products at a time into as many partial sums, which are added at the end."""
    k, b, row = loops.kernel, loops.kernel.builder, loops.indices[0]
    vector, matrix = operands
    starts, columns, values = (loops.views[-1 - i].pointer for i in range(3))
    begin = b.zext(k.load(k.at(starts, row, I32), I32), I64)
    end = b.zext(k.load(k.at(starts, b.add(row, index(1)), I32), I32), I64)
    kind = ir.VectorType(sums.kind, BLOCK)
    partial = k.slot(sums.kind, BLOCK)
    b.store(ir.Constant(kind, None), partial)
    with k.loop(b.sub(end, begin), 0) as i:
        at = b.add(begin, i)
        column = b.zext(k.load(k.at(columns, at, I32), I32), I64)
        w = _wide(k, k.at(values, b.mul(at, index(BLOCK)), element_type(sums.types[matrix])), sums, matrix)
        x = _wide(k, k.at(loops.views[vector].pointer, column, element_type(sums.types[1 - matrix])), sums, 1 - matrix)
        so_far = b.load(partial, typ=kind)
        if sums.result.is_float:
            b.store(b.fadd(so_far, b.fmul(w, x, flags=("contract",)), flags=REASSOCIATE), partial)
        else:
            b.store(b.add(so_far, b.mul(w, x)), partial)
    init = loops.load(node.operands[-1], [row]) if sums.init is not None else None
    total, parts = sums.start(k, init), b.load(partial, typ=kind)
    for j in range(BLOCK):
        part = b.extract_element(parts, ir.Constant(I32, j))
        total = b.fadd(total, part, flags=REASSOCIATE) if sums.result.is_float else b.add(total, k.shift_left(
            part, sums.fraction - sums.types[0].fraction - sums.types[1].fraction))
    loops.store(sums.finish(k, total))


def _wide(k: Kernel, pointer: Any, sums: Sums, operand: int) -> Any:
    """Load BLOCK neighbours of an operand in the accumulator's type."""
    t = sums.types[operand]
    kind = element_type(t)
    loaded = k.builder.load(pointer, typ=ir.VectorType(kind, BLOCK))
    loaded.align = t.width // 8 if t.is_float else kind.width // 8
    if t.is_float or kind.width == sums.bits:
        return loaded
    wide = ir.VectorType(sums.kind, BLOCK)
    if kind.width > sums.bits:
        return k.builder.trunc(loaded, wide)
    return k.builder.sext(loaded, wide) if is_signed(t) else k.builder.zext(loaded, wide)
