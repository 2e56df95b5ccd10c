"""The op table of the Verilog target: one row for each op it prints, one refusal for each that it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pyverilog.vparser import ast

from circuitc.ir import BIT, Node

from .arithmetic import (
    Operand,
    at,
    compare,
    extreme,
    into,
    magnitude,
    moved,
    negative,
    of_tree,
    product,
    total,
)
from .rounding import requantized
from .scope import Scope
from .tree import Tree, concat, conditional

Row = Callable[[Scope, Node, list[Operand]], Tree]
"""Gives the expression of a node's value, exactly as wide as its type; helpers go into the scope."""


def _add(scope: Scope, node: Node, x: list[Operand]) -> Tree:
    return total(scope, node.name, x, node.type)


def _sub(scope: Scope, node: Node, x: list[Operand]) -> Tree:
    fraction, width = node.type.fraction, node.type.width
    return ast.Minus(at(scope, x[0], fraction, width), at(scope, x[1], fraction, width))


def _logic(operator: Callable[[Tree, Tree], Tree]) -> Row:
    def row(scope: Scope, node: Node, x: list[Operand]) -> Tree:
        tree = operator(x[0].word.tree(), x[1].word.tree())
        return of_tree(scope, f"{node.name}_bits", tree, x[0].type, node.type)
    return row


def _not(scope: Scope, node: Node, x: list[Operand]) -> Tree:
    return of_tree(scope, f"{node.name}_bits", ast.Unot(x[0].word.tree()), x[0].type, node.type)


def _extreme(largest: bool) -> Row:
    def row(scope: Scope, node: Node, x: list[Operand]) -> Tree:
        tree = extreme(scope, x[0], x[1], largest)
        return of_tree(scope, f"{node.name}_pick", tree, x[0].type, node.type)
    return row


def _compare(kind: str) -> Row:
    def row(scope: Scope, node: Node, x: list[Operand]) -> Tree:
        return of_tree(scope, f"{node.name}_bit", compare(scope, x[0], x[1], kind), BIT, node.type)
    return row


def _select(scope: Scope, node: Node, x: list[Operand]) -> Tree:
    return conditional(x[0].word.tree(), into(scope, x[1], node.type), into(scope, x[2], node.type))


def _requantize(scope: Scope, node: Node, x: list[Operand]) -> Tree:
    return requantized(scope, node.name, x[0], node.type, node.attributes["rounding"], node.attributes["overflow"])


def _convert(scope: Scope, node: Node, x: list[Operand]) -> Tree:
    if x[0].type.width == node.type.width == 1 and x[0].type.is_spin != node.type.is_spin:
        return x[0].word.tree()  # bit 1 and spin +1 are the same bit
    return into(scope, x[0], node.type)


def _stack(scope: Scope, node: Node, x: list[Operand]) -> Tree:
    parts = [into(scope, o, node.type.scalar) for o in reversed(x)]
    return concat(parts)


ROWS: Mapping[str, Row] = MappingProxyType({
    "add": _add,
    "sub": _sub,
    "mul": lambda s, n, x: product(s, x[0], x[1], n.type),
    "neg": lambda s, n, x: negative(s, x[0], n.type),
    "abs": lambda s, n, x: magnitude(s, x[0], n.type),
    "min": _extreme(False),
    "max": _extreme(True),
    "and": _logic(ast.And),
    "or": _logic(ast.Or),
    "xor": _logic(ast.Xor),
    "not": _not,
    "eq": _compare("eq"),
    "lt": _compare("lt"),
    "le": _compare("le"),
    "select": _select,
    "requantize": _requantize,
    "convert": _convert,
    "shift": lambda s, n, x: into(s, moved(x[0], n.attributes["by"]), n.type),
    "stack": _stack,
})

# These give a part of what is there already, or need more than their operands' bits; body.py has them.
STRUCTURAL = ("element", "table", "pack")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the target does not print an op, and what to do."""

    reason: str
    help: str


_SCALARIZE = Refusal("works on whole tensors, which verilog has not", "run the pass scalarize before")
_TABULATE = Refusal("is a function without gates of its own", "run the pass tabulate before")
TENSORS: tuple[str, ...] = (
    "reshape", "transpose", "broadcast", "slice", "window", "concat", "pad", "gather", "update", "one_hot", "priority",
    "unpack", "reduce", "argmax", "argmin", "contract", "threshold")
FUNCTIONS: tuple[str, ...] = ("exp", "log", "sqrt", "rsqrt", "divide", "tanh", "sigmoid", "sin", "cos", "erf")


def _refusals() -> Iterator[tuple[str, Refusal]]:
    for name in TENSORS:
        yield name, _SCALARIZE
    for name in FUNCTIONS:
        yield name, _TABULATE


REFUSALS: Mapping[str, Refusal] = MappingProxyType(dict(_refusals()))
