"""Traffic and peak memory of a schedule are what a counting run of the interpreter finds, array by array."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.formats.ncd.parse import parse_diagram
from circuitc.ir import run
from circuitc.models.diagrams import Typed, elaborate, lower
from circuitc.models.diagrams.cost import cost
from circuitc.models.diagrams.steps import Step

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "diagrams"
KNOWN = ("weight", "number", "iverson")   # there before the first step


def result_of(step: Step, arrays: dict[int, Any], seed: int) -> Any:
    """Run one step alone through the interpreter."""
    wires = {w.key: replace(w, name=f"w{w.key}") for w in step.inputs}
    module = lower(Typed("step", tuple(wires.values()), (("y", step.output),), (step,)), seed)
    return run(module, {w.name: arrays[key][None] for key, w in wires.items()})["y"][0]


@pytest.mark.parametrize("name", ["attention", "multihead", "mlp", "convolution", "hopfield", "kan"])
def test_traffic_and_peak_are_those_of_a_counting_run(name: str) -> None:
    diagram, _ = parse_diagram((EXAMPLES / f"{name}.ncd").read_text(), name)
    typed, seed = elaborate(diagram), diagram.seed or 0
    rng = np.random.default_rng(0)
    entered = {w.name: rng.uniform(-1, 1, w.shape).astype(np.float32) for w in typed.inputs}
    live = {w.key: entered[w.name] for w in typed.inputs}
    live |= {s.output.key: result_of(s, {}, seed) for s in typed.steps if s.op in KNOWN}
    stays = set(live) | {w.key for _, w in typed.outputs}
    uses = Counter(w.key for s in typed.steps for w in s.inputs)
    traffic, peak = 0, sum(a.size for a in live.values())
    for step in typed.steps:
        if step.op in KNOWN:
            continue
        made = result_of(step, live, seed)
        traffic += sum(live[w.key].size for w in step.inputs) + made.size
        live[step.output.key] = made
        peak = max(peak, sum(a.size for a in live.values()))
        uses.subtract(w.key for w in step.inputs)
        for key in {w.key for w in (*step.inputs, step.output)}:
            if not uses[key] and key not in stays:
                del live[key]
    found = cost(typed)
    assert found.traffic.at(found.lengths) == traffic
    assert found.peak.at(found.lengths) == peak
    assert found.weights.at(found.lengths) == sum(
        live[s.output.key].size for s in typed.steps if s.op == "weight")
    whole = run(lower(typed, seed), {n: a[None] for n, a in entered.items()})
    for label, wire in typed.outputs:
        np.testing.assert_allclose(live[wire.key], whole[label][0], atol=1e-5)
