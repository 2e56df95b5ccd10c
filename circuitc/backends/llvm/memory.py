"""How values lie in memory: compact element types, records of registers, and the way from and to raw numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Type

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER: Any = ir.PointerType()
ALIGN = 64


def rounded(bits: int) -> int:
    """Give the integer width that computes with this many bits: 8, 16, 32, 64, then multiples of 64."""
    return next((n for n in (8, 16, 32, 64) if n >= bits), -(-bits // 64) * 64)


def storage_bits(t: Type) -> int:
    """Give the bits of one stored element."""
    return t.width if t.is_float else rounded(t.width)


def is_signed(t: Type) -> bool:
    """Tell whether stored elements are sign-extended (spins are stored as -1 and +1)."""
    return t.signed or t.is_spin


def element_type(t: Type) -> Any:
    """Give LLVM's type of one stored element."""
    if t.is_float:
        return ir.FloatType() if t.width == 32 else ir.DoubleType()
    return ir.IntType(storage_bits(t))


def compact_dtype(t: Type) -> np.dtype[Any]:
    """Give numpy's type of one stored element."""
    if t.is_float:
        return t.dtype
    return np.dtype(f"{'i' if is_signed(t) else 'u'}{storage_bits(t) // 8}")


def c_type(t: Type) -> str:
    """Give C's type of one stored element."""
    if t.is_float:
        return "float" if t.width == 32 else "double"
    return f"{'' if is_signed(t) else 'u'}int{storage_bits(t)}_t"


def bytes_of(t: Type) -> int:
    """Give the bytes of a whole value."""
    return t.size * storage_bits(t) // 8


def to_compact(t: Type, raw: NDArray[Any]) -> NDArray[Any]:
    """Bring raw numbers to compact storage."""
    return np.ascontiguousarray(raw, dtype=compact_dtype(t))


def from_compact(t: Type, stored: NDArray[Any]) -> NDArray[Any]:
    """Bring stored elements to raw numbers in the type's own dtype."""
    return stored.astype(t.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class Record:
    """A C struct of values, each at its natural alignment: offsets and size in bytes."""

    types: tuple[Type, ...]
    offsets: tuple[int, ...]
    size: int


def record(types: Sequence[Type]) -> Record:
    """Lay out values in a struct as a C compiler does."""
    offsets: list[int] = []
    end, most = 0, 1
    for t in types:
        align = storage_bits(t) // 8
        end = -(-end // align) * align
        offsets.append(end)
        end += bytes_of(t)
        most = max(most, align)
    return Record(tuple(types), tuple(offsets), -(-end // most) * most)


def aligned_up(size: int) -> int:
    """Round a size up to whole cache lines."""
    return -(-size // ALIGN) * ALIGN


def aligned_zeros(size: int) -> NDArray[np.uint8]:
    """Make a zeroed buffer that starts at a cache line."""
    whole = np.zeros(size + ALIGN, np.uint8)
    start = -whole.ctypes.data % ALIGN
    return whole[start:start + size]
