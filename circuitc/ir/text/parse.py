"""Read the text form. The grammar gives a tree; `resolve.py` makes funcs of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

from circuitc.diagnostics import CircuitError, Diagnostic, Source, Span, error

from ..constant import Constant
from ..func import Module
from ..graph import at
from ..types import Type, parse_type
from .names import unspell
from .print import VERSION
from .resolve import resolve_func

Tree = Any  # lark's trees carry no types of their children

_WORDS = {
    "VALUE": "a value (%name)", "CONST": "a constant (#name)", "FUNC": "a func (@name)", "TYPE": "a type",
    "STRING": "a text in quotes", "NUMBER": "a number", "INT": "a whole number", "WORD": "a word",
    "NETLIST": "a netlist", "$END": "the end of the file", "LBRACE": "{", "RBRACE": "}", "LPAR": "(", "RPAR": ")",
    "LSQB": "[", "RSQB": "]", "COMMA": ",", "COLON": ":", "EQUAL": "=", "__ANON_0": "->",
}


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("circuitc.ir.text").joinpath("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def parse_module(text: str, name: str = "text", large: Mapping[str, Any] | None = None) -> Module:
    """Read a module from its print; `large` has the arrays that the text names by digest.

    Errors carry file, line and column; the program is not verified here (`verify_module` does that).
    """
    source = Source(name, text)
    tree = _tree(text, source)
    constants: dict[str, Constant] = {}
    funcs: dict[str, Any] = {}
    main, title = "", name
    for item in tree.children:
        match item.data:
            case "header":
                title = _header(item, source)
            case "const":
                _add_constant(item, constants, source, large or {})
            case "main":
                main = unspell(item.children[0])
            case _:
                func = resolve_func(item, constants, source)
                if func.name in funcs:
                    raise error(f"func @{func.name} is defined twice", span_of(item.children[0], source))
                funcs[func.name] = func
    if not funcs:
        raise error("a program needs at least one func", Span(source))
    if main and main not in funcs:
        raise error(f"there is no func @{main}", Span(source))
    return Module(funcs, main or next(iter(funcs)), title)


def _tree(text: str, source: Source) -> Tree:
    try:
        return _parser().parse(text)
    except UnexpectedToken as e:
        token = "the end of the file" if e.token.type == "$END" else repr(str(e.token)[:40])
        raise error(f"expected {_expected(e.accepts or e.expected)}, got {token}",
                    _place(source, e.line, e.column, str(e.token))) from None
    except UnexpectedCharacters as e:
        place = _place(source, e.line, e.column, "x")
        raise error(f"{e.char!r} does not begin anything that can stand here", place) from None
    except UnexpectedEOF:
        raise error("the file ends in the middle", Span(source)) from None
    except RecursionError:
        raise error("lists are nested too deeply", Span(source)) from None


def _expected(terminals: Any) -> str:
    words = sorted({_WORDS.get(t, t.lower()) for t in map(str, terminals)})
    return " or ".join(words[:4]) + (" ..." if len(words) > 4 else "")


def _place(source: Source, line: int, column: int, token: str) -> Span:
    if line < 1:  # the end of the file
        lines = (source.text or "").splitlines() or [""]
        return Span(source, len(lines), len(lines[-1]) + 1)
    return Span(source, line, column, column + max(1, len(token)))


def span_of(token: Any, source: Source) -> Span:
    """Give the place of a token."""
    return Span(source, token.line, token.column, token.end_column or token.column + 1)


def _header(item: Tree, source: Source) -> str:
    version, name = item.children
    if str(version) != str(VERSION):
        raise error(f"version {version} of the text form is not known, this reads version {VERSION}",
                    span_of(version, source))
    return unspell("%" + str(name))


def _add_constant(item: Tree, constants: dict[str, Constant], source: Source, large: Mapping[str, Any]) -> None:
    name, type_token, *rest = item.children
    span = span_of(name, source)
    if unspell(str(name)) in constants:
        raise error(f"constant {name} is defined twice", span)
    storage = str(rest[0]) if len(rest) == 2 else "dense"
    try:
        type = parse_type(str(type_token))
        constants[unspell(str(name))] = Constant(type, literal(rest[-1], type, large, source), storage)  # pyright: ignore[reportArgumentType]  # the grammar admits no other word
    except CircuitError as e:
        raise at(e, span) from None


def literal(item: Any, type: Type, large: Mapping[str, Any], source: Source) -> Any:
    """Give the numbers of a literal: a list, one number for all elements, or an array kept beside the text."""
    if isinstance(item, Token):
        return np.full(type.shape, _number(item, type, source), dtype=type.dtype if type.is_float else object)
    if item.data == "npz":
        digest = unspell("%" + str(item.children[0]))
        if digest not in large:
            raise error(f"the numbers of constant {digest[:12]}... are not in the file beside the text",
                        span_of(item.children[0], source))
        return large[digest]
    return _ragged(_nested(item, type, source), type)


def _ragged(values: Any, type: Type) -> Any:
    try:
        return np.array(values, dtype=type.dtype if type.is_float else object)
    except ValueError:
        raise error(f"the rows of a constant of type {type} have different lengths") from None


def _nested(item: Any, type: Type, source: Source) -> Any:
    if isinstance(item, Token):
        return _number(item, type, source)
    return [_nested(child, type, source) for child in item.children]


def _number(token: Token, type: Type, source: Source) -> Any:
    try:
        return float(token) if type.is_float else int(token)
    except ValueError:
        raise CircuitError(Diagnostic(f"{str(token)[:40]} is not a whole number", span_of(token, source),
                                      f"constants of {type.scalar} are written as raw numbers")) from None

