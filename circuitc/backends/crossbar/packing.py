"""Pack the outputs of a sparse matrix into tiles: each tile drives only the inputs that its outputs read.

An output whose inputs all lie in one tile needs no partial sums: a threshold gate there is one comparator, and a
linear output one conversion. So outputs are never split unless they read more inputs than a tile has wordlines.
A tile is grown from the output with the most inputs by the outputs that bring the fewest new inputs and share the
most; then tiles that share inputs are taken apart and grown again, with seeded chance, as long as that is no worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Indices = NDArray[np.int64]

WORTH_OF_WHOLE = 4   # so many times the tiles of a full grid are paid so that no output is cut
SHARES = (0.0, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)  # what a shared input is worth against a new one, each tried once


@dataclass(frozen=True, slots=True)
class Part:
    """What one column computes: an output, or a share of one, over these inputs (rising)."""

    output: int
    inputs: Indices


@dataclass(frozen=True)
class Block:
    """The parts of one tile."""

    parts: tuple[Part, ...]

    @cached_property
    def inputs(self) -> Indices:
        """All inputs that the tile drives, rising."""
        return np.unique(np.concatenate([p.inputs for p in self.parts]))


def pack(pattern: Any, rows: int, columns: int, *, effort: int = 80_000, seed: int = 0) -> list[Block]:
    """Pack a matrix (outputs x inputs; where it is not zero matters) into tiles of `rows` inputs, `columns` outputs.

    `effort` bounds the improvement, in parts (of four inputs, as sparse matrices have them) that are placed again; the
    same seed gives the same tiles. Outputs that read nothing have no part.
    """
    assert min(rows, columns) > 0, "a tile has rows and columns"
    matrix: Any = csr_matrix(pattern)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    parts = split_outputs(matrix, rows)
    if not parts:
        return []
    best, grower = _grown(parts, matrix.shape[1], rows, columns)
    if len(best) > WORTH_OF_WHOLE * -(-matrix.shape[1] // rows) * -(-matrix.shape[0] // columns):
        # Nearly dense, and wider than a tile: hardly two outputs share one unless all are cut.
        parts = split_outputs(matrix, rows, whole=False)
        best, grower = _grown(parts, matrix.shape[1], rows, columns)
    best = _improve(grower, best, effort, np.random.default_rng(seed))
    return [Block(tuple(parts[p] for p in sorted(tile))) for tile in sorted(best, key=min)]


def _grown(parts: Sequence[Part], inputs: int, rows: int, columns: int) -> tuple[list[list[int]], _Grower]:
    """Grow tiles once for each of the `SHARES`, and give the fewest."""
    grower = _Grower(parts, inputs, rows, columns)
    everything = np.ones(len(parts), dtype=bool)
    return min((grower.grow(everything, share) for share in SHARES), key=len), grower


def split_outputs(matrix: Any, rows: int, *, whole: bool = True) -> list[Part]:
    """Give each output as parts of at most `rows` inputs; outputs that are cut are cut at the same inputs.

    Cutting at multiples of `rows` of the input's number lets dense outputs share all their tiles. With `whole`, an
    output that fits a tile is not cut.
    """
    parts: list[Part] = []
    for output in range(matrix.shape[0]):
        inputs = matrix.indices[matrix.indptr[output]:matrix.indptr[output + 1]].astype(np.int64)
        if len(inputs) <= rows and (whole or not len(inputs)):
            pieces = [inputs] if len(inputs) else []
        else:
            cuts = np.flatnonzero(np.diff(inputs // rows)) + 1
            pieces = np.split(inputs, cuts)
        parts += [Part(output, piece) for piece in pieces]
    return parts


class _Grower:
    """Grows tiles out of a set of free parts."""

    def __init__(self, parts: Sequence[Part], inputs: int, rows: int, columns: int) -> None:
        self.rows, self.columns, self.inputs = rows, columns, inputs
        self.degree = np.array([len(p.inputs) for p in parts])
        starts = np.concatenate([[0], np.cumsum(self.degree)])
        table = csr_matrix((np.ones(starts[-1], dtype=np.int8), np.concatenate([p.inputs for p in parts]), starts),
                           shape=(len(parts), inputs))
        self.read = [p.inputs for p in parts]
        by_input = table.tocsc()
        self.readers = np.split(by_input.indices, by_input.indptr[1:-1])

    def grow(self, free: NDArray[np.bool_], share: float, rng: np.random.Generator | None = None) -> list[list[int]]:
        """Put all free parts into tiles; with `rng` the choice among nearly equal parts is left to chance."""
        free = free.copy()
        tiles: list[list[int]] = []
        while free.any():
            tiles.append(self._tile(free, share, rng))
        return tiles

    def _tile(self, free: NDArray[np.bool_], share: float, rng: np.random.Generator | None) -> list[int]:
        candidates = np.flatnonzero(free)
        first = self.degree[candidates] + (6 * rng.random(len(candidates)) if rng else 0)
        part = int(candidates[np.argmax(first)])
        driven, used, tile = np.zeros(self.inputs, dtype=bool), 0, list[int]()
        shared = np.zeros(len(self.degree), dtype=np.int64)
        while True:
            tile.append(part)
            free[part] = False
            new = self.read[part][~driven[self.read[part]]]
            driven[new] = True
            used += len(new)
            if len(new):
                shared += np.bincount(np.concatenate([self.readers[i] for i in new]), minlength=len(shared))
            if len(tile) == self.columns:
                return tile
            fresh = self.degree - shared
            candidates = np.flatnonzero(free & (fresh <= self.rows - used))
            if not len(candidates):
                return tile
            cost = fresh[candidates] - share * shared[candidates]
            part = int(candidates[np.argmin(cost + rng.random(len(candidates)) if rng else cost)])


def _improve(grower: _Grower, tiles: list[list[int]], effort: int, rng: np.random.Generator) -> list[list[int]]:
    """Take some tiles that share inputs apart and grow them again; keep what has no more tiles, and fuller ones."""
    if len(tiles) <= -(-len(grower.degree) // grower.columns):   # no packing has fewer
        return tiles
    driven = [_driven(grower, tile) for tile in tiles]
    while effort > 0:
        centre = driven[rng.integers(len(tiles))]
        nearness = np.array([np.count_nonzero(d & centre) for d in driven]) + rng.random(len(tiles))
        chosen = set(np.argsort(-nearness, kind="stable")[:rng.integers(2, 6)].tolist())
        free = np.zeros(len(grower.degree), dtype=bool)
        for tile in chosen:
            free[tiles[tile]] = True
        effort -= max(int(np.count_nonzero(free)), int(grower.degree[free].sum()) // 4)
        again = grower.grow(free, float(rng.choice(SHARES[1:6])), rng)
        if _worth(again) >= _worth([tiles[t] for t in chosen]):
            tiles = [tile for t, tile in enumerate(tiles) if t not in chosen] + again
            driven = [d for t, d in enumerate(driven) if t not in chosen] + [_driven(grower, t) for t in again]
    return tiles


def _driven(grower: _Grower, tile: Sequence[int]) -> NDArray[np.bool_]:
    mask = np.zeros(grower.inputs, dtype=bool)
    for part in tile:
        mask[grower.read[part]] = True
    return mask


def _worth(tiles: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Rank packings: fewer tiles first, then the more uneven, since an almost empty tile is soon dissolved."""
    return -len(tiles), sum(len(t) ** 2 for t in tiles)
