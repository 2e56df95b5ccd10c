"""The commands about arrays: what they print, and their exit statuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from circuitc.cli.entry import run

MODEL = Path(__file__).resolve().parents[2] / "examples" / "01_btf_multiplier" / "model.json"
SMALL = 'schema = "circuitc.array/1"\n[array]\nrows = 16\ncols = 16\n'


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "small.toml").write_text(SMALL)
    assert run(["compile", str(MODEL), "--target", "crossbar", "--array", str(folder / "small.toml"), "--option",
                "periphery=false", "-o", str(folder / "b")]) == 0
    return folder / "b"


def test_a_bundle_is_checked_simulated_and_exported(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                    ) -> None:
    assert run(["xbar", "check", str(bundle)]) == 0
    assert "certified nominal: 12 of 12 outputs; window (+-10 %): 12 of 12" in capsys.readouterr().out
    assert run(["xbar", "check", str(bundle), "--exhaustive", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tried"], said["states"], said["faults"]) == (12, 192, [])
    assert run(["xbar", "check", str(bundle), "--exhaustive"]) == 0
    assert "every input tried: 12 of 12 signals" in capsys.readouterr().out
    for mode in ("ideal", "quant", "ir", "ir-fast"):
        assert run(["simulate", str(bundle), "--target", "crossbar", "--mode", mode, "--exhaustive"]) == 0
        assert capsys.readouterr().out == f"crossbar ({mode}): agrees with the interpreter on 16 samples\n"
    assert run(["simulate", str(bundle), "--target", "crossbar", "--mode", "mc", "--seeds", "2", "--exhaustive"]) == 0
    assert "samples with all outputs right 1.0000 +- 0.0000 (2 seeds)" in capsys.readouterr().out
    assert run(["simulate", str(bundle), "--target", "crossbar", "--mode", "certify"]) == 0
    assert "certified window: 12 of 12 outputs" in capsys.readouterr().out
    assert run(["xbar", "export", str(bundle), "--to", "ngspice", "-o", str(tmp_path / "e")]) == 0
    assert len(list((tmp_path / "e").glob("tile_*.cir"))) == 3


def test_a_changed_bundle_is_refused(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    text = (copy / "map.json").read_text()
    (copy / "map.json").write_text(text.replace('"least": 2', '"least": 1', 1))
    for arguments in (["xbar", "check", str(copy)], ["xbar", "check", str(copy), "--no-hashes"]):
        assert run(arguments) == 1
        assert "y0 asks for a sum of 1, the program for 2" in capsys.readouterr().out


def test_arrays_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["array", "list"]) == 0
    assert "rram-128" in capsys.readouterr().out
    assert run(["array", "show", "mnsim-256"]) == 0
    assert "r_wl_ohm = 2.82              # a wordline's segment (MNSIM)" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "says"), [
    (["xbar", "check", "nowhere"], "nowhere: is not a folder"), (["xbar", "check", "."], "is no bundle"),
    (["array", "show", "rram"], "did you mean rram-128"),
    (["simulate", str(MODEL), "--target", "crossbar", "--exhaustive"], "is not a bundle"),
    (["compile", str(MODEL), "--target", "crossbar", "--array", "none-1", "-o", "x"], "no array preset 'none-1'")])
def test_wrong_use_is_told_in_one_line(arguments: list[str], says: str, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    found = capsys.readouterr().err
    assert says in found
    assert found.count("\n") == 1


HARDWARE = 'schema = "circuitc.array/1"\n'
FAR_APART = "are too far apart to be solved"


@pytest.mark.parametrize(("hardware", "says"), [
    ("[array]\nrows = 2000\ncols = 2000\n", "solving a tile of 2000 x 2000 takes 128 GB"),
    ("[device]\nr_on_ohm = 1e-300\nr_off_ohm = 1e300\n", FAR_APART),
    ("[array]\nrows = 16\ncols = 16\n[wire]\nr_wl_ohm = 1e300\nr_bl_ohm = 1e300\n", FAR_APART)])
def test_hardware_that_cannot_be_solved_is_refused(hardware: str, says: str, tmp_path: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.toml").write_text(HARDWARE + hardware)
    assert run(["compile", str(MODEL), "--target", "crossbar", "--array", str(tmp_path / "a.toml"), "--option",
                "encoding=diff_pair", "-o", str(tmp_path / "b")]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "says"), [
    (["--mode", "mc", "--seconds", "nan"], "finite number of seconds"),
    (["--mode", "mc", "--seconds", "0"], "finite number of seconds"),
    (["--mode", "ir", "--seconds", "5"], "--seconds is for --mode mc"),
    (["--seed", "-1"], "greater than or equal to 0"),
    (["--mode", "measured", "--measured", "huge.csv"], "expected siemens, 0 to 1000")])
def test_numbers_that_mean_nothing_are_refused(bundle: Path, arguments: list[str], says: str, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                               ) -> None:
    monkeypatch.chdir(tmp_path)
    Path("huge.csv").write_text("tile,row,col,g_S\n0,0,0,1e300\n")
    assert run(["simulate", str(bundle), "--target", "crossbar", "--random", "2", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_answers_that_stuck_devices_hold_still_are_not_certified(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                                 ) -> None:
    """Every device is stuck, so every gate answers the same for ever: constant, and wrong."""
    (tmp_path / "a.toml").write_text(SMALL)
    stuck = [f"{tile},{row},{col},stuck_hrs\n" for tile in range(3) for row in range(16) for col in range(16)]
    (tmp_path / "bad.csv").write_text("tile,row,col,kind\n" + "".join(stuck))
    command = ["compile", str(MODEL), "--target", "crossbar", "--array", str(tmp_path / "a.toml"), "--option",
               "periphery=false", "--option", f"faults={tmp_path / 'bad.csv'}", "-o", str(tmp_path / "b")]
    assert run(command) == 0
    assert "certified_nominal 0, certified_window 0" in capsys.readouterr().out
    assert run(["simulate", str(tmp_path / "b"), "--target", "crossbar", "--mode", "certify"]) == 0
    assert "certified nominal: 0 of 12 outputs" in capsys.readouterr().out
    (tmp_path / "bad.csv").write_text("tile,row,col,kind\n0,1,1,stuck_hrs\n0,1,1,stuck_lrs\n")
    assert run(command) == 2
    assert "tile 0, row 1, col 1 is listed as both kinds" in capsys.readouterr().err


def test_nothing_tried_is_not_called_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.json").write_text(json.dumps({
        "schema": "circuitc.model/1", "kind": "btf", "name": "wide", "inputs": [{"name": "a", "type": "bit[40]"}],
        "outputs": [{"name": "p", "type": "bit[1]"}], "layers": [{"weights": [[-19.5] + [1.0] * 40]}]}))
    assert run(["compile", str(tmp_path / "m.json"), "--target", "crossbar", "--array", "ideal-64", "--option",
                "periphery=false", "-o", str(tmp_path / "b")]) == 0
    assert run(["xbar", "check", str(tmp_path / "b"), "--exhaustive"]) == 0
    assert "no input tried: more than 16 inputs" in capsys.readouterr().out


def test_two_parts_of_one_output_may_share_a_tile(tmp_path: Path) -> None:
    """Their bitlines are more than those of the tile's other outputs, which placement by margin took for alike."""
    draw = np.random.default_rng(0)
    draw.integers(-1, 2, (10, 401)), draw.integers(-1, 2, (3, 101))
    weights = draw.integers(-1, 2, (10, 151)) + np.eye(1, 151) / 2
    (tmp_path / "m.json").write_text(json.dumps({
        "schema": "circuitc.model/1", "kind": "btf", "name": "s", "inputs": [{"name": "a", "type": "bit[150]"}],
        "outputs": [{"name": "p", "type": "bit[10]"}], "layers": [{"weights": weights.tolist()}]}))
    (tmp_path / "a.toml").write_text(SMALL + "[wire]\nr_wl_ohm = 200.0\nr_bl_ohm = 200.0\n")
    assert run(["compile", str(tmp_path / "m.json"), "--target", "crossbar", "--array", str(tmp_path / "a.toml"),
                "--option", "encoding=diff_pair", "--option", "periphery=false", "-o", str(tmp_path / "b")]) == 0
    assert run(["xbar", "check", str(tmp_path / "b")]) == 0
