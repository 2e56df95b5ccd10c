"""Small netlists as straight-line code, in functions of a few hundred steps.

For AVX-512 and AVX2 registers are chosen here and the code is written as assembly (`netlist_assembly`). Other machines
get LLVM's own instructions, as text: building an object for each would cost more than compiling it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from .netlist_assembly import CHUNK, Straight, assembly
from .netlist_binary import OR, binary
from .netlist_order import ordered
from .netlist_program import AND, XOR, Program
from .netlist_registers import ANDNOTS
from .target import Target

PORTABLE_CHUNK = 250  # LLVM's register allocator takes longer than in proportion
_NAMES = {AND: "and", OR: "or", XOR: "xor", **dict.fromkeys(ANDNOTS, "and")}


def straight(program: Program, target: Target, prefix: str, chunk: int | None = None) -> Straight:
    """Write a program as straight-line functions of at most `chunk` steps."""
    if target.has_assembly:
        return assembly(program, target, prefix, chunk or CHUNK)
    return _Writer(ordered(binary(program)), target, prefix, chunk or PORTABLE_CHUNK).write()


class _Writer:
    """The writing of one program of two-operand steps: which value lies in which row, and the text of each chunk."""

    def __init__(self, program: Program, target: Target, prefix: str, chunk: int) -> None:
        self.program, self.target, self.prefix, self.chunk = program, target, prefix, chunk
        self.vector = f"<{target.lanes} x i64>"
        self.first = 1 + program.inputs
        self.chunks = max(1, -(-program.steps // chunk))
        self.row, self.rows = _rows(program, chunk)

    def write(self) -> Straight:
        names = tuple(f"{self.prefix}.gates{k}" for k in range(self.chunks))
        lines = [f'target triple = "{self.target.triple}"']
        for k, name in enumerate(names):
            lines += [f"define void @{name}(ptr noalias %memory, i64 %tiles, ptr %pointers, i64 %offset) noinline {{",
                      "entry:", "  br label %tile", "tile:",
                      "  %m = phi ptr [ %memory, %entry ], [ %next, %tile ]",
                      "  %o = phi i64 [ %offset, %entry ], [ %further, %tile ]",
                      "  %left = phi i64 [ %tiles, %entry ], [ %less, %tile ]",
                      *self._chunk(k),
                      f"  %next = getelementptr {self.vector}, ptr %m, i64 {self.rows}",
                      f"  %further = add i64 %o, {8 * self.target.lanes}",
                      "  %less = sub i64 %left, 1", "  %done = icmp eq i64 %less, 0",
                      "  br i1 %done, label %end, label %tile", "end:", "  ret void", "}"]
        return Straight("\n".join(lines) + "\n", names, self.rows)

    def _chunk(self, k: int) -> Iterator[str]:
        start, stop = k * self.chunk, min((k + 1) * self.chunk, self.program.steps)
        known: set[int] = set()
        tables, operands = self.program.table[start:stop].tolist(), self.program.operand[start:stop].tolist()
        for step, (table, (x, y, _)) in enumerate(zip(tables, operands, strict=True), start):
            value = self.first + step
            for operand in (x, y):
                if operand not in known:
                    known.add(operand)
                    yield from self._load(operand)
            known.add(value)
            yield from _two_operands(self.vector, f"%v{value}", table, f"%v{x}", f"%v{y}")
            if self.row[value] >= 0:
                yield f"  %s{value} = getelementptr {self.vector}, ptr %m, i64 {self.row[value]}"
                yield f"  store {self.vector} %v{value}, ptr %s{value}"
        for k_output, literal in enumerate(self.program.outputs.tolist()):
            value = literal >> 1
            if max(0, value - self.first) // self.chunk == k:
                if value and value not in known:
                    known.add(value)
                    yield from self._load(value)
                name = f"%v{value}" if value else "zeroinitializer"
                if literal & 1:
                    yield f"  %n{k_output} = xor {self.vector} {name}, splat (i64 -1)"
                    name = f"%n{k_output}"
                yield from self._outside(self.first - 1 + k_output, f"%q{k_output}")
                yield f"  store {self.vector} {name}, ptr %q{k_output}, align 8"

    def _load(self, value: int) -> Iterator[str]:
        if value < self.first:
            yield from self._outside(value - 1, f"%p{value}")
            yield f"  %v{value} = load {self.vector}, ptr %p{value}, align 8"
        else:
            yield f"  %p{value} = getelementptr {self.vector}, ptr %m, i64 {self.row[value]}"
            yield f"  %v{value} = load {self.vector}, ptr %p{value}"

    def _outside(self, k: int, name: str) -> Iterator[str]:
        """Give the place in a row of the inputs or outputs."""
        yield f"  {name}.p = getelementptr ptr, ptr %pointers, i64 {k}"
        yield f"  {name}.r = load ptr, ptr {name}.p"
        yield f"  {name} = getelementptr i8, ptr {name}.r, i64 %o"

def _rows(program: Program, chunk: int) -> tuple[list[int], int]:
    """Give each value that a later chunk reads a row, used again after its last reader (-1 for the others); count rows.
    """
    first = 1 + program.inputs
    home = np.maximum(np.arange(program.values) - first, 0) // chunk
    last = home.copy()
    reader = np.repeat(np.arange(program.steps) // chunk, 3)
    np.maximum.at(last, program.operand.ravel(), reader)
    kept = np.flatnonzero((last > home) & (np.arange(program.values) >= first))
    row = np.full(program.values, -1, np.int64)
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
        row[value] = free.pop()
        ending.setdefault(int(last[value]), []).append(int(row[value]))
    return row.tolist(), count


def plain_step(v: str, result: str, table: int, names: Sequence[str]) -> Iterator[str]:
    """Write a function of three values in and, or, xor."""
    steps, output = _binary_steps(table)
    known = ["zeroinitializer", *names]
    for function, x, y in steps:
        yield from _two_operands(v, name := f"{result}.{len(known)}", function, known[x], known[y])
        known.append(name)
    yield f"  {result} = xor {v} {known[output >> 1]}, {'splat (i64 -1)' if output & 1 else 'zeroinitializer'}"


@lru_cache(maxsize=256)
def _binary_steps(table: int) -> tuple[list[tuple[int, int, int]], int]:
    """Give a function of three values in steps of two (see `binary`), and the literal of the answer."""
    one = binary(Program(3, np.array([table], np.uint8), np.array([[1, 2, 3]], np.int32), np.array([8], np.int32)))
    steps = [(t, x, y) for t, (x, y, _) in zip(one.table.tolist(), one.operand.tolist(), strict=True)]
    return steps, int(one.outputs[0])


def _two_operands(v: str, result: str, table: int, x: str, y: str) -> Iterator[str]:
    """Write one of the functions that `binary` leaves."""
    if table in ANDNOTS:
        x, y = (x, y) if table == ANDNOTS[0] else (y, x)
        yield f"  {result}.n = xor {v} {x}, splat (i64 -1)"
        x = f"{result}.n"
    yield f"  {result} = {_NAMES[table]} {v} {x}, {y}"


__all__ = ["Straight", "plain_step", "straight"]
