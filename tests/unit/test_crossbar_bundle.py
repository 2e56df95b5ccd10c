"""A bundle says the same thing in each of its files, and its reader finds out where it does not."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.checks.arrays import calls_to_play
from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_module, parse_type, smallest
from circuitc.passes import run_passes, sample_inputs
from circuitc.proof.crossbar import certify_bundle, region_differences, verify_bundle
from circuitc.simulation.crossbar.agreement import disagreements
from circuitc.simulation.crossbar.bundle import read_bundle
from circuitc.simulation.crossbar.certificates import findings
from circuitc.simulation.crossbar.exports import EXPORTS, export
from circuitc.simulation.crossbar.measured import read_measured, run_measured
from circuitc.simulation.crossbar.modes import run_mode
from circuitc.simulation.crossbar.montecarlo import agreement, interval, trials

ROOT = Path(__file__).resolve().parents[2]
HEAD = 'schema = "circuitc.array/1"\n'
SMALL = HEAD + "[array]\nrows = 16\ncols = 16\n"
CHANNELS = '[config]\nname = "c"\nwords = 16\nbits = 16\n[mapping]\nwords = {}\nbits = {}\n'


@pytest.fixture(scope="module")
def hardware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hardware") / "small.toml"
    path.write_text(SMALL)
    return path


def layers(seed: int = 0, inputs: int = 6) -> Module:
    """Two layers of gates with weights -1, 0, 1, and a layer of sums with larger ones."""
    rng = np.random.default_rng(seed)
    b = Builder()
    x = v = b.input("x", parse_type(f"spin[{inputs}]"))
    for _ in range(2):
        w, t = rng.integers(-1, 2, (5, b.type(v).shape[0])), rng.integers(-2, 2, 5)
        v = b.apply("threshold", v, b.constant(_constant(w)), b.constant(_constant(t)))
    y = b.apply("contract", v, b.constant(_constant(rng.integers(-3, 4, (3, 5)))), spec="j,ij->i")
    func = Func("net", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    return run_passes(module_of(func), "partition")


def _constant(values: Any) -> Constant:
    kind = smallest(int(values.min()), int(values.max()))
    return Constant(parse_type(f"{kind}[{','.join(map(str, values.shape))}]"), values)


def files(module: Module, hardware: Path, **options: str) -> dict[str, bytes]:
    return dict(CROSSBAR.emit(CROSSBAR.build(module, {"array": str(hardware), **options})).files)


@pytest.mark.parametrize("encoding", ["auto", "diff_pair", "dual_rail", "offset"])
def test_what_is_read_back_is_the_program(encoding: str, hardware: Path) -> None:
    module = layers()
    made = files(module, hardware, encoding=encoding)
    assert verify_bundle(module, made).is_equal
    bundle = read_bundle(made)
    found = list(findings(bundle))
    assert not [f for finding in found for f in finding.faults]
    stated = [(o.nominal, o.window) for r in bundle.map.regions for o in r.outputs]
    assert [(f.nominal, f.window) for f in found] == stated
    x = sample_inputs(module.entry, 64, np.random.default_rng(1))
    wanted = circuitc.run(module, x)
    assert np.array_equal(run_mode(module, bundle, x, "ideal")["y"], wanted["y"])
    for mode in ("quant", "ir"):
        if all(nominal for nominal, _ in stated):
            assert np.array_equal(run_mode(module, bundle, x, mode)["y"], wanted["y"])


def test_the_same_input_gives_the_same_bytes(hardware: Path) -> None:
    first, second = (files(layers(), hardware, seed="3", spice="true") for _ in range(2))
    assert first == second
    netlists = [f"tile_00{k}.cir" for k in range(3)]
    assert {*first} == {"map.json", "cells.csv", "array.toml", "tiles.npz", "net.v", "periphery.ccir", *netlists}


def test_each_column_of_the_table_is_what_the_tiles_say(hardware: Path) -> None:
    made = files(layers(), hardware)
    tiles = np.load(io.BytesIO(made["tiles.npz"]))
    rows = list(csv.DictReader(io.StringIO(made["cells.csv"].decode())))
    assert len(rows) > 50
    for row in rows:
        place = tuple(int(row[k]) for k in ("tile", "row", "col"))
        assert int(row["level"]) == tiles["level"][place]
        for column in ("g_target_S", "g_lo_S", "g_hi_S"):
            assert np.isclose(float(row[column]), tiles[column][place], rtol=1e-8)
    order = [int(r["level"]) > 0 for r in sorted(rows, key=lambda r: int(r["order"]))]
    assert order == sorted(order)   # what rests at level 0 comes first


def test_bad_devices_are_listed_and_dodged(hardware: Path, tmp_path: Path) -> None:
    faults = tmp_path / "faults.csv"
    faults.write_text("tile,row,col,kind\n0,15,0,stuck_lrs\n0,3,9,stuck_hrs\n1,15,3,stuck_hrs\n")
    module = layers()
    made = files(module, hardware, faults=str(faults))
    assert verify_bundle(module, made).is_equal
    bad = [r for r in csv.DictReader(io.StringIO(made["cells.csv"].decode())) if r["fault"] != "none"]
    assert [(r["tile"], r["row"], r["col"], r["fault"]) for r in bad] == [
        ("0", "3", "9", "stuck_hrs"), ("0", "15", "0", "stuck_lrs"), ("1", "15", "3", "stuck_hrs")]


def test_channels_reach_the_table_and_the_instruments_files(hardware: Path, tmp_path: Path) -> None:
    channels = tmp_path / "c.toml"
    channels.write_text(CHANNELS.format(list(range(100, 116)), list(range(200, 216))))
    made = files(layers(), hardware, channels=str(channels))
    row = next(csv.DictReader(io.StringIO(made["cells.csv"].decode())))
    assert (int(row["wl_ch"]), int(row["bl_ch"])) == (100 + int(row["row"]), 200 + int(row["col"]))
    program = list(csv.DictReader(io.StringIO(made["program.csv"].decode())))
    assert [int(r["order"]) for r in program] == list(range(len(program)))
    arc = export(read_bundle(made), "arc2")["tile_000.csv"].decode().splitlines()
    assert arc[0] == "low_ch,high_ch,word,bit,r_target_ohm,r_lo_ohm,r_hi_ohm,v_read"
    lines = [program[0][column] for column in ("bl_ch", "wl_ch", "row", "col")]
    assert arc[1].split(",") == [*lines, "1.7e+06", "1.54545e+06", "1.88889e+06", "0.2"]
    bits = export(read_bundle(made), "ni-rram")
    stream = np.array([*map(int, bits["tile_000.bitstream"].decode().split()), *[1] * 240]).reshape(16, 256)
    assert np.array_equal(stream[:, :16], 1 - read_bundle(made).levels[0])
    assert np.all(stream[:, 16:] == 1)
    assert bits["windows.csv"].decode().splitlines()[2] == "1,90909.0909,111111.111"


def test_every_export_has_files(hardware: Path) -> None:
    bundle = read_bundle(files(layers(), hardware))
    for name in set(EXPORTS) - {"arc2"}:
        assert export(bundle, name)
    with pytest.raises(CircuitError, match="has no channels"):
        export(bundle, "arc2")
    with pytest.raises(CircuitError, match="did you mean ngspice"):
        export(bundle, "ngspcie")


def test_chance_is_seeded(hardware: Path) -> None:
    from dataclasses import replace

    from circuitc.backends.crossbar.sections import Variation

    module = layers()
    bundle = read_bundle(files(module, hardware))
    x = sample_inputs(module.entry, 40, np.random.default_rng(2))
    variation = Variation(d2d_sigma=0.4, c2c_read=0.02, stuck_hrs=0.05, drift_nu=0.1)
    wanted = circuitc.run(module, x)
    first, again, other = ([agreement(wanted, t.outputs)[1] for t in trials(module, bundle, x, variation, seeds=6,
                                                                             first=k)] for k in (0, 0, 6))
    assert first == again != other
    assert interval(first).mean < 1
    calm = replace(variation, d2d_sigma=0.0, c2c_read=0.0, stuck_hrs=0.0, drift_nu=0.0)
    exact = run_mode(module, bundle, x, "ir")["y"]
    assert all(np.array_equal(t.outputs["y"], exact) for t in trials(module, bundle, x, calm, seeds=1))
    table = replace(calm, d2d_model="table", d2d_table=((0.0, 0.0), (1e-5, 0.0)))
    assert all(np.array_equal(t.outputs["y"], exact) for t in trials(module, bundle, x, table, seeds=1))


# Mutants: whatever one place of the two files says otherwise is found, digests aside.

def wrong(module: Module, made: dict[str, bytes]) -> bool:
    try:
        bundle = read_bundle(made)
        return bool([*disagreements(bundle), *region_differences(module, bundle)]
                    or [f for finding in findings(bundle) for f in finding.faults])
    except CircuitError:
        return True


def _flipped_level(document: Any, rows: list[list[str]], rng: np.random.Generator) -> None:
    """Flip a level, and all that follows from it, as a writer with a bug would."""
    row = rows[rng.integers(1, len(rows))]
    other = next(r for r in rows[1:] if r[10] != row[10])
    row[10:15] = other[10:15]


def _swapped_rows(document: Any, rows: list[list[str]], rng: np.random.Generator) -> None:
    """Swap two inputs in the routing and in the table."""
    tile = document["tiles"][rng.integers(len(document["tiles"]))]
    first, second = rng.choice([k for k, i in enumerate(tile["row_in"]) if i is not None], 2, replace=False).tolist()
    tile["row_in"][first], tile["row_in"][second] = tile["row_in"][second], tile["row_in"][first]
    for row in rows[1:]:
        if int(row[0]) == tile["id"] and int(row[1]) in (first, second):
            row[6] = f"x{tile['row_in'][int(row[1])]}"


def _swapped_columns(document: Any, rows: list[list[str]], rng: np.random.Generator) -> None:
    tile = document["tiles"][rng.integers(len(document["tiles"]))]
    used = [k for k, c in enumerate(tile["col_out"]) if c is not None]
    first, second = rng.choice(used, 2, replace=False).tolist()
    tile["col_out"][first], tile["col_out"][second] = tile["col_out"][second], tile["col_out"][first]


def _output(document: Any, rng: np.random.Generator) -> Any:
    outputs = [o for r in document["regions"] for o in r["outputs"] if o["kind"] != "constant"]
    return outputs[rng.integers(len(outputs))]


def _moved_least(document: Any, rows: list[list[str]], rng: np.random.Generator) -> None:
    output = _output(document, rng)
    output["least"] = 1 if output["least"] is None else output["least"] + int(rng.choice([-1, 1]))


def _moved_number(document: Any, rows: list[list[str]], rng: np.random.Generator) -> None:
    output = _output(document, rng)
    holder = output if output["kind"] == "comparator" else output["terms"][0]
    name = rng.choice(["reference", "margin"] if output["kind"] == "comparator" else ["gain", "offset", "error"])
    holder[str(name)] += float(rng.choice([-0.3, 0.01, 0.2]))


def _moved_bitline(document: Any, rows: list[list[str]], rng: np.random.Generator) -> None:
    bitlines = _output(document, rng)["terms"][0]["bitlines"]
    bitline = bitlines[rng.integers(len(bitlines))]
    if rng.random() < 0.5:
        bitline[1] *= -1
    else:
        bitline[0] = (bitline[0] + int(rng.integers(1, 16))) % 16


def _changed_field(document: Any, rows: list[list[str]], rng: np.random.Generator) -> None:
    row, column = rows[rng.integers(1, len(rows))], int(rng.choice([0, 1, 2, *range(5, 18)]))
    row[column] = {"none": "stuck_lrs" if row[10] == "0" else "stuck_hrs"}.get(row[column], row[column] + "1")


MUTATIONS = [_flipped_level, _swapped_rows, _swapped_columns, _moved_least, _moved_number, _moved_bitline,
             _changed_field]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.__name__)
def test_a_changed_bundle_is_found_out(mutation: Any, hardware: Path) -> None:
    module = layers(seed=3)
    made = files(module, hardware)
    assert not wrong(module, made)
    rng = np.random.default_rng(7)
    survivors = 0
    for _ in range(40):
        document = json.loads(made["map.json"])
        rows = list(csv.reader(io.StringIO(made["cells.csv"].decode())))
        mutation(document, rows, rng)
        text = "\n".join(",".join(r) for r in rows) + "\n"
        mutant = {"map.json": json.dumps(document).encode(), "cells.csv": text.encode()}
        if not wrong(module, mutant):
            survivors += 1
            bundle = read_bundle(mutant)    # a survivor must be a change that changes nothing
            x = sample_inputs(module.entry, 64, rng)
            assert mutation is _swapped_rows
            assert np.array_equal(run_mode(module, bundle, x, "ideal")["y"], circuitc.run(module, x)["y"])
    assert survivors <= 6


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": "circuitc.xbar/1"}', '{"schema": "circuitc.xbar/2"}'])
def test_a_damaged_map_is_told_in_one_line(damage: str, hardware: Path) -> None:
    made = files(layers(), hardware)
    with pytest.raises(CircuitError) as caught:
        read_bundle({**made, "map.json": damage.encode()})
    assert str(caught.value).startswith("map.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("old", "new", "says"), [
    ("tile,row", "tile,line", "expected the header"), ("\n0,", "\n9,", "tile is 9"), ("\n0,", "\nx,", "a whole number"),
    (",none,", ",", "expected 18 fields, got 17"), (",none,", ",broken,", "fault broken does not fit")])
def test_a_damaged_table_is_told_with_its_line(old: str, new: str, says: str, hardware: Path) -> None:
    made = files(layers(), hardware)
    table = made["cells.csv"].decode().replace(old, new, 1).encode()
    with pytest.raises(CircuitError, match=says) as caught:
        verify_bundle(layers(), {**made, "cells.csv": table})
    assert str(caught.value).startswith("cells.csv:")


@pytest.mark.parametrize(("options", "says"), [
    ({"arry": "x"}, "no option arry .*did you mean array"), ({"encoding": "diff"}, "encoding=diff is not one of"),
    ({"seed": "-1"}, "seed=-1"), ({"certify": "yes"}, "is not one of nominal, window")])
def test_wrong_options_are_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(CircuitError, match=says):
        CROSSBAR.build(layers(), options)


@pytest.mark.parametrize(("text", "says"), [
    ("", "expected the header"), ("tile,row,col,kind\n0,0\n", ":2: expected 4 fields"),
    ("tile,row,col,kind\n0,16,0,stuck_lrs\n", ":2: row is '16'"),
    ("tile,row,col,kind\n0,0,0,stuck\n", "no kind of fault 'stuck'"),
    ("tile,row,col,kind\n-1,0,0,stuck_hrs\n", "tile is")])
def test_a_wrong_fault_file_is_refused(text: str, says: str, hardware: Path, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(CircuitError, match=says):
        files(layers(), hardware, faults=str(tmp_path / "f.csv"))


@pytest.mark.parametrize(("text", "says"), [
    ("[", "is not TOML"), ("", "tables"), (CHANNELS.format([1, 1], [2, 3]), "lists a channel twice"),
    (CHANNELS.format([1, 2], [3, 4]), "config.words is 16"), (CHANNELS.format("['a']", "[1]"), "channel numbers"),
    ("[config]\n[mapping]\nwords = [1, 2]\nbits = [3]\n", "has channels for 2 wordlines")])
def test_a_wrong_channel_map_is_refused(text: str, says: str, hardware: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(CircuitError, match=says):
        files(layers(), hardware, channels=str(tmp_path / "c.toml"))


def test_what_is_not_for_an_array_is_named() -> None:
    b = Builder()
    x = b.input("x", parse_type("bit"))
    func = Func("f", (Port("x", b.type(x)),), (Port("y", b.type(x)),), b.finish([b.apply("not", x)]))
    assert "nothing" not in str(CROSSBAR.check(module_of(func), {})[0])
    assert "no threshold and no product" in str(CROSSBAR.check(module_of(func), {})[0])
    b = Builder()
    x = b.input("x", parse_type("f32[2]"))
    y = b.apply("contract", x, b.constant(Constant(parse_type("f32[1,2]"), [[1.0, 2.0]])), spec="j,ij->i")
    func = Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    assert "run the pass quantize before" in str(CROSSBAR.check(run_passes(module_of(func), "partition"), {})[0])


def test_certificates_may_be_required(hardware: Path, tmp_path: Path) -> None:
    model = ROOT / "examples" / "01_btf_multiplier" / "model.json"
    build = circuitc.compile(model, "crossbar", options={"array": str(hardware), "certify": "window"})
    assert build.report["figures"]["certified_window"] == 12
    said = "proved: map.json reads every output right (conductances anywhere in their windows)"
    assert any(said in line for line in build.summary)
    assert certify_bundle(build.artefacts, "window").is_equal
    wide = tmp_path / "wide.toml"
    wide.write_text(SMALL + "[device]\nwindow_rel = 0.6\n")
    with pytest.raises(CircuitError, match="only not_checked") as caught:
        circuitc.compile(model, "crossbar", options={"array": str(wide), "certify": "window"}, require="reachable")
    assert caught.value.exit_status == 3


def test_a_bundle_is_opened_as_an_object(hardware: Path, tmp_path: Path) -> None:
    from circuitc import crossbar

    model = ROOT / "examples" / "01_btf_multiplier" / "model.json"
    circuitc.compile(model, "crossbar", out=tmp_path / "b", options={"array": str(hardware)})
    bundle = crossbar.load(tmp_path / "b")
    assert bundle.faults() == []
    assert bundle.transfer(0).shape == (16, 16)
    assert np.all(bundle.transfer(0) < bundle.conductances(0))
    answer = bundle.run({"a": np.array([[0, 1]]), "b": np.array([[1, 1]])}, mode="ir")["p"]
    assert answer.tolist() == [[0, 1, 1, 0]]
    table = tmp_path / "b" / "cells.csv"
    table.write_text(table.read_text().replace(",none,0,0\n", ",none,0,00\n"))
    assert bundle.faults() == ["cells.csv changed since the bundle was made"]


def test_measured_conductances_take_the_place_of_targets(hardware: Path, tmp_path: Path) -> None:
    module = layers()
    bundle = read_bundle(files(module, hardware))
    x = sample_inputs(module.entry, 64, np.random.default_rng(1))
    path = tmp_path / "measured.csv"
    path.write_text("tile,row,col,g_S\n")
    assert np.array_equal(run_measured(module, bundle, x, path)["y"], run_mode(module, bundle, x, "ir")["y"])
    everything = np.argwhere(bundle.levels >= 0).tolist()
    path.write_text("tile,row,col,g_S\n" + "".join(f"{t},{r},{c},0\n" for t, r, c in everything))
    assert read_measured(path, bundle).max() == 0
    assert len(np.unique(run_measured(module, bundle, x, path)["y"], axis=0)) == 1   # no current, one answer


@pytest.mark.parametrize(("line", "said"), [
    ("0,0,0", "expected 4 fields"), ("9,0,0,1e-6", "tile is '9'"), ("0,0,0,-1", "expected siemens"),
    ("0,0,0,nan", "expected siemens"), ("0,0,0,x", "expected siemens"), ("0,0,0,1e-6\n0,0,0,1e-6", "listed twice")])
def test_measurements_that_are_none_are_refused(line: str, said: str, hardware: Path, tmp_path: Path) -> None:
    bundle = read_bundle(files(layers(), hardware, periphery="false"))
    path = tmp_path / "measured.csv"
    path.write_text(f"tile,row,col,g_S\n{line}\n")
    with pytest.raises(CircuitError, match=said):
        read_measured(path, bundle)


@pytest.mark.parametrize(("schedule", "devices", "calls"), [
    ("once", 1000, 100), ("once", 10**6, 10), ("stream", 10**6, 2), ("once", 10**9, 1)])
def test_large_designs_are_simulated_on_fewer_calls(schedule: str, devices: int, calls: int) -> None:
    module = parse_module(f"func @f(%x: u4) -> (%y: u4) {schedule} {{\n  return %x\n}}\n")
    assert calls_to_play(module, {"interval": 10}, devices) == calls
