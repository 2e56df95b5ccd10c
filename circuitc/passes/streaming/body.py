"""The body of a stream whose items are the pixels of images, and what rules ask of it while it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Constant, Graph, Node, Type, Value, evaluate_node

from ..widen import copy_widened
from .grid import Axis, Flow, Pending
from .parts import Parts, inner_axes

Axes = tuple[int, int]
Rule = Callable[["StreamBody", Node], Flow | Pending | None]


class StreamBody:
    """The step while it is built from a graph with one input, a map with rows and columns at `axes`.

    `rules` say by op how it works on one position. `whole` lists the values that no rule works on so: there the map is
    kept, and all that follows is computed as in the graph. `lines` lists the line buffers.
    """

    def __init__(self, graph: Graph, axes: Axes, rules: Mapping[str, Rule]) -> None:
        self.graph, self.rules = graph, rules
        node = graph.nodes[0]
        height, width = (node.type.shape[a] for a in axes)
        self.parts = Parts(height * width)
        self.whole: list[str] = []
        self.lines: list[Pending] = []
        self._flows: dict[Value, Flow | Pending] = {}
        self._known: dict[Value, Constant] = {}
        pixel = self.parts.builder.input(node.name, inner(node.type, axes), node.span)
        times = np.arange(height * width).reshape(height, width)
        self._flows[0] = Flow(pixel, self.parts.bit(1), axes, times)

    def flows(self) -> list[Flow]:
        """Build everything, and give what the graph's outputs are."""
        for value in sorted(self.graph.live - {0}):
            node = self.graph.nodes[value]
            if all(v in self._known for v in node.operands):
                self._known[value] = node.constant if node.is_constant else self._evaluated(node)
            else:
                self._flows[value] = self._flow(node)
        if any(v in self._known for v in self.graph.outputs):
            raise error("stream-rows: an output is a constant, so it has no step in which it comes")
        return [self.settled(v) for v in self.graph.outputs]

    def _evaluated(self, node: Node) -> Constant:
        given = [self._known[v] for v in node.operands]
        return Constant(node.type, evaluate_node(node, [c.type for c in given], [c.array[None] for c in given])[0])

    def _flow(self, node: Node) -> Flow | Pending:
        rule = self.rules.get(node.op)
        found = rule(self, node) if rule is not None else None
        return self._as_a_whole(node) if found is None else found

    def settled(self, value: Value) -> Flow:
        """Give a value as a flow; windows that were waiting for their reader become a line buffer."""
        found = self._flows[value]
        if not isinstance(found, Pending):
            return found
        node = self.graph.nodes[value]
        if found.passes:
            self.lines.append(found)
            flow = self.parts.windows(node.name, found)
        else:
            flow = self._as_a_whole(node)
        self._flows[value] = flow
        return flow

    def _as_a_whole(self, node: Node) -> Flow:
        """Compute an op as the graph has it, on tensors that are kept until they are complete."""
        flows: list[Flow] = []
        for v in node.operands:
            if v not in self._known:
                flow = self.settled(v)
                if not flow.is_whole:
                    self.whole.append(self.graph.nodes[v].name)
                    flow = self._flows[v] = self.parts.whole(self.graph.nodes[v].name, flow)
                flows.append(flow)
        return self._joined(node, node.operands, flows, node.type, node.attributes)

    def joined(self, node: Node, attributes: dict[str, object]) -> Flow | None:
        """Compute an op on each position, with other attributes; None where its operands do not pass alike."""
        flows = [self.settled(v) for v in node.operands if v not in self._known]
        axes = flows[0].axes
        if axes is None or any(f.axes != axes or f.times.shape != flows[0].times.shape for f in flows):
            return None
        apart = [flows[0].times - f.times for f in flows]
        if any((a != a.flat[0]).any() for a in apart):
            return None
        if any(v in self._known and self._known[v].type.rank and not is_uniform(self._known[v], axes)
               for v in lane_operands(node)):
            return None
        return self._joined(node, node.operands, flows, inner(node.type, axes), attributes)

    def _joined(self, node: Node, operands: Sequence[Value], flows: Sequence[Flow], t: Type,
                attributes: object) -> Flow:
        """Compute an op when all its operands are there: what came earlier waits."""
        last = max(int(f.times.flat[0]) for f in flows)
        late = iter([self.parts.delayed(f"{node.name}_{k}", f, last - int(f.times.flat[0]))
                     for k, f in enumerate(flows)])
        values: list[Value] = []
        found: Flow | None = None
        for k, v in enumerate(operands):
            if v in self._known:
                values.append(self._constant(self._known[v], flows[0].axes if k < len(lane_operands(node)) else None))
                continue
            flow = next(late)
            found = flow if found is None else found
            values.append(flow.value)
        assert found is not None, "one operand is no constant"
        node = replace(node, type=t, attributes=attributes)
        return replace(found, value=self.copied(node, values))

    def _constant(self, constant: Constant, axes: Axes | None) -> Value:
        if axes is None or not constant.type.rank:
            return self.parts.builder.constant(constant)
        array = constant.array[tuple(0 if k in axes else slice(None) for k in range(constant.type.rank))]
        return self.parts.builder.constant(Constant(inner(constant.type, axes), array))

    def copied(self, node: Node, operands: Sequence[Value]) -> Value:
        """Copy a node that works in every step, also where its operands mean nothing: promises hold elsewhere."""
        if node.attributes.get("overflow") == "never":
            node = replace(node, attributes={**node.attributes, "overflow": "wrap"})
        return copy_widened(self.parts.builder, node, operands)

    # -- what the rules ask

    def flow(self, node: Node) -> tuple[Flow, Axes] | None:
        """Give the one operand that is no constant, with its axes; None where it is whole or there are more."""
        moving = [v for v in node.operands if v not in self._known]
        flow = self.settled(moving[0])
        return (flow, flow.axes) if len(moving) == 1 and flow.axes is not None else None

    def pending(self, node: Node) -> Pending | None:
        """Give the operand with the windows on it that nobody has read; None where it is whole."""
        found = self._flows.get(node.operands[0])
        if found is None or isinstance(found, Pending):
            return found
        if found.axes is None:
            return None
        height, width = found.times.shape
        return Pending(found, Axis(height), Axis(width))

    def pending_anew(self, node: Node) -> Pending | None:
        """Like `pending`, behind all windows so far."""
        flow = self.settled(node.operands[0])
        return None if flow.axes is None else Pending(flow, Axis(flow.times.shape[0]), Axis(flow.times.shape[1]))

    def waiting(self, value: Value) -> Pending | None:
        """Give the windows on an operand that nobody has read yet."""
        found = self._flows[value]
        return found if isinstance(found, Pending) else None

    def type(self, value: Value) -> Type:
        return self.graph.nodes[value].type

    def known(self, value: Value) -> Constant | None:
        return self._known.get(value)


def lane_operands(node: Node) -> tuple[Value, ...]:
    """Give the operands that have an element for each of the result's."""
    return node.operands[:1] if node.op in ("table", "pad") else node.operands


def inner(t: Type, axes: Axes) -> Type:
    return t.with_shape(tuple(t.shape[k] for k in inner_axes(t.rank, axes)))


def is_uniform(constant: Constant, axes: Sequence[int]) -> bool:
    """Tell whether a constant is the same along some axes."""
    first = constant.array[tuple(slice(0, 1) if k in axes else slice(None) for k in range(constant.type.rank))]
    return bool((constant.array == first).all())


__all__ = ["Axes", "Rule", "StreamBody", "inner", "is_uniform", "lane_operands"]
