"""Copy nodes behind values of which less is known than before."""

from __future__ import annotations

from collections.abc import Sequence

from circuitc.ir import OPS, Builder, Node, Value


def copy_widened(b: Builder, node: Node, operands: Sequence[Value]) -> Value:
    """Copy a node; where its declared type is narrower than the rule, compute by the rule and cut to the type.

    A declared type may lean on what the ranges of constants upstream prove. Where a pass hides those constants the
    numbers are the same, so cutting changes none of them, but the verifier could not see that they fit.
    """
    if node.op not in OPS or OPS[node.op].declares or node.type.is_float:
        return b.copy(node, operands)
    natural = OPS[node.op].result_type([b.type(v) for v in operands], node.attributes, node.type)
    if node.type.holds(natural):
        return b.copy(node, operands)
    wide = b.apply(node.op, *operands, name=node.name, origin=node.origin, span=node.span, **node.attributes)
    return b.apply("requantize", wide, type=node.type, rounding="floor", overflow="wrap", origin=node.origin)
