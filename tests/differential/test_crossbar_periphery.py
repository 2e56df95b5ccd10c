"""The Verilog around the arrays, with the models of the tiles in it, computes what the program does."""

from pathlib import Path

import numpy as np
import pytest

import circuitc
from circuitc.ir import parse_module

HARDWARE = 'schema = "circuitc.array/1"\n[array]\nrows = {rows}\ncols = 16\n[sense_amp]\nkind = "ideal"\n'

MIXED = """
const #w : i2[3,4] = [[1, -1, 0, 1], [0, 1, 1, -1], [1, 1, 1, 1]]
const #t : i3[3] = [0, -1, 2]
const #v : i4[2,3] = [[3, -5, 1], [-2, 0, 7]]
func @mixed(%x: spin[4]) -> (%y: i8[2], %z: spin[3]) once {
  %h = threshold %x, #w, #t : spin[3]
  %s = contract #v, %h {spec="ij,j->i"} : i8[2]
  return %s, %h
}
"""

RECURRENT = """
const #w : i2[3,5] = [[1, -1, 0, 1, 1], [0, 1, 1, -1, -1], [1, 1, 1, 1, 0]]
const #t : i2[3] = [0, -1, 1]
func @machine(%x: spin[2]) -> (%y: spin[3]) stream {
  reg %h : spin[3] = [1, -1, 1]
  %joined = concat %x, %h : spin[5]
  %next = threshold %joined, #w, #t : spin[3]
  next %h = %next
  return %next
}
"""


@pytest.mark.parametrize(("text", "rows", "encoding"), [
    (MIXED, 6, "dual_rail"), (MIXED, 3, "offset"), (RECURRENT, 8, "auto")])
def test_it_computes_what_the_program_does(text: str, rows: int, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HARDWARE.format(rows=rows))
    build = circuitc.compile(parse_module(text), "crossbar", prove=True, out=tmp_path / "b",
                             options={"array": str(tmp_path / "a.toml"), "encoding": encoding})
    name = build.report["figures"]["periphery"]
    assert name in ("mixed.v", "machine.v")
    assert [str(c.evidence) for c in build.certificate.claims] == ["proved", "proved"]
    assert build.certificate.claims[1].artefact == name
    verilog = (tmp_path / "b" / name).read_text()
    assert verilog.count("`ifndef CIRCUITC_ARRAYS_ELSEWHERE") == 1
    before, models = verilog.split("`ifndef")
    assert "module array_tile_0 " in models
    assert "module array_tile_0 " not in before
    program = circuitc.crossbar.load(tmp_path / "b")
    assert program.faults() == []


def test_numbers_of_more_bits_have_tables_and_no_wrapper(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HARDWARE.format(rows=16))
    text = """
const #w : i3[2,3] = [[1, -2, 3], [0, 1, -1]]
func @linear(%x: u4[3]) -> (%y: i9[2]) once {
  %y = contract #w, %x {spec="ij,j->i"} : i9[2]
  return %y
}
"""
    build = circuitc.compile(parse_module(text), "crossbar", options={"array": str(tmp_path / "a.toml")},
                             out=tmp_path / "b")
    assert build.report["figures"]["periphery"] == (
        "none: @linear_y reads its tiles 4 times a step, and the wrapper reads once")
    program = circuitc.crossbar.load(tmp_path / "b")
    x = np.arange(12).reshape(4, 3)
    for mode in ("ideal", "quant", "ir"):
        assert program.run({"x": x}, mode)["y"].tolist() == (x @ [[1, 0], [-2, 1], [3, -1]]).tolist()
