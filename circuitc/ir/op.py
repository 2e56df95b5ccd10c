"""What an op is: one record each, collected in one table by `circuitc.ir.ops`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, error, nearest

from .types import Type

Raw = NDArray[Any]
Attributes = Mapping[str, Any]

MAX_ATTRIBUTE = 1 << 31  # no shape has more elements, so nothing counts further


@dataclass(frozen=True, slots=True)
class Application:
    """An op applied: operand types, the result type that `evaluate` must answer in, and the attributes."""

    types: tuple[Type, ...]
    result: Type
    attributes: Attributes

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an op: the Python type of its value, its default (None: must be given), the words it may be."""

    kind: type
    default: Any = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpDef:
    """The record of one op.

    `infer(types, attributes, declared)` gives the narrowest result type or raises a CircuitError; ops with
    `declares` take the element type that the program declares. `evaluate(application, *arrays)` computes: arrays hold
    raw numbers with one leading batch axis, [batch, *shape], and so does the result, in `application.result`.
    `monotone` promises that a result never falls when an operand rises, so that ranges map end to end;
    `exact_only` refuses floats. Every op is pure.
    """

    name: str
    arity: tuple[int, int | None]
    infer: Callable[[Sequence[Type], Attributes, Type | None], Type]
    evaluate: Callable[..., Raw]
    doc: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    commutative: bool = False
    declares: bool = False
    monotone: bool = False

    def result_type(self, types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
        """Infer the result type, after checking the number of operands."""
        fewest, most = self.arity
        if len(types) < fewest or (most is not None and len(types) > most):
            wanted = str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
            raise error(f"{self.name} takes {wanted} operands, got {len(types)}")
        if self.declares and declared is None:
            raise error(f"{self.name} needs a declared result type", help=f"write `{self.name} ... : fx<8,4>`")
        return self.infer(types, attributes, declared)

    def complete(self, attributes: Attributes) -> dict[str, Any]:
        """Check attributes against the record and fill in defaults, in the record's order."""
        for name in attributes:
            if name not in self.attributes:
                raise error(f"{self.name} has no attribute {name}", help=nearest(name, self.attributes))
        full: dict[str, Any] = {}
        for name, spec in self.attributes.items():
            value = attributes.get(name, spec.default)
            if value is None:
                raise error(f"{self.name} needs the attribute {name}")
            full[name] = _checked(self.name, name, spec, value)
        return full


def _checked(op: str, name: str, spec: Attribute, value: Any) -> Any:
    if spec.kind is tuple and isinstance(value, (list, tuple)):
        value = tuple(value)
        fits = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in value)
        value = tuple(int(v) for v in value) if fits else value
    elif spec.kind is int and isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        fits, value = True, int(value)
    elif spec.kind is str and spec.choices and value not in spec.choices:
        raise error(f"{op}: {name} is one of {', '.join(spec.choices)}, got {value}",
                    help=nearest(str(value), spec.choices))
    else:
        fits = isinstance(value, spec.kind)
    if fits and any(abs(v) > MAX_ATTRIBUTE for v in (value if isinstance(value, tuple) else (value,))
                    if isinstance(v, int)):
        raise error(f"{op}: {name} is beyond {MAX_ATTRIBUTE}")
    if not fits:
        raise error(f"{op}: {name} takes {_KIND_WORDS.get(spec.kind, spec.kind.__name__)}, got {value!r}")
    return value


_KIND_WORDS = {int: "a whole number", str: "a word", tuple: "a list of whole numbers", bool: "true or false"}


def same_types(op: str, types: Sequence[Type]) -> Type:
    """Give the one type that all operands have, or refuse."""
    for other in types[1:]:
        if other != types[0]:
            raise error(f"{op} takes operands of one type, got {types[0]} and {other}", help=_cure(types[0], other))
    return types[0]


def same_shapes(op: str, types: Sequence[Type]) -> tuple[int, ...]:
    """Give the one shape that all operands have, or refuse."""
    for other in types[1:]:
        if other.shape != types[0].shape:
            raise error(f"{op} takes operands of one shape, got {types[0]} and {other}",
                        help="broadcast the smaller one first")
    return types[0].shape


def _cure(a: Type, b: Type) -> str:
    if a.shape != b.shape:
        return "broadcast the smaller one first"
    wide = a if a.holds(b) else b if b.holds(a) else None
    return f"convert the other one to {wide}" if wide else "convert or requantize one of them"


def refuse_floats(op: str, types: Sequence[Type]) -> None:
    """Refuse float operands of an op that is defined on exact types only."""
    for t in types:
        if t.is_float:
            raise error(f"{op} takes exact types, got {t}", help="requantize it to a fixed-point type first")


__all__ = ["Application", "Attribute", "Attributes", "CircuitError", "OpDef", "Raw", "refuse_floats", "same_shapes",
           "same_types"]
