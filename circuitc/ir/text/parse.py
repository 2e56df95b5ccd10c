"""Read the text form. The grammar gives a tree; `resolve.py` makes funcs of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest

from ..constant import Constant
from ..func import Module
from ..graph import at
from ..types import TYPES_HELP, parse_type
from .literals import literal
from .print import VERSION
from .resolve import resolve_func
from .tokens import name_of, quoted, span_of

Tree = Any  # lark's trees carry no types of their children

_STATEMENT = "a statement is `%name = op %a, %b : type`, with commas between operands"
_WORDS = {
    "VALUE": "a value (%name)", "CONST": "a constant (#name)", "FUNC": "a func (@name)", "TYPE": "a type",
    "STRING": "a text in quotes", "NUMBER": "a number", "INT": "a whole number", "WORD": "a word",
    "NETLIST": "a netlist", "$END": "the end of the file", "LBRACE": "{", "RBRACE": "}", "LPAR": "(", "RPAR": ")",
    "LSQB": "[", "RSQB": "]", "COMMA": ",", "COLON": ":", "EQUAL": "=", "_CONSTANT": "const", "_FUNCTION": "func",
    "_ARROW": "->", "STORAGE": "csr, block, nm or columns",
}


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("circuitc.ir.text").joinpath("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def parse_module(text: str, name: str = "text", large: Mapping[str, Any] | None = None) -> Module:
    """Read a module from its print; `large` has the arrays that the text names by digest.

    Errors carry file, line and column; the program is not verified here (`verify_module` does that).
    """
    text = text.removeprefix("\ufeff")  # the mark that some editors put in front
    source = Source(name, text)
    tree = _tree(text, source)
    constants: dict[str, Constant] = {}
    funcs: dict[str, Any] = {}
    title = name
    main: Token | None = None
    for item in tree.children:
        match item.data:
            case "header":
                title = _header(item, source)
            case "const":
                _add_constant(item, constants, source, large or {})
            case "main":
                main = item.children[0]
            case _:
                func = resolve_func(item, constants, source)
                if func.name in funcs:
                    raise error(f"func @{func.name} is defined twice", span_of(item.children[0], source))
                funcs[func.name] = func
    if not funcs:
        raise error("a program needs at least one func", Span(source))
    return Module(funcs, _main(main, funcs, source), title)


def _main(token: Token | None, funcs: Mapping[str, Any], source: Source) -> str:
    if token is None:
        return next(iter(funcs))
    name = name_of(token, source)
    if name not in funcs:
        raise error(f"there is no func {token}", span_of(token, source), nearest(name, funcs))
    return name


def _tree(text: str, source: Source) -> Tree:
    try:
        return _parser().parse(text)
    except UnexpectedToken as e:
        raise _unexpected(e, source) from None
    except UnexpectedCharacters as e:
        place = _place(source, e.line, e.column, "x")
        if e.char == '"':
            raise error("a text in quotes has no end on its line", place) from None
        raise error(f"{e.char!r} does not begin anything that can stand here", place) from None
    except UnexpectedEOF:
        raise error("the file ends in the middle", Span(source)) from None


def _unexpected(e: UnexpectedToken, source: Source) -> CircuitError:
    place = _place(source, e.line, e.column, str(e.token))
    wanted, got = set(map(str, e.accepts or e.expected)), str(e.token)
    if got == "netlist" and "NETLIST" in e.expected:
        return error("this netlist has no end", place, "a netlist is `netlist {`, its gates and `}`")
    if got == "}" and "RETURN" in wanted:
        return error("a body ends with return", place, "write `return` and a value for each output")
    token = "the end of the file" if e.token.type == "$END" else repr(got[:40])
    help = TYPES_HELP if wanted == {"TYPE"} else _STATEMENT if wanted == {"EQUAL"} else ""
    return error(f"expected {_expected(wanted)}, got {token}", place, help)


def _expected(terminals: Any) -> str:
    words = sorted({_WORDS.get(t, t.lower()) for t in map(str, terminals)})
    return " or ".join(words[:4]) + (" ..." if len(words) > 4 else "")


def _place(source: Source, line: int, column: int, token: str) -> Span:
    if line < 1:  # the end of the file
        lines = (source.text or "").rstrip("\n").split("\n")
        return Span(source, len(lines), len(lines[-1]) + 1)
    return Span(source, line, column, column + max(1, len(token)))


def _header(item: Tree, source: Source) -> str:
    version, name = item.children
    if str(version) != str(VERSION):
        raise error(f"version {version} of the text form is not known, this reads version {VERSION}",
                    span_of(version, source))
    return quoted(name, source)


def _add_constant(item: Tree, constants: dict[str, Constant], source: Source, large: Mapping[str, Any]) -> None:
    token, type_token, *rest = item.children
    span, name = span_of(token, source), name_of(token, source)
    if name in constants:
        raise error(f"constant {token} is defined twice", span)
    try:
        type = parse_type(str(type_token))
    except CircuitError as e:
        raise at(e, span_of(type_token, source)) from None
    storage = str(rest[0]) if len(rest) == 2 else "dense"
    try:
        constants[name] = Constant(type, literal(rest[-1], type, large, source), storage)  # pyright: ignore[reportArgumentType]  # the grammar admits no other word
    except CircuitError as e:
        raise at(e, span) from None
