"""Indices of a statement's expressions: which an expression has, which are needed outside of it, its factors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from circuitc.diagnostics import Span

from .functions import FOLDS
from .places import names_of
from .scope import Scope
from .steps import Wire
from .syntax import Binary, Call, Expr, Iverson, Number, Ref


@dataclass(frozen=True, slots=True)
class Value:
    """A wire under indices, one for each axis."""

    wire: Wire
    indices: tuple[str, ...]


class Keep:
    """The indices that are needed outside; `everything` in statements that name no indices."""

    def __init__(self, names: frozenset[str], everything: bool = False) -> None:
        self.names = names
        self.everything = everything

    def __contains__(self, name: str) -> bool:
        return self.everything or name in self.names

    def plus(self, names: Iterator[str] | tuple[str, ...]) -> Keep:
        return Keep(self.names | frozenset(names), self.everything)


def free(scope: Scope, e: Expr) -> Iterator[str]:
    """Name the indices of an expression that it leaves to its surroundings, in order."""
    match e:
        case Number():
            return
        case Ref(name, None):
            yield from scope.wires[name].names if name in scope.wires else ()
        case Ref(_, pattern):
            for place in pattern or ():
                yield from (n for n in names_of(place) if scope.known(n) is None)
        case Binary(_, left, right):
            yield from free(scope, left)
            yield from free(scope, right)
        case Iverson(_, left, right):
            yield from (n for side in (left, right) for n in names_of(side) if scope.known(n) is None)
        case Call(name, args, axes):
            gone = axes or () if name in FOLDS else ()
            yield from (n for a in args for n in free(scope, a) if n not in gone)


def factors(e: Expr, inverse: bool = False) -> Iterator[tuple[Expr, bool]]:
    """Take a product apart: its factors from left to right, and whether each divides."""
    if isinstance(e, Binary) and e.op in "*/":
        yield from factors(e.left, inverse)
        if e.op == "/":
            yield e.right, True
        else:
            yield from factors(e.right, inverse)
    else:
        yield e, inverse


def e_span(e: Expr) -> Span | None:
    """Give the place of an expression, where it has one."""
    return None if isinstance(e, Number) else e.span
