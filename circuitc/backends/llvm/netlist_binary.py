"""Steps of two operands for machines without ternary logic: and, or, xor, and `not x and y`, no inverter anywhere.

Each function of three values has a small tree of ANDs and XORs with inverted edges. An inverted edge costs nothing:
a value may be kept inverted, and De Morgan's law gives one instruction for every AND of two values, kept as they are.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from .netlist_program import AND, XOR, Program
from .netlist_registers import ANDNOTS

OR = 0xFC
_AND_OF_INVERTED = {(0, 0): (AND, 0), (1, 0): (ANDNOTS[0], 0), (0, 1): (ANDNOTS[1], 0), (1, 1): (OR, 1)}
_PATTERNS = (0xF0, 0xCC, 0xAA)
Gate = tuple[bool, int, int]  # is it a XOR; two literals: 0 is false, 2, 4, 6 the operands, then gates


def binary(program: Program) -> Program:
    """Give an equal program whose steps have two operands. A plain loop: 4 us a step."""
    first = 1 + program.inputs
    literal = [value << 1 for value in range(first)]  # of each old value, in the new program
    tables: list[int] = []
    operands: list[tuple[int, int, int]] = []
    for table, names in zip(program.table.tolist(), program.operand.tolist(), strict=True):
        gates, answer = gates_of(table)
        local = [0, *(literal[name] for name in names)]
        for is_xor, a, b in gates:
            x, y = local[a >> 1] ^ (a & 1), local[b >> 1] ^ (b & 1)
            simple = _simplified(is_xor, x, y)
            if simple >= 0:
                local.append(simple)
                continue
            function, inverted = (XOR, (x ^ y) & 1) if is_xor else _AND_OF_INVERTED[x & 1, y & 1]
            local.append((first + len(tables)) << 1 | inverted)
            tables.append(function)
            operands.append((x >> 1, y >> 1, x >> 1))
        literal.append(local[answer >> 1] ^ (answer & 1))
    old = program.outputs
    outputs = np.array([literal[o >> 1] ^ (o & 1) for o in old.tolist()], np.int32)
    return Program(program.inputs, np.array(tables, np.uint8), np.array(operands, np.int32).reshape(-1, 3), outputs)


def _simplified(is_xor: bool, x: int, y: int) -> int:
    """Give the literal that a gate is, where a constant or one value twice goes in; else -1."""
    if min(x, y) > 1 and x >> 1 != y >> 1:
        return -1
    if is_xor:
        return (x ^ y) if min(x, y) <= 1 else (x ^ y) & 1
    return 0 if min(x, y) == 0 or x ^ y == 1 else max(x, y)


@lru_cache(maxsize=256)
def gates_of(table: int) -> tuple[tuple[Gate, ...], int]:
    """Give the gates of a function of three values, at most four, and the literal that is the function."""
    gates: list[Gate] = []

    def build(bits: int) -> int:
        how = _trees()[bits]
        if isinstance(how, int):
            return how
        is_xor, x, y, inverted = how
        gate = (is_xor, build(x), build(y))
        if gate not in gates:
            gates.append(gate)
        return (4 + gates.index(gate)) << 1 | inverted
    answer = build(table)
    return tuple(gates), answer


@cache
def _trees() -> dict[int, int | tuple[bool, int, int, int]]:
    """Find for each table the tree of fewest gates: a literal, or (is it a XOR, two tables, inverted)."""
    best: dict[int, int | tuple[bool, int, int, int]] = {0: 0, 255: 1}
    for k, pattern in enumerate(_PATTERNS):
        best[pattern], best[pattern ^ 255] = (k + 1) << 1, (k + 1) << 1 | 1
    cost = dict.fromkeys(best, 0)
    while len(best) < 256:
        found: dict[int, tuple[int, tuple[bool, int, int, int]]] = {}
        for x in best:
            for y in best:
                if x < y:
                    for bits, is_xor in ((x & y, False), (x ^ y, True)):
                        price = cost[x] + cost[y] + 1
                        if bits not in best and price < found.get(bits, (99,))[0]:
                            found[bits] = price, (is_xor, x, y, 0)
        least = min(price for price, _ in found.values())
        for bits, (price, (is_xor, x, y, _)) in found.items():
            if price == least:
                best[bits], best[bits ^ 255] = (is_xor, x, y, 0), (is_xor, x, y, 1)
                cost[bits] = cost[bits ^ 255] = price
    return best
