"""Ask a question as clauses that hold only where the two sides differ, and refute them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from circuitc.diagnostics import InternalError

from .proof_file import Proof
from .question import Question
from .sweep import SOLVER, SOLVER_NAMES, refute
from .trace import FALSE, MAX_PROOF_LINES, Clause, Trace, and_clauses, normal, signed


def refutation(question: Question, name: str, seconds: float, seed: int = 0,
               limit: int | None = None) -> tuple[Proof | None, str]:
    """Refute a question that was answered with yes; gives the proof, or why there is none.

    The question's network must be plain: its gates are those of the two sides, neither shared nor folded.
    """
    limit = MAX_PROOF_LINES if limit is None else limit
    trace = Trace(limit)
    outcome = refute(question.network, question.pairs, time.monotonic() + seconds, trace, seed=seed)
    if outcome is None:
        return None, f"it would have more than {limit} lines"
    if outcome.pattern is not None:
        raise InternalError(f"{question.says}: found equal by one method and different by another")
    if outcome.open:
        return None, f"{SOLVER_NAMES[SOLVER]} did not find one in {seconds:g} s"
    steps = "".join(f"{line}\n" for line in trace.lines)
    return Proof(name, cnf_text(question).encode(), steps.encode(), len(trace.lines)), ""


def cnf_text(question: Question) -> str:
    """Print the clauses of "some pair differs" in DIMACS; comments name the variables of inputs and pairs."""
    clauses = list(miter_clauses(question))
    network, first = question.network, question.network.nodes + 1
    head = ["two circuits differ: unsatisfiable if and only if they are equal", f"compared: {question.says}",
            f"variable {FALSE} is false; each other one is an input, the output of a two-input AND, or a difference"]
    head += [f"input {node + 1} {_printable(name)}"
             for node, name in zip(network.inputs, question.inputs, strict=True)]
    head += [f"output {signed(a)} {signed(b)} difference {first + k} {_printable(name)}"
             for k, ((a, b), name) in enumerate(zip(question.pairs, question.outputs, strict=True))]
    lines = [*(f"c {line}" for line in head), f"p cnf {network.nodes + len(question.pairs)} {len(clauses)}"]
    lines += [" ".join(map(str, (*clause, 0))) for clause in clauses]
    return "\n".join(lines) + "\n"


def miter_clauses(question: Question) -> Iterator[Clause]:
    """Give the clauses: three for each gate, four for each difference, and that some difference is there."""
    network = question.network
    yield (-FALSE,)
    for node in range(1, network.nodes):
        if network.is_gate(node):
            yield from _kept(and_clauses(node + 1, signed(network.left[node]), signed(network.right[node])))
    for k, (a, b) in enumerate(question.pairs):
        x, y, d = signed(a), signed(b), network.nodes + 1 + k
        yield from _kept(((-d, x, y), (-d, -x, -y), (d, -x, y), (d, x, -y)))
    yield tuple(range(network.nodes + 1, network.nodes + 1 + len(question.pairs)))


def _kept(clauses: tuple[Clause, ...]) -> Iterator[Clause]:
    return (plain for clause in clauses if (plain := normal(clause)) is not None)


def _printable(name: str) -> str:
    """Keep a name on its line."""
    return "".join(c if c.isprintable() else "?" for c in name)
