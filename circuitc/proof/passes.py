"""Prove that a pass on gates kept its promise: the check that `compile --prove` runs after each exact pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import Func, Module, Netlist, module_of, print_module
from circuitc.passes import Pass, check_exact

from .equivalence import verify
from .evidence import Evidence


def prove_exact(before: Module, after: Module, *, pass_: Pass | None = None, seconds: float = 60) -> Mapping[str, Any]:
    """Check a pass as `check_exact` does, then prove it where only bodies of gates changed; answer the evidence.

    The evidence is `proved` only where every func that changed is proved; else it is what the check found. Raises an
    InternalError with a reproducer where the programs differ.
    """
    checked = check_exact(before, after, pass_=pass_)
    changed = [(f, after.funcs.get(name)) for name, f in before.funcs.items() if after.funcs.get(name) is not f]
    if checked.get("level") == "proved" or not changed or set(before.funcs) != set(after.funcs):
        return checked
    if not all(_is_gates(f) and g is not None and _is_gates(g) for f, g in changed):
        return checked
    found: list[Evidence] = []
    for was, now in changed:
        assert now is not None
        found.append(_prove(was, now, pass_, seconds))
        if found[-1].level != "proved":
            return checked
    methods = sorted({f"{e.method} {e.solver}".strip() for e in found})
    return {"level": "proved", "method": ", ".join(methods)}


def _is_gates(func: Func) -> bool:
    return isinstance(func.body, Netlist)


def _prove(was: Func, now: Func, pass_: Pass | None, seconds: float) -> Evidence:
    before = module_of(was)
    try:
        verdict = verify(before, module_of(now), seconds=seconds)
    except CircuitError as e:
        return Evidence("not_checked", note=e.diagnostics[0].message)
    if verdict.counterexample is not None:
        broken = InternalError(f"pass {pass_ or '?'} changed the meaning of @{was.name}: {verdict.counterexample}")
        broken.add_note(print_module(before))
        raise broken
    return verdict.evidence if verdict.status == "equal" else Evidence("not_checked", note="not decided in time")
