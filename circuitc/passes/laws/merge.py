"""Linear maps side by side that read one value are one map, taken apart afterwards: queries, keys and values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Graph, Node, Type, Value, rebuild, smallest

from ..base import Context, GraphPass
from .products import LinearMap, linear_map

_ROW = "Z"  # the letter of the merged map's rows; the axes of the value are a, b, c ...


@dataclass(frozen=True, slots=True)
class MergeLinear(GraphPass):
    """Compute linear maps of one value as one map with the rows of all: Q, K and V of attention in one product.

    Merged are maps that sum over the same axes and answer in one type. Each number is the same sum of the same
    products as before, so it holds for exact types to the bit, and for floats as far as any sum does (its order is
    free).
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        return _merged(graph)


@dataclass(frozen=True, slots=True)
class _Member:
    """A map under letters that say which axis of the value is which: a, b, c ...; `own` are its rows."""

    node: Node
    map: LinearMap

    @property
    def own(self) -> str:
        return "".join(c for c in self.map.result if c not in self.map.value_letters)

    @property
    def shared(self) -> str:
        return "".join(sorted(c for c in self.map.map_letters if c in self.map.value_letters))

    @property
    def kept(self) -> str:
        return "".join(sorted(c for c in self.map.result if c in self.map.value_letters))

    @property
    def rows(self) -> int:
        return prod(self.map.sizes[c] for c in self.own)

    @property
    def signature(self) -> tuple[Any, ...]:
        """What members of one group have in common."""
        t = self.map.constant.type
        return self.map.value, self.shared, self.kept, self.node.type.scalar, t.kind, t.is_float and t.scalar

    def matrix(self) -> Any:
        """Give the raw numbers as [rows, shared axes]."""
        order = [self.map.map_letters.index(c) for c in self.own + self.shared]
        return self.map.constant.array.transpose(order).reshape(self.rows, *(self.map.sizes[c] for c in self.shared))


def _merged(graph: Graph) -> Graph:
    groups = _groups(graph)
    if not groups:
        return graph
    place = {id(m.node): (key, k) for key, members in groups.items() for k, m in enumerate(members)}
    whole: dict[Any, Value | None] = {}

    def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        if id(node) not in place:
            return None
        key, k = place[id(node)]
        members = groups[key]
        if key not in whole:
            value = next(v for v in operands if not b.nodes[v].is_constant)
            whole[key] = _product(b, members, value)
        product = whole[key]
        return None if product is None else _part(b, product, members[k], sum(m.rows for m in members[:k]))

    return rebuild(graph, rule)


def _groups(graph: Graph) -> Mapping[Any, list[_Member]]:
    """Find the maps that are merged: two or more of one signature, all live."""
    b = Builder()
    b.nodes = list(graph.nodes)
    found: dict[Any, list[_Member]] = defaultdict(list)
    for v, node in enumerate(graph.nodes):
        taken = linear_map(b, node, node.operands) if v in graph.live else None
        member = None if taken is None else _member(node, taken)
        if member is not None:
            found[member.signature].append(member)
    return {key: members for key, members in found.items() if len(members) > 1}


def _member(node: Node, found: LinearMap) -> _Member | None:
    """Rename a map's letters; None where it sums over an axis of its own, or has too many axes."""
    own = [c for c in dict.fromkeys(found.map_letters) if c not in found.value_letters]
    if any(c not in found.result for c in own) or len(found.value_letters) + len(own) > 24:
        return None
    names = {c: chr(ord("a") + k) for k, c in enumerate(found.value_letters)}
    names |= {c: chr(ord("A") + k) for k, c in enumerate(own)}
    return _Member(node, found.renamed(names))


def _product(b: Builder, members: list[_Member], value: Value) -> Value | None:
    """Build the one map; None where its type does not fit."""
    first = members[0]
    constant = _stacked([m.map.constant.type for m in members], [m.matrix() for m in members])
    if constant is None:
        return None
    spec = f"{_ROW}{first.shared},{first.map.value_letters}->{_ROW}{first.kept}"
    shape = (sum(m.rows for m in members), *(first.map.sizes[c] for c in first.kept))
    name = "_".join(m.node.name for m in members)[:60]
    try:
        return b.apply("contract", b.constant(constant, name), value, spec=spec,
                       type=first.node.type.with_shape(shape), name=name, origin=first.node.origin)
    except CircuitError:
        return None


def _stacked(types: list[Type], matrices: list[Any]) -> Constant | None:
    """Stack rows, brought to one fraction."""
    if types[0].is_float or len({t.scalar for t in types}) == 1:
        raw = np.concatenate(matrices)
        return Constant(types[0].with_shape(raw.shape), raw)
    fraction = max(t.fraction for t in types)
    raw = np.concatenate([m.astype(object) * (1 << (fraction - t.fraction))
                          for t, m in zip(types, matrices, strict=True)])
    try:
        return Constant(smallest(int(raw.min()), int(raw.max()), fraction, raw.shape), raw)
    except CircuitError:
        return None


def _part(b: Builder, product: Value, member: _Member, start: int) -> Value:
    """Take a member's rows out, and give them its axes in its order."""
    node, sizes = member.node, member.map.sizes
    kept = tuple(sizes[c] for c in member.kept)
    steps: list[tuple[str, dict[str, Any]]] = [
        ("slice", {"start": (start, *(0 for _ in kept)), "stop": (start + member.rows, *kept)})]
    shape = (*(sizes[c] for c in member.own), *kept)
    if len(member.own) != 1:
        steps.append(("reshape", {"shape": shape}))
    order = tuple((member.own + member.kept).index(c) for c in member.map.result)
    if order != tuple(range(len(order))):
        steps.append(("transpose", {"order": order}))
    for k, (op, attributes) in enumerate(steps):
        name = node.name if k == len(steps) - 1 else f"{node.name}_rows"
        product = b.apply(op, product, name=name, origin=node.origin, span=node.span, **attributes)
    return product
