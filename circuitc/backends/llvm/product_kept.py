"""Matrix-vector products of bytes that leave out blocks of zeros: 4 inputs of 16, 32 or 64 neighbouring outputs.

A panel keeps the steps along the sum in which any of its weights is not zero, and for each the place of the activations
that it multiplies. Steps go in pairs, each with sums of its own, so that twice as many are under way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from .kernel import Kernel, index
from .memory import I8, I32, I64
from .panels import Form, Panels
from .product_plan import Plan

_WIDTHS = (4, 2, 1)        # vectors of outputs in a panel, to choose among
_FIRST_CACHE = 40 << 10    # bytes; a matrix of more is read from the second one
_FROM_SECOND = 45          # bytes a cycle
_WORTH = 0.85              # of the time of the dense product


@dataclass(frozen=True, slots=True)
class Kept(Panels):
    """Panels of which only some steps are stored: those of panel p are the pairs starts[p] to starts[p + 1].

    `words[pair][2]` are the bytes before the activations that a step multiplies.
    """

    starts: NDArray[np.int32]
    words: NDArray[np.int32]


def without_zeros(plan: Plan) -> Plan:
    """Give the plan with the steps that matter alone, where that is quicker for one row of activations."""
    if plan.rows.count != 1 or plan.form.kind != "bytes":
        return plan
    vectors, outputs = _vectors(plan.packed, plan.form), plan.outputs.count
    candidates = [_kept(vectors, outputs, width) for width in _WIDTHS if width <= len(vectors)]
    best = min(candidates, key=_cycles)
    read = vectors.shape[0] * vectors.shape[1]
    dense = _time(read + read / 8, plan.packed.data.nbytes)
    return replace(plan, packed=best) if _cycles(best) < _WORTH * dense else plan


def _vectors(packed: Panels, form: Form) -> NDArray[Any]:
    """Take panels apart: [vector of outputs, step, byte]."""
    width, split = form.lanes * form.group, packed.full * packed.groups * packed.vectors * form.lanes * form.group
    whole = packed.data[:split].reshape(packed.full, packed.groups, packed.vectors, width).transpose(0, 2, 1, 3)
    end = packed.data[split:].reshape(packed.groups, packed.last, width).transpose(1, 0, 2)
    return np.concatenate([whole.reshape(-1, packed.groups, width), end])


def _kept(vectors: NDArray[Any], outputs: int, width: int) -> Kept:
    """Pack panels of some vectors; a panel of an odd number of steps ends with one of zeros."""
    _, groups, size = vectors.shape
    count = -(-len(vectors) // width)
    padded = np.zeros((count * width, groups, size), vectors.dtype)
    padded[:len(vectors)] = vectors
    panels = padded.reshape(count, width, groups, size).transpose(0, 2, 1, 3)
    used = panels.any(axis=(2, 3))
    steps = used.sum(axis=1)
    pairs = -(-steps // 2)
    starts = np.zeros(count + 1, np.int32)
    np.cumsum(pairs, out=starts[1:])
    panel, group = np.nonzero(used)
    place = 2 * starts[panel] + np.arange(len(panel)) - np.repeat(np.cumsum(steps) - steps, steps)
    data = np.zeros((2 * max(1, starts[-1]), width, size), vectors.dtype)
    words = np.zeros(len(data), np.int32)
    data[place], words[place] = panels[panel, group], 4 * group
    lanes = size // 4
    full, rest = divmod(outputs, width * lanes)
    return Kept(data.ravel(), full, width, width if rest else 0, rest, groups, starts, words)


def _cycles(kept: Kept) -> float:
    """Estimate the time of a product: a step loads its place, its activations and its weights."""
    return _time(len(kept.words) * (2 + kept.vectors), kept.data.nbytes)


def _time(loads: float, size: int) -> float:
    return max(loads / 2, size / _FROM_SECOND if size > _FIRST_CACHE else 0)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Where a kernel finds the pairs of a panel: how many there are, their weights, and the places of activations."""

    count: Any
    weights: Any
    words: Any


def pairs_of(kernel: Kernel, kept: Kept, form: Form, starts: Any, words: Any, weights: Any, panel: Any) -> Pairs:
    """Find the pairs of a panel."""
    b = kernel.builder
    begin, end = (b.zext(kernel.load(kernel.at(starts, b.add(panel, index(k)), I32), I32), I64) for k in (0, 1))
    first = b.mul(begin, index(2))
    size = kept.vectors * form.lanes * form.group
    return Pairs(b.sub(end, begin), kernel.at(weights, b.mul(first, index(size)), I8), kernel.at(words, first, I32))


def sum_pairs(kernel: Kernel, kept: Kept, form: Form, pairs: Pairs, x: Any, slots: list[list[Any]]) -> None:
    """Add the products of all pairs of a panel to the slots of sums [step of the pair][vector]."""
    b, kind = kernel.builder, ir.VectorType(form.lane, form.lanes)
    bytes_, wide = form.lanes * form.group, ir.VectorType(I8, form.lanes * form.group)
    with kernel.loop(pairs.count) as pair:
        for step in (0, 1):
            which = b.add(b.mul(pair, index(2)), index(step))
            word = kernel.load(kernel.at(x, b.zext(kernel.load(kernel.at(pairs.words, which, I32), I32), I64)), I32)
            word.align = 1
            one = b.insert_element(ir.Constant(kind, ir.Undefined), word, ir.Constant(I32, 0))
            all_ = b.bitcast(b.shuffle_vector(one, ir.Constant(kind, ir.Undefined),
                                              ir.Constant(ir.VectorType(I32, form.lanes), None)), wide)
            here = kernel.at(pairs.weights, b.mul(which, index(kept.vectors * bytes_)))
            for v, slot in enumerate(slots[step]):
                w = kernel.load(kernel.at(here, v * bytes_), wide)
                w.align = 4
                total = kernel.intrinsic(f"llvm.x86.avx512.vpdpbusd.{32 * form.lanes}", kind,
                                         [kernel.load(slot, kind), all_, w])
                b.store(total, slot)
