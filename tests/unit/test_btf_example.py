"""The first example: its model is what its script makes, and it prints what its page says."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "01_btf_multiplier"


def test_the_model_is_what_the_script_makes() -> None:
    made = runpy.run_path(str(FOLDER / "make_model.py"))["model_text"]()
    assert made == (FOLDER / "model.json").read_text()


def test_it_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / "run.py"))
    said = (FOLDER / "README.md").read_text().split("```")[1]
    assert capsys.readouterr().out.strip() == said.strip()
