"""Twenty designs in tests/files/sequential: each equals its other form and what ABC makes of it, and not its mutant.

The files say on their second line which one edit of `original` makes the mutant: `// mutant: old => new`.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from circuitc.backends.aiger import encode_binary
from circuitc.backends.gate_level import circuit_of
from circuitc.cli.entry import run as circuitc
from circuitc.formats import load
from circuitc.formats.mgvga import parse_mgvga, write_mgvga
from circuitc.ir import Module, run
from circuitc.proof import Verdict, read_verilog, verify
from circuitc.tools import find_tool, require_tool, run_tool

FOLDER = Path(__file__).resolve().parents[1] / "files" / "sequential"
FILES = sorted(FOLDER.glob("*.v"))
SCRIPTS = {"swept": "zero; scorr; dc2", "retimed": "zero; retime -M 3; strash; zero; dc2"}
pytestmark = pytest.mark.skipif(find_tool("pyosys") is None or find_tool("yosys-abc") is None,
                                reason="needs Yosys and ABC")


@cache
def read(path: Path, top: str, *, mutated: bool = False) -> Module:
    """Read a module of a file, with its edit made or not."""
    what, mutant, text = path.read_text().split("\n", 2)
    old, new = mutant.removeprefix("// mutant: ").split(" => ")
    assert what.startswith("// ")
    assert old in text.partition("endmodule")[0], "the edit is one of the first module"
    return read_verilog(text.replace(old, new, 1) if mutated else text, top)


def test_there_are_twenty_designs() -> None:
    assert len(FILES) == 20


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_design_equals_its_other_form_and_its_mutant_does_not(path: Path) -> None:
    original, again, mutant = read(path, "original"), read(path, "again"), read(path, "original", mutated=True)
    equal = verify(original, again, seconds=20)
    assert (equal.status, equal.evidence.level) == ("equal", "proved"), equal
    assert equal.evidence.solver in ("ABC pdr", "ABC scorr", "ABC dprove"), "latches do not correspond"
    check_difference(mutant, again, verify(mutant, again, seconds=20))


def check_difference(first: Module, second: Module, verdict: Verdict) -> None:
    """Run both sides on the counterexample once more, item by item through their own state."""
    example = verdict.counterexample
    assert verdict.status == "different"
    assert example is not None
    assert example.steps >= 1
    answers = []
    for module in (first, second):
        named = {**example.inputs, **example.free}
        inputs = {p.name: named[p.name][None] for p in module.entry.inputs}
        state = {r.name: example.state[r.name][None] for r in module.entry.registers if r.initial is None}
        answers.append({name: value[0] for name, value in run(module, inputs, state=state).items()})
    seen = [name for name in answers[0] if not np.array_equal(answers[0][name], answers[1][name])]
    assert seen == list(example.differing) != []


@pytest.mark.parametrize(("path", "script"), list(zip(FILES, [*SCRIPTS] * 10, strict=True)),
                         ids=lambda value: value if isinstance(value, str) else value.stem)
def test_a_design_equals_what_abc_makes_of_it(path: Path, script: str, tmp_path: Path) -> None:
    original = read(path, "original")
    if any(r.initial is None for r in original.entry.registers):
        pytest.skip("ABC takes a free register for one that begins with 0")
    optimised = by_abc(original, SCRIPTS[script], tmp_path)
    verdict = verify(original, optimised, seconds=20)
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved"), verdict


def by_abc(module: Module, script: str, folder: Path) -> Module:
    """Optimise a design with ABC; its ports keep their names, its latches do not."""
    (folder / "in.aig").write_bytes(encode_binary(circuit_of(module)))
    done = run_tool([str(require_tool("yosys-abc")), "-q", f"read_aiger in.aig; {script}; write_aiger -s out.aig"],
                    folder=folder, seconds=20)
    assert (folder / "out.aig").exists(), done.said
    return load(folder / "out.aig")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_training_pair_belongs_together_and_its_mutant_does_not(
        path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`convert design.v design.pt`, then `verify` of the two; the graph of the mutant is refuted."""
    pair = str(tmp_path / "design.pt")
    assert circuitc(["convert", str(path), pair, "--top", "original"]) == 0
    assert circuitc(["verify", str(path), pair, "--top", "original", "--time", "20"]) == 0
    assert "equal (proved" in capsys.readouterr().out
    mutant = parse_mgvga(write_mgvga(read(path, "original", mutated=True))[""], "mutant.pt")
    assert verify(read(path, "original"), mutant, seconds=20).status == "different"
