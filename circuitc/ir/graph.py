"""The op-level body: a frozen graph of values in topological order, and the builder that grows one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from circuitc.diagnostics import CircuitError, Diagnostic, Span

from .constant import Constant
from .ops import OPS, find_op
from .types import Type

Value = int  # a value is the index of the node that computes it


@dataclass(frozen=True, slots=True)
class Node:
    """One value: an op applied to earlier values.

    Three pseudo-ops have no record in the op table: `input`, `constant` (attribute `value`) and `call` (attributes
    `func` and `output`: the named result of a call of a func; calls of one func with the same operands are one call).
    `span` is where the program text says it, `origin` the place in the model it came from (printed as `loc`).
    """

    op: str
    operands: tuple[Value, ...]
    type: Type
    attributes: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    origin: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def constant(self) -> Constant:
        """The content of a `constant` node."""
        return self.attributes["value"]

    @property
    def is_constant(self) -> bool:
        return self.op == "constant"


@dataclass(frozen=True)
class Graph:
    """Values in topological order: value i is `nodes[i]`; the inputs come first. Build one with `Builder`."""

    inputs: int
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]

    @property
    def input_types(self) -> tuple[Type, ...]:
        return tuple(n.type for n in self.nodes[:self.inputs])

    @property
    def output_types(self) -> tuple[Type, ...]:
        return tuple(self.nodes[v].type for v in self.outputs)

    @cached_property
    def users(self) -> tuple[tuple[Value, ...], ...]:
        """For each value the values that use it, in order; a user that uses it twice is listed twice."""
        users: list[list[Value]] = [[] for _ in self.nodes]
        for value, node in enumerate(self.nodes):
            for operand in node.operands:
                users[operand].append(value)
        return tuple(map(tuple, users))

    @cached_property
    def live(self) -> frozenset[Value]:
        """The values that some output depends on."""
        live = set(self.outputs)
        for value in range(len(self.nodes) - 1, -1, -1):
            if value in live:
                live.update(self.nodes[value].operands)
        return frozenset(live)


class Builder:
    """Grow a graph: infers types, gives values (but constants) unique names, shares equal nodes; `finish` freezes it.

        b = Builder()
        x, y = b.input("x", parse_type("u8")), b.input("y", parse_type("u8"))
        graph = b.finish([b.apply("add", x, y, name="sum")])      # sum : u9
    """

    def __init__(self, *, share: bool = True) -> None:
        self.nodes: list[Node] = []
        self._sharing = share
        self._inputs = 0
        self._known: dict[Any, Value] = {}
        self._names: set[str] = set()
        self._next_suffix: dict[str, int] = {}

    def type(self, value: Value) -> Type:
        """Give a value's type."""
        return self.nodes[value].type

    def input(self, name: str, type: Type, span: Span | None = None) -> Value:
        """Add the next input of the body; inputs come before everything else."""
        assert len(self.nodes) == self._inputs, "inputs come first"
        self._inputs += 1
        return self._append(Node("input", (), type, {}, self._unique(name), span=span))

    def constant(self, constant: Constant, name: str = "", origin: str = "") -> Value:
        """Add (or share) a constant."""
        return self._share(Node("constant", (), constant.type, {"value": constant}, name or "c", origin))

    def number(self, type: Type, raw: Any) -> Value:
        """Add a constant of one raw number, or one repeated over the type's shape."""
        import numpy as np
        return self.constant(Constant(type, np.full(type.shape, raw, dtype=type.dtype)))

    def call(self, func: str, output: str, type: Type, *operands: Value, name: str = "", origin: str = "",
             span: Span | None = None) -> Value:
        """Add a call of a func of the module, answering its result named `output`, of this type."""
        return self._share(Node("call", operands, type, {"func": func, "output": output}, name, origin, span))

    def apply(self, op: str, *operands: Value, type: Type | None = None, name: str = "", origin: str = "",
              span: Span | None = None, **attributes: Any) -> Value:
        """Apply an op; `type` declares the result type (needed by some ops, at least the inferred one for the others).

        A wrong use raises a CircuitError at `span`.
        """
        try:
            record = find_op(op)
            full = record.complete(attributes)
            inferred = record.result_type([self.nodes[v].type for v in operands], full, type)
        except CircuitError as e:
            raise at(e, span, origin) from None
        result = inferred if record.declares or type is None else type
        return self._share(Node(op, operands, result, full, name, origin, span))

    def elements(self, value: Value) -> list[Value]:
        """Take a tensor apart: give an `element` for each of its elements, row major.

        The same nodes as by `apply`, without inferring one type thousands of times (25 us each).
        """
        t = self.nodes[value].type
        return [self._share(Node("element", (value,), t.scalar, {"index": k})) for k in range(t.size)]

    def copy(self, node: Node, operands: Sequence[Value]) -> Value:
        """Add a node of another graph on new operands, with its declared type, name and origin."""
        if node.op in ("constant", "call", "input"):
            assert node.op != "input", "inputs are added with input()"
            from dataclasses import replace
            return self._share(replace(node, operands=tuple(operands)))
        return self.apply(node.op, *operands, type=node.type, name=node.name, origin=node.origin, span=node.span,
                          **node.attributes)

    def finish(self, outputs: Iterable[Value]) -> Graph:
        """Freeze what was built, with these outputs."""
        return Graph(self._inputs, tuple(self.nodes), tuple(outputs))

    def _share(self, node: Node) -> Value:
        operands = node.operands
        if node.op in OPS and OPS[node.op].commutative:
            operands = tuple(sorted(operands))
        key = (node.op, operands, node.type, tuple(node.attributes.values()))
        known = self._known.get(key) if self._sharing or node.is_constant else None
        if known is None:
            name = node.name if node.is_constant else self._unique(node.name or node.op)
            known = self._known[key] = self._append(_named(node, name))
        return known

    def _append(self, node: Node) -> Value:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _unique(self, wish: str) -> str:
        name = wish or "v"
        if name in self._names:
            base = _SUFFIX.sub("", name) or "v"
            count = self._next_suffix.get(base, 1)
            while (name := f"{base}_{count}") in self._names:
                count += 1
            self._next_suffix[base] = count + 1
        self._names.add(name)
        return name


_SUFFIX = re.compile(r"_\d+$")


def _named(node: Node, name: str) -> Node:
    return Node(node.op, node.operands, node.type, node.attributes, name, node.origin, node.span)


def at(e: CircuitError, span: Span | None, origin: str = "") -> CircuitError:
    """Give an error's diagnostics a place where they have none."""
    prefix = f"{origin}: " if origin and span is None else ""
    return CircuitError([d if d.span else Diagnostic(prefix + d.message, span, d.help, d.notes)
                         for d in e.diagnostics])


Rule = Callable[[Builder, Node, tuple[Value, ...]], Value | None]


def rebuild(graph: Graph, rule: Rule = lambda b, node, operands: None) -> Graph:
    """Build the graph again, live values only, asking `rule(builder, node, new operands)` for each node's new value.

    None keeps the node as it is (equal nodes are shared). The same object comes back when nothing changed.
    """
    builder = Builder()
    new: dict[Value, Value] = {}
    for value, node in enumerate(graph.nodes):
        if value < graph.inputs:
            new[value] = builder.input(node.name, node.type, node.span)
        elif value in graph.live:
            operands = tuple(new[v] for v in node.operands)
            result = rule(builder, node, operands)
            new[value] = builder.copy(node, operands) if result is None else result
    built = builder.finish(new[v] for v in graph.outputs)
    return graph if built == graph else _without_dead(built)


def _without_dead(graph: Graph) -> Graph:
    """Drop values that a rule made and no output uses."""
    return graph if len(graph.live | set(range(graph.inputs))) == len(graph.nodes) else rebuild(graph)
