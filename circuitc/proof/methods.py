"""The methods that decide a question: SAT sweeping, ABC, all patterns, and the order in which `auto` tries them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from circuitc.diagnostics import error
from circuitc.tools import find_tool

from .abc import ABC_NAME, abc_proves
from .evidence import Evidence
from .exhaustive import MAX_EXHAUSTIVE_BITS, try_all, try_cones
from .layout import Pattern
from .question import Question
from .sequential import SEQUENTIAL
from .sweep import SOLVER, SOLVER_NAMES, sweep

METHODS = ("auto", "sat", "abc", "exhaustive", "random", *SEQUENTIAL)
LITTLE_WORK = 1 << 34       # nodes times patterns that take a second or two, where SAT might take a minute
SHORT_PATIENCE = 10_000     # conflicts, about a second, before all patterns are tried
SAT_SHARE = 0.6  # of the time that is left, in `auto`


@dataclass(frozen=True, slots=True)
class Found:
    """What a method found: `evidence` that all pairs are equal, or a `pattern` that tells one apart, or neither."""

    evidence: Evidence | None = None
    pattern: Pattern | None = None
    method: str = ""
    solver: str = ""
    open: tuple[int, ...] = ()   # the pairs that are undecided, by number; all others are equal


def solve(question: Question, method: str, deadline: float, seed: int) -> Found:
    """Decide a question by a method other than `random`, until the clock reaches `deadline`."""
    if all(a == b for a, b in question.pairs):
        return Found(Evidence("proved", method="structural hashing"))
    match method:
        case "sat" | "scorr" | "dsec" | "pdr" | "bmc":  # without registers there are no steps to look through
            return by_sat(question, deadline, seed)
        case "abc":
            return by_abc(question, deadline, seed)
        case "exhaustive":
            return by_exhaustion(question, deadline)
        case _:
            return _by_all(question, deadline, seed)


def _by_all(question: Question, deadline: float, seed: int) -> Found:
    """Try SAT, then for each output that is open all patterns where its inputs are few, else ABC.

    Where all patterns are little work, SAT gives up early. Both limits count work, so that the answer, and with it the
    certificate, is the same on every machine.
    """
    bits = len(question.network.inputs)
    if bits <= MAX_EXHAUSTIVE_BITS and question.network.nodes << bits <= LITTLE_WORK:
        found = by_sat(question, deadline, seed, SHORT_PATIENCE)
        return found if found.evidence or found.pattern is not None else by_exhaustion(question, deadline)
    now = time.monotonic()
    found = by_sat(question, now + SAT_SHARE * (deadline - now), seed)
    if found.evidence is not None or found.pattern is not None:
        return found
    return by_parts(question, found.open, deadline, seed)


def by_sat(question: Question, deadline: float, seed: int, patience: int | None = None) -> Found:
    """Sweep with SAT."""
    outcome = sweep(question.network, question.pairs, deadline, seed=seed, patience=patience)
    solver = SOLVER_NAMES[SOLVER]
    note = f"{outcome.summed} inner pairs as sums of adders" if outcome.summed else ""
    evidence = Evidence("proved", method="sat", solver=solver, note=note) if outcome.proved else None
    return Found(evidence, outcome.pattern, "sat", solver, tuple(outcome.open))


def by_abc(question: Question, deadline: float, seed: int) -> Found:
    """Ask ABC; where it says that they differ, SAT looks for the place."""
    left = deadline - time.monotonic()
    if left < 1 or not question.network.inputs:
        return by_sat(question, deadline, seed) if not question.network.inputs else Found()
    answer = abc_proves(question.network, question.pairs, left)
    if answer is None:
        return Found()
    return Found(Evidence("proved", method="abc", solver=ABC_NAME)) if answer else by_sat(question, deadline, seed)


def by_exhaustion(question: Question, deadline: float) -> Found:
    """Try every pattern of the inputs."""
    bits = len(question.network.inputs)
    if bits > MAX_EXHAUSTIVE_BITS:
        raise error(f"{bits} input bits are too many to try all patterns",
                    help=f"up to {MAX_EXHAUSTIVE_BITS} bits can be tried; use the method sat")
    tried = try_all(question.network, question.pairs, deadline)
    if len(tried.equal) < len(question.pairs):
        return Found(pattern=tried.pattern, method="exhaustive" if tried.pattern is not None else "")
    return Found(Evidence("exhausted", method="exhaustive", note=f"{1 << bits} patterns"), method="exhaustive")


def by_parts(question: Question, undecided: tuple[int, ...], deadline: float, seed: int) -> Found:
    """Decide the pairs that SAT left: all patterns where at most 20 inputs decide one, ABC for the others.

    The evidence is that of the weakest part, and its note says how many outputs were tried and not proved.
    """
    tried = try_cones(question.network, question.pairs, undecided, deadline)
    if tried.pattern is not None:
        return Found(pattern=tried.pattern, method="exhaustive")
    left = [question.pairs[k] for k in undecided if k not in set(tried.equal)]
    rest = Found(Evidence("proved", method="sat", solver=SOLVER_NAMES[SOLVER]))
    if left:
        rest = by_abc(replace(question, pairs=left), deadline, seed) if find_tool("yosys-abc") else Found()
    if rest.evidence is None or not tried.equal:
        return rest
    note = f"{len(tried.equal)} of {len(question.pairs)} outputs on all patterns of at most {tried.bits} input bits"
    others = len(tried.equal) < len(question.pairs)
    method = f"{rest.evidence.method} and exhaustive" if others else "exhaustive"
    return Found(Evidence("exhausted", 0, method, rest.evidence.solver if others else "", note), method=method)
