"""What a check is asked, and what it answers: claims about the files of a build, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from circuitc.backends.base import Emission
from circuitc.diagnostics import CircuitError, Diagnostic, InternalError
from circuitc.ir import Module
from circuitc.proof import Certificate, Claim, Evidence, Proof, Verdict, certify, parse_level

Answer = TypeVar("Answer")


class TooLittleEvidence(CircuitError):
    """Less is known than `--require` asked for; exit status 3."""

    exit_status = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """All claims about a build, and how long finding out took."""

    claims: tuple[Claim, ...]
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """Say each claim in a line."""
        return [_line(claim) for claim in self.claims]

    @property
    def proof(self) -> Proof | None:
        """The clausal proof that came with a verdict, where one was wanted and found."""
        return next((c.verdict.proof for c in self.claims if c.verdict.proof is not None), None)

    @property
    def no_proof(self) -> str:
        """Why there is no clausal proof, where one was wanted."""
        reasons = [c.verdict.no_proof for c in self.claims if c.verdict.no_proof]
        if self.proof is not None:
            return ""
        return "; ".join(reasons) or "nothing was compared gate by gate"

    def certificate(self, model: bytes, artefacts: Mapping[str, bytes], final: Module) -> Certificate:
        """Make the certificate of a build from the bytes of its files."""
        return certify(model, artefacts, final.facts.get("passes", ()), self.claims, final.facts.get("files", {}))


def require(certificate: Certificate, level: str) -> None:
    """Raise where the weakest evidence on the road from the model to the artefacts is below a level."""
    parse_level(level)
    if not certificate.meets(level):
        weak = certificate.evidence
        note = f" ({weak.note})" if weak.note else ""
        raise TooLittleEvidence(Diagnostic(f"{level} was required, but the evidence is only {weak}{note}"))


def _line(claim: Claim) -> str:
    e = claim.evidence
    how = ", ".join(part for part in (e.method, e.solver, e.note, claim.verdict.reader) if part)
    return f"{e}: {claim.claim}" + (f" ({how})" if how else "")


@dataclass(frozen=True, slots=True)
class Question:
    """What was made of what: `model` is the program as read (after approximate passes), `final` what was emitted."""

    model: Module
    final: Module
    emission: Emission
    prove: bool
    seconds: float
    vectors: int
    proof: str = ""    # the name of the proof's file, where one is wanted

    @property
    def main(self) -> str:
        return self.emission.main

    @property
    def memories(self) -> Mapping[str, bytes]:
        """The contents of memories that emitted Verilog names."""
        return {name: self.emission.files[name] for name in self.emission.ports.get("memories", ())}

    @property
    def wanted(self) -> str:
        """Name what the artefact is held to: the model, and by what it was approximated, if it was."""
        inexact = [p["name"] for p in self.model.facts.get("passes", ()) if not p["exact"] and p["changed"]]
        return "the model" + (f" as approximated by {', '.join(inexact)}" if inexact else "")

    def claim(self, says: str, verdict: Verdict, of: Module) -> Claim:
        """Claim what a verdict found about the main artefact and a program; a difference is our fault."""
        if verdict.counterexample is not None:
            raise InternalError(f"what was emitted is wrong: {verdict.subject} does not do what it should "
                                f"{verdict.counterexample}")
        return Claim(f"{self.main} {says}", self.main, verdict, len(of.facts.get("passes", ())))

    def unchecked(self, why: str) -> Claim:
        """Claim nothing, and say why."""
        verdict = Verdict("unknown", Evidence("not_checked", note=why))
        return self.claim(f"equals {self.wanted}", verdict, self.final)


Check = Callable[[Question], Iterator[Claim]]


def ours(check: Callable[[], Answer]) -> Answer:
    """Take what a check finds wrong with what was just made for our own fault."""
    try:
        return check()
    except CircuitError as e:
        raise InternalError(f"what was emitted is wrong: {e.diagnostics[0].message}") from e
