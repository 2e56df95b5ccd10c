"""Tables and small functions as trees of choices, equal parts shared."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import OPS, NetlistBuilder, Node, Type
from circuitc.ir.op import Application
from circuitc.ir.ops.functions import MAX_TABLE_WIDTH
from circuitc.ir.ops.structure import raw_bits

from .forms import Word

if TYPE_CHECKING:
    from .lowering import Lowering

FUNCTIONS = ("exp", "log", "sqrt", "rsqrt", "divide", "tanh", "sigmoid", "sin", "cos", "erf")


def add_table(builder: NetlistBuilder, inputs: Word, table: int) -> int:
    """Give the literal of a truth table: bit i of `table` where input j has bit j of i.

    Shannon's expansion from the highest input down; equal and opposite halves are one literal.
    """
    known: dict[tuple[int, int], int] = {}

    def build(count: int, rows: int) -> int:
        if rows & 1:
            return build(count, rows ^ (1 << (1 << count)) - 1) ^ 1
        if not rows:
            return 0
        literal = known.get((count, rows))
        if literal is None:
            half = 1 << count - 1
            low, high = rows & (1 << half) - 1, rows >> half
            literal = build(count - 1, low) if low == high else builder.mux(
                inputs[count - 1], build(count - 1, high), build(count - 1, low))
            known[count, rows] = literal
        return literal

    return build(len(inputs), table)


def add_tables(builder: NetlistBuilder, inputs: Word, entries: NDArray[np.int64]) -> Word:
    """Give one literal for each column of entries, bits of shape [2**inputs, width]."""
    columns = (int.from_bytes(np.packbits(column.astype(np.uint8), bitorder="little").tobytes(), "little")
               for column in entries.T)
    return tuple(add_table(builder, inputs, column) for column in columns)


def table(g: Lowering, node: Node) -> Word:
    """Look up a constant table."""
    content = g.graph.nodes[node.operands[1]]
    bits = raw_bits(content.type, content.constant.array)
    return add_tables(g.builder, g.word(node.operands[0]), bits)


def function(g: Lowering, node: Node) -> Word:
    """Tabulate a function of few bits: its own evaluation at every operand."""
    types = tuple(g.type(v) for v in node.operands)
    width = sum(t.width for t in types)
    if width > MAX_TABLE_WIDTH:
        raise error(f"{node.op} of {width} bits is too wide to become gates by its table",
                    help=f"requantize its operands to {MAX_TABLE_WIDTH} bits in all")
    inputs = tuple(x for v in node.operands for x in g.word(v))
    return add_tables(g.builder, inputs, _entries(node.op, types, node.type))


@lru_cache(maxsize=64)
def _entries(op: str, types: tuple[Type, ...], result: Type) -> NDArray[np.int64]:
    """Evaluate a function everywhere: bits, shape [2**(bits of the operands), result bits]; about 0.1 ms each."""
    patterns = [range(1 << t.width) for t in types]
    raws = np.array([row[::-1] for row in product(*patterns[::-1])], np.int64)  # the first operand runs fastest
    operands = [_raw_numbers(t.lowest, t.highest, t.is_spin, raws[:, k]) for k, t in enumerate(types)]
    return raw_bits(result, OPS[op].evaluate(Application(types, result, {}), *operands))


def _raw_numbers(lowest: int, highest: int, spin: bool, patterns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read bit patterns as raw numbers."""
    if spin:
        return 2 * patterns - 1
    return np.where(patterns > highest, patterns - (highest - lowest + 1), patterns)


RULES = {"table": table} | dict.fromkeys(FUNCTIONS, function)
