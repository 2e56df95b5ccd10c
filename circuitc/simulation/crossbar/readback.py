"""Read a programmed array back: what is certified from what was measured, and the least that makes good the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.cells import level_texts
from circuitc.backends.crossbar.design import Design
from circuitc.backends.crossbar.fault_file import NAMES
from circuitc.backends.crossbar.faults import HEALTHY, STUCK_HRS, STUCK_LRS, attainable_levels
from circuitc.backends.crossbar.tile import Tile
from circuitc.ir import Module

from .bundle import Bundle
from .chip import Chip, Standing
from .readback_file import NAME, Cell, Notes, notes_json
from .redesign import redesign
from .remap import remap
from .reprogram import reset, to_reprogram

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SAME = 0.02   # of a conductance: a device that was written again and moved by less is stuck


@dataclass(frozen=True)
class Write:
    """One device that is to be written: why, where it was found (nan: not measured), and its effect in level steps."""

    tile: int
    row: int
    col: int
    why: str       # `reprogram`, or `remap`: it takes the place of another
    before: float
    effect: float


@dataclass(frozen=True)
class Readback:
    """What a readback found, and the design that follows: targets, routing and references of the next bundle.

    `before` are the outputs as they were measured, `after` as they will be with the listed devices inside their
    windows. `outside` counts used devices outside their windows, `astray` those
    that are nearer to another level.
    """

    design: Design
    before: tuple[Standing, ...]
    after: tuple[Standing, ...]
    writes: tuple[Write, ...]
    stuck: tuple[Cell, ...]
    moved: tuple[str, ...]
    measured: int
    used: int
    outside: int
    astray: int

    @property
    def certified(self) -> bool:
        """True where every output is certified from what was measured, so that nothing is left to do."""
        return all(s.certified for s in self.before)

    def count(self, why: str) -> int:
        """Count the devices to write for a reason."""
        return sum(w.why == why for w in self.writes)

    @property
    def notes(self) -> Notes:
        """What the next readback must know."""
        cells = [Cell(tile=w.tile, row=w.row, col=w.col, siemens=None if np.isnan(w.before) else w.before)
                 for w in self.writes]
        return Notes(written=cells, stuck=list(self.stuck))

    def files(self) -> dict[str, bytes]:
        """Print what the lab works from: `reprogram.csv`, in programming order, and the notes for the next readback."""
        return {NAME: notes_json(self.notes), "reprogram.csv": _reprogram_csv(self)}


def read_back(bundle: Bundle, module: Module, measured: Floats, *, notes: Notes | None = None,
              faults: Sequence[NDArray[np.uint8]] = (), error: float = 0.0, certify: str = "") -> Readback:
    """Certify a bundle from measured conductances, and choose what to write again and what to move.

    `measured` is [tiles, rows, cols] in siemens, nan where nothing was measured: there the last measurement holds, or
    the window of the target. `error` is the share of itself by which a measurement may be off; `notes` are those of
    the readback that made this bundle; `faults` are [rows, cols] of codes for each tile, in order.
    """
    design = redesign(bundle, module, certify)
    tiles = [_merged(t, measured[k], error) for k, t in enumerate(design.all_tiles)]
    tiles = [_marked(t, faults[k], design) if k < len(faults) else t for k, t in enumerate(tiles)]
    outside = [_outside(t, design) for t in tiles]
    stuck = _stuck(design, tiles, outside, measured, notes, error)
    chip = Chip.of(replace_tiles(design, tiles))
    before = chip.standings(bundle.map)
    may = [o & np.isnan(s) for o, s in zip(outside, stuck, strict=True)]
    fixed, moved = _remapped(chip, may, stuck)
    may = [_outside(t, design) & np.isnan(s) for t, s in zip(fixed.design.all_tiles, stuck, strict=True)]
    after, masks, effects = to_reprogram(fixed, may)
    writes = _writes(chip, after, masks, effects)
    listed = _listed(stuck, after.design.all_tiles)
    return Readback(after.design, tuple(before), tuple(after.standings(bundle.map)), tuple(writes), listed,
                    tuple(moved), int((~np.isnan(measured)).sum()), sum(int(t.used.sum()) for t in tiles),
                    sum(int(o.sum()) for o in outside), _astray(chip))


def _reprogram_csv(found: Readback) -> bytes:
    """Print the devices to write, those at level 0 first, with channels where the instrument's are known."""
    design, tiles = found.design, found.design.all_tiles
    texts, channels = level_texts(design), design.channels
    lines = ["order,tile,row,col,wl_ch,bl_ch,why,g_before_S,level,g_target_S,g_lo_S,g_hi_S,r_target_ohm"]
    listed = sorted(found.writes, key=lambda w: (tiles[w.tile].level[w.row, w.col] > 0, w.tile, w.row, w.col))
    for order, w in enumerate(listed):
        wordline, bitline = (channels.words[w.row], channels.bits[w.col]) if channels else ("", "")
        before = "" if np.isnan(w.before) else f"{w.before:.9g}"
        lines.append(f"{order},{w.tile},{w.row},{w.col},{wordline},{bitline},{w.why},{before},"
                     f"{texts[tiles[w.tile].level[w.row, w.col]]}")
    return ("\n".join(lines) + "\n").encode()


def replace_tiles(design: Design, tiles: Sequence[Tile]) -> Design:
    """Put measured tiles of the same levels into a design."""
    regions = tuple(replace(m, mapped=replace(m.mapped, tiles=tuple(tiles[m.first:m.first + len(m.mapped.tiles)])))
                    for m in design.regions)
    return replace(design, regions=regions)


def _merged(tile: Tile, measured: Floats, error: float) -> Tile:
    """Add measurements to a tile: new ones count, then those of before, then targets."""
    if np.all(np.isnan(measured)) and tile.measured is None:
        return tile
    old = np.full(measured.shape, np.nan) if tile.measured is None else tile.measured
    return replace(tile, measured=np.where(np.isnan(measured), old, measured), error=max(error, tile.error))


def _marked(tile: Tile, faults: NDArray[np.uint8], design: Design) -> Tile:
    """Mark devices that are said to be bad: their levels are what they are stuck at, and partners may not suit yet."""
    if not faults.any():
        return tile
    fault = np.maximum(tile.fault, faults)
    return replace(tile, fault=fault, level=np.clip(tile.level, *attainable_levels(fault, len(design.array.levels) - 1)
                                                    ).astype(np.uint8))


def _outside(tile: Tile, design: Design) -> Mask:
    """Tell which used devices were measured outside the write windows of their targets."""
    if tile.measured is None:
        return np.zeros(tile.level.shape, dtype=bool)
    target, half = design.array.levels[tile.level], design.array.device.window_rel
    near = 1e-9 * target   # targets are printed with nine digits
    inside = (tile.measured >= target * (1 - half) - near) & (tile.measured <= target * (1 + half) + near)
    return tile.used & ~np.isnan(tile.measured) & ~inside


def _stuck(design: Design, tiles: Sequence[Tile], outside: Sequence[Mask], measured: Floats, notes: Notes | None,
           error: float) -> list[Floats]:
    """Give [rows, cols] for each tile: the conductance in siemens of devices that cannot be set, nan of the others."""
    levels = design.array.levels
    stuck = [np.full(t.level.shape, np.nan) for t in tiles]
    ends = {STUCK_HRS: float(levels[0]), STUCK_LRS: float(levels[-1])}
    for number, tile in enumerate(tiles):
        for row, col in np.argwhere(tile.fault != HEALTHY).tolist():
            stuck[number][row, col] = _last(tile, row, col, ends[int(tile.fault[row, col])])
    for cell in notes.stuck if notes else ():
        tile = tiles[cell.tile]
        stuck[cell.tile][cell.row, cell.col] = _last(tile, cell.row, cell.col, cell.siemens or 0.0)
    for cell in notes.written if notes else ():
        place = (cell.row, cell.col)
        found = float(measured[(cell.tile, *place)])
        near = max(SAME, 2 * error) * (cell.siemens or 0.0)
        if cell.siemens is not None and outside[cell.tile][place] and abs(found - cell.siemens) <= near:
            stuck[cell.tile][place] = found
    return stuck


def _last(tile: Tile, row: int, col: int, otherwise: float) -> float:
    found = float("nan") if tile.measured is None else float(tile.measured[row, col])
    return otherwise if np.isnan(found) else found


def _remapped(chip: Chip, may: Sequence[Mask], stuck: Sequence[Floats]) -> tuple[Chip, list[str]]:
    """Move what stuck devices spoil even with every other device written again; says what was moved, in words."""
    hoped = chip.with_tiles([reset(t, m) for t, m in zip(chip.design.all_tiles, may, strict=True)])
    tiles, moved = list(chip.design.all_tiles), list[str]()
    for mounted in hoped.design.regions:
        spoiled: dict[int, set[int]] = {}
        for output in mounted.outputs:
            if not output.window:
                for column in output.columns:
                    spoiled.setdefault(mounted.first + column.tile, set()).add(output.index)
        for number, outputs in spoiled.items():
            if np.all(np.isnan(stuck[number])):
                continue
            old = tiles[number]
            tiles[number] = remap(old, mounted.mapped.encoded, chip.design.array, stuck[number], outputs)
            moved += _moves(old, tiles[number], number)
    return chip.with_tiles(tiles), moved


def _moves(old: Tile, new: Tile, number: int) -> list[str]:
    """Say which lines got another purpose."""
    def changed(name: str, prefix: str, pairs: tuple[Any, Any]) -> list[str]:
        was, now = pairs
        return [f"tile {number}: {name} {k} now serves {prefix}{now[k]}" for k in np.flatnonzero(was != now).tolist()
                if now[k] >= 0]

    return [*changed("wordline", "x", (old.row_input, new.row_input)),
            *changed("bitline", "y", (old.column_output, new.column_output))]


def _writes(chip: Chip, after: Chip, masks: Sequence[Mask], effects: Sequence[Floats]) -> list[Write]:
    """List the devices to write, by falling effect; those that take another's place come after, by place."""
    writes: list[Write] = []
    for number, (old, new) in enumerate(zip(chip.design.all_tiles, after.design.all_tiles, strict=True)):
        for row, col in np.argwhere(masks[number]).tolist():
            writes.append(Write(number, row, col, "reprogram", _last(old, row, col, float("nan")),
                                float(effects[number][row, col])))
        taken = new.used & (new.fault == HEALTHY) & ((new.level != old.level) | ~old.used) & ~masks[number]
        if new.measured is not None:
            taken &= np.isnan(new.measured)
        writes += [Write(number, row, col, "remap", _last(old, row, col, float("nan")), 0.0)
                   for row, col in np.argwhere(taken).tolist()]
    return sorted(writes, key=lambda w: (w.why == "remap", -round(w.effect, 9), w.tile, w.row, w.col))


def _listed(stuck: Sequence[Floats], tiles: Collection[Tile]) -> tuple[Cell, ...]:
    return tuple(Cell(tile=number, row=row, col=col, siemens=float(plane[row, col]),
                      kind=NAMES[int(tile.fault[row, col])])
                 for number, (plane, tile) in enumerate(zip(stuck, tiles, strict=True))
                 for row, col in np.argwhere(~np.isnan(plane)).tolist())


def _astray(chip: Chip) -> int:
    """Count used devices that were measured nearer to another level than to their own."""
    levels, count = chip.design.array.levels, 0
    middles = (levels[1:] + levels[:-1]) / 2
    for tile in chip.design.all_tiles:
        if tile.measured is not None:
            read = np.searchsorted(middles, np.nan_to_num(tile.measured))
            count += int((tile.used & ~np.isnan(tile.measured) & (read != tile.level)).sum())
    return count
