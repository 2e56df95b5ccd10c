"""Steps of a netlist over one block of samples: ports packed and unpacked, registers kept as rows of words."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
import numpy as np

from circuitc.ir import BIT, Func, Netlist, Port, Type

from .kernel import Kernel, index, number
from .memory import I64, POINTER, aligned_up, bytes_of, storage_bits
from .packing import packer, unpacker, working_bytes
from .ports import initial_bytes, registers_of
from .unit import Unit


class Rows:
    """One func's working memory (tiles; rows of inputs, outputs and held outputs; pointers to rows; small things).

    Samples are packed into the rows here, where `run` and `step` evaluate one tile at a time; `packed` evaluates the
    caller's rows, several tiles at a time.
    """

    def __init__(self, unit: Unit, func: Func, netlist: Netlist, evaluator: ir.Function, tile: int, tiles: int) -> None:
        self.unit, self.func, self.netlist = unit, func, netlist
        self.lanes = unit.target.lanes
        self.layout = registers_of(func)
        self.block_function = evaluator
        self.start = unit.data(np.frombuffer(initial_bytes(func), np.uint8)) if func.registers else None
        row = 8 * self.lanes
        self.tiles = tiles
        self.in_rows = aligned_up(tiles * tile)
        self.out_rows = self.in_rows + aligned_up(tiles * netlist.inputs * row)
        self.inner_pointers = self.out_rows + aligned_up(tiles * len(netlist.outputs) * row)
        self.outer_pointers = self.inner_pointers + aligned_up(8 * (netlist.inputs + len(netlist.outputs)))
        self.held_rows = self.outer_pointers + aligned_up(8 * (netlist.inputs + len(netlist.outputs)))
        self.done_row = self.held_rows + aligned_up(len(netlist.outputs) * row)
        self.taken = self.done_row + aligned_up(row)
        self.working = self.taken + 8 * 64 * self.lanes
        most = max([t.size for t in (*func.body_inputs, *func.body_outputs)], default=1)
        unit.scratch[func.name] = self.working + aligned_up(working_bytes(most))
        self.inputs_bits = sum(p.type.bits for p in func.inputs)
        self.outputs_bits = sum(p.type.bits for p in func.outputs)
        self.register_bits = sum(r.type.bits for r in func.registers)

    def row(self, scratch: Any, kernel: Kernel, base: int, bit: int) -> Any:
        return kernel.at(scratch, base + bit * 8 * self.lanes)

    def point(self, kernel: Kernel, pointers: Any, inputs: Any, outputs: Any, stride: Any) -> None:
        """Write down where the rows of inputs and outputs lie."""
        b, first = kernel.builder, self.netlist.inputs
        for start, count, base in ((0, first, inputs), (first, len(self.netlist.outputs), outputs)):
            if count:
                with kernel.loop(count) as k:
                    place = kernel.at(kernel.at(pointers, start, POINTER), k, POINTER)
                    b.store(kernel.at(base, b.mul(k, stride)), place)

    def point_inside(self, kernel: Kernel, scratch: Any) -> None:
        """Write down where our own rows lie."""
        self.point(kernel, kernel.at(scratch, self.inner_pointers), kernel.at(scratch, self.in_rows),
                   kernel.at(scratch, self.out_rows), index(8 * self.lanes))

    def evaluate(self, kernel: Kernel, scratch: Any, tiles: Any = None, pointers: Any = None,
                 offset: Any = None) -> None:
        """Evaluate some tiles of the rows pointed to, by default the one in our own rows."""
        kernel.builder.call(self.block_function, [
            scratch, tiles or index(1), pointers or kernel.at(scratch, self.inner_pointers), offset or index(0)])

    def pack(self, kernel: Kernel, scratch: Any, t: Type, source: Any, stride: Any, count: Any, bit: int) -> None:
        kernel.builder.call(packer(self.unit, t), [source, stride, index(t.size), count, self.row(
            scratch, kernel, self.in_rows, bit), kernel.at(scratch, self.working)])

    def unpack(self, kernel: Kernel, scratch: Any, t: Type, place: Any, stride: Any, count: Any, row: Any) -> None:
        kernel.builder.call(unpacker(self.unit, t), [place, stride, index(t.size), count, row,
                                                     kernel.at(scratch, self.working)])


class Block:
    """The code for one block of samples: `count` samples from sample `base` on."""

    def __init__(self, owner: Rows, kernel: Kernel, scratch: Any, steps: Any, inputs: Any, outputs: Any,
                 base: Any, count: Any) -> None:
        self.owner, self.kernel, self.scratch, self.count_steps = owner, kernel, scratch, steps
        self.inputs, self.outputs, self.base, self.count = inputs, outputs, base, count
        self.func = owner.func

    def _samples(self, pointers: Any, k: int, port: Port, step: Any) -> tuple[Any, Any]:
        """Give where a port's samples of this block start, and how far apart they are in bytes."""
        kernel, b = self.kernel, self.kernel.builder
        array = kernel.load(kernel.at(pointers, k, POINTER), POINTER)
        size = index(bytes_of(port.type))
        if not self.func.is_stepped(port):
            return kernel.at(array, b.mul(self.base, size)), size
        stride = b.mul(self.count_steps, size)
        return kernel.at(array, b.add(b.mul(self.base, stride), b.mul(step, size))), stride

    def load_inputs(self, step: Any, *, rate: str) -> None:
        """Pack the input ports of one rate."""
        bit = 0
        for k, port in enumerate(self.func.inputs):
            if port.rate == rate or (rate == "call" and not self.func.is_stepped(port)):
                place, stride = self._samples(self.inputs, k, port, step)
                self.owner.pack(self.kernel, self.scratch, port.type, place, stride, self.count, bit)
            bit += port.type.bits

    def load_registers(self, initial: Any) -> None:
        """Pack the given initial records of this block, or the initial values for all samples."""
        owner, kernel = self.owner, self.kernel
        if owner.start is None:
            return
        b, size = kernel.builder, index(owner.layout.size)
        given = b.icmp_unsigned("!=", initial, POINTER(None))
        records = b.select(given, kernel.at(initial, b.mul(self.base, size)), owner.start)
        self.load_records(records, b.select(given, size, index(0)))

    def load_records(self, records: Any, stride: Any) -> None:
        """Pack register records that lie a stride apart."""
        bit = self.owner.inputs_bits
        for register, offset in zip(self.func.registers, self.owner.layout.offsets, strict=True):
            place = self.kernel.at(records, offset)
            self.owner.pack(self.kernel, self.scratch, register.type, place, stride, self.count, bit)
            bit += register.type.bits

    def store_records(self, records: Any) -> None:
        """Unpack the next registers into records."""
        owner = self.owner
        bit = owner.outputs_bits
        for register, offset in zip(self.func.registers, owner.layout.offsets, strict=True):
            row = owner.row(self.scratch, self.kernel, owner.out_rows, bit)
            owner.unpack(self.kernel, self.scratch, register.type, self.kernel.at(records, offset),
                          index(owner.layout.size), self.count, row)
            bit += register.type.bits

    def store_outputs(self, step: Any, rows: int, rates: tuple[str, ...]) -> None:
        """Unpack the output ports of these rates (`step` ports have an axis of steps only where the func steps)."""
        bit = 0
        for k, port in enumerate(self.func.outputs):
            if ("step" if self.func.is_stepped(port) else "call") in rates or len(rates) == 2:
                place, stride = self._samples(self.outputs, k, port, step)
                row = self.owner.row(self.scratch, self.kernel, rows, bit)
                self.owner.unpack(self.kernel, self.scratch, port.type, place, stride, self.count, row)
            bit += port.type.bits

    def steps(self) -> None:
        """Take all steps, and answer the outputs."""
        owner, kernel, b = self.owner, self.kernel, self.kernel.builder
        if self.func.schedule.kind == "until":
            _Until(self).write()
            return
        with kernel.loop(1 if self.func.schedule.kind == "once" else self.count_steps) as step:
            if self.func.schedule.kind != "once":
                self.load_inputs(step, rate="step")
            owner.evaluate(kernel, self.scratch)
            self.store_outputs(step, owner.out_rows, ("step",))
            self._move_registers()
        self.store_outputs(b.add(index(0), index(0)), owner.out_rows, ("call",))

    def _move_registers(self) -> None:
        owner = self.owner
        size = owner.register_bits * 8 * owner.lanes
        self.kernel.copy(owner.row(self.scratch, self.kernel, owner.in_rows, owner.inputs_bits),
                         owner.row(self.scratch, self.kernel, owner.out_rows, owner.outputs_bits), size)


class _Until:
    """The steps of `until`: each sample stops on its own, and its outputs and registers are held from then on."""

    def __init__(self, block: Block) -> None:
        self.block, self.owner, self.kernel = block, block.owner, block.kernel
        self.scratch, self.lanes = block.scratch, block.owner.lanes
        self.done = self.kernel.at(self.scratch, self.owner.done_row)
        self.taken = self.kernel.at(self.scratch, self.owner.taken)

    def write(self) -> None:
        block, owner, kernel, b = self.block, self.owner, self.kernel, self.kernel.builder
        self._begin()
        after = kernel.function.append_basic_block("after")
        reached = kernel.variable(index(0))
        b.store(index(0), reached)
        with kernel.loop(block.count_steps) as step:
            block.load_inputs(step, rate="step")
            owner.evaluate(kernel, self.scratch)
            self._hold(owner.held_rows, owner.out_rows, 0, 0, owner.outputs_bits)
            self._hold(owner.in_rows, owner.out_rows, owner.inputs_bits, owner.outputs_bits, owner.register_bits)
            self._count()
            block.store_outputs(step, owner.held_rows, ("step",))
            b.store(b.add(step, index(1)), reached)
            more = kernel.function.append_basic_block("more")
            b.cbranch(self._mark(), after, more)
            b.position_at_end(more)
        b.branch(after)
        b.position_at_end(after)
        self._finish(kernel.load(reached, I64))

    def _begin(self) -> None:
        """No sample is done, but for those past the last; nothing is taken."""
        kernel, b = self.kernel, self.kernel.builder
        with kernel.loop(self.lanes) as w:
            left = b.sub(self.block.count, b.mul(w, index(64)))
            beyond = b.shl(number(64, -1), b.select(b.icmp_signed(">", left, index(0)), left, index(0)))
            beyond = b.select(b.icmp_signed(">=", left, index(64)), index(0), beyond)
            b.store(beyond, kernel.at(self.done, w, I64))
        with kernel.loop(64 * self.lanes) as s:
            b.store(index(0), kernel.at(self.taken, s, I64))

    def _hold(self, old_rows: int, new_rows: int, old_bit: int, new_bit: int, count: int) -> None:
        """Replace old rows by new ones in the samples that are not done."""
        if not count:
            return
        kernel, b, owner = self.kernel, self.kernel.builder, self.owner
        old_start = owner.row(self.scratch, kernel, old_rows, old_bit)
        new_start = owner.row(self.scratch, kernel, new_rows, new_bit)
        with kernel.loop(count) as row, kernel.loop(self.lanes) as w:
            at = b.add(b.mul(row, index(self.lanes)), w)
            done = kernel.load(kernel.at(self.done, w, I64), I64)
            old, new = kernel.load(kernel.at(old_start, at, I64), I64), kernel.load(kernel.at(new_start, at, I64), I64)
            b.store(b.xor(new, b.and_(done, b.xor(new, old))), kernel.at(old_start, at, I64))

    def _count(self) -> None:
        kernel, b = self.kernel, self.kernel.builder
        with kernel.loop(self.lanes) as w:
            running = b.not_(kernel.load(kernel.at(self.done, w, I64), I64))
            with kernel.loop(64) as s:
                place = kernel.at(self.taken, b.add(b.mul(w, index(64)), s), I64)
                bit = b.and_(b.lshr(running, s), index(1))
                b.store(b.add(kernel.load(place, I64), bit), place)

    def _mark(self) -> Any:
        """Mark the samples that are done now; i1: are all?"""
        kernel, b, owner = self.kernel, self.kernel.builder, self.owner
        row = owner.row(self.scratch, kernel, owner.out_rows, owner.outputs_bits + owner.register_bits)
        everyone = kernel.variable(index(-1))
        b.store(index(-1), everyone)
        with kernel.loop(self.lanes) as w:
            place = kernel.at(self.done, w, I64)
            done = b.or_(kernel.load(place, I64), kernel.load(kernel.at(row, w, I64), I64))
            b.store(done, place)
            b.store(b.and_(kernel.load(everyone, I64), done), everyone)
        return b.icmp_unsigned("==", kernel.load(everyone, I64), index(-1))

    def _finish(self, reached: Any) -> None:
        """Pad step outputs, and answer call outputs, `converged` and `steps`."""
        block, owner, kernel, b = self.block, self.owner, self.kernel, self.kernel.builder
        func = owner.func
        with kernel.loop(b.sub(block.count_steps, reached)) as more:
            block.store_outputs(b.add(reached, more), owner.held_rows, ("step",))
        block.store_outputs(index(0), owner.held_rows, ("call",))
        ports = len(func.outputs)
        converged = kernel.load(kernel.at(block.outputs, ports, POINTER), POINTER)
        owner.unpack(kernel, self.scratch, BIT, kernel.at(converged, block.base), index(1), block.count, self.done)
        bits = storage_bits(func.results[-1].type)
        steps = kernel.load(kernel.at(block.outputs, ports + 1, POINTER), POINTER)
        with kernel.loop(block.count) as s:
            taken = kernel.load(kernel.at(self.taken, s, I64), I64)
            kind = ir.IntType(bits)
            b.store(kernel.resize(taken, False, bits), kernel.at(steps, b.add(block.base, s), kind))

