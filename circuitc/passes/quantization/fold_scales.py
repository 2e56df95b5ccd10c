"""Constant factors go into the weights before them: what a batch normalisation multiplies by costs nothing then."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from circuitc.ir import Builder, Constant, Graph, Node, Value, evaluate_node, rebuild

_MOVES = ("broadcast", "reshape", "transpose")
_COMPARE = ("lt", "le")
_SUFFIX = re.compile(r"_\d+$")


def fold_scales(graph: Graph) -> Graph:
    """Multiply constants by factors that follow their contraction, through sums with constants.

    (W x + b) * g becomes (g W) x + g b. What only a comparison reads stays: there the factor becomes a threshold.
    """
    uses = [len(u) for u in graph.users]
    for v in graph.outputs:
        uses[v] += 1
    names = {n.name for v, n in enumerate(graph.nodes) if uses[v] == 1}
    compared = _only_compared(graph)

    def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        if node.op != "mul" or not node.type.is_float or node.name in compared:
            return None
        for value, factor in (operands, operands[::-1]):
            number = known(b, factor)
            scaled = None if number is None else _scaled(b, value, np.broadcast_to(number, node.type.shape), names)
            if scaled is not None:
                return scaled
        return None

    return named_as_before(rebuild(graph, rule), {n.name for n in graph.nodes})


def named_as_before(graph: Graph, names: set[str]) -> Graph:
    """Give rebuilt values the names of those that they replace: settings of layers are by name."""
    taken = {n.name for n in graph.nodes if not n.is_constant}
    nodes: list[Node] = []
    for node in graph.nodes:
        base = _SUFFIX.sub("", node.name)
        if not node.is_constant and node.name not in names and base in names and base not in taken:
            node = replace(node, name=base)
            taken.add(base)
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _only_compared(graph: Graph) -> frozenset[str]:
    """Name the values that reach nothing but comparisons through sums and products with constants."""
    found: set[Value] = set()
    for v in range(len(graph.nodes) - 1, -1, -1):
        users = [(u, graph.nodes[u].op) for u in graph.users[v]]
        if v not in graph.outputs and users and all(
                op in _COMPARE or (op in ("add", "sub", "mul") and u in found) for u, op in users):
            found.add(v)
    return frozenset(graph.nodes[v].name for v in found)


def known(b: Builder, value: Value) -> Any:
    """Give the numbers of a constant, or of a constant moved about; None for other values."""
    node = b.nodes[value]
    if node.is_constant:
        return node.constant.array
    if node.op in _MOVES and (inner := known(b, node.operands[0])) is not None:
        return evaluate_node(node, [b.type(node.operands[0])], [np.asarray(inner)[None]])[0]
    return None


def _scaled(b: Builder, value: Value, factor: Any, names: set[str]) -> Value | None:
    """Build a value times constants by changing the constants that it is made of; None where it is made of others."""
    node = b.nodes[value]
    if node.name not in names:
        return None  # somebody else reads it unscaled
    if node.op in ("add", "sub") and len(node.operands) == 2:
        return _scaled_sum(b, node, factor, names)
    if node.op != "contract" or len(node.operands) != 2 or node.attributes["semiring"] != "plus_times":
        return None
    letters, _, result = node.attributes["spec"].replace(" ", "").partition("->")
    for k, mine in enumerate(letters.split(",")):
        weights = b.nodes[node.operands[k]]
        if weights.is_constant and (over := _over(factor, result, mine)) is not None:
            array = (weights.constant.array * over).astype(weights.type.dtype)
            scaled = b.constant(Constant(weights.type, array, weights.constant.storage), weights.name, weights.origin)
            operands = [scaled if i == k else v for i, v in enumerate(node.operands)]
            return b.copy(node, operands)
    return None


def _scaled_sum(b: Builder, node: Node, factor: Any, names: set[str]) -> Value | None:
    parts: list[Value] = []
    for operand in node.operands:
        number = known(b, operand)
        part = _scaled(b, operand, factor, names) if number is None else b.constant(
            Constant(node.type, (number * factor).astype(node.type.dtype)), b.nodes[operand].name)
        if part is None:
            return None
        parts.append(part)
    return b.copy(node, parts)


def _over(factor: Any, result: str, mine: str) -> Any:
    """Lay factors of the result's elements out over the weights' axes; None where they follow another index."""
    for axis, letter in enumerate(result):
        if letter not in mine:
            first = factor.take([0], axis=axis)
            if not np.all(factor == first):
                return None
            factor = first
    kept = [c for c in result if c in mine]
    array = factor.reshape([factor.shape[k] for k, c in enumerate(result) if c in mine])
    order = [c for c in mine if c in kept]
    array = np.transpose(array, [kept.index(c) for c in order])
    sizes = iter(array.shape)
    return array.reshape([next(sizes) if c in kept else 1 for c in mine])
