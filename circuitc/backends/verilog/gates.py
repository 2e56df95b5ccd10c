"""Netlist bodies as text: one line a gate, `wire n5 = n1 & ~n3;`, streamed without a tree.

Measured: a million ANDs in 1.6 s of CPU time, 38 MB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Kind, Netlist

from .cover import lut_template
from .design import Gates
from .names import Names, one_line, sanitised
from .sums import compress

Nodes = NDArray[np.int64]

MANY_SELECTS = 1000


def gate_lines(gates: Gates) -> list[str]:
    """Print the items of a module that is a netlist, two spaces in, without line ends."""
    names, remarks = spelled(gates)
    printed = printed_gates(gates, names, remarks)
    outputs = [f"  assign {port} = {value};" for port, value in zip(gates.outputs, printed.outputs, strict=True)]
    return [*printed.lines, *outputs, *printed.unread]


@dataclass(frozen=True, slots=True)
class Printed:
    """The text of a netlist: a line a gate, how each output literal is spelled, and what reads unread bits."""

    lines: list[str]
    outputs: list[str]
    unread: list[str]


def printed_gates(gates: Gates, positive: Sequence[str], remarks: Mapping[int, str]) -> Printed:
    """Print the gates of a netlist whose nodes have these names."""
    netlist = gates.netlist
    positive, selects = _scalar_inputs(gates, positive)
    spelling = [""] * (2 * netlist.nodes)
    spelling[0::2] = positive
    spelling[1::2] = [f"~{name}" for name in positive]
    spelling[:2] = "1'b0", "1'b1"
    printer = _Lines(netlist, spelling)
    lines = printer.all()
    for node, source in remarks.items():
        lines[node - 1 - netlist.inputs] += f"  // {one_line(source)}"
    outputs = [spelling[literal] for literal in netlist.outputs.tolist()]
    return Printed([*selects, *lines], outputs, _unread(gates, positive, printer.ignored))


def _scalar_inputs(gates: Gates, positive: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Give each bit of a wide input a wire of its own where gates select such bits more than `MANY_SELECTS` times.

    Icarus makes a net of every `x[3]` in the text: a network of 5,000 tables over 128 bits was read in 2 s with such
    wires and not within 5 minutes without.
    """
    netlist = gates.netlist
    wide = np.array([False, *["[" in name for name in positive[1:1 + netlist.inputs]]])
    drivers = netlist.fanin >> 1
    if np.count_nonzero(wide[drivers[drivers <= netlist.inputs]]) <= MANY_SELECTS:
        return positive, []
    names, short, lines = Names(*gates.reserved, *positive), list(positive), list[str]()
    for node in np.flatnonzero(wide).tolist():
        short[node] = names.take(sanitised(positive[node]).rstrip("_"))
        lines.append(f"  wire {short[node]} = {positive[node]};")
    return short, lines


def spelled(gates: Gates) -> tuple[list[str], dict[int, str]]:
    """Name every node, and give the source's own name where it could not be kept."""
    netlist = gates.netlist
    names = Names(*gates.reserved)
    given = {node: names.take(name.partition(" (")[0]) for node, name in sorted(netlist.names.items())
             if node > netlist.inputs}
    prefix = "n"
    taken = {*gates.reserved, *given.values()}
    while any(re.fullmatch(rf"{prefix}\d+(_[sc]\d+)?", name) for name in taken):
        prefix += "_"
    first = 1 + netlist.inputs
    positive = ["1'b0", *gates.inputs, *[f"{prefix}{n}" for n in range(first, netlist.nodes)]]
    for node, name in given.items():
        positive[node] = name
    return positive, {node: source.removeprefix(f"{given[node]} ") for node, source in netlist.names.items()
                      if node in given and given[node] != source}


class _Lines:
    """Print the gates of one netlist; `spelling[literal]` is how a literal reads."""

    def __init__(self, netlist: Netlist, spelling: list[str]) -> None:
        self.netlist = netlist
        self.spelling = spelling
        self.first = 1 + netlist.inputs
        self.ignored: list[int] = []  # edges of look-up and threshold gates that do not matter

    def all(self) -> list[str]:
        """Give the lines of all gates, in order (a threshold gate's helpers are in its own entry)."""
        netlist = self.netlist
        lines = [""] * netlist.gates
        kinds = netlist.kind[self.first:]
        for kind, rule in ((Kind.AND, self._two("&")), (Kind.XOR, self._two("^")), (Kind.MAJ, self._majorities),
                           (Kind.LUT, self._luts), (Kind.THRESHOLD, self._thresholds)):
            nodes = np.flatnonzero(kinds == kind) + self.first
            if len(nodes) == netlist.gates and kind in (Kind.AND, Kind.XOR):
                return rule(nodes)
            for node, line in zip(nodes.tolist(), rule(nodes) if len(nodes) else [], strict=True):
                lines[node - self.first] = line
        return lines

    def _fanins(self, nodes: Nodes, arity: int) -> list[list[str]]:
        """Spell the fan-ins of gates of one arity: one list for each position."""
        offset = self.netlist.offset[nodes]
        spelling = self.spelling
        return [[spelling[f] for f in self.netlist.fanin[offset + k].tolist()] for k in range(arity)]

    def _names(self, nodes: Nodes) -> list[str]:
        return [self.spelling[2 * n] for n in nodes.tolist()]

    def _two(self, sign: str) -> Callable[[Nodes], list[str]]:
        def rule(nodes: Nodes) -> list[str]:
            a, b = self._fanins(nodes, 2)
            return [f"  wire {n} = {x} {sign} {y};" for n, x, y in zip(self._names(nodes), a, b, strict=True)]
        return rule

    def _majorities(self, nodes: Nodes) -> list[str]:
        a, b, c = self._fanins(nodes, 3)
        return [f"  wire {n} = ({x} & {y}) | ({z} & ({x} | {y}));"
                for n, x, y, z in zip(self._names(nodes), a, b, c, strict=True)]

    def _luts(self, nodes: Nodes) -> list[str]:
        spelling = self.spelling
        lines: list[str] = []
        for node in nodes.tolist():
            fanins = self.netlist.fanins(node).tolist()
            template, absent = lut_template(self.netlist.table(node), len(fanins))
            if absent:
                self.ignored += [int(self.netlist.offset[node]) + j for j in absent]
            text = template.format(*[spelling[f] for f in fanins], *[spelling[f ^ 1] for f in fanins])
            lines.append(f"  wire {spelling[2 * node]} = {text};")
        return lines

    def _thresholds(self, nodes: Nodes) -> list[str]:
        return ["\n".join(self._threshold(node)) for node in nodes.tolist()]

    def _threshold(self, node: int) -> list[str]:
        """A compressor tree counts the weighted bits; a negative weight counts the inverted bit instead."""
        netlist, name = self.netlist, self.spelling[2 * node]
        edges = slice(int(netlist.offset[node]), int(netlist.offset[node + 1]))
        weights = netlist.weight[edges].tolist() if len(netlist.weight) else []
        pairs = [(w, f) for w, f in zip(weights, netlist.fanin[edges].tolist(), strict=False) if w]
        bound = int(netlist.data[node]) - sum(w for w, _ in pairs if w < 0)
        divisor = gcd(*[w for w, _ in pairs]) or 1
        bound //= divisor
        highest = sum(abs(w) for w, _ in pairs) // divisor
        start = int(netlist.offset[node])
        constant = bound < 0 or bound >= highest
        self.ignored += [start + k for k, w in enumerate(weights) if constant or not w]
        if constant:
            return [f"  wire {name} = 1'b{int(bound < 0)};"]
        columns: list[list[str]] = [[] for _ in range(highest.bit_length())]
        for w, f in pairs:
            for k in range((abs(w) // divisor).bit_length()):
                if abs(w) // divisor >> k & 1:
                    columns[k].append(self.spelling[f if w > 0 else f ^ 1])
        lines = [f"  // {name}: {len(pairs)} weighted inputs counted by full adders"]
        total = _count(columns, name, lines)
        word = "{" + ", ".join(bit or "1'b0" for bit in reversed(total)) + "}"
        return [*lines, f"  wire {name} = {word} > {len(total)}'d{bound};"]


def _count(columns: Sequence[Sequence[str]], name: str, lines: list[str]) -> list[str | None]:
    """Add the lines of a compressor tree; give the bits of the count, lowest first."""
    def full(a: str, b: str, c: str) -> tuple[str, str]:
        return add(f"{a} ^ {b} ^ {c}", f"({a} & {b}) | ({c} & ({a} | {b}))")

    def half(a: str, b: str) -> tuple[str, str]:
        return add(f"{a} ^ {b}", f"{a} & {b}")

    def add(low: str, carry: str) -> tuple[str, str]:
        k = len(lines) // 2
        lines.append(f"  wire {name}_s{k} = {low};")
        lines.append(f"  wire {name}_c{k} = {carry};")
        return f"{name}_s{k}", f"{name}_c{k}"

    return compress(columns, full, half)


def _unread(gates: Gates, positive: Sequence[str], ignored: Sequence[int]) -> list[str]:
    """Read what no gate and no output reads, so that lint is clean without switching rules off."""
    netlist = gates.netlist
    read = np.zeros(netlist.nodes, bool)
    edges = np.ones(len(netlist.fanin), bool)
    edges[list(ignored)] = False
    read[netlist.fanin[edges] >> 1] = True
    read[netlist.outputs >> 1] = True
    loose = [positive[n] for n in (np.flatnonzero(~read[1:]) + 1).tolist()]
    if not loose:
        return []
    name = Names(*gates.reserved, *positive).take("unused")
    lines = [", ".join(loose[k:k + 12]) for k in range(0, len(loose), 12)]
    text = ",\n    ".join(lines)
    return [f"  wire {name} = &{{1'b0, {text}}};  // bits that nothing depends on"]


