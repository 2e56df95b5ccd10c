"""A func with a netlist body: blocks of samples, one bit of 64 samples a word, state packed from step to step."""

from __future__ import annotations

import llvmlite.ir as ir

from circuitc.ir import Func, Netlist

from .kernel import Kernel, index
from .memory import I64, POINTER
from .netlist_cover import cover
from .netlist_program import program_of
from .netlist_steps import Block, Rows
from .netlist_straight import straight
from .netlist_table import table
from .ports import RUN, STEP
from .unit import Unit

STRAIGHT_STEPS = 30_000  # straight-line code takes 15-20 us a step to make
EVALUATE = (POINTER, I64, POINTER, I64, POINTER)  # inputs, stride of rows, outputs, stride, slots


def write_netlist_func(unit: Unit, func: Func, netlist: Netlist) -> None:
    """Write a func with a netlist body: `run`, and for the entry `step` and `<prefix>_packed`."""
    writer = _NetlistFunc(unit, func, netlist, *_evaluator(unit, func, netlist))
    unit.runs[func.name] = writer.run()
    if func.name == unit.program.entry.name:
        unit.runs["step of " + func.name] = writer.step()
        writer.packed()


def _evaluator(unit: Unit, func: Func, netlist: Netlist) -> tuple[ir.Function, int]:
    """Write the function that evaluates one block, and give the bytes of slots that it needs."""
    program = program_of(netlist)
    shape = unit.shape if unit.shape != "auto" else "straight" if program.steps <= STRAIGHT_STEPS else "table"
    if program.steps <= STRAIGHT_STEPS:
        program = cover(program)
    prefix = unit.name(f"{func.name}.net")
    unit.figures[f"{func.name}: code"] = f"{shape}, {program.steps} steps of at most three operands"
    kernel = unit.kernel(f"{func.name}.evaluate", list(EVALUATE))
    if shape == "straight":
        code = straight(program, unit.target, prefix, unit.chunk)
        for function in unit.functions(kernel, code.text, code.names, EVALUATE, level=0):
            kernel.builder.call(function, kernel.arguments)
        return kernel.finish(), code.bytes
    data = table(program, unit.target, prefix)
    pointers = [unit.data(a) if a.size else POINTER(None) for a in (data.runs, data.operands, data.results)]
    (function,) = unit.functions(kernel, data.text, [data.name], (*EVALUATE, *[POINTER] * 3), level=2)
    kernel.builder.call(function, [*kernel.arguments, *pointers])
    return kernel.finish(), data.bytes


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
        """Write `<prefix>_packed(scratch, words, in, out)`: rows of n words; a part of a block goes through copies."""
        kernel = Kernel(self.unit.module, f"{self.unit.prefix}_packed", [POINTER, I64, POINTER, POINTER],
                        internal=False)
        scratch, words, source, target = kernel.arguments
        b, lanes = kernel.builder, self.lanes
        stride = b.mul(words, index(8))
        whole = b.sdiv(words, index(lanes))
        with kernel.loop(whole) as block:
            at = b.mul(block, index(8 * lanes))
            b.call(self.block_function, [kernel.at(source, at), stride, kernel.at(target, at), stride, scratch])
        done = b.mul(whole, index(lanes))
        rest = b.sub(words, done)
        with b.if_then(b.icmp_signed(">", rest, index(0))):
            if self.netlist.inputs:
                with kernel.loop(self.netlist.inputs) as row, kernel.loop(rest) as w:
                    word = kernel.load(kernel.at(source, b.add(b.add(b.mul(row, words), done), w), I64), I64)
                    at = b.add(b.mul(row, index(lanes)), w)
                    b.store(word, kernel.at(kernel.at(scratch, self.in_rows), at, I64))
            self.evaluate(kernel, scratch)
            if len(self.netlist.outputs):
                with kernel.loop(len(self.netlist.outputs)) as row, kernel.loop(rest) as w:
                    at = b.add(b.mul(row, index(lanes)), w)
                    word = kernel.load(kernel.at(kernel.at(scratch, self.out_rows), at, I64), I64)
                    b.store(word, kernel.at(target, b.add(b.add(b.mul(row, words), done), w), I64))
        kernel.finish()
