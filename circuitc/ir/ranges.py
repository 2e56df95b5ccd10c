"""Prove where values lie: an interval for each element of each value, sound for every input.

Interval arithmetic over the graph, element by element, that looks into constants: a weight of zero contributes
nothing, a table answers only with its entries. Values whose op has no rule get the whole range of their type. It is
one pass over a body: registers and inputs have the range of their types (no fixpoint over steps is sought).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from .graph import Graph, Node
from .op import Application, OpDef, Raw
from .ops import OPS
from .ops.reductions import Subscripts, spread, subscripts
from .types import MAX_WIDTH, Type

MAX_TERMS = 1 << 22  # a contraction with more terms than this gets the bound of its types


@dataclass(frozen=True, slots=True)
class Interval:
    """The least and greatest raw number of each element: arrays of the value's shape (floats have no interval)."""

    low: Raw
    high: Raw

    def __post_init__(self) -> None:
        for name in ("low", "high"):  # arithmetic on rank 0 arrays of Python integers answers bare integers
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=object))

    def inside(self, t: Type) -> bool:
        """Tell whether every element fits a type's raw numbers."""
        return bool(np.all(self.low >= t.lowest) and np.all(self.high <= t.highest))


def _least(a: Any, b: Any) -> Raw:
    """Give the smaller numbers; as objects, because numpy would look for a C type that holds bare integers."""
    return np.asarray(np.minimum(np.asarray(a, dtype=object), np.asarray(b, dtype=object)), dtype=object)


def _greatest(a: Any, b: Any) -> Raw:
    return np.asarray(np.maximum(np.asarray(a, dtype=object), np.asarray(b, dtype=object)), dtype=object)


def _choose(condition: Any, a: Any, b: Any) -> Raw:
    return np.where(np.asarray(condition, dtype=bool), np.asarray(a, dtype=object), np.asarray(b, dtype=object))


def full(t: Type) -> Interval:
    """Give the interval of everything a type holds."""
    return Interval(np.full(t.shape, t.lowest, dtype=object), np.full(t.shape, t.highest, dtype=object))


def value_ranges(graph: Graph) -> tuple[Interval | None, ...]:
    """Give an interval for each value of a graph; None for floats."""
    found: list[Interval | None] = []
    for node in graph.nodes:
        found.append(_interval(graph, node, found))
    return tuple(found)


def proves(graph: Graph, values: Sequence[int]) -> dict[int, bool]:
    """Tell for each of some values whether its declared type holds its result, by ranges where types do not say so."""
    found: list[Interval | None] = []
    answers: dict[int, bool] = {}
    for value, node in enumerate(graph.nodes):
        raw = _natural(graph, node, found) if value in values else None
        if value in values:
            answers[value] = raw is not None and raw.inside(node.type)
        found.append(raw if answers.get(value) else _interval(graph, node, found))
    return answers


def keeps_promise(graph: Graph, value: int, ranges: Sequence[Interval | None]) -> bool:
    """Tell whether a `requantize` of exact numbers never overflows, by the ranges of all values (`value_ranges`)."""
    node = graph.nodes[value]
    operand, source = ranges[node.operands[0]], graph.nodes[node.operands[0]].type
    if operand is None:
        return False
    by = node.type.fraction - source.fraction
    low, high = operand.low, operand.high
    if by >= 0:
        return Interval(low * (1 << by), high * (1 << by)).inside(node.type)
    floor = node.attributes["rounding"] == "floor"
    ends = (low, high) if floor else (low + (1 << (-by - 1)), high + (1 << (-by - 1)))  # half up is never below even
    down = Interval(ends[0] >> -by, ends[1] >> -by)
    if floor:
        return down.inside(node.type)
    return Interval(-(-(low - (1 << (-by - 1))) >> -by), down.high).inside(node.type)


def _interval(graph: Graph, node: Node, found: Sequence[Interval | None]) -> Interval | None:
    """Give a node's interval, never wider than its declared type."""
    if node.type.is_float:
        return None
    natural = _natural(graph, node, found)
    whole = full(node.type)
    if natural is None:
        return whole
    return Interval(_greatest(natural.low, whole.low), _least(natural.high, whole.high))


def _natural(graph: Graph, node: Node, found: Sequence[Interval | None]) -> Interval | None:
    """Give the interval that the op's own rule proves, in the fraction of the declared type; None where it has none."""
    if node.type.is_float:
        return None
    if node.is_constant:
        exact = node.constant.array.astype(object)
        return Interval(exact, exact)
    operands = [found[v] for v in node.operands]
    known = [o for o in operands if o is not None]
    record = OPS.get(node.op)
    if record is None or len(known) < len(operands):
        return None
    types = tuple(graph.nodes[v].type for v in node.operands)
    inferred = record.result_type(types, node.attributes, node.type)
    if node.type.fraction < inferred.fraction:
        return None  # no range proves that the bits behind the point are zero
    application = Application(types, inferred, node.attributes)
    rule = _RULES.get(node.op, _ends if record.monotone else None)
    natural = rule(record, application, known) if rule else None
    return natural and _rescale(natural, node.type.fraction - inferred.fraction)


def _rescale(interval: Interval, bits: int) -> Interval:
    if bits <= 0:
        return interval if bits == 0 else Interval(interval.low >> -bits, -(-interval.high >> -bits))
    return Interval(interval.low * (1 << bits), interval.high * (1 << bits))


def _evaluate(record: OpDef, application: Application, operands: Sequence[Raw]) -> Raw:
    """Apply an op to one array for each operand (no batch); the answer is of Python integers."""
    arrays = [o.astype(t.dtype)[None] for o, t in zip(operands, application.types, strict=True)]
    return np.asarray(record.evaluate(application, *arrays)[0]).astype(object)


def _ends(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval:
    """Map the ends of intervals through an op that never falls where an operand rises."""
    return Interval(_evaluate(record, application, [o.low for o in operands]),
                    _evaluate(record, application, [o.high for o in operands]))


def _sub(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval:
    a, b = operands
    return Interval(_evaluate(record, application, [a.low, b.high]), _evaluate(record, application, [a.high, b.low]))


def _neg(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval:
    return Interval(-operands[0].high, -operands[0].low)


def _abs(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval:
    low, high = operands[0].low, operands[0].high
    return Interval(_choose((low < 0) & (high > 0), 0, _least(abs(low), abs(high))), _greatest(abs(low), abs(high)))


def _products(a: Interval, b: Interval) -> Interval:
    ends = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]
    return Interval(reduce(_least, ends), reduce(_greatest, ends))


def _mul(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval:
    return _products(*operands)


def _select(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval:
    condition, a, b = operands
    only_a, only_b = condition.low == 1, condition.high == 0
    low = _choose(only_a, a.low, _choose(only_b, b.low, _least(a.low, b.low)))
    return Interval(low, _choose(only_a, a.high, _choose(only_b, b.high, _greatest(a.high, b.high))))


def _requantize(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval | None:
    """Rounding never falls; what overflows ends at the type's ends, or anywhere where it wraps."""
    t = application.result
    clipped = {**application.attributes, "overflow": "saturate"}
    ends = _ends(record, Application(application.types, t, clipped), operands)
    if application["overflow"] != "wrap":
        return ends
    if t.width > MAX_WIDTH - 2:
        inside = np.all(ends.low > t.lowest) and np.all(ends.high < t.highest)  # at an end it may have been clipped
    else:
        widest = Type("fixed", MAX_WIDTH, t.fraction, True, t.shape)
        inside = _ends(record, Application(application.types, widest, clipped), operands).inside(t)
    return ends if inside else None


def _reduce(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval | None:
    return _ends(record, application, operands) if application["kind"] in ("add", "min", "max") else None


def _table(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval:
    shape, entries = application.result.shape, operands[1]
    return Interval(np.full(shape, entries.low.min(), dtype=object), np.full(shape, entries.high.max(), dtype=object))


def _contract(record: OpDef, application: Application, operands: Sequence[Interval]) -> Interval | None:
    """Bound each term and fold the bounds; a mask can only take terms away."""
    subs = subscripts(application.types, application.attributes)
    if application["semiring"] == "or_and" or subs.terms * max(1, application.result.size) > MAX_TERMS:
        return None
    a, b = (_laid_out(o, index, subs) for o, index in zip(operands[:2], (subs.a, subs.b), strict=True))
    masked, init = subs.where is not None, operands[-1] if application["init"] else None
    if application["semiring"] == "plus_times":
        return _sum_of_products(application, subs, _products(a, b), masked, init)
    return _least_or_greatest(application, subs, a, b, masked, init)


def _laid_out(interval: Interval, index: str, subs: Subscripts) -> Interval:
    return Interval(spread(interval.low, index, subs), spread(interval.high, index, subs))


def _fold(fold: np.ufunc, terms: Raw, subs: Subscripts) -> Raw:
    full_shape = tuple(subs.sizes[c] for c in subs.all)
    axes = tuple(range(len(subs.result), len(subs.all)))
    terms = np.broadcast_to(np.asarray(terms, dtype=object), full_shape)
    return np.asarray(fold.reduce(terms, axis=axes) if axes else terms, dtype=object)


def _sum_of_products(application: Application, subs: Subscripts, terms: Interval, masked: bool,
                     init: Interval | None) -> Interval:
    low, high = (_least(terms.low, 0), _greatest(terms.high, 0)) if masked else (terms.low, terms.high)
    total = Interval(_fold(np.add, low, subs), _fold(np.add, high, subs))
    fraction = application.types[0].fraction + application.types[1].fraction
    total = _rescale(total, application.result.fraction - fraction)
    if init is None:
        return total
    start = _rescale(init, application.result.fraction - application.types[-1].fraction)
    return Interval(total.low + start.low, total.high + start.high)


def _least_or_greatest(application: Application, subs: Subscripts, a: Interval, b: Interval, masked: bool,
                       init: Interval | None) -> Interval:
    result = application.result.fraction
    p, q = (result - t.fraction for t in application.types[:2])
    a, b = _rescale(a, p), _rescale(b, q)
    fold = np.minimum if application["semiring"] == "min_plus" else np.maximum
    low, high = _fold(fold, a.low + b.low, subs), _fold(fold, a.high + b.high, subs)
    if init is None:
        return Interval(low, high)
    start = _rescale(init, result - application.types[-1].fraction)
    if masked:
        return Interval(_least(low, start.low), start.high) if fold is np.minimum else (
            Interval(start.low, _greatest(high, start.high)))
    return Interval(fold(low, start.low), fold(high, start.high))


Rule = Callable[[OpDef, Application, Sequence[Interval]], Interval | None]
_RULES: dict[str, Rule] = {
    "sub": _sub, "neg": _neg, "abs": _abs, "mul": _mul, "select": _select, "requantize": _requantize,
    "reduce": _reduce, "table": _table, "contract": _contract,
}
