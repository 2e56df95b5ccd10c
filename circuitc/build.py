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

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Module
from circuitc.proof import Certificate, Proof
from circuitc.proof.certificate import SCHEMA, digest

REPORT = "report.json"
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
    folder = Path(os.path.realpath(folder))  # a link to a folder stays, what it leads to is replaced
    parent = folder.parent
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
        _swap(fresh, folder)
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
    present = {path.name for path in folder.iterdir()}
    if present and not is_build(folder):
        raise error(f"{folder}: holds something that is not a build of circuitc", help="choose another -o, or empty it")
    foreign = sorted(present - own_files(folder)) if present else []
    if foreign:
        raise error(f"{folder}: holds {foreign[0]!r}, which is not of the build there and would be lost",
                    help="move it away, or choose another -o")


def is_build(folder: Path) -> bool:
    """Tell whether a folder holds a build of ours."""
    try:
        return read_json(folder, MARK).get("schema") == SCHEMA
    except CircuitError:
        return False


def own_files(folder: Path) -> set[str]:
    """Name the files that belong to the build in a folder: what its certificate lists, proofs too, and the reports."""
    certificate = read_json(folder, MARK)
    listed, claims = certificate.get("artefacts"), certificate.get("claims")
    proofs = [claim.get("proof") for claim in claims if isinstance(claim, dict)] if isinstance(claims, list) else []
    written = [str(p[key]) for p in proofs if isinstance(p, dict) for key in ("file", "cnf") if key in p]
    return {MARK, REPORT, *(listed if isinstance(listed, dict) else ()), *written}


def memory_files(folder: Path, ports: Mapping[str, Any]) -> dict[str, bytes]:
    """Read the contents of memories that a build's Verilog names, as its port map lists them."""
    found: dict[str, bytes] = {}
    for name in map(str, ports.get("memories", ())):
        if Path(name).name != name or not (folder / name).is_file():
            raise error(f"{folder / 'ports.json'}: names the memory {name!r}, which is no file of the build")
        found[name] = (folder / name).read_bytes()
    return found


def changed_files(folder: Path) -> list[str]:
    """Name the artefacts of a build that are not what its certificate was given for: changed, or gone."""
    listed = read_json(folder, MARK).get("artefacts")
    if not isinstance(listed, dict) or not listed:
        raise error(f"{folder / MARK}: lists no artefacts, so it is no certificate")
    return sorted(str(name) for name, wanted in listed.items() if _digest(folder / str(name)) != wanted)


def _digest(path: Path) -> str:
    try:
        return digest(path.read_bytes()) if path.is_file() else ""
    except OSError:
        return ""


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read one of a build's JSON files."""
    path = folder / name
    if not path.is_file():
        raise error(f"{folder}: is not a build of circuitc (it has no file {name})")
    try:
        value = json.loads(path.read_text())
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except (ValueError, RecursionError):
        raise error(f"{path}: is not JSON") from None
    if not isinstance(value, dict):
        raise error(f"{path}: is not a JSON object")
    return value
