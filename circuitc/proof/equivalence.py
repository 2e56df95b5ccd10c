"""Do two programs compute the same? Proof, exhaustion or vectors; equal, different or an honest unknown."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from circuitc.diagnostics import CircuitError, error, nearest
from circuitc.formats.base import read_bytes
from circuitc.formats.verilog import choose_top, is_verilog
from circuitc.ir import Module, Netlist
from circuitc.simulation.read_verilog import read_verilog
from circuitc.tools import find_tool

from .after_reset import Reset, restart
from .evidence import LEVELS, NOT_CHECKED, Evidence
from .layout import Layout, Trial, lay_out
from .matching import Matching, Pairs, Side, lower, match, match_registers
from .methods import METHODS, Found, solve
from .miter import refutation
from .network import Network, PlainNetwork
from .product import multiply
from .question import Question, ask_calls, ask_steps, check_schedules, initial_bits
from .sequential import SEQUENTIAL, decide
from .verdict import Verdict

STREAM_ITEMS = (1, 2, 4, 8)    # lengths of streams that unrolling tries, one after the other; vectors take the last
EARLY_SHARE = 0.4              # of the time that is left, for what is tried before sequential engines
MAX_UNROLLED_NODES = 2_000_000
BITS_AT_ONCE = 1 << 24         # of the patterns that one batch of vectors holds
VECTOR_SECONDS = 30            # that vectors may take where the time is up: others than tiny circuits need them
MAX_NUMBERS = 1 << 32          # that vectors compute: a bound by work, for the count must not depend on the machine


def verify(first: Module, second: Module | Path, method: str = "auto", *, seconds: float = 60, vectors: int = 100_000,
           seed: int = 0, top: str = "", proof: str = "", reset: Reset | None = None) -> Verdict:
    """Compare the main funcs of two programs, ports matched by name, and answer a Verdict.

    `second` may be a Verilog file (read by Yosys, `top` names its module) or any other model file. Methods: `sat` (SAT
    sweeping), `abc` (ABC's `cec`), `exhaustive` (at most 20 input bits), `random` (`vectors` seeded samples through
    the interpreter); for streams `scorr`, `dsec` and `pdr` (ABC's engines on both machines together, from the initial
    states on) and `bmc` (up to a number of steps); and `auto`: sat, then abc or exhaustion, the sequential engines,
    and vectors where nothing was decided in `seconds`.
    With `proof`, a file name, equality comes with a clausal proof, or `verdict.no_proof` says why not; looking for it
    may take `seconds` once more. With `reset` streams are compared from where it leaves them.
    Raises CircuitError where the two cannot be compared, such as other ports.
    """
    if method not in METHODS:
        raise error(f"there is no method {method}", help=nearest(method, METHODS))
    deadline = time.monotonic() + seconds
    names = [r.name for r in first.entry.registers]
    other = second if isinstance(second, Module) else read_design(second, top, seconds, names)
    if other is first and not proof:
        return Verdict("equal", Evidence("proved", method="the same object"))
    matching = match(first.entry, other.entry)
    check_schedules(first.entry, other.entry)
    started = restart(first, other, matching, reset) if reset else None
    if started:
        first, other = started.first, started.second
        matching = replace(matching, notes=(*matching.notes, started.note))
    verdict = _Comparison(first, other, matching, method, deadline, vectors, seed, proof, seconds).decide()
    if started and started.open and verdict.status == "different":
        note = f"{started.note}: they differ from states that it may not leave behind"
        verdict = Verdict("unknown", replace(NOT_CHECKED, method=verdict.evidence.method, note=note))
    if proof and verdict.proof is None and not verdict.no_proof:
        return replace(verdict, no_proof=_WITHOUT_PROOF[verdict.status])
    return verdict


_WITHOUT_PROOF = {"different": "the two sides differ", "unknown": "they were not found to be equal",
                  "equal": "there is nothing to refute"}


def read_design(path: Path, top: str = "", seconds: float = 60, registers: Sequence[str] = (),
                options: Mapping[str, str] = MappingProxyType({})) -> Module:
    """Read a file to compare with: Verilog through Yosys (see `read_verilog`), everything else by its format."""
    if not is_verilog(path):
        if top:
            raise error(f"{path} is no Verilog: there is no module {top} to choose in it")
        from circuitc.formats import load
        return load(path, options=options)
    if not path.is_file():
        raise error(f"{path}: there is no such file")
    top = top or choose_top(read_bytes(path).decode(errors="replace"), str(path))
    return read_verilog(path, top, registers=registers, system=path.suffix.lower() == ".sv", origins=True,
                        seconds=seconds)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One comparison: two programs, how their ports match, the method, and until when to work."""

    first: Module
    second: Module
    matching: Matching
    method: str
    deadline: float
    vectors: int
    seed: int
    proof: str = ""          # the name of the proof's file, where one is wanted
    proof_seconds: float = 0

    def decide(self) -> Verdict:
        """Decide in the cheapest way that can: one step, unrolled calls, sequential engines, then vectors."""
        if self.method == "random":
            return self._by_vectors()
        try:
            sides = lower(self.first), lower(self.second)
        except CircuitError as e:
            if self.method != "auto":
                raise
            return self._by_vectors(f"not lowered to gates: {e.diagnostics[0].message}")
        if self.method in SEQUENTIAL and not self._is_pure:
            return self._by_product(*sides)
        registers = self._partners(*sides)
        if registers is not None:
            verdict = self._by_steps(*sides, registers)
            if verdict is not None:
                return verdict
        if self._is_pure:
            return self._undecided()
        verdict = self._by_calls(*sides, registers)
        if verdict is not None and verdict.status != "unknown":
            return verdict
        if self.method == "auto" and self._are_streams and find_tool("yosys-abc"):
            return self._by_product(*sides, verdict)
        return verdict or self._undecided()

    @property
    def _is_pure(self) -> bool:
        """True where both sides are functions of one item."""
        sides = (self.first.entry, self.second.entry)
        return all(not f.registers and f.schedule.kind in ("once", "stream") for f in sides)

    @property
    def _are_streams(self) -> bool:
        return self.first.entry.schedule.kind == self.second.entry.schedule.kind == "stream"

    def _partners(self, first: Side, second: Side) -> Pairs | None:
        """Pair registers, if each has a partner with the same initial value and calls have the same form."""
        if self._is_pure:
            return ()
        if first.func.schedule != second.func.schedule:
            return None
        pairs, ours, theirs = match_registers(first, second), initial_bits(first.func), initial_bits(second.func)
        return pairs if pairs is not None and all(ours[a] == theirs[b] for a, b in pairs) else None

    def _by_steps(self, first: Side, second: Side, registers: Pairs) -> Verdict | None:
        """Decide by one step from any state; None where that does not tell."""
        deadline = self.deadline if self._is_pure else self._soon()
        found = solve(ask_steps(first, second, self.matching, registers), self.method, deadline, self.seed)
        if found.evidence is not None:
            equal = Verdict("equal", self._noted(found.evidence, "" if self._is_pure else "latch-matched"))
            return self._proved(equal, partial(ask_steps, first, second, self.matching, registers))
        if found.pattern is not None and self._is_pure:
            return self._different(lay_out(first.func, second.func, self.matching, 1), found)
        return None

    def _by_calls(self, first: Side, second: Side, registers: Pairs | None) -> Verdict | None:
        """Decide by unrolling from the initial states: completely, or for streams a few items long; None if neither."""
        bounded = "stream" in (first.func.schedule.kind, second.func.schedule.kind)
        reached = NOT_CHECKED
        deadline = self._soon() if bounded else self.deadline
        for items in STREAM_ITEMS if bounded else (1,):
            layout = lay_out(first.func, second.func, self.matching, items)
            if len(layout.inputs) * (first.netlist.nodes + second.netlist.nodes) > MAX_UNROLLED_NODES:
                break
            found = solve(ask_calls(first, second, self.matching, layout, items), self.method, deadline, self.seed)
            if found.pattern is not None:
                return self._different(layout, found)
            if found.evidence is None:
                break
            if not bounded:
                return self._proved(
                    Verdict("equal", self._noted(found.evidence, "unrolled")),
                    partial(ask_calls, first, second, self.matching, layout, items))
            why = "from some state they differ" if registers is not None else "registers without partners"
            e = found.evidence
            reached = Evidence("bounded", items, method=e.method, solver=e.solver, note=f"unrolled; {why}")
        return None if reached is NOT_CHECKED else Verdict("unknown", self._noted(reached))

    def _soon(self) -> float:
        """Give until when to try what comes before something else."""
        now = time.monotonic()
        return now + EARLY_SHARE * (self.deadline - now) if self.method == "auto" else self.deadline

    def _by_product(self, first: Side, second: Side, unrolled: Verdict | None = None) -> Verdict:
        """Decide by sequential engines, from the initial states on; `unrolled` is what is known of the first steps."""
        if not self._are_streams:
            raise error(f"{self.method} compares streams and the schedule is `{first.func.schedule}`",
                        help="use the method sat: calls that end can be unrolled")
        product = multiply(first, second, self.matching)
        found = decide(product, self.method, self.deadline)
        if found.trace is not None:
            layout = lay_out(first.func, second.func, self.matching, len(found.trace))
            pattern = product.call(found.trace, layout)
            return self._different(layout, Found(pattern=pattern, method=found.method, solver=found.solver))
        reached = [e for e in (found.evidence, unrolled and unrolled.evidence) if e]
        if not reached and self.method == "auto":
            return self._undecided()
        if not reached:
            return Verdict("unknown", replace(NOT_CHECKED, method=self.method, note=f"{self.method} came to no answer"))
        best = min(reached, key=lambda e: (LEVELS.index(e.level), -e.count))
        return Verdict("equal" if best.is_complete else "unknown", self._noted(best))

    def _proved(self, verdict: Verdict, ask: Callable[[Network], Question]) -> Verdict:
        """Add the proof to a verdict where one is wanted: `ask` builds what was answered in a plain network."""
        if not self.proof:
            return verdict
        found, why = refutation(ask(PlainNetwork()), self.proof, self.proof_seconds, self.seed)
        return replace(verdict, proof=found, no_proof=why)

    def _undecided(self) -> Verdict:
        """Answer unknown; `auto` still tries vectors."""
        if self.method == "auto":
            return self._by_vectors("no method decided in time")
        return Verdict("unknown", replace(NOT_CHECKED, method=self.method, note="not decided in time"))

    def _different(self, layout: Layout, found: Found) -> Verdict:
        """Answer different, if the interpreter agrees: a program that stops on an input has no meaning there."""
        assert found.pattern is not None
        trial = Trial((self.first, self.second), self.matching, layout, found.pattern[None])
        try:
            example = trial.counterexample()
        except CircuitError as e:
            note = f"they differ where the interpreter stops: {e.diagnostics[0].message}"
            return Verdict("unknown", Evidence("not_checked", method=found.method, note=note))
        note = "; ".join(("the counterexample was run on both sides", *self.matching.notes))
        return Verdict("different", Evidence("simulated", 1, found.method, found.solver, note), example)

    def _noted(self, evidence: Evidence, note: str = "") -> Evidence:
        notes = [n for n in (evidence.note, note, *self.matching.notes) if n]
        return replace(evidence, note="; ".join(notes))

    def _by_vectors(self, why: str = "") -> Verdict:
        """Run both sides in the interpreter on random inputs, a batch at a time."""
        a, b = self.first.entry, self.second.entry
        if any(p.type.is_float for p in (*a.inputs, *a.outputs, *b.inputs, *b.outputs)):
            from .float_vectors import compare_floats
            return compare_floats(self.first, self.second, self.vectors, self.seed, why)
        layout = lay_out(a, b, self.matching, STREAM_ITEMS[-1])
        rng = np.random.default_rng(self.seed)
        tried = stopped = 0
        work = len(layout.inputs) * (_numbers_of(self.first) + _numbers_of(self.second))
        vectors = max(1, min(self.vectors, MAX_NUMBERS // work))
        until = max(self.deadline, time.monotonic() + VECTOR_SECONDS)
        while tried + stopped < vectors and (not tried or time.monotonic() < until):
            count = max(1, min(vectors - tried - stopped, BITS_AT_ONCE // max(1, layout.count)))
            trial = Trial((self.first, self.second), self.matching, layout,
                          rng.integers(0, 2, (count, layout.count), dtype=np.uint8))
            try:
                wrong = trial.first_difference()
            except CircuitError:
                stopped += count
                continue
            if wrong is not None:
                return self._different(layout, Found(pattern=trial.patterns[wrong], method="random"))
            tried += count
        if not tried:
            return Verdict("unknown", replace(NOT_CHECKED, method="random", note="the interpreter stopped on all"))
        return Verdict("unknown", self._noted(Evidence("simulated", tried, "random"), why))


def _numbers_of(module: Module) -> int:
    """Estimate how many numbers one step of the main func computes; 64 gates are about as much work as one."""
    body = module.entry.body
    if isinstance(body, Netlist):
        return 1 + body.nodes // 64
    return 1 + sum(n.type.size for n in body.nodes if not n.is_constant)
