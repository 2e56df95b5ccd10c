"""boolearn's files around training: networks, widths, solutions, gaps, runs, generator codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error
from circuitc.formats.boolearn import read_edges
from circuitc.formats.boolearn_data import read_ascii

from .dataset import Dataset
from .network import Network, layered


def read_network(path: Path) -> Network:
    """Read what is to be trained: a `.net` (or `.sol`), whose weights do not matter, or a `.wth` of widths."""
    if path.suffix.lower() == ".wth":
        return layered(read_widths(path))
    return read_solution(path)[0]


def read_solution(path: Path) -> tuple[Network, NDArray[np.float64]]:
    """Read a `.net` or `.sol` file: the network, and its weights in the network's order."""
    (nodes, innodes, outnodes), edges = read_edges(path)
    incoming: list[list[tuple[int, float]]] = [[] for _ in range(nodes - innodes)]
    for receiver, sender, weight in edges:
        incoming[receiver - innodes].append((sender, float(weight)))
    network = Network(innodes, outnodes, tuple(tuple(sender for sender, _ in read) for read in incoming))
    return network, np.array([weight for read in incoming for _, weight in read])


def read_widths(path: Path) -> list[int]:
    """Read a `.wth` file: L, then L + 1 widths."""
    words = read_ascii(path).split()
    if not words or not all(re.fullmatch(r"\d{1,7}", w) for w in words) or len(words) != int(words[0]) + 2:
        raise error("expected a number of layers L and L + 1 widths", Span(Source(str(path))))
    return [int(w) for w in words[1:]]


def widths_text(widths: Sequence[int]) -> str:
    """Print a `.wth` file."""
    return f"{len(widths) - 1}\n{' '.join(map(str, widths))}\n"


def solution_text(network: Network, weights: NDArray[Any] | None = None) -> str:
    """Print a `.sol` file of the weights, or a `.net` file without them: shared weights stand at each edge."""
    n = network
    lines = [f"{n.nodes}  {n.innodes}  {n.outnodes}  {n.edges}"]
    for k, read in enumerate(n.sources):
        row = np.zeros(len(read)) if weights is None else n.weights_of(weights, k)
        lines += [f"{n.innodes + k:5d}{sender:5d}{weight:14.8f}" for sender, weight in zip(read, row, strict=True)]
    return "\n".join(lines) + "\n"


def data_text(data: Dataset) -> str:
    """Print a `.dat` file: bits, analog inputs with all their digits, class labels, free inputs as none."""
    kind = {"one-hot": "1 0", "bits": "2 0"}.get(data.free) or f"{2 if data.is_boolean else 0} {_width(data.inputs)}"
    lines = [str(data.items), kind, f"{data.classes} 1" if data.classes else f"2 {data.outputs.shape[1]}", ""]
    for i in range(data.items):
        if data.inputs is not None:
            levels = (data.inputs[i] + 1) / 2
            lines.append(" ".join(str(int(v)) if data.is_boolean else repr(float(v)) for v in levels))
        bits = (data.outputs[i] > 0).astype(int)
        lines += [str(int(bits.argmax())) if data.classes else " ".join(map(str, bits)), ""]
    return "\n".join(lines)


def _width(inputs: NDArray[Any] | None) -> int:
    return 0 if inputs is None else inputs.shape[1]


def gap_text(rows: Iterable[Sequence[float]]) -> str:
    """Print a `.gap` file: iteration, gap of w, x, y, gap, least gap, per cent right in training and test."""
    return "".join(f"{int(r[0]):10d}{''.join(f'{v:12.6f}' for v in r[1:6])}{''.join(f'{v:8.2f}' for v in r[6:])}\n"
                   for r in rows)


def run_text(rows: Iterable[tuple[int, int, float, float, float]]) -> str:
    """Print a `.run` file: trial, iterations (0 where it failed), gap, per cent right in training and test."""
    return "".join(f"{trial:5d}{count:10d}{gap:12.6f}{train:8.2f}{test:8.2f}\n"
                   for trial, count, gap, train, test in rows)


def codes_text(codes: NDArray[np.int8]) -> str:
    """Print a `.gen` file: each code that a generator found, with the number of items that have it."""
    counts = Counter("".join("1" if v > 0 else "0" for v in row) for row in codes.tolist())
    return "".join(f"{code} {count}\n" for code, count in sorted(counts.items()))
