"""Exported files are read by the tools they are for, where those are installed; instrument files are pinned."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import Wires
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
    "arc2.csv": """low_ch,high_ch,r_target_ohm,r_lo_ohm,r_hi_ohm,v_read
63,15,1e+06,909091,1.11111e+06,0.2
17,32,1e+06,909091,1.11111e+06,0.2
63,32,10000,9090.91,11111.1,0.2
17,15,10000,9090.91,11111.1,0.2
""",
    "tile_000.bitstream": "0\n0\n0\n1\n1\n0\n",
    "windows.csv": """level,r_lo_ohm,r_hi_ohm
0,909090.909,1111111.11
1,9090.90909,11111.1111
""",
    "targets.csv": """tile,address,level
0,2,0
0,5,0
0,3,1
0,4,1
"""}


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


def test_instrument_files_are_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(CHANNELS)
    bundle = bundle_of(parse_module(GATE), tmp_path, 3, 2, channels=str(tmp_path / "map.toml"))
    assert bundle.levels.tolist() == [LEVELS]
    arc, ni = export(bundle, "arc2"), export(bundle, "ni-rram")
    assert {name: content.decode() for name, content in {**arc, **ni}.items()} == PINNED
