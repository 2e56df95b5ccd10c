"""Verilog: read back and compared; clocked designs are played through their handshake too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.ir import Graph, Module
from circuitc.proof import Claim, Verdict, simulate_emitted, verify_emitted, verify_pipeline
from circuitc.proof.emitted import MAX_YOSYS_LINES
from circuitc.tools import tool_version

from .question import Question

MAX_CALLS = 10_000         # of a clocked design that simulation plays, with stalls; each is several cycles
MAX_TABLE_ENTRIES = 500    # that Yosys reads, each some 7 ms: the softmax of four numbers, 3,300 of them, took it 25 s


def check_verilog(q: Question) -> Iterator[Claim]:
    func = q.final.entry
    text = q.emission.files[q.main].decode()
    if func.is_combinational and q.emission.ports["latency"]:
        yield from _pipeline(q, text)
        return
    if func.is_combinational:
        yield _combinational(q, text)
        return
    if q.prove:
        verdict = verify_emitted(q.final, text, q.emission.ports, seconds=q.seconds, proof=q.proof,
                                 files=q.memories)
        yield q.claim("computes each step as program.ccir does", verdict, q.final)
    verdict = simulate_emitted(q.final, text, q.emission.ports, vectors=min(q.vectors, MAX_CALLS), files=q.memories)
    yield q.claim("answers whole calls through its handshake as program.ccir does", verdict, q.final)


def _pipeline(q: Question, text: str) -> Iterator[Claim]:
    """Show the pipeline to be one and compare what it computes; play its handshake too."""
    if text.count("\n") > MAX_YOSYS_LINES:
        yield q.unchecked(f"Yosys is not asked to read more than {MAX_YOSYS_LINES} lines")
        return
    yield _combinational(q, text, verify_pipeline, f", {_cycles(q)} later")
    verdict = simulate_emitted(q.final, text, q.emission.ports, vectors=min(q.vectors, MAX_CALLS), files=q.memories)
    yield q.claim("answers whole calls through its handshake as program.ccir does", verdict, q.final)


def _cycles(q: Question) -> str:
    count = q.emission.ports["latency"]
    return f"{count} cycle{'' if count == 1 else 's'}"


def _combinational(q: Question, text: str, check: Callable[..., Verdict] = verify_emitted, later: str = "") -> Claim:
    """Compare with the model itself where it can be lowered to gates, else with the program after the passes."""
    tables = check is verify_emitted and not q.prove and _table_entries(text) > MAX_TABLE_ENTRIES
    if tables and tool_version("iverilog"):
        verdict = simulate_emitted(q.final, text, q.emission.ports, vectors=min(q.vectors, MAX_CALLS), engine="icarus",
                                   files=q.memories)
        return q.claim("answers as program.ccir does", verdict, q.final)
    method = "auto" if q.prove else "random"
    options: dict[str, Any] = {"seconds": q.seconds, "method": method, "vectors": q.vectors, "proof": q.proof}
    try:
        if _has_floats(q.model) and q.model is not q.final:
            raise CircuitError(Diagnostic("floats have no gates"))  # known before the long reading of the Verilog
        return q.claim(f"equals {q.wanted}{later}", check(q.model, text, q.emission.ports, **options), q.model)
    except CircuitError:
        if q.model is q.final:
            raise
    return q.claim(f"equals program.ccir{later}", check(q.final, text, q.emission.ports, **options), q.final)


def _table_entries(text: str) -> int:
    """Count the entries of tables as often as they are called: Yosys makes each a comparator and a choice."""
    found = 0
    for name, body in re.findall(r"\bfunction \[[^;]*\] (\w+);(.*?)\bendfunction", text, re.DOTALL):
        found += body.count(f": {name} = ") * text.count(f"{name}(")
    return found


def _has_floats(module: Module) -> bool:
    bodies = (f.body for f in module.funcs.values() if isinstance(f.body, Graph))
    return any(n.type.is_float for body in bodies for n in body.nodes)
