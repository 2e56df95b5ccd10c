"""Ranges hold what the interpreter computes, on random programs and on the hard ends of types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import Func, Graph, Port, Type, evaluate_body, module_of, random_raw, verify_module
from circuitc.ir.generate import random_func
from circuitc.ir.ranges import proves, value_ranges

SEEDS = st.integers(0, 2**32 - 1)


def open_up(func: Func) -> Func:
    """The same body with every value an output."""
    body = func.body
    assert isinstance(body, Graph)
    values = tuple(range(len(body.nodes)))
    ports = tuple(Port(f"v{k}", body.nodes[k].type) for k in values)
    return replace(func, outputs=ports, body=replace(body, outputs=values))


def ends_and_numbers(t: Type, rng: np.random.Generator) -> Any:
    """A batch of random numbers, with the least and the greatest of the type mixed in."""
    raw = random_raw(t, 24, rng)
    if t.is_exact:
        ends = np.array([t.lowest, t.highest], t.dtype)
        raw[:8] = ends[rng.integers(0, 2, raw[:8].shape)]
        raw[0], raw[1] = ends
    return raw


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS)
def test_every_value_lies_in_its_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    func = open_up(random_func(rng, 12))
    assert isinstance(func.body, Graph)
    values = evaluate_body(module_of(func), func, [ends_and_numbers(t, rng) for t in func.body_inputs])
    for node, interval, value in zip(func.body.nodes, value_ranges(func.body), values, strict=True):
        if interval is None:
            assert node.type.is_float
            continue
        assert interval.low.shape == interval.high.shape == node.type.shape
        assert interval.inside(node.type)
        exact = value.astype(object)
        assert np.all((exact >= interval.low) & (exact <= interval.high)), f"{node.op} : {node.type}"


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_a_type_narrowed_to_its_range_verifies_and_computes_the_same(seed: int) -> None:
    """Declare each value of an add, sub, mul or contract as narrow as its range allows: nothing may change."""
    rng = np.random.default_rng(seed)
    func = open_up(random_func(rng, 10, exact_only=True))
    graph = func.body
    assert isinstance(graph, Graph)
    ranges = value_ranges(graph)
    nodes = list(graph.nodes)
    for k, (node, interval) in enumerate(zip(graph.nodes, ranges, strict=True)):
        if node.op in ("add", "sub", "mul", "contract") and node.type.kind == "fixed" and not graph.users[k]:
            assert interval is not None
            low, high = min(interval.low.ravel().tolist()), max(interval.high.ravel().tolist())
            width = max(high.bit_length(), (~low).bit_length() if low < 0 else 0) + (low < 0)
            narrow = Type("fixed", max(1, width), node.type.fraction, low < 0, node.type.shape)
            nodes[k] = replace(node, type=narrow)
    narrowed = replace(graph, nodes=tuple(nodes))
    ports = tuple(Port(p.name, nodes[v].type) for p, v in zip(func.outputs, narrowed.outputs, strict=True))
    after = replace(func, body=narrowed, outputs=ports)
    verify_module(module_of(after))
    changed = [k for k, (a, b) in enumerate(zip(graph.nodes, nodes, strict=True)) if a.type != b.type]
    assert all(proves(narrowed, changed).values())
    inputs = [ends_and_numbers(t, rng) for t in func.body_inputs]
    for a, b in zip(evaluate_body(module_of(func), func, inputs), evaluate_body(module_of(after), after, inputs),
                    strict=True):
        np.testing.assert_array_equal(a.astype(object), b.astype(object))
