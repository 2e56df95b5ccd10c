"""The sdist, and the wheel made from it, are complete and hold nothing but circuitc."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist and the wheel from that sdist in a copy of what git tracks."""
    out = tmp_path_factory.mktemp("dist")
    copy = tmp_path_factory.mktemp("copy")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [n for n in listed.stdout.decode().split("\0") if n and (ROOT / n).exists()]
    archive = copy / "tree.tar"
    with tarfile.open(archive, "w") as tar:
        for name in names:
            tar.add(ROOT / name, name, recursive=False)
    with tarfile.open(archive) as tar:
        tar.extractall(copy / "tree", filter="tar")
    run = subprocess.run([sys.executable, "-m", "build", "--outdir", str(out), str(copy / "tree")],
                         capture_output=True, text=True, check=False)
    if run.returncode and "No matching distribution" in run.stdout + run.stderr:
        pytest.skip("no package index to build from")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return out


def test_the_wheel_holds_every_module_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = {str(p.relative_to(ROOT)) for p in (ROOT / "circuitc").rglob("*")
               if p.suffix in (".py", ".lark") or p.name == "py.typed"}
    assert tracked <= names
    assert {n.split("/")[0] for n in names if ".dist-info" not in n} == {"circuitc"}


def test_the_wheel_runs_without_the_checkout(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = ("import circuitc, circuitc.ir, sys; from circuitc.cli import main; "
               "assert 'site' in circuitc.__file__, circuitc.__file__; sys.argv = ['circuitc', 'ops']; main()")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True,
                         check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "contract" in run.stdout
