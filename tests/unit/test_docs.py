"""What the pages say is true: their Python runs, their programs verify, their links lead somewhere."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from circuitc.ir import OPS, parse_module, print_module, verify_module
from circuitc.plugins import BACKENDS, FORMATS, PASSES, load_plugin

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


@pytest.mark.parametrize("page", [p for p in DOCS if blocks(p, "python")], ids=lambda p: p.name)
def test_python_runs(page: Path) -> None:
    """The blocks of a page are one program, run from the top of the repository."""
    program = "\n".join(blocks(page, "python"))
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "text"), [(p, t) for p in PAGES for t in blocks(p, "ccir")],
                         ids=lambda v: v.name if isinstance(v, Path) else "")
def test_programs_verify_and_read_back(page: Path, text: str) -> None:
    module = parse_module(text, page.name)
    verify_module(module)
    printed = print_module(module)
    assert print_module(parse_module(printed)) == printed


def test_the_error_that_a_page_shows_is_the_error_that_is_given() -> None:
    shown = next(t for t in blocks(ROOT / "docs" / "text-form.md", "text") if "there is no op addd" in t)
    golden = (ROOT / "tests" / "files" / "errors" / "unknown_op.ccir").read_text().split("// says\n")[1]
    said = "".join(line.removeprefix("// ") for line in golden.splitlines(keepends=True))
    assert shown.split(": ", 1)[1] == said.split(": ", 1)[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_page_of_ops_is_current() -> None:
    make = runpy.run_path(str(ROOT / "docs" / "make_ops.py"))
    assert set(make["EXAMPLES"]) == set(OPS), "docs/make_ops.py has an example of each op"
    assert make["page"]() == (ROOT / "docs" / "ops.md").read_text(), "run docs/make_ops.py"


def test_every_format_pass_and_target_is_told_of() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    for name in (*PASSES, *BACKENDS):
        assert f"`{name}`" in changes
    page = (ROOT / "docs" / "formats.md").read_text()
    for name in FORMATS:
        assert all(f"`{ending}`" in page or ending == ".json" for ending in load_plugin("format", name).endings)
