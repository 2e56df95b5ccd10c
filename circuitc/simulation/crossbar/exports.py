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
from .rebuild import rebuild_region

Files = Iterator[tuple[str, bytes]]
_NI_LINES = 256   # wordlines and source lines of the 64k chip: eight bits of an address each


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
    """Parameters under the names of CrossSim 3.1 (wires in ohm), each tile's conductances relative to the greatest, and
    each region's weights, `weights_NAME` [outputs, inputs], as `AnalogCore` takes them."""
    physics, wires = bundle.map.physics, bundle.wires
    r_min, r_max = float(1 / bundle.siemens[-1]), float(1 / bundle.siemens[0]) if bundle.siemens[0] else 1e30
    parameters = {
        "core": {"style": "BALANCED", "rows_max": physics.rows, "cols_max": physics.cols},
        "xbar": {"device": {"Rmin": r_min, "Rmax": r_max, "infinite_on_off_ratio": not bundle.siemens[0],
                            "Vread": physics.v_read},
                 "array": {"parasitics": {"enable": not wires.ideal, "Rp_row": wires.wordline, "Rp_col": wires.bitline,
                                          "Rp_row_terminal": wires.wordline_end,
                                          "Rp_col_terminal": wires.bitline_end, "current_from_input": True}}}}
    yield "crosssim.json", (json.dumps(parameters, indent=2) + "\n").encode()
    g = bundle.conductances
    arrays: dict[str, Any] = {f"tile_{k:03d}": tile / bundle.siemens[-1] for k, tile in enumerate(g)}
    arrays |= {f"weights_{r.func}": rebuild_region(bundle, r).weights for r in bundle.map.regions}
    yield "crosssim.npz", _npz(arrays)


def _badcrossbar(bundle: Bundle) -> Files:
    """An archive for each tile: what `badcrossbar.compute(voltages, resistances, r_i)` takes."""
    if bundle.wires.wordline_end or bundle.wires.bitline_end:
        raise error("badcrossbar knows no resistance of drivers and sense nodes, and this array has some",
                    help="export for ngspice")
    with np.errstate(divide="ignore"):
        resistances = 1 / bundle.conductances
    for tile, ohm in enumerate(resistances):
        yield f"tile_{tile:03d}.npz", _npz({
            "applied_voltages": np.full((len(ohm), 1), bundle.map.physics.v_read), "resistances": ohm,
            "r_i_word_line": np.array(bundle.wires.wordline), "r_i_bit_line": np.array(bundle.wires.bitline)})


def _arc2(bundle: Bundle) -> Files:
    """Devices in programming order with the channels of the instrument and the window to verify into, in ohm.

    As in arc2control a wordline is the high channel and a bitline the low one; pyarc2 takes them as `low, high`. An
    instrument reaches one array at a time, so each tile has a file.
    """
    table = bundle.table
    if not len(table) or table["wl_ch"][0] == "":
        raise error("the bundle has no channels", help="compile it with --option channels=FILE.toml")
    header = "low_ch,high_ch,word,bit,r_target_ohm,r_lo_ohm,r_hi_ohm,v_read"
    lines = {k: [header] for k in range(len(bundle.map.tiles))}
    for k in _writable(bundle):
        low, high = _ohm(table["g_hi_S"][k]), _ohm(table["g_lo_S"][k])
        lines[int(table["tile"][k])].append(
            f"{table['bl_ch'][k]},{table['wl_ch'][k]},{table['row'][k]},{table['col'][k]},"
            f"{table['r_target_ohm'][k]:.6g},{low:.6g},{high:.6g},{bundle.map.physics.v_read:g}")
    for tile, rows in lines.items():
        yield f"tile_{tile:03d}.csv", ("\n".join(rows) + "\n").encode()


def _ni_rram(bundle: Bundle) -> Files:
    """What `program_chip.py` takes: a bitstream a tile, and the command with the windows of its two values, in ohm.

    A bitstream is a line an address, 0 for the low resistance, 1 for the high one; an address is the wordline's
    number times 256 and the source line's, as on the 64k chip. Devices of more levels have no bitstream: for them,
    and for programming nothing but what is used, `targets.csv` lists windows for `NIRRAM.target` in programming order.
    """
    rows, cols = bundle.shape
    if rows > _NI_LINES or cols > _NI_LINES:
        raise error(f"a tile of {rows} x {cols} is larger than the chip of {_NI_LINES} x {_NI_LINES}",
                    help="use an array of smaller tiles")
    half = bundle.map.physics.window_rel
    windows = [(_ohm(g * (1 + half)), _ohm(g * (1 - half))) for g in bundle.siemens.tolist()]
    if len(windows) == 2:
        (high, low), end = windows, (rows - 1) * _NI_LINES + cols
        commands: list[str] = []
        for tile, levels in enumerate(bundle.levels):
            bits = np.ones((rows, _NI_LINES), dtype=np.int64)
            bits[:, :cols] = 1 - levels
            name = f"tile_{tile:03d}.bitstream"
            commands.append(f"python program_chip.py TILE_{tile} {name} --lrs-range {low[0]:.9g} {low[1]:.9g} "
                            f"--hrs-range {high[0]:.9g} {high[1]:.9g} --start-addr 0 --end-addr {end} --step-addr 1")
            yield name, ("\n".join(map(str, bits.reshape(-1)[:end].tolist())) + "\n").encode()
        yield "commands.txt", ("\n".join(commands) + "\n").encode()
    lines = ["level,r_lo_ohm,r_hi_ohm", *(f"{k},{low:.9g},{high:.9g}" for k, (low, high) in enumerate(windows))]
    yield "windows.csv", ("\n".join(lines) + "\n").encode()
    table = bundle.table
    targets = ["tile,address,level,r_lo_ohm,r_hi_ohm"]
    for k in _writable(bundle):
        low, high = windows[table["level"][k]]
        targets.append(f"{table['tile'][k]},{table['row'][k] * _NI_LINES + table['col'][k]},{table['level'][k]},"
                       f"{low:.9g},{high:.9g}")
    yield "targets.csv", ("\n".join(targets) + "\n").encode()


def _ohm(siemens: float) -> float:
    return 1 / siemens if siemens else float("inf")


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
