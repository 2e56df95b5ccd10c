"""Make the tree of the crossbar target again from a bundle: what was decided, ready to be changed and printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.channels import Channels
from circuitc.backends.crossbar.design import Design, Mounted
from circuitc.backends.crossbar.encoding import ENCODINGS, Encoded, Encoding, encode
from circuitc.backends.crossbar.fault_file import KINDS
from circuitc.backends.crossbar.mapping import Mapped
from circuitc.backends.crossbar.options import Options
from circuitc.backends.crossbar.placing import sign
from circuitc.backends.crossbar.readout import Column, read_outputs
from circuitc.backends.crossbar.regions import region_of
from circuitc.backends.crossbar.tile import NONE, Integers, Tile
from circuitc.diagnostics import error
from circuitc.ir import Module

from .bundle import Bundle
from .schema import TileMap


def redesign(bundle: Bundle, module: Module, certify: str = "") -> Design:
    """Give the design that a bundle in a folder was printed from; printed again it is the same files.

    `module` is its program, `certify` the option that it was compiled with. The bundle agrees with its program.
    """
    folder = bundle.folder
    assert folder is not None, "the hardware is in the folder"
    array = Array.load(folder / "array.toml")
    rows, cols = array.array.rows, array.array.cols
    if (rows, cols) != bundle.shape or not np.allclose(array.levels, bundle.siemens, rtol=1e-8, atol=0):
        raise error(f"{folder / 'array.toml'}: is not the array that the bundle was made for")
    regions: list[Mounted] = []
    first = 0
    for said in bundle.map.regions:
        encoding = ENCODINGS[said.encoding]
        region = region_of(module.func(said.func))
        encoded = encode(region, encoding, len(array.levels))
        tiles = tuple(_tile(bundle, tile, encoding) for tile in bundle.tiles_of(said))
        regions.append(Mounted(Mapped(region, encoded, said.why, tiles, said.wrong_weights), (), first))
        first += len(tiles)
    return with_outputs(Design(module, array, _options(bundle, folder, certify), tuple(regions), _channels(bundle)))


def with_outputs(design: Design, solved: Sequence[Sequence[Column]] | None = None) -> Design:
    """Decide anew how every output is read; `solved` are the signals of each tile, where they are known."""
    def columns(m: Mounted) -> list[Column] | None:
        if solved is None:
            return None
        return [c for tile in solved[m.first:m.first + len(m.mapped.tiles)] for c in tile]

    regions = tuple(replace(m, outputs=tuple(read_outputs(m.mapped, design.array, columns(m))))
                    for m in design.regions)
    return replace(design, regions=regions)


def with_tiles(design: Design, tiles: Sequence[Tile]) -> Design:
    """Put other tiles into a design, by number; its outputs are those of before until they are read anew."""
    def mounted(m: Mounted) -> Mounted:
        own = tuple(tiles[m.first:m.first + len(m.mapped.tiles)])
        wrong = sum(wrong_digits(m.mapped.encoded, tile) for tile in own)
        return replace(m, mapped=replace(m.mapped, tiles=own, residual=wrong))

    return replace(design, regions=tuple(mounted(m) for m in design.regions))


def wrong_digits(encoded: Encoded, tile: Tile) -> int:
    """Add up by how much the levels of a tile miss the digits that are wanted there."""
    encoding = encoded.encoding
    rows, columns = np.flatnonzero(tile.row_input != NONE), np.flatnonzero(tile.column_output != NONE)
    total: dict[tuple[int, int, int], int] = {}
    off = (tile.level.astype(np.int64) - wanted_levels(encoded, tile))[np.ix_(rows, columns)]
    for r, c in np.argwhere(off).tolist():
        row, column = rows[r], columns[c]
        key = (int(tile.row_input[row]), int(tile.column_output[column]), int(tile.column_slice[column]))
        role = (encoding.row_roles[tile.row_role[row]], encoding.column_roles[tile.column_role[column]])
        total[key] = total.get(key, 0) + sign(role) * int(off[r, c])
    shared = np.flatnonzero(tile.column_role == len(encoding.column_roles))
    offsets = encoded.offset // encoded.base ** tile.column_slice[shared] % encoded.base
    spoiled = np.abs(tile.level[np.ix_(rows, shared)].astype(np.int64) - offsets).sum()
    return sum(map(abs, total.values())) + int(spoiled) * len(columns) // max(1, len(encoding.column_roles))


def wanted_levels(encoded: Encoded, tile: Tile) -> Integers:
    """Give the level that every device of a tile would hold if none were bad."""
    encoding = encoded.encoding
    wanted = np.zeros(tile.level.shape, dtype=np.int64)
    rows = np.flatnonzero(tile.row_input != NONE)
    for column in np.flatnonzero(tile.column_role != NONE).tolist():
        role, output, s = (int(a[column]) for a in (tile.column_role, tile.column_output, tile.column_slice))
        if role == len(encoding.column_roles):
            wanted[rows, column] = encoded.offset // encoded.base ** s % encoded.base
            continue
        for k, row_role in enumerate(encoding.row_roles):
            here = rows[tile.row_role[rows] == k]
            inputs = tile.row_input[here]
            digits = encoded.levels[row_role, s, encoding.column_roles[role]][output, inputs]
            # An output that is cut has its other inputs elsewhere: those weigh nothing here.
            wanted[here, column] = np.where(tile.weight[here, column] == encoded.weights[output, inputs], digits, 0)
    return wanted


def _tile(bundle: Bundle, said: TileMap, encoding: Encoding) -> Tile:
    table = bundle.table
    here = np.flatnonzero(table["tile"] == said.id)
    at = table["row"][here], table["col"][here]

    def plane(values: Any, kind: Any) -> Any:
        made = np.zeros(bundle.shape, dtype=kind)
        made[at] = values
        return made

    faults = [KINDS.get(name, 0) for name in table["fault"][here].tolist()]
    roles = (*encoding.column_roles, encoding.shared)
    outputs = [NONE if c is None or c[0] is None else int(c[0]) for c in said.col_out]
    if any(r is not None and r not in encoding.row_roles for r in said.row_role):
        raise error(f"map.json: tile {said.id} has wordlines in roles that {encoding.name} does not have")
    column_roles = [NONE if c is None else roles.index(str(c[1])) for c in said.col_out]
    slices = [NONE if c is None else int(c[2] or 0) for c in said.col_out]
    inputs = [NONE if i is None else i for i in said.row_in]
    row_roles = [NONE if r is None else encoding.row_roles.index(r) for r in said.row_role]
    measured = None if bundle.measured is None else bundle.measured[said.id]
    return Tile(plane(table["level"][here], np.uint8), plane(faults, np.uint8), plane(table["w"][here], np.int64),
                plane(table["comp"][here] == 1, np.bool_), _numbers(inputs), _numbers(row_roles), _numbers(outputs),
                _numbers(column_roles), _numbers(slices), measured,
                bundle.map.measured.error if bundle.map.measured else 0.0)


def _numbers(values: list[int]) -> Integers:
    return np.array(values, dtype=np.int64)


def _channels(bundle: Bundle) -> Channels | None:
    assert bundle.folder is not None
    path = bundle.folder / "channels.toml"
    return Channels.load(path) if path.is_file() else None


def _options(bundle: Bundle, folder: Path, certify: str) -> Options:
    files = bundle.map.files
    return Options(array=str(folder / "array.toml"), seed=bundle.map.seed, certify=certify,
                   spice=any(name.endswith(".cir") for name in files), periphery="periphery.ccir" in files,
                   native="native.json" in files)
