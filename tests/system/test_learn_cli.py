"""`circuitc learn`: from data to a model, and no traceback for anything a user does wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from circuitc.cli.entry import run
from circuitc.formats import load
from circuitc.learn.files import read_solution
from circuitc.proof import verify

PLA = ".i 2\n.o 1\n01 1\n10 1\n.e\n"
XOR = ["--widths", "2,2,1", "--restarts", "20"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xor.pla").write_text(PLA)
    return tmp_path


def test_a_truth_table_is_answered_by_a_proved_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["learn", "xor.pla", *XOR, "--boolearn", "xor", "--checkpoint", "xor.npz"]) == 0
    said = capsys.readouterr().out
    assert "equal to the truth table of 4 rows (proved: " in said
    first = load(folder / "model.json")
    assert run(["learn", "xor.pla", *XOR, "-o", "again.json", "--threads", "1"]) == 0
    assert verify(first, load(folder / "again.json")).status == "equal"
    assert read_solution(folder / "xor.sol")[0].edges == 9
    assert (folder / "xor.gap").read_text()
    assert (folder / "xor.run").read_text()
    assert run(["learn", "xor.pla", *XOR, "--resume", "xor.npz", "--network", "xor.sol"]) == 2
    assert run(["learn", "xor.pla", "--network", "xor.sol", "--resume", "xor.npz", "-o", "c.sol"]) == 0


def test_nothing_is_written_where_no_network_was_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["learn", "xor.pla", "--widths", "2,1", "--iterations", "50", "--json"]) == 3
    answer = json.loads(capsys.readouterr().out)
    assert (answer["solved"], answer["out"]) == (False, None)
    assert not (folder / "model.json").exists()


def test_partial_data_is_measured_and_said_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("part.npz", x=np.array([[0, 0], [0, 1], [1, 0]]), y=np.array([[0], [1], [1]]))
    assert run(["learn", "part.npz", "--widths", "2,1"]) == 0
    assert "100.00 % of 3 items right, measured" in capsys.readouterr().out
    np.savez("odd.npz", x=np.array([[0], [0]]), y=np.array([[0], [1]]))
    assert run(["learn", "odd.npz", "--widths", "1,1", "--iterations", "50"]) == 3
    assert "1 items contradict others" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [
    [], ["none.pla", "--widths", "2,1"], ["xor.pla"], ["xor.pla", "--widths", "2,x"], ["xor.pla", "--widths", "2"],
    ["xor.pla", "--widths", "3,1"], ["xor.pla", "--widths", "2,0,1"], ["xor.pla", "--widths", "2,1", "--sigma", "0"],
    ["xor.pla", "--widths", "2,1", "--network", "x.net"], ["xor.pla", "--network", "x.net"],
    ["xor.pla", "--widths", "2,1", "--resume", "none.npz"], ["xor.pla", "--widths", "2,1", "--figure", "x.gif"],
    ["xor.pla", "--widths", "2,1", "--restarts", "0"], ["xor.pla", "--widths", "2,1", "-o", "xor.pla"],
    ["xor.pla", "--widths", "2,1", "--stop", "never"], ["xor.pla", "--widths", "9999999,9999999,1"],
    ["xor.pla", "--widths", "2,1", "-o", "x.unknown", "--iterations", "100"],
    ["xor.pla", "--widths", "2,1", "--test", "none.dat"]])
def test_wrong_use_is_one_line_and_status_2(folder: Path, capsys: pytest.CaptureFixture[str],
                                            arguments: list[str]) -> None:
    assert run(["learn", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    assert (folder / "xor.pla").read_text() == PLA
