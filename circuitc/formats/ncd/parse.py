"""Read the text of a diagram: the grammar gives a tree, and this makes the records of it."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from circuitc.diagnostics import Source, Span, error
from circuitc.models.diagrams.syntax import (
    Arithmetic,
    AxisDecl,
    Binary,
    Block,
    Call,
    Diagram,
    Expr,
    Index,
    Item,
    Iverson,
    Let,
    Lookup,
    Number,
    Output,
    Pattern,
    Ref,
    WireDecl,
)

Tree = Any  # lark's trees carry no types of their children
_WORDS = {"NAME": "a name", "INT": "a whole number", "FLOAT": "a number", "NUMBER_": "a number", "STRING": "a file",
          "$END": "the end of the file", "RELATION": "a relation"}
_SIGNS = {"LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}", "EQUAL": "=", "COMMA": ",",
          "PLUS": "+", "MINUS": "-", "STAR": "*", "SLASH": "/", "LESSTHAN": "<", "MORETHAN": ">", "CIRCUMFLEX": "^"}


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("circuitc.formats.ncd").joinpath("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def parse_diagram(text: str, name: str = "diagram", path: Path | None = None) -> tuple[Diagram, str]:
    """Read a diagram, and the name of the pyncd file that its statement `diagram` includes ("" without one)."""
    source = Source(str(path) if path else name, text)
    try:
        return _Maker(source).diagram(_parser().parse(text), name, path)
    except UnexpectedToken as e:
        raise _unexpected(e, source) from None
    except UnexpectedCharacters as e:
        raise error(f"{e.char!r} does not begin anything that can stand here", Span(source, e.line, e.column)) from None
    except UnexpectedInput:
        raise error("the file ends in the middle", Span(source)) from None
    except RecursionError:
        raise error("the diagram is nested too deeply", Span(source)) from None


def _unexpected(e: UnexpectedToken, source: Source) -> Exception:
    wanted = sorted({_WORDS.get(t) or _SIGNS.get(t) or t.lower().strip("_") for t in (e.accepts or e.expected)})
    shown = " or ".join(wanted[:5]) + (" ..." if len(wanted) > 5 else "")
    got = "the end of the file" if e.token.type == "$END" else repr(str(e.token)[:40])
    place = Span(source, e.line, e.column, e.column + len(str(e.token))) if e.token.type != "$END" else Span(source)
    return error(f"expected {shown}, got {got}", place)


class _Maker:
    """Makes records of a tree; each knows its place."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def span(self, at: Tree) -> Span:
        """Give the place of a token, or of a tree's first token."""
        if isinstance(at, Token):
            return Span(self.source, at.line or 0, at.column or 0, (at.column or 0) + len(at))
        meta = at.meta
        last = meta.end_column if meta.end_line == meta.line else meta.column + 1
        return Span(self.source, meta.line, meta.column, last)

    def diagram(self, tree: Tree, name: str, path: Path | None) -> tuple[Diagram, str]:
        items: list[Item] = []
        weights, seed, included = "", None, ""
        for child in tree.children:
            match child.data:
                case "weights":
                    if child.children[0].type == "INT":
                        seed = self.whole(child.children[0])
                    else:
                        weights = child.children[0][1:-1]
                case "include":
                    included = child.children[0][1:-1]
                case _:
                    items += self.items(child)
        return Diagram(name, tuple(items), weights, seed, path, Span(self.source)), included

    def items(self, tree: Tree) -> list[Item]:
        parts = tree.children
        match tree.data:
            case "axes":
                return [AxisDecl(str(a.children[0]), None if a.children[1] is None else self.index(a.children[1]),
                                 self.span(a)) for a in parts]
            case "input":
                return [self.wire("input", tree, of=str(parts[2] or ""))]
            case "weight":
                return [self.wire("weight", tree, fill=None if parts[2] is None else float(parts[2]))]
            case "output":
                return [Output(str(p), self.span(p)) for p in parts]
            case "block":
                return [self.block(tree)]
            case _:
                *targets, value = parts
                return [Let(tuple(self.ref(t) for t in targets), self.expr(value), self.span(tree))]

    def wire(self, kind: Any, tree: Tree, of: str = "", fill: float | None = None) -> WireDecl:
        name, names = tree.children[:2]
        return WireDecl(kind, str(name), tuple(str(t) for t in names.children if t is not None), of, fill,
                        self.span(tree))

    def block(self, tree: Tree) -> Block:
        name, *rest = tree.children
        parameters: dict[str, Index | None] = {}
        inputs: tuple[WireDecl, ...] = ()
        outputs: tuple[WireDecl, ...] = ()
        body: list[Item] = []
        for part in rest:
            match getattr(part, "data", None):
                case "parameter":
                    given = part.children[1]
                    parameters[str(part.children[0])] = None if given is None else self.index(given)
                case "ports":
                    inputs = tuple(self.wire("input", p) for p in part.children if p is not None)
                case "results":
                    outputs = tuple(self.wire("output", p) for p in part.children)
                case None:
                    continue
                case _:
                    body += self.items(part)
        return Block(str(name), inputs, outputs, tuple(body), parameters, "", self.span(name))

    def whole(self, token: Token) -> int:
        if len(token) > 9:
            raise error(f"{token[:20]} is too large", self.span(token))
        return int(token)

    def index(self, tree: Tree) -> Index:
        parts = tree.children
        match tree.data:
            case "whole":
                return self.whole(parts[0])
            case "name":
                return str(parts[0])
            case "lookup":
                return Lookup(str(parts[0]), self.pattern(parts[1]) or (), self.span(tree))
            case _ if len(parts) == 1:
                return self.index(parts[0])
            case _:
                return Arithmetic(str(parts[1]), self.index(parts[0]), self.index(parts[2]))  # pyright: ignore[reportArgumentType]

    def pattern(self, tree: Tree | None) -> Pattern | None:
        return None if tree is None else tuple(self.index(p) for p in tree.children if p is not None)

    def ref(self, tree: Tree) -> Ref:
        name, pattern = tree.children
        return Ref(str(name), self.pattern(pattern), self.span(tree))

    def expr(self, tree: Tree) -> Expr:
        parts = tree.children
        match tree.data:
            case "number":
                return Number(self.real(parts[0]))
            case "ref":
                return self.ref(tree)
            case "negative":
                value = self.expr(parts[1])
                return Number(-value.value) if isinstance(value, Number) else (
                    Binary("*", Number(-1.0), value, self.span(tree)))
            case "iverson":
                if parts[1] is None:
                    return Iverson("", self.index(parts[0]), 0, self.span(tree))
                return Iverson(str(parts[1]), self.index(parts[0]), self.index(parts[2]), self.span(tree))  # pyright: ignore[reportArgumentType]
            case "binary":
                return Binary(str(parts[1]), self.expr(parts[0]), self.expr(parts[2]), self.span(tree))  # pyright: ignore[reportArgumentType]
            case _:
                return self.call(tree)

    def real(self, token: Token) -> float:
        value = float(token)
        if abs(value) > 3e38:
            raise error(f"{token[:20]} is no number of 32 bits", self.span(token))
        return value

    def call(self, tree: Tree) -> Call:
        name, pattern, *rest = tree.children
        axes = self.pattern(pattern)
        if axes is not None and not all(isinstance(a, str) for a in axes):
            raise error(f"{name} is taken along axes by name", self.span(tree))
        parameters: dict[str, Index] = {}
        repetition: Index = 1
        shared, alias = False, ""
        args: list[Expr] = []
        for part in rest:
            match getattr(part, "data", None):
                case None:
                    continue
                case "arguments":
                    parameters = {str(a.children[0]): self.index(a.children[1]) for a in part.children}
                case "repetition":
                    repetition, shared = self.index(part.children[0]), part.children[1] is not None
                case "alias":
                    alias = str(part.children[0])
                case _:
                    args.append(self.expr(part))
        return Call(str(name), tuple(args), axes, parameters, repetition, shared, alias, self.span(tree))  # pyright: ignore[reportArgumentType]
