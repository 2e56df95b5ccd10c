"""Formulas of graph programs: a small part of Python's expressions, read into trees and never executed.

`d[i] + A[i,j]` is the number of the sending node i plus that of the edge from i to the receiving node j. Taken are
names, subscripts, whole numbers, `+ - *`, comparisons, `and or not`, `x if c else y`, and the functions `min`, `max`,
`any`, `all` and `unchanged`. Places in messages are written `m.arg`, `m.any`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from circuitc.diagnostics import error

MAX_LENGTH = 2000
MAX_NUMBER = 1 << 62


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number."""

    value: int


@dataclass(frozen=True, slots=True)
class Read:
    """A field, message or definition, at some places: `A[i,j]` has two indices; `m.arg` has the part `arg`."""

    name: str
    indices: tuple[Formula, ...] = ()
    part: str = ""


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation: `add sub mul neg eq ne lt le and or not select min max any all unchanged`."""

    op: str
    operands: tuple[Formula, ...]


Formula = Number | Read | Apply

_BINARY: dict[type[ast.AST], str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_COMPARE: dict[type[ast.AST], tuple[str, bool]] = {  # (op, operands swapped)
    ast.Eq: ("eq", False), ast.NotEq: ("ne", False), ast.Lt: ("lt", False), ast.LtE: ("le", False),
    ast.Gt: ("lt", True), ast.GtE: ("le", True)}
_FUNCTIONS = {"min": (2, 2), "max": (2, 2), "any": (1, 1), "all": (1, 1), "unchanged": (1, 99)}


@lru_cache(maxsize=1024)
def parse_formula(text: str) -> Formula:
    """Read a formula; a CircuitError says what it has that formulas have not."""
    if len(text) > MAX_LENGTH:
        raise error(f"a formula has at most {MAX_LENGTH} characters, this one {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise error(f"{text!r} is not a formula", help="formulas are like `d[i] + A[i,j]`") from None
    try:
        return _formula(tree.body, text)
    except RecursionError:
        raise error("a formula is nested too deep") from None


def _formula(tree: ast.expr, text: str) -> Formula:
    match tree:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            if value > MAX_NUMBER:
                raise error(f"{text!r} has a number that is too large")
            return Number(value)
        case ast.Name(id=name):
            return Read(name)
        case ast.Attribute(value=ast.Name(id=name), attr=part):
            return Read(name, (), part)
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=places)):
            return Read(name, tuple(_formula(p, text) for p in places))
        case ast.Subscript(value=ast.Name(id=name), slice=place):
            return Read(name, (_formula(place, text),))
        case _:
            return _operation(tree, text)


def _operation(tree: ast.expr, text: str) -> Formula:
    match tree:
        case ast.BinOp(left=a, op=op, right=b) if type(op) in _BINARY:
            return Apply(_BINARY[type(op)], (_formula(a, text), _formula(b, text)))
        case ast.UnaryOp(op=ast.USub(), operand=a):
            return Apply("neg", (_formula(a, text),))
        case ast.UnaryOp(op=ast.Not(), operand=a):
            return Apply("not", (_formula(a, text),))
        case ast.BoolOp(op=op, values=values):
            return Apply("and" if isinstance(op, ast.And) else "or", tuple(_formula(v, text) for v in values))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return Apply("select", (_formula(test, text), _formula(body, text), _formula(orelse, text)))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            name, swapped = _COMPARE[type(op)]
            a, b = _formula(left, text), _formula(right, text)
            return Apply(name, (b, a) if swapped else (a, b))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            fewest, most = _FUNCTIONS[name]
            if not fewest <= len(arguments) <= most:
                raise error(f"{text!r}: {name} takes {fewest} operand{'s' if fewest > 1 else ''}, got {len(arguments)}")
            return Apply(name, tuple(_formula(a, text) for a in arguments))
        case _:
            raise error(f"{text!r}: {ast.unparse(tree)[:60]!r} is not part of formulas",
                        help="formulas have + - *, comparisons of two numbers, and, or, not, `x if c else y`, "
                             + ", ".join(_FUNCTIONS))


def parts(formula: Formula) -> Iterator[Formula]:
    """Walk a formula and everything in it."""
    yield formula
    inner = formula.operands if isinstance(formula, Apply) else formula.indices if isinstance(formula, Read) else ()
    for part in inner:
        yield from parts(part)


def conjuncts(formula: Formula) -> tuple[Formula, ...]:
    """Give the conditions that are joined by `and`."""
    if isinstance(formula, Apply) and formula.op == "and":
        return tuple(c for operand in formula.operands for c in conjuncts(operand))
    return (formula,)
