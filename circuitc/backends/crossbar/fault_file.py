"""Read which devices are known to be bad: a CSV file `tile,row,col,kind`, as a lab measures it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error, nearest

from .faults import STUCK_HRS, STUCK_LRS

KINDS = {"stuck_hrs": STUCK_HRS, "stuck_lrs": STUCK_LRS}
NAMES = {0: "none", **{code: name for name, code in KINDS.items()}}
_HEADER = ["tile", "row", "col", "kind"]
_MAX_TILES = 1 << 16


def read_faults(path: str | Path, rows: int, cols: int) -> list[NDArray[np.uint8]]:
    """Give for each tile, in order, its [rows, cols] of fault codes; tiles that the file does not name are healthy."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except (UnicodeDecodeError, csv.Error) as e:
        raise error(f"{path}: is not a CSV file: {e}") from None
    if not lines or lines[0] != _HEADER:
        raise error(f"{path}:1: expected the header {','.join(_HEADER)}")
    found = [_fault(f"{path}:{number}", line, rows, cols) for number, line in enumerate(lines[1:], 2) if line]
    faults: list[Any] = [np.zeros((rows, cols), np.uint8) for _ in range(max((f[0] for f in found), default=-1) + 1)]
    for tile, row, col, kind in found:
        if faults[tile][row, col] not in (0, kind):
            raise error(f"{path}: tile {tile}, row {row}, col {col} is listed as both kinds of fault")
        faults[tile][row, col] = kind
    return faults


def _fault(place: str, line: list[str], rows: int, cols: int) -> tuple[int, int, int, int]:
    if len(line) != len(_HEADER):
        raise error(f"{place}: expected {len(_HEADER)} fields, got {len(line)}")
    numbers: list[int] = []
    for name, text, limit in zip(_HEADER, line[:3], (_MAX_TILES, rows, cols), strict=False):
        if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) < limit):
            raise error(f"{place}: {name} is {text!r}, expected a whole number below {limit}")
        numbers.append(int(text))
    if line[3] not in KINDS:
        raise error(f"{place}: there is no kind of fault {line[3]!r}", help=nearest(line[3], KINDS))
    return numbers[0], numbers[1], numbers[2], KINDS[line[3]]
