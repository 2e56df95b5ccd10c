"""Read `ops.csv`: the operations of a program, as arrays."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.lim.bundle import CONSTANTS, HEADER
from circuitc.backends.lim.program import Op, Program
from circuitc.diagnostics import CircuitError, error

from ..base import decode_text
from .schema import LimMap

_LINE = re.compile(r"(\d{1,9}),(INIT|NOR|RM3),(\d{1,9}),((?:\d{1,9}|true|false)(?: (?:\d{1,9}|true|false))*|)")
_OPS = {op.name: op for op in Op}
_WORDS = {word: value for value, word in CONSTANTS.items()}
_OF_LOGIC = {"magic": (Op.INIT, Op.NOR), "rm3": (Op.RM3,)}


def read_ops(content: bytes, map_: LimMap, place: str) -> Program:
    """Read the operations and check each against the map's row, logic and fan-in; about 2 us a line."""
    lines = decode_text(content, place).split("\n")
    if lines[0] != HEADER:
        raise error(f"{place}:1: expected the header {HEADER}")
    if lines[-1]:
        raise error(f"{place}:{len(lines)}: the last line is cut off")
    rows: list[tuple[int, Op, int]] = []
    inputs: list[int] = []
    offset = [0]
    for number, line in enumerate(lines[1:-1], 2):
        match = _LINE.fullmatch(line)
        if match is None:
            raise error(f"{place}:{number}: expected `step,op,cell,cells`, got {line[:60]!r}")
        rows.append((int(match[1]), _OPS[match[2]], int(match[3])))
        inputs += [_WORDS[w] if w in _WORDS else int(w) for w in match[4].split()]
        offset.append(len(inputs))
    table = np.array(rows, np.int32).reshape(-1, 3)
    program = Program(map_.row, table[:, 0].copy(), table[:, 1].astype(np.uint8), table[:, 2].copy(),
                      np.array(offset, np.int32), np.array(inputs, np.int32), map_.input_cells, map_.output_cells)
    _check(program, map_, place)
    return program


def _check(program: Program, map_: LimMap, place: str) -> None:
    """Refuse operations that the row, the logic or their steps do not allow; the first is named."""
    step, op, arity = program.step, program.op, np.diff(program.offset)
    known = np.array(_OF_LOGIC[map_.logic], np.uint8)
    low, high = (np.array([limits[o] for o in op.tolist()], np.int64) for limits in _arities(map_.fan_in))
    after, same = np.diff(step, prepend=0), np.diff(step, prepend=-1) == 0
    init = op == Op.INIT
    alone = ~same | (init & np.roll(init, 1))
    _refuse(place, ~np.isin(op, known), f"logic {map_.logic} has no such operation")
    _refuse(place, (program.output >= map_.row), f"the cell is outside the row of {map_.row}")
    owner = np.repeat(np.arange(len(op)), arity)
    cells = program.inputs
    bad = (cells >= map_.row) | ((cells < 0) & (op[owner] != Op.RM3)) | (cells == program.output[owner])
    _refuse(place, np.isin(np.arange(len(op)), owner[bad]), "an input is the output, outside the row, or a constant")
    _refuse(place, (arity < low) | (arity > high), "the operation has another number of inputs")
    _refuse(place, (after < 0) | (after > 1) | ((step == 0) & ~init), "steps rise by one, and step 0 only initialises")
    _refuse(place, ~alone, "two operations happen in one step")


def _arities(fan_in: int) -> tuple[dict[int, int], dict[int, int]]:
    return {Op.INIT: 0, Op.NOR: 1, Op.RM3: 2}, {Op.INIT: 0, Op.NOR: fan_in, Op.RM3: 2}


def _refuse(place: str, wrong: NDArray[np.bool_], why: str) -> None:
    if wrong.any():
        raise _fault(place, int(np.argmax(wrong)), why)


def _fault(place: str, operation: int, why: str) -> CircuitError:
    return error(f"{place}:{operation + 2}: {why}")
