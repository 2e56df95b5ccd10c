"""Each example runs, and prints what its README says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(p.parent for p in (ROOT / "examples").glob("*/run.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_example_prints_what_it_says(example: Path) -> None:
    done = subprocess.run([sys.executable, str(example / "run.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = re.search(r"```\n(.*?)```", (example / "README.md").read_text(), re.DOTALL)
    assert said is not None
    # tools say their own version, which is not ours to promise
    versions = re.compile(r"(Yosys|Glucose|CaDiCaL) [\d.]+")
    assert versions.sub(r"\1", done.stdout) == versions.sub(r"\1", said[1])


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2
