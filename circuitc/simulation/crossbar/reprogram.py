"""Choose the devices that must be written again: the fewest, those with the greatest effect first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.design import Mounted
from circuitc.backends.crossbar.margins import gate_margin, sum_error
from circuitc.backends.crossbar.readout import Column, Output, conductances, level_step, sensed, targets
from circuitc.backends.crossbar.sensitivity import adjoint_voltages
from circuitc.backends.crossbar.tile import Integers, Tile

from .chip import Chip

Mask = NDArray[np.bool_]
_LEAST_EFFECT = 1e-9   # level steps: what less than this moves is not what is wrong


@dataclass(frozen=True)
class Effects:
    """Devices that could be written again for one signal, by falling effect: places, and steps that each brings."""

    rows: Integers
    cols: Integers
    steps: NDArray[np.float64]     # signed, on the signal, for its wordline driven
    spreads: NDArray[np.float64]   # how much further its window lets the signal move than its measurement does


def reset(tile: Tile, mask: Any) -> Tile:
    """Take devices for written again: anywhere in the windows of their targets."""
    if tile.measured is None or not np.any(mask & ~np.isnan(tile.measured)):
        return tile
    return replace(tile, measured=np.where(mask, np.nan, tile.measured))


def to_reprogram(chip: Chip, may: Sequence[Mask]) -> tuple[Chip, list[Mask], list[NDArray[np.float64]]]:
    """Choose, of the devices that `may` be written again, those without which outputs are not certified.

    How many an output needs is estimated to first order, then found by solving exactly. Outputs that stay uncertified
    with all of theirs written again get none. Gives the chip with the chosen ones written, their masks by tile, and the
    effect of each device in level steps.
    """
    masks = [np.zeros_like(m) for m in may]
    effects = [np.zeros(m.shape) for m in may]
    counts: dict[tuple[str, int, int, int], int] = {}
    lists: dict[tuple[str, int, int, int], tuple[int, Effects]] = {}
    best = chip.with_tiles([reset(t, m) for t, m in zip(chip.design.all_tiles, may, strict=True)])
    able = {(m.name, o.index) for m in best.design.regions for o in m.outputs if o.window}
    now = chip
    while True:
        grown = False
        wanting = list(_wanting(now, able))
        voltages = _voltages(chip, wanting)
        for mounted, output, column in wanting:
            number = mounted.first + column.tile
            key = (mounted.name, output.index, number, column.slice)
            if key not in lists:
                found = _effects(chip, mounted, column, may[number], voltages[number, column.output, column.slice])
                lists[key], counts[key] = (number, found), _estimate(mounted, chip, output, column, found)
                np.maximum.at(effects[number], (found.rows, found.cols), np.abs(found.steps))
            else:
                counts[key] = min(2 * counts[key], len(lists[key][1].rows))
            fresh = lists[key][1].rows[:counts[key]], lists[key][1].cols[:counts[key]]
            grown |= not bool(masks[number][fresh].all())
            masks[number][fresh] = True
        if not grown:
            break
        now = chip.with_tiles([reset(t, m) for t, m in zip(chip.design.all_tiles, masks, strict=True)])
    return now, masks, effects


def _wanting(chip: Chip, able: set[tuple[str, int]]) -> Iterator[tuple[Mounted, Output, Column]]:
    """Give the signals that keep an output from its certificate, where writing can bring it."""
    for mounted in chip.design.regions:
        for output in mounted.outputs:
            if output.window or (mounted.name, output.index) not in able:
                continue
            wrong = [output.gate_window is not None or not output.sums_window[k].certified
                     for k in range(len(output.columns))]
            for column, is_wrong in zip(output.columns, wrong, strict=True):
                if is_wrong:
                    yield mounted, output, column


def _voltages(chip: Chip, wanting: Sequence[tuple[Mounted, Output, Column]]) -> dict[tuple[int, int, int], Any]:
    """Solve the adjoint of each tile once, for all signals that are wanted of it: [rows, cols] for each of them."""
    solved: dict[tuple[int, int, int], Any] = {}
    by_tile: dict[int, tuple[Mounted, list[Column]]] = {}
    for mounted, _, column in wanting:
        by_tile.setdefault(mounted.first + column.tile, (mounted, []))[1].append(column)
    for number, (mounted, columns) in by_tile.items():
        tile, array = mounted.mapped.tiles[columns[0].tile], chip.design.array
        keys, sense = sensed(mounted.mapped, tile)
        wanted = [keys.index((c.output, c.slice)) for c in columns]
        g = conductances(tile, array)
        found = np.zeros((len(wanted), *g.shape))
        for row, voltages in adjoint_voltages(g, sense[:, wanted], array.wires):
            found[:, row] = voltages.T
        solved |= {(number, c.output, c.slice): v for c, v in zip(columns, found, strict=True)}
    return solved


def _effects(chip: Chip, mounted: Mounted, column: Column, may: Mask, voltages: Any) -> Effects:
    """Work out what writing each device again would do to a signal: the adjoint's voltage times the change."""
    tile, array = mounted.mapped.tiles[column.tile], chip.design.array
    g, step = conductances(tile, array), level_step(array)
    change = np.where(may, targets(tile, array) - g, 0) * voltages / step
    wider = (array.device.window_rel * targets(tile, array) - tile.error * g) * np.abs(voltages) / step
    rows, cols = np.nonzero(np.abs(change) > _LEAST_EFFECT)
    order = np.lexsort((cols, rows, -np.round(np.abs(change[rows, cols]), 9)))
    rows, cols = rows[order], cols[order]
    return Effects(rows, cols, change[rows, cols], np.maximum(wider[rows, cols], 0))


def _estimate(mounted: Mounted, chip: Chip, output: Output, column: Column, found: Effects) -> int:
    """Estimate to first order how many of the devices must be written until a signal is certified."""
    tile = mounted.mapped.tiles[column.tile]
    at: Mapping[int, int] = {int(i): k for k, i in enumerate(column.inputs.tolist())}
    currents, driven, idle = column.currents.copy(), column.driven.copy(), column.idle.copy()
    for count, (row, step, spread) in enumerate(zip(found.rows.tolist(), found.steps.tolist(), found.spreads.tolist(),
                                                    strict=True), 1):
        source = at.get(int(tile.row_input[row]))
        if source is None:
            continue
        inverse = tile.row_role[row] == 1
        currents[source] += -step if inverse else step
        (idle if inverse else driven)[source] += spread
        if _certified(mounted, output, column, currents, driven, idle):
            return count
    return max(1, len(found.rows))


def _certified(mounted: Mounted, output: Output, column: Column, currents: Any, driven: Any, idle: Any) -> bool:
    if output.gate_window is None:
        gain = sum_error(column.digits, currents).gain
        return sum_error(column.digits, currents, driven, idle, gain).certified
    thresholds = mounted.mapped.region.thresholds
    assert thresholds is not None, "comparators compare with thresholds"
    return gate_margin(column.digits, currents, int(thresholds[output.index]), driven, idle).certified
