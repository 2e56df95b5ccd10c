"""The netlist of a tile for ngspice: every wire segment and every device by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .transfer import checked_conductances
from .wires import Wires

SHORT = 1e-9  # ohm; SPICE takes no resistor of zero


def subcircuit(name: str, conductances: Any, wires: Wires) -> Iterator[str]:
    """Write a tile as `.subckt NAME in0 .. out0 ..`.

    `Rw{i}_{j}` is the wordline segment before device (i, j), `Rx{i}_{j}` the device, `Rb{i}_{j}` the bitline segment
    after it; nodes are `w{i}_{j}` and `b{i}_{j}`. The first wordline segment and the last bitline segment include
    the ends. Open devices are left out; zero resistances are `SHORT`.
    """
    g = checked_conductances(conductances)
    m, n = g.shape
    yield f"* {m} wordlines, {n} bitlines; row 0 is farthest from the sense nodes, column 0 nearest the drivers"
    yield " ".join([f".subckt {name}", *(f"in{i}" for i in range(m)), *(f"out{j}" for j in range(n))])
    for i in range(m):
        for j in range(n):
            before = f"w{i}_{j - 1}" if j else f"in{i}"
            after = f"b{i + 1}_{j}" if i + 1 < m else f"out{j}"
            wordline = wires.wordline + (0.0 if j else wires.wordline_end)
            bitline = wires.bitline + (0.0 if i + 1 < m else wires.bitline_end)
            yield f"Rw{i}_{j} {before} w{i}_{j} {_ohm(wordline)}"
            if g[i, j]:
                yield f"Rx{i}_{j} w{i}_{j} b{i}_{j} {_ohm(1 / g[i, j])}"
            yield f"Rb{i}_{j} b{i}_{j} {after} {_ohm(bitline)}"
    yield f".ends {name}"


def operating_point(name: str, conductances: Any, wires: Wires, volts: Any, result: str = "currents.raw") -> str:
    """Write a whole deck that drives the tile with these voltages and saves the sense currents (into the nodes)."""
    g = checked_conductances(conductances)
    v = np.asarray(volts, dtype=np.float64)
    assert v.shape == (g.shape[0],), "one voltage a wordline"
    lines = [f"* operating point of {name}", *subcircuit(name, g, wires)]
    lines += [f"Vin{i} in{i} 0 {value:.17g}" for i, value in enumerate(v)]
    lines += [f"Vout{j} out{j} 0 0" for j in range(g.shape[1])]
    lines.append(" ".join(["Xtile", *(f"in{i}" for i in range(len(v))), *(f"out{j}" for j in range(g.shape[1])), name]))
    saved = " ".join(f"i(Vout{j})" for j in range(g.shape[1]))
    lines += [".options reltol=1e-12 abstol=1e-18 vntol=1e-15 gmin=1e-30", ".control", "set filetype=ascii",
              "set numdgt=15", f"save {saved}", "op", f"write {result} {saved}", ".endc", ".end"]
    return "\n".join(lines) + "\n"


def _ohm(value: float) -> str:
    return f"{max(value, SHORT):.17g}"
