"""Certificates: what is claimed of a build, with the evidence, as bytes that are the same for the same build."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

from circuitc.diagnostics import InternalError

from .evidence import COUNTED, LEVELS, Evidence, weakest
from .proof_file import proof_json
from .verdict import Verdict

SCHEMA = "circuitc.certificate/1"


def digest(content: bytes) -> str:
    """Give the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: `claim` says in words what holds, `artefact` which file it is about, `verdict` how that is known.

    There is no evidence of its own to fill in: it is the verdict's. `passes` tells how many passes had run when
    the program that the verdict compared with stood; the later ones lie inside the comparison and need no evidence.
    """

    claim: str
    artefact: str
    verdict: Verdict
    passes: int = 0

    @property
    def evidence(self) -> Evidence:
        """The verdict's evidence; a difference is evidence of nothing."""
        return Evidence("not_checked", note="refuted") if self.verdict.counterexample else self.verdict.evidence

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        e, v = self.evidence, self.verdict
        plain = {"claim": self.claim, "artefact": self.artefact, "subject": v.subject, "evidence": str(e),
                 "status": v.status, "method": e.method, "solver": e.solver, "reader": v.reader, "note": e.note}
        return plain | proof_json(v.proof, v.no_proof)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is claimed of a build: digests, passes with their evidence, claims about artefacts.

    It cannot claim more than was checked: a claim's evidence is that of a verdict, and a verdict counts only for
    the very bytes it was reached on. Making one with a verdict on other bytes is an InternalError.
    """

    model: str                         # SHA-256 of the model file
    artefacts: Mapping[str, str]       # file name -> SHA-256
    passes: Sequence[Mapping[str, Any]]
    claims: Sequence[Claim]
    files: Mapping[str, str] = field(default_factory=dict[str, str])  # what the model names beside it -> SHA-256

    def __post_init__(self) -> None:
        for claim in self.claims:
            found = self.artefacts.get(claim.artefact)
            if found is None:
                raise InternalError(f"the claim {claim.claim!r} is about {claim.artefact}, which is not in the build")
            if claim.verdict.evidence.level != "not_checked" and claim.verdict.artefact != found:
                raise InternalError(f"the claim {claim.claim!r} about {claim.artefact} rests on a check of other bytes")
            if not 0 <= claim.passes <= len(self.passes):
                raise InternalError(f"the claim {claim.claim!r} speaks of {claim.passes} passes of {len(self.passes)}")

    @property
    def evidence(self) -> Evidence:
        """The weakest evidence on the road from the model to the artefacts; without claims, nothing is checked.

        Approximate passes promise nothing that could be proved: they are listed with what they measured.
        """
        before = min((c.passes for c in self.claims), default=len(self.passes))
        exact = [pass_evidence(p) for p in self.passes[:before] if p["exact"] and p["changed"]]
        claimed = [c.evidence for c in self.claims] or [Evidence("not_checked")]
        return weakest([*exact, *claimed])

    def meets(self, level: str) -> bool:
        """Tell whether everything that is claimed has at least this evidence, such as `proved` or `simulated 1000`."""
        return self.evidence.meets(level)

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values: no times, nothing of the machine."""
        passes = [{key: p[key] for key in ("name", "options", "exact", "changed", "evidence")} for p in self.passes]
        return {"schema": SCHEMA, "circuitc": _own_version(),
                "model": {"sha256": self.model, "files": dict(sorted(self.files.items()))},
                "artefacts": dict(sorted(self.artefacts.items())), "passes": passes,
                "claims": [c.as_json() for c in self.claims], "evidence": str(self.evidence)}

    def to_bytes(self) -> bytes:
        """Print it: JSON with sorted keys, the same bytes for the same build."""
        return (json.dumps(self.as_json(), sort_keys=True, indent=2, allow_nan=False) + "\n").encode()


def certify(model: bytes, artefacts: Mapping[str, bytes], passes: Sequence[Mapping[str, Any]],
            claims: Sequence[Claim], files: Mapping[str, str] = MappingProxyType({})) -> Certificate:
    """Make the certificate of a build from the bytes of its files; `passes` is `module.facts["passes"]`.

    `files` are the digests of what the model names beside it, as its reader noted them.
    """
    return Certificate(digest(model), {name: digest(content) for name, content in artefacts.items()}, tuple(passes),
                       tuple(claims), files)


def pass_evidence(record: Mapping[str, Any]) -> Evidence:
    """Read the evidence that the pass runner wrote; a word that it does not know counts as nothing checked."""
    written = record["evidence"]
    level, count = str(written.get("level", "not_checked")), int(written.get("vectors", 0))
    if level not in LEVELS or (level in COUNTED and count < 1):
        return Evidence("not_checked", note=f"the pass {record['name']} says {level!r}")
    method = str(written.get("method", "")) or "interpreter"
    return Evidence(level, count if level in COUNTED else 0, method, solver="" if level != "proved" else method,
                    note=f"pass {record['name']}")


def _own_version() -> str:
    try:
        return version("circuitc")
    except PackageNotFoundError:
        return "unknown"
