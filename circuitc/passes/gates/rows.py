"""Threshold rows as gates: literals that decide alone are taken off, the core is a diagram or an adder tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from circuitc.ir import Kind, Netlist, NetlistBuilder

from ..sweep_dead import sweep_dead
from ..threshold_rows import Row, peel
from .forms import Form, add_bits, make_form

Templates = dict[tuple[tuple[int, ...], int], Netlist]

_COST = {Kind.AND: 1, Kind.XOR: 2, Kind.MAJ: 3}  # in ANDs; a full adder has 7, its carry sharing an AND with its sum
_MAX_TEMPLATE = 64   # wider cores are adder trees at once, built in place
_MAX_DIAGRAM = 2000  # nodes after which a diagram is given up


def is_positive(builder: NetlistBuilder, form: Form, templates: Templates, tables: int = 0) -> int:
    """Give the literal of `form > 0`."""
    terms: list[tuple[int, int]] = []
    limit = -form.constant
    for literal, weight in form.terms.items():
        if weight < 0:
            literal, weight, limit = literal ^ 1, -weight, limit - weight
        terms.append((literal, weight))
    return add_row(builder, Row(tuple(sorted(terms, key=lambda t: (-t[1], t[0]))), limit), templates, tables)


def add_row(builder: NetlistBuilder, row: Row[int], templates: Templates, tables: int = 0) -> int:
    """Give the literal of a threshold row."""
    peeled = peel(row)
    if peeled.constant is not None:
        return int(peeled.constant)
    literals = list(peeled.needed or peeled.enough)
    if not literals:
        assert peeled.core is not None, "a row without simple literals is its own core"
        return _add_core(builder, peeled.core, templates, tables)
    if peeled.core is not None:
        literals.append(add_row(builder, peeled.core, templates, tables))
    return add_tree(builder.and_ if peeled.needed else builder.or_, literals)


def add_tree(join: Callable[[int, int], int], literals: Sequence[int]) -> int:
    """Join literals by a balanced tree."""
    while len(literals) > 1:
        pairs = [join(a, b) for a, b in zip(literals[::2], literals[1::2], strict=False)]
        literals = pairs + list(literals[len(pairs) * 2:])
    return literals[0]


def _add_core(builder: NetlistBuilder, row: Row[int], templates: Templates, tables: int = 0) -> int:
    literals = [x for x, _ in row.terms]
    if len(row.terms) == 3:
        return builder.maj(*literals)  # three literals of which none decides alone are 2 of 3
    if len(row.terms) > _MAX_TEMPLATE:
        return _summed(builder, row, tables)
    key = (tuple(w for _, w in row.terms), row.limit)
    part = templates.get(key)
    if part is None:
        part = templates[key] = _cheapest(*key, tables)
    return replay(builder, part, literals)[0]


def _cheapest(weights: tuple[int, ...], limit: int, tables: int) -> Netlist:
    """Build a core both ways and give the one with fewer gates."""
    adders = NetlistBuilder(len(weights))
    row = Row(tuple((adders.input(k), w) for k, w in enumerate(weights)), limit)
    summed = sweep_dead(adders.finish([_summed(adders, row, tables)]))
    diagram = NetlistBuilder(len(weights))
    output = _Diagram(diagram, row, min(_MAX_DIAGRAM, _cost(summed))).build(0, limit)[2]
    if output is None:
        return summed
    chosen = sweep_dead(diagram.finish([output]))
    return chosen if _cost(chosen) <= _cost(summed) else summed


def _cost(netlist: Netlist) -> int:
    numbers = np.bincount(netlist.kind, minlength=len(Kind))
    return sum(cost * int(numbers[kind]) for kind, cost in _COST.items())


def _summed(builder: NetlistBuilder, row: Row[int], tables: int) -> int:
    """Compare by adding 2**m - limit - 1: bit m of the sum says that the row is above its limit."""
    m = max(row.limit.bit_length(), (row.total - row.limit - 1).bit_length())
    return add_bits(builder, make_form(row.terms, (1 << m) - row.limit - 1), m + 1, tables)[m]


class _Diagram:
    """A decision diagram over the literals in the row's order, equal sub-rows shared.

    `build(i, limit)` answers (low, high, literal): the literal of the row of terms i.. for every limit in low..high-1;
    None for the literal once more than `budget` nodes were made.
    """

    def __init__(self, builder: NetlistBuilder, row: Row[int], budget: int) -> None:
        self._builder = builder
        self._terms = row.terms
        self._budget = budget
        self._known: list[list[tuple[int, int, int]]] = [[] for _ in row.terms]
        self._rest = [sum(w for _, w in row.terms[i:]) for i in range(len(row.terms) + 1)]

    def build(self, i: int, limit: int) -> tuple[int, int, int | None]:
        if limit < 0:
            return -1 << 200, 0, 1
        if limit >= self._rest[i]:
            return self._rest[i], 1 << 200, 0
        for low, high, literal in self._known[i]:
            if low <= limit < high:
                return low, high, literal
        self._budget -= 1
        if self._budget < 0:
            return 0, 0, None
        x, weight = self._terms[i]
        low1, high1, one = self.build(i + 1, limit - weight)
        low0, high0, zero = self.build(i + 1, limit)
        if one is None or zero is None:
            return 0, 0, None
        literal = zero if one == zero else self._builder.or_(zero, self._builder.and_(x, one))
        low, high = max(low1 + weight, low0), min(high1 + weight, high0)
        self._known[i].append((low, high, literal))
        return low, high, literal


def replay(builder: NetlistBuilder, part: Netlist, inputs: Sequence[int]) -> list[int]:
    """Build a netlist's gates again on other literals (AND, XOR and MAJ gates, about 2 us each)."""
    literal = [0, *inputs]
    fanin, offset = part.fanin.tolist(), part.offset.tolist()
    makers = {Kind.AND: builder.and_, Kind.XOR: builder.xor, Kind.MAJ: builder.maj}
    for node in range(1 + part.inputs, part.nodes):
        operands = [literal[f >> 1] ^ f & 1 for f in fanin[offset[node]:offset[node + 1]]]
        literal.append(makers[Kind(int(part.kind[node]))](*operands))
    return [literal[f >> 1] ^ f & 1 for f in part.outputs.tolist()]
