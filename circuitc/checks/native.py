"""Shared libraries: run in this process on vectors and compared with the interpreter; tested, never proved."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import Func, Module, random_raw, run
from circuitc.passes import sample_inputs
from circuitc.passes.check import FED_BACK_STEPS, comparable, fed_back
from circuitc.proof import Claim, Evidence, Verdict
from circuitc.proof.certificate import digest

from .question import Question

TOLERANCE = 1e-5           # of the largest magnitude: the order of a float contraction is free


def check_llvm(q: Question) -> Iterator[Claim]:
    """Run the emitted shared library in this process on vectors, and compare with the interpreter."""
    name = next((n for n in q.emission.files if n.endswith(".so")), "")
    if not name:
        yield q.unchecked("there was no C compiler to link the object file with")
        return
    yield from check_library(q, name, q.final, q.emission.ports)


def check_library(q: Question, name: str, called: Module, ports: Mapping[str, Any]) -> Iterator[Claim]:
    """Call a shared library that was made of `called`, which has the ports of the program."""
    from circuitc.backends.llvm import load_library

    func, rng = q.final.entry, np.random.default_rng(0)
    inputs = sample_inputs(func, q.vectors, rng)
    state = {r.name: random_raw(r.type, q.vectors, rng) for r in func.registers if r.initial is None}
    try:
        wanted = run(q.final, inputs, state=state)
    except CircuitError as e:
        yield q.unchecked(f"the interpreter stops: {e.diagnostics[0].message}")
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(q.emission.files[name])
        native = load_library(Path(folder) / name, called, ports)
        _compare(name, wanted, native.run(inputs, state=state), func)
    part = f", outputs of steps on the first {FED_BACK_STEPS} (floats are fed back)" if fed_back(func) else ""
    verdict = Verdict("unknown", Evidence("simulated", q.vectors, f"random vectors{part}"), reader="this process",
                      artefact=digest(q.emission.files[name]))
    yield Claim(f"{name} answers calls as program.ccir does", name, verdict, len(q.final.facts.get("passes", ())))


def _compare(what: str, wanted: Mapping[str, Any], got: Mapping[str, Any], func: Func) -> None:
    for port in func.results:
        a, b = (comparable(func, port, np.asarray(values[port.name])) for values in (wanted, got))
        if port.type.is_float:
            scale = float(np.abs(a[np.isfinite(a)]).max(initial=1.0))
            same = a.shape == b.shape and np.allclose(a, b, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
        else:
            same = np.array_equal(a, b)
        if not same:
            raise InternalError(f"{what} differs from the interpreter in output {port.name}")
