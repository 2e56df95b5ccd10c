"""Exported files are read by the tools they are for, where those are installed; instrument files are pinned."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.backends.crossbar.channels import Channels
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import Wires
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, parse_module
from circuitc.passes import run_passes
from circuitc.simulation.crossbar.bundle import Bundle, read_bundle
from circuitc.simulation.crossbar.exports import export
from circuitc.simulation.ngspice import read_raw
from circuitc.tools import find_tool, run_tool

HARDWARE = """
schema = "circuitc.array/1"
[array]
rows = {rows}
cols = {cols}
[device]
r_on_ohm = 1e4
r_off_ohm = 1e6
v_read = 0.2
window_rel = 0.1
[wire]
r_wl_ohm = 1.5
r_bl_ohm = 4.5
[sense_amp]
kind = "ideal"
"""
CHANNELS = '[config]\nname = "t"\nwords = 3\nbits = 2\n[mapping]\nwords = [16, 63, 17]\nbits = [15, 32]\n'
GATE = """
const #w : i2[1,3] = [[1, -1, 0]]
const #t : i2[1] = [0]
func @gate(%x: spin[3]) -> (%y: spin[1]) once {
  %y = threshold %x, #w, #t : spin[1]
  return %y
}
"""


LEVELS = [[0, 0], [0, 1], [1, 0]]   # x2 has no weight, so its wordline has no device that is programmed
PINNED = {
    "tile_000.csv": """low_ch,high_ch,word,bit,r_target_ohm,r_lo_ohm,r_hi_ohm,v_read
15,63,1,0,1e+06,909091,1.11111e+06,0.2
32,17,2,1,1e+06,909091,1.11111e+06,0.2
32,63,1,1,10000,9090.91,11111.1,0.2
15,17,2,0,10000,9090.91,11111.1,0.2
""",
    "tile_000.bitstream": "1\n" * 257 + "0\n" + "1\n" * 254 + "0\n1\n",
    "commands.txt": "python program_chip.py TILE_0 tile_000.bitstream --lrs-range 9090.90909 11111.1111 "
                    "--hrs-range 909090.909 1111111.11 --start-addr 0 --end-addr 514 --step-addr 1\n",
    "windows.csv": """level,r_lo_ohm,r_hi_ohm
0,909090.909,1111111.11
1,9090.90909,11111.1111
""",
    "targets.csv": """tile,address,level,r_lo_ohm,r_hi_ohm
0,256,0,909090.909,1111111.11
0,513,0,909090.909,1111111.11
0,257,1,9090.90909,11111.1111
0,512,1,9090.90909,11111.1111
"""}
# What CrossSim 3.1 calls its parameters, as far as we set them.
CROSSSIM = {"core": {"style", "rows_max", "cols_max"}, "xbar": {"device", "array"},
            "device": {"Rmin", "Rmax", "infinite_on_off_ratio", "Vread"}, "array": {"parasitics"},
            "parasitics": {"enable", "Rp_row", "Rp_col", "Rp_row_terminal", "Rp_col_terminal", "current_from_input"}}
# Maps as arc2control ships them: names beyond ASCII, comments, `mask` of stand-alone devices, fewer lines.
STANDARD32 = """[config]
# number of total word- and bitlines
name = "SA PLCC 32\u00d732"
words = 32
bits = 32
mask = [[0, 0], [1, 30]]

[mapping]
words = [16, 63, 17, 62, 18, 61, 19, 60, 20, 59, 21, 58, 22, 57, 23, 56, 24, 55, 25, 54, 26, 53, 27, 52, 28, 51,
    29, 50, 30, 49, 31, 48
]

bits = [
    15, 32, 14, 33, 13, 34, 12, 35, 11, 36, 10, 37,  9, 38,  8, 39, 7, 40,  6, 41,  5, 42,  4, 43, 3, 44,  2, 45,
    1, 46,  0, 47
]
"""


def bundle_of(module: Module, folder: Path, rows: int, cols: int, **options: str) -> Bundle:
    (folder / "a.toml").write_text(HARDWARE.format(rows=rows, cols=cols))
    return read_bundle(CROSSBAR.emit(CROSSBAR.build(run_passes(module, "partition"), {
        "array": str(folder / "a.toml"), "periphery": "false", **options})).files)


def dense(inputs: int, outputs: int) -> Module:
    w = np.random.default_rng(3).integers(-1, 2, (outputs, inputs)).tolist()
    return parse_module(f"const #w : i2[{outputs},{inputs}] = {w}\n"
                        f"func @f(%x: u2[{inputs}]) -> (%y: i9[{outputs}]) once "
                        '{\n  %y = contract #w, %x {spec="ij,j->i"} : i9[' + f"{outputs}]\n  return %y\n}}\n")


def sensed(bundle: Bundle, tile: int, wires: Wires) -> Any:
    g = bundle.siemens[bundle.levels[tile]]
    return bundle.map.physics.v_read * transfer_matrix(g, wires).sum(0)


def test_ngspice_runs_what_is_exported(tmp_path: Path) -> None:
    program = find_tool("ngspice")
    if program is None:
        pytest.skip("ngspice is not installed")
    bundle = bundle_of(dense(12, 9), tmp_path, 8, 12)
    files = export(bundle, "ngspice")
    assert len(files) == len(bundle.map.tiles) > 1
    for tile, (name, deck) in enumerate(sorted(files.items())):
        (tmp_path / name).write_bytes(deck)
        run_tool([str(program), "-b", name], folder=tmp_path, seconds=60)
        found = read_raw((tmp_path / name).with_suffix(".raw").read_text())
        wanted = sensed(bundle, tile, bundle.wires)
        assert np.abs(found - wanted).max() <= 1e-9 * np.abs(wanted).max()


def test_badcrossbar_computes_what_is_exported(tmp_path: Path) -> None:
    badcrossbar = pytest.importorskip("badcrossbar")
    if not hasattr(badcrossbar, "compute"):
        pytest.skip("badcrossbar lacks packages that it needs (pathvalidate, sigfig)")
    bundle = bundle_of(dense(12, 9), tmp_path, 8, 12)
    for tile, (_, content) in enumerate(sorted(export(bundle, "badcrossbar").items())):
        given = {name: v if v.shape else float(v) for name, v in np.load(io.BytesIO(content)).items()}
        found = badcrossbar.compute(**given).currents.output.reshape(-1)
        wanted = sensed(bundle, tile, bundle.wires)
        assert np.abs(found - wanted).max() <= 1e-9 * np.abs(wanted).max()


def test_crosssim_matrices_are_the_tiles(tmp_path: Path) -> None:
    bundle = bundle_of(dense(12, 9), tmp_path, 8, 12)
    arrays = np.load(io.BytesIO(export(bundle, "crosssim")["crosssim.npz"]))
    for tile, levels in enumerate(bundle.levels):
        assert np.allclose(arrays[f"tile_{tile:03d}"] * bundle.siemens[-1], bundle.siemens[levels], rtol=1e-15)


def test_crosssim_parameters_have_its_names_and_weights_are_the_programs(tmp_path: Path) -> None:
    module = dense(12, 9)
    bundle = bundle_of(module, tmp_path, 8, 12)
    files = export(bundle, "crosssim")
    _names("", json.loads(files["crosssim.json"]))
    weights = np.load(io.BytesIO(files["crosssim.npz"]))[f"weights_{bundle.map.regions[0].func}"]
    assert np.array_equal(weights, np.random.default_rng(3).integers(-1, 2, (9, 12)))


def _names(section: str, value: dict[str, Any]) -> None:
    assert not section or set(value) == CROSSSIM[section]
    for key, inner in value.items():
        if isinstance(inner, dict):
            _names(key, inner)


def test_crosssims_documented_product_of_what_is_exported(tmp_path: Path) -> None:
    """What CrossSim documents of a balanced, one-sided core without errors, done by ourselves: not CrossSim.

    Its lowest cores hold conductances as shares of the greatest (readme of its cores); a weight is the difference of
    two, from Gmin for 0 to 1 for the largest weight; large matrices are cut into cores, whose results are added. In
    single precision, as CrossSim has it.
    """
    bundle = bundle_of(dense(12, 9), tmp_path, 8, 12)
    files = export(bundle, "crosssim")
    arrays, said = np.load(io.BytesIO(files["crosssim.npz"])), json.loads(files["crosssim.json"])
    w = arrays[f"weights_{bundle.map.regions[0].func}"]
    device, core = said["xbar"]["device"], said["core"]
    least = 0.0 if device["infinite_on_off_ratio"] else device["Rmin"] / device["Rmax"]
    x = np.random.default_rng(1).integers(0, 2, (50, 12))
    wanted = x @ w.T
    positive, negative = (np.float32(least + (1 - least) * np.maximum(side, 0) / np.abs(w).max()) for side in (w, -w))
    found = np.zeros(wanted.shape, np.float32)
    for first in range(0, 12, core["rows_max"]):
        part = slice(first, first + core["rows_max"])
        found += x[:, part].astype(np.float32) @ (positive[:, part] - negative[:, part]).T
    found *= np.float32(np.abs(w).max() / (1 - least))
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    # And the tiles: what two of the lowest cores would give for our pairs of bitlines adds up to the same sums.
    again = np.zeros(wanted.shape)
    for output in bundle.map.regions[0].outputs:
        for term in output.terms:
            tile = arrays[f"tile_{term.tile:03d}"].astype(np.float32)
            drives = [np.zeros(len(x)) if i is None else x[:, i] for i in bundle.map.tiles[term.tile].row_in]
            volts = np.stack(drives, axis=1).astype(np.float32)
            current = sum(factor * (volts @ tile[:, bitline]) for bitline, factor in term.bitlines)
            again[:, output.index] += 2 ** term.slice * current / (1 - least)
    assert np.abs(again - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_crosssim_multiplies_what_is_exported(tmp_path: Path) -> None:
    simulator = pytest.importorskip("simulator")
    bundle = bundle_of(dense(12, 9), tmp_path, 8, 12)
    files = export(bundle, "crosssim")
    (tmp_path / "p.json").write_bytes(files["crosssim.json"])
    w = np.load(io.BytesIO(files["crosssim.npz"]))[f"weights_{bundle.map.regions[0].func}"]
    parameters = simulator.CrossSimParameters.from_json(tmp_path / "p.json")
    parameters.xbar.array.parasitics.enable = False
    x = np.random.default_rng(1).integers(0, 2, 12)
    assert np.allclose(simulator.AnalogCore(w, parameters) @ x, w @ x, rtol=1e-6, atol=1e-5)


def test_maps_of_arc2control_are_taken(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(STANDARD32, encoding="utf-8")
    channels = Channels.load(tmp_path / "m.toml")
    assert (len(channels.words), len(channels.bits), channels.words[1], channels.bits[31]) == (32, 32, 63, 47)
    (tmp_path / "again.toml").write_text(channels.to_toml(), encoding="utf-8")
    again = Channels.load(tmp_path / "again.toml")
    assert (again.name, again.words, again.bits) == (channels.name, channels.words, channels.bits)
    bundle = bundle_of(parse_module(GATE), tmp_path, 32, 32, channels=str(tmp_path / "m.toml"))
    for row in csv.DictReader(io.StringIO(export(bundle, "arc2")["tile_000.csv"].decode())):
        assert int(row["high_ch"]) == channels.words[int(row["word"])]
        assert int(row["low_ch"]) == channels.bits[int(row["bit"])]


def test_what_a_tool_cannot_take_is_refused(tmp_path: Path) -> None:
    for rows, more, to, says in ((8, "r_term_wl_ohm = 5.0\n", "badcrossbar", "no resistance of drivers"),
                                 (300, "", "ni-rram", "larger than the chip of 256 x 256"),
                                 (8, "", "arc2", "has no channels")):
        hardware = HARDWARE.format(rows=rows, cols=4).replace("[sense_amp]", more + "[sense_amp]")
        (tmp_path / "h.toml").write_text(hardware)
        made = CROSSBAR.emit(CROSSBAR.build(run_passes(parse_module(GATE), "partition"), {
            "array": str(tmp_path / "h.toml"), "periphery": "false"}))
        with pytest.raises(CircuitError, match=says):
            export(read_bundle(made.files), to)


def test_instrument_files_are_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(CHANNELS)
    bundle = bundle_of(parse_module(GATE), tmp_path, 3, 2, channels=str(tmp_path / "map.toml"))
    assert bundle.levels.tolist() == [LEVELS]
    arc, ni = export(bundle, "arc2"), export(bundle, "ni-rram")
    assert {name: content.decode() for name, content in {**arc, **ni}.items()} == PINNED
