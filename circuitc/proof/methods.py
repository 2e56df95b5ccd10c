"""The methods that decide a question: SAT sweeping, ABC, all patterns, and the order in which `auto` tries them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import evaluate_words, unpack_words
from circuitc.tools import find_tool

from .abc import ABC_NAME, abc_proves
from .evidence import Evidence
from .layout import Pattern
from .question import Question
from .sequential import SEQUENTIAL
from .sweep import SOLVER, SOLVER_NAMES, sweep

METHODS = ("auto", "sat", "abc", "exhaustive", "random", *SEQUENTIAL)
MAX_EXHAUSTIVE_BITS = 20
PATTERNS_AT_ONCE = 1 << 16
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
    """Try SAT, then all patterns where inputs are few, else ABC.

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
    if bits <= MAX_EXHAUSTIVE_BITS:
        return by_exhaustion(question, deadline)
    return by_abc(question, deadline, seed) if find_tool("yosys-abc") else found


def by_sat(question: Question, deadline: float, seed: int, patience: int | None = None) -> Found:
    """Sweep with SAT."""
    outcome = sweep(question.network, question.pairs, deadline, seed=seed, patience=patience)
    solver = SOLVER_NAMES[SOLVER]
    evidence = Evidence("proved", method="sat", solver=solver) if outcome.proved else None
    return Found(evidence, outcome.pattern, "sat", solver)


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
    """Try every pattern of the inputs, 64 a word."""
    bits = len(question.network.inputs)
    if bits > MAX_EXHAUSTIVE_BITS:
        raise error(f"{bits} input bits are too many to try all patterns",
                    help=f"up to {MAX_EXHAUSTIVE_BITS} bits can be tried; use the method sat")
    netlist = question.network.netlist([a for a, _ in question.pairs] + [b for _, b in question.pairs])
    half = len(question.pairs)
    for start in range(0, 1 << bits, PATTERNS_AT_ONCE):
        if time.monotonic() > deadline:
            return Found()
        count = min(PATTERNS_AT_ONCE, 1 << bits)
        values = evaluate_words(netlist, _patterns(bits, start, count))
        wrong = np.bitwise_or.reduce(values[:half] ^ values[half:], axis=0)
        samples = np.flatnonzero(unpack_words(wrong[None], count)[0])
        if len(samples):
            number = start + int(samples[0])
            return Found(pattern=(number >> np.arange(bits) & 1).astype(np.uint8), method="exhaustive")
    return Found(Evidence("exhausted", method="exhaustive", note=f"{1 << bits} patterns"), method="exhaustive")


def _patterns(bits: int, start: int, count: int) -> np.ndarray:
    """Give the patterns start..start+count-1 of input bits as words, uint64[bits, words]."""
    numbers = np.arange(start, start + count, dtype=np.int64)
    rows = (numbers[None] >> np.arange(bits)[:, None] & 1).astype(np.uint8)
    padded = np.zeros((bits, -(-count // 64) * 64), np.uint8)
    padded[:, :count] = rows
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)
