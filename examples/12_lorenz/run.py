"""The Lorenz attractor in floats and in fixed point: state space divergence, symbolic code, Verilog."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from lorenz import divergence, trajectories

import circuitc
from circuitc.ir import Schedule, decode, encode
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

RUNS, STEPS, TRANSIENT = 10, 10_000, 1000
true = trajectories(RUNS, STEPS, seed=11)
other = trajectories(RUNS, STEPS, seed=12)
model = circuitc.load(Path(__file__).resolve().parent / "model.json")


def lasting(module: circuitc.Module, steps: int) -> circuitc.Module:
    """Give the same design for another number of steps."""
    return module.with_func(replace(module.entry, schedule=Schedule("iterate", steps)))


def free_run(module: circuitc.Module) -> tuple[Any, Any]:
    """Run from the first true observations on: states as real numbers, and codes, as one row a step."""
    start, answer = module.entry.inputs[0], module.entry.outputs[0]
    y, code = circuitc.jit(lasting(module, STEPS))(encode(start, true[:, 0]))
    return decode(answer, y)[:, TRANSIENT:].reshape(-1, 3), code


def report(what: str, cloud: Any) -> None:
    print(f"{what:26} {divergence(true.reshape(-1, 3), cloud):6.2f}")


print(f"{'':26} D_stsp")
report("another true cloud", other[:, TRANSIENT:].reshape(-1, 3))
cloud, floats = free_run(model)
report("AL-RNN, f32", cloud)
for bits in (16, 14, 12, 10, 8):
    small = circuitc.run_passes(
        model, f"quantize{{weights=i{bits},activations={bits},inputs={bits},sensitivity=false}},narrow",
        calibration={"x0": true[:, ::1000].reshape(-1, 3).astype(np.float32)})
    cloud, codes = free_run(small)
    report(f"AL-RNN, {bits} bits", cloud)
