"""Rules for ops that are sums of weighted bits: they pass forms on, and only the last one adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuitc.ir import Graph, Node, Value

from .forms import Form, add_forms, make_form, multiply_forms

if TYPE_CHECKING:
    from .lowering import Lowering

MAX_TERMS = 4096  # a longer sum becomes a word before it is used


def is_sum(graph: Graph, node: Node) -> bool:
    """Tell whether a node is a sum of weighted bits of its operands (or of ANDs of them)."""
    if node.type.kind != "fixed" or node.op not in RULES:
        return False
    return node.op != "select" or all(graph.nodes[v].is_constant for v in node.operands[1:])


def takes_sums(graph: Graph, node: Node) -> bool:
    """Tell whether a node has use for the form of an operand, so that it need not be added up first."""
    if node.op in ("lt", "le"):
        return True
    if node.op == "mul":
        return node.type.kind == "fixed" and any(graph.nodes[v].is_constant for v in node.operands)
    return node.op in ("add", "sub", "neg", "shift", "convert") and node.type.kind == "fixed"


def add(g: Lowering, node: Node) -> Form:
    return add_forms([g.form(v) for v in node.operands])


def sub(g: Lowering, node: Node) -> Form:
    return add_forms([g.form(v) for v in node.operands], [1, -1])


def neg(g: Lowering, node: Node) -> Form:
    return add_forms([g.form(node.operands[0])], [-1])


def mul(g: Lowering, node: Node) -> Form:
    return multiply_forms(g.builder, *(g.form(v) for v in node.operands))


def shift(g: Lowering, node: Node) -> Form:
    form = g.form(node.operands[0])
    return Form(form.terms, form.constant, form.fraction - node.attributes["by"])


def convert(g: Lowering, node: Node) -> Form:
    return g.form(node.operands[0])


def select(g: Lowering, node: Node) -> Form:
    """Choose between constants: a number that is `b + condition * (a - b)`."""
    a, b = (_number(g, v) for v in node.operands[1:])
    return make_form([(g.word(node.operands[0])[0], a - b)], b, g.type(node.operands[1]).fraction)


def _number(g: Lowering, value: Value) -> int:
    return int(g.graph.nodes[value].constant.array)


RULES = {"add": add, "sub": sub, "neg": neg, "mul": mul, "shift": shift, "convert": convert, "select": select}
