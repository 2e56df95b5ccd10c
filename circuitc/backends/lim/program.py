"""A program for a row of cells, as arrays: what each step does to which cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]


class Op(IntEnum):
    """What an operation does to its output cell."""

    INIT = 0   # set to 1 (low resistance); those of one step happen together
    NOR = 1    # 0 if any input cell is 1; the output cell must hold 1
    RM3 = 2    # majority of the first input, the inverse of the second and what the cell holds


TRUE, FALSE = -1, -2   # inputs of RM3 that are no cells


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in the order of their steps. A step has one operation, or initialises several cells.

        step      0     0     1      2
        op       INIT  INIT  NOR    NOR
        output    2     3     2      3
        inputs               0 1    2         inputs of operation k: inputs[offset[k]:offset[k + 1]]

    Step 0 comes before the inputs are written and is not counted. `input_cells` and `output_cells` say where values
    lie before the first and after the last step.
    """

    row: int
    step: Int32          # [operations]
    op: NDArray[np.uint8]
    output: Int32
    offset: Int32        # [operations + 1]
    inputs: Int32        # cells, or TRUE and FALSE
    input_cells: tuple[int, ...]
    output_cells: tuple[int, ...]

    @property
    def steps(self) -> int:
        """The number of steps that count."""
        return int(self.step[-1]) if len(self.step) else 0

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which operations belong to counted steps."""
        return self.step > 0

    def figures(self) -> dict[str, Any]:
        """Count what the report shows together: steps, cells and writes; loading the inputs is no write here."""
        ops = self.op[self.counted]
        writes = np.bincount(self.output[self.counted], minlength=self.row)
        touched = {*np.unique(self.output[self.counted]).tolist(), *self.input_cells, *self.output_cells}
        used = np.array(sorted(touched), np.int64)
        return {
            "steps": self.steps, "init_steps": len(np.unique(self.step[self.counted][ops == Op.INIT])),
            "gate_steps": int(np.count_nonzero(ops != Op.INIT)), "row": self.row, "cells_used": len(used),
            "writes": int(writes.sum()), "writes_most": int(writes.max(initial=0)),
            "writes_mean": f"{writes[used].mean() if len(used) else 0:.2f}"}


class Recorder:
    """Write a program down, step by step; `writes` counts those of each cell."""

    def __init__(self, row: int) -> None:
        self.row = row
        self.writes = [0] * row
        self._step = 0
        self._rows: list[tuple[int, Op, int]] = []
        self._inputs: list[int] = []
        self._offset = [0]

    def initialize(self, cells: Sequence[int], *, counted: bool = True) -> None:
        """Set cells to 1 in one step."""
        self._step += counted
        for cell in sorted(cells):
            self._add(Op.INIT, cell, ())

    def nor(self, output: int, inputs: Sequence[int]) -> None:
        self._step += 1
        self._add(Op.NOR, output, inputs)

    def rm3(self, output: int, p: int, q: int) -> None:
        """Write the majority of p, not q and the cell itself into a cell."""
        self._step += 1
        self._add(Op.RM3, output, (p, q))

    def _add(self, op: Op, output: int, inputs: Sequence[int]) -> None:
        self._rows.append((self._step, op, output))
        self._inputs.extend(inputs)
        self._offset.append(len(self._inputs))
        self.writes[output] += 1

    def finish(self, input_cells: Sequence[int], output_cells: Sequence[int]) -> Program:
        """Freeze the program."""
        table = np.array(self._rows, np.int32).reshape(-1, 3)
        return Program(self.row, table[:, 0].copy(), table[:, 1].astype(np.uint8), table[:, 2].copy(),
                       np.array(self._offset, np.int32), np.array(self._inputs, np.int32), tuple(input_cells),
                       tuple(output_cells))
