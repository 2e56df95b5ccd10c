"""A func with a netlist body: blocks of samples, one bit of 64 samples a word, state packed from step to step."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import llvmlite.ir as ir

from circuitc.ir import Func, Netlist

from .kernel import Kernel, index
from .memory import I64, POINTER
from .netlist_assembly import MANY, TILES
from .netlist_mapped import mapped
from .netlist_program import program_of
from .netlist_steps import Block, Rows
from .netlist_straight import straight
from .netlist_table import table
from .ports import RUN, STEP
from .unit import Unit

STRAIGHT_GATES = 100_000    # straight-line code takes 30 us a gate to make
TILES_BYTES = 512 << 10     # of all tiles together, so that they stay in the second cache
CROWDED = 4096              # bytes; rows so far apart, or a multiple, share the sets of a first cache
EVALUATE = (POINTER, I64, POINTER, I64)  # working memory, tiles, pointers to rows, offset in them
PACKED = (POINTER, I64, I64, POINTER, POINTER)  # working memory, words, words from row to row, inputs, outputs


def write_netlist_func(unit: Unit, func: Func, netlist: Netlist) -> None:
    """Write a func with a netlist body: `run`, and for the entry `step`, `<prefix>_packed`, `<prefix>_packed_rows`."""
    writer = _NetlistFunc(unit, func, netlist, *_evaluator(unit, func, netlist))
    unit.runs[func.name] = writer.run()
    if func.name == unit.program.entry.name:
        unit.runs["step of " + func.name] = writer.step()
        writer.packed()


def _evaluator(unit: Unit, func: Func, netlist: Netlist) -> tuple[ir.Function, int, int]:
    """Write the function that evaluates (see `Straight`); give the bytes of a tile, and the most tiles."""
    shape = unit.shape if unit.shape != "auto" else "straight" if netlist.gates <= STRAIGHT_GATES else "table"
    prefix = unit.name(f"{func.name}.net")
    kernel = unit.kernel(f"{func.name}.evaluate", list(EVALUATE))
    if shape == "straight":
        program, origin = mapped(netlist)
        code = straight(program, unit.target, prefix, unit.chunk)
        for function in unit.functions(kernel, code.text, code.names, EVALUATE, level=1):
            kernel.builder.call(function, kernel.arguments)
        unit.figures[f"{func.name}: code"] = f"straight, {program.steps} steps, cover: {origin}"
        size = max(1, code.rows) * 8 * unit.target.lanes
        return kernel.finish(), size, max(1, min(TILES, TILES_BYTES // size))
    data = table(program_of(netlist), unit.target, prefix)
    pointers = [unit.data(a) if a.size else POINTER(None) for a in (data.runs, data.operands, data.results)]
    (function,) = unit.functions(kernel, data.text, [data.name], [*EVALUATE, *[POINTER] * 3], level=2)
    kernel.builder.call(function, [*kernel.arguments, *pointers])
    unit.figures[f"{func.name}: code"] = f"table, {len(data.operands)} steps, {data.rows} rows"
    return kernel.finish(), data.rows * 8 * unit.target.lanes, 1


class _NetlistFunc(Rows):
    """The writing of one func with a netlist body."""

    def run(self) -> ir.Function:
        kernel = self.unit.kernel(f"{self.func.name}.run", list(RUN))
        scratch, batch, steps, inputs, outputs, initial = kernel.arguments
        self.point_inside(kernel, scratch)
        with self._blocks(kernel, index(0), batch, index(64 * self.lanes)) as (base, count):
            part = Block(self, kernel, scratch, steps, inputs, outputs, base, count)
            part.load_registers(initial)
            part.load_inputs(index(0), rate="call")
            part.steps()
        return kernel.finish()

    def step(self) -> ir.Function:
        kernel = self.unit.kernel(f"{self.func.name}.step", list(STEP))
        scratch, registers, batch, inputs, outputs = kernel.arguments
        self.point_inside(kernel, scratch)
        with self._blocks(kernel, index(0), batch, index(64 * self.lanes)) as (base, count):
            part = Block(self, kernel, scratch, index(1), inputs, outputs, base, count)
            records = kernel.at(registers, kernel.builder.mul(base, index(self.layout.size)))
            part.load_records(records, index(self.layout.size))
            part.load_inputs(index(0), rate="call")
            part.load_inputs(index(0), rate="step")
            self.evaluate(kernel, scratch)
            part.store_outputs(index(0), self.out_rows, ("call", "step"))
            part.store_records(records)
        return kernel.finish()

    def packed(self) -> None:
        """Write `<prefix>_packed(scratch, words, in, out)` and its form for a range of columns."""
        rows = self._packed_rows()
        kernel = Kernel(self.unit.module, f"{self.unit.prefix}_packed", [POINTER, I64, POINTER, POINTER],
                        internal=False)
        scratch, words, source, target = kernel.arguments
        kernel.builder.call(rows, [scratch, words, words, source, target])
        kernel.finish()

    def _packed_rows(self) -> ir.Function:
        """Write `<prefix>_packed_rows`: gates read and write the caller's rows, or go through copies of them.

        Copies are for part of a vector, and for a few rows that lie so far apart that they do not fit the first cache.
        """
        kernel = Kernel(self.unit.module, f"{self.unit.prefix}_packed_rows", list(PACKED), internal=False)
        scratch, words, pitch, source, target = kernel.arguments
        b, block = kernel.builder, index(self.lanes * self.tiles)
        stride = b.mul(pitch, index(8))
        direct = b.mul(b.sdiv(words, index(self.lanes)), index(self.lanes))
        if self.netlist.inputs <= MANY:
            crowded = b.icmp_signed("==", b.and_(stride, index(CROWDED - 1)), index(0))
            direct = b.select(crowded, index(0), direct)
        self._point(kernel, scratch, source, target, stride)
        with self._blocks(kernel, index(0), direct, block) as (done, count):
            self._evaluate(kernel, scratch, count, b.mul(done, index(8)))
        inputs, outputs = kernel.at(scratch, self.in_rows), kernel.at(scratch, self.out_rows)
        width = b.mul(block, index(8))
        self._point(kernel, scratch, inputs, outputs, width)
        with self._blocks(kernel, direct, words, block) as (done, count):
            at = b.mul(done, index(8))
            self._copy(kernel, inputs, width, kernel.at(source, at), stride, self.netlist.inputs, count)
            self._evaluate(kernel, scratch, count, index(0))
            self._copy(kernel, kernel.at(target, at), stride, outputs, width, len(self.netlist.outputs), count)
        return kernel.finish()

    def _point(self, kernel: Kernel, scratch: Any, inputs: Any, outputs: Any, stride: Any) -> None:
        self.point(kernel, kernel.at(scratch, self.outer_pointers), inputs, outputs, stride)

    def _evaluate(self, kernel: Kernel, scratch: Any, words: Any, offset: Any) -> None:
        """Evaluate the tiles that hold some words of the rows last pointed to."""
        b = kernel.builder
        tiles = b.sdiv(b.add(words, index(self.lanes - 1)), index(self.lanes))
        self.evaluate(kernel, scratch, tiles, kernel.at(scratch, self.outer_pointers), offset)

    @contextmanager
    def _blocks(self, kernel: Kernel, start: Any, stop: Any, block: Any) -> Generator[tuple[Any, Any]]:
        """Loop over blocks of words or samples: where each begins, and how many it has."""
        b = kernel.builder
        with kernel.loop(b.sdiv(b.add(b.sub(stop, start), b.sub(block, index(1))), block)) as k:
            done = b.add(start, b.mul(k, block))
            left = b.sub(stop, done)
            yield done, b.select(b.icmp_signed("<", left, block), left, block)

    def _copy(self, kernel: Kernel, target: Any, pitch: Any, source: Any, source_pitch: Any, rows: int,
              words: Any) -> None:
        """Copy some words of each row."""
        b = kernel.builder
        if rows:
            with kernel.loop(rows) as row, kernel.loop(words) as w:
                word = kernel.load(kernel.at(kernel.at(source, b.mul(row, source_pitch)), w, I64), I64)
                b.store(word, kernel.at(kernel.at(target, b.mul(row, pitch)), w, I64))
