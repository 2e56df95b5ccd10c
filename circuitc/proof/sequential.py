"""Do two streams agree from their initial states on? ABC's sequential engines on the product of the two."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from circuitc.diagnostics import CircuitError
from circuitc.formats.aiger_read import parse_aiger
from circuitc.ir import Netlist
from circuitc.tools import Completed, ToolFailed, ToolTimeout, require_tool, run_tool

from .evidence import Evidence
from .invariant import holds, read_invariant
from .layout import Pattern
from .product import Product
from .sweep import SOLVER, SOLVER_NAMES

SEQUENTIAL = ("scorr", "dsec", "pdr", "bmc")  # methods for streams only
BMC_STEPS = 100     # a number and not a time, so that the answer is the same on every machine
SHARES = (("pdr", 0.2), ("scorr", 0.3), ("dsec", 0.5), ("pdr", 0.7), ("bmc", 1.0))  # of the time left, in `auto`


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine found: `evidence` (complete or bounded), or a `trace`, uint8[steps, inputs], or neither."""

    evidence: Evidence | None = None
    trace: Pattern | None = None
    method: str = ""
    solver: str = ""

    @property
    def is_decided(self) -> bool:
        return self.trace is not None or (self.evidence is not None and self.evidence.is_complete)


def decide(product: Product, method: str, deadline: float) -> Answer:
    """Ask one engine, or for `auto` one after the other; a trace has been run on the product before it is answered."""
    best, differ = Answer(), int(product.netlist.outputs[0])
    if differ <= 1:  # ABC leaves a constant output undecided
        trace = np.zeros((1, product.layout.count), np.uint8) if differ else None
        return Answer(None if differ else Evidence("proved", method="structural hashing"), trace, "structural hashing")
    for engine, share in SHARES if method == "auto" else ((method, 1.0),):
        left = deadline - time.monotonic()
        if left < 1 or best.is_decided:
            break
        best = max(best, _ask(product, engine, max(1.0, share * left)), key=_rank)
    return best


def _rank(answer: Answer) -> int:
    return 2 if answer.is_decided else int(answer.evidence is not None)


@dataclass(frozen=True, slots=True)
class _Session:
    """One run of ABC that came to its end: the product, its folder, what it said, and until when to work."""

    product: Product
    folder: Path
    said: str
    deadline: float


@dataclass(frozen=True, slots=True)
class _Engine:
    """One engine: ABC's commands (`{t}` is the time) and how to see in what it left that the sides agree."""

    solver: str
    commands: str
    evidence: Callable[[_Session], Evidence | None]


def _ask(product: Product, method: str, seconds: float) -> Answer:
    """Run one engine in a process of its own."""
    engine, abc, deadline = ENGINES[method], require_tool("yosys-abc"), time.monotonic() + seconds
    commands = engine.commands.format(t=max(1, int(0.8 * seconds)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "product.aig").write_bytes(product.to_aiger())
        try:
            done = run_tool([str(abc), "-q", f"read_aiger product.aig; {commands}; write_cex -a trace.txt"],
                            folder=folder, seconds=seconds + 0.5)
        except ToolTimeout:
            return Answer()
        trace = _trace(product, folder / "trace.txt")
        if trace is not None:
            return Answer(None, trace, method, engine.solver)
        _complain(done, engine)
        return Answer(engine.evidence(_Session(product, folder, done.stdout, deadline)), None, method, engine.solver)


def _complain(done: Completed, engine: _Engine) -> None:
    """Raise where ABC did not even take the commands; out of memory or time is no answer and no error."""
    if "** cmd error" in done.said:
        raise ToolFailed(engine.solver, done)


def _trace(product: Product, path: Path) -> Pattern | None:
    """Read ABC's trace, up to the first step where the product says that the sides differ; None where it never does."""
    if not path.is_file():
        return None
    _, *rows = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    bits = product.layout.count
    rows = rows if bits else [""] * len(rows)
    if not rows or any(len(row) != bits or set(row) - set("01") for row in rows):
        return None
    trace = np.array([[int(c) for c in row] for row in rows], np.uint8).reshape(len(rows), bits)
    wrong = product.first_difference(trace)
    return None if wrong is None else trace[:wrong + 1]


def _by_pdr(session: _Session) -> Evidence | None:
    """Believe PDR only with its invariant, which our own solver shows to be one."""
    if not re.search(r"^Property proved", session.said, re.MULTILINE):
        return None
    clauses = read_invariant(session.folder / "invariant.pla")
    if clauses is None or not holds(session.product, clauses, session.deadline):
        return None
    note = f"an invariant of {len(clauses)} clauses, checked by {SOLVER_NAMES[SOLVER]}"
    return Evidence("proved", method="pdr", solver="ABC pdr", note=note)


def _by_correspondence(session: _Session) -> Evidence | None:
    """Look whether the network that is left has the constant 0 for its output."""
    path = session.folder / "left.aig"
    try:
        body = parse_aiger(path.read_bytes(), path.name).entry.body if path.is_file() else None
    except CircuitError:  # cut short: the process was ended while it wrote
        return None
    if not isinstance(body, Netlist) or body.outputs[0] != 0:
        return None
    return Evidence("proved", method="scorr", solver="ABC scorr", note="signals that correspond by induction")


def _by_dsec(session: _Session) -> Evidence | None:
    if not re.search(r"^Networks are equivalent", session.said, re.MULTILINE):
        return None
    return Evidence("proved", method="dsec", solver="ABC dprove")


def _by_bmc(session: _Session) -> Evidence | None:
    """Read how many steps were covered: a bound that ABC began and did not finish is not in its count."""
    found = re.search(r"^(?:No output asserted in|Explored all reachable states after completing) (\d+) frames",
                      session.said, re.MULTILINE)
    if found is None or not int(found[1]):
        return None
    return Evidence("bounded", int(found[1]), "bmc", "ABC bmc3", "from the initial states")


ENGINES = {
    "scorr": _Engine("ABC scorr", "scorr; scorr -F 4; write_aiger left.aig", _by_correspondence),
    "dsec": _Engine("ABC dprove", "dprove -T {t}", _by_dsec),
    "pdr": _Engine("ABC pdr", "pdr -T {t} -d -I invariant.pla", _by_pdr),
    "bmc": _Engine("ABC bmc3", f"bmc3 -F {BMC_STEPS} -T {{t}}", _by_bmc),
}
