"""What a lab measured: a CSV file `tile,row,col,g_S`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.bundle import MEASURED_HEADER
from circuitc.diagnostics import error

MOST_SIEMENS = 1000.0   # a milliohm: more than any device, and what doubles can still solve beside one


def measured_text(places: Iterable[tuple[int, int, int]], siemens: Iterable[float]) -> str:
    """Write conductances as such a file."""
    lines = [",".join(MEASURED_HEADER)]
    lines += [f"{tile},{row},{col},{g:.9g}" for (tile, row, col), g in zip(places, siemens, strict=True)]
    return "\n".join(lines) + "\n"


def parse_measured(content: bytes, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Give [tiles, rows, cols] in siemens, nan where the file says nothing of a device."""
    try:
        lines = list(csv.reader(io.StringIO(content.decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as e:
        raise error(f"{name}: is not a CSV file: {e}") from None
    if not lines or tuple(lines[0]) != MEASURED_HEADER:
        raise error(f"{name}:1: expected the header {','.join(MEASURED_HEADER)}")
    g = np.full(shape, np.nan)
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        place, value = _device(f"{name}:{number}", line, shape)
        if not np.isnan(g[place]):
            raise error(f"{name}:{number}: tile {place[0]}, row {place[1]}, col {place[2]} is listed twice")
        g[place] = value
    return g


def _device(place: str, line: list[str], shape: tuple[int, ...]) -> tuple[tuple[int, ...], float]:
    if len(line) != len(MEASURED_HEADER):
        raise error(f"{place}: expected {len(MEASURED_HEADER)} fields, got {len(line)}")
    for name, text, limit in zip(MEASURED_HEADER, line, shape, strict=False):
        if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) < limit):
            raise error(f"{place}: {name} is {text!r}, expected a whole number below {limit}")
    try:
        value = float(line[3])
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_SIEMENS:
        raise error(f"{place}: g_S is {line[3]!r}, expected siemens, 0 to {MOST_SIEMENS:g}")
    return tuple(map(int, line[:3])), value
