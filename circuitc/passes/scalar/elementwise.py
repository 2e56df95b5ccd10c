"""Rules for ops that work element by element, and for tables."""

from __future__ import annotations

from circuitc.ir import OPS, Constant, Node, Value

from .emitter import Elements, Emitter, each, natural_type
from .indexing import look_up

ELEMENTWISE = (
    "add", "sub", "mul", "neg", "abs", "min", "max", "and", "or", "xor", "not", "eq", "lt", "le", "select",
    "requantize", "convert", "shift", "exp", "log", "sqrt", "rsqrt", "divide", "tanh", "sigmoid", "sin", "cos", "erf")


def elementwise(e: Emitter, node: Node, *operands: Elements) -> Elements:
    """Apply the op to each element; a declared type that is wider than needed is declared again."""
    declared = node.type.scalar
    if OPS[node.op].declares:
        direct = declared
    else:
        natural = natural_type(node, [e.type(int(x.flat[0])) for x in operands])
        direct = declared if declared.holds(natural) else None
    return each(lambda *v: e.apply(node.op, *v, type=direct, **node.attributes), *operands)


def table(e: Emitter, node: Node, x: Elements, entries: Elements) -> Elements:
    """Look up a constant table with `table`, one that is computed by choosing among its entries."""
    ids = entries.ravel().tolist()
    raws = [e.raw(v) for v in ids]
    if any(raw is None for raw in raws):
        return each(lambda v: _chosen(e, v, ids), x)
    content = Constant(e.type(ids[0]).with_shape(entries.shape), raws)
    entry = e.pool.builder.constant(content, name=f"{node.name}_table")
    return each(lambda v: e.apply("table", v, entry), x)


def _chosen(e: Emitter, x: Value, ids: list[Value]) -> Value:
    t = e.type(x)
    return look_up(e, [e.bit(x, k) for k in range(t.width)], ids)


RULES = {**dict.fromkeys(ELEMENTWISE, elementwise), "table": table}
