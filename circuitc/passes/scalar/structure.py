"""Rules for ops that only move elements: they move values and build nothing."""

from __future__ import annotations

import numpy as np

from circuitc.ir import OPS, Node, Type, Value, fixed
from circuitc.ir.op import Application

from .emitter import Elements, Emitter, each

VIEWS = ("reshape", "transpose", "broadcast", "slice", "window", "element", "concat", "stack", "pad")
_ID = fixed(64)


def moved(e: Emitter, node: Node, *operands: Elements) -> Elements:
    """Move value numbers as the interpreter moves raw numbers: the op's own evaluation does it."""
    types = tuple(_ID.with_shape(x.shape) for x in operands)
    application = Application(types, _ID.with_shape(node.type.shape), node.attributes)
    return np.asarray(OPS[node.op].evaluate(application, *(x[None] for x in operands)), np.int64)[0]


def unpack(e: Emitter, node: Node, x: Elements) -> Elements:
    """Take the bits of each number."""
    width = e.type(int(x.flat[0])).width
    return np.stack([each(lambda v, k=k: e.bit(v, k), x) for k in range(width)], axis=-1)


def pack(e: Emitter, node: Node, x: Elements) -> Elements:
    """Make each word of a stack of its bits; words of one bit are that bit."""
    rows = x.reshape(-1, x.shape[-1]).tolist()
    return np.array([_word(e, node.type.scalar, row) for row in rows], np.int64).reshape(x.shape[:-1])


def _word(e: Emitter, t: Type, bits: list[Value]) -> Value:
    if t.is_spin:
        return e.apply("convert", bits[0], type=t)
    if t.width == 1 and not t.signed:
        return e.apply("shift", bits[0], by=-t.fraction) if t.fraction else bits[0]
    return e.apply("pack", e.apply("stack", *bits, shape=(len(bits),)), type=t)


RULES = {**dict.fromkeys(VIEWS, moved), "unpack": unpack, "pack": pack}
