"""The Verilog around the arrays, with the models of the tiles in it, computes what the program does."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import circuitc
from circuitc.ir import parse_module
from circuitc.passes import sample_inputs

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
                             options={"array": str(tmp_path / "a.toml"), "encoding": encoding, "native": "true"})
    name = build.report["figures"]["periphery"]
    assert name in ("mixed.v", "machine.v")
    assert [str(c.evidence) for c in build.certificate.claims] == ["proved", "proved", "simulated 1000"]
    assert build.certificate.claims[1].artefact == name
    modules = re.findall(r"^module (\w+)", (tmp_path / "b" / name).read_text(), re.MULTILINE)
    elsewhere = re.sub(r"`ifndef CIRCUITC_ARRAYS_ELSEWHERE\n.*?\n`endif", "", (tmp_path / "b" / name).read_text(),
                       flags=re.DOTALL)
    left = re.findall(r"^module (\w+)", elsewhere, re.MULTILINE)
    assert set(modules) - set(left) == {m for m in modules if m.startswith("array_tile_")} != set()
    program = circuitc.crossbar.load(tmp_path / "b")
    assert program.faults() == []


LINEAR = """
const #w : i3[2,3] = [[1, -2, 3], [0, 1, -1]]
const #v : i3[2,2] = [[3, -3], [1, 2]]
func @linear(%x: {type}[3]) -> (%y: i14[2]) once {{
  %h = contract #w, %x {{spec="ij,j->i"}} : i9[2]
  %u = requantize %h : u3[2]
  %y = contract #v, %u {{spec="ij,j->i"}} : i14[2]
  return %y
}}
"""

MATRIX = """
const #w : i3[2,3] = [[1, -2, 3], [0, 1, -1]]
func @linear(%x: fx<3,1>[4,3]) -> (%y: fx<9,1>[2,4]) once {
  %y = contract #w, %x {spec="oj,tj->ot"} : fx<9,1>[2,4]
  return %y
}
"""

CLOCKED = """
const #w : i3[2,3] = [[1, -2, 3], [0, 1, -1]]
const #t : i3[2] = [1, -2]
func @machine(%x: i3) -> (%y: spin[2]) stream {
  reg %h : i3[2] = [1, -2]
  %one = reshape %x {shape=[1]} : i3[1]
  %joined = concat %one, %h : i3[3]
  %y = threshold %joined, #w, #t : spin[2]
  %s = contract #w, %joined {spec="ij,j->i"} : i8[2]
  %n = requantize %s : i3[2]
  next %h = %n
  return %y
}
"""


@pytest.mark.parametrize(("text", "cycles", "encoding"), [
    (LINEAR.format(type="u4"), 8, "diff_pair"), (LINEAR.format(type="i4"), 8, "dual_rail"), (MATRIX, 13, "offset"),
    (MATRIX, 13, "diff_pair")])
def test_numbers_are_read_bit_by_bit(text: str, cycles: int, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HARDWARE.format(rows=4))
    module = parse_module(text)
    build = circuitc.compile(module, "crossbar", out=tmp_path / "b",
                             options={"array": str(tmp_path / "a.toml"), "encoding": encoding, "native": "true"})
    said = {c.artefact: c.evidence.level for c in build.certificate.claims}
    assert said.pop("periphery.ccir") in ("simulated", "exhausted")
    assert said == {"map.json": "proved", "linear.v": "simulated", "linear.so": "simulated"}
    driven = circuitc.load(tmp_path / "b" / "periphery.ccir")
    assert str(driven.entry.schedule) == f"iterate {cycles}"
    program = circuitc.crossbar.load(tmp_path / "b")
    assert program.faults() == []
    x = sample_inputs(module.entry, 50, np.random.default_rng(1))
    wanted = circuitc.run(module, x)["y"]
    for mode in ("ideal", "quant", "ir"):
        assert np.array_equal(program.run(x, mode)["y"], wanted)
    assert np.array_equal(circuitc.run(driven, x)["y"], wanted)


def test_each_step_of_the_wrapper_is_proved(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HARDWARE.format(rows=4))
    build = circuitc.compile(parse_module(MATRIX), "crossbar", prove=True, options={"array": str(tmp_path / "a.toml")})
    claims = {c.claim: c.evidence.level for c in build.certificate.claims}
    assert claims["linear.v computes each step as periphery.ccir does"] == "proved"


UNTIL = """
const #w : i3[3,3] = [[2, -2, 3], [0, 1, -1], [1, 1, 1]]
func @settles(%x: i3[3]) -> (%y: i3[3], %trace: i3[3] {rate=step}) until limit 5 {
  reg %h : i3[3] = [0, 0, 0]
  %now = add %x, %h : i4[3]
  %s = contract #w, %now {spec="ij,j->i"} : i9[3]
  %n = requantize %s : i3[3]
  %same = eq %n, %h : bit[3]
  %stays = reduce %same {kind=and, axes=[0]} : bit
  next %h = %n
  done %stays
  return %n, %n
}
"""


@pytest.mark.parametrize(("text", "reads"), [
    (CLOCKED, 3), (CLOCKED.replace("stream", "iterate 4"), 3), (UNTIL, 4)])
def test_registers_beside_numbers(text: str, reads: int, tmp_path: Path) -> None:
    """Each step of a program takes steps of its own: one read of each tile, and one for the answers."""
    (tmp_path / "a.toml").write_text(HARDWARE.format(rows=4))
    module = parse_module(text)
    build = circuitc.compile(module, "crossbar", out=tmp_path / "b", prove=module.entry.schedule.kind == "stream",
                             options={"array": str(tmp_path / "a.toml"), "native": "true"})
    name = module.entry.name
    said = {c.claim: c.evidence.level for c in build.certificate.claims if c.artefact == f"{name}.v"}
    assert said.pop(f"{name}.v answers whole calls as periphery.ccir does") == "simulated"
    assert set(said.values()) <= {"proved"}
    assert {c.evidence.level for c in build.certificate.claims} <= {"proved", "simulated", "exhausted"}
    assert build.report["figures"]["periphery"] == f"{name}.v"
    driven = circuitc.load(tmp_path / "b" / "periphery.ccir")
    assert driven.entry.schedule == module.entry.schedule
    assert driven.func(f"{name}_item").schedule.count == reads + 1
    assert build.ports["step_func"] == f"{name}_item"
    assert circuitc.crossbar.load(tmp_path / "b").faults() == []


SHARED = """
const #w : i3[2,2] = [[1, -2], [3, -1]]
func @layer(%a: u3[2]) -> (%b: i8[2]) once {
  %b = contract #w, %a {spec="ij,j->i"} : i8[2]
  return %b
}
func @twice(%x: u3[2], %y: u3[2]) -> (%z: i9[2]) once {
  %p = call @layer %x {output=b} : i8[2]
  %q = call @layer %y {output=b} : i8[2]
  %z = add %p, %q : i9[2]
  return %z
}
"""


def test_a_layer_that_is_called_twice_is_read_twice(tmp_path: Path) -> None:
    """There is one array of it, so Verilog has one module of the tile, instantiated once."""
    (tmp_path / "a.toml").write_text(HARDWARE.format(rows=4))
    module = circuitc.run_passes(parse_module(SHARED), "main{func=twice}")
    build = circuitc.compile(module, "crossbar", out=tmp_path / "b", options={"array": str(tmp_path / "a.toml")})
    assert {c.evidence.level for c in build.certificate.claims} <= {"proved", "simulated", "exhausted"}
    assert str(circuitc.load(tmp_path / "b" / "periphery.ccir").entry.schedule) == "iterate 7"
    assert len(re.findall(r"^ *array_tile_0 ", (tmp_path / "b" / "twice.v").read_text(), re.MULTILINE)) == 1


def test_a_quantized_network_runs_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digits of examples/07_digits_mlp in 4 bits: every table, mode and printed program gives the same digits."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "examples" / "07_digits_mlp"))
    from network import DATA, digits
    calibration = {"image": DATA["calibration"], "labels": DATA["calibration_labels"]}
    module = circuitc.run_passes(digits(), "quantize{weights=i4,activations=4},narrow", calibration=calibration)
    build = circuitc.compile(module, "crossbar", out=tmp_path / "b", vectors=10,
                             options={"array": "rram-128", "encoding": "diff_pair"})
    levels = {c.artefact: c.evidence.level for c in build.certificate.claims}
    assert levels["map.json"] == "proved"
    assert levels["digits.v"] == "simulated" or shutil.which("iverilog") is None
    program = circuitc.crossbar.load(tmp_path / "b")
    assert program.faults() == []
    assert all(f.nominal for f in program.certificate())
    images = {"image": DATA["test"]}
    wanted = circuitc.run(module, images)["digit"]
    assert (wanted == DATA["test_labels"]).mean() > 0.96
    assert np.array_equal(program.run(images, "ideal")["digit"], wanted)
    assert np.array_equal(program.run(images, "ir")["digit"], wanted)   # as certified
    assert np.array_equal(circuitc.jit(tmp_path / "b" / "periphery.ccir")(DATA["test"]), wanted)


DRIVER = r"""
#include <stdio.h>
#include "linear.h"
static int reads;
int32_t linear_array_tile_0_run(void *s, int64_t batch, int64_t steps, const void *const *in, void *const *out,
                                const void *initial) {
  const uint8_t *wl = in[0];
  uint8_t *bits = out[0];
  reads += 1;
  for (int k = 0; k < BITS; k++) bits[k] = 0;
  (void)wl, (void)s, (void)batch, (void)steps, (void)initial;
  return 0;
}
int main(void) {
  static linear_scratch scratch;
  int8_t x[12] = {0};
  int16_t wide[8];
  linear_inputs in = {x};
  linear_outputs out = {(void *)wide};
  for (int k = 0; k < 12; k++) x[k] = 1;
  int status = linear_run(&scratch, 1, 13, &in, &out, 0);
  int zero = 1;
  for (int k = 0; k < 8; k++) zero &= wide[k] == 0;
  printf("%d %d %d\n", status, reads, zero);
  return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_program_brings_its_own_array(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HARDWARE.format(rows=4))
    circuitc.compile(parse_module(MATRIX), "crossbar", verify=False, out=tmp_path / "b",
                     options={"array": str(tmp_path / "a.toml"), "native": "true"})
    bits = circuitc.load(tmp_path / "b" / "periphery.ccir").func("array_tile_0").outputs[0].type.size
    (tmp_path / "driver.c").write_text(DRIVER.replace("BITS", str(bits)))
    command = ["gcc", "-Ib", "driver.c", "b/linear.o", "-lm", "-o", "driver"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    said = subprocess.run([tmp_path / "driver"], check=True, capture_output=True, text=True).stdout
    assert said == "0 13 1\n"
