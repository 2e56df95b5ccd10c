"""A diagram as it is written: axes, wires, index expressions and blocks, each with its place in the source.

Text (`.ncd`), the Python builder and pyncd JSON all make these records; `elaborate.py` gives them types and steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from circuitc.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A whole-number expression over names: an axis's length, or (affine in its indices) a place on an axis."""

    op: Literal["+", "-", "*", "/"]
    left: Index
    right: Index


@dataclass(frozen=True, slots=True)
class Lookup:
    """The place on an axis that a wire of whole numbers names: `E[tokens[x] m]`."""

    wire: str
    pattern: tuple[Index, ...]
    span: Span | None = field(default=None, compare=False)


Index = int | str | Arithmetic | Lookup
Pattern = tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A real number."""

    value: float


@dataclass(frozen=True, slots=True)
class Ref:
    """A wire, its axes named by a pattern; without one they have their own names. Or an axis's length, a parameter."""

    name: str
    pattern: Pattern | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """A sum, a difference, a product or a quotient."""

    op: Literal["+", "-", "*", "/"]
    left: Expr
    right: Expr
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Iverson:
    """1 where a relation between places holds, else 0; without a relation the number of the left place."""

    op: Literal["", "<", "<=", "==", "!=", ">", ">="]
    left: Index
    right: Index
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of wires, or a block: `softmax[x](S)`, `layer<d=16>^6 shared as encoder(X)`."""

    name: str
    args: tuple[Expr, ...]
    axes: tuple[str, ...] | None = None
    parameters: Mapping[str, Index] = field(default_factory=dict)
    repetition: Index = 1
    shared: bool = False
    alias: str = ""
    span: Span | None = field(default=None, compare=False)


Expr = Number | Ref | Binary | Iverson | Call


@dataclass(frozen=True, slots=True)
class AxisDecl:
    """An axis, with its length where it is known."""

    name: str
    size: Index | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class WireDecl:
    """An input, a weight or a result: its name and axes; `of` makes it places on an axis; `fill` a weight's default."""

    kind: Literal["input", "weight", "output"]
    name: str
    axes: tuple[str, ...]
    of: str = ""
    fill: float | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Let:
    """A statement: a wire (or several, of a block with several results) and what it is."""

    targets: tuple[Ref, ...]
    value: Expr
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A named part with inputs, results, parameters (with defaults or None) and a body of its own."""

    name: str
    inputs: tuple[WireDecl, ...]
    outputs: tuple[WireDecl, ...]
    body: tuple[Item, ...]
    parameters: Mapping[str, Index | None] = field(default_factory=dict)
    title: str = ""
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Output:
    """Makes a wire a result of the diagram."""

    name: str
    span: Span | None = field(default=None, compare=False)


Item = AxisDecl | WireDecl | Let | Block | Output


@dataclass(frozen=True, slots=True)
class Diagram:
    """A whole diagram. Weights come from a file beside `path`, or from a seed, by the names of their declarations."""

    name: str
    items: tuple[Item, ...]
    weights: str = ""
    seed: int | None = None
    path: Path | None = None
    span: Span | None = field(default=None, compare=False)
