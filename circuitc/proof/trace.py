"""Write down why a sweep is right: one clausal proof of lemmas, those that a solver learned and our own, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MAX_PROOF_LINES = 100_000   # about half a minute for a checker in pure Python
FALSE = 1                   # the variable of the constant node; node n is variable n + 1
Clause = tuple[int, ...]
Pair = tuple[int, int]


class TooLong(Exception):
    """The proof has more lines than promised."""


class Trace:
    """A DRUP proof that grows with a sweep, in the variables of the network that is swept.

    The sweep keeps a smaller network in which equals are one. Each of its nodes is named by the first node of the
    given network that it stands for (`names`), so that what the solver learns about it needs no new variables. Whenever
    a node is found to equal another, two clauses say so; each follows from earlier lines by unit propagation.
    """

    def __init__(self, limit: int = MAX_PROOF_LINES) -> None:
        self.lines: list[str] = []
        self.names: list[int] = [FALSE]
        self._limit = limit
        self._said: set[Clause] = set()   # ours, which are never deleted

    def literal(self, merged: int) -> int:
        """Give the signed variable of a literal of the smaller network."""
        name = self.names[merged >> 1]
        return -name if merged & 1 else name

    def input(self, node: int) -> None:
        """Note that a new node of the smaller network is this input."""
        self.names.append(node + 1)

    def gate(self, node: int, fanins: Pair, images: Pair, result: int) -> None:
        """Say what became of a gate: `images` are its fan-ins in the smaller network, `result` is itself there."""
        if result >> 1 < len(self.names):
            self.equal(node, result)
            return
        self.names.append(node + 1)
        left, right = (self.literal(x) for x in images)
        if (left, right) != (signed(fanins[0]), signed(fanins[1])):
            for clause in and_clauses(node + 1, left, right):
                self._emit(clause)

    def equal(self, node: int, result: int) -> None:
        """Say that a node equals a literal of the smaller network."""
        self._equate(node + 1, self.literal(result))

    def solved(self, left: int, right: int, lemmas: Iterable[Iterable[int]]) -> None:
        """Say that two literals of the smaller network are equal, after lemmas about it that are needed only here."""
        said = [plain for lemma in lemmas if (plain := normal(self.literal(x) for x in lemma)) is not None]
        for lemma in said:
            self._write(_line(lemma))
        self._equate(self.literal(left), self.literal(right))
        for lemma in said:
            if len(lemma) > 1:   # checkers keep units
                self._write(f"d {_line(lemma)}")

    def finish(self, pairs: Sequence[tuple[int, int]], first_difference: int) -> None:
        """Refute the differences one by one, which leaves nothing of their disjunction."""
        for k, (a, _) in enumerate(pairs):
            difference = first_difference + k
            self._emit((-difference, signed(a)))
            self._emit((-difference,))
        self.lines.append("0")

    def _equate(self, x: int, y: int) -> None:
        if x != y:
            self._emit((-x, y))
            self._emit((x, -y))

    def _emit(self, clause: Iterable[int]) -> None:
        plain = normal(clause)
        if plain is not None and (key := tuple(sorted(plain))) not in self._said:
            self._said.add(key)
            self._write(_line(plain))

    def _write(self, line: str) -> None:
        if len(self.lines) >= self._limit - 1:
            raise TooLong
        self.lines.append(line)


def _line(clause: Clause) -> str:
    return f"{' '.join(map(str, clause))} 0".lstrip()


def signed(literal: int) -> int:
    """Give the signed variable of a literal: node n is variable n + 1."""
    return -(literal >> 1) - 1 if literal & 1 else (literal >> 1) + 1


def and_clauses(out: int, a: int, b: int) -> tuple[Clause, Clause, Clause]:
    """Say that `out` is a AND b."""
    return (-out, a), (-out, b), (out, -a, -b)


def normal(clause: Iterable[int]) -> Clause | None:
    """Leave out repeated and false literals; None where the clause always holds."""
    literals = dict.fromkeys(x for x in clause if x != FALSE)
    if -FALSE in literals or any(-x in literals for x in literals):
        return None
    return tuple(literals)
