"""Read the body of ASCII AIGER: definitions in any numbering and any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .aiger_scan import AigerFile, Int64, scan_lines
from .aiger_sections import Body, Header, check_range, read_resets, section
from .order import chain, topological_order


def read_ascii(file: AigerFile, header: Header) -> Body:
    latch, output = header.inputs, header.inputs + header.latches  # the first line of a section
    gate, first = output + header.outputs, 1 + output
    lines = scan_lines(file, header.end, gate + header.ands)
    inputs = section(file, lines, 0, header.inputs, (1, 1), "an input is one literal")[0]
    own, following, reset = section(
        file, lines, latch, header.latches, (2, 3), "a latch is `literal next` or `literal next reset`")
    outputs = section(file, lines, output, header.outputs, (1, 1), "an output is one literal")[0]
    lhs, *fanins = section(file, lines, gate, header.ands, (3, 3), "an and is three literals")
    check_range(file, lines, header)
    latch_lines, output_lines, and_lines = (lines.start[k:] for k in (latch, output, gate))
    resets = read_resets(file, own, reset, latch_lines)
    starts = np.concatenate([lines.start[:output], and_lines[:-1]])
    numbering = _Numbering.of(file, np.concatenate([inputs, own, lhs]), starts)
    pairs = np.stack([numbering.renamed(file, f, and_lines) for f in fanins], axis=1)
    order = _order(file, pairs, lhs, first, and_lines)
    place = np.arange(first + header.ands)
    place[first + order] = first + np.arange(header.ands)
    ands, outputs, following = (
        place[literals >> 1] << 1 | literals & 1
        for literals in (pairs[order], numbering.renamed(file, outputs, output_lines),
                         numbering.renamed(file, following, latch_lines)))
    return Body(ands, outputs, following, resets, lines.end)


@dataclass(frozen=True, slots=True)
class _Numbering:
    """Which node each variable of an ASCII file is: variables in rising order, and their nodes."""

    literal: Int64
    node: Int64

    @classmethod
    def of(cls, file: AigerFile, defined: Int64, starts: Int64) -> _Numbering:
        """Number definitions in their order from node 1 on; `starts` are their lines."""
        wrong = (defined < 2) | (defined & 1 == 1)
        if wrong.any():
            k = int(np.argmax(wrong))
            raise file.fault(f"literal {defined[k]} cannot be defined", int(starts[k]),
                             "definitions are even and at least 2")
        order = np.argsort(defined, kind="stable")
        literal = defined[order]
        twice = literal[1:] == literal[:-1]
        if twice.any():
            k = int(order[1:][twice].min())
            raise file.fault(f"literal {defined[k]} is defined twice", int(starts[k]))
        return cls(np.append(0, literal), np.append(0, 1 + order))

    def renamed(self, file: AigerFile, literals: Int64, starts: Int64) -> Int64:
        """Give literals in the numbering of nodes; `starts` are the lines that use them."""
        place = np.searchsorted(self.literal, literals & ~1)
        known = np.append(self.literal, -1)[place] == literals & ~1
        if not known.all():
            k = int(np.argmin(known))
            raise file.fault(f"literal {literals[k]} is used and never defined", int(starts[k]))
        return self.node[place] << 1 | literals & 1


def _order(file: AigerFile, pairs: Int64, lhs: Int64, first: int, starts: Int64) -> NDArray[np.intp]:
    """Order gates after their fan-ins: as the file has them, else by rising literal, else by a walk."""
    gate = (pairs >> 1) - first
    file_order = np.arange(len(gate))
    if np.all(gate < file_order[:, None]):
        return file_order
    by_literal = np.argsort(lhs)
    rank = np.empty(len(gate), np.int64)
    rank[by_literal] = file_order
    if np.all(np.where(gate < 0, -1, rank[np.maximum(gate, 0)]) < rank[:, None]):
        return by_literal
    order, cycle = topological_order(gate.tolist())
    if cycle:
        names = [str(lhs[k]) for k in cycle]
        raise file.fault(f"and gate {names[0]} depends on itself: {chain(names)}", int(starts[cycle[0]]))
    return np.array(order, np.intp)
