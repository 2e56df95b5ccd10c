"""What a lab measured, read back: certificates from it, short lists, and bundles that agree with themselves."""

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.cli.entry import run
from circuitc.crossbar import Program
from circuitc.diagnostics import CircuitError
from circuitc.ir import parse_module
from circuitc.simulation.crossbar.redesign import redesign

MODEL = Path(__file__).resolve().parents[2] / "examples" / "01_btf_multiplier" / "model.json"
HARDWARE = 'schema = "circuitc.array/1"\n[array]\nrows = 12\ncols = 16\n[device]\nr_on_ohm = 2e4\n'
HARDWARE += 'levels = {}\nwindow_rel = {}\n'
CHANNELS = '[config]\nname = "c"\nwords = 12\nbits = 16\n[mapping]\nwords = {}\nbits = {}\n'
SUMS = """
const #w : i3[3,4] = [[3, -1, 0, 2], [-3, 1, 1, 0], [0, 2, -2, 1]]
func @sums(%x: bit[4]) -> (%y: i6[3]) once {
  %s = contract #w, %x {spec="ij,j->i"} : i6[3]
  return %s
}
"""
Place = tuple[int, int, int]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("readback")
    (folder / "a.toml").write_text(HARDWARE.format(2, 0.1))
    (folder / "c.toml").write_text(CHANNELS.format(list(range(12)), list(range(20, 36))))
    circuitc.compile(MODEL, target="crossbar", out=folder / "b", options={
        "array": str(folder / "a.toml"), "channels": str(folder / "c.toml"), "encoding": "diff_pair"})
    return circuitc.crossbar.load(folder / "b")


def sums(folder: Path, encoding: str, **options: str) -> Program:
    (folder / "a.toml").write_text(HARDWARE.format(4, 0.02))
    circuitc.compile(parse_module(SUMS), target="crossbar", out=folder / "b", options={
        "array": str(folder / "a.toml"), "periphery": "false", "encoding": encoding, **options})
    return circuitc.crossbar.load(folder / "b")


def places(program: Program) -> list[Place]:
    return list(zip(*(program.cells[c].tolist() for c in ("tile", "row", "col")), strict=True))


def measured(program: Program, path: Path, change: dict[Place, float], only: set[Place] | None = None) -> Path:
    """Write down every used device on its target, but for some: those at a conductance of their own."""
    lines = ["tile,row,col,g_S"]
    for place in places(program):
        if only is None or place in only:
            g = float(change.get(place, program.bundle.conductances[place]))
            lines.append(",".join(map(str, place)) + f",{g!r}")
    path.write_text("\n".join(lines) + "\n")
    return path


def conducting(program: Program) -> list[Place]:
    return [p for p in places(program) if program.bundle.levels[p]]


def test_a_design_made_again_is_printed_the_same(made: Program, tmp_path: Path) -> None:
    for program in (made, sums(tmp_path, "dual_rail", spice="true")):
        files = CROSSBAR.emit(redesign(program.bundle, program.module)).files
        assert {name for name, content in files.items() if content != (program.folder / name).read_bytes()} == set()


@pytest.mark.parametrize("encoding", ["diff_pair", "dual_rail", "offset"])
def test_nominal_conductances_list_nothing(encoding: str, tmp_path: Path) -> None:
    program = sums(tmp_path, encoding)
    found = program.read_back(measured(program, tmp_path / "m.csv", {}), tmp_path / "n")
    assert found.certified
    assert all(s.as_set for s in found.before)
    assert (found.writes, found.stuck, found.moved, found.outside, found.astray) == ((), (), (), 0, 0)
    fresh = circuitc.crossbar.load(tmp_path / "n")
    assert fresh.faults() == []
    assert np.array_equal(fresh.bundle.levels, program.bundle.levels)
    assert (fresh.folder / "cells.csv").read_bytes() == (program.folder / "cells.csv").read_bytes()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.3, 0.7, 1.3, 3.0]))
def test_one_device_outside_is_listed_where_it_matters(made: Program, tmp_path: Path, which: int, share: float) -> None:
    """Sound both ways: listed only where an output needs it, and an output that is certified is right on the array."""
    own = conducting(made)
    place = own[which % len(own)]
    path = measured(made, tmp_path / "m.csv", {place: float(made.bundle.conductances[place]) * share})
    found = made.read_back(path)
    assert (found.outside, found.stuck, found.moved) == (1, (), ())
    listed = [(w.tile, w.row, w.col) for w in found.writes]
    assert listed == ([] if found.certified else [place])
    assert all(s.certified for s in found.after)
    if share == 0:
        assert not found.certified
    for s in (s for s in found.before if not s.certified):
        assert s.margin is not None
        assert s.margin < 1e-6
        assert len(s.witness) == 2


def test_an_output_is_not_certified_exactly_where_an_input_reads_wrong(made: Program, tmp_path: Path) -> None:
    """Every input of each gate, through the wires, against the reference that suits best."""
    rng = np.random.default_rng(5)
    for k in range(4):
        change = {p: float(made.bundle.conductances[p] * np.exp(0.5 * rng.standard_normal())) for p in places(made)}
        found = made.read_back(measured(made, tmp_path / f"{k}.csv", change))
        wrong = {(s.region, s.output) for s in found.before if not s.certified}
        g = made.bundle.conductances.copy()
        for p, value in change.items():
            g[p] = value
        assert wrong == _cannot_be_told_apart(made, g)


def _cannot_be_told_apart(program: Program, g: Any) -> set[tuple[str, int]]:
    bundle, wrong = program.bundle, set[tuple[str, int]]()
    for region in bundle.map.regions:
        for output in (o for o in region.outputs if o.kind == "comparator"):
            term = output.terms[0]
            tile, solved = bundle.map.tiles[term.tile], transfer_matrix(g[term.tile], bundle.wires)
            lines = {i: row for row, i in enumerate(tile.row_in) if i is not None}
            sides: dict[bool, list[float]] = {False: [], True: []}
            for n in range(1 << len(lines)):
                rows = [row for k, row in enumerate(lines.values()) if n >> k & 1]
                held = sum(f * bundle.levels[term.tile][rows, b].sum() for b, f in term.bitlines)
                current = sum(f * solved[rows, b].sum() for b, f in term.bitlines)
                sides[bool(held >= (output.least or 0))].append(current)
            if not max(sides[False]) < min(sides[True]):
                wrong.add((region.func, output.index))
    return wrong


def test_a_device_that_stays_is_stuck_and_its_line_is_moved(made: Program, tmp_path: Path) -> None:
    place = conducting(made)[0]
    path = measured(made, tmp_path / "m.csv", {place: float(made.bundle.siemens[0])})
    made.read_back(path, tmp_path / "one")
    one = circuitc.crossbar.load(tmp_path / "one")
    assert one.faults() == []
    again = one.read_back(path, tmp_path / "two")
    assert [(c.tile, c.row, c.col, c.kind) for c in again.stuck] == [(*place, "stuck_hrs")]
    assert again.moved
    assert again.count("remap") == len(again.writes) <= 12
    assert all(s.certified for s in again.after)
    assert not again.certified
    two = circuitc.crossbar.load(tmp_path / "two")
    assert two.faults() == []
    written = {(w.tile, w.row, w.col) for w in again.writes}
    assert place not in written
    # What was written is measured, and nothing else: the rest is as it was last measured.
    last = two.read_back(measured(two, tmp_path / "m2.csv", {}, only=written), tmp_path / "three")
    assert last.certified
    assert not last.writes
    with (tmp_path / "two" / "reprogram.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(int(r["tile"]), int(r["row"]), int(r["col"])) for r in rows} == written
    assert [int(r["bl_ch"]) - 20 for r in rows] == [int(r["col"]) for r in rows]
    assert all(r["level"] == "0" or later["level"] != "0" for r, later in pairwise(rows))
    x = {"a": np.array([[1, 1], [0, 1]]), "b": np.array([[1, 1], [1, 1]])}
    assert np.array_equal(two.run(x, mode="ir")["p"], circuitc.run(made.module, x)["p"])


@pytest.mark.parametrize("encoding", ["diff_pair", "dual_rail", "offset"])
def test_listed_faults_are_moved_away_from_at_once(encoding: str, tmp_path: Path) -> None:
    program = sums(tmp_path, encoding)
    (tmp_path / "f.csv").write_text("tile,row,col,kind\n" + "".join(
        f"{t},{r},{c},stuck_hrs\n" for t, r, c in [p for p in conducting(program) if program.bundle.levels[p] > 1][:2]))
    found = program.read_back(measured(program, tmp_path / "m.csv", {}, only=set()), tmp_path / "n",
                              faults=tmp_path / "f.csv")
    assert len(found.stuck) == 2
    assert all(s.certified for s in found.after)
    fresh = circuitc.crossbar.load(tmp_path / "n")
    assert fresh.faults() == []
    x = {"x": np.array([[n >> k & 1 for k in range(4)] for n in range(16)])}
    assert np.array_equal(fresh.run(x, mode="ir")["y"], circuitc.run(program.module, x)["y"])


def test_the_same_measurements_give_the_same_bytes(made: Program, tmp_path: Path) -> None:
    path = measured(made, tmp_path / "m.csv", {conducting(made)[2]: 1e-7})
    folders = [tmp_path / "p", tmp_path / "q"]
    for folder in folders:
        made.read_back(path, folder)
    names = {p.name for p in folders[0].iterdir()} - {"report.json", "certificate.json"}   # which tell times
    assert names == {p.name for p in folders[1].iterdir()} - {"report.json", "certificate.json"}
    assert [n for n in sorted(names) if (folders[0] / n).read_bytes() != (folders[1] / n).read_bytes()] == []


def test_the_simulated_lab_keeps_what_is_stuck(made: Program, tmp_path: Path) -> None:
    lab = made.lab(seed=3)
    assert lab.program(made.folder) == len(places(made)) == lab.measure(tmp_path / "m.csv")
    assert made.read_back(tmp_path / "m.csv").certified   # nothing varies in this hardware file


def test_the_command_says_what_it_found(made: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = conducting(made)[0]
    bad = measured(made, tmp_path / "bad.csv", {place: 0.0})
    assert run(["xbar", "readback", str(made.folder), str(bad), "-o", str(tmp_path / "n")]) == 1
    told = capsys.readouterr().out
    assert f"reprogram tile {place[0]} row {place[1]} col {place[2]}, moves a signal by" in told
    assert "certified once these are inside their windows: 12 of 12" in told
    assert run(["xbar", "check", str(tmp_path / "n")]) == 0
    assert "measured devices count as measured" in capsys.readouterr().out
    good = measured(made, tmp_path / "good.csv", {})
    assert run(["xbar", "readback", str(tmp_path / "n"), str(good), "-o", str(tmp_path / "m"), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["certified"], value["writes"], value["measured"]) == (True, [], len(places(made)))


@pytest.mark.parametrize(("text", "says"), [
    ("", ":1: expected the header tile,row,col,g_S"), ("tile,row,col\n", "expected the header"),
    ("tile,row,col,g_S\n0,0,0\n", ":2: expected 4 fields, got 3"),
    ("tile,row,col,g_S\n0,99,0,1e-5\n", "row is '99', expected a whole number below 12"),
    ("tile,row,col,g_S\n0,0,0,-1\n", "g_S is '-1', expected siemens"),
    ("tile,row,col,g_S\n0,0,0,nan\n", "g_S is 'nan', expected siemens"),
    ("tile,row,col,g_S\n0,0,0,1\n0,0,0,1\n", ":3: tile 0, row 0, col 0 is listed twice"),
    ("tile,row,col,g_S\n\xff\x00", "row")])
def test_malformed_measurements_are_one_line(made: Program, text: str, says: str, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.csv").write_text(text, encoding="latin-1")
    assert run(["xbar", "readback", str(made.folder), str(tmp_path / "m.csv"), "-o", str(tmp_path / "n")]) == 2
    found = capsys.readouterr().err
    assert found.count("\n") == 1
    assert (says in found or "is not a CSV file" in found)
    assert not (tmp_path / "n").exists()


@given(content=st.binary(max_size=60))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(made: Program, tmp_path: Path, content: bytes) -> None:
    from circuitc.simulation.crossbar.measured import measured_cells

    (tmp_path / "m.csv").write_bytes(b"tile,row,col,g_S\n" + content)
    refused: list[CircuitError] = []
    try:
        g = measured_cells(tmp_path / "m.csv", made.bundle)
    except CircuitError as e:
        refused.append(e)
    else:
        assert g.shape == made.bundle.levels.shape
    assert all(len(e.diagnostics) == 1 for e in refused)


def test_damaged_notes_are_refused(made: Program, tmp_path: Path) -> None:
    path = measured(made, tmp_path / "m.csv", {})
    made.read_back(path, tmp_path / "n")
    for content, says in (("{", "is not JSON"), ("[]", "expected an object"),
                          ('{"schema": "circuitc.readback/1", "written": [{"tile": 9, "row": 0, "col": 0, '
                           '"siemens": 1.0}], "stuck": []}', "tile 9, row 0, col 0 is not on")):
        (tmp_path / "n" / "readback.json").write_text(content)
        with pytest.raises(CircuitError, match=says):
            circuitc.crossbar.load(tmp_path / "n").read_back(path)
    (tmp_path / "n" / "measured.csv").unlink()
    with pytest.raises(CircuitError, match=r"measured\.csv, which is missing"):
        circuitc.crossbar.load(tmp_path / "n")
