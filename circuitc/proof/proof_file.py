"""A proof that anyone can check: the clauses of a miter, and a clausal refutation of them, as two files.

Nothing of ours is needed to check it: any DRUP or DRAT checker takes them.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitc.diagnostics import error
from circuitc.formats.files import write_files

FORMAT = "DRUP"


@dataclass(frozen=True, slots=True)
class Proof:
    """A refutation of the claim that two sides differ: `cnf` in DIMACS, `steps` in DRUP, and how many lines it has.

    `name` is what its file will be called; the clauses go beside it as `NAME.cnf`.
    """

    name: str
    cnf: bytes
    steps: bytes
    lines: int

    @property
    def cnf_name(self) -> str:
        return f"{self.name}.cnf"

    def as_json(self) -> dict[str, Any]:
        """Name both files with their digests."""
        return {"file": self.name, "sha256": hashlib.sha256(self.steps).hexdigest(), "format": FORMAT,
                "lines": self.lines, "cnf": self.cnf_name, "cnf_sha256": hashlib.sha256(self.cnf).hexdigest()}

    def __str__(self) -> str:
        return f"{self.name} ({FORMAT}, {self.lines} lines) refutes {self.cnf_name}"


def proof_json(proof: Proof | None, no_proof: str) -> dict[str, Any]:
    """Give a wanted proof, or why there is none, as plain values; nothing where none was wanted."""
    if proof is None:
        return {"proof": None, "no_proof": no_proof} if no_proof else {}
    return {"proof": proof.as_json()}


def refuse_unwritable_proof(path: Path, fresh: Path | None = None) -> None:
    """Refuse a path that a proof and its clauses cannot be written to; the folder `fresh` is still to come."""
    for target in (path, path.parent / f"{path.name}.cnf"):
        refuse_unwritable(target, fresh)


def refuse_unwritable(path: Path, fresh: Path | None = None) -> None:
    """Refuse a path that no file can be written to; ask before long work starts."""
    if path.is_dir():
        raise error(f"{path}: is a directory", help="name a file")
    if not path.name.isprintable():
        raise error(f"{str(path)!r} is not a file name")
    if fresh is not None and path.parent.absolute() == fresh.absolute():
        return
    if not path.parent.is_dir():
        raise error(f"{path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise error(f"{path}: the folder {path.parent} cannot be written to")


def write_proof(path: Path, proof: Proof) -> None:
    """Write a proof and the clauses that it refutes, both or neither."""
    write_files({path: proof.steps, path.with_name(proof.cnf_name): proof.cnf})


def proof_line(proof: Proof | None, no_proof: str) -> str:
    """Say which proof there is, or why there is none."""
    return f"proof: {proof}" if proof is not None else f"no proof file: {no_proof}"
