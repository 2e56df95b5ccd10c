"""The interpreter against an oracle that knows only fractions: every number of every exact op, in random programs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import OPS, Graph, Module, Node, Type, evaluate_body
from circuitc.ir.generate import random_func
from circuitc.passes import sample_inputs

Numbers = np.ndarray[Any, Any]  # of Fractions


def numbers(t: Type, raw: Any) -> Numbers:
    scale = Fraction(2) ** -t.fraction
    return np.array([Fraction(int(r)) * scale for r in np.asarray(raw).ravel()], dtype=object).reshape(t.shape)


def each(f: Callable[..., Any], *arrays: Numbers) -> Numbers:
    return np.asarray(np.frompyfunc(f, len(arrays), 1)(*arrays), dtype=object)


def to_grid(x: Fraction, t: Type, rounding: str, overflow: str) -> Fraction:
    """Round a number to a type's raw numbers, and bring it in."""
    scaled = x * Fraction(2) ** t.fraction
    raw = round(scaled) if rounding == "nearest_even" else scaled.__floor__()
    if overflow == "wrap":
        raw = (raw - t.lowest) % (1 << t.width) + t.lowest
    return Fraction(min(max(raw, t.lowest), t.highest)) * Fraction(2) ** -t.fraction


def requantize(node: Node, types: list[Type], x: Numbers) -> Numbers:
    return each(lambda v: to_grid(v, node.type, node.attributes["rounding"], node.attributes["overflow"]), x)


def convert(node: Node, types: list[Type], x: Numbers) -> Numbers:
    if types[0].is_bit and node.type.is_spin:
        return 2 * x - 1
    return (x + 1) / 2 if types[0].is_spin and node.type.is_bit else x


def divide(node: Node, types: list[Type], x: Numbers, y: Numbers) -> Numbers:
    def one(p: Fraction, q: Fraction) -> Fraction:
        huge = Fraction(2) ** 2000
        exact = p / q if q else huge if p > 0 else -huge if p < 0 else Fraction(0)
        return to_grid(exact, node.type, "nearest_even", "saturate")
    return each(one, x, y)


def letters(node: Node) -> tuple[str, str, str]:
    left, _, result = node.attributes["spec"].partition("->")
    a, _, b = left.partition(",")
    return a, b, result


def contract(node: Node, types: list[Type], a: Numbers, b: Numbers, *rest: Numbers) -> Numbers:
    """One loop over all indices, one term at a time."""
    first, second, result = letters(node)
    where = node.attributes["where"]
    sizes = {**dict(zip(first, a.shape, strict=True)), **dict(zip(second, b.shape, strict=True))}
    terms: dict[tuple[int, ...], list[Fraction]] = {i: [] for i in product(*(range(sizes[c]) for c in result))}
    for index in product(*(range(n) for n in sizes.values())):
        at = dict(zip(sizes, index, strict=True))
        if where and not rest[0][tuple(at[c] for c in where)]:
            continue
        p, q = a[tuple(at[c] for c in first)], b[tuple(at[c] for c in second)]
        semiring = node.attributes["semiring"]
        terms[tuple(at[c] for c in result)].append(p + q if semiring.endswith("plus") else p * q)
    folds: dict[str, Callable[[list[Fraction]], Fraction]] = {
        "plus_times": lambda t: sum(t, Fraction(0)), "min_plus": min, "max_plus": max,
        "or_and": lambda t: max(t, default=Fraction(0))}
    out = np.empty(node.type.shape, dtype=object)
    for index, found in terms.items():
        start = [rest[-1][index]] if node.attributes["init"] else []
        out[index] = folds[node.attributes["semiring"]](found + start)
    return out


def threshold(node: Node, types: list[Type], x: Numbers, w: Numbers, t: Numbers) -> Numbers:
    return np.array([1 if sum(p * q for p, q in zip(row, x, strict=True)) > bound else -1
                     for row, bound in zip(w, t, strict=True)], dtype=object)


def extreme(node: Node, types: list[Type], x: Numbers, where: Numbers | None = None) -> Numbers:
    axis = node.attributes["axis"]
    rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    kept = np.ones(rows.shape, bool) if where is None else np.moveaxis(where, axis, -1).reshape(rows.shape) == 1
    sign = 1 if node.op == "argmax" else -1
    best = [max((k for k in range(len(r)) if m[k]), key=lambda k, r=r: (sign * r[k], -k), default=0)
            for r, m in zip(rows, kept, strict=True)]
    return np.array(best, dtype=object).reshape(node.type.shape)


def fold(node: Node, types: list[Type], x: Numbers) -> Numbers | None:
    folds = {"add": np.add, "min": np.minimum, "max": np.maximum}
    ufunc = folds.get(node.attributes["kind"])
    return None if ufunc is None else np.asarray(ufunc.reduce(x, axis=node.attributes["axes"]), dtype=object)


def gather(node: Node, types: list[Type], x: Numbers, index: Numbers) -> Numbers:
    axis = node.attributes["axis"]
    empty = Fraction(-1 if types[0].is_spin else 0)
    rows = np.moveaxis(x, axis, 0)
    picked = [rows[int(i)] if i < len(rows) else np.full(rows.shape[1:], empty, dtype=object) for i in index.ravel()]
    stacked = np.array(picked, dtype=object).reshape((*index.shape, *rows.shape[1:]))
    taken = range(index.ndim)
    return np.moveaxis(stacked, taken, range(axis, axis + index.ndim))


def one_hot(node: Node, types: list[Type], x: Numbers) -> Numbers:
    return np.array([[int(v == k) for k in range(node.attributes["size"])] for v in x.ravel()],
                    dtype=object).reshape(node.type.shape)


ORACLE: dict[str, Callable[..., Numbers | None]] = {
    "add": lambda n, t, *x: sum(x[1:], x[0]), "sub": lambda n, t, x, y: x - y, "mul": lambda n, t, x, y: x * y,
    "neg": lambda n, t, x: -x, "abs": lambda n, t, x: abs(x),
    "min": lambda n, t, x, y: each(min, x, y), "max": lambda n, t, x, y: each(max, x, y),
    "eq": lambda n, t, x, y: each(lambda p, q: int(p == q), x, y),
    "lt": lambda n, t, x, y: each(lambda p, q: int(p < q), x, y),
    "le": lambda n, t, x, y: each(lambda p, q: int(p <= q), x, y),
    "select": lambda n, t, c, x, y: each(lambda b, p, q: p if b else q, c, x, y),
    "requantize": requantize, "convert": convert, "divide": divide,
    "shift": lambda n, t, x: x * Fraction(2) ** n.attributes["by"],
    "reshape": lambda n, t, x: x.reshape(n.type.shape),
    "transpose": lambda n, t, x: np.transpose(x, n.attributes["order"]),
    "concat": lambda n, t, *x: np.concatenate(x, n.attributes["axis"]),
    "stack": lambda n, t, *x: np.array([v.item() for v in x], dtype=object).reshape(n.type.shape),
    "element": lambda n, t, x: np.asarray(x.ravel()[n.attributes["index"]], dtype=object),
    "contract": contract, "threshold": threshold, "argmax": extreme, "argmin": extreme, "reduce": fold,
    "gather": gather, "one_hot": one_hot,
}


def check(node: Node, types: list[Type], raws: list[Any], result: Any) -> None:
    if not (node.type.is_exact and all(t.is_exact for t in types) and node.op in ORACLE):
        return
    expected = ORACLE[node.op](node, types, *(numbers(t, r) for t, r in zip(types, raws, strict=True)))
    if expected is not None:
        found = numbers(node.type, result)
        assert np.shape(expected) == found.shape
        assert np.all(found == expected), f"{node.op} {[str(t) for t in types]} {dict(node.attributes)} : {node.type}"


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_every_number_is_right(seed: int) -> None:
    rng = np.random.default_rng(seed)
    func = random_func(rng, 20, exact_only=True, ops=list(ORACLE) if seed % 3 else None)
    graph = func.body
    assert isinstance(graph, Graph)
    whole = func.with_body(Graph(graph.inputs, graph.nodes, tuple(range(len(graph.nodes)))))
    inputs = sample_inputs(func, 3, rng)
    values = evaluate_body(Module({"main": func}), whole, [inputs[p.name] for p in func.inputs])
    for node, result in zip(graph.nodes[graph.inputs:], values[graph.inputs:], strict=True):
        types = [graph.nodes[v].type for v in node.operands]
        for k in range(3):
            check(node, types, [values[v][k] for v in node.operands], result[k])


def test_oracle_speaks_of_known_ops() -> None:
    assert set(ORACLE) <= set(OPS)
