"""Reservoirs on devices as they are: NARMA-10, a readout trained on whole numbers, and on the states of each array.

    python benchmarks/crossbar_reservoir.py [--seeds 5] [--units 60] [--steps 2000] [--figure reservoir.svg]

An echo state network of weights in 5 bits and states in 8 lies on 64 x 128 tiles of 16 levels
(examples/21_measured_reservoir/array.toml), wires of the preset rram-128, solved exactly. Each seed draws a task, a
reservoir and the devices of its array: lognormal about their targets, or, never programmed, about the middle of the
levels, then with one gain a matrix. Errors are root mean squares over the deviation on the last quarter of the steps,
which no readout was fitted to; mean and 95 % interval (Student's t) over seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import circuitc
from circuitc.ir import decode, encode
from circuitc.simulation.crossbar.montecarlo import Interval, interval
from circuitc.simulation.crossbar.reservoir import fit_readout

ARRAY = Path(__file__).resolve().parents[1] / "examples" / "21_measured_reservoir" / "array.toml"
CASES = [*((s, False) for s in (0.05, 0.1, 0.2, 0.4)), *((s, True) for s in (0.2, 0.4, 0.8))]
Errors = dict[tuple[float, bool], list[tuple[float, float]]]


def narma(steps: int, seed: int) -> tuple[Any, Any]:
    """Draw a NARMA-10 sequence: inputs [1, steps, 1] and answers [1, steps]; some draws grow without bound."""
    for attempt in range(100):
        u = np.random.default_rng([seed, attempt]).uniform(0, 0.5, steps)
        y = np.zeros(steps + 1)
        for k in range(9, steps):
            y[k + 1] = 0.3 * y[k] + 0.05 * y[k] * y[k - 9:k + 1].sum() + 1.5 * u[k - 9] * u[k] + 0.1
        if np.abs(y).max() < 2:
            return u[None, :, None].astype(np.float32), y[None, 1:]
    raise AssertionError("no bounded sequence in 100 draws")


def one(seed: int, units: int, steps: int, folder: Path) -> tuple[float, Errors]:
    """Give the error on whole numbers, and for each case those with that readout and with its own."""
    u, y = narma(steps, seed)
    path = folder / f"reservoir{seed}.json"
    path.write_text(json.dumps({
        "schema": "circuitc.model/1", "kind": "reservoir", "model": "echo-state",
        "weights": {"draw": "sparse", "rows": units, "columns": units, "density": "0.2", "radius": "0.9", "seed": seed},
        "weights_in": {"draw": "sparse", "rows": units, "columns": 1, "scale": "0.3", "seed": 1000 + seed}}))
    module = circuitc.run_passes(circuitc.load(path), "quantize{weights=5,activations=8,sensitivity=false}",
                                 calibration={"u": u})
    circuitc.compile(module, "crossbar", out=folder / f"bundle{seed}", verify=False,
                     options={"array": str(ARRAY), "encoding": "diff_pair", "periphery": "false"})
    program = circuitc.crossbar.load(folder / f"bundle{seed}")
    takes, gives = program.module.entry.inputs[0], program.module.entry.outputs[0]
    raw = {"u": encode(takes, np.minimum(u, takes.type.highest * 2.0**-takes.type.fraction), 2)}
    ideal = decode(gives, program.run(raw, "ideal")["y"])
    assert np.array_equal(ideal, decode(gives, circuitc.jit(module).run(raw)["y"])), "whole numbers"
    trained = fit_readout(ideal, y)
    rest = slice(steps - steps // 4, steps)
    errors: Errors = {}
    for sigma, unprogrammed in CASES:
        file = folder / "measured.csv"
        file.write_text(program.sample(seed, sigma, unprogrammed=unprogrammed))
        states = decode(gives, program.run_measured(raw, file, unprogrammed=unprogrammed)["y"])
        missed = (states @ trained.weights.T + trained.bias)[0, rest, 0] - y[0, rest]
        kept = float(np.sqrt(np.mean(missed**2)) / y[0, rest].std())
        errors[sigma, unprogrammed] = [(kept, fit_readout(states, y).unseen)]
    return trained.unseen, errors


def draw(path: Path, whole: Interval, rows: Sequence[tuple[float, bool, Interval]]) -> None:
    """Draw the errors with a readout of each array's own, means with their intervals."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "circuitc"
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(5.5, 3.2), layout="constrained")
    for unprogrammed, label in ((False, "programmed, off their targets"), (True, "never programmed")):
        own = [(s, i) for s, u, i in rows if u == unprogrammed]
        panel.errorbar([s for s, _ in own], [i.mean for _, i in own], [i.half for _, i in own], marker="o",
                       markersize=3, capsize=3, label=label)
    panel.axhline(whole.mean, color="grey", linewidth=0.8, linestyle=":", label="whole numbers")
    panel.axhspan(whole.mean - whole.half, whole.mean + whole.half, color="grey", alpha=0.15)
    panel.set_xscale("log")
    ticks = sorted({s for s, _ in CASES})
    panel.set_xticks(ticks, [f"{s:g}" for s in ticks])
    panel.set_xticks([], minor=True)
    panel.set_xlabel("devices vary: sigma of ln G")
    panel.set_ylabel("NARMA-10, error / deviation")
    panel.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("seeds", 5), ("units", 60), ("steps", 2000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--figure", type=Path)
    wish = parser.parse_args(arguments)
    whole: list[float] = []
    every: Errors = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(wish.seeds):
            exact, errors = one(seed, wish.units, wish.steps, Path(folder))
            whole.append(exact)
            for case, pair in errors.items():
                every.setdefault(case, []).extend(pair)
            print(f"seed {seed}: whole numbers {exact:.3f}; own readouts "
                  f"{', '.join(f'{pair[0][1]:.3f}' for pair in errors.values())}", flush=True)
    print(f"whole numbers: {interval(whole)}")
    rows = [(sigma, unprogrammed, interval([own for _, own in every[sigma, unprogrammed]]))
            for sigma, unprogrammed in CASES]
    for sigma, unprogrammed, own in rows:
        other = interval([kept for kept, _ in every[sigma, unprogrammed]])
        print(f"{'never programmed' if unprogrammed else 'off their targets'} sigma {sigma}: readout of whole numbers "
              f"{other}; their own {own}")
    if wish.figure:
        draw(wish.figure, interval(whole), rows)


if __name__ == "__main__":
    main(sys.argv[1:])
