"""Which patterns the surrounding network can put on a neuron's inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Func, Graph, Module, Value, evaluate_body, unflatten_bits

EXHAUSTIVE_BITS = 20
CHUNK = 1 << 14

Spins = NDArray[np.int64]


def enumerate_inputs(func: Func) -> Iterator[list[NDArray[Any]]] | None:
    """Give all values of what enters a func's body (ports and registers), in chunks; None where they are too many."""
    types = func.body_inputs
    bits = sum(t.bits for t in types)
    if bits > EXHAUSTIVE_BITS or any(t.is_float for t in types):
        return None
    return _chunks(types, bits)


def _chunks(types: Sequence[Any], bits: int) -> Iterator[list[NDArray[Any]]]:
    for start in range(0, 1 << bits, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, 1 << bits))
        yield unflatten_bits(types, (numbers[:, None] >> np.arange(bits)) & 1)


def probe(module: Module, func: Func, graph: Graph, values: Sequence[Value], inputs: list[NDArray[Any]]) -> list[Any]:
    """Evaluate a body and answer inner values instead of its outputs."""
    return evaluate_body(module, replace(func, body=replace(graph, outputs=tuple(values))), inputs)


def patterns_seen(module: Module, func: Func, graph: Graph, values: Sequence[Value],
                  batches: Iterator[list[NDArray[Any]]]) -> Mapping[Value, Spins]:
    """Give the different patterns that vectors of spins take on, int64[patterns, n] in a fixed order."""
    seen: dict[Value, Spins] = {}
    for inputs in batches:
        for value, spins in zip(values, probe(module, func, graph, values, inputs), strict=True):
            known = [seen[value]] if value in seen else []
            seen[value] = distinct(np.concatenate([*known, spins]))
    return seen


def distinct(spins: Spins) -> Spins:
    """Give the different rows of spins, sorted."""
    packed = np.packbits(spins > 0, axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    return spins[first]


def signed_rows(patterns: Spins, threshold: int, weights: Sequence[int]) -> Spins:
    """Give patterns with the constant's -1 in front, times the neuron's answer: what its gate must find positive."""
    total = patterns @ np.array(weights, np.int64)
    answer = np.where(total > threshold, 1, -1)
    return np.concatenate([np.full((len(patterns), 1), -1), patterns], axis=1) * answer[:, None]
