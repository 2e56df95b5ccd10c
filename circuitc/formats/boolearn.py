"""boolearn network files, `.net` and `.sol`: a header, then an edge a line. (`.dat` files: see `boolearn_data`.)"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import SPIN, Module
from circuitc.models.btf import Neuron, Terminal, ThresholdNetwork, build_module, check_weights
from circuitc.models.btf_extract import network_of
from circuitc.models.decimals import exact_integers, parse_decimal

from .base import Format
from .boolearn_data import read_ascii, read_dat
from .files import identifier

MAX_NODES = 1 << 20

_HEADER = "nodes innodes outnodes edges"
_START = re.compile(rb"\s*(\d{1,9}[ \t]+){3}\d{1,9}[ \t]*\r?\n\s*\d+[ \t]+\d+[ \t]+[-+]?\d*\.\d+[ \t]*(\r?\n|$)")


def sniff(head: bytes) -> bool:
    """Tell a network file by its header of four numbers and its first edge `receiver sender weight`."""
    return _START.match(head) is not None


def read(path: Path) -> Module:
    """Read a network: the exact decimal network, every weight as written, a zero sum answering -1."""
    source = Source(str(path), read_ascii(path))
    lines = _Lines(source)
    header = lines.header()
    edges = lines.edges(header)
    neurons, digits = _neurons(source, header, edges)
    inputs = Terminal("x", SPIN.with_shape((header.innodes - 1,)))
    outputs = Terminal("y", SPIN.with_shape((header.outnodes,)))
    network = ThresholdNetwork(identifier(path.stem), path.name, (inputs,), (outputs,), neurons,
                               tuple(range(header.nodes - header.outnodes, header.nodes)))
    return build_module(network, {"boolearn": _facts(header, edges, digits)})


def read_edges(path: Path) -> tuple[tuple[int, int, int], list[tuple[int, int, str]]]:
    """Read a network as it stands: (nodes, innodes, outnodes), and edges (receiver, sender, weight as written)."""
    source = Source(str(path), read_ascii(path))
    lines = _Lines(source)
    header = lines.header()
    edges = lines.edges(header)
    _neurons(source, header, edges)  # refuses what is no network: an edge that stands twice, a weight without end
    return (header.nodes, header.innodes, header.outnodes), [edge[:3] for edge in edges]


@dataclass(frozen=True, slots=True)
class _Header:
    nodes: int
    innodes: int
    outnodes: int
    edges: int


_Edge = tuple[int, int, str, int]  # receiver, sender, weight as written, line


class _Lines:
    """The lines of a file that hold something, with their numbers."""

    def __init__(self, source: Source) -> None:
        self.source = source
        assert source.text is not None
        self.rows = [(n, words) for n, line in enumerate(source.text.splitlines(), 1) if (words := line.split())]

    def header(self) -> _Header:
        """Read and check the first line."""
        if not self.rows:
            raise error("the file is empty", Span(self.source), f"the first line is: {_HEADER}")
        line, words = self.rows[0]
        if len(words) != 4 or not all(re.fullmatch(r"\d{1,9}", w) for w in words):
            raise error(f"expected four counts ({_HEADER}), got {_shown(words)}", Span(self.source, line))
        header = _Header(*map(int, words))
        wrong = _wrong_counts(header)
        if wrong:
            raise error(wrong, Span(self.source, line), "innodes counts the constant node 0")
        return header

    def edges(self, header: _Header) -> list[_Edge]:
        """Read the edges: as many as the header says."""
        rows = self.rows[1:]
        if len(rows) != header.edges:
            line = rows[-1][0] if rows else self.rows[0][0]
            raise error(f"the header announces {header.edges} edges, the file has {len(rows)}", Span(self.source, line))
        return [self._edge(header, line, words) for line, words in rows]

    def _edge(self, header: _Header, line: int, words: list[str]) -> _Edge:
        span = Span(self.source, line)
        if len(words) != 3 or not all(re.fullmatch(r"\d{1,9}", w) for w in words[:2]):
            raise error(f"expected `receiver sender weight`, got {_shown(words)}", span)
        receiver, sender = int(words[0]), int(words[1])
        if receiver >= header.nodes:
            raise error(f"there is no node {receiver}, nodes are 0 to {header.nodes - 1}", span)
        if receiver < header.innodes:
            raise error(f"an edge goes into node {receiver}, which is an input", span)
        if sender >= receiver:
            raise error(f"the edge from node {sender} to node {receiver} goes backwards", span,
                        "labels are in topological order: a neuron reads nodes with smaller labels")
        return receiver, sender, words[2], line


def _wrong_counts(header: _Header) -> str:
    neurons = header.nodes - header.innodes
    if header.nodes > MAX_NODES:
        return f"{header.nodes} nodes are more than the {MAX_NODES} that this reader takes"
    if header.innodes < 2:
        return f"innodes is {header.innodes}, so the network has no input"
    if header.outnodes < 1:
        return "the network has no output"
    if header.outnodes > neurons:
        return (f"{header.outnodes} outputs are more than the {max(neurons, 0)} neurons "
                f"({header.nodes} nodes, {header.innodes} of them inputs)")
    return ""


def _neurons(source: Source, header: _Header, edges: Sequence[_Edge]) -> tuple[tuple[Neuron, ...], int]:
    """Collect edges by receiver into exact neurons; answer them and the most digits after the point."""
    incoming: list[dict[int, tuple[str, int]]] = [{} for _ in range(header.nodes)]
    for receiver, sender, weight, line in edges:
        if sender in incoming[receiver]:
            raise error(f"the edge from node {sender} to node {receiver} stands twice, first in line "
                        f"{incoming[receiver][sender][1]}", Span(source, line))
        incoming[receiver][sender] = (weight, line)
    neurons: list[Neuron] = []
    most = 0
    for label in range(header.innodes, header.nodes):
        given = incoming[label]
        numbers = {s: parse_decimal(text, Span(source, line)) for s, (text, line) in given.items()}
        senders = tuple(sorted(numbers))
        integers, digits = exact_integers([numbers[s] for s in senders])
        first = Span(source, min(line for _, line in given.values())) if given else None
        check_weights(integers, f"neuron {label}", first)
        weight = dict(zip(senders, integers, strict=True))
        sources = tuple(s for s in senders if s)
        neurons.append(Neuron(sources, tuple(weight[s] for s in sources), weight.get(0, 0), label))
        most = max(most, digits)
    return tuple(neurons), most


def _facts(header: _Header, edges: Sequence[_Edge], digits: int) -> dict[str, Any]:
    untrained = not any(re.search(r"[1-9]", re.split("[eE]", weight)[0]) for _, _, weight, _ in edges)
    facts: dict[str, Any] = {"neurons": header.nodes - header.innodes, "edges": header.edges, "digits": digits,
                             "untrained": untrained}
    if untrained:
        facts["warning"] = "all weights are zero: the network is not trained, and every neuron answers -1"
    return facts


def _shown(words: Sequence[str]) -> str:
    text = " ".join(words)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def write(module: Module) -> Mapping[str, bytes]:
    """Write a module of threshold neurons as a `.sol` file, which keeps no ports; refuse any other in one line."""
    network = network_of(module)
    first = 1 + network.input_bits
    neurons = list(network.neurons)
    edges = [(first + index, sender, number) for index, n in enumerate(neurons)
             for sender, number in _written(n)]
    header = f"{first + len(neurons)}  {first}  {len(network.output_labels)}  {len(edges)}\n"
    body = "".join(f"{receiver:5d} {sender:4d} {number:>13s}\n" for receiver, sender, number in edges)
    return {"": (header + body).encode()}


def _written(neuron: Neuron) -> list[tuple[int, str]]:
    """Write a neuron's weights with 8 digits after the point: exact, for any positive scale is the same gate."""
    whole = max(map(abs, (neuron.threshold, *neuron.weights))) < 10**6
    numbers = [(0, neuron.threshold), *zip(neuron.sources, neuron.weights, strict=True)]
    return [(sender, _decimal(number * 10**8 if whole else number)) for sender, number in numbers]


def _decimal(number: int) -> str:
    whole, rest = divmod(abs(number), 10**8)
    return f"{'-' if number < 0 else ''}{whole}.{rest:08d}"


BOOLEARN = Format("boolearn", (".sol", ".net"), "Boolean threshold networks of boolearn (exact decimal weights)",
                  sniff, read, write)

__all__ = ["BOOLEARN", "read_dat", "read_edges"]
