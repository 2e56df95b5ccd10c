"""Files of the EPFL benchmarks, and of ABC, mockturtle and us, say the same circuit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuitc.formats import load, write
from circuitc.formats.aiger import AIGER
from circuitc.formats.aiger_read import parse_aiger
from circuitc.ir import Netlist, evaluate_words, verify_module
from circuitc.tools import find_tool, run_tool

EPFL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "epfl"
CIRCUITS = ("adder", "bar", "ctrl", "dec", "i2c", "int2float", "max", "multiplier", "router", "sin", "square", "voter")
ANDS = {"multiplier": 27062, "voter": 13758}  # as published with the performance figures

pytestmark = pytest.mark.skipif(not EPFL.is_dir(), reason="the EPFL circuits are not beside the repository")
needs_abc = pytest.mark.skipif(find_tool("yosys-abc") is None, reason="yosys-abc is not installed")


def body_of(path: Path) -> Netlist:
    body = load(path).entry.body
    assert isinstance(body, Netlist)
    return body


def abc(script: str, folder: Path) -> str:
    abc_path = find_tool("yosys-abc")
    assert abc_path is not None
    completed = run_tool([str(abc_path), "-c", script], folder=folder, seconds=60)
    assert completed.ok, completed.said
    return completed.said


@pytest.mark.parametrize("name", CIRCUITS)
def test_epfl_circuits_come_back_byte_for_byte(name: str):
    data = (EPFL / f"{name}.aig").read_bytes()
    module = parse_aiger(data, name, name)
    verify_module(module)
    assert AIGER.write is not None
    again = AIGER.write(module)[""]
    assert data.startswith(again)
    assert data[len(again):].startswith(b"c")  # the comment is all that is lost
    counts = [int(word) for word in data.split(b"\n", 1)[0].split()[1:]]
    body = module.entry.body
    assert isinstance(body, Netlist)
    assert [body.nodes - 1, body.inputs, 0, len(body.outputs), body.gates] == counts
    assert body.gates == ANDS.get(name, body.gates)
    assert parse_aiger(again, name, name).entry == module.entry


@pytest.mark.parametrize("ending", [".aag", ".bench", ".ccir"])
@pytest.mark.parametrize("name", ["ctrl", "i2c", "max", "square"])
def test_epfl_circuits_through_other_formats(tmp_path: Path, name: str, ending: str):
    module = load(EPFL / f"{name}.aig")
    write(module, tmp_path / f"{name}{ending}")
    again = load(tmp_path / f"{name}{ending}")
    verify_module(again)
    assert (again.entry.inputs, again.entry.outputs) == (module.entry.inputs, module.entry.outputs)
    one, two = module.entry.body, again.entry.body
    assert isinstance(one, Netlist)
    assert isinstance(two, Netlist)
    np.testing.assert_array_equal(two.fanin, one.fanin)
    np.testing.assert_array_equal(two.outputs, one.outputs)


@needs_abc
@pytest.mark.parametrize("name", ["ctrl", "router"])
def test_abc_proves_our_files_equal_to_the_originals(tmp_path: Path, name: str):
    module = load(EPFL / f"{name}.aig")
    (tmp_path / "golden.aig").write_bytes((EPFL / f"{name}.aig").read_bytes())
    for ending in (".aig", ".aag", ".bench"):
        write(module, tmp_path / f"mine{ending}")
        if ending == ".aag":  # ABC reads binary AIGER only: its own reader is asked to judge the conversion
            write(load(tmp_path / "mine.aag"), tmp_path / "mine.aig")
            ending = ".aig"
        assert "Networks are equivalent" in abc(f"cec mine{ending} golden.aig", tmp_path)


@needs_abc
def test_abc_refutes_a_changed_file(tmp_path: Path):
    data = (EPFL / "ctrl.aig").read_bytes()
    (tmp_path / "golden.aig").write_bytes(data)
    module = load(tmp_path / "golden.aig")
    body = module.entry.body
    assert isinstance(body, Netlist)
    outputs = body.outputs.copy()
    outputs[3] ^= 1
    changed = Netlist(body.inputs, body.kind, body.offset, body.fanin, outputs)
    write(module.with_func(module.entry.with_body(changed)), tmp_path / "mine.bench")
    assert "NOT EQUIVALENT" in abc("cec mine.bench golden.aig", tmp_path)


@needs_abc
@pytest.mark.parametrize("script", [
    "write_bench out.bench", "write_bench -l out.bench", "if -K 6; write_bench out.bench",
    "if -K 4; write_bench out.bench", "dch; dc2; write_bench -l out.bench"])
def test_bench_files_of_abc_mean_what_abc_read(tmp_path: Path, script: str):
    (tmp_path / "in.aig").write_bytes((EPFL / "ctrl.aig").read_bytes())
    abc(f"read in.aig; {script}", tmp_path)
    one, two = load(tmp_path / "in.aig"), load(tmp_path / "out.bench")
    assert (one.entry.inputs, one.entry.outputs) == (two.entry.inputs, two.entry.outputs)
    words = np.random.default_rng(1).integers(0, 1 << 63, (7, 64)).astype(np.uint64)
    np.testing.assert_array_equal(evaluate_words(body_of(tmp_path / "in.aig"), words),
                                  evaluate_words(body_of(tmp_path / "out.bench"), words))


@needs_abc
def test_latches_and_resets_agree_with_abc(tmp_path: Path):
    (tmp_path / "in.aag").write_bytes(
        b"aag 7 2 3 2 2\n2\n4\n6 8 1\n10 13 10\n14 6\n6\n7\n8 4 10\n12 2 6\ni0 enable\ni1 reset\nl0 q\no0 Q\n")
    module = load(tmp_path / "in.aag")
    for name in ("s.aig", "s.bench"):
        write(module, tmp_path / name)
        said = abc(f"read {name}; print_latch", tmp_path)
        assert "Total latches =     3. Init0 = 1. Init1 = 1. InitDC = 1." in said


@needs_abc
@pytest.mark.parametrize(("resets", "verdict"), [
    ("0 0", "Networks are equivalent"), ("0 1", "Networks are NOT EQUIVALENT")])
def test_abc_compares_sequential_files(tmp_path: Path, resets: str, verdict: str):
    """A two-bit counter in AIGER against the same in bench, with the resets in question."""
    counter = "aag 6 1 2 2 3\n2\n4 11 {}\n6 13 {}\n4\n6\n8 2 4\n10 9 3\n12 7 9\ni0 go\nl0 low\nl1 high\no0 y0\no1 y1\n"
    (tmp_path / "a.aag").write_text(counter.format(0, 0))
    (tmp_path / "b.aag").write_text(counter.format(*resets.split()))
    write(load(tmp_path / "a.aag"), tmp_path / "a.aig")
    write(load(tmp_path / "b.aag"), tmp_path / "b.bench")
    assert verdict in abc("dsec a.aig b.bench", tmp_path)


@pytest.mark.parametrize("name", CIRCUITS)
def test_mockturtle_reads_the_same_circuit(tmp_path: Path, name: str):
    aigverse = pytest.importorskip("aigverse", reason="aigverse is not installed")
    module = load(EPFL / f"{name}.aig")
    write(module, tmp_path / "mine.aig")
    theirs = aigverse.io.read_aiger_into_aig(str(tmp_path / "mine.aig"))
    body = module.entry.body
    assert isinstance(body, Netlist)
    assert (theirs.num_pis, theirs.num_pos) == (body.inputs, len(body.outputs))
    assert theirs.num_gates <= body.count()["and"]  # it merges equal gates while it reads
    if body.gates < 3000:
        original = aigverse.io.read_aiger_into_aig(str(EPFL / f"{name}.aig"))
        assert aigverse.algorithms.equivalence_checking(original, theirs)
