"""Write a bundle as other tools take it: ngspice, CrossSim, badcrossbar, ArC TWO, NI-RRAM.

None of the instrument files was ever run on an instrument by us, and CrossSim is not installed where we test: the
files follow what those projects document.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitc.backends.crossbar.spice import operating_point
from circuitc.diagnostics import error, nearest

from .bundle import Bundle

Files = Iterator[tuple[str, bytes]]


def export(bundle: Bundle, to: str) -> dict[str, bytes]:
    """Give the files of an export by name."""
    if to not in EXPORTS:
        raise error(f"there is no export {to!r}", help=nearest(to, EXPORTS))
    return dict(EXPORTS[to](bundle))


def _ngspice(bundle: Bundle) -> Files:
    """A deck for each tile: every wordline at the read voltage, the sense currents written to a raw file."""
    for tile, g in enumerate(bundle.conductances):
        name = f"tile_{tile:03d}"
        volts = np.full(len(g), bundle.map.physics.v_read)
        yield f"{name}.cir", operating_point(name, g, bundle.wires, volts, f"{name}.raw").encode()


def _crosssim(bundle: Bundle) -> Files:
    """Parameters in the nesting of CrossSim 3, and each tile's conductances relative to the greatest."""
    physics, wires = bundle.map.physics, bundle.wires
    r_min, r_max = float(1 / bundle.siemens[-1]), float(1 / bundle.siemens[0]) if bundle.siemens[0] else 1e30
    parameters = {
        "core": {"rows_max": physics.rows, "cols_max": physics.cols},
        "xbar": {"device": {"Rmin": r_min, "Rmax": r_max, "infinite_on_off_ratio": not bundle.siemens[0],
                            "Vread": physics.v_read},
                 "array": {"parasitics": {"enable": not wires.ideal, "Rp_row": wires.wordline,
                                          "Rp_col": wires.bitline}}}}
    yield "crosssim.json", (json.dumps(parameters, indent=2) + "\n").encode()
    g = bundle.conductances
    yield "crosssim.npz", _npz({f"tile_{k:03d}": tile / bundle.siemens[-1] for k, tile in enumerate(g)})


def _badcrossbar(bundle: Bundle) -> Files:
    """An archive for each tile: what `badcrossbar.compute(voltages, resistances, r_i)` takes (ends are left out)."""
    with np.errstate(divide="ignore"):
        resistances = 1 / bundle.conductances
    for tile, ohm in enumerate(resistances):
        yield f"tile_{tile:03d}.npz", _npz({
            "applied_voltages": np.full((len(ohm), 1), bundle.map.physics.v_read), "resistances": ohm,
            "r_i_word_line": np.array(bundle.wires.wordline), "r_i_bit_line": np.array(bundle.wires.bitline)})


def _arc2(bundle: Bundle) -> Files:
    """Devices in programming order with the channels of the instrument and the window to verify into, in ohm."""
    table = bundle.table
    if not len(table) or table["wl_ch"][0] == "":
        raise error("the bundle has no channels", help="compile it with --option channels=FILE.toml")
    lines = ["low_ch,high_ch,r_target_ohm,r_lo_ohm,r_hi_ohm,v_read"]
    for k in _writable(bundle):
        low, high = 1 / table["g_hi_S"][k], 1 / table["g_lo_S"][k]
        lines.append(f"{table['wl_ch'][k]},{table['bl_ch'][k]},{table['r_target_ohm'][k]:.6g},{low:.6g},{high:.6g},"
                     f"{bundle.map.physics.v_read:g}")
    yield "arc2.csv", ("\n".join(lines) + "\n").encode()


def _ni_rram(bundle: Bundle) -> Files:
    """A bitstream for each tile, one integer a line by address (row major), and the windows of its levels in ohm."""
    cols = bundle.shape[1]
    for tile, levels in enumerate(bundle.levels):
        yield f"tile_{tile:03d}.bitstream", ("\n".join(map(str, levels.reshape(-1).tolist())) + "\n").encode()
    half = bundle.map.physics.window_rel
    lines = ["level,r_lo_ohm,r_hi_ohm"]
    lines += [f"{k},{1 / (g * (1 + half)):.9g},{1 / (g * (1 - half)):.9g}" if g else f"{k},inf,inf"
              for k, g in enumerate(bundle.siemens.tolist())]
    yield "windows.csv", ("\n".join(lines) + "\n").encode()
    table = bundle.table
    addresses = [f"{table['tile'][k]},{table['row'][k] * cols + table['col'][k]},{table['level'][k]}"
                 for k in _writable(bundle)]
    yield "targets.csv", ("\n".join(["tile,address,level", *addresses]) + "\n").encode()


def _writable(bundle: Bundle) -> list[int]:
    """List the devices that can be written, in programming order."""
    healthy = np.flatnonzero(bundle.table["fault"] == "none")
    return healthy[np.argsort(bundle.table["order"][healthy])].tolist()


def _npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))
    return buffer.getvalue()


EXPORTS: Mapping[str, Callable[[Bundle], Files]] = MappingProxyType({
    "ngspice": _ngspice, "crosssim": _crosssim, "badcrossbar": _badcrossbar, "arc2": _arc2, "ni-rram": _ni_rram})
