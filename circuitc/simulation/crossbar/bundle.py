"""Read a bundle back from `map.json` and `cells.csv` alone (and, of one that a lab has read, `measured.csv`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.bundle import MEASURED
from circuitc.backends.crossbar.wires import Wires
from circuitc.diagnostics import error

from .measured_file import parse_measured
from .schema import MapFile, RegionMap, TermMap, TileMap, read_map
from .table import Table, read_table

MAP = "map.json"
TABLES = ("cells.csv", "cells.csv.gz")


@dataclass(frozen=True)
class Bundle:
    """A bundle as its two files say it; `measured` is [tiles, rows, cols] in siemens, nan where nobody measured."""

    map: MapFile
    table: Table
    folder: Path | None = None
    measured: NDArray[np.float64] | None = None

    @property
    def wires(self) -> Wires:
        return Wires(**self.map.physics.wires_ohm.model_dump())

    @property
    def shape(self) -> tuple[int, int]:
        """Wordlines and bitlines of a tile."""
        return self.map.physics.rows, self.map.physics.cols

    @cached_property
    def siemens(self) -> NDArray[np.float64]:
        """The conductance of each level."""
        return np.array(self.map.physics.level_siemens)

    @property
    def step(self) -> float:
        """The conductance between two levels, in siemens."""
        return float((self.siemens[-1] - self.siemens[0]) / (len(self.siemens) - 1))

    @cached_property
    def levels(self) -> NDArray[np.int64]:
        """The level of every device, [tiles, rows, cols]; devices that the table does not list rest at 0."""
        levels = np.zeros((len(self.map.tiles), *self.shape), dtype=np.int64)
        levels[self.table["tile"], self.table["row"], self.table["col"]] = self.table["level"]
        return levels

    @cached_property
    def conductances(self) -> NDArray[np.float64]:
        """What is known of every device, [tiles, rows, cols] in siemens: what was measured, else the target."""
        g = self.siemens[self.levels]
        return g if self.measured is None else np.where(np.isnan(self.measured), g, self.measured)

    @cached_property
    def half_windows(self) -> NDArray[np.float64]:
        """How far each may be from that: the error of its measurement, else half of its write window."""
        half = self.map.physics.window_rel * self.siemens[self.levels]
        if self.measured is None or self.map.measured is None:
            return half
        return np.where(np.isnan(self.measured), half, self.map.measured.error * self.measured)

    def tiles_of(self, region: RegionMap) -> list[TileMap]:
        """List the tiles of a region."""
        return [t for t in self.map.tiles if t.region == region.func]


def read_bundle(files: Mapping[str, bytes], folder: Path | None = None) -> Bundle:
    """Read a bundle from the bytes of its files: `map.json` and the table; others are not looked at."""
    place = f"{folder}/" if folder else ""
    name = next((n for n in TABLES if n in files), "")
    if MAP not in files or not name:
        raise error(f"{folder or 'these files'}: is no bundle of the crossbar target (it has no "
                    f"{MAP if MAP not in files else TABLES[0]})")
    bundle = Bundle(read_map(files[MAP], place + MAP), read_table(files[name], place + name), folder)
    _check_ranges(bundle, place + MAP)
    if bundle.map.measured is None:
        return bundle
    if MEASURED not in files:
        raise error(f"{place}{MAP}: what was measured is in {MEASURED}, which is missing")
    return replace(bundle, measured=parse_measured(files[MEASURED], place + MEASURED, bundle.levels.shape))


def load_bundle(folder: str | Path) -> Bundle:
    """Read a bundle from its folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise error(f"{folder}: is not a folder")
    files: dict[str, bytes] = {}
    for name in (MAP, *TABLES, MEASURED):
        try:
            if (folder / name).is_file():
                files[name] = (folder / name).read_bytes()
        except OSError as e:
            raise error(f"{folder / name}: {e.strerror or e}") from None
    return read_bundle(files, folder)


def changed_files(bundle: Bundle) -> list[str]:
    """Name the files of a bundle that are not those its map was made with."""
    assert bundle.folder is not None, "only a folder has files"
    changed: list[str] = []
    for name, wanted in sorted(bundle.map.files.items()):
        path = bundle.folder / Path(name).name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            changed.append(name)
    return changed


def _check_ranges(bundle: Bundle, place: str) -> None:
    """Refuse what leads outside the array: after this, every index may be used as it is."""
    physics, table = bundle.map.physics, bundle.table
    rows, cols = bundle.shape
    if np.any(np.diff(physics.level_siemens) <= 0):
        raise error(f"{place}:physics.level_siemens: each level conducts more than the one before")
    limits = {"tile": len(bundle.map.tiles), "row": rows, "col": cols, "level": len(physics.level_siemens)}
    for column, limit in limits.items():
        bad = np.flatnonzero((table[column] < 0) | (table[column] >= limit))
        if len(bad):
            raise error(f"{table.name}:{bad[0] + 2}: {column} is {table[column][bad[0]]}, expected 0 to {limit - 1}")
    for message in _range_faults(bundle, rows, cols):
        raise error(f"{place}:{message}")


def _range_faults(bundle: Bundle, rows: int, cols: int) -> Iterator[str]:
    regions = {r.func: r for r in bundle.map.regions}
    if len(regions) != len(bundle.map.regions):
        yield "regions: a func comes twice"
    for k, tile in enumerate(bundle.map.tiles):
        region = regions.get(tile.region)
        if tile.id != k or region is None:
            yield f"tiles[{k}]: expected id {k} and the func of a region"
        elif len(tile.row_in) != rows or len(tile.row_role) != rows or len(tile.col_out) != cols:
            yield f"tiles[{k}]: expected {rows} wordlines and {cols} bitlines"
        elif any(i is not None and i >= region.inputs for i in tile.row_in):
            yield f"tiles[{k}].row_in: the region has {region.inputs} inputs"
        elif any((i is None) != (r is None) for i, r in zip(tile.row_in, tile.row_role, strict=True)):
            yield f"tiles[{k}].row_role: lines with an input have a role, and no others"
    for k, region in enumerate(bundle.map.regions):
        yield from _region_faults(bundle, region, f"regions[{k}]")


def _region_faults(bundle: Bundle, region: RegionMap, place: str) -> Iterator[str]:
    layout = region.layout
    for axes, order in ((layout.x_shape, layout.x_order), (layout.y_shape, layout.y_order)):
        if sorted(order) != list(range(len(axes))):
            yield f"{place}.layout: an order lists each axis once"
            return
    if int(np.prod(layout.x_shape)) != region.times * region.inputs:
        yield f"{place}.layout: x has another size than {region.times} times {region.inputs} inputs"
    if [o.index for o in region.outputs] != list(range(len(region.outputs))):
        yield f"{place}.outputs: expected one entry for each output, in order"
    if int(np.prod(layout.y_shape)) != region.times * len(region.outputs):
        yield f"{place}.layout: y has another size than {region.times} times {len(region.outputs)} outputs"
    if len({o.least is None for o in region.outputs}) > 1:
        yield f"{place}.outputs: some have a least sum, and some have none"
    for output in region.outputs:
        said = f"{place}.outputs[{output.index}]"
        if output.kind == "comparator" and (len(output.terms) != 1 or output.reference is None or output.least is None):
            yield f"{said}: a comparator has one term, a least sum and a reference"
        if output.kind == "adc" and any(t.gain is None or t.offset is None for t in output.terms):
            yield f"{said}: each term of a converted output has a gain and an offset"
        if output.kind == "constant" and output.least is None:
            yield f"{said}: a constant output has a least sum"
        for term in output.terms:
            yield from _term_faults(bundle, region, term, said)


def _term_faults(bundle: Bundle, region: RegionMap, term: TermMap, said: str) -> Iterator[str]:
    if term.tile >= len(bundle.map.tiles) or bundle.map.tiles[term.tile].region != region.func:
        yield f"{said}: tile {term.tile} is not of this region"
    elif any(not 0 <= b < bundle.shape[1] or f not in (1, -1) for b, f in term.bitlines):
        yield f"{said}: bitlines are 0 to {bundle.shape[1] - 1}, their factors 1 or -1"
    elif term.slice >= region.slices:
        yield f"{said}: the region has {region.slices} slices"


def drives(tile: TileMap) -> tuple[Any, Any, Any]:
    """Give a tile's driven wordlines, the input of each, and whether it is driven with the inverse."""
    lines = np.array([k for k, i in enumerate(tile.row_in) if i is not None], dtype=np.int64)
    inputs = np.array([i for i in tile.row_in if i is not None], dtype=np.int64)
    inverse = np.array([r == "complement" for r in tile.row_role if r is not None], dtype=bool)
    return lines, inputs, inverse


def sense(term: TermMap, cols: int) -> NDArray[np.float64]:
    """Give the factor of each bitline in a term."""
    factors = np.zeros(cols)
    for bitline, factor in term.bitlines:
        factors[bitline] += factor
    return factors
