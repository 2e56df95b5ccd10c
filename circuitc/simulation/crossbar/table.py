"""Read `cells.csv`: the table of devices, as columns."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.cells import COLUMNS
from circuitc.diagnostics import error

_WHOLE = ("tile", "row", "col", "w", "level", "comp", "order")
_REAL = ("g_target_S", "g_lo_S", "g_hi_S", "r_target_ohm")
_MOST_BYTES = 1 << 32


@dataclass(frozen=True)
class Table:
    """The columns by name: whole numbers, real numbers, or texts; line `k + 2` of the file is entry k."""

    name: str
    columns: dict[str, NDArray[Any]]

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    def __len__(self) -> int:
        return len(self.columns["tile"])

    def used(self) -> list[tuple[int, int, int]]:
        """List the devices in use as tile, row, col, in order."""
        used = self["role"] != "unused"
        return sorted(zip(*(self[c][used].tolist() for c in ("tile", "row", "col")), strict=True))


def read_table(content: bytes, name: str) -> Table:
    """Read the table, packed or not."""
    if name.endswith(".gz"):
        try:
            with gzip.open(io.BytesIO(content)) as packed:
                content = packed.read(_MOST_BYTES)
        except (OSError, EOFError, zlib.error):
            raise error(f"{name}: is not a gzip file") from None
    try:
        lines = list(csv.reader(io.StringIO(content.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as e:
        raise error(f"{name}: is not a CSV file: {e}") from None
    if not lines or tuple(lines[0]) != COLUMNS:
        raise error(f"{name}:1: expected the header {','.join(COLUMNS)}")
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(COLUMNS):
            raise error(f"{name}:{number}: expected {len(COLUMNS)} fields, got {len(line)}")
    texts = list(zip(*lines[1:], strict=True)) or [()] * len(COLUMNS)
    return Table(name, {column: _column(name, column, values) for column, values in zip(COLUMNS, texts, strict=True)})


def _column(name: str, column: str, values: Any) -> NDArray[Any]:
    kind = np.int64 if column in _WHOLE else np.float64 if column in _REAL else None
    if kind is None:
        return np.array(values, dtype=object)
    try:
        return np.array(values, dtype=object).astype(kind)
    except (ValueError, OverflowError):
        bad = next(k for k, v in enumerate(values) if not _parses(v, kind))
        words = "a whole number" if kind is np.int64 else "a number"
        raise error(f"{name}:{bad + 2}: {column} is {values[bad][:40]!r}, expected {words}") from None


def _parses(text: str, kind: Any) -> bool:
    try:
        np.array([text], dtype=object).astype(kind)
    except (ValueError, OverflowError):
        return False
    return True
