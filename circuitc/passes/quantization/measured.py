"""How far a quantized func is from the float one on calibration data, in real numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitc.ir import Func, Module, decode, encode, run

from .calibrate import LABELS


def real_inputs(before: Func, after: Func, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Encode a func's raw inputs for its quantized version; numbers beyond a grid's ends are taken at the end."""
    given: dict[str, Any] = {}
    for old, new in zip(before.inputs, after.inputs, strict=True):
        array = np.asarray(inputs[old.name])
        if old.type != new.type:
            low, high = (float(decode(new, np.array(end))) for end in (new.type.lowest, new.type.highest))
            array = encode(new, np.clip(array, low, high), array.ndim - new.type.rank)
        given[old.name] = array
    return given


def measured(before: Module, after: Module, calibration: Mapping[str, Any]) -> dict[str, Any]:
    """Compare on calibration data: errors of the float outputs, agreement of the others, accuracy with labels."""
    old, new = before.entry, after.entry
    inputs = {p.name: np.asarray(calibration[p.name]) for p in old.inputs}
    was, now = run(before, inputs), run(after, real_inputs(old, new, inputs))
    labels = calibration.get(LABELS)
    samples = len(next(iter(inputs.values()))) if inputs else 1
    outputs: dict[str, Any] = {}
    for p, q in zip(old.results, new.results, strict=True):
        a, b = np.asarray(decode(p, was[p.name]), np.float64), np.asarray(decode(q, now[p.name]), np.float64)
        found: dict[str, Any] = {"max_error": float(np.abs(a - b).max()),
                                 "changed": float((a != b).reshape(samples, -1).any(axis=1).mean())}
        if p.type.is_float:
            found |= {"rms_error": float(np.sqrt(np.mean((a - b) ** 2))), "rms": float(np.sqrt(np.mean(a ** 2)))}
        if labels is not None:
            found |= {"accuracy_before": accuracy(a, labels), "accuracy": accuracy(b, labels)}
        outputs[p.name] = {k: v for k, v in found.items() if v is not None}
    return {"level": "measured", "samples": samples, "outputs": outputs}


def accuracy(answers: Any, labels: Any) -> float | None:
    """Give the share of samples whose class is right: the output itself, or the largest of a vector."""
    labels = np.asarray(labels).ravel()
    classes = answers if answers.ndim == 1 else answers.argmax(axis=1) if answers.ndim == 2 else None
    return None if classes is None or len(classes) != len(labels) else float((classes == labels).mean())
