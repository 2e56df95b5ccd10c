"""Conductances that a lab measured, in the place of the targets."""

from __future__ import annotations

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
from .measured_file import parse_measured
from .modes import linear
from .reservoir import read_as_they_are


def run_measured(module: Module, bundle: Bundle, inputs: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Run a program on measured conductances, wires solved exactly, references and gains as in the bundle."""
    solved = np.array([transfer_matrix(tile, bundle.wires) for tile in read_measured(path, bundle)])
    return machine_of(module, bundle).run(inputs, linear(bundle, solved))


def run_as_it_is(module: Module, bundle: Bundle, inputs: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """Run a program on measured conductances that nobody programmed: offsets and gains are set for what they are."""
    g = measured_cells(path, bundle)
    missing = next((p for p in bundle.table.used() if np.isnan(g[p])), None)
    if missing is not None:
        raise error(f"{path}: says nothing of tile {missing[0]}, row {missing[1]}, col {missing[2]}, which is in use",
                    help="arrays that nobody programmed have no targets: measure every device in use")
    g = np.where(np.isnan(g), bundle.conductances, g)
    currents = linear(bundle, np.array([transfer_matrix(tile, bundle.wires) for tile in g]))
    return read_as_they_are(machine_of(module, bundle), currents).run(inputs, currents)


def read_measured(path: str | Path, bundle: Bundle) -> NDArray[np.float64]:
    """Read a CSV file `tile,row,col,g_S`: [tiles, rows, cols] in siemens; devices that it leaves out are as the
    bundle has them."""
    g = measured_cells(path, bundle)
    return np.where(np.isnan(g), bundle.conductances, g)


def measured_cells(path: str | Path, bundle: Bundle) -> NDArray[np.float64]:
    """Read such a file: [tiles, rows, cols] in siemens, nan for devices that it leaves out."""
    try:
        content = Path(path).read_bytes()
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    return parse_measured(content, str(path), bundle.levels.shape)
