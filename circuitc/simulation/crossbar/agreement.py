"""Find where the table of devices and the map say different things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from circuitc.backends.crossbar.encoding import ENCODINGS
from circuitc.backends.crossbar.fault_file import KINDS

from .bundle import Bundle
from .rebuild import rebuild_region
from .schema import RegionMap, TileMap

_TOLERANCE = 1e-8   # of printed numbers, which have nine digits


def disagreements(bundle: Bundle) -> Iterator[str]:
    """Say each thing in which the table and the map, or two columns of the table, disagree."""
    yield from _numbers(bundle)
    yield from _devices(bundle)
    regions = {r.func: r for r in bundle.map.regions}
    for tile in bundle.map.tiles:
        yield from _routing(bundle, tile, regions[tile.region])
    for region in bundle.map.regions:
        yield from _terms(bundle, region)


def _numbers(bundle: Bundle) -> Iterator[str]:
    """Check that conductances, windows and resistances are those of the levels."""
    table, physics = bundle.table, bundle.map.physics
    g = bundle.siemens[table["level"]]
    wanted = {"g_target_S": g, "g_lo_S": g * (1 - physics.window_rel), "g_hi_S": g * (1 + physics.window_rel)}
    with np.errstate(divide="ignore"):
        wanted["r_target_ohm"] = 1 / g
    for column, values in wanted.items():
        yield from _lines(bundle, column, ~np.isclose(table[column], values, rtol=_TOLERANCE, atol=0))
    if not np.isclose(physics.lsb_ampere, bundle.step * physics.v_read, rtol=_TOLERANCE, atol=0):
        yield "map.json: physics.lsb_ampere is not one level step at v_read"


def _devices(bundle: Bundle) -> Iterator[str]:
    """Check that each device is listed once, in an order, and that bad ones are asked for what they are stuck at."""
    table = bundle.table
    place = (table["tile"] * bundle.shape[0] + table["row"]) * bundle.shape[1] + table["col"]
    _, first = np.unique(place, return_index=True)
    again = np.ones(len(place), dtype=bool)
    again[first] = False
    yield from _lines(bundle, "a device that is listed before:", again, "col")
    if not np.array_equal(np.sort(table["order"]), np.arange(len(table))):
        yield f"{table.name}: order does not number the devices from 0"
    known = np.isin(table["fault"].astype(str), ["none", *KINDS])
    yield from _lines(bundle, "fault", ~known)
    top = len(bundle.siemens) - 1
    stuck = ((table["fault"] == "stuck_lrs") & (table["level"] != top)) | (
        (table["fault"] == "stuck_hrs") & (table["level"] != 0))
    yield from _lines(bundle, "a stuck device's level", stuck, "level")
    yield from _lines(bundle, "comp", (table["comp"] != 0) & ((table["comp"] != 1) | ~_beside_bad(bundle)))


def _beside_bad(bundle: Bundle) -> Any:
    """Tell of each device whether it is healthy and shares its digit with a bad one."""
    table = bundle.table
    keys = list(zip(*(table[c].tolist() for c in ("tile", "in_net", "out_net", "slice")), strict=True))
    bad = {key for key, fault in zip(keys, table["fault"], strict=True) if fault != "none"}
    return np.array([key in bad for key in keys], dtype=bool) & (table["fault"] == "none")


def _routing(bundle: Bundle, tile: TileMap, region: RegionMap) -> Iterator[str]:
    """Check what the table says that the devices of a tile are for."""
    table = bundle.table
    here = np.flatnonzero(table["tile"] == tile.id)
    used = table["role"][here] != "unused"
    places = zip(here.tolist(), table["row"][here].tolist(), table["col"][here].tolist(), strict=True)
    held = _held(bundle, tile, region)
    for (line, row, col), is_used in zip(places, used.tolist(), strict=True):
        role, source, output, digit = _purpose(tile, region, row, col)
        name = f"{table.name}:{line + 2}"
        if not is_used:
            if role is not None or table["fault"][line] == "none":
                yield f"{name}: the device is not unused, or is not bad"
            continue
        wanted = {"role": role, "in_net": f"x{source}", "out_net": "" if output is None else f"y{output}",
                  "slice": str(digit)}
        for column, value in wanted.items():
            if table[column][line] != value:
                yield f"{name}: {column} is {table[column][line]!r}, the map says {value!r}"
        weight = 0 if output is None else None if held is None else int(held[output, source])
        if weight is not None and table["w"][line] != weight:
            yield f"{name}: w is {table['w'][line]}, the devices hold {weight}"
    listed = np.zeros(bundle.shape, dtype=bool)
    listed[table["row"][here][used], table["col"][here][used]] = True
    lines = np.array([i is not None for i in tile.row_in])
    columns = np.array([c is not None for c in tile.col_out])
    if not np.array_equal(listed, lines[:, None] & columns[None, :]):
        yield f"{table.name}: tile {tile.id} does not list every device of a used wordline and bitline"


def _held(bundle: Bundle, tile: TileMap, region: RegionMap) -> Any:
    """Give the weights that a tile holds, [outputs, inputs]; None where faults spoil some, or an output has two parts
    on the tile, so that no one device tells."""
    keys = [tuple(c) for c in tile.col_out if c is not None]
    if region.wrong_weights or len(set(keys)) != len(keys):
        return None
    return rebuild_region(bundle, region, tile.id).weights


def _purpose(tile: TileMap, region: RegionMap, row: int, col: int) -> tuple[Any, Any, Any, Any]:
    """Give the role, the input, the output and the slice that the map gives a device."""
    source, column = tile.row_in[row], tile.col_out[col]
    if source is None or column is None:
        return None, None, None, None
    output, role, digit = column
    if region.encoding == "dual_rail":
        role = "rail_p" if tile.row_role[row] == "true" else "rail_n"
    good = isinstance(output, int) and 0 <= output < len(region.outputs)
    return role, source, output if good else None, digit


def _terms(bundle: Bundle, region: RegionMap) -> Iterator[str]:
    """Check that each output senses the bitlines that carry it, with the factors of their roles."""
    encoding = ENCODINGS[region.encoding]
    carried: dict[tuple[int, Any, Any], dict[int, int]] = {}
    for tile in bundle.tiles_of(region):
        for bitline, column in enumerate(tile.col_out):
            if column is None:
                continue
            output, role, digit = column
            if role not in (*encoding.column_roles, encoding.shared) or not isinstance(digit, int):
                yield f"map.json: tile {tile.id} has a bitline {bitline} of role {role!r}, slice {digit!r}"
            factor = -1 if role in ("neg", encoding.shared) else 1
            carried.setdefault((tile.id, output, digit), {})[bitline] = factor
    sensed: set[tuple[int, Any, Any]] = set()
    for output in region.outputs:
        for term in output.terms:
            key = (term.tile, output.index, term.slice)
            sensed.add(key)
            wanted = {**carried.get(key, {}), **carried.get((term.tile, None, term.slice), {})}
            if sorted(term.bitlines) != [list(item) for item in sorted(wanted.items())]:
                yield (f"map.json: @{region.func} output {output.index} senses other bitlines of tile {term.tile} "
                       "than carry it")
    for tile, output, digit in carried.keys() - sensed:
        if output is not None:
            yield f"map.json: @{region.func}: nothing senses output {output}, slice {digit} of tile {tile}"


def _lines(bundle: Bundle, column: str, wrong: Any, shown: str = "") -> Iterator[str]:
    """Name the first lines of a column that are wrong."""
    values = bundle.table[shown or column]
    for k in np.flatnonzero(wrong)[:5].tolist():
        yield f"{bundle.table.name}:{k + 2}: {column} {values[k]} does not fit"
