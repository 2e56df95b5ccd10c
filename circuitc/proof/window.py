"""Prove again, for a proof that is written down, that two literals are equal: with as little of the circuit as does.

What a solver learns from a whole circuit are long clauses, each of which takes a checker a walk through much of it.
Most equal gates are equal already for every value of some signals a few levels below them. So a fresh solver gets the
gates near the pair first, and more of them only where those do not tell; what it learns is about these alone.
"""

from __future__ import annotations

import time
from typing import Any

from pysat.solvers import Solver  # pyright: ignore[reportMissingTypeStubs]

from .network import Network
from .trace import Clause, and_clauses

DEPTHS = (3, 6, 12, 24, 48, None)   # levels of gates below the pair; None is all of them
WINDOW_CONFLICTS = 1000             # patience with a window, before a deeper one
SLICE_CONFLICTS = 2000              # conflicts between two looks at the clock


def lemmas(network: Network, a: int, b: int, deadline: float, solver: str) -> list[Clause] | None:
    """Give clauses, each by unit propagation from those before and the gates, after which both implications are so.

    Clauses are of literals of the network. None where time was up; the two literals must be equal.
    """
    seen = -1
    for depth in DEPTHS:
        gates = _near(network, (a >> 1, b >> 1), depth)
        if len(gates) == seen:
            continue
        seen = len(gates)
        found = _learn(network, gates, a, b, deadline, solver, None if depth is None else WINDOW_CONFLICTS)
        if found is not None or time.monotonic() > deadline:
            return found
    return None


def _near(network: Network, roots: tuple[int, int], depth: int | None) -> list[int]:
    """Give the gates at most so many levels below the roots, roots first."""
    found: dict[int, None] = {}
    level = [n for n in dict.fromkeys(roots) if network.is_gate(n)]
    while level and depth != 0:
        found |= dict.fromkeys(level)
        below = (x >> 1 for n in level for x in (network.left[n], network.right[n]))
        level = [n for n in dict.fromkeys(below) if n not in found and network.is_gate(n)]
        depth = None if depth is None else depth - 1
    return list(found)


def _learn(network: Network, gates: list[int], a: int, b: int, deadline: float, name: str,
           conflicts: int | None) -> list[Clause] | None:
    """Prove the pair from these gates only; None where they do not tell, or not in this many conflicts."""
    number: dict[int, int] = {0: 1}   # of a node, its variable: 1 is false

    def signed(literal: int) -> int:
        variable = number.setdefault(literal >> 1, len(number) + 1)
        return -variable if literal & 1 else variable

    clauses: list[Clause] = [(-1,)]
    for n in gates:
        clauses += and_clauses(signed(n << 1), signed(network.left[n]), signed(network.right[n]))
    x, y = signed(a), signed(b)
    with Solver(name=name, bootstrap_with=clauses, with_proof=True) as solver:
        for assumptions in ([x, -y], [-x, y]):
            if not _refuted(solver, assumptions, deadline, conflicts):
                return None
        node = {variable: n << 1 for n, variable in number.items()}
        return [tuple(node[abs(v)] | (v < 0) for v in clause) for clause in _kept(solver.get_proof() or [])]


def _refuted(solver: Any, assumptions: list[int], deadline: float, conflicts: int | None) -> bool:
    while time.monotonic() <= deadline:
        solver.conf_budget(conflicts or SLICE_CONFLICTS)
        answer = solver.solve_limited(assumptions=assumptions)
        if answer is not None or conflicts is not None:
            return answer is False
    return False


def _kept(lines: list[str]) -> list[Clause]:
    """Read the clauses that a solver learned; those that it forgot again stay, for windows are small."""
    clauses = [tuple(int(w) for w in line.split()[:-1]) for line in lines if not line.startswith("d")]
    return [clause for clause in clauses if clause]   # the empty clause holds under assumptions only


__all__ = ["lemmas"]
