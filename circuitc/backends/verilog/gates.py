"""Netlist bodies as text: one line a gate, `wire n5 = n1 & ~n3;`, streamed without a tree.

Measured: a million ANDs in 0.6 s of processor time; a block of gates is one array operation (spelling.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Kind, Netlist

from .cover import lut_template
from .design import Gates
from .names import Names, one_line, sanitised
from .spelling import Rows, Spelling, paste
from .sums import compress

Nodes = NDArray[np.int64]

MANY_SELECTS = 1000
BLOCK = 4096  # gates printed at once


def gate_lines(gates: Gates) -> list[str]:
    """Print the items of a module that is a netlist, two spaces in: blocks of lines without the last line end."""
    spelling, remarks = spelled(gates)
    printed = printed_gates(gates, spelling, remarks)
    outputs = [f"  assign {port} = {value};" for port, value in zip(gates.outputs, printed.outputs, strict=True)]
    return [*printed.blocks, *outputs, *printed.unread]


@dataclass(frozen=True, slots=True)
class Printed:
    """The text of a netlist: blocks of lines of gates, how each output is spelled, and what reads unread bits."""

    blocks: list[str]
    outputs: list[str]
    unread: list[str]


def printed_gates(gates: Gates, spelling: Spelling, remarks: Mapping[int, str]) -> Printed:
    """Print the gates of a netlist whose nodes are called so; a remark goes behind its gate's line."""
    spelling, selects = _scalar_inputs(gates, spelling)
    printer = _Lines(gates.netlist, spelling, remarks)
    blocks = list(printer.blocks())
    outputs = [spelling.text(literal) for literal in gates.netlist.outputs.tolist()]
    return Printed([*selects, *blocks], outputs, _unread(gates, spelling, printer.ignored))


def _scalar_inputs(gates: Gates, spelling: Spelling) -> tuple[Spelling, list[str]]:
    """Give each bit of a wide input a wire of its own where gates select such bits more than `MANY_SELECTS` times.

    Icarus makes a net of every `x[3]` in the text: a network of 5,000 tables over 128 bits was read in 2 s with such
    wires and not within 5 minutes without.
    """
    netlist = gates.netlist
    wide = np.array(["[" in name for name in spelling.leading])
    drivers = netlist.fanin >> 1
    if np.count_nonzero(wide[drivers[drivers <= netlist.inputs]]) <= MANY_SELECTS:
        return spelling, []
    names, short, lines = _names(gates, spelling), list(spelling.leading), list[str]()
    for node in np.flatnonzero(wide).tolist():
        short[node] = names.take(_short(spelling.leading[node]))
        lines.append(f"  wire {short[node]} = {spelling.leading[node]};")
    return replace(spelling, leading=short), lines


def spelled(gates: Gates) -> tuple[Spelling, dict[int, str]]:
    """Name every node, and give the source's own name where it could not be kept."""
    netlist = gates.netlist
    names = Names(*gates.reserved)
    given = {node: names.take(name.partition(" (")[0]) for node, name in sorted(netlist.names.items())
             if node > netlist.inputs}
    prefix = "n"
    taken = {*gates.reserved, *given.values(), *map(_short, gates.inputs)}
    while any(re.fullmatch(rf"{prefix}\d+(_[sc]\d+)?", name) for name in taken):
        prefix += "_"
    remarks = {node: source.removeprefix(f"{given[node]} ") for node, source in netlist.names.items()
               if node in given and given[node] != source}
    return Spelling(("1'b0", *gates.inputs), prefix, given), remarks


def _short(bit: str) -> str:
    """Wish for a name of the wire of an input's bit: `x[3]` becomes `x_3`."""
    return sanitised(bit).rstrip("_")


def _names(gates: Gates, spelling: Spelling) -> Names:
    """Collect what a further name could clash with; `spelled` chose the gates' prefix so that theirs are apart."""
    return Names(*gates.reserved, *spelling.leading, *spelling.given.values())


class _Lines:
    """Print the gates of one netlist, a block of them at once."""

    def __init__(self, netlist: Netlist, spelling: Spelling, remarks: Mapping[int, str]) -> None:
        self.netlist = netlist
        self.spelling = spelling
        self.remarks = remarks
        self.ignored: list[int] = []  # edges of look-up and threshold gates that do not matter
        self.rules = {Kind.AND: self._two("&"), Kind.XOR: self._two("^"), Kind.MAJ: self._majorities,
                      Kind.LUT: self._luts, Kind.THRESHOLD: self._thresholds}

    def blocks(self) -> Iterator[str]:
        """Give the lines of all gates, in order, `BLOCK` gates at once."""
        remarked = np.array(sorted(self.remarks), np.int64)
        for start in range(1 + self.netlist.inputs, self.netlist.nodes, BLOCK):
            end = min(start + BLOCK, self.netlist.nodes)
            lines = self._lines(np.arange(start, end))
            for node in remarked[np.searchsorted(remarked, start):np.searchsorted(remarked, end)].tolist():
                lines[node - start] += f"  // {one_line(self.remarks[node])}"
            yield "\n".join(lines)

    def _lines(self, nodes: Nodes) -> list[str]:
        """Print gates of any kinds, one entry each (a threshold gate's helpers are in its own entry)."""
        kinds = self.netlist.kind[nodes]
        present = np.unique(kinds).tolist()
        if len(present) == 1:
            return self.rules[Kind(present[0])](nodes)
        lines = [""] * len(nodes)
        for kind in present:
            at = np.flatnonzero(kinds == kind)
            for k, line in zip(at.tolist(), self.rules[Kind(kind)](nodes[at]), strict=True):
                lines[k] = line
        return lines

    def _operands(self, nodes: Nodes, arity: int) -> list[Rows]:
        """Spell the gates and their fan-ins: one column for each position."""
        offset = self.netlist.offset[nodes]
        return [self.spelling.rows(nodes << 1),
                *[self.spelling.rows(self.netlist.fanin[offset + k].astype(np.int64)) for k in range(arity)]]

    def _two(self, sign: str) -> Callable[[Nodes], list[str]]:
        def rule(nodes: Nodes) -> list[str]:
            name, a, b = self._operands(nodes, 2)
            return paste(len(nodes), ("  wire ", name, " = ", a, f" {sign} ", b, ";"))
        return rule

    def _majorities(self, nodes: Nodes) -> list[str]:
        name, a, b, c = self._operands(nodes, 3)
        return paste(len(nodes), ("  wire ", name, " = (", a, " & ", b, ") | (", c, " & (", a, " | ", b, "));"))

    def _luts(self, nodes: Nodes) -> list[str]:
        text = self.spelling.text
        lines: list[str] = []
        for node in nodes.tolist():
            fanins = self.netlist.fanins(node).tolist()
            template, absent = lut_template(self.netlist.table(node), len(fanins))
            if absent:
                self.ignored += [int(self.netlist.offset[node]) + j for j in absent]
            value = template.format(*[text(f) for f in fanins], *[text(f ^ 1) for f in fanins])
            lines.append(f"  wire {text(2 * node)} = {value};")
        return lines

    def _thresholds(self, nodes: Nodes) -> list[str]:
        return ["\n".join(self._threshold(node)) for node in nodes.tolist()]

    def _threshold(self, node: int) -> list[str]:
        """A compressor tree counts the weighted bits; a negative weight counts the inverted bit instead."""
        netlist, name = self.netlist, self.spelling.name(node)
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
                    columns[k].append(self.spelling.text(f if w > 0 else f ^ 1))
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


def _unread(gates: Gates, spelling: Spelling, ignored: Sequence[int]) -> list[str]:
    """Read what no gate and no output reads, so that lint is clean without switching rules off."""
    netlist = gates.netlist
    read = np.zeros(netlist.nodes, bool)
    edges = np.ones(len(netlist.fanin), bool)
    edges[list(ignored)] = False
    read[netlist.fanin[edges] >> 1] = True
    read[netlist.outputs >> 1] = True
    loose = [spelling.name(n) for n in (np.flatnonzero(~read[1:]) + 1).tolist()]
    if not loose:
        return []
    name = _names(gates, spelling).take("unused")
    lines = [", ".join(loose[k:k + 12]) for k in range(0, len(loose), 12)]
    text = ",\n    ".join(lines)
    return [f"  wire {name} = &{{1'b0, {text}}};  // bits that nothing depends on"]


