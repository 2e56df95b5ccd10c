"""Prove pairs of literals equal by SAT sweeping: simulate, guess inner equivalences, prove them bottom up.

Two versions of a circuit agree at many inner places. Proved one by one from the inputs up, each is a small question,
because everything below it is shared already; the outputs then often fall for free.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pysat.solvers import Solver  # pyright: ignore[reportMissingTypeStubs]

from .network import Network, Words
from .sums import Sums
from .trace import TooLong, Trace, signed
from .window import lemmas

SOLVER = "glucose4"
SOLVER_NAMES = {"glucose4": "Glucose 4.1", "cadical195": "CaDiCaL 1.9.5", "cadical153": "CaDiCaL 1.5.3"}
INNER_CONFLICTS = 300      # patience for one inner pair
FIRST_CONFLICTS = 30       # of which before arithmetic is asked
EASY_CONFLICTS = 2000      # for each pair of outputs, before any gets all the time there is
SLICE_CONFLICTS = 2000     # conflicts between two looks at the clock
FIRST_WORDS = 16           # random words of 64 samples that make the first guesses, and as many with uneven bits
MEAN_RUN = 64              # inputs in a row that are uneven alike
REFINE_AFTER = 16          # counterexamples gathered before the guesses are made again
Pattern = NDArray[np.uint8]


@dataclass(slots=True)
class Outcome:
    """What was found out: `pattern` tells inputs where a pair differs, `open` the pairs that stay unknown."""

    pattern: Pattern | None = None
    open: list[int] = field(default_factory=list)
    merged: int = 0
    summed: int = 0   # of the merged, those by arithmetic
    calls: int = 0
    conflicts: int = 0

    @property
    def proved(self) -> bool:
        return self.pattern is None and not self.open


def sweep(network: Network, pairs: Sequence[tuple[int, int]], deadline: float, *, seed: int = 0,
          solver: str = SOLVER, inner_conflicts: int = INNER_CONFLICTS, patience: int | None = None) -> Outcome:
    """Decide for all pairs of literals whether they are equal for every input, until the clock reaches `deadline`.

    With `patience`, it gives up at the first pair that needs more conflicts than that: a limit that does not depend on
    the machine.
    """
    if all(a == b for a, b in pairs):
        return Outcome()
    core, kept, inputs = cone(network, pairs)
    run = _Sweep(core, deadline, np.random.default_rng(seed), solver, inner_conflicts, patience)
    try:
        outcome = run.decide(kept)
    finally:
        run.solver.delete()
    if outcome.pattern is not None:
        pattern = np.zeros(len(network.inputs), np.uint8)
        pattern[inputs] = outcome.pattern
        outcome.pattern = pattern
    return outcome


def refute(network: Network, pairs: Sequence[tuple[int, int]], deadline: float, trace: Trace, *,
           seed: int = 0) -> Outcome | None:
    """Sweep again and write down why in `trace`; None where the proof would have too many lines.

    The network is taken as it is, gate by gate, so that the clauses that are refuted are those of both sides as given.
    """
    run = _Sweep(network, deadline, np.random.default_rng(seed), SOLVER, INNER_CONFLICTS, None, trace)
    try:
        outcome = run.decide(pairs)
        if outcome.proved:
            trace.finish(pairs, network.nodes + 1)
    except TooLong:
        return None
    finally:
        run.solver.delete()
    return outcome


def cone(network: Network, pairs: Sequence[tuple[int, int]]) -> tuple[Network, list[tuple[int, int]], list[int]]:
    """Keep only what pairs that are not the same literal depend on: (network, pairs, numbers of the inputs kept).

    Gates come level by level: what two designs have in common low down is then known before anything higher is asked,
    such as the sum bits of all columns of an adder before its highest carries.
    """
    wanted = [False] * network.nodes
    for a, b in pairs:
        if a != b:
            wanted[a >> 1] = wanted[b >> 1] = True
    level = [0] * network.nodes
    for node in range(network.nodes - 1, 0, -1):
        if wanted[node] and network.is_gate(node):
            wanted[network.left[node] >> 1] = wanted[network.right[node] >> 1] = True
    gates: list[int] = []
    core, new = Network(), {0: 0}
    for node in range(1, network.nodes):
        if not wanted[node]:
            continue
        if network.is_gate(node):
            level[node] = 1 + max(level[network.left[node] >> 1], level[network.right[node] >> 1])
            gates.append(node)
        else:
            new[node] = core.input()
    for node in sorted(gates, key=level.__getitem__):
        a, b = network.left[node], network.right[node]
        new[node] = core.and_(new[a >> 1] ^ (a & 1), new[b >> 1] ^ (b & 1))
    kept = [(new[a >> 1] ^ (a & 1), new[b >> 1] ^ (b & 1)) if a != b else (0, 0) for a, b in pairs]
    return core, kept, [k for k, node in enumerate(network.inputs) if wanted[node]]


def _samples(rng: np.random.Generator, inputs: int) -> Words:
    """Draw samples, uint64[inputs, words]: half with even bits, half with runs of inputs that are mostly 0 or mostly 1.

    The high bits of a count of 80 even bits are the same in any thousand samples, and would all be guessed constant.
    """
    even = rng.integers(0, 1 << 64, (inputs, FIRST_WORDS), dtype=np.uint64)
    a, b, c = rng.integers(0, 1 << 64, (3, inputs, FIRST_WORDS), dtype=np.uint64)
    rare = a & b
    rarer = rare & c
    kinds = np.stack([even, rare, ~rare, rarer, ~rarer])
    turns = rng.random((inputs, FIRST_WORDS)) < 1 / MEAN_RUN
    run = np.cumsum(turns, axis=0, dtype=np.int64)
    kind = rng.integers(0, len(kinds), (int(run.max(initial=0)) + 1, FIRST_WORDS))
    chosen = np.take_along_axis(kind, run, axis=0)
    uneven = np.take_along_axis(kinds, chosen[None], axis=0)[0]
    return np.concatenate([even, uneven], axis=1)


class _Sweep:
    """One run: `core` is the network as given, `merged` the one where equals are one, `image` maps between them."""

    def __init__(self, core: Network, deadline: float, rng: np.random.Generator, solver: str, inner: int,
                 patience: int | None, trace: Trace | None = None) -> None:
        self.trace = trace
        self.core, self.deadline, self.rng, self.inner, self.patience = core, deadline, rng, inner, patience
        self.merged = Network()
        self.image: list[int] = [0] * core.nodes
        self.netlist = core.netlist([n << 1 for n in range(core.nodes)])
        # variable 1 is node 0, constant false
        self.solver = Solver(name=solver, bootstrap_with=[[-1]])
        self.name = solver
        self.loaded: list[bool] = [True]
        self.found: list[Pattern] = []   # counterexamples that the guesses do not know yet
        self.outcome = Outcome()
        self.sums = Sums(core, self.merged, self.image)

    def decide(self, pairs: Sequence[tuple[int, int]]) -> Outcome:
        words = _samples(self.rng, len(self.core.inputs))
        values = self._values(words)
        if self._differs(pairs, values, words):
            return self._finished()
        self.phase = (values[:, 0] & np.uint64(1)).astype(bool)
        self.classes = np.zeros(self.core.nodes, np.uint64)
        self._refine(values)
        if self._merge_inner(pairs):
            self._prove_outputs(pairs)
        return self._finished()

    def _finished(self) -> Outcome:
        self.outcome.conflicts = self._conflicts()
        return self.outcome

    def _conflicts(self) -> int:
        return int((self.solver.accum_stats() or {}).get("conflicts", 0))

    # simulation and guesses

    def _values(self, words: Words) -> Words:
        from circuitc.ir import evaluate_words
        return evaluate_words(self.netlist, words)

    def _differs(self, pairs: Iterable[tuple[int, int]], values: Words, words: Words) -> bool:
        """Look for a sample that tells a pair apart."""
        for a, b in pairs:
            difference = values[a >> 1] ^ values[b >> 1]
            if (a ^ b) & 1:
                difference = ~difference
            column = np.flatnonzero(difference)
            if len(column):
                word = int(difference[column[0]])
                bit = np.uint64((word & -word).bit_length() - 1)
                self.outcome.pattern = (words[:, column[0]] >> bit & np.uint64(1)).astype(np.uint8)
                return True
        return False

    def _refine(self, values: Words) -> None:
        """Split the classes by new samples; the representative of a class is its first node.

        Classes are 64-bit hashes: a collision only makes a guess that the solver refutes.
        """
        flipped = np.where(self.phase[:, None], ~values, values)
        for column in flipped.T:
            mixed = (self.classes ^ column) * np.uint64(0x9E3779B97F4A7C15)
            self.classes = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        _, first, inverse = np.unique(self.classes, return_index=True, return_inverse=True)
        self.representative: list[int] = first[inverse].tolist()

    def _learn_counterexamples(self, pairs: Sequence[tuple[int, int]]) -> bool:
        """Simulate the gathered counterexamples and their neighbours, and refine; False where an output differs."""
        samples = np.zeros((len(self.core.inputs), 64), np.uint8)
        for k in range(64):
            samples[:, k] = self.found[k % len(self.found)]
        flips = self.rng.random(samples.shape) < 4 / max(8, len(samples))
        flips[:, :len(self.found)] = False
        words = np.packbits(samples ^ flips, axis=1, bitorder="little").view("<u8").astype(np.uint64)
        self.found.clear()
        values = self._values(words)
        if self._differs(pairs, values, words):
            return False
        self._refine(values)
        return True

    # proofs

    def _merge_inner(self, pairs: Sequence[tuple[int, int]]) -> bool:
        """Walk up the network and merge what can be proved equal; False where an output was found to differ."""
        refuted: set[int] = set()
        core, image, merged, trace = self.core, self.image, self.merged, self.trace
        for node in range(1, core.nodes):
            if not core.is_gate(node):
                image[node] = merged.input()
                if trace is not None:
                    trace.input(node)
                continue
            a, b = core.left[node], core.right[node]
            left, right = image[a >> 1] ^ (a & 1), image[b >> 1] ^ (b & 1)
            image[node] = mine = merged.and_(left, right)
            if trace is not None:
                trace.gate(node, (a, b), (left, right), mine)
            while (other := self.representative[node]) != node:
                theirs = image[other] ^ bool(self.phase[node] ^ self.phase[other])
                if mine == theirs or mine >> 1 <= 0:
                    break
                theirs, answer = self._decided(mine, theirs, node + 1)
                if answer:
                    image[node] = theirs
                    self.sums.merge(mine, theirs)
                    self.outcome.merged += 1
                    if trace is not None:
                        trace.equal(node, theirs)
                if answer is not False:
                    break
                again = other in refuted or len(self.found) >= REFINE_AFTER
                refuted.add(other)
                if not again:
                    break
                if not self._learn_counterexamples(pairs):
                    return False
                refuted.clear()
            if not node & 255 and self._is_spent():
                self.inner = 0
        return True

    def _decided(self, mine: int, guess: int, nodes: int) -> tuple[int, bool | None]:
        """Decide whether a literal is what it was guessed to be: (an older literal, whether they are equal).

        SAT is asked with little patience, then arithmetic, which may find another literal than was guessed, then SAT
        again; `nodes` of the core have their images.
        """
        answer = self._equal(mine, guess, min(self.inner, FIRST_CONFLICTS))
        if answer is not None:
            return guess, answer
        twin = self._twin(mine, guess, nodes)
        return (guess, self._equal(mine, guess, self.inner)) if twin is None else (twin, True)

    def _twin(self, literal: int, guess: int, nodes: int) -> int | None:
        """Ask arithmetic for an older literal that is the same bit of the same sum."""
        if self.trace is not None or time.monotonic() > self.deadline:  # what it says is no clause of a clausal proof
            return None
        twin = self.sums.twin(literal, guess, nodes)
        if twin is not None:
            self.outcome.summed += 1
            self._learn_equal(literal, twin)
        return twin

    def _learn_equal(self, a: int, b: int) -> None:
        """Tell the solver that two literals are equal."""
        self._load(a >> 1)
        self._load(b >> 1)
        self.solver.add_clause([-signed(a), signed(b)])
        self.solver.add_clause([signed(a), -signed(b)])

    def _is_spent(self) -> bool:
        """Tell whether inner pairs have taken their share: all the time, or ten times the patience for one pair."""
        impatient = self.patience is not None and self._conflicts() > 10 * self.patience
        return impatient or time.monotonic() > self.deadline

    def _prove_outputs(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Ask for each pair of outputs until it is decided or time is up; easy ones first, to have them decided."""
        numbers = list(range(len(pairs)))
        for patience in (self.patience,) if self.patience is not None else (EASY_CONFLICTS, None):
            self.outcome.open.clear()
            for number in numbers:
                a, b = pairs[number]
                mine, theirs = self.image[a >> 1] ^ (a & 1), self.image[b >> 1] ^ (b & 1)
                answer = mine == theirs or self._equal(mine, theirs, patience)
                if answer is None:  # more is known to be equal than when this was an inner pair
                    answer = self._twin(mine, theirs, self.core.nodes) == theirs or None
                if answer is False:
                    self.outcome.pattern = self.found[-1]
                    return
                if answer is None:
                    self.outcome.open.append(number)
                    if self.patience is not None:
                        return
            numbers = self.outcome.open.copy()

    def _equal(self, a: int, b: int, conflicts: int | None) -> bool | None:
        """Ask the solver whether two literals of the merged network are equal; None where it did not find out."""
        if conflicts == 0:
            return None
        self._load(a >> 1)
        self._load(b >> 1)
        x, y = signed(a), signed(b)
        for assumptions in ([x, -y], [-x, y]):
            answer = self._solve(assumptions, conflicts)
            if answer is None:
                return None
            if answer:
                self.found.append(self._model())
                return False
        if self.trace is not None:
            found = lemmas(self.merged, a, b, self.deadline, self.name)
            if found is None:
                return None
            self.trace.solved(a, b, found)
        self._learn_equal(a, b)
        return True

    def _solve(self, assumptions: list[int], conflicts: int | None) -> bool | None:
        """Solve within a number of conflicts, or (None) until time is up."""
        while True:
            if time.monotonic() > self.deadline:
                return None
            self.outcome.calls += 1
            self.solver.conf_budget(conflicts or SLICE_CONFLICTS)
            answer = self.solver.solve_limited(assumptions=assumptions)
            if answer is not None or conflicts is not None:
                return answer

    def _model(self) -> Pattern:
        """Give the inputs of the solver's model; those it has not heard of are 0."""
        model = self.solver.get_model() or []
        return np.array([node < len(model) and model[node] > 0 for node in self.merged.inputs]
                        + [0] * (len(self.core.inputs) - len(self.merged.inputs)), np.uint8)

    def _load(self, node: int) -> None:
        """Tell the solver about a node and everything below it."""
        self.loaded += [False] * (self.merged.nodes - len(self.loaded))
        stack = [node]
        while stack:
            n = stack.pop()
            if self.loaded[n]:
                continue
            self.loaded[n] = True
            if self.merged.is_gate(n):
                a, b = self.merged.left[n], self.merged.right[n]
                out, x, y = n + 1, signed(a), signed(b)
                self.solver.append_formula([[-out, x], [-out, y], [out, -x, -y]])
                stack += [a >> 1, b >> 1]
