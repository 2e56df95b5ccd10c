"""What a compile checks of what it made: claims, each with its evidence; nothing is claimed that was not looked at.

| target  | without --prove                                    | with --prove                                          |
|---------|----------------------------------------------------|-------------------------------------------------------|
| verilog | read back by Yosys (*), vectors through the gates  | once: proved equal; clocked: each step proved, and    |
|         | (clocked: whole calls through the handshake)       | the sequencing simulated                              |
|         | (pipelined: both)                                  | pipelined: the whole module proved, and simulated     |
| aiger   | read back by Yosys, vectors                        | proved equal                                          |
| llvm    | the shared library run in this process on vectors  | the same: native code is tested, never proved         |
| crossbar| the regions rebuilt from the table of devices: proved equal; with `certify`, worst cases worked out again  |
| lim     | operations played on cells, the function rebuilt from them and proved equal; else there is no build        |

(*) more than 200,000 lines: by our own streaming reader of gates. More than MAX_TABLE_ENTRIES
entries of tables, and no proof: vectors in Icarus, where it is installed.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from circuitc.backends.base import Emission
from circuitc.backends.crossbar.driven import NATIVE_PORTS, PROGRAM
from circuitc.backends.lim.bundle import OPS
from circuitc.diagnostics import CircuitError, Diagnostic, InternalError
from circuitc.ir import Func, Graph, Module, parse_module, random_raw, run
from circuitc.passes import check_exact, sample_inputs
from circuitc.passes.check import FED_BACK_STEPS, comparable, fed_back
from circuitc.proof import (
    Certificate,
    Claim,
    Evidence,
    Proof,
    Verdict,
    certify,
    parse_level,
    simulate_emitted,
    verify_emitted,
    verify_emitted_aiger,
    verify_emitted_blif,
    verify_pipeline,
)
from circuitc.proof.certificate import digest
from circuitc.proof.emitted import MAX_YOSYS_LINES
from circuitc.tools import ToolTimeout, find_tool, tool_version

MAX_CALLS = 10_000         # of a clocked design that simulation plays, with stalls; each is several cycles
MAX_PLAYED = 100           # of a design with models of tiles in it, which has some thousand sums
MAX_TABLE_ENTRIES = 500    # that Yosys reads, each some 7 ms: the softmax of four numbers, 3,300 of them, took it 25 s
TOLERANCE = 1e-5           # of the largest magnitude: the order of a float contraction is free

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


def check_emission(model: Module, final: Module, emission: Emission, target: str, *, verify: bool, prove: bool,
                   seconds: float, vectors: int, proof: str = "") -> Checked:
    """Check what a backend made; a difference raises an InternalError, for it is our fault.

    With `proof`, a file name, the comparison that is proved comes with a clausal proof.
    """
    start = time.monotonic()
    question = Question(model, final, emission, prove, seconds, vectors, proof)
    check = _CHECKS.get(target, lambda q: iter([q.unchecked(f"there is no check for {target}")]))
    claims = tuple(check(question)) if verify else (question.unchecked("switched off"),)
    return Checked(claims, round(time.monotonic() - start, 3))


def _verilog(q: Question) -> Iterator[Claim]:
    func = q.final.entry
    text = q.emission.files[q.main].decode()
    if func.is_combinational and q.emission.ports["latency"]:
        yield from _pipeline(q, text)
        return
    if func.is_combinational:
        yield _combinational(q, text)
        return
    if q.prove:
        verdict = verify_emitted(q.final, text, q.emission.ports, seconds=q.seconds, proof=q.proof,
                                 files=q.memories)
        yield q.claim("computes each step as program.ccir does", verdict, q.final)
    verdict = simulate_emitted(q.final, text, q.emission.ports, vectors=min(q.vectors, MAX_CALLS), files=q.memories)
    yield q.claim("answers whole calls through its handshake as program.ccir does", verdict, q.final)


def _pipeline(q: Question, text: str) -> Iterator[Claim]:
    """Show the pipeline to be one and compare what it computes; play its handshake too."""
    if text.count("\n") > MAX_YOSYS_LINES:
        yield q.unchecked(f"Yosys is not asked to read more than {MAX_YOSYS_LINES} lines")
        return
    yield _combinational(q, text, verify_pipeline, f", {_cycles(q)} later")
    verdict = simulate_emitted(q.final, text, q.emission.ports, vectors=min(q.vectors, MAX_CALLS), files=q.memories)
    yield q.claim("answers whole calls through its handshake as program.ccir does", verdict, q.final)


def _cycles(q: Question) -> str:
    count = q.emission.ports["latency"]
    return f"{count} cycle{'' if count == 1 else 's'}"


def _combinational(q: Question, text: str, check: Callable[..., Verdict] = verify_emitted, later: str = "") -> Claim:
    """Compare with the model itself where it can be lowered to gates, else with the program after the passes."""
    tables = check is verify_emitted and not q.prove and _table_entries(text) > MAX_TABLE_ENTRIES
    if tables and tool_version("iverilog"):
        verdict = simulate_emitted(q.final, text, q.emission.ports, vectors=min(q.vectors, MAX_CALLS), engine="icarus",
                                   files=q.memories)
        return q.claim("answers as program.ccir does", verdict, q.final)
    method = "auto" if q.prove else "random"
    options: dict[str, Any] = {"seconds": q.seconds, "method": method, "vectors": q.vectors, "proof": q.proof}
    try:
        if _has_floats(q.model) and q.model is not q.final:
            raise CircuitError(Diagnostic("floats have no gates"))  # known before the long reading of the Verilog
        return q.claim(f"equals {q.wanted}{later}", check(q.model, text, q.emission.ports, **options), q.model)
    except CircuitError:
        if q.model is q.final:
            raise
    return q.claim(f"equals program.ccir{later}", check(q.final, text, q.emission.ports, **options), q.final)


def _table_entries(text: str) -> int:
    """Count the entries of tables as often as they are called: Yosys makes each a comparator and a choice."""
    found = 0
    for name, body in re.findall(r"\bfunction \[[^;]*\] (\w+);(.*?)\bendfunction", text, re.DOTALL):
        found += body.count(f": {name} = ") * text.count(f"{name}(")
    return found


def _has_floats(module: Module) -> bool:
    bodies = (f.body for f in module.funcs.values() if isinstance(f.body, Graph))
    return any(n.type.is_float for body in bodies for n in body.nodes)


def _gate_list(check: Callable[..., Verdict]) -> Check:
    """Make the check of a target that is a list of gates: read back by Yosys and compared."""
    def claims(q: Question) -> Iterator[Claim]:
        verdict = check(q.final, q.emission.files[q.main], seconds=q.seconds, method="auto" if q.prove else "random",
                        vectors=q.vectors, proof=q.proof)
        says = "equals program.ccir" if q.final.entry.is_combinational else "computes each step as program.ccir does"
        yield q.claim(says, verdict, q.final)
    return claims


def _llvm(q: Question) -> Iterator[Claim]:
    """Run the emitted shared library in this process on vectors, and compare with the interpreter."""
    name = next((n for n in q.emission.files if n.endswith(".so")), "")
    if not name:
        yield q.unchecked("there was no C compiler to link the object file with")
        return
    yield from _library(q, name, q.final, q.emission.ports)


def _library(q: Question, name: str, called: Module, ports: Mapping[str, Any]) -> Iterator[Claim]:
    """Call a shared library that was made of `called`, which has the ports of the program."""
    from circuitc.backends.llvm import load_library

    func, rng = q.final.entry, np.random.default_rng(0)
    inputs = sample_inputs(func, q.vectors, rng)
    state = {r.name: random_raw(r.type, q.vectors, rng) for r in func.registers if r.initial is None}
    try:
        wanted = run(q.final, inputs, state=state)
    except CircuitError as e:
        yield q.unchecked(f"the interpreter stops: {e.diagnostics[0].message}")
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(q.emission.files[name])
        native = load_library(Path(folder) / name, called, ports)
        _compare(name, wanted, native.run(inputs, state=state), func)
    part = f", outputs of steps on the first {FED_BACK_STEPS} (floats are fed back)" if fed_back(func) else ""
    verdict = Verdict("unknown", Evidence("simulated", q.vectors, f"random vectors{part}"), reader="this process",
                      artefact=digest(q.emission.files[name]))
    yield Claim(f"{name} answers calls as program.ccir does", name, verdict, len(q.final.facts.get("passes", ())))


def _compare(what: str, wanted: Mapping[str, Any], got: Mapping[str, Any], func: Func) -> None:
    for port in func.results:
        a, b = (comparable(func, port, np.asarray(values[port.name])) for values in (wanted, got))
        if port.type.is_float:
            scale = float(np.abs(a[np.isfinite(a)]).max(initial=1.0))
            same = a.shape == b.shape and np.allclose(a, b, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
        else:
            same = np.array_equal(a, b)
        if not same:
            raise InternalError(f"{what} differs from the interpreter in output {port.name}")


def _crossbar(q: Question) -> Iterator[Claim]:
    """Rebuild the regions from the table of devices; where certificates were asked for, solve the tiles again."""
    from circuitc.proof.crossbar import certify_bundle, verify_bundle

    figures = q.emission.figures
    if figures["wrong_weights"]:
        yield q.unchecked(f"bad devices leave weights wrong by {figures['wrong_weights']} in all")
    else:
        verdict = _ours(lambda: verify_bundle(q.final, q.emission.files))
        yield q.claim("and its table hold the regions of program.ccir", verdict, q.final)
    if not figures["wrong_weights"] and PROGRAM in q.emission.files:
        yield from _periphery(q)
    if kind := figures.get("certify"):
        verdict = _ours(lambda: certify_bundle(q.emission.files, kind))
        yield q.claim(f"reads every output right ({_CERTIFIED[kind]})", verdict, q.final)


def _lim(q: Question) -> Iterator[Claim]:
    """Play the operations, rebuild what they compute and prove that equal: a program that is not proved is no build."""
    from circuitc.proof.lim import play_program, verify_program

    rows = _ours(lambda: play_program(q.final, q.emission.files))
    for module, wanted in ((q.model, q.wanted), (q.final, "program.ccir"))[:1 + (q.model is not q.final)]:
        verdict = _ours(lambda module=module: verify_program(
            module, q.emission.files, seconds=q.seconds, proof=q.proof))
        claim = q.claim(f"and {OPS} compute what {wanted} does", verdict, module)
        if verdict.is_equal:
            note = "; ".join(n for n in (verdict.evidence.note, f"also played on {rows} rows of cells") if n)
            yield replace(claim, verdict=replace(verdict, evidence=replace(verdict.evidence, note=note)))
            return
    raise TooLittleEvidence(Diagnostic(f"the program was not proved equal to {q.wanted} in {q.seconds:g} s",
                                       help="give it more with --time, or take what is not checked: --no-verify"))


def _periphery(q: Question) -> Iterator[Claim]:
    """Compare the digital side, with its models of the tiles, with the program: as Verilog and as native code."""
    files, name = q.emission.files, str(q.emission.figures["periphery"])
    driven = parse_module(files[PROGRAM].decode(), PROGRAM)
    method = "auto" if q.prove else "random"
    same = q.final.entry.schedule == driven.entry.schedule
    against = q.final if same else driven
    verify_text = partial(verify_emitted, against, seconds=q.seconds, method=method, vectors=q.vectors)
    shown: list[tuple[str, Callable[[str, Mapping[str, Any]], Verdict]]] = []
    if same:
        shown.append(("and its models of the tiles compute what program.ccir does", verify_text))
    else:
        yield _claim_of(q, PROGRAM, "answers calls as program.ccir does", _interpreted(q, driven))
        if q.prove:
            shown.append(("computes each step as periphery.ccir does", verify_text))
        shown.append(("answers whole calls as periphery.ccir does", partial(_played, driven, vectors=q.vectors)))
    for says, check in shown if name in files else ():
        try:
            verdict = check(files[name].decode(), q.emission.ports)
        except ToolTimeout as e:
            verdict = Verdict("unknown", Evidence("not_checked", note=e.diagnostics[0].message))
        yield _claim_of(q, name, says, verdict)
    library = next((n for n in files if n.endswith(".so")), "")
    if library:
        yield from _library(q, library, driven, json.loads(files[NATIVE_PORTS]))


def _interpreted(q: Question, driven: Module) -> Verdict:
    """Run the program and its driven form on the same vectors."""
    try:
        found = check_exact(q.final, driven, vectors=q.vectors)
    except InternalError as e:
        raise InternalError(f"what was emitted is wrong: {e}") from e
    evidence = Evidence(found["level"], found.get("vectors", 0), "interpreter", note=found.get("reason", ""))
    return Verdict("equal" if evidence.is_complete else "unknown", evidence, artefact=digest(q.emission.files[PROGRAM]))


def _played(module: Module, text: str, ports: Mapping[str, Any], *, vectors: int) -> Verdict:
    engine = "icarus" if find_tool("iverilog") is not None and find_tool("vvp") is not None else "yosys"
    return simulate_emitted(module, text, ports, vectors=min(vectors, MAX_PLAYED), engine=engine)


def _claim_of(q: Question, name: str, says: str, verdict: Verdict) -> Claim:
    """Claim something of a file that is not the main one."""
    same = q.claim(says, verdict, q.final)
    return replace(same, claim=f"{name} {says}", artefact=name)


_CERTIFIED = {"nominal": "conductances on target", "window": "conductances anywhere in their windows"}


def _ours(check: Callable[[], Answer]) -> Answer:
    """Take what a check finds wrong with what was just made for our own fault."""
    try:
        return check()
    except CircuitError as e:
        raise InternalError(f"what was emitted is wrong: {e.diagnostics[0].message}") from e


_CHECKS: dict[str, Check] = {"verilog": _verilog, "aiger": _gate_list(verify_emitted_aiger),
                             "blif": _gate_list(verify_emitted_blif), "llvm": _llvm, "crossbar": _crossbar,
                             "lim": _lim}
