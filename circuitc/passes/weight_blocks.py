"""Blocks of weights that go or stay as one: rectangles of a matrix [outputs, inputs], the last ones cut at its ends.

A vector unit multiplies some neighbouring inputs by some neighbouring outputs at once (of int8, AVX-512 VNNI takes 4 by
16); only where all of these weights are zero can it leave the instruction out.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error

NEURONS = "neurons"
_MOST = 1 << 16


def read_block(text: str) -> tuple[int, int]:
    """Read `IxO` as inputs and outputs of a block; nothing, or NEURONS, leaves weights alone."""
    if text in ("", NEURONS):
        return 1, 1
    found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(0 < side <= _MOST for side in sides):
        raise error(f"prune: a block is inputs x outputs such as 4x16, each 1 to {_MOST}, or neurons, got {text!r}")
    return sides


def pooled(scores: NDArray[np.float64], block: tuple[int, int]) -> NDArray[np.float64]:
    """Give the root mean square of each block of a matrix: f64[block rows, block columns]."""
    starts = _starts(scores.shape, block)
    sums = np.add.reduceat(np.add.reduceat(scores ** 2, starts[0], axis=0), starts[1], axis=1)
    return np.sqrt(sums / np.outer(*(np.diff([*s, n]) for s, n in zip(starts, scores.shape, strict=True))))


def spread(kept: NDArray[np.bool_], shape: tuple[int, int], block: tuple[int, int]) -> NDArray[np.bool_]:
    """Give what holds for blocks to all their weights: bool[outputs, inputs]."""
    inputs, outputs = block
    return kept.repeat(outputs, axis=0)[:shape[0]].repeat(inputs, axis=1)[:, :shape[1]]


def _starts(shape: tuple[int, ...], block: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    inputs, outputs = block
    return np.arange(0, shape[0], outputs), np.arange(0, shape[1], inputs)


__all__ = ["NEURONS", "pooled", "read_block", "spread"]
