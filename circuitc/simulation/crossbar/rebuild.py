"""What a bundle computes, read from the levels of its devices: weights and least sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle, drives, sense
from .schema import RegionMap

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Rebuilt:
    """A region as its devices hold it: `weights` [outputs, inputs], the least sums (None: the sums are wanted)."""

    weights: Integers
    least: Integers | None


def rebuild_region(bundle: Bundle, region: RegionMap, tile: int | None = None) -> Rebuilt:
    """Add up the digits that the devices of a region hold, on all tiles or on one."""
    weights = np.zeros((len(region.outputs), region.inputs), dtype=np.int64)
    lines = {tile.id: drives(tile) for tile in bundle.tiles_of(region)}
    for output in region.outputs:
        for term in (t for t in output.terms if tile in (None, t.tile)):
            rows, inputs, inverse = lines[term.tile]
            factors = sense(term, bundle.shape[1]).astype(np.int64)
            digits = bundle.levels[term.tile][rows] @ factors
            np.add.at(weights[output.index], inputs, np.where(inverse, -digits, digits) * region.base ** term.slice)
    least = [o.least for o in region.outputs]
    return Rebuilt(weights, None if None in least or not least else np.array(least, dtype=np.int64))
