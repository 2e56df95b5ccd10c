"""What is folded together: products with constant matrices, and the element-wise ops around them, in phases.

A phase is as deep as the longest chain of products that ends in it. Products of one phase do not depend on each other;
they and the element-wise ops between them that share lengths are a group. A group of n lanes computes some of its lanes
a step: lane k of a value of g * n elements is its elements k, n + k, 2n + k, ..., so that all gates of one neuron of a
recurrent layer are one lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import OPS, Constant, Graph, Node, Type, Value, index_type
from circuitc.ir.ops.reductions import subscripts

LANED = frozenset({"add", "sub", "mul", "neg", "abs", "min", "max", "and", "or", "xor", "not", "eq", "lt", "le",
                   "select", "requantize", "convert", "shift", "table", "exp", "log", "sqrt", "rsqrt", "divide",
                   "tanh", "sigmoid", "sin", "cos", "erf", "slice"}) & OPS.keys()


@dataclass(frozen=True)
class Product:
    """A constant matrix [rows, columns] times a vector."""

    matrix: Constant
    vector: Value


@dataclass(frozen=True)
class Group:
    """Values that are computed `together` lanes a step, in `steps` steps from step `start` on."""

    values: tuple[Value, ...]
    lanes: int
    steps: int
    start: int

    @property
    def together(self) -> int:
        return -(-self.lanes // self.steps)

    @property
    def index(self) -> Type:
        """The type that numbers the steps."""
        return index_type(self.steps)

    def gates(self, t: Type) -> int:
        """Give the number of elements that a lane of a value has."""
        return t.shape[0] // self.lanes

    def by_step(self, array: NDArray[np.generic], filler: int) -> NDArray[np.generic]:
        """Lay an array [gates * lanes, ...] out by steps: [steps, gates * together, ...]; `filler` fills the last."""
        gates, more = len(array) // self.lanes, array.shape[1:]
        full = np.full((gates, self.steps * self.together, *more), filler, array.dtype)
        full[:, :self.lanes] = array.reshape(gates, self.lanes, *more)
        split = full.reshape(gates, self.steps, self.together, *more)
        return np.ascontiguousarray(np.moveaxis(split, 0, 1)).reshape(self.steps, gates * self.together, *more)


def plan_groups(graph: Graph, reuse: int) -> tuple[dict[Value, Product], tuple[Group, ...]]:
    """Find the products with constant matrices of two or more rows, and the groups in which they are computed."""
    products = {v: p for v in sorted(graph.live) if (p := _product(graph, v)) is not None}
    phases = _phases(graph, products)
    laned = _laned(graph, products, phases)
    parts = sorted(_parts(graph, laned, products, phases), key=lambda part: (phases[part[0][0]], part[0][0]))
    longest: dict[int, int] = {}
    for values, lanes in parts:
        phase = phases[values[0]]
        longest[phase] = max(longest.get(phase, 0), min(reuse, lanes))
    start = {phase: 1 + sum(longest[p] for p in longest if p < phase) for phase in longest}
    return products, tuple(Group(tuple(values), lanes, min(reuse, lanes), start[phases[values[0]]])
                           for values, lanes in parts)


def _product(graph: Graph, value: Value) -> Product | None:
    """Read a node as matrix times vector."""
    node = graph.nodes[value]
    if node.op != "contract" or len(node.operands) != 2 or node.type.is_float or len(node.type.shape) != 1:
        return None
    known = [graph.nodes[v].is_constant for v in node.operands]
    if node.attributes["semiring"] != "plus_times" or sum(known) != 1 or node.type.shape[0] < 2:
        return None
    k = known.index(True)
    subs = subscripts([graph.nodes[v].type for v in node.operands], node.attributes)
    sides = (subs.a, subs.b)
    if set(sides[k]) != {subs.result, sides[1 - k]} or len(sides[k]) != 2:
        return None
    constant = graph.nodes[node.operands[k]].constant
    array = constant.array if sides[k][0] == subs.result else constant.array.T
    return Product(Constant(constant.type.with_shape(array.shape), array), node.operands[1 - k])


def _phases(graph: Graph, products: Mapping[Value, Product]) -> dict[Value, int]:
    """Give each live value's phase: products as late as what needs them allows, all else as early as can be.

    A late product meets those that it is added to, so that only their sum has to be kept.
    """
    depth: dict[Value, int] = {}
    for value in sorted(graph.live):
        depth[value] = max((depth[v] for v in graph.nodes[value].operands), default=0) + (value in products)
    deepest = max(depth.values(), default=0)
    latest = dict.fromkeys(graph.live, deepest)
    for value in sorted(graph.live, reverse=True):
        for v in graph.nodes[value].operands:
            latest[v] = min(latest[v], latest[value] - (value in products))
    phases: dict[Value, int] = {}
    for value in sorted(graph.live):
        phases[value] = latest[value] if value in products else max(
            (phases[v] for v in graph.nodes[value].operands), default=0)
    return phases


def _laned(graph: Graph, products: Mapping[Value, Product], phases: Mapping[Value, int]) -> set[Value]:
    """Find the values that can be computed lane by lane: products, and element-wise ops on values of their phase.

    Their other operands are constants, or whole since an earlier phase.
    """
    laned: set[Value] = set()
    for value in sorted(graph.live):
        node = graph.nodes[value]
        inner = {v for v in node.operands if v in laned and phases[v] == phases[value]}
        outer = [v for v in lane_operands(node) if v not in inner]
        whole = all(graph.nodes[v].is_constant or phases[v] < phases[value] for v in outer)
        if value in products or (inner and whole and _is_lanewise(graph, node)):
            laned.add(value)
    return laned


def lane_operands(node: Node) -> tuple[Value, ...]:
    """Give the operands of an element-wise op that have an element for each of its own: all, but for a table."""
    return node.operands[:1] if node.op == "table" else node.operands


def _is_lanewise(graph: Graph, node: Node) -> bool:
    types = [graph.nodes[v].type for v in lane_operands(node)]
    if node.op not in LANED or node.type.is_float or node.type.rank != 1 or any(t.rank != 1 for t in types):
        return False
    if node.op == "slice":
        return not node.attributes["step"] or tuple(node.attributes["step"]) == (1,)
    return node.op != "table" or graph.nodes[node.operands[1]].is_constant


def _parts(graph: Graph, laned: set[Value], products: Mapping[Value, Product],
           phases: Mapping[Value, int]) -> Iterator[tuple[list[Value], int]]:
    """Part laned values into those that hang together, each with its number of lanes.

    That is what divides all their lengths and the places where they are cut. Where nothing does, products are folded
    alone and what is between them stays whole.
    """
    above: dict[Value, Value] = {v: v for v in laned}

    def root(v: Value) -> Value:
        while above[v] != v:
            v = above[v]
        return v
    for value in sorted(laned - products.keys()):
        for v in lane_operands(graph.nodes[value]):
            if v in laned and phases[v] == phases[value]:
                above[root(v)] = root(value)
    found: dict[Value, list[Value]] = {}
    for value in sorted(laned):
        found.setdefault(root(value), []).append(value)
    for values in found.values():
        sizes = [n for v in values for n in _lengths(graph.nodes[v])]
        lanes = gcd(*sizes)
        if lanes >= 2:
            yield values, lanes
        else:
            yield from (([v], graph.nodes[v].type.shape[0]) for v in values if v in products)


def _lengths(node: Node) -> tuple[int, ...]:
    if node.op == "slice":
        return (*node.type.shape, *node.attributes["start"], *node.attributes["stop"])
    return node.type.shape


__all__ = ["Group", "Product", "lane_operands", "plan_groups"]
