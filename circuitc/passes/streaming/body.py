"""The body of a stream whose items are the pixels of images: each op as it works on one position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import OPS, Constant, Graph, Node, Type, Value, evaluate_node
from circuitc.ir.ops.reductions import subscripts

from ..widen import copy_widened
from .grid import Axis, Flow, Pending
from .parts import Parts, inner_axes

ELEMENTWISE = frozenset({"add", "sub", "mul", "neg", "abs", "min", "max", "and", "or", "xor", "not", "eq", "lt", "le",
                         "select", "requantize", "convert", "shift", "exp", "log", "sqrt", "rsqrt", "divide", "tanh",
                         "sigmoid", "sin", "cos", "erf", "table"}) & OPS.keys()
Axes = tuple[int, int]


class StreamBody:
    """The step while it is built from a graph with one input, a map with rows and columns at `axes`.

    `whole` lists the values that no rule works on position by position: there the map is kept, and all that follows is
    computed as in the graph. `lines` lists the line buffers.
    """

    def __init__(self, graph: Graph, axes: Axes) -> None:
        self.graph = graph
        node = graph.nodes[0]
        height, width = (node.type.shape[a] for a in axes)
        self.parts = Parts(height * width)
        self.whole: list[str] = []
        self.lines: list[Pending] = []
        self._flows: dict[Value, Flow | Pending] = {}
        self._known: dict[Value, Constant] = {}
        pixel = self.parts.builder.input(node.name, _inner(node.type, axes), node.span)
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
        rule = _RULES.get(node.op)
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
        if any(v in self._known and self._known[v].type.rank and not _uniform(self._known[v], axes)
               for v in lane_operands(node)):
            return None
        return self._joined(node, node.operands, flows, _inner(node.type, axes), attributes)

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
        return self.parts.builder.constant(Constant(_inner(constant.type, axes), array))

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


def _inner(t: Type, axes: Axes) -> Type:
    return t.with_shape(tuple(t.shape[k] for k in inner_axes(t.rank, axes)))


def _uniform(constant: Constant, axes: Sequence[int]) -> bool:
    """Tell whether a constant is the same along some axes."""
    first = constant.array[tuple(slice(0, 1) if k in axes else slice(None) for k in range(constant.type.rank))]
    return bool((constant.array == first).all())


def _elementwise(body: StreamBody, node: Node) -> Flow | Pending | None:
    if node.op == "table" and body.known(node.operands[1]) is None:
        return None
    return _before_windows(body, node) or body.joined(node, dict(node.attributes))


def _before_windows(body: StreamBody, node: Node) -> Pending | None:
    """Work on the map that windows are taken of, which is once an element; None where places are not all alike."""
    moving = {v for v in node.operands if body.known(v) is None}
    pending = body.waiting(next(iter(moving))) if len(moving) == 1 else None
    if pending is None or pending.fill is not None or not pending.order or pending.source.axes is None:
        return None
    axes, places = pending.source.axes, len(pending.places)
    varied = (*axes, *range(node.type.rank - places, node.type.rank))
    constants = [c for v in lane_operands(node) if (c := body.known(v)) is not None and c.type.rank]
    if not all(_uniform(c, varied) for c in constants):
        return None
    def cut(t: Type) -> Type:
        return t.with_shape(tuple(n for k, n in enumerate(t.shape) if k not in varied))
    operands: list[Value] = []
    for k, v in enumerate(node.operands):
        constant = body.known(v)
        if constant is not None and k < len(lane_operands(node)) and constant.type.rank:
            part = constant.array[tuple(0 if a in varied else slice(None) for a in range(constant.type.rank))]
            constant = Constant(cut(constant.type), part)
        operands.append(pending.source.value if constant is None else body.parts.builder.constant(constant))
    value = body.copied(replace(node, type=cut(node.type)), operands)
    return replace(pending, source=replace(pending.source, value=value))


def _pad(body: StreamBody, node: Node) -> Pending | None:
    """Remember padding of rows and columns; it becomes part of the windows that follow."""
    pending, fill = body.pending(node), body.known(node.operands[1])
    if pending is None or fill is None or not _only_at(node, pending.source):
        return None
    if pending.fill is not None or pending.order:
        pending = body.pending_anew(node)
        assert pending is not None, "it passed before"
    assert pending.source.axes is not None, "it passes"
    r, c = pending.source.axes
    before, after = node.attributes["before"], node.attributes["after"]
    rows = replace(pending.rows, before=before[r], after=after[r])
    columns = replace(pending.columns, before=before[c], after=after[c])
    return replace(pending, rows=rows, columns=columns, fill=fill)


def _only_at(node: Node, source: Flow) -> bool:
    """Tell whether padding is at rows and columns only, and not negative."""
    assert source.axes is not None, "it passes"
    both = list(zip(node.attributes["before"], node.attributes["after"], strict=True))
    return all(pair == (0, 0) for k, pair in enumerate(both) if k not in source.axes)


def _window(body: StreamBody, node: Node) -> Flow | Pending | None:
    """Take windows along rows or columns; along another axis only the place of a new axis changes."""
    pending = body.pending(node)
    if pending is None:
        return None
    assert pending.source.axes is not None, "it passes"
    axis = node.attributes["axis"]
    if axis not in pending.source.axes:
        return _inner_window(body, node)
    which = pending.source.axes.index(axis)
    if pending.axis(which).taken:
        pending = body.pending_anew(node)
        assert pending is not None, "it passed before"
    windows = replace(pending.axis(which), taken=True, **{k: node.attributes[k] for k in ("size", "stride", "dilation")})
    return replace(pending.with_axis(which, windows), order=(*pending.order, which))


def _inner_window(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    axis = inner_axes(len(node.type.shape), found[1]).index(node.attributes["axis"])
    return body.joined(node, {**node.attributes, "axis": axis})


def _contract(body: StreamBody, node: Node) -> Flow | None:
    """Contract each position with a constant: a matrix times a vector where no index stays in both."""
    found, constants = body.flow(node), [body.known(v) for v in node.operands]
    if found is None or len(node.operands) != 2:
        return None
    flow, axes = found
    k = constants.index(None)
    subs = subscripts([body.type(v) for v in node.operands], node.attributes)
    sides = (subs.a, subs.b)
    passing = {sides[k][a] for a in axes}
    if passing & set(sides[1 - k]) or not passing <= set(subs.result):
        return None
    moving, fixed = "".join(s for s in sides[k] if s not in passing), sides[1 - k]
    result = "".join(s for s in subs.result if s not in passing)
    constant = constants[1 - k]
    assert constant is not None, "the other operand passes"
    places = subs.result.index(sides[k][axes[0]]), subs.result.index(sides[k][axes[1]])
    if set(fixed) == set(moving) ^ set(result) and set(moving).isdisjoint(result) and node.attributes[
            "semiring"] == "plus_times":
        value = _product(body, node, flow, constant, fixed, moving, result)
    else:
        parts = (moving, fixed) if k == 0 else (fixed, moving)
        operand = body.parts.builder.constant(constant)
        t = node.type.with_shape(tuple(subs.sizes[s] for s in result))
        spec = {**node.attributes, "spec": f"{parts[0]},{parts[1]}->{result}"}
        value = body.copied(replace(node, type=t, attributes=spec),
                            [flow.value, operand] if k == 0 else [operand, flow.value])
    return Flow(value, flow.valid, places, flow.times)


def _product(body: StreamBody, node: Node, flow: Flow, constant: Constant, fixed: str, moving: str,
             result: str) -> Value:
    """Write a contraction as a matrix times a vector, which hardware is folded by and adders are shared in."""
    b = body.parts.builder
    array = constant.array.transpose([fixed.index(s) for s in result + moving])
    shape = array.shape[:len(result)]
    array = array.reshape(prod(shape), -1)
    matrix = b.constant(Constant(constant.type.with_shape(array.shape), np.ascontiguousarray(array)),
                        f"{node.name}_matrix")
    vector = b.apply("reshape", flow.value, shape=(array.shape[1],))
    attributes = {**node.attributes, "spec": "ij,j->i"}
    rows = body.copied(replace(node, type=node.type.with_shape((len(array),)), attributes=attributes),
                       [matrix, vector])
    return b.apply("reshape", rows, shape=shape)


def _reduce(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    rank = body.type(node.operands[0]).rank
    gone = {a % rank for a in node.attributes["axes"]}
    if gone & set(axes):
        return None
    inner = inner_axes(rank, axes)
    left = [a for a in range(rank) if a not in gone]
    places = left.index(axes[0]), left.index(axes[1])
    node = replace(node, type=_inner(node.type, places),
                   attributes={**node.attributes, "axes": tuple(inner.index(a) for a in sorted(gone))})
    return replace(flow, value=body.copied(node, [flow.value]), axes=places)


def _transpose(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    order = tuple(node.attributes["order"])
    inner = inner_axes(len(order), axes)
    turned = body.parts.builder.apply("transpose", flow.value,
                                      order=tuple(inner.index(a) for a in order if a not in axes))
    return replace(flow, value=turned, axes=(order.index(axes[0]), order.index(axes[1])))


def _reshape(body: StreamBody, node: Node) -> Flow | None:
    """Reshape each position where rows and columns stay axes of their own."""
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    before, after = body.type(node.operands[0]).shape, node.type.shape
    places = [next((k for k in range(len(after)) if after[k] == before[a] and prod(after[:k]) == prod(before[:a])),
                   None) for a in axes]
    r, c = places
    if r is None or c is None or r == c:
        return None
    inner = tuple(after[k] for k in inner_axes(len(after), (r, c)))
    return replace(flow, value=body.parts.builder.apply("reshape", flow.value, shape=inner), axes=(r, c))


def _slice(body: StreamBody, node: Node) -> Flow | None:
    found = body.flow(node)
    if found is None:
        return None
    flow, axes = found
    shape = body.type(node.operands[0]).shape
    if any(node.type.shape[a] != shape[a] for a in axes):
        return None
    inner = inner_axes(len(shape), axes)
    part = {k: tuple(v[a] for a in inner) if v else v for k in ("start", "stop", "step")
            for v in [tuple(node.attributes[k])]}
    return replace(flow, value=body.parts.builder.apply("slice", flow.value, **part))


def _concat(body: StreamBody, node: Node) -> Flow | None:
    axes = [f.axes for f in (body.settled(v) for v in node.operands if body.known(v) is None)]
    axis = node.attributes["axis"] % node.type.rank
    if axes[0] is None or axis in axes[0]:
        return None
    return body.joined(node, {**node.attributes, "axis": inner_axes(node.type.rank, axes[0]).index(axis)})


_Rule = Callable[[StreamBody, Node], Flow | Pending | None]
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(sorted(ELEMENTWISE), _elementwise), "pad": _pad, "window": _window, "contract": _contract,
    "reduce": _reduce, "transpose": _transpose, "reshape": _reshape, "slice": _slice, "concat": _concat}

__all__ = ["StreamBody"]
