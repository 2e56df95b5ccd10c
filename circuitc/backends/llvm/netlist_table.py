"""Large netlists as data: one kernel walks the operands, so that making the code takes the same time for any size.

Steps are sorted by level and truth table. A run of steps with one truth table is one loop; the kernel has such a loop
for each truth table that occurs. Values lie in slots that are used again once nobody reads them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .netlist_program import Int32, Program
from .netlist_straight import plain_step
from .target import Target

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Table:
    """The kernel's text and name, and the data it reads.

    It is called as straight-line code is, and with (runs, operands, results). Working memory is `rows` vectors: false,
    inputs, values; only one tile is evaluated. A run is (truth table's place in the switch, number of steps);
    `operands` are rows (x, y, z, result) of each step; `results` are literals of rows.
    """

    text: str
    name: str
    rows: int
    runs: Int32
    operands: Int32
    results: Int32


def table(program: Program, target: Target, prefix: str) -> Table:
    """Lay a program out as data and write the kernel for it."""
    program = _normalised(program)
    order, runs, tables = _runs(program)
    operands, results, rows = _allocated(program, order)
    name = f"{prefix}.table"
    text = "\n".join(_kernel(name, program, target, tables, len(runs), len(results)))
    return Table(text + "\n", name, rows, runs, operands, results)


def _normalised(program: Program) -> Program:
    """Swap the operands of `not x and y`, so that fewer truth tables occur."""
    swap = program.table == 0x0C
    operand = program.operand.copy()
    operand[swap] = operand[swap][:, [1, 0, 1]]
    return Program(program.inputs, np.where(swap, np.uint8(0x30), program.table), operand, program.outputs)


def _blocks(rows: NDArray[Any]) -> Iterator[Any]:
    """Give the rows of an array as Python numbers, a block at a time: ten million rows as lists would take 2 GB."""
    for start in range(0, len(rows), _BLOCK):
        yield from rows[start:start + _BLOCK].tolist()


def _levels(program: Program) -> NDArray[np.int32]:
    """Give each step's level; a plain loop, 0.3 us a step."""
    first = 1 + program.inputs
    level = array("i", bytes(4 * program.values))
    for value, (x, y, z) in enumerate(_blocks(program.operand), first):
        level[value] = 1 + max(level[x], level[y], level[z])
    return np.array(level[first:], np.int32)


def _runs(program: Program) -> tuple[NDArray[np.int64], Int32, list[int]]:
    """Give the order of steps, the runs [(place of truth table, count)], and the truth tables."""
    level = _levels(program)
    order = np.lexsort((program.table, level))
    tables, place = np.unique(program.table, return_inverse=True)
    key = np.stack([level[order], place[order]])
    starts = np.flatnonzero(np.concatenate([[True], np.any(np.diff(key, axis=1) != 0, axis=0)])) if len(order) else (
        np.zeros(0, np.int64))
    counts = np.diff(np.append(starts, len(order)))
    runs = np.stack([place[order][starts], counts], axis=1).astype(np.int32)
    return order, runs, tables.tolist()


def _allocated(program: Program, order: NDArray[np.int64]) -> tuple[Int32, Int32, int]:
    """Give each step's rows, the outputs' literals of rows, and the number of rows. A plain loop: 0.8 us a step."""
    first = 1 + program.inputs
    position = np.empty(program.steps, np.int32)
    position[order] = np.arange(program.steps, dtype=np.int32)
    last = np.full(program.values, -1, np.int32)
    for k in range(3):
        np.maximum.at(last, program.operand[:, k], position)
    last[program.outputs >> 1] = program.steps
    lasts = array("i", last.tobytes())
    slot = array("i", range(first)) + array("i", bytes(4 * program.steps))
    free: list[int] = []
    count = first
    for when, (step, names) in enumerate(zip(_blocks(order), _blocks(program.operand[order]), strict=True)):
        for value in set(names):
            if lasts[value] == when and value >= first:
                free.append(slot[value])
        if free:
            slot[first + step] = free.pop()
        else:
            slot[first + step] = count
            count += 1
        if lasts[first + step] < 0:
            free.append(slot[first + step])
    slots = np.array(slot, np.int32)
    rows = np.concatenate([slots[program.operand[order]], slots[first + order][:, None]], axis=1)
    results = slots[program.outputs >> 1] << 1 | (program.outputs & 1)
    return np.ascontiguousarray(rows, np.int32), results.astype(np.int32), count


def _kernel(name: str, program: Program, target: Target, tables: list[int], runs: int, results: int) -> Iterator[str]:
    v = f"<{target.lanes} x i64>"
    yield f'target triple = "{target.triple}"'
    if target.ternary:
        yield "declare <8 x i64> @llvm.x86.avx512.pternlog.q.512(<8 x i64>, <8 x i64>, <8 x i64>, i32)"
    yield (f"define void @{name}(ptr noalias %slots, i64 %tiles, ptr %pointers, i64 %offset, ptr noalias %runs, "
           "ptr noalias %operands, ptr noalias %results) noinline {")
    yield "entry:"
    yield f"  store {v} zeroinitializer, ptr %slots"
    yield f"  br label %{'inputs' if program.inputs else 'start'}"
    if program.inputs:
        yield from _copy_inputs(v, program.inputs)
    yield "start:"
    yield f"  br label %{'pick' if runs else 'ending'}"
    if runs:
        yield from _pick(runs, len(tables))
        for k, truth in enumerate(tables):
            yield from _run(v, k, truth, target)
        yield "next:"
        yield "  %place_next = phi ptr " + ", ".join(f"[ %more{k}, %run{k} ]" for k in range(len(tables)))
        yield "  %run_next = add i64 %run, 1"
        yield f"  %runs_end = icmp eq i64 %run_next, {runs}"
        yield "  br i1 %runs_end, label %ending, label %pick"
    yield "ending:"
    yield f"  %outs = getelementptr ptr, ptr %pointers, i64 {program.inputs}"
    yield f"  br label %{'outputs' if results else 'end'}"
    if results:
        yield from _copy_outputs(v, results)
    yield "end:"
    yield "  ret void"
    yield "}"


def _copy_inputs(v: str, inputs: int) -> Iterator[str]:
    yield "inputs:"
    yield "  %i = phi i64 [ 0, %entry ], [ %i1, %inputs ]"
    yield "  %i1 = add i64 %i, 1"
    yield "  %ia = getelementptr ptr, ptr %pointers, i64 %i"
    yield "  %ir = load ptr, ptr %ia"
    yield "  %ip = getelementptr i8, ptr %ir, i64 %offset"
    yield f"  %iv = load {v}, ptr %ip, align 8"
    yield f"  %iq = getelementptr {v}, ptr %slots, i64 %i1"
    yield f"  store {v} %iv, ptr %iq"
    yield f"  %ie = icmp eq i64 %i1, {inputs}"
    yield "  br i1 %ie, label %start, label %inputs"


def _pick(runs: int, tables: int) -> Iterator[str]:
    """Read the next run and go to the loop of its truth table."""
    yield "pick:"
    yield "  %run = phi i64 [ 0, %start ], [ %run_next, %next ]"
    yield "  %place = phi ptr [ %operands, %start ], [ %place_next, %next ]"
    yield "  %pair = getelementptr [2 x i32], ptr %runs, i64 %run"
    yield "  %which = load i32, ptr %pair"
    yield "  %countp = getelementptr i32, ptr %pair, i64 1"
    yield "  %count = load i32, ptr %countp"
    targets = " ".join(f"i32 {k}, label %run{k}" for k in range(1, tables))
    yield f"  switch i32 %which, label %run0 [ {targets} ]"


def _run(v: str, k: int, truth: int, target: Target) -> Iterator[str]:
    """Evaluate steps of one truth table until their count is done."""
    yield f"run{k}:"
    yield f"  %at{k} = phi ptr [ %place, %pick ], [ %more{k}, %run{k} ]"
    yield f"  %left{k} = phi i32 [ %count, %pick ], [ %less{k}, %run{k} ]"
    for j, letter in enumerate("xyzr"):
        yield f"  %{letter}i{k} = getelementptr i32, ptr %at{k}, i64 {j}"
        yield f"  %{letter}s{k} = load i32, ptr %{letter}i{k}"
        yield f"  %{letter}w{k} = zext i32 %{letter}s{k} to i64"
        yield f"  %{letter}p{k} = getelementptr {v}, ptr %slots, i64 %{letter}w{k}"
    for letter in "xyz":
        yield f"  %{letter}{k} = load {v}, ptr %{letter}p{k}"
    if target.ternary:
        x, y, z = (f"{v} %{letter}{k}" for letter in "xyz")
        yield f"  %r{k} = call {v} @llvm.x86.avx512.pternlog.q.512({x}, {y}, {z}, i32 {truth})"
    else:
        yield from plain_step(v, f"%r{k}", truth, [f"%{letter}{k}" for letter in "xyz"])
    yield f"  store {v} %r{k}, ptr %rp{k}"
    yield f"  %more{k} = getelementptr i32, ptr %at{k}, i64 4"
    yield f"  %less{k} = sub i32 %left{k}, 1"
    yield f"  %done{k} = icmp eq i32 %less{k}, 0"
    yield f"  br i1 %done{k}, label %next, label %run{k}"


def _copy_outputs(v: str, results: int) -> Iterator[str]:
    yield "outputs:"
    yield "  %o = phi i64 [ 0, %ending ], [ %o1, %outputs ]"
    yield "  %o1 = add i64 %o, 1"
    yield "  %rp = getelementptr i32, ptr %results, i64 %o"
    yield "  %literal = load i32, ptr %rp"
    yield "  %value = lshr i32 %literal, 1"
    yield "  %bit = and i32 %literal, 1"
    yield "  %valuew = zext i32 %value to i64"
    yield "  %bitw = zext i32 %bit to i64"
    yield "  %mask = sub i64 0, %bitw"
    yield f"  %mask1 = insertelement {v} poison, i64 %mask, i64 0"
    lanes = v.split()[0][1:]
    yield f"  %masks = shufflevector {v} %mask1, {v} poison, <{lanes} x i32> zeroinitializer"
    yield f"  %op = getelementptr {v}, ptr %slots, i64 %valuew"
    yield f"  %ov = load {v}, ptr %op"
    yield f"  %on = xor {v} %ov, %masks"
    yield "  %oa = getelementptr ptr, ptr %outs, i64 %o"
    yield "  %or = load ptr, ptr %oa"
    yield "  %oq = getelementptr i8, ptr %or, i64 %offset"
    yield f"  store {v} %on, ptr %oq, align 8"
    yield f"  %oe = icmp eq i64 %o1, {results}"
    yield "  br i1 %oe, label %end, label %outputs"
