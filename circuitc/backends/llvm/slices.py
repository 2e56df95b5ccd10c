"""Sparse matrix times vector in vector registers: slices of 16 rows whose activations come from one window of columns.

A slice keeps 16 rows side by side, as sliced ELLPACK does (Monakov et al. 2010). Instead of gathering from memory, each
step permutes a window of the activations that lies in two registers (32 floats or 128 bytes): one instruction fetches
what the next non-zeros of all 16 rows need. A step is a window's first column and, for each row, `group` places in the
window with their weights; the next step's window starts where the row that lags most goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Type

from .kernel import Kernel, index, number
from .memory import ALIGN, I8, I32, I64, is_signed, storage_bits
from .panels import fits_32_bits
from .reductions import REASSOCIATE
from .semiring import Sums
from .target import Target

LANES = 16


@dataclass(frozen=True, slots=True)
class Window:
    """How a step multiplies: `group` numbers a row, out of `columns` columns; `flip` turns i8 into u8."""

    columns: int
    group: int
    flip: int = 0


@dataclass(frozen=True, slots=True)
class Slices:
    """A packed matrix: slice s has the steps starts[s] to starts[s + 1].

    Step t takes `places[t]` of the window at bases[t].
    """

    starts: NDArray[np.int32]
    bases: NDArray[np.int32]
    places: NDArray[np.uint8]   # [step, row, group]
    values: NDArray[Any]        # [step, row, group]


def window_of(target: Target, x: Type, weights: NDArray[Any], sums: Sums) -> Window | None:
    """Choose how steps multiply a matrix [rows, columns]; None where the processor cannot permute so."""
    if not (target.is_x86 and target.vector_bits == 512):
        return None
    if x.is_float:
        return Window(32, 1) if x.width == 32 and weights.shape[1] >= 32 else None
    small = storage_bits(x) == 8 and int(weights.min()) >= -128 and int(weights.max()) <= 127
    if target.permutes_bytes and target.vnni and small and weights.shape[1] >= 128 and fits_32_bits(weights, x, sums):
        return Window(128, 4, 128 if is_signed(x) else 0)
    return None


def slices_of(weights: NDArray[Any], window: Window) -> Slices:
    """Pack a matrix [rows, columns]."""
    rows, columns = weights.shape
    count = -(-rows // LANES)
    last = int((weights != 0).sum(axis=1).max())
    where = np.full((count * LANES, last + 1), columns)        # columns of non-zeros, then `columns` for none
    what = np.zeros((count * LANES, last + 1), weights.dtype)
    order = np.argsort(weights == 0, axis=1, kind="stable")[:, :last]
    what[:rows, :last] = np.take_along_axis(weights, order, axis=1)
    where[:rows, :last] = np.where(what[:rows, :last] != 0, order, columns)
    at = np.zeros(count * LANES, np.int64)
    lanes = np.arange(count * LANES)
    steps: list[tuple[Any, ...]] = []
    while (active := where[lanes, at].reshape(count, LANES).min(axis=1) < columns).any():
        base = np.minimum(where[lanes, at].reshape(count, LANES).min(axis=1), columns - window.columns)
        places, values = [], []
        for _ in range(window.group):
            column = where[lanes, at]
            taken = (column < np.repeat(base, LANES) + window.columns) & (column < columns)
            places.append(np.where(taken, column - np.repeat(base, LANES), 0))
            values.append(np.where(taken, what[lanes, at], 0))
            at += taken
        shape = (count, LANES, window.group)
        steps.append((np.flatnonzero(active), base[active], np.stack(places, 1).reshape(shape)[active],
                      np.stack(values, 1).reshape(shape)[active]))
    return _by_slice(steps, count, window, weights.dtype)


def _by_slice(steps: list[tuple[Any, ...]], count: int, window: Window, dtype: np.dtype[Any]) -> Slices:
    """Bring the steps of all slices, found side by side, into the order of slices."""
    if not steps:
        shape = (1, LANES, window.group)
        steps = [(np.zeros(0, int), np.zeros(1), np.zeros(shape), np.zeros(shape))]
    slices, bases, places, values = (np.concatenate(part) for part in zip(*steps, strict=True))
    starts = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(slices, minlength=count), out=starts[1:])
    order = np.argsort(slices, kind="stable") if len(slices) else slice(None)
    stored = np.dtype(np.int8) if window.group == 4 else dtype
    return Slices(starts, bases[order].astype(np.int32), places[order].astype(np.uint8), values[order].astype(stored))


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where a kernel finds a packed matrix and the activations."""

    starts: Any
    bases: Any
    places: Any
    values: Any
    x: Any


def sum_slice(kernel: Kernel, window: Window, at: Pointers, which: Any, sums: Sums) -> Any:
    """Sum the 16 rows of a slice; answer a slot of [16 x f32 or i32]."""
    b = kernel.builder
    kind = ir.VectorType(ir.FloatType() if sums.result.is_float else I32, LANES)
    total = kernel.slot(kind)
    total.align = ALIGN
    b.store(ir.Constant(kind, None), total)
    begin = b.zext(kernel.load(kernel.at(at.starts, which, I32), I32), I64)
    end = b.zext(kernel.load(kernel.at(at.starts, b.add(which, index(1)), I32), I32), I64)
    with kernel.loop(b.sub(end, begin)) as k:
        step = b.add(begin, k)
        base = b.zext(kernel.load(kernel.at(at.bases, step, I32), I32), I64)
        make = _bytes if window.group == 4 else _floats
        b.store(make(kernel, window, at, step, base, kernel.load(total, kind)), total)
    return total


def _floats(kernel: Kernel, window: Window, at: Pointers, step: Any, base: Any, total: Any) -> Any:
    b, f32 = kernel.builder, ir.FloatType()
    kind, places = ir.VectorType(f32, LANES), ir.VectorType(I32, LANES)
    low, high = (_load(kernel, kernel.at(kernel.at(at.x, base, f32), half * LANES, f32), kind, 4) for half in (0, 1))
    first = b.mul(step, index(LANES))
    chosen = b.zext(_load(kernel, kernel.at(at.places, first), ir.VectorType(I8, LANES), 1), places)
    x = kernel.intrinsic("llvm.x86.avx512.vpermi2var.ps.512", kind, [low, chosen, high])
    w = _load(kernel, kernel.at(at.values, first, f32), kind, 4)
    return b.fadd(total, b.fmul(w, x, flags=REASSOCIATE), flags=REASSOCIATE)


def _bytes(kernel: Kernel, window: Window, at: Pointers, step: Any, base: Any, total: Any) -> Any:
    b, kind = kernel.builder, ir.VectorType(I8, 4 * LANES)
    low, high = (_load(kernel, kernel.at(kernel.at(at.x, base), half * 64), kind, 1) for half in (0, 1))
    first = b.mul(step, index(4 * LANES))
    chosen, w = (_load(kernel, kernel.at(p, first), kind, 1) for p in (at.places, at.values))
    x = kernel.intrinsic("llvm.x86.avx512.vpermi2var.qi.512", kind, [low, chosen, high])
    if window.flip:
        x = b.xor(x, ir.Constant(kind, [number(8, window.flip)] * 64))
    return kernel.intrinsic("llvm.x86.avx512.vpdpbusd.512", total.type, [total, x, w])


def _load(kernel: Kernel, pointer: Any, kind: Any, align: int) -> Any:
    loaded = kernel.load(pointer, kind)
    loaded.align = align
    return loaded
