"""What a call computes once: values of a stepped func's body that depend on nothing that changes from step to step.

The body is cut in two. The first part runs once a call, on the inputs that are held, and leaves its values in working
memory; the second runs each step and finds them there as more inputs. Views of memory cost nothing and stay with their
users, and so do conversions that their only user makes on the fly: reading a narrow number is cheaper than a wide one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from circuitc.ir import Builder, Func, Graph, Node, Type, Value, smallest

from .functions import ELEMENTWISE

_MOST_BITS = 63  # the sum of two terms still is a number of 64 bits
_VIEWS = ("broadcast", "reshape", "transpose", "slice", "window", "element")


@dataclass(frozen=True, slots=True)
class Split:
    """A body in two parts: `before` reads the inputs numbered `reads`, its answers are the last inputs of `body`."""

    reads: tuple[int, ...]
    before: Graph | None
    body: Graph

    @property
    def kept(self) -> tuple[Type, ...]:
        """The types of the values that the first part leaves to the second."""
        return self.before.output_types if self.before else ()


def split(func: Func, graph: Graph) -> Split:
    """Cut the body of a func in two; `before` is None where nothing can be computed once."""
    held = tuple(k for k, p in enumerate(func.inputs) if not func.is_stepped(p))
    if func.schedule.kind == "once":
        return Split(held, None, graph)
    graph = _edges_for_masks(graph, held)
    return cut(graph, held, _fixed(graph, held))


def cut(graph: Graph, reads: tuple[int, ...], early: Sequence[bool]) -> Split:
    """Cut a graph in two: the values that are `early` depend on the inputs numbered `reads` alone."""
    kept = _kept(graph, early)
    if not kept:
        return Split(reads, None, graph)
    return Split(reads, _before(graph, reads, kept), _rest(graph, kept))


def _fixed(graph: Graph, held: tuple[int, ...]) -> list[bool]:
    """Tell for each value whether it is the same in all steps of a call."""
    fixed: list[bool] = []
    for value, node in enumerate(graph.nodes):
        fixed.append(value in held if value < graph.inputs else all(fixed[v] for v in node.operands))
    return fixed


def _kept(graph: Graph, fixed: Sequence[bool]) -> list[Value]:
    """List the values that the first part leaves to the second."""
    wanted = {v for v in graph.outputs if fixed[v]}
    for value in graph.live:
        if not fixed[value]:
            wanted.update(v for v in graph.nodes[value].operands if fixed[v])
    kept: set[Value] = set()
    for value in range(len(graph.nodes) - 1, graph.inputs - 1, -1):
        node = graph.nodes[value]
        if value not in wanted or node.is_constant:
            continue
        if node.op in _VIEWS or _on_the_fly(graph, value, node):
            wanted.update(node.operands)
        else:
            kept.add(value)
    return sorted(kept)


def _on_the_fly(graph: Graph, value: Value, node: Node) -> bool:
    """Tell whether a value is converted by its only user, element by element."""
    users = graph.users[value]
    return node.op == "convert" and len(users) == 1 and (graph.nodes[users[0]].op in ELEMENTWISE or (
        graph.nodes[users[0]].op == "reduce"))


def _before(graph: Graph, reads: tuple[int, ...], kept: list[Value]) -> Graph:
    b = Builder()
    new = {k: b.input(graph.nodes[k].name, graph.nodes[k].type) for k in reads}
    needed = Graph(graph.inputs, graph.nodes, tuple(kept)).live
    for value in sorted(needed):
        if value >= graph.inputs:
            node = graph.nodes[value]
            new[value] = b.copy(node, [new[v] for v in node.operands])
    return b.finish([new[v] for v in kept])


def _rest(graph: Graph, kept: list[Value]) -> Graph:
    b = Builder()
    new = {k: b.input(graph.nodes[k].name, graph.nodes[k].type) for k in range(graph.inputs)}
    new |= {v: b.input(graph.nodes[v].name, graph.nodes[v].type) for v in kept}
    needed = _needed(graph, set(new))
    for value in sorted(needed - new.keys()):
        node = graph.nodes[value]
        new[value] = b.copy(node, [new[v] for v in node.operands])
    return b.finish([new[v] for v in graph.outputs])


def _needed(graph: Graph, given: set[Value]) -> set[Value]:
    """List what the outputs depend on, not looking behind what is given."""
    needed = set(graph.outputs)
    for value in range(len(graph.nodes) - 1, -1, -1):
        if value in needed and value not in given:
            needed.update(graph.nodes[value].operands)
    return needed


def _edges_for_masks(graph: Graph, held: tuple[int, ...]) -> Graph:
    """Write masks of (min,+) contractions that never change into the terms that they mask.

    `min(init, a[i] + b[i,j] where m[i,j])` is `min(init, a[i] + b'[i,j])` for `b' = b if m else t`, where t is no less
    than any number of init's type and no a is negative. b' is computed once a call, and each step has a mask less.
    """
    fixed = _fixed(graph, held)
    b, new = Builder(), dict[Value, Value]()
    for value, node in enumerate(graph.nodes):
        if value < graph.inputs:
            new[value] = b.input(node.name, node.type)
        elif value in graph.live:
            operands = tuple(new[v] for v in node.operands)
            masks = node.op == "contract" and node.attributes["where"] and all(fixed[v] for v in node.operands[1:3])
            other = _unmasked(b, node, operands) if masks else None
            new[value] = b.copy(node, operands) if other is None else other
    return b.finish([new[v] for v in graph.outputs])


def _unmasked(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
    letters = node.attributes["spec"].split("->")[0].split(",")[1]
    if node.attributes["semiring"] != "min_plus" or node.attributes["where"] != letters:
        return None
    x, y, where, init = operands
    sender, weight, start = types = [b.type(v).scalar for v in (x, y, init)]
    if any(t.is_float or t.is_spin or t.signed for t in types):
        return None
    fraction = max(t.fraction for t in types)
    top = max(t.highest << (fraction - t.fraction) for t in (weight, start))
    t = smallest(0, top, fraction)
    if max(t.width, sender.width + fraction - sender.fraction) >= _MOST_BITS:
        return None
    never = b.number(t.with_shape(b.type(y).shape), t.highest)
    edges = b.apply("select", where, b.apply("convert", y, type=b.type(never)), never)
    return b.copy(replace(node, attributes={**node.attributes, "where": ""}), [x, edges, init])
