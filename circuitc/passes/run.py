"""Run pipelines: verify after each pass, check the exact ones, and write down what each did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import Module, Type, print_module, verify_module

from .base import Context, Pass
from .check import check_exact, measure
from .pipeline import Pipeline, parse_pipeline

Check = Callable[..., Mapping[str, Any]]


def run_passes(module: Module, pipeline: str | Pipeline | Sequence[Pass], *,
               calibration: Mapping[str, Any] | None = None, verify: bool = True,
               check: Check | None = check_exact) -> Module:
    """Run passes one after the other, and answer the module that comes out.

    `facts["passes"]` of the answer lists for each pass its name, options, whether it is exact, whether it changed
    anything, the evidence and what it noted. With `verify`, the program is verified before the first and after each
    pass. `check` compares the programs before and after an exact pass; None leaves them unchecked, and the record
    says so.
    `calibration` holds raw numbers by input port, [samples, *shape].
    """
    passes = parse_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
    if verify:
        verify_module(module)
    for p in passes:
        module = _step(module, p, calibration, verify, check)
    return module


def _step(module: Module, p: Pass, calibration: Mapping[str, Any] | None, verify: bool, check: Check | None) -> Module:
    context = Context(calibration=calibration, module=module)
    after = p.apply(module, context)
    if verify and after is not module:
        _verify(module, after, p)
    evidence = _evidence(module, after, p, context, check)
    record = {
        "name": p.name(), "options": {name: _plain(value) for name, value in p.options().items()}, "exact": p.exact,
        "changed": after is not module, "evidence": dict(evidence), "facts": context.facts,
    }
    return replace(after, facts={**after.facts, "passes": [*module.facts.get("passes", ()), record]})


def _evidence(before: Module, after: Module, p: Pass, context: Context, check: Check | None) -> Mapping[str, Any]:
    if p.exact:
        own = context.facts.pop("evidence", None)  # of a pass that tried everything itself; it is checked all the same
        if check is None:
            return {"level": "not_checked", "reason": "switched off"}
        checked = check(before, after, pass_=p)
        return checked if own is None else own
    if "evidence" in context.facts:
        return context.facts.pop("evidence")
    if before is after:
        return {"level": "proved", "method": "the program is unchanged"}
    if context.calibration is None:
        return {"level": "not_checked", "reason": "no calibration data was given"}
    return measure(before, after, context.calibration)


def _verify(before: Module, after: Module, p: Pass) -> None:
    try:
        verify_module(after)
    except CircuitError as e:
        broken = InternalError(f"pass {p} made a program that does not verify: {e}")
        broken.add_note(print_module(before))
        raise broken from e


def _plain(value: Any) -> Any:
    """Give an option's value as JSON can hold it."""
    return str(value) if isinstance(value, Type) else value
