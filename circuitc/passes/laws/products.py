"""Sums of products taken apart: which operand is the constant map, and the letters of every axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from string import ascii_letters

from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Node, Value, find_op, smallest

from ..fold import fold_node


@dataclass(frozen=True, slots=True)
class LinearMap:
    """A plain sum of products of a constant and a value, with one letter an axis."""

    constant: Constant
    value: Value
    map_letters: str
    value_letters: str
    result: str
    sizes: Mapping[str, int]

    @property
    def products(self) -> int:
        """How many multiplications it is."""
        return prod(self.sizes[c] for c in dict.fromkeys(self.map_letters + self.value_letters))

    def renamed(self, names: Mapping[str, str]) -> LinearMap:
        """Give the same map under other letters."""
        a, x, r = ("".join(names[c] for c in part) for part in (self.map_letters, self.value_letters, self.result))
        sizes = {names[c]: n for c, n in self.sizes.items()}
        return replace(self, map_letters=a, value_letters=x, result=r, sizes=sizes)


def linear_map(b: Builder, node: Node, operands: tuple[Value, ...]) -> LinearMap | None:
    """Take a contraction apart where it is linear in one operand and the other is constant, else None."""
    plain = node.op == "contract" and node.attributes["semiring"] == "plus_times" and len(operands) == 2
    known = [b.nodes[v].is_constant for v in operands] if plain else []
    if sum(known) != 1:
        return None
    left, _, result = node.attributes["spec"].replace(" ", "").partition("->")
    letters = left.split(",")
    k = known.index(True)
    sizes = {c: n for part, v in zip(letters, operands, strict=True)
             for c, n in zip(part, b.type(v).shape, strict=True)}
    return LinearMap(b.nodes[operands[k]].constant, operands[1 - k], letters[k], letters[1 - k], result, sizes)


def fresh_letters(taken: Iterable[str]) -> list[str]:
    """Give the letters that are not taken, in order."""
    used = set(taken)
    return [c for c in ascii_letters if c not in used]


def product_of(first: Constant, second: Constant, spec: str) -> Constant | None:
    """Contract two constants, in the narrowest type that holds the numbers; None where they do not fit in 64 bits."""
    record = find_op("contract")
    attributes = record.complete({"spec": spec})
    try:
        t = record.result_type([first.type, second.type], attributes, None)
        found = fold_node(Node("contract", (), t, attributes), [first, second])
    except CircuitError:
        return None
    if found is None or t.is_float:
        return found
    return Constant(smallest(int(found.array.min()), int(found.array.max()), t.fraction, t.shape), found.array)


def applied(b: Builder, node: Node, operands: tuple[Value, ...], spec: str) -> Value | None:
    """Put a contraction in a node's place, with its type and name; None where the types refuse."""
    try:
        return b.apply("contract", *operands, spec=spec, type=node.type, name=node.name, origin=node.origin,
                       span=node.span)
    except CircuitError:
        return None
