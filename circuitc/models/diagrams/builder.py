"""Diagrams from Python: the same statements as the text form makes, so that there is one meaning.

    d = DiagramBuilder("attention")
    d.axes(q=4, x=6, k=8, v=5)
    Q, K, V = d.input("Q", "q k"), d.input("K", "x k"), d.input("V", "x v")
    S = d.let("S[q x]", Q["q k"] * K["x k"] / fn.sqrt(d.length("k")))
    d.output(d.let("Y[q v]", fn.softmax(S["q x"], along="x") * V["x v"]))
    module = lower(elaborate(d.diagram()))

A pattern is names in a string (`"q k"`), or a tuple of names, places (`2 * at("y") + at("u") - 1`) and lookups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from circuitc.diagnostics import error, nearest

from .functions import ALONG, FOLDS, FUNCTIONS
from .syntax import (
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

Operation = Literal["+", "-", "*", "/"]
Relation = Literal["<", "<=", "==", "!=", ">", ">="]
_TARGET = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[([^\]]*)\])?\s*$")


@dataclass(frozen=True, slots=True)
class Place:
    """A place on an axis: whole-number arithmetic over indices and lengths."""

    index: Index

    def __add__(self, other: PlaceLike) -> Place:
        return self._with("+", other)

    def __sub__(self, other: PlaceLike) -> Place:
        return self._with("-", other)

    def __mul__(self, other: PlaceLike) -> Place:
        return self._with("*", other)

    def __floordiv__(self, other: PlaceLike) -> Place:
        return self._with("/", other)

    def __rmul__(self, other: int) -> Place:
        return Place(Arithmetic("*", other, self.index))

    def __radd__(self, other: int) -> Place:
        return Place(Arithmetic("+", other, self.index))

    def __rsub__(self, other: int) -> Place:
        return Place(Arithmetic("-", other, self.index))

    def _with(self, op: Operation, other: PlaceLike) -> Place:
        return Place(Arithmetic(op, self.index, _index(other)))


PlaceLike = Place | str | int


def at(name: str) -> Place:
    """Give the place that an index names."""
    return Place(name)


@dataclass(frozen=True, slots=True)
class Expression:
    """What a wire is: sums, products and functions of wires under indices."""

    expr: Expr

    def __add__(self, other: ExpressionLike) -> Expression:
        return _binary("+", self, other)

    def __sub__(self, other: ExpressionLike) -> Expression:
        return _binary("-", self, other)

    def __mul__(self, other: ExpressionLike) -> Expression:
        return _binary("*", self, other)

    def __truediv__(self, other: ExpressionLike) -> Expression:
        return _binary("/", self, other)

    def __radd__(self, other: float) -> Expression:
        return _binary("+", other, self)

    def __rsub__(self, other: float) -> Expression:
        return _binary("-", other, self)

    def __rmul__(self, other: float) -> Expression:
        return _binary("*", other, self)

    def __rtruediv__(self, other: float) -> Expression:
        return _binary("/", other, self)

    def __neg__(self) -> Expression:
        return _binary("*", -1.0, self)


@dataclass(frozen=True, slots=True)
class Named(Expression):
    """A wire by its name: alone its axes have their own names, `X["q k"]` gives them others."""

    name: str

    def __getitem__(self, pattern: str | PlaceLike | Lookup | tuple[PlaceLike | Lookup, ...]) -> Expression:
        return Expression(Ref(self.name, _pattern(pattern)))

    def names(self, pattern: str) -> Lookup:
        """Give the place that this wire of whole numbers names: `E[(t.names("x"), "m")]`."""
        return Lookup(self.name, _pattern(pattern))


ExpressionLike = Expression | float


class _Functions:
    """The functions of the text form: `fn.relu(x)`, `fn.softmax(s, along="x")`."""

    def __getattr__(self, name: str) -> Callable[..., Expression]:
        if name not in FUNCTIONS:
            raise AttributeError(f"there is no function {name}; {nearest(name, FUNCTIONS)}")

        def apply(*args: ExpressionLike, along: str = "") -> Expression:
            axes = tuple(along.split()) if along else None
            if axes and name not in ALONG and name not in FOLDS:
                raise error(f"{name} works element by element, along no axes")
            return Expression(Call(name, tuple(_expr(a) for a in args), axes))
        return apply


fn = _Functions()


def holds(left: PlaceLike, relation: Relation, right: PlaceLike) -> Expression:
    """Give 1 where a relation of places holds, else 0: `[x <= q]`."""
    return Expression(Iverson(relation, _index(left), _index(right)))


def number_of(place: PlaceLike) -> Expression:
    """Give the number of a place: `[n - 1]`."""
    return Expression(Iverson("", _index(place), 0))


@dataclass
class _Body:
    """Statements as they are added."""

    items: list[Item | BlockBuilder] = field(default_factory=list)

    def axes(self, *names: str, **lengths: PlaceLike) -> None:
        """Declare axes: without a length, or with one, which may be computed from others."""
        self.items += [AxisDecl(name) for name in names]
        self.items += [AxisDecl(name, _index(length)) for name, length in lengths.items()]

    def weight(self, name: str, axes: str, fill: float | None = None) -> Named:
        """Declare a learned array."""
        return self._declared(WireDecl("weight", name, tuple(axes.split()), "", fill))

    def length(self, name: str) -> Expression:
        """Give an axis's length, or a parameter, as a number."""
        return Expression(Ref(name))

    def let(self, target: str, value: ExpressionLike) -> Named:
        """State what a wire is: `let("S[q x]", ...)`, or without axes `let("Y", ...)`."""
        return self.lets((target,), value)[0]

    def lets(self, targets: tuple[str, ...], value: ExpressionLike) -> tuple[Named, ...]:
        """State what several wires are: the results of a block."""
        refs = tuple(map(_target, targets))
        self.items.append(Let(refs, _expr(value)))
        return tuple(Named(Ref(r.name), r.name) for r in refs)

    def block(self, name: str, inputs: Mapping[str, str], outputs: Mapping[str, str],
              **parameters: PlaceLike | None) -> BlockBuilder:
        """Begin a block: its inputs and outputs with their axes, its parameters with defaults or None."""
        made = BlockBuilder(name=name, inputs=_wires("input", inputs), outputs=_wires("output", outputs), parameters={
            k: None if v is None else _index(v) for k, v in parameters.items()})
        self.items.append(made)
        return made

    def _declared(self, wire: WireDecl) -> Named:
        self.items.append(wire)
        return Named(Ref(wire.name), wire.name)

    def _built(self) -> tuple[Item, ...]:
        return tuple(i.built() if isinstance(i, BlockBuilder) else i for i in self.items)


@dataclass(kw_only=True)
class BlockBuilder(_Body):
    """A block as it grows; called on wires it stands in an expression."""

    name: str
    inputs: tuple[WireDecl, ...]
    outputs: tuple[WireDecl, ...]
    parameters: Mapping[str, Index | None]

    def __getitem__(self, name: str) -> Named:
        """Give an input of the block."""
        if all(w.name != name for w in self.inputs):
            raise error(f"{self.name} has no input {name}", help=nearest(name, [w.name for w in self.inputs]))
        return Named(Ref(name), name)

    def __call__(self, *args: ExpressionLike, times: PlaceLike = 1, shared: bool = False, alias: str = "",
                 **parameters: PlaceLike) -> Expression:
        """Put the block in place, `times` in a row, with weights of their own or shared."""
        given = {k: _index(v) for k, v in parameters.items()}
        return Expression(Call(self.name, tuple(map(_expr, args)), None, given, _index(times), shared, alias))

    def built(self) -> Block:
        """Give the block's record."""
        return Block(self.name, self.inputs, self.outputs, self._built(), self.parameters)


@dataclass
class DiagramBuilder(_Body):
    """A diagram as it grows."""

    name: str = "diagram"
    seed: int | None = None

    def __init__(self, name: str = "diagram", *, seed: int | None = None) -> None:
        super().__init__()
        self.name, self.seed = name, seed

    def input(self, name: str, axes: str = "", of: str = "") -> Named:
        """Declare an array that enters; `of` makes its numbers places on that axis."""
        return self._declared(WireDecl("input", name, tuple(axes.split()), of))

    def output(self, *wires: Named) -> None:
        """Make wires results."""
        self.items += [Output(w.name) for w in wires]

    def diagram(self) -> Diagram:
        """Give what `elaborate` takes."""
        return Diagram(self.name, self._built(), seed=self.seed)


def _binary(op: Operation, left: ExpressionLike, right: ExpressionLike) -> Expression:
    return Expression(Binary(op, _expr(left), _expr(right)))


def _expr(value: ExpressionLike) -> Expr:
    return value.expr if isinstance(value, Expression) else Number(float(value))


def _index(place: PlaceLike) -> Index:
    return place.index if isinstance(place, Place) else place


def _pattern(pattern: str | PlaceLike | Lookup | tuple[PlaceLike | Lookup, ...]) -> Pattern:
    if isinstance(pattern, str):
        return tuple(pattern.split())
    parts = pattern if isinstance(pattern, tuple) else (pattern,)
    return tuple(p if isinstance(p, Lookup) else _index(p) for p in parts)


def _target(text: str) -> Ref:
    match = _TARGET.match(text)
    if match is None:
        raise error(f"{text!r} is no wire on the left", help='write "S[q x]", or "S" without axes')
    return Ref(match[1], None if match[2] is None else tuple(match[2].split()))


def _wires(kind: Literal["input", "output"], wires: Mapping[str, str]) -> tuple[WireDecl, ...]:
    return tuple(WireDecl(kind, name, tuple(axes.split())) for name, axes in wires.items())
