"""What a compile checks of what it made: claims, each with its evidence; nothing is claimed that was not looked at.

| target  | without --prove                                    | with --prove                                          |
|---------|----------------------------------------------------|-------------------------------------------------------|
| verilog | read back by Yosys, vectors through the netlist    | once: proved equal; clocked: each step proved, and    |
|         | (clocked: whole calls through the handshake)       | the sequencing simulated                              |
| aiger   | read back by Yosys, vectors                        | proved equal                                          |
| llvm    | the same LLVM IR run in this process on vectors    | the same: native code is tested, never proved         |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import circuitc
from circuitc.backends.base import Emission
from circuitc.build import digest
from circuitc.diagnostics import CircuitError, Diagnostic, InternalError
from circuitc.ir import Module, Netlist, run
from circuitc.passes import sample_inputs
from circuitc.verify import (
    Evidence,
    Verdict,
    parse_level,
    simulate_emitted,
    verify_emitted,
    verify_emitted_aiger,
    weakest,
)

MAX_YOSYS_GATES = 200_000  # Yosys takes about 0.2 ms and 10 KB a gate
SEQUENCES = 16             # calls of a clocked design that simulation plays, back to back and with stalls
TOLERANCE = 1e-5           # of the largest magnitude: the order of a float contraction is free


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is said of the build: what equals what, how sure that is, and who read the artefact."""

    says: str
    evidence: Evidence
    reader: str = ""
    artefact: str = ""

    def as_json(self) -> dict[str, str]:
        e = self.evidence
        parts = {"claim": self.says, "evidence": str(e), "method": e.method, "solver": e.solver, "note": e.note,
                 "reader": self.reader, "artefact_sha256": self.artefact}
        return {key: value for key, value in parts.items() if value}

    def __str__(self) -> str:
        how = ", ".join(part for part in (self.evidence.method, self.evidence.solver, self.evidence.note) if part)
        return f"{self.evidence}: {self.says}" + (f" ({how})" if how else "")


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
        return [str(claim) for claim in self.claims]

    def require(self, level: str) -> None:
        """Raise where the weakest claim is below a level."""
        parse_level(level)
        least = weakest([c.evidence for c in self.claims])
        if not least.meets(level):
            weak = next(c for c in self.claims if c.evidence == least)
            raise TooLittleEvidence(Diagnostic(f"{level} was required, but this is only {weak}"))

    def certificate(self, source: Mapping[str, str], final: Module, artefacts: Mapping[str, bytes]) -> dict[str, Any]:
        """Give what the certificate says: digests, passes with their evidence, claims. No times, no machine."""
        passes = [{key: record[key] for key in ("name", "options", "exact", "changed", "evidence")}
                  for record in final.facts.get("passes", ())]
        return {"circuitc": circuitc.__version__, "model": dict(source), "passes": passes,
                "artefacts": {name: digest(content) for name, content in sorted(artefacts.items())},
                "claims": [claim.as_json() for claim in self.claims]}


@dataclass(frozen=True, slots=True)
class Question:
    """What was made of what: `model` is the program as read (after approximate passes), `final` what was emitted."""

    model: Module
    final: Module
    emission: Emission
    prove: bool
    seconds: float
    vectors: int


def check_emission(model: Module, final: Module, emission: Emission, target: str, *, verify: bool, prove: bool,
                   seconds: float, vectors: int) -> Checked:
    """Check what a backend made; a difference raises an InternalError, for it is our fault."""
    start = time.monotonic()
    check = _CHECKS.get(target)
    if not verify:
        claims = [Claim(f"{emission.main} equals the model", Evidence("not_checked", note="switched off"))]
    elif check is None:
        claims = [Claim(f"{emission.main} equals the model", Evidence("not_checked", note=f"no check for {target}"))]
    else:
        claims = list(check(Question(model, final, emission, prove, seconds, vectors)))
    return Checked(tuple(claims), round(time.monotonic() - start, 3))


def _verilog(q: Question) -> Iterator[Claim]:
    name, func = q.emission.main, q.final.entry
    if isinstance(func.body, Netlist) and func.body.gates > MAX_YOSYS_GATES:
        note = f"{func.body.gates} gates are more than the {MAX_YOSYS_GATES} that Yosys is asked to read"
        yield Claim(f"{name} equals the model", Evidence("not_checked", note=note))
        return
    text = q.emission.files[name].decode()
    if func.is_combinational:
        yield _combinational(q, text)
        return
    if q.prove:
        verdict = verify_emitted(q.final, text, q.emission.ports, seconds=q.seconds)
        yield _of(verdict, f"{name}, {verdict.subject}, equals program.ccir")
    yield _sequencing(q, text)


def _combinational(q: Question, text: str) -> Claim:
    """Compare with the model itself where it can be lowered to gates, else with the program after the passes."""
    method, name = "auto" if q.prove else "random", q.emission.main
    try:
        verdict = verify_emitted(q.model, text, q.emission.ports, seconds=q.seconds, method=method, vectors=q.vectors)
        return _of(verdict, f"{name} equals the model")
    except CircuitError:
        if q.model is q.final:
            raise
        verdict = verify_emitted(q.final, text, q.emission.ports, seconds=q.seconds, method=method, vectors=q.vectors)
        return _of(verdict, f"{name} equals program.ccir")


def _of(verdict: Verdict, says: str) -> Claim:
    if verdict.counterexample is not None:
        raise InternalError(f"what was emitted is wrong: it does not hold that {says}; {verdict.counterexample}")
    return Claim(says, verdict.evidence, verdict.reader, verdict.artefact)


def _sequencing(q: Question, text: str) -> Claim:
    """Play whole calls through registers and handshakes, with stalls, and compare with the interpreter."""
    verdict = simulate_emitted(q.model, text, q.emission.ports, vectors=SEQUENCES)
    return _of(verdict, f"{q.emission.main} answers whole calls through its handshake as the model does")


def _compare(what: str, wanted: Mapping[str, Any], got: Mapping[str, Any], ports: Sequence[Any]) -> None:
    for port in ports:
        a, b = np.asarray(wanted[port.name]), np.asarray(got[port.name])
        if port.type.is_float:
            finite = a[np.isfinite(a)]
            scale = float(np.abs(finite).max(initial=1.0))
            same = a.shape == b.shape and np.allclose(a, b, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
        else:
            same = np.array_equal(a, b)
        if not same:
            raise InternalError(f"{what} differs from the interpreter in output {port.name}")


def _aiger(q: Question) -> Iterator[Claim]:
    content = q.emission.files[q.emission.main]
    method = "auto" if q.prove else "random"
    verdict = verify_emitted_aiger(q.final, content, seconds=q.seconds, method=method)
    yield _of(verdict, f"{q.emission.main} equals program.ccir")


def _llvm(q: Question) -> Iterator[Claim]:
    from circuitc.backends.llvm import compile_native

    func = q.final.entry
    state = any(r.initial is None for r in func.registers)
    name = q.emission.main
    if state:
        yield Claim(f"{name} equals the model", Evidence("not_checked", note="free registers"))
        return
    inputs = sample_inputs(func, q.vectors, np.random.default_rng(0))
    _compare(name, run(q.model, inputs), compile_native(q.final).run(inputs), func.results)
    yield Claim(f"the code of {name}, compiled in this process, equals the model",
                Evidence("simulated", q.vectors, method="random vectors"), "LLVM")


Check = Callable[[Question], Iterator[Claim]]
_CHECKS: dict[str, Check] = {"verilog": _verilog, "aiger": _aiger, "llvm": _llvm}

__all__ = ["Checked", "Claim", "TooLittleEvidence", "check_emission"]
