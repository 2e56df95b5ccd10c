"""The bundle: `map.json`, `array.toml`, `cells.csv`, `tiles.npz`, netlists and programming order where asked for."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy

import circuitc

from .cells import cells_csv, cells_of, program_csv
from .design import Design, Mounted
from .readout import DIGITS, Column, Output, conductances, level_step, targets
from .spice import subcircuit
from .tile import NONE, Tile

SCHEMA = "circuitc.xbar/1"
MEASURED = "measured.csv"
MEASURED_HEADER = ("tile", "row", "col", "g_S")
PACKED_ABOVE = 100   # tiles; a larger table is written as cells.csv.gz

CONVENTIONS = {
    "row": "wordline, from 0; the last row is nearest to the sense nodes",
    "col": "bitline, from 0; column 0 is nearest to the drivers",
    "devices": "a device that the table does not list rests at level 0",
    "drive": "a wordline is at v_read where its bit is 1, else at 0; `complement` lines get the inverted bit; a spin s "
             "is the bit (s + 1) / 2, a number is read bit by bit, `planes` being the factors of its bits",
    "signal": "a signal is the sum of its bitlines' currents, each with its factor, divided by lsb_ampere",
    "comparator": "the answer is 1 where signal > reference",
    "adc": "a term is round(gain * (signal - offset)); its output adds base ** slice times the terms",
}


def bundle_files(design: Design, more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Print every file of a bundle; `more` are files that belong to it too. `map.json` has the digests of all."""
    cells, roles = cells_of(design)
    table = cells_csv(cells, roles, design)
    files = {"array.toml": design.array.to_toml().encode(), "tiles.npz": _tiles_npz(design), **more}
    if design.tiles > PACKED_ABOVE:
        files["cells.csv.gz"] = gzip.compress(table, 6, mtime=0)
    else:
        files["cells.csv"] = table
    if design.channels is not None:
        files["program.csv"] = program_csv(cells, design)
        files["channels.toml"] = design.channels.to_toml().encode()
    if any(tile.measured is not None for tile in design.all_tiles):
        files[MEASURED] = _measured_csv(design)
    if design.options.spice:
        files |= dict(_netlists(design))
    return {"map.json": map_json(design, files), **files}


def map_json(design: Design, files: Mapping[str, bytes]) -> bytes:
    """Print the manifest: one line for each tile and each output, so that people can read it."""
    array, wires = design.array, design.array.wires
    document: dict[str, Any] = {
        "schema": SCHEMA, "tool": f"circuitc {circuitc.__version__}", "model": design.module.name,
        "program": "program.ccir", "seed": design.options.seed, "conventions": CONVENTIONS,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
        "physics": {
            "array": array.name, "rows": array.array.rows, "cols": array.array.cols,
            "level_siemens": array.levels.tolist(), "v_read": array.device.v_read,
            "window_rel": array.device.window_rel, "lsb_ampere": _short(step(design) * array.device.v_read),
            "wires_ohm": {"wordline": wires.wordline, "bitline": wires.bitline, "wordline_end": wires.wordline_end,
                          "bitline_end": wires.bitline_end},
            "sense_amp": {"kind": array.sense_amp.kind, "adc_bits": array.sense_amp.adc_bits}},
        "tiles": [_tile(tile, m.first + k, m) for m in design.regions for k, tile in enumerate(m.mapped.tiles)],
        "regions": [_region(m, design) for m in design.regions]}
    if MEASURED in files:
        document["measured"] = {"file": MEASURED, "error": max(tile.error for tile in design.all_tiles)}
    return (_listed(document) + "\n").encode()


def step(design: Design) -> float:
    """Give the conductance between two levels, in siemens: the unit of signals."""
    return level_step(design.array)


def _tile(tile: Tile, number: int, mounted: Mounted) -> dict[str, Any]:
    encoding = mounted.mapped.encoding
    roles = (*encoding.column_roles, encoding.shared)
    columns = zip(tile.column_output.tolist(), tile.column_role.tolist(), tile.column_slice.tolist(), strict=True)
    return {"id": number, "region": mounted.name,
            "row_in": [None if i == NONE else i for i in tile.row_input.tolist()],
            "row_role": [None if r == NONE else encoding.row_roles[r] for r in tile.row_role.tolist()],
            "col_out": [None if r == NONE else [None if o == NONE else o, roles[r], s] for o, r, s in columns]}


def _region(mounted: Mounted, design: Design) -> dict[str, Any]:
    mapped, region = mounted.mapped, mounted.mapped.region
    layout = region.layout
    return {"func": region.name, "encoding": mapped.encoding.name, "why": mapped.why, "base": mapped.encoded.base,
            "slices": mapped.encoded.slices, "raised_by": mapped.encoded.offset, "planes": list(region.planes),
            "spins": region.spins, "inputs": region.inputs, "times": region.times,
            "layout": {"x_shape": layout.x_shape, "x_order": layout.x_order, "y_shape": layout.y_shape,
                       "y_order": layout.y_order},
            "wrong_weights": mapped.residual, "split_outputs": mapped.split,
            "outputs": [_output(o, mounted, design) for o in mounted.outputs]}


def _output(output: Output, mounted: Mounted, design: Design) -> dict[str, Any]:
    region = mounted.mapped.region
    least = None if region.thresholds is None else int(region.thresholds[output.index])
    said: dict[str, Any] = {"index": output.index, "kind": output.kind, "least": least,
                            "terms": [_term(c, output, k, mounted) for k, c in enumerate(output.columns)]}
    if output.gate is not None and output.gate_window is not None:
        gate, column = output.gate, output.columns[0]
        reference = gate.reference + column.constant
        said |= {"reference": _short(reference),
                 "reference_ampere": _short(reference * step(design) * design.array.device.v_read),
                 "margin": _short(gate.margin), "margin_window": _short(output.gate_window.margin),
                 "exact": gate.exact, "below": _bits(gate.below), "above": _bits(gate.above)}
    return {**said, "nominal": output.nominal, "window": output.window}


def _term(column: Column, output: Output, place: int, mounted: Mounted) -> dict[str, Any]:
    said: dict[str, Any] = {"tile": mounted.first + column.tile, "slice": column.slice,
                            "bitlines": [list(b) for b in column.bitlines], "bits": column.bits}
    if output.kind == "adc":
        found, window = output.sums[place], output.sums_window[place]
        said |= {"gain": _short(found.gain), "offset": _short(column.constant), "error": _short(found.error),
                 "error_window": _short(window.error), "witness": _bits(found.witness)}
    return said


def _bits(bits: Any) -> str | None:
    """Spell an input of a term: one digit for each input of its tile, rising."""
    return None if bits is None else "".join("1" if b else "0" for b in np.asarray(bits).tolist())


def _short(value: float) -> float:
    """Round what was computed to digits that another machine computes too; certificates allow for it (`PRINTED`)."""
    return float(f"{value:.{DIGITS}g}")


def _listed(document: Mapping[str, Any]) -> str:
    """Print JSON with a line for each entry of a list and of a region's outputs."""
    def plain(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    def entry(value: Any) -> str:
        if "outputs" not in value:
            return f"  {plain(value)}"
        head = plain({k: v for k, v in value.items() if k != "outputs"})[:-1]
        rows = ",\n".join(f"   {plain(o)}" for o in value["outputs"])
        return f'  {head}, "outputs": [\n{rows}]}}'

    lines = [f'"{key}": ' + ("[\n" + ",\n".join(map(entry, value)) + "]" if key in ("tiles", "regions")
                             else plain(value)) for key, value in document.items()]
    return "{" + ",\n ".join(lines) + "}"


def _tiles_npz(design: Design) -> bytes:
    """Pack for each tile its levels, its target conductances and windows in siemens, and its faults."""
    tiles = design.all_tiles
    shape = (len(tiles), design.array.array.rows, design.array.array.cols)
    g = np.array([targets(t, design.array) for t in tiles]).reshape(shape)
    half = design.array.device.window_rel
    arrays = {"level": np.array([t.level for t in tiles], dtype=np.uint8).reshape(shape), "g_target_S": g,
              "g_lo_S": g * (1 - half), "g_hi_S": g * (1 + half),
              "fault": np.array([t.fault for t in tiles], dtype=np.uint8).reshape(shape)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            npy.write_array(content, array, allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content.getvalue())
    return buffer.getvalue()


def _measured_csv(design: Design) -> bytes:
    """Print what was measured of the devices, in siemens; the numbers read back as they are."""
    lines = [",".join(MEASURED_HEADER)]
    for number, tile in enumerate(design.all_tiles):
        if tile.measured is not None:
            lines += [f"{number},{row},{col},{tile.measured[row, col]:.17g}"
                      for row, col in np.argwhere(~np.isnan(tile.measured)).tolist()]
    return ("\n".join(lines) + "\n").encode()


def _netlists(design: Design) -> Iterator[tuple[str, bytes]]:
    for mounted in design.regions:
        for k, tile in enumerate(mounted.mapped.tiles):
            name = f"tile_{mounted.first + k:03d}"
            lines = subcircuit(name, conductances(tile, design.array), design.array.wires)
            yield f"{name}.cir", ("\n".join(lines) + "\n").encode()
