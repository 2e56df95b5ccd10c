"""The section on accuracy: how often answers stay right as devices vary, simulated, or from a benchmark's file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.crossbar.array import Array
from circuitc.diagnostics import error
from circuitc.ir import Module, run
from circuitc.simulation.crossbar.bundle import Bundle
from circuitc.simulation.crossbar.montecarlo import agreement, interval, trials

from .charts import CurvePoint, curve
from .page import Page, table

SIGMAS = (0.05, 0.1, 0.2, 0.4)   # of the logarithm of the conductance
MOST_BYTES = 1 << 24             # of a file of accuracies


def put_accuracy(page: Page, bundle: Bundle, module: Module, array: Array, inputs: Mapping[str, Any] | None,
                 seeds: int, results: Path | None) -> None:
    """Draw the results of a file, and of a Monte Carlo run on raw inputs, `seeds` arrays a point."""
    page.section("Accuracy under variation")
    if results is None and inputs is None:
        page.paragraph("Not simulated for this page: --samples N or --inputs FILE does so, --accuracy FILE shows what "
                       "a benchmark found.", "note")
    if results is not None:
        for what, points in read_accuracy(results).items():
            page.put(curve(what, what, points))
            page.put(_points(points))
        page.paragraph(f"From {results.name}: what is right, in percent, with the 95 % interval over seeds.", "note")
    if inputs is not None:
        points = simulated(module, bundle, array, inputs, seeds)
        page.put(curve("samples on which all outputs are those of the interpreter",
                       "device variation, sigma of ln G (lognormal)", points))
        page.put(_points(points))
        page.paragraph(f"{len(next(iter(inputs.values())))} samples on {seeds} simulated arrays a point (Monte Carlo; "
                       "wires solved exactly, references as compiled); mean and 95 % interval over arrays (Student's "
                       "t). Read noise, stuck devices and drift are those of the hardware file.", "note")


def simulated(module: Module, bundle: Bundle, array: Array, inputs: Mapping[str, Any], seeds: int) -> list[CurvePoint]:
    """Run arrays whose devices vary more and more, and count the samples with all outputs right."""
    wanted = run(module, inputs)
    points: list[CurvePoint] = []
    for sigma in (0.0, *SIGMAS):
        variation = replace(array.variation, d2d_model="lognormal", d2d_sigma=sigma)
        made = trials(module, bundle, inputs, variation, seeds=seeds)
        found = interval([agreement(wanted, t.outputs)[0] for t in made])
        points.append(CurvePoint(sigma, 100 * found.mean, 100 * found.half if np.isfinite(found.half) else None))
    return points


def _points(points: Sequence[CurvePoint]) -> str:
    return table(("amount", "right, %", "95 % interval"), [
        (f"{p.amount:g}", f"{p.mean:.2f}", "" if p.half is None else f"+- {p.half:.2f}") for p in points], numbers=True)


def read_accuracy(path: Path) -> dict[str, list[CurvePoint]]:
    """Read results of `benchmarks/crossbar_accuracy.py --json`: points by what varies, shares as percent."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise error(f"{path}: is larger than a file of accuracies may be ({MOST_BYTES} bytes)")
        document = json.loads(path.read_bytes())
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except (ValueError, RecursionError):
        raise error(f"{path}: is not JSON") from None
    if not isinstance(document, dict) or document.get("schema") != "circuitc.accuracy/1":
        raise error(f'{path}: expected an object with "schema": "circuitc.accuracy/1"')
    found: dict[str, list[CurvePoint]] = {}
    rows = document.get("rows")
    for k, each in enumerate(rows if isinstance(rows, list) else []):
        try:
            amount, mean, half = (float(each[key]) for key in ("amount", "mean", "half"))
            what, seeds = str(each["what"]), int(each["seeds"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise error(f"{path}:rows[{k}]: expected what, amount, mean, half and seeds") from None
        if not (0 <= amount < 1e9 and 0 <= mean <= 1 and half >= 0):
            raise error(f"{path}:rows[{k}]: amount is not below 0, mean from 0 to 1, half not below 0")
        known = seeds > 1 and np.isfinite(half)
        found.setdefault(what, []).append(CurvePoint(amount, 100 * mean, 100 * half if known else None))
    if not found:
        raise error(f"{path}: has no rows")
    return {what: sorted(points, key=lambda p: p.amount) for what, points in found.items()}


__all__ = ["SIGMAS", "put_accuracy", "read_accuracy", "simulated"]
