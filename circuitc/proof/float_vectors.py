"""Compare programs with float ports on vectors: bits cannot be matched there, so types must, and a tolerance holds."""

from __future__ import annotations

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Module
from circuitc.passes.check import compare, sample_inputs

from .evidence import NOT_CHECKED, Evidence
from .verdict import Counterexample, Verdict

SAMPLES_AT_ONCE = 1024


def compare_floats(first: Module, second: Module, vectors: int, seed: int, why: str = "") -> Verdict:
    """Run both on random inputs; floats agree within 1e-5 of the tensor's largest magnitude."""
    a, b = first.entry, second.entry
    if (a.inputs, a.results) != (b.inputs, b.results) or a.schedule != b.schedule or a.name != b.name:
        mine, theirs = (", ".join(f"{p.name}: {p.type}" for p in (*f.inputs, *f.results)) for f in (a, b))
        raise error("programs with floats are compared with equal names, ports and schedules only: "
                    f"@{a.name} has {mine}; @{b.name} has {theirs}")
    if any(r.initial is None for f in (a, b) for r in f.registers):
        return Verdict("unknown", Evidence("not_checked", method="random", note="registers without initial value"))
    rng, tried, drawn = np.random.default_rng(seed), 0, 0
    while drawn < vectors:
        inputs = sample_inputs(a, min(SAMPLES_AT_ONCE, vectors - drawn), rng)
        drawn += SAMPLES_AT_ONCE
        count, difference = compare(first, second, a, inputs, {})
        if difference is not None:
            name = difference.output
            example = Counterexample(dict(difference.inputs), {}, {}, {name: np.asarray(difference.before)},
                                     {name: np.asarray(difference.after)}, a.inputs, (a.result(name),))
            return Verdict("different", Evidence("simulated", 1, "random"), example)
        tried += count
    note = "; ".join(n for n in (why, "floats within 1e-5") if n)
    return Verdict("unknown", Evidence("simulated", tried, "random", note=note) if tried else NOT_CHECKED)
