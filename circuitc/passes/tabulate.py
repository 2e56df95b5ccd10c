"""Functions become tables: what a backend reads are the numbers that the definition computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Builder, Constant, Graph, Node, Type, Value, evaluate_node, rebuild, unflatten_bits

from .base import Context, GraphPass

FUNCTIONS = frozenset(("exp", "log", "sqrt", "rsqrt", "divide", "tanh", "sigmoid", "sin", "cos", "erf"))
_ELEMENTWISE = FUNCTIONS | {"add", "sub", "mul", "neg", "abs", "min", "max", "and", "or", "xor", "not", "eq", "lt",
                            "le", "select", "requantize", "convert", "shift", "table"}
_MAX_WIDTH = 16
_MAX_CONE = 64  # nodes that one table may take the place of


@dataclass(frozen=True, slots=True)
class Tabulate(GraphPass):
    """Replace functions such as `tanh`, and what leads to them element by element, by a table of their results.

    A function is tabulated over the narrowest value of at most `width` bits (1..16) that alone determines it: its
    operand, or one further back, through floats too. Functions of wider values stay; the facts list both.
    """

    width: int = _MAX_WIDTH

    def __post_init__(self) -> None:
        if not 1 <= self.width <= _MAX_WIDTH:
            raise error(f"tabulate: width is 1 to {_MAX_WIDTH} bits, got {self.width}")

    def run(self, graph: Graph, context: Context) -> Graph:
        made: list[dict[str, Any]] = context.facts.setdefault("tables", [])
        left: list[dict[str, Any]] = context.facts.setdefault("left", [])

        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            node = replace(node, operands=operands)
            if not _wanted(b, node):
                return None
            cone = find_cone(b, node, self.width)
            table = _tabulate(b, node, cone) if cone is not None else None
            if table is None:
                if node.op in FUNCTIONS:
                    left.append({"value": node.name, "op": node.op, "operand": str(b.type(operands[0]))})
                return None
            source, content = table
            made.append({"value": node.name, "op": node.op, "of": b.nodes[source].name, "entries": content.type.size})
            entries = b.constant(content, f"{node.name}_table", node.origin)
            return b.apply("table", source, entries, name=node.name, origin=node.origin, span=node.span)

        return rebuild(graph, rule)


def _wanted(b: Builder, node: Node) -> bool:
    """Tell whether a node ends something worth a table: a function, or exact numbers made from floats."""
    return node.type.is_exact and (node.op in FUNCTIONS or (
        node.op in _ELEMENTWISE and any(b.type(v).is_float for v in node.operands)))


@dataclass(frozen=True, slots=True)
class Cone:
    """A value that determines another element by element, and the values between, in order."""

    source: Value
    inner: tuple[Value, ...]


def find_cone(b: Builder, node: Node, width: int) -> Cone | None:
    """Find the narrowest exact value of at most `width` bits from which alone a node is computed element by element.

    Values are expanded from the last one back, so that whenever one is left over it determines all that were expanded.
    """
    leaves = set(_unknown(b, node))
    inner: list[Value] = []
    best: Cone | None = None
    while leaves and len(inner) <= _MAX_CONE:
        last = max(leaves)
        most = width if best is None else b.type(best.source).width - 1
        if len(leaves) == 1 and b.type(last).is_exact and b.type(last).width <= most and _has_function(b, node, inner):
            best = Cone(last, tuple(reversed(inner)))
        if b.nodes[last].op not in _ELEMENTWISE or b.type(last).shape != node.type.shape:
            break
        leaves.remove(last)
        leaves.update(_unknown(b, b.nodes[last]))
        inner.append(last)
    return best


def _unknown(b: Builder, node: Node) -> list[Value]:
    """Give the operands of an element-wise node that are not constants saying the same to every element."""
    return [v for k, v in enumerate(node.operands) if not (
        b.nodes[v].is_constant and (_says_one_number(b.nodes[v].constant) or (node.op == "table" and k == 1)))]


def _says_one_number(constant: Constant) -> bool:
    array = constant.array  # among floats 0.0 == -0.0 are two numbers
    return constant.is_uniform or array.size == 1 or bool(np.all(array == array.flat[0]) and array.flat[0] != 0)


def _has_function(b: Builder, node: Node, inner: list[Value]) -> bool:
    return node.op in FUNCTIONS or any(b.nodes[v].op in FUNCTIONS for v in inner)


def _tabulate(b: Builder, node: Node, cone: Cone) -> tuple[Value, Constant] | None:
    """Compute a node for every number of the cone's source; None where the program would stop on one."""
    source = b.type(cone.source).scalar
    count = 1 << source.width
    patterns = (np.arange(count)[:, None] >> np.arange(source.width)) & 1
    known: dict[Value, Any] = {cone.source: unflatten_bits([source], patterns)[0]}
    try:
        for v in cone.inner:
            known[v] = _evaluate(b, b.nodes[v], known, count)
        result = _evaluate(b, node, known, count)
    except CircuitError:
        return None
    return cone.source, Constant(node.type.with_shape((count,)), result)


def _evaluate(b: Builder, node: Node, known: dict[Value, Any], count: int) -> Any:
    types: list[Type] = []
    arrays: list[Any] = []
    for k, v in enumerate(node.operands):
        is_table = node.op == "table" and k == 1
        t = b.type(v) if is_table else b.type(v).scalar
        array = known.get(v)
        if array is None:
            content = b.nodes[v].constant.array
            array = np.broadcast_to(content if is_table else content.ravel()[0], (count, *t.shape))
        types.append(t)
        arrays.append(array)
    return evaluate_node(replace(node, type=node.type.scalar), types, arrays)
