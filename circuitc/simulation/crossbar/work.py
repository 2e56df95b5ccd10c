"""What one step of a program asks of each tile: exact counts, from a map and the levels of the devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bundle import sense
from .schema import MapFile, RegionMap, TermMap, TileMap


@dataclass(frozen=True, slots=True)
class Decision:
    """One signal that is sensed in each read: its bits, its bitlines, and the conductance on them in siemens."""

    bits: int
    bitlines: int
    siemens: float


@dataclass(frozen=True, slots=True)
class Work:
    """One tile's work in a step. Each of the `reads` drives `driven` wordlines and makes every decision once.

    `devices` are those that the model needs, `siemens` all conductance on the driven wordlines.
    """

    tile: int
    region: str
    reads: int
    driven: int
    devices: int
    siemens: float
    conversions: tuple[Decision, ...]
    comparisons: tuple[Decision, ...]


def works(described: MapFile, levels: Any) -> Iterator[Work]:
    """Count every tile's work; `levels` gives each tile's devices, [rows, columns]."""
    regions = {r.func: r for r in described.regions}
    siemens = np.array(described.physics.level_siemens)
    for tile in described.tiles:
        yield _work(tile, regions[tile.region], siemens[np.asarray(levels[tile.id])])


def _work(tile: TileMap, region: RegionMap, g: Any) -> Work:
    driven = [k for k, i in enumerate(tile.row_in) if i is not None]
    used = sum(c is not None for c in tile.col_out)
    onto = g[driven].sum(0)
    decided = {kind: tuple(_decision(t, onto) for o in region.outputs if o.kind == kind for t in o.terms
                           if t.tile == tile.id) for kind in ("adc", "comparator")}
    return Work(tile.id, tile.region, len(region.planes) * region.times, len(driven), len(driven) * used,
                float(onto.sum()), decided["adc"], decided["comparator"])


def _decision(term: TermMap, onto: Any) -> Decision:
    factors = np.abs(sense(term, len(onto)))
    return Decision(term.bits, int(np.count_nonzero(factors)), float(factors @ onto))


__all__ = ["Decision", "Work", "works"]
