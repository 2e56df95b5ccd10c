"""Ask ngspice for the sense currents of a crossbar tile."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.spice import operating_point
from circuitc.backends.crossbar.wires import IDEAL, Wires
from circuitc.diagnostics import error
from circuitc.tools import ToolFailed, require_tool, run_tool

_RESULT = "currents.raw"


def spice_currents(conductances: Any, volts: Any, wires: Wires = IDEAL, *, seconds: float = 300) -> NDArray[np.float64]:
    """Give the currents in ampere into the sense nodes, as ngspice finds them, for voltages on the wordlines."""
    program = require_tool("ngspice")
    deck = operating_point("tile", conductances, wires, volts, _RESULT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tile.cir").write_text(deck)
        done = run_tool([str(program), "-b", "tile.cir"], folder=folder, seconds=seconds)
        raw = folder / _RESULT
        if not raw.is_file():
            raise ToolFailed("ngspice", done)
        return read_raw(raw.read_text())


def read_raw(text: str) -> NDArray[np.float64]:
    """Read the sense currents of a one-point raw file in ASCII: numbered names, then a number and a value a line.

    ngspice lists one of the currents a second time as the point's scale, so they are taken by name.
    """
    head, found, tail = text.partition("Values:\n")
    if not found:
        raise error("ngspice wrote a raw file that has no values")
    names = re.findall(r"^\s*\d+\s+i\(vout(\d+)\)", head, re.MULTILINE | re.IGNORECASE)
    by_name = dict(zip(map(int, names), map(float, tail.split()[1:]), strict=True))
    return np.array([by_name[j] for j in range(len(by_name))])
