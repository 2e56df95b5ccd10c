"""Small netlists as straight-line code: one instruction a step, in functions of a few hundred steps.

Written as text, since building a node object for each instruction would cost more than compiling it. On AVX-512 each
step is the ternary-logic instruction: plain `and` and `xor -1` on 512 bits drive LLVM into a pattern search of 1-3 ms
a gate. Instructions are selected without optimisation (`optnone`): each is wanted as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .netlist_program import Int32, Program
from .target import Target


@dataclass(frozen=True, slots=True)
class Straight:
    """The text of a module with functions `names`, to be called in order with (inputs, stride, outputs, stride, slots).

    Rows of words lie a stride (in bytes) apart. `slots` is working memory of `bytes` bytes for values that live from
    one function to a later one.
    """

    text: str
    names: tuple[str, ...]
    bytes: int


def depth_first(program: Program) -> Program:
    """Reorder steps so that each is made shortly before it is used, which keeps few values alive; drops unused ones.

    A plain loop: 1 us a step.
    """
    first, operand = 1 + program.inputs, program.operand.tolist()
    new = [-1] * program.values
    new[:first] = range(first)
    order: list[int] = []
    for root in (program.outputs >> 1).tolist():
        stack = [root]
        while stack:
            value = stack[-1]
            if new[value] >= 0:
                stack.pop()
                continue
            missing = [v for v in operand[value - first] if new[v] < 0]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            new[value] = first + len(order)
            order.append(value - first)
    renamed = np.array(new, np.int32)
    outputs = renamed[program.outputs >> 1] << 1 | (program.outputs & 1)
    return Program(program.inputs, program.table[order], renamed[program.operand[order]], outputs.astype(np.int32))


def straight(program: Program, target: Target, prefix: str, chunk: int) -> Straight:
    """Write a program as straight-line functions."""
    program = depth_first(program)
    return _Writer(program, target, prefix, chunk).write()


class _Writer:
    """The writing of one program: which value lies in which slot, and the text of each chunk."""

    def __init__(self, program: Program, target: Target, prefix: str, chunk: int) -> None:
        self.program, self.target, self.prefix, self.chunk = program, target, prefix, chunk
        self.vector = f"<{target.lanes} x i64>"
        self.ones = "splat (i64 -1)"
        self.first = 1 + program.inputs
        self.chunks = max(1, -(-program.steps // chunk))
        self.slot, self.slots = _slots(program, chunk)

    def write(self) -> Straight:
        names = tuple(f"{self.prefix}.gates{k}" for k in range(self.chunks))
        lines = [f'target triple = "{self.target.triple}"']
        if self.target.ternary:
            lines.append("declare <8 x i64> @llvm.x86.avx512.pternlog.q.512(<8 x i64>, <8 x i64>, <8 x i64>, i32)")
        for k, name in enumerate(names):
            lines.append(f"define void @{name}(ptr %in, i64 %is, ptr %out, i64 %os, ptr %slots) noinline optnone {{")
            lines += self._chunk(k)
            lines += ["  ret void", "}"]
        return Straight("\n".join(lines) + "\n", names, self.slots * self.target.vector_bits // 8)

    def _chunk(self, k: int) -> Iterator[str]:
        start, stop = k * self.chunk, min((k + 1) * self.chunk, self.program.steps)
        known: set[int] = set()
        tables, operands = self.program.table[start:stop].tolist(), self.program.operand[start:stop].tolist()
        for step, (table, names) in enumerate(zip(tables, operands, strict=True), start):
            value = self.first + step
            for operand in names:
                if operand not in known:
                    known.add(operand)
                    yield from self._load(operand)
            known.add(value)
            yield from self._step(value, table, names)
            if self.slot[value] >= 0:
                yield f"  %s{value} = getelementptr {self.vector}, ptr %slots, i64 {self.slot[value]}"
                yield f"  store {self.vector} %v{value}, ptr %s{value}"
        for row, literal in enumerate(self.program.outputs.tolist()):
            owner = max(0, (literal >> 1) - self.first) // self.chunk
            if owner == k:
                yield from self._output(row, literal, known)

    def _load(self, value: int) -> Iterator[str]:
        """Load an input or a value of an earlier chunk."""
        if value == 0:
            yield f"  %v0 = bitcast {self.vector} zeroinitializer to {self.vector}"
        elif value < self.first:
            yield f"  %o{value} = mul i64 %is, {value - 1}"
            yield f"  %p{value} = getelementptr i8, ptr %in, i64 %o{value}"
            yield f"  %v{value} = load {self.vector}, ptr %p{value}, align 8"
        else:
            yield f"  %p{value} = getelementptr {self.vector}, ptr %slots, i64 {self.slot[value]}"
            yield f"  %v{value} = load {self.vector}, ptr %p{value}"

    def _step(self, value: int, table: int, names: list[int]) -> Iterator[str]:
        v = self.vector
        if self.target.ternary:
            x, y, z = (f"{v} %v{n}" for n in names)
            yield f"  %v{value} = call {v} @llvm.x86.avx512.pternlog.q.512({x}, {y}, {z}, i32 {table})"
            return
        yield from plain_step(v, f"%v{value}", table, [f"%v{n}" for n in names])

    def _output(self, row: int, literal: int, known: set[int]) -> Iterator[str]:
        value, v = literal >> 1, self.vector
        if value not in known:
            known.add(value)
            yield from self._load(value)
        yield f"  %r{row} = mul i64 %os, {row}"
        yield f"  %q{row} = getelementptr i8, ptr %out, i64 %r{row}"
        name = f"%v{value}"
        if literal & 1:
            name = f"%n{row}"
            if self.target.ternary:
                x = f"{v} %v{value}"
                yield f"  {name} = call {v} @llvm.x86.avx512.pternlog.q.512({x}, {x}, {x}, i32 15)"
            else:
                yield f"  {name} = xor {v} %v{value}, {self.ones}"
        yield f"  store {v} {name}, ptr %q{row}, align 8"


def _slots(program: Program, chunk: int) -> tuple[list[int], int]:
    """Give each value that a later chunk reads a slot, used again after its last reader; -1 for the others."""
    first = 1 + program.inputs
    home = np.maximum(np.arange(program.values) - first, 0) // chunk
    last = home.copy()
    reader = np.repeat(np.arange(program.steps) // chunk, 3)
    np.maximum.at(last, program.operand.ravel(), reader)
    kept = np.flatnonzero((last > home) & (np.arange(program.values) >= first))
    slot = np.full(program.values, -1, np.int64)
    free: list[int] = []
    ending: dict[int, list[int]] = {}
    done = count = 0
    for value in kept.tolist():  # in order of chunks; few values are kept
        while done < home[value]:  # what chunk `done` read last is free in the chunks after it
            free += ending.pop(done, [])
            done += 1
        if not free:
            free.append(count)
            count += 1
        slot[value] = free.pop()
        ending.setdefault(int(last[value]), []).append(int(slot[value]))
    return slot.tolist(), count


def plain_step(v: str, result: str, table: int, names: list[str]) -> Iterator[str]:
    """Write a function of three values in and, or, xor: a case for each shape that one or two of them say, else a mux.

    Tables of the two halves (first operand 0 and 1) are functions of the other two operands.
    """
    lines: list[str] = []

    def emit(op: str, a: str, b: str) -> str:
        lines.append(f"  {result}.{len(lines)} = {op} {v} {a}, {b}")
        return f"{result}.{len(lines) - 1}"

    def inverted(a: str) -> str:
        return emit("xor", a, "splat (i64 -1)") if a not in ("zeroinitializer", "splat (i64 -1)") else (
            "splat (i64 -1)" if a == "zeroinitializer" else "zeroinitializer")

    def function(bits: int, inputs: list[str]) -> str:
        rows = 1 << len(inputs)
        if bits in (0, (1 << rows) - 1):
            return "splat (i64 -1)" if bits else "zeroinitializer"
        half = rows // 2
        low, high = bits & ((1 << half) - 1), bits >> half
        x, rest = inputs[0], inputs[1:]
        full = (1 << half) - 1
        if low == high:
            return function(low, rest)
        if low ^ high == full:
            return emit("xor", x, function(low, rest)) if low != full else inverted(x) if low else x
        if low == 0:
            return emit("and", x, function(high, rest))
        if high == 0:
            return emit("and", inverted(x), function(low, rest))
        if high == full:
            return emit("or", x, function(low, rest))
        if low == full:
            return emit("or", inverted(x), function(high, rest))
        a, b = function(low, rest), function(high, rest)
        return emit("xor", a, emit("and", x, emit("xor", a, b)))

    answer = function(table, names)
    yield from lines
    yield f"  {result} = or {v} {answer}, zeroinitializer"


__all__ = ["Int32", "Straight", "depth_first", "plain_step", "straight"]
