"""The commands about arrays: what they print, and their exit statuses."""

import json
from pathlib import Path

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
