"""Constant matrices in the order in which a vector unit reads them, and how it multiplies.

A matrix [m, k] becomes panels of as many outputs as there are accumulators: [panel][k // group][output][group].
Outputs lie along the lanes of a vector, so that one element of the activations, in all lanes, meets a vector of
weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Type

from .memory import I8, I32, element_type, is_signed, storage_bits
from .semiring import Sums
from .target import Target

Kind = Literal["floats", "plain", "bytes", "pairs", "xor", "and"]


@dataclass(frozen=True, slots=True)
class Form:
    """How products are made: `lanes` sums side by side, each of `group` neighbours along the summed index a step.

    `floats` and `plain` multiply one by one, in the accumulator's own type. `bytes` is u8 x i8 by fours (VNNI),
    `pairs` i16 x i16 by twos; `xor` and `and` count bits of 32-bit words. The sum of `xor` and `and` is
    `correction[output] + factor * count`, that of `bytes` starts at the correction.
    """

    kind: Kind
    lanes: int
    group: int
    lane: Any                 # LLVM's type of one accumulator
    weight: Any               # LLVM's type of one stored weight
    flip: int = 0             # what activations are xor-ed with as they are packed: 128 turns i8 into u8
    factor: int = 1
    correction: NDArray[np.int64] | None = None

    @property
    def packs(self) -> bool:
        """True where activations are read as 32-bit words of `group` neighbours."""
        return self.group > 1

    @property
    def activation_bits(self) -> int:
        """The bits of one activation in such a word."""
        return 32 // self.group


def form_of(target: Target, x: Type, weights: NDArray[Any], sums: Sums) -> Form:
    """Choose how a matrix of raw numbers [m, k] and elements of a type are multiplied."""
    if sums.result.is_float:
        kind = element_type(sums.result)
        return Form("floats", target.vector_bits // sums.result.width, 1, kind, kind)
    lanes, low, high = target.vector_bits // 32, int(weights.min()), int(weights.max())
    if fits_32_bits(weights, x, sums):
        if storage_bits(x) == 8 and (x.is_spin or x.is_bit) and (found := _by_bits(weights, x, lanes)):
            return found
        if storage_bits(x) == 8 and target.vnni and low >= -128 and high <= 127:
            flip = 128 if is_signed(x) else 0
            sums_of_weights = weights.astype(np.int64).sum(axis=1)
            return Form("bytes", lanes, 4, I32, I8, flip, correction=-flip * sums_of_weights if flip else None)
        if target.is_x86 and x.lowest >= -(1 << 15) and x.highest < 1 << 15 and low >= -(1 << 15) and high < 1 << 15:
            return Form("pairs", lanes, 2, I32, I8 if low >= -128 and high <= 127 else ir.IntType(16))
    bits = max(32, sums.bits)
    width = next(n for n in (8, 16, 32, 64, bits) if n == bits or -(1 << (n - 1)) <= low <= high < 1 << (n - 1))
    return Form("plain", max(2, target.vector_bits // bits), 1, ir.IntType(bits), ir.IntType(width))


def fits_32_bits(weights: NDArray[Any], x: Type, sums: Sums) -> bool:
    """Tell whether 32 bits are enough: the result has no more, or no sum needs more."""
    if sums.bits <= 32:
        return True
    largest = float(max(abs(x.lowest), abs(x.highest)))
    return float(np.abs(weights.astype(np.float64)).sum(axis=1).max()) * largest < 1 << 30


def _by_bits(weights: NDArray[Any], x: Type, lanes: int) -> Form | None:
    """Count bits, where weights are -1 and +1 or 0 and 1 (the inner product of Hubara et al. 2016, by XNOR).

    Of spins the product is -1 where bits differ: k - 2 * count(x ^ w). A bit is (spin + 1) / 2.
    """
    values = set(np.unique(weights).tolist())
    total, k = weights.astype(np.int64).sum(axis=1), weights.shape[1]
    if values <= {-1, 1}:
        correction = np.full(len(weights), k) if x.is_spin else (k + total) // 2
        return Form("xor", lanes, 32, I32, I32, 0, -2 if x.is_spin else -1, correction)
    if values <= {0, 1}:
        return Form("and", lanes, 32, I32, I32, int(x.is_spin), -2 if x.is_spin else 1, total if x.is_spin else None)
    return None


@dataclass(frozen=True, slots=True)
class Panels:
    """A packed matrix: `full` panels of `vectors` vectors of outputs, and a last one of `last` vectors (or 0).

    `rest` is the number of outputs in the last panel, `groups` the number of steps along the sum.
    """

    data: NDArray[Any]
    full: int
    vectors: int
    last: int
    rest: int
    groups: int


def panels_of(weights: NDArray[Any], form: Form, vectors: int) -> Panels:
    """Pack a matrix [m, k]; missing weights are zero bits."""
    m, k = weights.shape
    if weights.dtype == object:  # unsigned numbers of 64 bits: what is multiplied modulo 2**64 may have a sign
        weights = (weights % (1 << 64)).astype(np.uint64)
    width, groups = vectors * form.lanes, -(-k // form.group)
    full, rest = divmod(m, width)
    last = -(-rest // form.lanes)
    padded = np.zeros((full * width + last * form.lanes, groups * form.group), weights.dtype)
    padded[:m, :k] = weights
    if form.kind in ("xor", "and"):
        stored = np.packbits(padded > 0, axis=1, bitorder="little").view("<u4")
    else:
        stored = padded.astype(_dtype(form.weight))
    cells = stored.reshape(len(padded), groups, -1)
    whole = cells[:full * width].reshape(full, width, groups, cells.shape[2]).transpose(0, 2, 1, 3)
    end = cells[full * width:].transpose(1, 0, 2)
    return Panels(np.concatenate([whole.ravel(), end.ravel()]), full, vectors, last, rest, groups)


def _dtype(kind: Any) -> np.dtype[Any]:
    if isinstance(kind, ir.IntType):
        return np.dtype(f"i{kind.width // 8}")
    return np.dtype(np.float32 if isinstance(kind, ir.FloatType) else np.float64)
