"""Programs before and after a pass: `tests/files/passes/*.ccir`, first line `// test: pass NAME`, then `// becomes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitc.ir import Module, parse_module, print_module
from circuitc.passes import Pipeline, parse_pipeline, run_passes

FILES = sorted((Path(__file__).resolve().parents[1] / "files" / "passes").glob("*.ccir"))


def read(path: Path) -> tuple[Pipeline, Module, str]:
    text = path.read_text()
    verb = text.splitlines()[0]
    assert verb.startswith("// test: pass "), f"{path.name} starts with its verb"
    before, _, after = text.partition("// becomes\n")
    return parse_pipeline(verb.removeprefix("// test: pass ")), parse_module(before), after


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_program_becomes(path: Path) -> None:
    pipeline, before, expected = read(path)
    after = run_passes(before, pipeline)
    assert print_module(after).strip() == expected.strip()
    assert after.facts["passes"][0]["changed"]
    assert after.facts["passes"][0]["evidence"]["level"] in ("proved", "exhausted", "simulated")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_it_became_stays(path: Path) -> None:
    pipeline, _, expected = read(path)
    program = parse_module(expected)
    after = run_passes(program, pipeline)
    assert not after.facts["passes"][0]["changed"]
    assert all(after.funcs[name] is func for name, func in program.funcs.items())
