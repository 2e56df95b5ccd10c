"""The Lorenz attractor in floats and in fixed point: state space divergence, symbolic code, Verilog."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from lorenz import divergence, trajectories

import circuitc
from circuitc.ir import Schedule, decode, encode
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

RUNS, STEPS, TRANSIENT = 10, 10_000, 1000
clouds = trajectories(2 * RUNS, STEPS, seed=11)
true, other = clouds[:RUNS], clouds[RUNS:]
model = circuitc.load(Path(__file__).resolve().parent / "model.json")
starts = true[:, ::2000].reshape(-1, 3).astype(np.float32)


def lasting(module: circuitc.Module, steps: int) -> circuitc.Module:
    """Give the same design for another number of steps."""
    return module.with_func(replace(module.entry, schedule=Schedule("iterate", steps)))


def free_run(module: circuitc.Module) -> tuple[Any, Any]:
    """Run natively from the first true observations on: states as real numbers, and codes."""
    start, answer = module.entry.inputs[0], module.entry.outputs[0]
    y, code = circuitc.jit(lasting(module, STEPS))(encode(start, true[:, 0]))
    return decode(answer, y)[:, TRANSIENT:].reshape(-1, 3), code


def fixed_point(bits: int) -> circuitc.Module:
    """Give the network with weights and states of so many bits."""
    pipeline = f"quantize{{weights=i{bits},activations={bits},inputs={bits},sensitivity=false}},narrow"
    return circuitc.run_passes(lasting(model, 100), pipeline, calibration={"x0": starts})


def report(what: str, cloud: Any, digits: int = 2) -> None:
    print(f"{what:27} {divergence(true.reshape(-1, 3), cloud):.{digits}f}")


report("another true trajectory", other[:, TRANSIENT:].reshape(-1, 3))
report("AL-RNN, f32, about", free_run(model)[0], 0)  # processors add floats in orders of their own, and chaos shows it
for bits in (16, 12, 10, 8):
    small = fixed_point(bits)
    cloud, code = free_run(small)
    report(f"AL-RNN, {bits:2} bits", cloud)
    if bits == 12:
        chosen, symbols = small, code

words = ["".join(map(str, row)) for row in symbols[0, TRANSIENT:]]
print("\nsymbolic code, 12 bits:", ", ".join(f"{w} {words.count(w) / len(words):.1%}" for w in sorted(set(words))))
print("a stretch of it:", " ".join(f"{w}x{len(list(run))}" for w, run in groupby(words[:300])))

short = lasting(chosen, 100)
build = circuitc.compile(short, target="verilog", verify=False)  # simulated below; no claim is made
start = {"x0": encode(short.entry.inputs[0], true[:2, 0])}
wanted = circuitc.run(short, start)
text = build.artefacts[build.main].decode()
simulated = simulate_verilog(text, build.ports, build.module, start, engine="icarus" if tool_version("iverilog") else (
    "yosys"))
print(f"\n{build.main}: {build.report['figures']['lines']} lines; simulated for 100 steps, the same bits:",
      all(np.array_equal(simulated[name], wanted[name]) for name in wanted))
