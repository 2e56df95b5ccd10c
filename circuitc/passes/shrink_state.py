"""Dead elements of registers: what nothing reads any more leaves, with all that is computed for it alone.

A layer's neuron is an element of a register, or several (an LSTM's h and c), and rows of matrices, one for each gate.
What is needed is found backwards from the outputs, until nothing is added: a contraction needs the elements of its
operand whose columns are not all zero; ops element by element, slices and registers need the same elements on both
sides. What stays keeps its order, so a slice of a shorter vector is still one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Builder, Constant, Func, Graph, Node, Value

ELEMENTWISE = frozenset(("add", "sub", "mul", "neg", "abs", "min", "max", "and", "or", "xor", "not", "eq", "lt", "le",
                         "select", "requantize", "convert", "shift", "table"))


def shrink_state(func: Func, rows: list[dict[str, Any]]) -> Func:
    """Give a func whose registers have only the elements that outputs depend on; the same func where all are needed."""
    graph = func.body
    if not func.registers or not isinstance(graph, Graph):
        return func
    need = _Need(func, graph)
    found = need.found()
    first = len(func.inputs)
    if all(found[first + k].all() for k in range(len(func.registers)) if first + k in found):
        return func
    registers = list(func.registers)
    for k, register in enumerate(func.registers):
        kept = found.get(first + k)
        if kept is None or kept.all():
            continue
        t = register.type.with_shape((int(kept.sum()),))
        initial = None if register.initial is None else Constant(t, register.initial.array[kept])
        registers[k] = replace(register, type=t, initial=initial)
        rows.append({"layer": register.name, "removed": int((~kept).sum()), "of": len(kept)})
    return replace(func, registers=tuple(registers), body=_written(graph, found))


class _Need:
    """Which elements of vectors are needed: bool[elements] by value. Constants, and what is no vector, are whole."""

    def __init__(self, func: Func, graph: Graph) -> None:
        self.graph, self.inputs, self.outputs = graph, len(func.inputs), len(func.outputs)
        self.loops = [(self.inputs + k, graph.outputs[self.outputs + k]) for k in range(len(func.registers))]
        values = sorted(graph.live | {v for v, _ in self.loops})
        self.need: dict[Value, NDArray[np.bool_]] = {
            v: np.zeros(graph.nodes[v].type.shape, bool) for v in values
            if graph.nodes[v].type.rank == 1 and not graph.nodes[v].is_constant}
        self.changed = False
        whole = [*range(self.inputs), *graph.outputs[:self.outputs], *graph.outputs[self.outputs + len(self.loops):]]
        whole += [v for v, following in self.loops if following not in self.need and v in self.need]
        for v in whole:
            self._whole(v)

    def found(self) -> dict[Value, NDArray[np.bool_]]:
        """Add what is needed until nothing is missing; no vector loses all of its elements."""
        while True:
            self.changed = True
            while self.changed:
                self.changed = False
                for v in range(len(self.graph.nodes) - 1, -1, -1):
                    if v in self.graph.live and v >= self.graph.inputs:
                        self._node(v, self.graph.nodes[v])
                for register, following in self.loops:
                    self._same(register, following)
            empty = next((v for v, need in self.need.items() if not need.any()), None)
            if empty is None:
                return self.need
            self.need[empty][0] = True

    def _node(self, v: Value, node: Node) -> None:
        nodes = self.graph.nodes
        if node.op in ELEMENTWISE and v in self.need and (
                node.op != "table" or (nodes[node.operands[1]].is_constant and nodes[node.operands[1]].type.rank == 1)):
            for operand in node.operands[:1] if node.op == "table" else node.operands:
                self._same(v, operand)
        elif node.op == "slice" and v in self.need and node.operands[0] in self.need and set(
                node.attributes["step"] or (1,)) == {1}:
            source, part = self.need[node.operands[0]], slice(node.attributes["start"][0], node.attributes["stop"][0])
            self._add(v, source[part])
            wider = source.copy()
            wider[part] |= self.need[v]
            self._add(node.operands[0], wider)
        elif v in self.need and (found := _product(nodes, node)) is not None and (
                x := node.operands[1 - found[0]]) in self.need:
            weights = np.moveaxis(nodes[node.operands[found[0]]].constant.array, found[1], 0)[self.need[v]]
            self._add(x, np.asarray((weights != 0).any(axis=0), bool))
        else:
            for operand in (*node.operands, v):
                self._whole(operand)

    def _same(self, a: Value, b: Value) -> None:
        if a in self.need and b in self.need and self.need[a].shape == self.need[b].shape:
            both = self.need[a] | self.need[b]
            self._add(a, both)
            self._add(b, both)
        elif not (self.graph.nodes[b].is_constant and self.graph.nodes[b].type.rank == 1):
            self._whole(a)
            self._whole(b)

    def _add(self, v: Value, more: NDArray[np.bool_]) -> None:
        if np.any(more & ~self.need[v]):
            self.need[v] = self.need[v] | more
            self.changed = True

    def _whole(self, v: Value) -> None:
        if v in self.need:
            self._add(v, np.ones(self.need[v].shape, bool))


def _product(nodes: Sequence[Node], node: Node) -> tuple[int, int] | None:
    """Give the place of the matrix in an exact matrix-vector product, and its axis of rows."""
    if node.op != "contract" or node.type.is_float or len(node.operands) != 2 or (
            node.attributes["semiring"] != "plus_times"):
        return None
    letters, _, result = node.attributes["spec"].replace(" ", "").partition("->")
    mine = letters.split(",")
    for place in (0, 1):
        if nodes[node.operands[place]].is_constant and len(mine[place]) == 2 and len(mine[1 - place]) == 1 and (
                result == mine[place].replace(mine[1 - place], "")):
            return place, mine[place].index(result)
    return None


def _written(graph: Graph, need: dict[Value, NDArray[np.bool_]]) -> Graph:
    """Build the graph with the elements that are needed."""
    b, new = Builder(), dict[Value, Value]()

    def taken(value: Value, *kept: NDArray[np.bool_]) -> Value:
        """Give an operand; of a constant what is kept along each axis."""
        node = graph.nodes[value]
        if not node.is_constant:
            return new[value]
        array = node.constant.array
        for axis, part in enumerate(kept):
            array = np.compress(part, array, axis=axis)
        return b.constant(Constant(node.type.with_shape(array.shape), array, node.constant.storage), node.name,
                          node.origin)

    for v, node in enumerate(graph.nodes):
        if v < graph.inputs:
            t = node.type.with_shape((int(need[v].sum()),)) if v in need else node.type
            new[v] = b.input(node.name, t, node.span)
            continue
        if v not in graph.live or node.is_constant:
            continue
        kept = need.get(v)
        if kept is None or all(need[o].all() for o in (v, *node.operands) if o in need):
            new[v] = b.copy(node, tuple(taken(o) for o in node.operands))
            continue
        attributes: dict[str, Any] = dict(node.attributes)
        if node.op == "slice":
            ends = np.concatenate([[0], np.cumsum(need[node.operands[0]])])
            attributes |= {k: (int(ends[attributes[k][0]]),) for k in ("start", "stop")}
            operands = [new[node.operands[0]]]
        elif node.op == "table":
            operands = [new[node.operands[0]], taken(node.operands[1])]
        elif node.op == "contract":
            place, row = _product(graph.nodes, node) or (0, 0)
            axes = (kept, need[node.operands[1 - place]])
            operands = [taken(o, *(axes if row == 0 else axes[::-1])) if k == place else taken(o)
                        for k, o in enumerate(node.operands)]
        else:
            operands = [taken(o, kept) for o in node.operands]
        new[v] = b.apply(node.op, *operands, type=node.type.with_shape((int(kept.sum()),)), name=node.name,
                         origin=node.origin, **attributes)
    return b.finish([taken(o) for o in graph.outputs])


__all__ = ["shrink_state"]
