"""Map a region to tiles: which device holds which digit of which weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import error

from .array import Array
from .encoding import Encoded, Encoding, encode, find_encoding
from .packing import pack
from .placing import Placer
from .regions import Region
from .tile import NONE, Tile


@dataclass(frozen=True)
class Mapped:
    """A region in tiles. `residual` adds up by how much faults leave weights wrong (0: every weight is right)."""

    region: Region
    encoded: Encoded
    why: str
    tiles: tuple[Tile, ...]
    residual: int = 0

    @property
    def encoding(self) -> Encoding:
        return self.encoded.encoding

    @property
    def split(self) -> int:
        """How many outputs are spread over several tiles."""
        tiles = np.concatenate([np.unique(t.column_output[t.column_output != NONE]) for t in self.tiles] or [[]])
        return int(np.count_nonzero(np.unique(tiles, return_counts=True)[1] > 1)) if len(tiles) else 0


def map_region(region: Region, array: Array, *, wish: str = "diff_pair", why: str = "asked for", seed: int = 0,
               effort: int = 80_000, faults: Sequence[Any] = ()) -> Mapped:
    """Pack the outputs into tiles in an encoding, and place them, dodging the faults that are known.

    `faults` holds for each tile, in order, its [rows, columns] of fault codes; tiles without one are healthy.
    """
    encoding = find_encoding(region, wish)
    encoded = encode(region, encoding, len(array.levels))
    rows = min(array.array.rows - array.array.spare_rows, array.array.rows_active_max) // len(encoding.row_roles)
    columns = array.array.cols - array.array.spare_cols - (1 if encoding.shared else 0) * encoded.slices
    wide = len(encoding.column_roles) * encoded.slices
    if rows < 1 or columns < wide:
        raise error(f"@{region.name}: one weight in the encoding {encoding.name} needs {wide} columns of "
                    f"{len(encoding.row_roles)} rows, array {array.name} has {columns} of {rows}",
                    help="use more levels a device, fewer bits a weight, or another encoding")
    pattern = np.ones_like(region.weights) if encoding.name == "offset" else region.weights
    blocks = pack(pattern, rows, columns // wide, effort=effort, seed=seed)
    known = [np.asarray(f, dtype=np.uint8) for f in faults[:len(blocks)]]
    shape = (array.array.rows, array.array.cols)
    known += [np.zeros(shape, dtype=np.uint8)] * (len(blocks) - len(known))
    placed = [Placer(encoded, block, fault).place() for block, fault in zip(blocks, known, strict=True)]
    return Mapped(region, encoded, why, tuple(tile for tile, _ in placed), sum(residual for _, residual in placed))
