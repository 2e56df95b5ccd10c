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
    `measured`, of a tile that a lab has read, is [rows, columns] in siemens, nan where nothing was; `error` is the
    share of itself by which that may be off.
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
    measured: NDArray[np.float64] | None = None
    error: float = 0.0

    @property
    def used(self) -> NDArray[np.bool_]:
        """Where a device lies that the model needs: on a used wordline and a used bitline."""
        bitlines = (self.column_output != NONE) | (self.column_role != NONE)
        return (self.row_input != NONE)[:, None] & bitlines[None, :]
