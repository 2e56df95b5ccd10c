"""Tables in files: every reader finds them, and a folded network's weights become block RAMs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import circuitc
from circuitc.build import changed_files
from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_module, parse_type, run
from circuitc.passes import run_passes
from circuitc.simulation import ENGINES, simulate_verilog
from circuitc.synthesis import count_luts, synthesize
from circuitc.tools import tool_version


def layer(rows: int, columns: int) -> Module:
    """A product of a random matrix with a vector."""
    b = Builder()
    x = b.input("x", parse_type(f"u3[{columns}]"))
    raw = np.random.default_rng(rows).integers(-8, 8, (rows, columns))
    y = b.apply("contract", b.constant(Constant(parse_type(f"i4[{rows},{columns}]"), raw)), x, spec="ij,j->i")
    return module_of(Func("layer", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y])))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_finds_the_files(engine: str) -> None:
    if engine != "yosys" and tool_version({"icarus": "vvp"}.get(engine, engine)) is None:
        pytest.skip(f"{engine} is not installed")
    folded = run_passes(layer(8, 2), "fold-hardware{reuse=8}", check=None)
    build = circuitc.compile(folded, options={"vectors": "0", "roms": "files"}, verify=False)
    text, names = build.artefacts[build.main].decode(), build.ports["memories"]
    assert [Path(n).suffix for n in names] == [".hex"], "two weights of 4 bits are one word a step"
    assert "$readmemh" in text
    assert "case" not in text
    x = np.random.default_rng(0).integers(0, 8, (5, 2))
    found = simulate_verilog(text, build.ports, build.module, {"x": x}, engine=engine,
                             files={n: build.artefacts[n] for n in names})
    np.testing.assert_array_equal(found["y"], run(build.module, {"x": x})["y"])


def test_a_build_lists_proves_and_reports_its_files(tmp_path: Path) -> None:
    folded = run_passes(layer(8, 1), "fold-hardware{reuse=8}")
    place = tmp_path / "build"
    build = circuitc.compile(folded, options={"vectors": "8", "roms": "files"}, prove=True, out=place)
    name, = build.ports["memories"]
    assert name in json.loads((place / "certificate.json").read_text())["artefacts"]
    assert any("proved" in str(c.evidence) for c in build.certificate.claims), "each step, read by Yosys"
    x = np.ones((2, 1), int)
    np.testing.assert_array_equal(circuitc.simulate(place, {"x": x})["y"], run(folded, {"x": x})["y"])
    lines = (place / name).read_text().splitlines()
    assert len(lines) == 8
    (place / name).write_text("\n".join(["0" * 8, *lines[1:]]) + "\n")
    assert changed_files(place) == [name]
    with pytest.raises(CircuitError, match=f"{name} changed since the certificate"):
        circuitc.simulate(place, {"x": x})
    files = {name: (place / name).read_bytes()}
    found = simulate_verilog((place / build.main).read_text(), build.ports, build.module, {"x": x}, files=files)
    assert (found["y"] != run(folded, {"x": x})["y"]).any(), "the file is what is read"
    with pytest.raises(CircuitError, match="has no folder to find it in"):
        simulate_verilog((place / build.main).read_text(), build.ports, build.module, {"x": x})


WALK = """
func @walk(%x: u8) -> (%y: u8) iterate 512 {
  reg %step : u9 = 0
  reg %word : u8 = 0
  reg %sum : u8 = 0
  %more = add %step, #one : u10
  %following = requantize %more {rounding=floor, overflow=wrap} : u9
  %entry = table %step, #entries : u8
  %mixed = xor %word, %x : u8
  %new = xor %sum, %mixed : u8
  next %step = %following
  next %word = %entry
  next %sum = %new
  return %new
}
"""


def test_deep_tables_behind_a_register_become_block_rams() -> None:
    """A word that is read a step ahead, as folding reads weights, has a register that is the memory's own."""
    entries = np.random.default_rng(0).integers(0, 256, 512).tolist()
    module = parse_module(f"const #one : u1 = 1\nconst #entries : u8[512] = {entries}\n{WALK}")
    build = circuitc.compile(module, options={"vectors": "0", "roms": "files"}, verify=False)
    files = {n: build.artefacts[n] for n in build.ports["memories"]}
    found = synthesize(build.artefacts[build.main].decode(), "walk", "ice40", files=files, seconds=300)
    assert found.bram == 1


def test_it_is_said_where_files_are_no_memories() -> None:
    with pytest.raises(CircuitError, match="@layer is combinational"):
        circuitc.compile(layer(2, 2), options={"roms": "files"}, verify=False)
    with pytest.raises(CircuitError, match="roms=hex is not one of inline, files"):
        circuitc.compile(layer(2, 2), options={"roms": "hex"}, verify=False)


def test_tables_are_counted_from_files_too() -> None:
    folded = run_passes(layer(8, 8), "fold-hardware{reuse=8}", check=None)
    sizes = []
    for roms in ("inline", "files"):
        build = circuitc.compile(folded, options={"vectors": "0", "roms": roms}, verify=False)
        files = {n: build.artefacts[n] for n in build.ports.get("memories", ())}
        text = build.artefacts[build.main].decode()
        sizes.append(count_luts(text, "layer", clock="clk", files=files, apart=False).luts)
    assert abs(sizes[0] - sizes[1]) < 0.3 * sizes[0]
