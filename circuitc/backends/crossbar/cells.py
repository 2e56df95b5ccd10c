"""The table of devices: one row for each device that is programmed or known to be bad."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .design import Design, Mounted
from .fault_file import NAMES
from .tile import NONE, Integers, Tile

COLUMNS = ("tile", "row", "col", "wl_ch", "bl_ch", "role", "in_net", "out_net", "slice", "w", "level", "g_target_S",
           "g_lo_S", "g_hi_S", "r_target_ohm", "fault", "comp", "order")
UNUSED = "unused"


@dataclass(frozen=True)
class Cells:
    """The table's columns as arrays, a device an entry; `role` indexes `roles`, `input` and `output` are NONE where
    a device belongs to none."""

    tile: Integers
    row: Integers
    col: Integers
    role: Integers
    input: Integers
    output: Integers
    slice: Integers
    weight: Integers
    level: Integers
    fault: Integers
    comp: Integers
    order: Integers

    def __len__(self) -> int:
        return len(self.tile)


def cells_of(design: Design) -> tuple[Cells, tuple[str, ...]]:
    """List all devices by tile, row and column, and the roles that they are numbered by.

    Programming takes the devices that rest at level 0 first and then sets the others, tile by tile and row by row.
    """
    roles: list[str] = [UNUSED]
    parts = [part for mounted in design.regions for part in _parts(mounted, roles)]
    empty = np.zeros(0, dtype=np.int64)
    table = {name: np.concatenate([p[name] for p in parts] or [empty]) for name in (parts[0] if parts else ())}
    if not parts:
        return Cells(*(empty for _ in fields(Cells))), tuple(roles)
    order = np.empty(len(table["tile"]), dtype=np.int64)
    order[np.lexsort((table["col"], table["row"], table["tile"], table["level"] > 0))] = np.arange(len(order))
    return Cells(**table, order=order), tuple(roles)


def _parts(mounted: Mounted, roles: list[str]) -> Iterator[dict[str, NDArray[Any]]]:
    encoding = mounted.mapped.encoding
    names = [_role_names(encoding.name, encoding.column_roles, encoding.shared, row) for row in encoding.row_roles]
    for k, tile in enumerate(mounted.mapped.tiles):
        yield _tile_part(tile, mounted.first + k, names, roles)


def _role_names(encoding: str, columns: Sequence[str], shared: str, row: str) -> list[str]:
    """Name what a device is for, by its column role: rails are told apart by their wordlines."""
    if encoding == "dual_rail":
        return ["rail_p" if row == "true" else "rail_n"]
    return [*columns, *([shared] if shared else [])]


def _tile_part(tile: Tile, number: int, names: list[list[str]], roles: list[str]) -> dict[str, NDArray[Any]]:
    used = tile.used
    row, col = np.nonzero(used | (tile.fault != 0))
    needed = used[row, col]
    for name in (n for group in names for n in group):
        if name not in roles:
            roles.append(name)
    table = np.array([[roles.index(n) for n in group] for group in names])
    role = np.where(needed, table[np.maximum(tile.row_role[row], 0), np.maximum(tile.column_role[col], 0)], 0)
    none = np.full(len(row), NONE)
    return {"tile": np.full(len(row), number), "row": row, "col": col, "role": role,
            "input": np.where(needed, tile.row_input[row], none),
            "output": np.where(needed, tile.column_output[col], none),
            "slice": np.where(needed, tile.column_slice[col], none), "weight": tile.weight[row, col],
            "level": tile.level[row, col].astype(np.int64), "fault": tile.fault[row, col].astype(np.int64),
            "comp": tile.compensates[row, col].astype(np.int64)}


def cells_csv(cells: Cells, roles: Sequence[str], design: Design) -> bytes:
    """Print the table: header, then a line a device, in its columns' units (siemens, ohm)."""
    rows, cols = design.array.array.rows, design.array.array.cols
    words, bits = (design.channels.words, design.channels.bits) if design.channels else ([""] * rows, [""] * cols)
    columns = [_numbers(cells.tile), _numbers(cells.row), _numbers(cells.col), _chosen(words, cells.row),
               _chosen(bits, cells.col), _chosen(roles, cells.role), _nets("x", cells.input),
               _nets("y", cells.output), _nets("", cells.slice), _numbers(cells.weight),
               _chosen(level_texts(design), cells.level), _chosen([NAMES[k] for k in sorted(NAMES)], cells.fault),
               _numbers(cells.comp), _numbers(cells.order)]
    lines = map(",".join, zip(*columns, strict=True))
    return ("\n".join([",".join(COLUMNS), *lines]) + "\n").encode()


def level_texts(design: Design) -> list[str]:
    """Spell the columns that follow from a level: the level, its conductance, its write window, its resistance."""
    half = design.array.device.window_rel
    return [f"{level},{g:.9g},{g * (1 - half):.9g},{g * (1 + half):.9g},{1 / g if g else float('inf'):.9g}"
            for level, g in enumerate(design.array.levels.tolist())]


def _numbers(values: Integers) -> list[str]:
    """Spell whole numbers, each different one once."""
    different, place = np.unique(values, return_inverse=True)
    return _chosen(different.tolist(), place)


def _nets(prefix: str, values: Integers) -> list[str]:
    return _chosen(["", *(f"{prefix}{k}" for k in range(int(values.max(initial=-1)) + 1))], values + 1)


def _chosen(texts: Sequence[Any], place: Integers) -> list[str]:
    return np.array([str(t) for t in texts], dtype=object)[place].tolist()


def program_csv(cells: Cells, design: Design) -> bytes:
    """Print the devices that can be written, in programming order, with the channels of the instrument."""
    assert design.channels is not None, "the order is for an instrument"
    texts, words, bits = level_texts(design), design.channels.words, design.channels.bits
    lines = ["order,tile,row,col,wl_ch,bl_ch,level,g_target_S,g_lo_S,g_hi_S,r_target_ohm"]
    healthy = np.flatnonzero(cells.fault == 0)
    for k in healthy[np.argsort(cells.order[healthy])].tolist():
        row, col = int(cells.row[k]), int(cells.col[k])
        lines.append(f"{cells.order[k]},{cells.tile[k]},{row},{col},{words[row]},{bits[col]},{texts[cells.level[k]]}")
    return ("\n".join(lines) + "\n").encode()
