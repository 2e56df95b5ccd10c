"""What a comparison answers: equal, different or unknown, with the evidence and a counterexample to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.ir import Port

from .evidence import Evidence
from .proof_file import Proof, proof_json

Status = Literal["equal", "different", "unknown"]
Values = Mapping[str, NDArray[Any]]
MAX_TOLD = 24  # values of a counterexample in one line; files and --json have all


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Inputs on which two programs differ, as raw numbers without a batch axis, and what each side answers.

    The ports describe all of it: what has an axis of steps in front has rate `step`. `state` holds free registers,
    `free` what the second side leaves undefined. It has been run through the interpreter on both sides.
    """

    inputs: Values
    state: Values
    free: Values
    first: Values
    second: Values
    input_ports: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    steps: int = 0

    @property
    def differing(self) -> tuple[str, ...]:
        """Name the outputs that differ."""
        return tuple(p.name for p in self.output_ports
                     if not np.array_equal(self.first[p.name], self.second[p.name], equal_nan=p.type.is_float))

    def lines(self) -> list[str]:
        """Lay it out for a terminal: inputs, then what each side answers where they differ."""
        ports = {p.name: p for p in (*self.input_ports, *self.output_ports)}
        given = [f"  {n} = {_shown(ports[n], v)}" for part in (self.inputs, self.state, self.free)
                 for n, v in part.items()]
        seen = [f"  {n}: {_shown(ports[n], self.first[n])} in the first, "
                f"{_shown(ports[n], self.second[n])} in the second" for n in self.differing]
        return [*given, *seen]

    def __str__(self) -> str:
        types = {p.name: p for p in (*self.input_ports, *self.output_ports)}
        told = [f"{n}={_shown(types[n], v)}" for part in (self.inputs, self.state, self.free) for n, v in part.items()]
        given = ", ".join(told[:MAX_TOLD]) + (f", ... {len(told)} in all" if len(told) > MAX_TOLD else "")
        seen = "; ".join(f"{n} is {_shown(types[n], self.first[n])} in the first, "
                         f"{_shown(types[n], self.second[n])} in the second" for n in self.differing[:4])
        more = f"; and {len(self.differing) - 4} more outputs" if len(self.differing) > 4 else ""
        return f"for {given or 'no inputs'}: {seen}{more}"

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        parts = {"inputs": self.inputs, "state": self.state, "free": self.free, "first": self.first,
                 "second": self.second}
        return {name: {n: np.asarray(v).tolist() for n, v in part.items()} for name, part in parts.items()} | {
            "differing": list(self.differing)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to "do these compute the same?".

    `equal` is said only where every input was covered, `different` only with a counterexample; everything else is
    `unknown`, and the evidence says what was tried without finding a difference. `artefact` is the SHA-256 of the text
    that was read back, where one was: a certificate takes the verdict for that very file only.
    """

    status: Status
    evidence: Evidence
    counterexample: Counterexample | None = None
    subject: str = ""
    reader: str = ""
    artefact: str = ""
    proof: Proof | None = None
    no_proof: str = ""

    def __post_init__(self) -> None:
        assert (self.status == "different") == (self.counterexample is not None), "a difference shows where"
        assert (self.status == "equal") == self.evidence.is_complete, "equal is what every input was covered for"

    @property
    def is_equal(self) -> bool:
        return self.status == "equal"

    def describe(self) -> str:
        """Say how it is known, in one line: `proved: sat, Glucose 4.1, latch-matched`."""
        if self.counterexample is not None:
            return f"{self.evidence.method}; {self.evidence.note}".strip("; ")
        how = ", ".join(part for part in (self.evidence.method, self.evidence.solver, self.evidence.note) if part)
        return f"{self.evidence}{f': {how}' if how else ''}"

    def __str__(self) -> str:
        head = f"{self.status} ({self.describe()})"
        return f"{head}: {self.counterexample}" if self.counterexample else head

    def raise_if_different(self) -> Verdict:
        """Raise a CircuitError that shows the counterexample where the sides differ; else answer the verdict."""
        if self.counterexample is not None:
            raise CircuitError(Diagnostic(f"{self.subject or 'the two sides'} differ {self.counterexample}"))
        return self

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values, for `--json`."""
        plain = {"status": self.status, "evidence": self.evidence.as_json(), "subject": self.subject,
                 "reader": self.reader,
                 "counterexample": self.counterexample.as_json() if self.counterexample else None}
        return plain | proof_json(self.proof, self.no_proof)


def _shown(port: Port, value: NDArray[Any]) -> str:
    """Print a value short: vectors of bits as one number in hexadecimal, of other long arrays the first entries."""
    flat = np.asarray(value).ravel().tolist()
    if np.ndim(value) == 0:
        return str(flat[0])
    if port.type.is_bit and len(flat) == port.type.size > 8:
        return hex(sum(int(bit) << k for k, bit in enumerate(flat)))
    return f"[{', '.join(map(str, flat[:16]))}{f', ... {len(flat)} in all' if len(flat) > 16 else ''}]"
