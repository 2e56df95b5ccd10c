"""How each kind of gate is made of ANDs: a template is a netlist of ANDs with one output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np

from .netlist import Kind, Netlist, NetlistBuilder, aig


@dataclass(frozen=True, slots=True)
class Shape:
    """What a gate computes of its fan-ins: equal shapes, equal functions.

    `data` is the truth table of a look-up table or the threshold of a threshold gate.
    """

    kind: Kind
    arity: int
    data: int = 0
    weights: tuple[int, ...] = ()


@lru_cache(maxsize=4096)
def template(shape: Shape) -> Netlist:
    """Give the ANDs of a gate; none at all where it is constant or one of its fan-ins."""
    builder = NetlistBuilder(shape.arity)
    operands = [builder.input(k) for k in range(shape.arity)]
    match shape.kind:
        case Kind.AND:
            return aig(2, np.array([operands]), [6])
        case Kind.XOR:
            return builder.finish([_xor(builder, *operands)])
        case Kind.MAJ:
            return builder.finish([_maj(builder, *operands)])
        case Kind.LUT:
            size = 1 << shape.arity
            return _swept(builder, _lut(builder, operands, shape.data & ((1 << size) - 1), {}))
        case Kind.THRESHOLD:
            return _threshold(shape)
        case _:
            raise AssertionError(f"{shape.kind.name} is not a gate")


def _xor(builder: NetlistBuilder, a: int, b: int) -> int:
    return builder.and_(builder.and_(a, b) ^ 1, builder.or_(a, b))


def _maj(builder: NetlistBuilder, a: int, b: int, c: int) -> int:
    return builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))


def _lut(builder: NetlistBuilder, operands: Sequence[int], table: int, known: dict[tuple[int, int], int]) -> int:
    """Split a truth table on its last operand (Shannon), sharing equal parts; unate splits take one AND less."""
    if not operands:
        return table & 1
    key = (len(operands), table)
    if key not in known:
        half = 1 << (len(operands) - 1)
        low_table, high_table = table & ((1 << half) - 1), table >> half
        low = _lut(builder, operands[:-1], low_table, known)
        high = _lut(builder, operands[:-1], high_table, known)
        x = operands[-1]
        if low_table == high_table:
            known[key] = low
        elif not low_table & ~high_table:
            known[key] = builder.or_(low, builder.and_(x, high))
        elif not high_table & ~low_table:
            known[key] = builder.or_(high, builder.and_(x ^ 1, low))
        else:
            known[key] = builder.or_(builder.and_(x, high), builder.and_(x ^ 1, low))
    return known[key]


def _threshold(shape: Shape) -> Netlist:
    """Take the smaller of two ways: adders and a comparison, or a decision diagram over partial sums.

    The diagram wins for few inputs and for thresholds near an end; it may grow exponentially, the adders never do.
    """
    by_adders = NetlistBuilder(shape.arity)
    terms, limit = _positive_terms(by_adders, shape)
    adders = by_adders.finish([_sum_exceeds(by_adders, terms, limit)])
    by_diagram = NetlistBuilder(shape.arity)
    literal = _diagram(by_diagram, terms, limit, budget=adders.gates + 8)
    if literal is None:
        return _swept(by_adders, int(adders.outputs[0]))
    diagram = _swept(by_diagram, literal)
    return min(diagram, _swept(by_adders, int(adders.outputs[0])), key=lambda n: n.gates)


def _positive_terms(builder: NetlistBuilder, shape: Shape) -> tuple[list[tuple[int, int]], int]:
    """Give (weight > 0, literal) by falling weight, and what their sum must exceed: -w*x is w*(not x) - w."""
    limit = shape.data - sum(w for w in shape.weights if w < 0)
    terms = [(abs(w), builder.input(k) ^ (w < 0)) for k, w in enumerate(shape.weights) if w]
    return sorted(terms, key=lambda term: (-term[0], term[1])), limit


def _diagram(builder: NetlistBuilder, terms: list[tuple[int, int]], limit: int, budget: int) -> int | None:
    """Decide term by term whether the rest of the sum exceeds what is still needed; None beyond the budget of states.

    A state is (terms decided, need); it is true where need < 0 and false where the rest cannot exceed it.
    """
    rest = [0] * (len(terms) + 1)
    for k in reversed(range(len(terms))):
        rest[k] = rest[k + 1] + terms[k][0]
    layers: list[list[int]] = [[limit] if 0 <= limit < rest[0] else []]
    states = 0
    for k, (weight, _) in enumerate(terms):
        following = {need for n in layers[-1] for need in (n, n - weight) if 0 <= need < rest[k + 1]}
        layers.append(sorted(following))
        states += len(following)
        if states > budget:
            return None
    below: dict[int, int] = {}

    def state(k: int, need: int) -> int:
        return 1 if need < 0 else 0 if need >= rest[k] else below[need]

    for k in reversed(range(len(terms))):
        weight, x = terms[k]
        below = {need: builder.or_(state(k + 1, need), builder.and_(x, state(k + 1, need - weight)))
                 for need in layers[k]}
    return state(0, limit)


def _sum_exceeds(builder: NetlistBuilder, terms: list[tuple[int, int]], limit: int) -> int:
    """Add the terms and 2**k - 1 - limit in columns of bits: the carry into column k says sum > limit."""
    total = sum(weight for weight, _ in terms)
    if limit < 0 or limit >= total:
        return int(limit < 0)
    width = total.bit_length()
    columns: list[list[int]] = [[] for _ in range(width + 1)]
    for weight, x in [*terms, ((1 << width) - 1 - limit, 1)]:
        for bit in range(width):
            if weight >> bit & 1:
                columns[bit].append(x)
    for bit in range(width):
        columns[bit + 1] += _carries(builder, columns[bit])
    return reduce(builder.or_, columns[width])  # the whole stays below 2**(width + 1): at most one of them is 1


def _carries(builder: NetlistBuilder, column: list[int]) -> list[int]:
    """Add up one column of equal weight, oldest bits first, and give its carries; the last sum bit is not made."""
    carries: list[int] = []
    queue = list(column)
    while len(queue) > 3:
        a, b, c = queue[:3]
        both, either = builder.and_(a, b), builder.or_(a, b)
        half = builder.and_(both ^ 1, either)
        carries.append(builder.or_(both, builder.and_(c, half)))
        queue = [*queue[3:], _xor(builder, half, c)]
    if len(queue) == 3:
        carries.append(_maj(builder, *queue))
    elif len(queue) == 2:
        carries.append(builder.and_(*queue))
    return [c for c in carries if c]


def _swept(builder: NetlistBuilder, output: int) -> Netlist:
    """Freeze what one output needs of a builder that holds ANDs only."""
    whole = builder.finish([output])
    first = 1 + whole.inputs
    pairs: list[list[int]] = whole.fanin.reshape(-1, 2).tolist()
    needed = [False] * whole.nodes
    needed[output >> 1] = True
    for node in reversed(range(first, whole.nodes)):
        if needed[node]:
            for f in pairs[node - first]:
                needed[f >> 1] = True
    new = list(range(first))
    kept: list[list[int]] = []
    for node in range(first, whole.nodes):
        new.append(first + len(kept))
        if needed[node]:
            kept.append([new[f >> 1] << 1 | f & 1 for f in pairs[node - first]])
    return aig(whole.inputs, np.array(kept, np.int32).reshape(-1, 2), [new[output >> 1] << 1 | output & 1])
