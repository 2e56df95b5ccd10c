"""What each operator of pyncd is as an expression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from circuitc.models.diagrams.functions import ELEMENTWISE
from circuitc.models.diagrams.syntax import Binary, Call, Expr, Index, Iverson, Lookup, Number, Ref, WireDecl

from .read_axes import Axes, Body
from .terms import Term

UNARY = {"ReLU": "relu", "GELU": "gelu", "SiLU": "silu", "Tanh": "tanh", "Sigmoid": "sigmoid"}


class Indices:
    """Names of the indices of one statement: that of the axis, with primes where it comes again."""

    def __init__(self) -> None:
        self.axes: dict[str, str] = {}

    def new(self, axis: str) -> str:
        name = axis
        while name in self.axes:
            name += "'"
        self.axes[name] = axis
        return name


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator's handler sees: reads of the inputs, indices consumed by each, and those it makes."""

    reader: Axes
    term: Term
    body: Body
    names: Indices
    refs: list[Ref]
    inputs: list[tuple[tuple[Index, ...], list[str]]]
    made: list[str]
    datatype: Term

    def weight(self, wish: str, indices: Sequence[str]) -> Ref:
        """Declare a learned array."""
        name = self.body.fresh(wish)
        self.body.items.append(WireDecl("weight", name, tuple(self.names.axes[i] for i in indices)))
        return Ref(name, tuple(indices))

    def title(self, otherwise: str) -> str:
        return self.reader.terms.name(self.term.get("name")) or otherwise


def _linear(o: Operator) -> Expr:
    name = o.title("L")
    value: Expr = Binary("*", o.refs[0], o.weight(name, (*o.made, *o.inputs[0][1])))
    return Binary("+", value, o.weight(f"{name}_bias", o.made)) if o.term.get("bias") is True else value


def _einops(o: Operator) -> Expr:
    """Consumed axes of one group are one index, and are summed."""
    signature = o.reader.terms.listed(o.term, "signature")
    groups: dict[Any, str] = {}
    renamed: list[Expr] = []
    for ref, (_, consumed), ids in zip(o.refs, o.inputs, signature, strict=False):
        if not isinstance(ids, list) or len(ids) != len(consumed) or not all(isinstance(g, int) for g in ids):
            raise o.reader.terms.fault("the signature of an Einops has a group for each consumed axis")
        to = {i: groups.setdefault(g, i) for i, g in zip(consumed, ids, strict=True)}
        renamed.append(Ref(ref.name, tuple(to.get(p, p) if isinstance(p, str) else p for p in ref.pattern or ())))
    if len(renamed) != len(o.refs):
        raise o.reader.terms.fault("the signature of an Einops has a row for each input")
    return _folded("*", renamed)


def _folded(op: Any, parts: Sequence[Expr]) -> Expr:
    total = parts[0]
    for part in parts[1:]:
        total = Binary(op, total, part)
    return total


def _triangular(o: Operator) -> Expr:
    """Keep the lower triangle and divide each row by its sum + 1e-8."""
    if len(o.made) != 2:
        raise o.reader.terms.fault("a WeightedTriangularLower takes a matrix")
    row, column = o.made
    kept = Binary("*", o.refs[0], Iverson("<=", column, row))
    return Binary("/", kept, Binary("+", Call("sum", (kept,), (column,)), Number(1e-8)))


def _elementwise(o: Operator) -> Expr:
    kind = o.term["__type__"]
    name = UNARY.get(kind) or o.term.get("operator")
    if not isinstance(name, str) or ELEMENTWISE.get(name.lower()) != 1:
        raise o.reader.terms.fault(f"an elementwise {str(name)[:40]!r} is not read",
                                   f"read are {', '.join(n for n, k in ELEMENTWISE.items() if k == 1)}")
    return Call(name.lower(), (o.refs[0],))


def _embedding(o: Operator) -> Expr:
    reader = o.reader
    vocabulary = reader.vocabulary(o.datatype)
    index = o.names.new(vocabulary)
    table = o.weight(o.title("E"), (index, *o.made))
    return Ref(table.name, (Lookup(o.refs[0].name, o.refs[0].pattern or ()), *o.made))


OPERATORS: dict[str, Callable[[Operator], Expr]] = {
    "Linear": _linear, "Einops": _einops, "Embedding": _embedding, "Elementwise": _elementwise,
    "AdditionOp": lambda o: _folded("+", o.refs), "Identity": lambda o: o.refs[0], "Dropout": lambda o: o.refs[0],
    "SoftMax": lambda o: Call("softmax", (o.refs[0],), tuple(o.made)),
    "Normalize": lambda o: Call("rms", (o.refs[0],), tuple(o.made)), "WeightedTriangularLower": _triangular}
