"""The README tells the truth: its commands are run and print what it says; what it names is there."""

import doctest
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from circuitc.cli.entry import run
from circuitc.plugins import plugin_names

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def console_blocks() -> list[tuple[str, str]]:
    """Each `$ circuitc ...` command of the README with the output that stands below it."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_tour_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    same = doctest.OutputChecker().check_output
    blocks = [b for b in console_blocks() if b[0].startswith("circuitc ")]
    assert len(blocks) >= 3
    for command, wanted in blocks:
        capsys.readouterr()
        assert run(shlex.split(command)[1:]) == 0, command
        got = capsys.readouterr().out
        assert same(wanted, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), f"{command}\n{got}"


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    assert python_blocks()
    for block in python_blocks():
        exec(compile(block, "README.md", "exec"), {"np": np})


def test_every_format_and_target_stands_in_the_tables() -> None:
    for kind in ("format", "backend"):
        for name in plugin_names(kind):
            assert f"`{name}`" in README, f"{kind} {name}"


def test_every_file_that_is_named_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    for path in links + re.findall(r"`((?:benchmarks|docs|examples)/[\w./]+)`", README):
        assert (ROOT / path).exists(), path
    for command in ("make demo", "make test", "make lint"):
        assert command in README
