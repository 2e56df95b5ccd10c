"""A func with a netlist body: blocks of samples, one bit of 64 samples a word, state packed from step to step."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.ir import Func, Netlist

from .kernel import Kernel, index
from .memory import I64, POINTER
from .netlist_mapped import mapped
from .netlist_program import program_of
from .netlist_steps import Block, Rows
from .netlist_straight import straight
from .netlist_table import table
from .ports import RUN, STEP
from .unit import Unit

STRAIGHT_GATES = 100_000    # straight-line code takes 30 us a gate to make
TILES = 4                   # blocks of patterns that share one fetch of the instructions
TILES_BYTES = 512 << 10     # of all tiles together, so that they stay in the second cache
PACKED = (POINTER, I64, I64, POINTER, POINTER)  # working memory, words, words from row to row, inputs, outputs


def write_netlist_func(unit: Unit, func: Func, netlist: Netlist) -> None:
    """Write a func with a netlist body: `run`, and for the entry `step`, `<prefix>_packed`, `<prefix>_packed_rows`."""
    writer = _NetlistFunc(unit, func, netlist, *_evaluator(unit, func, netlist))
    unit.runs[func.name] = writer.run()
    if func.name == unit.program.entry.name:
        unit.runs["step of " + func.name] = writer.step()
        writer.packed()


def _evaluator(unit: Unit, func: Func, netlist: Netlist) -> tuple[ir.Function, int, int]:
    """Write the function that evaluates (memory, number of tiles); give the rows of a tile, and the most tiles."""
    shape = unit.shape if unit.shape != "auto" else "straight" if netlist.gates <= STRAIGHT_GATES else "table"
    prefix = unit.name(f"{func.name}.net")
    kernel = unit.kernel(f"{func.name}.evaluate", [POINTER, I64])
    if shape == "straight":
        program, origin = mapped(netlist)
        code = straight(program, unit.target, prefix, unit.chunk)
        for function in unit.functions(kernel, code.text, code.names, [POINTER, I64], level=1):
            kernel.builder.call(function, kernel.arguments)
        unit.figures[f"{func.name}: code"] = f"straight, {program.steps} steps, cover: {origin}"
        return kernel.finish(), code.rows, max(1, min(TILES, TILES_BYTES // (code.rows * 8 * unit.target.lanes)))
    data = table(program_of(netlist), unit.target, prefix)
    pointers = [unit.data(a) if a.size else POINTER(None) for a in (data.runs, data.operands, data.results)]
    (function,) = unit.functions(kernel, data.text, [data.name], [POINTER] * 4, level=2)
    kernel.builder.call(function, [kernel.arguments[0], *pointers])
    unit.figures[f"{func.name}: code"] = f"table, {len(data.operands)} steps, {data.rows} rows"
    return kernel.finish(), data.rows, 1


class _NetlistFunc(Rows):
    """The writing of one func with a netlist body."""

    def run(self) -> ir.Function:
        kernel = self.unit.kernel(f"{self.func.name}.run", list(RUN))
        scratch, batch, steps, inputs, outputs, initial = kernel.arguments
        b = kernel.builder
        block = 64 * self.lanes
        blocks = b.sdiv(b.add(batch, index(block - 1)), index(block))
        with kernel.loop(blocks) as which:
            base = b.mul(which, index(block))
            left = b.sub(batch, base)
            count = b.select(b.icmp_signed("<", left, index(block)), left, index(block))
            part = Block(self, kernel, scratch, steps, inputs, outputs, base, count)
            part.load_registers(initial)
            part.load_inputs(index(0), rate="call")
            part.steps()
        return kernel.finish()

    def step(self) -> ir.Function:
        kernel = self.unit.kernel(f"{self.func.name}.step", list(STEP))
        scratch, registers, batch, inputs, outputs = kernel.arguments
        b = kernel.builder
        block = 64 * self.lanes
        blocks = b.sdiv(b.add(batch, index(block - 1)), index(block))
        with kernel.loop(blocks) as which:
            base = b.mul(which, index(block))
            left = b.sub(batch, base)
            count = b.select(b.icmp_signed("<", left, index(block)), left, index(block))
            part = Block(self, kernel, scratch, index(1), inputs, outputs, base, count)
            records = kernel.at(registers, b.mul(base, index(self.layout.size)))
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
        """Write `<prefix>_packed_rows`: rows are copied to the tiles and back, a vector at a time where it is whole."""
        kernel = Kernel(self.unit.module, f"{self.unit.prefix}_packed_rows", list(PACKED), internal=False)
        scratch, words, pitch, source, target = kernel.arguments
        b, lanes, tiles = kernel.builder, self.lanes, self.tiles
        copy = _Copy(kernel, self, scratch, b.mul(pitch, index(8)))
        whole = b.sdiv(words, index(lanes * tiles))
        with kernel.loop(whole) as block:
            at = b.mul(block, index(8 * lanes * tiles))
            copy.rows(kernel.at(source, at), self.in_rows, self.netlist.inputs, inward=True)
            self.evaluate(kernel, scratch, tiles)
            copy.rows(kernel.at(target, at), self.out_rows, len(self.netlist.outputs), inward=False)
        done = b.mul(whole, index(lanes * tiles))
        rest = b.sub(words, done)
        with b.if_then(b.icmp_signed(">", rest, index(0))):
            at = b.mul(done, index(8))
            copy.words(kernel.at(source, at), self.in_rows, self.netlist.inputs, rest, inward=True)
            self.evaluate(kernel, scratch, b.sdiv(b.add(rest, index(lanes - 1)), index(lanes)))
            copy.words(kernel.at(target, at), self.out_rows, len(self.netlist.outputs), rest, inward=False)
        return kernel.finish()


class _Copy:
    """Copies between rows of words that lie a stride apart and the rows of the tiles."""

    def __init__(self, kernel: Kernel, owner: Rows, scratch: Any, stride: Any) -> None:
        self.kernel, self.owner, self.scratch, self.stride = kernel, owner, scratch, stride
        self.vector = ir.VectorType(I64, owner.lanes)

    def rows(self, outside: Any, rows: int, count: int, *, inward: bool) -> None:
        """Copy whole blocks: one vector a row and tile."""
        if not count:
            return
        kernel, b, owner = self.kernel, self.kernel.builder, self.owner
        size = 8 * owner.lanes
        with kernel.loop(count) as row:
            there = kernel.at(outside, b.mul(row, self.stride))
            here = kernel.at(kernel.at(self.scratch, rows), b.mul(row, index(size)))
            for tile in range(owner.tiles):
                source, target = kernel.at(there, tile * size), kernel.at(here, tile * owner.tile)
                if not inward:
                    source, target = target, source
                value = b.load(source, typ=self.vector, align=8)
                b.store(value, target, align=8)

    def words(self, outside: Any, rows: int, count: int, words: Any, *, inward: bool) -> None:
        """Copy a part of a block, word by word."""
        if not count:
            return
        kernel, b, owner = self.kernel, self.kernel.builder, self.owner
        with kernel.loop(count) as row, kernel.loop(words) as w:
            there = kernel.at(kernel.at(outside, b.mul(row, self.stride)), w, I64)
            tile, lane = b.sdiv(w, index(owner.lanes)), b.srem(w, index(owner.lanes))
            here = kernel.at(kernel.at(self.scratch, rows), b.mul(tile, index(owner.tile)))
            here = kernel.at(here, b.add(b.mul(row, index(owner.lanes)), lane), I64)
            source, target = (there, here) if inward else (here, there)
            b.store(kernel.load(source, I64), target)
