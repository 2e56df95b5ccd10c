"""Layers run one way: an import upward is a design error."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["diagnostics", "tools", "plugins", "ir", "passes", "backends", "models", "formats", "simulation", "synthesis",
          "proof", "learn", "build", "data", "checks", "driver", "crossbar", "report", "cli"]
FILES = sorted((ROOT / "circuitc").rglob("*.py"))


def layer(path: Path) -> str:
    part = path.relative_to(ROOT / "circuitc").parts[0]
    return part.removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The circuitc packages that a file imports when it is loaded (imports inside functions are lazy)."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in tree.body:
        for inner in ast.walk(node) if isinstance(node, (ast.If, ast.Try)) else [node]:
            if isinstance(inner, ast.ImportFrom) and inner.module and inner.level == 0:
                found.add(inner.module)
            elif isinstance(inner, ast.Import):
                found.update(alias.name for alias in inner.names)
    return {name.split(".")[1] for name in found if name.startswith("circuitc.")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downward(path: Path) -> None:
    own = layer(path)
    if own in ("__init__", "__main__"):   # the front door, and the command
        return
    assert own in LAYERS, f"{own} has no place among the layers"
    upward = [name for name in imports(path) if name in LAYERS and LAYERS.index(name) > LAYERS.index(own)]
    assert not upward, f"{path} imports upward: {upward}"


def test_the_check_sees_an_upward_import(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("from circuitc.cli import main\nimport circuitc.driver\n")
    assert imports(file) == {"cli", "driver"}


def test_the_three_houses_are_links_at_the_top() -> None:
    for name in ("ir", "passes", "backends"):
        assert (ROOT / name).is_symlink()
        assert (ROOT / name).resolve() == ROOT / "circuitc" / name


def test_nothing_mentions_what_is_not_in_the_repository() -> None:
    for path in [*FILES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*")]:
        if path.is_file():
            text = path.read_text(errors="replace")
            assert "../shared" not in text, path
            assert "/work/" not in text, path
