"""The pass `scalarize`: tensors become their elements."""

from __future__ import annotations

from dataclasses import dataclass, replace

from circuitc.diagnostics import CircuitError
from circuitc.ir import Graph, Node, Value
from circuitc.ir.graph import at

from .base import Context, GraphPass
from .scalar import ELEMENTWISE, SCALAR_RULES, Elements, Emitter, Pool

SCALAR_OPS = frozenset({*ELEMENTWISE, "table", "pack", "element", "stack"})


@dataclass(frozen=True, slots=True)
class Scalarize(GraphPass):
    """Write tensor computations as scalar ones.

    What stays of tensors: `element` takes scalars out of inputs and call results, `stack` puts them together for
    outputs, call operands and `pack`, and `table` keeps its rank-1 constant. Sums are n-ary `add`s; views, joins and
    constant indices become wiring. With `ahead` the comparisons of two rounds of `argmax` and `argmin` are made at
    once: less deep, by up to twice as many comparisons.
    """

    ahead: bool = False

    def run(self, graph: Graph, context: Context) -> Graph:
        return scalarize(graph, ahead=self.ahead)


def scalarize(graph: Graph, *, ahead: bool = False) -> Graph:
    """Give an equal graph of scalar ops; the same object where it is one."""
    if is_scalar(graph):
        return graph
    pool, elements = Pool(ahead=ahead), dict[Value, Elements]()
    inputs = [pool.builder.input(n.name, n.type, n.span) for n in graph.nodes[:graph.inputs]]
    elements.update({v: pool.elements(v) for v in inputs})
    wishes = {v: graph.nodes[v].name for v in inputs}
    for value, node in enumerate(graph.nodes):
        if value >= graph.inputs and value in graph.live:
            elements[value] = _lower(pool, node, [elements[v] for v in node.operands])
        if value in elements and not node.is_constant:
            _name(wishes, node, elements[value])
    outputs = [pool.assemble(elements[v], graph.nodes[v].type) for v in graph.outputs]
    return _tidy(pool.builder.finish(outputs), wishes)


def is_scalar(graph: Graph) -> bool:
    """Tell whether a graph computes with scalars only."""
    users = graph.users
    return all(_is_scalar_node(graph, graph.nodes[v], [graph.nodes[u].op for u in users[v]])
               for v in range(graph.inputs, len(graph.nodes)) if v in graph.live)


def _is_scalar_node(graph: Graph, node: Node, users: list[str]) -> bool:
    operands = [graph.nodes[v] for v in node.operands]
    match node.op:
        case "call":
            return all(not n.type.rank or n.op in ("input", "call", "stack") for n in operands)
        case "constant":
            return not node.type.rank or all(op == "table" for op in users)
        case "element":
            return operands[0].op in ("input", "call") and node.type == operands[0].type.scalar
        case "stack":
            return all(op in ("call", "pack") for op in users) and node.type.scalar == operands[0].type
        case "pack":
            return operands[0].op == "stack" and not node.type.rank
        case "table":
            return operands[1].is_constant and not node.type.rank
        case _:
            return node.op in SCALAR_OPS and not any(n.type.rank for n in operands)


def _lower(pool: Pool, node: Node, operands: list[Elements]) -> Elements:
    if node.is_constant:
        return pool.constants(node.constant)
    if node.op == "call":
        return pool.elements(_call(pool, node, operands))
    emitter = Emitter(pool, node)
    try:
        return emitter.fit_all(SCALAR_RULES[node.op](emitter, node, *operands))
    except CircuitError as e:
        raise at(e, node.span, node.origin or f"%{node.name}") from None


def _call(pool: Pool, node: Node, operands: list[Elements]) -> Value:
    """Copy a call, its operands put together from elements."""
    types = [pool.builder.type(int(x.flat[0])).with_shape(x.shape) for x in operands]
    whole = [pool.assemble(x, t) for x, t in zip(operands, types, strict=True)]
    return pool.builder.copy(node, whole)


def _name(wishes: dict[Value, str], node: Node, elements: Elements) -> None:
    """Remember what elements should be called: %y of shape [2,3] gives y_0_0 to y_1_2."""
    if not elements.ndim:
        wishes.setdefault(int(elements), node.name)
        return
    for index in range(elements.size):
        place, rest = "", index
        for size in reversed(elements.shape):
            place, rest = f"_{rest % size}{place}", rest // size
        wishes.setdefault(int(elements.flat[index]), node.name + place)


def _tidy(graph: Graph, wishes: dict[Value, str]) -> Graph:
    """Drop dead values, number the rest anew, and give names: first those that were wished for."""
    kept = [v for v in range(len(graph.nodes)) if v < graph.inputs or v in graph.live]
    new = {value: k for k, value in enumerate(kept)}
    names: dict[Value, str] = {}
    taken: set[str] = set()
    for wished in (True, False):
        for v in kept:
            if (v in wishes) == wished and not graph.nodes[v].is_constant:
                names[v] = _unique(wishes.get(v, graph.nodes[v].name), taken)
    nodes = [replace(graph.nodes[v], operands=tuple(new[o] for o in graph.nodes[v].operands),
                     name=names.get(v, graph.nodes[v].name)) for v in kept]
    return Graph(graph.inputs, tuple(nodes), tuple(new[v] for v in graph.outputs))


def _unique(wish: str, taken: set[str]) -> str:
    name, count = wish, 1
    while name in taken:
        name, count = f"{wish}_{count}", count + 1
    taken.add(name)
    return name
