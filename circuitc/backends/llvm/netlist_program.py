"""A netlist as a list of functions of three values, which is what vector units compute in one instruction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Kind, Netlist

from .netlist_adders import threshold_steps

Int32 = NDArray[np.int32]
Step = tuple[int, tuple[int, int, int]]  # truth table, operands

AND, XOR, MAJ, BUFFER, FALSE = 0xC0, 0x3C, 0xE8, 0xF0, 0x00
MUX = 0xCA  # first operand ? second : third


@dataclass(frozen=True)
class Program:
    """Steps in order of evaluation. Values 0..inputs are false and the inputs; step k makes value `inputs + 1 + k`.

    `table[k]` is the truth table of step k: bit `x << 2 | y << 1 | z` is its value where its operands are x, y, z.
    `operand[k]` names the three values; a step that needs fewer repeats its first. Outputs are literals
    (`value << 1 | inverted`).
    """

    inputs: int
    table: NDArray[np.uint8]   # [steps]
    operand: Int32             # [steps, 3]
    outputs: Int32

    @property
    def steps(self) -> int:
        return len(self.table)

    @property
    def values(self) -> int:
        return 1 + self.inputs + self.steps


@lru_cache(maxsize=256)
def dependence(table: int) -> tuple[bool, bool, bool]:
    """Tell which operands a truth table depends on."""
    return (table >> 4 != table & 0x0F, table >> 2 & 0x33 != table & 0x33, table >> 1 & 0x55 != table & 0x55)


def operands_of(program: Program) -> list[tuple[int, ...]]:
    """List for each step the values that it depends on, each once."""
    return [tuple(dict.fromkeys(n for n, used in zip(names, dependence(table), strict=True) if used))
            for table, names in zip(program.table.tolist(), program.operand.tolist(), strict=True)]


def _flips() -> NDArray[np.uint8]:
    """Tabulate truth tables with inverted operands: [table, mask], mask bit 2 for the first operand."""
    rows = np.arange(8)
    tables = np.arange(256)
    flipped = np.zeros((256, 8), np.uint8)
    for mask in range(8):
        bits = (tables[:, None] >> (rows ^ mask)) & 1
        flipped[:, mask] = (bits << rows).sum(axis=1)
    return flipped


def program_of(netlist: Netlist) -> Program:
    """Say a netlist in steps: one for AND, XOR, MAJ and LUTs of up to three inputs, several for larger gates."""
    first = 1 + netlist.inputs
    kind = netlist.kind[first:]
    arity = np.diff(netlist.offset)[first:]
    simple = (kind < Kind.LUT) | ((kind == Kind.LUT) & (arity <= 3))
    large = {int(g): _large(netlist, first + int(g)) for g in np.flatnonzero(~simple)}  # 5 us a large gate
    count = np.ones(len(kind), np.int64)
    for g, steps in large.items():
        count[g] = len(steps)
    last = first + np.cumsum(count) - 1
    value = np.concatenate([np.arange(first), last]).astype(np.int32)  # where a node's value is made
    table, operand = np.zeros(int(count.sum()), np.uint8), np.zeros((int(count.sum()), 3), np.int32)
    _simple(netlist, np.flatnonzero(simple), value, table, operand)
    for g, steps in large.items():
        _instantiate(netlist, first + g, steps, value, table, operand)
    outputs = value[netlist.outputs >> 1] << 1 | (netlist.outputs & 1)
    return Program(netlist.inputs, table, operand, outputs.astype(np.int32))


def _simple(netlist: Netlist, gates: NDArray[np.int64], value: Int32, table: NDArray[np.uint8], operand: Int32) -> None:
    """Write the steps of gates that take one each, all gates of one arity at once."""
    first = 1 + netlist.inputs
    nodes = gates + first
    arity = np.diff(netlist.offset)[nodes]
    flips = _flips()
    for n in (1, 2, 3):
        mine = nodes[arity == n]
        if not len(mine):
            continue
        edges = netlist.offset[mine][:, None] + np.array([min(j, n - 1) if j < n else 0 for j in range(3)])
        literals = netlist.fanin[edges]
        place = value[mine] - first
        operand[place] = value[literals >> 1]
        inverted = (literals & 1) << np.array([2, 1, 0])
        mask = inverted[:, :n].sum(axis=1)
        table[place] = flips[_tables(netlist, mine, n), mask]


def _tables(netlist: Netlist, nodes: NDArray[np.int64], arity: int) -> NDArray[np.uint8]:
    """Give the truth tables of gates over three operands, of which the last ones may be idle."""
    kinds = netlist.kind[nodes]
    tables = np.select([kinds == Kind.AND, kinds == Kind.XOR, kinds == Kind.MAJ], [AND, XOR, MAJ], 0)
    luts = kinds == Kind.LUT
    if luts.any():
        rows = np.arange(8)
        row = sum(((rows >> (2 - j)) & 1) << j for j in range(arity))  # a LUT's fan-in 0 is its lowest bit
        bits = (netlist.data[nodes][:, None] >> row) & 1
        tables = np.where(luts, (bits << rows).sum(axis=1), tables)
    return tables.astype(np.uint8)


def _large(netlist: Netlist, node: int) -> tuple[Step, ...]:
    """Give the steps of one large gate; operands below its arity are its fan-ins, the others its own steps."""
    literals = netlist.fanins(node)
    inverted = (literals & 1).tolist()
    if netlist.kind[node] == Kind.LUT:
        mask = sum(bit << j for j, bit in enumerate(inverted))
        size = 1 << len(literals)
        data = netlist.table(node)
        return lut_steps(sum(((data >> (row ^ mask)) & 1) << row for row in range(size)), len(literals))
    weights = netlist.weight[netlist.offset[node]:netlist.offset[node + 1]].tolist()
    limit = int(netlist.data[node]) - sum(w for w, bit in zip(weights, inverted, strict=True) if bit)
    return threshold_steps(tuple(-w if bit else w for w, bit in zip(weights, inverted, strict=True)), limit)


@lru_cache(maxsize=4096)
def lut_steps(table: int, arity: int) -> tuple[Step, ...]:
    """Split a look-up table of more than three inputs on its highest inputs (Shannon), sharing equal parts."""
    steps: list[Step] = []
    known: dict[tuple[int, int], int] = {}

    def emit(function: int, *operands: int) -> int:
        x, y, z = (*operands, *operands[:1] * (3 - len(operands)))
        steps.append((function, (x, y, z)))
        return arity + len(steps) - 1

    def part(bits: int, inputs: int) -> int:
        if (bits, inputs) not in known:
            known[bits, inputs] = _split(bits, inputs)
        return known[bits, inputs]

    def _split(bits: int, inputs: int) -> int:
        if inputs == 3:
            swapped = sum(((bits >> (r >> 2 | r & 2 | (r & 1) << 2)) & 1) << r for r in range(8))
            return emit(swapped, 0, 1, 2)
        half = 1 << (inputs - 1)
        full = (1 << half) - 1
        low, high, top = bits & full, bits >> half, inputs - 1
        if low == high:
            return part(low, top)
        if high == low ^ full:
            return emit(XOR, top, part(low, top))
        if low in (0, full):
            return emit(AND if low == 0 else 0xCF, top, part(high, top))   # 0xCF: not x or y
        if high in (0, full):
            return emit(0x0C if high == 0 else 0xFC, top, part(low, top))  # not x and y; x or y
        return emit(MUX, top, part(high, top), part(low, top))

    part(table, arity)
    return tuple(steps)


def _instantiate(netlist: Netlist, node: int, steps: tuple[Step, ...], value: Int32, table: NDArray[np.uint8],
                 operand: Int32) -> None:
    """Write one gate's steps, ending where its value is expected."""
    fanins = value[netlist.fanins(node) >> 1]
    start = int(value[node]) - len(steps) + 1
    names = np.concatenate([fanins, np.arange(start, start + len(steps), dtype=np.int32)])
    place = start - 1 - netlist.inputs
    table[place:place + len(steps)] = [t for t, _ in steps]
    operand[place:place + len(steps)] = names[np.array([o for _, o in steps], np.int64)]
