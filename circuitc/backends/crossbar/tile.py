"""One tile of an array: the level of every device, and what its wires stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
NONE = -1


@dataclass(frozen=True)
class Tile:
    """One tile: the level of every device, and what its wordlines and bitlines stand for.

    `level`, `fault` and `weight` are [rows, columns] (`weight` the whole weight that a device contributes to).
    `row_input` and `column_output` are indices into the region's inputs and outputs, NONE where unused; `row_role` and
    `column_role` index the encoding's roles (one more for its shared bitline), `column_slice` counts digits.
    """

    level: NDArray[np.uint8]
    fault: NDArray[np.uint8]
    weight: Integers
    compensates: NDArray[np.bool_]
    row_input: Integers
    row_role: Integers
    column_output: Integers
    column_role: Integers
    column_slice: Integers

    @property
    def used(self) -> NDArray[np.bool_]:
        """Where a device lies that the model needs: on a used wordline and a used bitline."""
        bitlines = (self.column_output != NONE) | (self.column_role != NONE)
        return (self.row_input != NONE)[:, None] & bitlines[None, :]
