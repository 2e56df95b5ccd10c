"""The command line as a user meets it: exit statuses, one-line errors, JSON, atomic output."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from circuitc.cli.app import run

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "01_btf_multiplier" / "model.json"

ADDER = """ccir 1 "adder"
func @adder(%a: u4, %b: u4) -> (%s: u5) once {
  %s = add %a, %b : u5
  return %s
}
"""


@pytest.fixture
def adder(tmp_path: Path) -> Path:
    path = tmp_path / "adder.ccir"
    path.write_text(ADDER)
    return path


def test_compile_proves_the_example_and_simulates_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "build"
    assert run(["compile", str(EXAMPLE), "--target", "verilog", "-o", str(out), "--prove", "--require", "proved"]) == 0
    said = capsys.readouterr().out
    assert "proved" in said or "exhausted" in said
    certificate = json.loads((out / "certificate.json").read_text())
    assert certificate["schema"] == "circuitc.certificate/1"
    assert {p.name for p in out.iterdir()} >= {"ports.json", "report.json", "certificate.json", "program.ccir"}
    assert run(["simulate", str(out), "--engine", "yosys", "--exhaustive"]) == 0
    assert "agrees with the interpreter on 16 samples" in capsys.readouterr().out
    assert run(["report", str(out)]) == 0
    assert "evidence" in capsys.readouterr().out


def test_compiling_twice_gives_the_same_bytes(adder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(["compile", str(adder), "-o", str(tmp_path / name), "--prove"]) == 0
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir() if p.name != "report.json"}
                for n in ("one", "two"))
    assert one == two


def test_run_gives_the_outputs_by_port_name(adder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", a=[3, 15], b=[4, 15])
    for engine in ("interpreter", "llvm"):
        out = tmp_path / f"{engine}.npz"
        assert run(["run", str(adder), "--inputs", str(tmp_path / "in.npz"), "-o", str(out), "--engine", engine]) == 0
        assert np.load(out)["s"].tolist() == [7, 30]


def test_verify_says_equal_different_and_shows_a_counterexample(
        adder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.ccir"
    other.write_text(ADDER.replace("add %a, %b", "add %b, %a"))
    assert run(["verify", str(adder), str(other)]) == 0
    other.write_text(ADDER.replace("%s = add %a, %b : u5", "%t = or %a, %b : u4\n  %s = convert %t : u5"))
    capsys.readouterr()
    vcd = tmp_path / "wave.vcd"
    assert run(["verify", str(adder), str(other), "--json", "--vcd", str(vcd)]) == 1
    verdict = json.loads(capsys.readouterr().out)
    example = verdict["counterexample"]
    a, b = int(example["inputs"]["a"]), int(example["inputs"]["b"])
    assert int(example["first"]["s"]) == a + b
    assert int(example["second"]["s"]) == a | b
    assert "$var" in vcd.read_text()


def test_require_exits_with_3_where_the_evidence_is_less(adder: Path, tmp_path: Path) -> None:
    status = run(["compile", str(adder), "-o", str(tmp_path / "b"), "--no-verify", "--require", "simulated"])
    assert status == 3


@pytest.mark.parametrize("arguments", [
    ["compile", "nothing.json"], ["compile"], ["frobnicate"], ["run", "nothing.json", "--exhaustive"],
    ["compile", str(EXAMPLE), "--target", "verilogue"], ["compile", str(EXAMPLE), "--passes", "foldd"],
    ["compile", str(EXAMPLE), "--option", "luts"], ["compile", str(EXAMPLE), "--option", "lutz=3"],
    ["compile", str(EXAMPLE), "--require", "sworn"], ["run", str(EXAMPLE)], ["verify", str(EXAMPLE), str(ROOT)],
    ["simulate", str(ROOT), "--exhaustive"], ["formats", "--schema", "nope"], ["report", str(ROOT)],
    ["convert", str(EXAMPLE), "x.unknown"],
])
def test_wrong_use_is_one_line_and_status_2(
        arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_ours_is_never_replaced(adder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years")
    assert run(["compile", str(adder), "-o", str(precious)]) == 2
    assert [p.name for p in precious.iterdir()] == ["thesis.tex"]
    for _ in range(2):  # a build of ours is replaced
        assert run(["compile", str(adder), "-o", str(tmp_path / "build")]) == 0
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_show_and_the_lists(adder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", str(adder)]) == 0
    assert capsys.readouterr().out == ADDER.replace('adder"\nfunc', 'adder"\n\nfunc')
    assert run(["show", str(adder), "--format", "stats", "--passes", "lower-to-gates"]) == 0
    assert "gates" in capsys.readouterr().out
    assert run(["show", str(adder), "--format", "dot"]) == 0
    assert capsys.readouterr().out.startswith("digraph")
    for command in ("passes", "targets", "formats", "ops", "doctor"):
        assert run([command]) == 0
        assert capsys.readouterr().out.strip()
        assert run([command, "--json"]) == 0
        json.loads(capsys.readouterr().out)
    assert run(["formats", "--schema", "btf"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"
    assert run(["--version"]) == 0


def test_the_installed_command_prints_no_traceback() -> None:
    command = [sys.executable, "-c", "from circuitc.cli import main; main()", "compile", "/nonexistent/x.aig"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_convert_goes_there_and_back(tmp_path: Path) -> None:
    source = tmp_path / "a.aag"
    source.write_text("aag 3 2 0 1 1\n2\n4\n6\n6 2 5\ni0 x\ni1 y\no0 z\n")
    assert run(["convert", str(source), str(tmp_path / "b.ccir")]) == 0
    assert run(["convert", str(tmp_path / "b.ccir"), str(tmp_path / "c.aig")]) == 0
    assert run(["verify", str(source), str(tmp_path / "c.aig")]) == 0
