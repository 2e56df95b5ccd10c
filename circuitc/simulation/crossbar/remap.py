"""Move what a stuck device spoils to other lines of its tile, with as few devices written as can be found.

A device that sticks is made good by its partner (the other device of the same digit), by moving one output's bitlines
or one input's wordlines to free lines, or by exchanging two of them. The search is greedy: the step that leaves the
least error, and of those the one that writes the fewest devices, until nothing is wrong or nothing helps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.encoding import Encoded
from circuitc.backends.crossbar.faults import HEALTHY, STUCK_HRS, STUCK_LRS
from circuitc.backends.crossbar.placing import sign
from circuitc.backends.crossbar.tile import NONE, Integers, Tile

from .redesign import wanted_levels

Floats = NDArray[np.float64]
_NONE_LEFT = 1e-9   # level steps


@dataclass(frozen=True)
class Digit:
    """How the devices of one digit are set: a level each, the kind of fault of each, and what is still wrong."""

    error: float
    levels: tuple[int, ...]
    faults: tuple[int, ...]


def remap(tile: Tile, encoded: Encoded, array: Array, stuck: Floats, spoiled: Collection[int]) -> Tile:
    """Give the tile with its spoiled outputs moved off stuck devices, as far as that can be.

    `stuck` is [rows, cols]: the conductance in siemens of devices that cannot be set, nan of the others. Other outputs
    are left no worse than they are. Devices that must be written are not measured in the answer.
    """
    return _Lines(tile, encoded, array, stuck, spoiled).moved()


class _Lines:
    """A tile as groups of lines: input i on row group `rows[i]`, output column j on column group `columns[j]`.

    Groups are counted as the placer counts them: wordlines from the last, bitlines from the first behind shared ones.
    """

    def __init__(self, tile: Tile, encoded: Encoded, array: Array, stuck: Floats, spoiled: Collection[int]) -> None:
        self.tile, self.encoded, self.array, self.stuck = tile, encoded, array, stuck
        self.row_roles, self.column_roles = encoded.encoding.row_roles, encoded.encoding.column_roles
        self.shared = encoded.slices if encoded.encoding.shared else 0
        self.keys = [(r, c) for r in range(len(self.row_roles)) for c in range(len(self.column_roles))]
        self.signs = [sign((self.row_roles[r], self.column_roles[c])) for r, c in self.keys]
        height, width = tile.level.shape
        wordlines = np.flatnonzero((tile.row_input != NONE) & (tile.row_role == 0))
        bitlines = np.flatnonzero((tile.column_output != NONE) & (tile.column_role == 0))
        self.rows: list[int] = ((height - 1 - wordlines) // len(self.row_roles)).tolist()
        self.columns: list[int] = ((bitlines - self.shared) // len(self.column_roles)).tolist()
        self.row_groups = height // len(self.row_roles)
        self.column_groups = (width - self.shared) // len(self.column_roles)
        self.inputs, self.outputs = tile.row_input[wordlines], tile.column_output[bitlines]
        self.slices, self.weights = tile.column_slice[bitlines], tile.weight[np.ix_(wordlines, bitlines)]
        wanted = wanted_levels(encoded, tile)
        self.wanted = [wanted[np.ix_(*self._lines(self.rows, self.columns, key))] for key in self.keys]
        self.bad_groups = {(self._row_group(r), self._column_group(c))
                           for r, c in np.argwhere(~np.isnan(stuck)).tolist() if c >= self.shared}
        spoils = set(spoiled)
        self.borne: dict[tuple[int, int], float] = {}
        self.borne = {(i, j): self._digit(i, j, r, c).error for i, r in enumerate(self.rows)
                      for j, c in enumerate(self.columns)
                      if (r, c) in self.bad_groups and int(self.outputs[j]) not in spoils}

    def _row_group(self, wordline: int) -> int:
        return (self.tile.level.shape[0] - 1 - wordline) // len(self.row_roles)

    def _column_group(self, bitline: int) -> int:
        return (bitline - self.shared) // len(self.column_roles)

    def _lines(self, rows: Any, columns: Any, key: tuple[int, int]) -> tuple[Integers, Integers]:
        wordlines = self.tile.level.shape[0] - 1 - np.asarray(rows) * len(self.row_roles) - key[0]
        return wordlines, self.shared + np.asarray(columns) * len(self.column_roles) + key[1]

    def _digit(self, i: int, j: int, row: int, column: int) -> Digit:
        """Set the digit of input i and column j on these groups: a healthy partner makes up for a stuck device."""
        levels, faults = [int(w[i, j]) for w in self.wanted], [HEALTHY] * len(self.keys)
        total = sum(s * level for s, level in zip(self.signs, levels, strict=True))
        held = [float(level) for level in levels]
        fixed: list[bool] = []
        top = self.encoded.base - 1
        for k, key in enumerate(self.keys):
            place = tuple(int(v) for v in self._lines(row, column, key))
            g = float(self.stuck[place])
            fixed.append(not np.isnan(g))
            if np.isnan(g) or self._inside(g, levels[k]):
                continue
            held[k] = self._in_steps(g)
            if (kind := self._kind(g)) != HEALTHY:
                levels[k], faults[k] = self._end(kind), kind
        if sum(f != HEALTHY for f in faults) == 1 and fixed.count(True) == 1 and len(self.keys) == 2:
            bad = fixed.index(True)
            mine, other = self.signs[bad], self.signs[1 - bad]
            levels[1 - bad] = min(max(other * (total - mine * levels[bad]), 0), top)
            held[1 - bad] = levels[1 - bad]
        found = sum(s * h for s, h in zip(self.signs, held, strict=True))
        error = max(0.0, abs(total - found) - self.borne.get((i, j), 0.0))
        return Digit(error, tuple(levels), tuple(faults))

    def _inside(self, g: float, level: int) -> bool:
        half, target = self.array.device.window_rel, float(self.array.levels[level])
        return target * (1 - half) <= g <= target * (1 + half)

    def _in_steps(self, g: float) -> float:
        return float(np.interp(g, self.array.levels, np.arange(self.encoded.base)))

    def _kind(self, g: float) -> int:
        """Tell at which end a device is stuck; between them, by more than half a step, at none that has a name."""
        low, high = self._in_steps(g), self.encoded.base - 1 - self._in_steps(g)
        return STUCK_HRS if low <= min(0.5, high) else STUCK_LRS if high <= 0.5 else HEALTHY

    def _end(self, kind: int) -> int:
        return 0 if kind == STUCK_HRS else self.encoded.base - 1

    def _column_error(self, j: int, column: int) -> float:
        return sum(self._digit(i, j, r, column).error for i, r in enumerate(self.rows)
                   if (r, column) in self.bad_groups)

    def _row_error(self, i: int, row: int) -> float:
        shared = 0.0
        for s in range(self.shared):
            wanted = self.encoded.offset // self.encoded.base ** s % self.encoded.base
            g = float(self.stuck[self._lines(row, 0, (0, 0))[0], s])
            if not np.isnan(g) and not self._inside(g, wanted):
                shared += abs(self._in_steps(g) - wanted)
        return shared * len(self.columns) + sum(self._digit(i, j, row, c).error for j, c in enumerate(self.columns)
                                                if (row, c) in self.bad_groups)

    def moved(self) -> Tile:
        """Search, and give the tile."""
        while True:
            best = min(self._candidates(), default=None)
            if best is None:
                return self._tile()
            _, _, axis, k, group = best
            lines = self.columns if axis == "column" else self.rows
            if group in lines:
                lines[lines.index(group)] = lines[k]
            lines[k] = group

    def _candidates(self) -> Iterator[tuple[float, int, str, int, int]]:
        """Give every move that lessens the error: (change of the error, devices to write, axis, line, group)."""
        for axis, lines, groups, error in (("column", self.columns, self.column_groups, self._column_error),
                                           ("row", self.rows, self.row_groups, self._row_error)):
            now = [error(k, group) for k, group in enumerate(lines)]
            at = {group: k for k, group in enumerate(lines)}
            for k in (k for k, e in enumerate(now) if e > _NONE_LEFT):
                for group in range(groups):
                    if group == lines[k]:
                        continue
                    other = at.get(group)
                    change = error(k, group) - now[k]
                    if other is not None:
                        change += error(other, lines[k]) - now[other]
                    if change < -_NONE_LEFT:
                        writes = self._writes(axis, k, group)
                        writes += self._writes(axis, other, lines[k]) if other is not None else 0
                        yield round(change, 9), writes, axis, k, group

    def _writes(self, axis: str, k: int, group: int) -> int:
        """Count the devices of a line that do not hold what they would have to."""
        rows, columns = (self.rows, [group]) if axis == "column" else ([group], self.columns)
        count = 0
        for key, wanted in zip(self.keys, self.wanted, strict=True):
            levels = wanted[:, [k]] if axis == "column" else wanted[[k], :]
            count += int(np.count_nonzero(~self._holds(np.ix_(*self._lines(rows, columns, key)), levels)))
        return count

    def _holds(self, place: Any, levels: Any) -> Any:
        """Tell of devices whether they were measured inside the windows of these levels."""
        target, half = self.array.levels[levels], self.array.device.window_rel
        g = np.full(target.shape, np.nan) if self.tile.measured is None else self.tile.measured[place]
        return (g >= target * (1 - half)) & (g <= target * (1 + half))

    def _tile(self) -> Tile:
        """Print the lines as a tile."""
        old, shape = self.tile, self.tile.level.shape
        level, weight = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        fault, compensates = old.fault.copy(), np.zeros(shape, dtype=bool)
        row_input, row_role = np.full(shape[0], NONE), np.full(shape[0], NONE)
        outputs, roles, slices = (np.full(shape[1], NONE) for _ in range(3))
        for key, wanted in zip(self.keys, self.wanted, strict=True):
            wordlines, bitlines = self._lines(self.rows, self.columns, key)
            level[np.ix_(wordlines, bitlines)], weight[np.ix_(wordlines, bitlines)] = wanted, self.weights
            row_input[wordlines], row_role[wordlines] = self.inputs, key[0]
            outputs[bitlines], roles[bitlines], slices[bitlines] = self.outputs, key[1], self.slices
        used = row_input != NONE
        for s in range(self.shared):
            level[used, s] = self.encoded.offset // self.encoded.base ** s % self.encoded.base
            roles[s], slices[s] = len(self.column_roles), s
        self._settle(level, fault, compensates, used[:, None] & (roles != NONE)[None, :])
        fresh = replace(old, level=level.astype(np.uint8), fault=fault, weight=weight, compensates=compensates,
                        row_input=row_input, row_role=row_role, column_output=outputs, column_role=roles,
                        column_slice=slices)
        return replace(fresh, measured=self._still_measured(fresh))

    def _settle(self, level: Integers, fault: Any, compensates: Any, used: Any) -> None:
        """Give stuck devices the level that they have, and their partners the one that makes up for it."""
        for i, r in enumerate(self.rows):
            for j, c in enumerate(self.columns):
                if (r, c) not in self.bad_groups:
                    continue
                digit = self._digit(i, j, r, c)
                for k, key in enumerate(self.keys):
                    place = tuple(int(v) for v in self._lines(r, c, key))
                    fault[place] = digit.faults[k] or fault[place]
                    compensates[place] = digit.faults[k] == HEALTHY and digit.levels[k] != level[place]
                    level[place] = digit.levels[k]
        for row, col in np.argwhere(~np.isnan(self.stuck) & (fault == HEALTHY)).tolist():
            kind = self._kind(float(self.stuck[row, col]))
            if kind != HEALTHY and (not used[row, col] or level[row, col] == self._end(kind)):
                fault[row, col] = kind
        level[fault == STUCK_HRS] = 0
        level[fault == STUCK_LRS] = self.encoded.base - 1

    def _still_measured(self, fresh: Tile) -> Any:
        """Forget the measurements of devices that are to be written: those that got another level, or a purpose."""
        measured, old = self.tile.measured, self.tile
        if measured is None:
            return None
        asked = fresh.used & ((fresh.level != old.level) | ~old.used) & np.isnan(self.stuck) & (fresh.fault == HEALTHY)
        holds = self._holds((slice(None), slice(None)), fresh.level)
        return np.where(asked & ~holds, np.nan, measured)
