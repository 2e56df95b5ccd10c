"""Any program of the IR as a diagram: shapes are wires, each op a step; what the ops name no axes by has its length."""

from __future__ import annotations

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import OPS, Func, Graph, Node, Type

from .axes import Axis
from .steps import Affine, Step, Typed, Wire


def diagram_of(func: Func) -> Typed:
    """Give the steps of a func's body; a body of gates has no axes and is refused."""
    if not isinstance(func.body, Graph):
        raise error(f"@{func.name} is made of gates, which have no axes to draw", help="show it with --format stats")
    graph = func.body
    wires: list[Wire] = []
    steps: list[Step] = []
    for value, node in enumerate(graph.nodes):
        t = node.type
        wire = Wire(value, node.name, ("",) * t.rank, tuple(Axis(str(n), n) for n in t.shape),
                    learned=node.is_constant and t.rank > 0)
        wires.append(wire)
        if value >= graph.inputs:
            types = [graph.nodes[v].type for v in node.operands]
            steps.append(_step(node, wire, [wires[v] for v in node.operands], types))
    outputs = zip([p.name for p in func.outputs], graph.outputs, strict=False)
    return Typed(func.name, tuple(wires[:graph.inputs]), tuple((name, wires[v]) for name, v in outputs), tuple(steps))


def _step(node: Node, out: Wire, inputs: list[Wire], types: list[Type]) -> Step:
    given = tuple(inputs)
    own = tuple(f"{out.key}.{k}" for k in range(node.type.rank))
    match node.op:
        case "constant" if node.type.rank and np.unique(node.constant.array).size > 1:
            return Step("weight", (), out, (own,), {"path": node.name, "array": node.constant.array})
        case "constant":
            return Step("number", (), out, (own,), {"value": float(node.constant.array.flat[0])})
        case "contract" if len(given) == 2:
            left, _, result = node.attributes["spec"].replace(" ", "").partition("->")
            a, _, b = left.partition(",")
            return Step("linear", given, out, (tuple(a), tuple(b), tuple(result)))
        case "reduce":
            indices = tuple(f"{out.key}.in{k}" for k in range(types[0].rank))
            kept = tuple(i for k, i in enumerate(indices) if k not in node.attributes["axes"])
            return Step("reduce", given, out, (indices, kept), {"kind": node.attributes["kind"]})
        case "broadcast":
            placed = tuple(own[k] for k in node.attributes["axes"])
            return Step("reindex", given, out, (placed, own), {"places": tuple(Affine(((i, 1),)) for i in placed)})
        case "transpose":
            placed = tuple(own[node.attributes["order"].index(k)] for k in range(types[0].rank))
            return Step("reindex", given, out, (placed, own), {"places": tuple(Affine(((i, 1),)) for i in placed)})
        case name if name in OPS and given and all(t.shape == node.type.shape for t in types):
            return Step("map", given, out, (*((own,) * len(given)), own), {"function": name})
        case name:
            ins = tuple(tuple(f"{out.key}.{j}.{k}" for k in range(t.rank)) for j, t in enumerate(types))
            every = frozenset(i for part in (*ins, own) for i in part)
            return Step("other", given, out, (*ins, own), {"label": name, "works_on": every})
