"""What a rewrite rule sees: one node about to be built, on operands that are already built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Node, Type, Value, find_op


@dataclass(frozen=True, slots=True)
class Site:
    """A node and its new operands, with questions about them and ways to answer a value of the node's type.

    A declared type stays what it is: every answer has exactly `node.type`, or is None.
    """

    builder: Builder
    node: Node
    operands: tuple[Value, ...]

    def __getitem__(self, k: int) -> Value:
        return self.operands[k]

    @property
    def type(self) -> Type:
        """The type that the answer must have."""
        return self.node.type

    @property
    def types(self) -> tuple[Type, ...]:
        return tuple(self.builder.type(v) for v in self.operands)

    @property
    def is_exact(self) -> bool:
        """True where neither the result nor an operand is a float: identities of numbers hold to the bit."""
        return self.type.is_exact and all(t.is_exact for t in self.types)

    def made_by(self, value: Value, op: str) -> Node | None:
        """Give the node of a value where this op makes it."""
        node = self.builder.nodes[value]
        return node if node.op == op else None

    def constant(self, value: Value) -> Any:
        """Give a value's raw numbers where it is constant, else None."""
        node = self.builder.nodes[value]
        return node.constant.array if node.is_constant else None

    def is_all(self, value: Value, raw: int) -> bool:
        """Tell whether a value is a constant that holds nothing but this raw number."""
        array = self.constant(value)
        return array is not None and self.builder.type(value).is_exact and bool(np.all(array == raw))

    # answers

    def number(self, raw: int) -> Value:
        """Answer a constant that holds one raw number everywhere."""
        return self.builder.number(self.type, raw)

    def truth(self, holds: bool) -> Value:
        """Answer 1 or 0, in a type whose declared fraction may be finer than a bit's."""
        return self.number(int(holds) << self.type.fraction)

    def same(self, value: Value) -> Value | None:
        """Answer another value's numbers: itself, or converted where the declared type is another that holds it."""
        t = self.builder.type(value)
        if t == self.type:
            return value
        return self.apply("convert", value) if self.type.holds(t) else None

    def apply(self, op: str, *operands: Value, **attributes: Any) -> Value | None:
        """Answer another op on these operands, where its result fits the node's type."""
        record = find_op(op)
        try:
            full = record.complete(attributes)
            inferred = record.result_type([self.builder.type(v) for v in operands], full, self.type)
        except CircuitError:
            return None
        wider = inferred.kind == self.type.kind and self.type.holds(inferred)
        if inferred != self.type and (record.declares or not wider):
            return None
        return self.builder.apply(op, *operands, type=self.type, name=self.node.name, origin=self.node.origin,
                                  span=self.node.span, **full)

    def intermediate(self, op: str, *operands: Value, type: Type | None = None, **attributes: Any) -> Value | None:
        """Add an op on the way to an answer, in its own type; None where the types refuse."""
        try:
            return self.builder.apply(op, *operands, type=type, name=self.node.name, origin=self.node.origin,
                                      **attributes)
        except CircuitError:
            return None

    def add_constant(self, type: Type, values: Any) -> Value:
        """Add a constant on the way to an answer."""
        return self.builder.constant(Constant(type, values), self.node.name, self.node.origin)


Rule = Callable[[Site], Value | None]
