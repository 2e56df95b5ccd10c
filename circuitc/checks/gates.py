"""Lists of gates, and programs of logic in memory: rebuilt from their files and compared gate by gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from circuitc.backends.lim.bundle import OPS
from circuitc.diagnostics import Diagnostic
from circuitc.proof import Claim, Verdict

from .question import Check, Question, TooLittleEvidence, ours


def gate_list_check(check: Callable[..., Verdict]) -> Check:
    """Make the check of a target that is a list of gates: read back by Yosys and compared."""
    def claims(q: Question) -> Iterator[Claim]:
        verdict = check(q.final, q.emission.files[q.main], seconds=q.seconds, method="auto" if q.prove else "random",
                        vectors=q.vectors, proof=q.proof)
        says = "equals program.ccir" if q.final.entry.is_combinational else "computes each step as program.ccir does"
        yield q.claim(says, verdict, q.final)
    return claims


def check_lim(q: Question) -> Iterator[Claim]:
    """Play the operations, rebuild what they compute and prove that equal: a program that is not proved is no build."""
    from circuitc.proof.lim import play_program, verify_program

    rows = ours(lambda: play_program(q.final, q.emission.files))
    for module, wanted in ((q.model, q.wanted), (q.final, "program.ccir"))[:1 + (q.model is not q.final)]:
        verdict = ours(lambda module=module: verify_program(
            module, q.emission.files, seconds=q.seconds, proof=q.proof))
        claim = q.claim(f"and {OPS} compute what {wanted} does", verdict, module)
        if verdict.is_equal:
            note = "; ".join(n for n in (verdict.evidence.note, f"also played on {rows} rows of cells") if n)
            yield replace(claim, verdict=replace(verdict, evidence=replace(verdict.evidence, note=note)))
            return
    raise TooLittleEvidence(Diagnostic(f"the program was not proved equal to {q.wanted} in {q.seconds:g} s",
                                       help="give it more with --time, or take what is not checked: --no-verify"))
