"""Layers of logic gates and look-up tables from state_dicts in `.safetensors` files (difflogic, torchlogix, torch-dwn).

difflogic keeps its connections outside the state_dict: whoever saves it adds them, as `P.indices`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Span, error

from .array_files import array_shapes, read_array

Int64 = NDArray[np.int64]
Shapes = dict[str, tuple[int, ...]]


def gate_layers(model: Path, file: str, span: Span) -> Iterator[tuple[str, Int64, Int64]]:
    """Give for each layer its name, its connections [2, gates] and the functions [gates] that the weights choose."""
    shapes = array_shapes(model, file, span)
    for name, key in _layers(shapes, r"weights?", file, "16-gate weights", span):
        weights = read_array(model, file, key, 2, span)
        if weights.shape[1] != 16:
            raise error(f"{file}:{key} has shape {list(weights.shape)}, [gates, 16] is needed", span,
                        "only 16-gate (raw) weights are read; export other parametrizations as the 16 functions")
        yield name, _gate_connections(model, file, name, shapes, span), weights.argmax(axis=1).astype(np.int64)


def _gate_connections(model: Path, file: str, name: str, shapes: Shapes, span: Span) -> Int64:
    """Give a layer's connections; of learnable ones those with the largest weight."""
    dot = f"{name}." if name else ""
    key = next((k for k in (f"{dot}connections.indices", f"{dot}indices") if k in shapes), None)
    if key is None:
        raise error(f"{file} has no {dot}connections.indices or {dot}indices", span,
                    "difflogic keeps them outside its state_dict: save them with it")
    chosen = f"{dot}connections.weights"
    if chosen not in shapes:
        return _whole(read_array(model, file, key, 2, span), f"{file}:{key}", span)
    indices = _whole(read_array(model, file, key, 3, span), f"{file}:{key}", span)
    weights = read_array(model, file, chosen, 3, span)
    if weights.shape != indices.shape:
        raise error(f"{file}:{chosen} has shape {list(weights.shape)}, {key} {list(indices.shape)}", span)
    return np.take_along_axis(indices, weights.argmax(axis=0)[None], axis=0)[0]


def dwn_layers(model: Path, file: str, span: Span) -> Iterator[tuple[str, Int64, Int64]]:
    """Give for each layer its name, its mapping [tables, inputs] and its tables of 0 and 1 [tables, 2**inputs]."""
    shapes = array_shapes(model, file, span)
    for name, key in _layers(shapes, "luts", file, "look-up tables", span):
        luts = read_array(model, file, key, 2, span)
        dot = f"{name}." if name else ""
        if f"{dot}mapping" in shapes:
            mapping = _whole(read_array(model, file, f"{dot}mapping", 2, span), f"{file}:{dot}mapping", span)
        elif f"{dot}mapping.weights" in shapes:
            flat = read_array(model, file, f"{dot}mapping.weights", 2, span).argmax(axis=0)
            if len(flat) % len(luts):
                raise error(f"{file}:{dot}mapping.weights has {len(flat)} columns for {len(luts)} tables", span)
            mapping = flat.reshape(len(luts), -1)
        else:
            raise error(f"{file} has no {dot}mapping", span)
        yield name, mapping.astype(np.int64), (luts > 0).astype(np.int64)


def _layers(shapes: Shapes, pattern: str, file: str, what: str, span: Span) -> list[tuple[str, str]]:
    """Find the layers: their names and the keys of their arrays, in the order of the numbers in their names."""
    found: list[tuple[str, str]] = []
    for key in shapes:
        match = re.fullmatch(rf"(?:(.*)\.)?{pattern}", key)
        if match is not None and not key.endswith(("connections.weights", "mapping.weights")):
            found.append((match[1] or "", key))
    if not found:
        raise error(f"{file} has no layer of {what}", span)
    return sorted(found, key=lambda item: _natural(item[0]))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Order names by the numbers in them: layer 10 comes after layer 2."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d{1,18})", name)]


def _whole(array: NDArray[Any], what: str, span: Span) -> Int64:
    if array.dtype.kind == "f":
        raise error(f"{what} holds {array.dtype}, whole numbers are needed", span)
    return array.astype(np.int64)
