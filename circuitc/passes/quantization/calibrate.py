"""Calibration: what every float of a program is on given data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import BIT, Func, Graph, Module, Port, run

from .grids import Statistics

LABELS = "labels"
_SAMPLE = 1 << 14      # numbers of a value that are kept for percentiles and squared errors
_CHUNK = 1 << 24       # numbers that are computed at a time, about


def calibration_inputs(func: Func, calibration: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Give the calibration data of a func's inputs as raw numbers; refuses data that is missing or does not fit."""
    missing = [p.name for p in func.inputs if p.name not in (calibration or {})]
    if calibration is None or missing:
        place = f" for the input {missing[0]} of @{func.name}" if calibration is not None else ""
        raise error(f"{what} needs calibration data{place}", help="give it with --calibration DATA.npz")
    arrays = {p.name: np.asarray(calibration[p.name]) for p in func.inputs}
    for port in func.inputs:
        array, lead = arrays[port.name], 2 if func.is_stepped(port) else 1
        if array.shape[lead:] != port.type.shape or array.ndim != lead + port.type.rank or not array.size:
            axes = ["samples", "steps"][:lead]
            raise error(f"calibration data for {port.name} takes shape "
                        f"[{', '.join([*axes, *map(str, port.type.shape)])}], "
                        f"got {list(array.shape)}")
        if port.type.is_float and not np.all(np.isfinite(array)):
            raise error(f"calibration data for {port.name} has numbers that are not finite")
    if len({len(a) for a in arrays.values()}) > 1:
        raise error(f"calibration data has {', '.join(f'{len(a)} of {n}' for n, a in arrays.items())} samples")
    return arrays


def statistics(module: Module, func: Func, graph: Graph, inputs: Mapping[str, Any]) -> dict[int, Statistics]:
    """Run a func on data and give, for each float value of its body, its range and a sample of its numbers."""
    values = [v for v, n in enumerate(graph.nodes) if n.type.is_float and v in graph.live and not n.is_constant]
    watched = _watching(func, graph, values)
    samples = len(next(iter(inputs.values()))) if inputs else 1
    chunk = max(1, _CHUNK // max(1, sum(graph.nodes[v].type.size for v in values)))
    found: dict[int, list[Statistics]] = {v: [] for v in values}
    for start in range(0, samples, chunk):
        part = {name: array[start:start + chunk] for name, array in inputs.items()}
        results = run(module.with_func(watched), part, watched.name)
        for v in values:
            found[v].append(_summary(results[f"v{v}"], graph.nodes[v].name))
    return {v: Statistics(min(s.low for s in parts), max(s.high for s in parts),
                          _thin(np.concatenate([s.sample for s in parts]))) for v, parts in found.items()}


def _watching(func: Func, graph: Graph, values: list[int]) -> Func:
    """Make a func that answers inner values at each step instead of its outputs."""
    rest = graph.outputs[len(func.outputs):]  # next registers, and the done bit
    ports = tuple(Port(f"v{v}", graph.nodes[v].type, "step") for v in values) or (Port("none", BIT),)
    body = replace(graph, outputs=(*values, *rest))
    return replace(func, outputs=ports, body=body)


def _summary(array: Any, name: str) -> Statistics:
    flat = np.asarray(array, np.float64).ravel()
    if not np.all(np.isfinite(flat)):
        raise error(f"%{name} is not finite on the calibration data")
    return Statistics(float(flat.min()), float(flat.max()), _thin(flat))


def _thin(flat: Any) -> Any:
    return flat[np.linspace(0, len(flat) - 1, min(len(flat), _SAMPLE)).astype(np.int64)]
