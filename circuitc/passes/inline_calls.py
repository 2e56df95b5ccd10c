"""The pass `inline-calls`: a call of a pure func becomes its body."""

from __future__ import annotations

from dataclasses import dataclass, replace

from circuitc.ir import Func, Graph, Module, Node, Value
from circuitc.ir.graph import Builder, rebuild

from .base import Context, FuncPass


@dataclass(frozen=True, slots=True)
class InlineCalls(FuncPass):
    """Put the bodies of called funcs in the place of their calls.

    Funcs that step, that are netlists, or that are meant for another target stay calls. Funcs that nothing calls any
    more stay in the module.
    """

    def run_func(self, func: Func, context: Context) -> Func:
        assert context.module is not None, "a pass over funcs is given the module"
        return func.with_body(inline_calls(context.module, func.body)) if isinstance(func.body, Graph) else func


def inline_calls(module: Module, graph: Graph) -> Graph:
    """Give the graph with calls of pure funcs replaced by their bodies, to the bottom; the same object without any."""
    def rule(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        body = _inlined(module, node)
        if body is None:
            return None
        func = module.func(node.attributes["func"])
        output = [p.name for p in func.outputs].index(node.attributes["output"])
        return _place(builder, inline_calls(module, body), operands, output, node)

    return rebuild(graph, rule) if any(_inlined(module, n) for n in graph.nodes) else graph


def _inlined(module: Module, node: Node) -> Graph | None:
    """Give the body that stands for a call, None for calls that stay and for other nodes."""
    if node.op != "call":
        return None
    func = module.func(node.attributes["func"])
    return func.body if func.is_combinational and not func.target and isinstance(func.body, Graph) else None


def _place(builder: Builder, body: Graph, operands: tuple[Value, ...], output: int, call: Node) -> Value:
    """Copy a body for one of its outputs; a second output of the same call shares the values that are there."""
    new = dict(enumerate(operands))
    for value in range(body.inputs, len(body.nodes)):
        if value in body.live:
            node = body.nodes[value]
            named = node if node.is_constant else replace(node, name=f"{call.name}_{node.name}")
            new[value] = builder.copy(named, [new[v] for v in node.operands])
    return new[body.outputs[output]]
