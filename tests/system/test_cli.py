"""The command line as a user meets it: exit statuses, one-line errors, JSON, atomic output."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from circuitc.cli.entry import run

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


STREAM = """ccir 1 "average"
func @average(%x: u8) -> (%mean: u8, %last: u8 {rate=call}) stream {
  reg %old : u8 = 0
  %sum = add %x, %old : u9
  %half = shift %sum {by=-1} : ufx<9,1>
  %mean = requantize %half {rounding=floor} : u8
  next %old = %x
  return %mean, %mean
}
"""


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    path = tmp_path / "average.ccir"
    path.write_text(STREAM)
    return path


def test_a_port_with_one_value_a_call_is_not_one_with_a_value_each_step(
        stream: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.ccir"
    other.write_text(STREAM.replace(" {rate=call}", ""))
    assert run(["verify", str(stream), str(other)]) == 2
    assert "output last has a value each call in the first side and each step" in capsys.readouterr().err


def test_registers_free_in_the_second_side_only_are_shown(
        stream: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.ccir"
    other.write_text(STREAM.replace("%old : u8 = 0", "%old : u8 = free"))
    for pair in ([stream, other], [other, stream]):
        assert run(["verify", *map(str, pair)]) == 1
        assert "old=" in capsys.readouterr().out


def test_same_bits_of_other_types_are_called_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, kind in (("u", "u8"), ("i", "i8")):
        text = f"func @m(%a: {kind}) -> (%y: {kind}) once {{\n  return %a\n}}\n"
        (tmp_path / f"{name}.ccir").write_text(text)
    assert run(["verify", str(tmp_path / "u.ccir"), str(tmp_path / "i.ccir")]) == 0
    assert "types or encodings of a, y differ" in capsys.readouterr().out


def test_a_clocked_build_is_verified_again_step_by_step(stream: Path, tmp_path: Path) -> None:
    out = tmp_path / "build"
    assert run(["compile", str(stream), "-o", str(out)]) == 0
    assert run(["verify", str(stream), str(out)]) == 0
    assert run(["verify", str(stream), str(out / "average.v")]) == 0
    wrong = tmp_path / "wrong.ccir"
    wrong.write_text(STREAM.replace("rounding=floor", "rounding=nearest_even"))
    assert run(["verify", str(wrong), str(out)]) == 1


def test_a_build_that_was_changed_is_vouched_for_no_more(
        adder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "build"
    assert run(["compile", str(adder), "-o", str(out), "--prove"]) == 0
    (out / "adder.v").write_text((out / "adder.v").read_text().replace("+", "-"))
    capsys.readouterr()
    assert run(["report", str(out)]) == 1
    assert "adder.v changed since the certificate was given" in capsys.readouterr().out
    assert run(["simulate", str(out), "--exhaustive"]) == 2
    (out / "certificate.json").write_text("[" * 100_000)
    assert run(["report", str(out)]) == 2
    assert run(["compile", str(adder), "-o", str(out)]) == 2


def test_files_of_the_user_in_a_build_are_never_lost(adder: Path, tmp_path: Path) -> None:
    out = tmp_path / "build"
    assert run(["compile", str(adder), "-o", str(out)]) == 0
    (out / "synth").mkdir()
    assert run(["compile", str(adder), "-o", str(out)]) == 2
    assert (out / "synth").is_dir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    assert run(["compile", str(adder), "-o", str(link)]) == 0
    assert link.is_symlink()
    assert (tmp_path / "real" / "adder.v").is_file()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_and_a_closed_pipe_are_no_bugs(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'from circuitc.cli import main; main()' ops"
    full = subprocess.run(f"{command} > /dev/full", shell=True, capture_output=True, text=True, check=False)
    assert (full.returncode, full.stderr.count("\n")) == (2, 1)
    piped = subprocess.run(["bash", "-c", f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}"], capture_output=True,
                           text=True, check=False)
    assert (piped.returncode, piped.stderr) == (0, "")


@pytest.mark.parametrize("more", [["--time", "-1"], ["--time", "nan"], ["--prove", "--no-verify"]])
def test_wishes_that_make_no_sense_are_refused(adder: Path, tmp_path: Path, more: list[str]) -> None:
    assert run(["compile", str(adder), "-o", str(tmp_path / "b"), *more]) == 2
    assert not (tmp_path / "b").exists()
