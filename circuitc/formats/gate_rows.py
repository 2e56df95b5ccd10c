"""Gates in the order of a file that names its signals: what the readers of `.bench` and `.blif` build with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuitc.ir import Kind, Netlist
from circuitc.ir.netlist import MAX_LUT_INPUTS, split_table


class GateRows:
    """Gates in the order in which they are added, nothing shared and nothing simplified."""

    def __init__(self, inputs: int) -> None:
        self.first = 1 + inputs
        self._kinds: list[int] = []
        self._fanins: list[int] = []
        self._arities: list[int] = []
        self._tables: dict[int, list[int]] = {}

    def add(self, kind: Kind, fanins: Sequence[int], table: int = 0) -> int:
        """Add a gate and give its literal."""
        node = self.first + len(self._kinds)
        self._kinds.append(kind)
        self._fanins += fanins
        self._arities.append(len(fanins))
        if kind == Kind.LUT:
            self._tables[node] = split_table(table, len(fanins))
        return node << 1

    def finish(self, outputs: Sequence[int], names: dict[int, str]) -> Netlist:
        """Freeze the gates with these outputs."""
        nodes = self.first + len(self._kinds)
        kind = np.full(nodes, Kind.INPUT, np.uint8)
        kind[0] = Kind.FALSE
        kind[self.first:] = self._kinds
        offset = np.zeros(nodes + 1, np.int32)
        offset[self.first + 1:] = np.cumsum(self._arities)
        fanin = np.array(self._fanins, np.int32)
        data = np.zeros(nodes if self._tables else 0, np.int64)
        is_wide = any(len(words) > 1 for words in self._tables.values())
        weight = np.zeros(len(fanin) if is_wide else 0, np.int64)
        for node, (low, *high) in self._tables.items():
            data[node] = low
            weight[offset[node]:offset[node] + len(high)] = high
        return Netlist(self.first - 1, kind, offset, fanin, np.array(outputs, np.int32), data, weight, names)


def tree(rows: GateRows, kind: Kind, operands: Sequence[int]) -> int:
    """Join operands two by two, neighbours first."""
    if len(operands) == 2:
        return rows.add(kind, operands)
    level = list(operands)
    while len(level) > 1:
        joined = [rows.add(kind, (a, b)) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = joined + level[2 * len(joined):]
    return level[0]


def lut(rows: GateRows, operands: Sequence[int], table: int) -> int:
    """Add a look-up table; one too wide for a gate is split on its last operand."""
    size = 1 << len(operands)
    if table in (0, (1 << size) - 1):
        return table & 1
    if len(operands) <= MAX_LUT_INPUTS:
        return rows.add(Kind.LUT, operands, table)
    low = lut(rows, operands[:-1], table & ((1 << size // 2) - 1))
    high = lut(rows, operands[:-1], table >> size // 2)
    x = operands[-1]
    return low if low == high else rows.add(Kind.LUT, (low, high, x), 0b11001010)


def or_(rows: GateRows, operands: Sequence[int]) -> int:
    return tree(rows, Kind.AND, [f ^ 1 for f in operands]) ^ 1
