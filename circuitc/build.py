"""A build: what a compile made, as files in a folder that is written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from circuitc.diagnostics import error
from circuitc.ir import Module
from circuitc.proof import Certificate, Proof
from circuitc.proof.certificate import SCHEMA

MARK = "certificate.json"  # the file whose first key tells that a folder is a build of ours


@dataclass(frozen=True)
class Build:
    """What a compile answers: the program that was emitted, and the artefacts by file name.

    `files` maps `verilog`, `testbench`, `certificate`, ... to paths where the build was written, else to file names.
    `proof` is there where a proof file was asked for and found, else `no_proof` says why not.
    """

    module: Module
    target: str
    artefacts: Mapping[str, bytes]
    main: str
    ports: Mapping[str, Any]
    report: Mapping[str, Any]
    certificate: Certificate
    folder: Path | None = None
    summary: tuple[str, ...] = field(default=(), compare=False)
    proof: Proof | None = field(default=None, compare=False)
    no_proof: str = field(default="", compare=False)

    @property
    def files(self) -> dict[str, Path]:
        """Artefacts by role: the target's name is the main file, the others go by their stem and ending."""
        place = self.folder or Path()
        named = {name: place / name for name in self.artefacts}
        return {self.target: place / self.main, "certificate": place / MARK, **named}


def json_bytes(value: Any) -> bytes:
    """Print JSON the one way: sorted keys, two spaces, a line at the end."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, default=str) + "\n").encode()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put files into a folder all at once: an interrupted write leaves the previous build, or nothing.

    A folder that is there already is replaced only where it holds a build of ours (or nothing at all).
    """
    refuse_foreign(folder)
    parent = folder.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=parent))
    except OSError as e:
        raise error(f"{folder}: {e.strerror or e}") from None
    try:
        for name, content in files.items():
            assert Path(name).name == name, "a build is flat"
            (fresh / name).write_bytes(content)
        fresh.chmod(0o755)
        _swap(fresh, folder.absolute())
    except OSError as e:
        raise error(f"{folder}: {e.strerror or e}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, folder: Path) -> None:
    old = fresh.with_name(fresh.name + ".old")
    if folder.exists():
        os.rename(folder, old)
    try:
        os.rename(fresh, folder)
    except OSError:
        if old.exists():
            os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def refuse_foreign(folder: Path) -> None:
    """Refuse to write over anything that is not a build of ours; ask before long work starts."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise error(f"{folder}: is a file, not a folder", help="choose another -o")
    if any(folder.iterdir()) and not is_build(folder):
        raise error(f"{folder}: holds something that is not a build of circuitc", help="choose another -o, or empty it")


def is_build(folder: Path) -> bool:
    """Tell whether a folder holds a build of ours."""
    try:
        return json.loads((folder / MARK).read_text()).get("schema") == SCHEMA
    except (OSError, ValueError, AttributeError):
        return False


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read one of a build's JSON files."""
    try:
        value = json.loads((folder / name).read_text())
    except (OSError, ValueError) as e:
        raise error(f"{folder / name}: {e}") from None
    if not isinstance(value, dict):
        raise error(f"{folder / name}: is not a JSON object")
    return value
