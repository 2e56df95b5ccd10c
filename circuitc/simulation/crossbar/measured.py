"""Conductances that a lab measured, in the place of the targets."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.diagnostics import error
from circuitc.ir import Module

from .bundle import Bundle
from .machine import machine_of
from .modes import linear, target_conductances

HEADER = ["tile", "row", "col", "g_S"]


def run_measured(module: Module, bundle: Bundle, inputs: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Run a program on measured conductances, wires solved exactly, references and gains as in the bundle."""
    solved = np.array([transfer_matrix(tile, bundle.wires) for tile in read_measured(path, bundle)])
    return machine_of(module, bundle).run(inputs, linear(bundle, solved))


def read_measured(path: str | Path, bundle: Bundle) -> NDArray[np.float64]:
    """Read a CSV file `tile,row,col,g_S`: [tiles, rows, cols] in siemens; devices that it leaves out are on target."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except (UnicodeDecodeError, csv.Error) as e:
        raise error(f"{path}: is not a CSV file: {e}") from None
    if not lines or lines[0] != HEADER:
        raise error(f"{path}:1: expected the header {','.join(HEADER)}")
    g = target_conductances(bundle).copy()
    seen: set[tuple[int, ...]] = set()
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        place, value = _device(f"{path}:{number}", line, g.shape)
        if place in seen:
            raise error(f"{path}:{number}: tile {place[0]}, row {place[1]}, col {place[2]} is listed twice")
        seen.add(place)
        g[place] = value
    return g


def _device(place: str, line: list[str], shape: tuple[int, ...]) -> tuple[tuple[int, ...], float]:
    if len(line) != len(HEADER):
        raise error(f"{place}: expected {len(HEADER)} fields, got {len(line)}")
    for name, text, limit in zip(HEADER, line, shape, strict=False):
        if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) < limit):
            raise error(f"{place}: {name} is {text!r}, expected a whole number below {limit}")
    try:
        value = float(line[3])
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise error(f"{place}: g_S is {line[3]!r}, expected siemens, not below zero")
    return tuple(map(int, line[:3])), value
