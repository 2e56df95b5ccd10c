"""A func as native code: the loops over samples and over time around its body.

Each func becomes `run(scratch, batch, steps, inputs, outputs, initial)`: `inputs` and `outputs` are arrays of pointers,
one a port, to compact elements [batch, (steps,) *shape]; `initial` is an array of register records, one a sample, or
null for the initial values. And `step(scratch, registers, batch, inputs, outputs)`: one step of each sample, its
registers replaced. Both answer a status.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from circuitc.ir import Func, Graph, Port, Type

from .batch import blocks_of
from .body import Body
from .invariant import split
from .kernel import Kernel, index, number
from .lowering import LOWERINGS
from .memory import I8, I64, POINTER, aligned_up, bytes_of, storage_bits
from .netlist_func import write_netlist_func
from .ports import RUN, STEP, initial_bytes, registers_of
from .unit import Unit, callees, reachable


def write_func(unit: Unit, func: Func) -> None:
    """Write a func, after all that it calls: its body, `run`, and for the entry `step`."""
    if isinstance(func.body, Graph):
        _GraphFunc(unit, func, func.body).write()
    else:
        write_netlist_func(unit, func, func.body)


class _GraphFunc:
    """The writing of one func with a graph body."""

    def __init__(self, unit: Unit, func: Func, graph: Graph) -> None:
        self.unit, self.func = unit, func
        nested = max([unit.scratch[name] for name in callees(func)], default=0)
        self.layout = registers_of(func)
        self.start = unit.data(np.frombuffer(initial_bytes(func), np.uint8)) if func.registers else None
        self.parts = split(func, graph)
        before = None if self.parts.before is None else Body(unit, func, self.parts.before, nested, name="once")
        self.before = None if before is None else before.write(LOWERINGS)
        body = Body(unit, func, self.parts.body, nested)
        self.body = body.write(LOWERINGS)
        self.fails = body.kernel.fails
        top = max(body.scratch_bytes, 0 if before is None else before.scratch_bytes)
        self.blocks: dict[int, Any] = {}
        if func.name == unit.program.entry.name:
            for size, wide in blocks_of(func, graph).items():
                block = Body(unit, func, wide, nested)
                self.blocks[size] = block.write(LOWERINGS)
                top = max(top, block.scratch_bytes)
        self.before_fails = before is not None and before.kernel.fails
        top = aligned_up(top)
        self.kept: list[int] = []                         # where the values lie that are computed once a call
        for t in self.parts.kept:
            self.kept.append(top)
            top = aligned_up(top + bytes_of(t))
        self.current = top                                # registers of the sample at work, then the next ones
        self.following = self.current + aligned_up(self.layout.size)
        unit.scratch[func.name] = self.following + aligned_up(self.layout.size)

    @property
    def _is_stand_in(self) -> bool:
        return bool(self.func.target) and self.func.name != self.unit.program.entry.name

    def write(self) -> None:
        self.unit.runs[self.func.name] = self._run()
        if self.func.name == self.unit.program.entry.name:
            self._step()

    def _run(self) -> Any:
        kernel = self.unit.stand_in(self.func.name, list(RUN)) if self._is_stand_in else (
            self.unit.kernel(f"{self.func.name}.run", list(RUN)))
        scratch, batch, steps, inputs, outputs, initial = kernel.arguments
        ports = _Ports(kernel, self.func, steps, inputs, outputs)
        first = self._whole_blocks(kernel, scratch, ports, batch)
        with kernel.loop(kernel.builder.sub(batch, first)) as k:
            sample = kernel.builder.add(first, k)
            self._start(kernel, scratch, sample, initial)
            self._call_before(kernel, scratch, ports, sample)
            done, taken = kernel.variable(number(8, 0)), kernel.slot(I64)
            kernel.builder.store(index(0), taken)
            self._steps(kernel, scratch, ports, sample, steps, done, taken)
            if self.func.schedule.kind == "until":
                _finish_until(kernel, ports, sample, steps, done, taken)
        return kernel.finish()

    def _whole_blocks(self, kernel: Kernel, scratch: Any, ports: _Ports, batch: Any) -> Any:
        """Run blocks of samples while they fit, and answer the first sample that is left.

        What does not fill the smallest block is run with samples before it, once more: the answer is the same.
        """
        b, first = kernel.builder, index(0)
        for size in self.blocks:
            count = b.sdiv(b.sub(batch, first), index(size))
            with kernel.loop(count) as k:
                self._block(kernel, scratch, ports, size, b.add(first, b.mul(k, index(size))))
            first = b.add(first, b.mul(count, index(size)))
        if self.blocks:
            least = min(self.blocks)
            overlaps = b.and_(b.icmp_signed(">=", batch, index(least)), b.icmp_signed("<", first, batch))
            with b.if_then(overlaps):
                self._block(kernel, scratch, ports, least, b.sub(batch, index(least)))
            first = b.select(overlaps, batch, first)
        return first

    def _block(self, kernel: Kernel, scratch: Any, ports: _Ports, size: int, sample: Any) -> None:
        status = kernel.builder.call(self.blocks[size], [
            scratch, *(ports.input(k, sample, index(0)) for k in range(len(self.func.inputs))),
            *(ports.output(k, sample, index(0)) for k in range(len(self.func.outputs)))])
        if self.fails:
            kernel.merge(status)
            kernel.return_if_failed()

    def _start(self, kernel: Kernel, scratch: Any, sample: Any, initial: Any) -> None:
        """Set the registers of a sample to the given or the initial values."""
        size = self.layout.size
        if not size or self.start is None:
            return
        b = kernel.builder
        given = b.icmp_unsigned("!=", initial, POINTER(None))
        source = b.select(given, kernel.at(initial, b.mul(sample, index(size))), self.start)
        kernel.copy(kernel.at(scratch, self.current), source, size)

    def _steps(self, kernel: Kernel, scratch: Any, ports: _Ports, sample: Any, steps: Any, done: Any,
               taken: Any) -> None:
        b = kernel.builder
        until = self.func.schedule.kind == "until"
        count = 1 if self.func.schedule.kind == "once" else steps
        after = kernel.function.append_basic_block("after") if until else None
        with kernel.loop(count) as step:
            registers = kernel.at(scratch, self.current)
            self._call_body(kernel, scratch, ports, sample, step, registers, done)
            kernel.copy(registers, kernel.at(scratch, self.following), self.layout.size)
            b.store(b.add(step, index(1)), taken)
            if after is not None:
                ended = b.icmp_unsigned("!=", kernel.load(done, I8), number(8, 0))
                more = kernel.function.append_basic_block("more")
                b.cbranch(ended, after, more)
                b.position_at_end(more)
        if after is not None:
            b.branch(after)
            b.position_at_end(after)

    def _call_before(self, kernel: Kernel, scratch: Any, ports: _Ports, sample: Any) -> None:
        """Compute for a sample what is the same in all its steps."""
        if self.before is None:
            return
        status = kernel.builder.call(self.before, [
            scratch, *(ports.input(k, sample, index(0)) for k in self.parts.held),
            *(kernel.at(scratch, o) for o in self.kept)])
        if self.before_fails:
            kernel.merge(status)
            kernel.return_if_failed()

    def _call_body(self, kernel: Kernel, scratch: Any, ports: _Ports, sample: Any, step: Any, registers: Any,
                   done: Any) -> None:
        following = kernel.at(scratch, self.following)
        arguments = [scratch, *(ports.input(k, sample, step) for k in range(len(self.func.inputs))),
                     *(kernel.at(registers, o) for o in self.layout.offsets),
                     *(kernel.at(scratch, o) for o in self.kept),
                     *(ports.output(k, sample, step) for k in range(len(self.func.outputs))),
                     *(kernel.at(following, o) for o in self.layout.offsets)]
        status = kernel.builder.call(self.body, [*arguments, *([done] if self.func.schedule.kind == "until" else [])])
        if self.fails:
            kernel.merge(status)
            kernel.return_if_failed()

    def _step(self) -> None:
        kernel = Kernel(self.unit.module, f"{self.unit.prefix}_step_body", list(STEP))
        scratch, registers, batch, inputs, outputs = kernel.arguments
        ports = _Ports(kernel, self.func, index(1), inputs, outputs)
        size = self.layout.size
        done = kernel.variable(number(8, 0))
        with kernel.loop(batch) as sample:
            mine = kernel.at(registers, kernel.builder.mul(sample, index(size)))
            self._call_before(kernel, scratch, ports, sample)
            self._call_body(kernel, scratch, ports, sample, index(0), mine, done)
            kernel.copy(mine, kernel.at(scratch, self.following), size)
        self.unit.runs["step of " + self.func.name] = kernel.finish()


class _Ports:
    """Addresses of port values; the pointers to whole arrays are loaded once, at the entry."""

    def __init__(self, kernel: Kernel, func: Func, steps: Any, inputs: Any, outputs: Any) -> None:
        self.kernel, self.func, self.steps = kernel, func, steps
        self._inputs = [kernel.load(kernel.at(inputs, k, POINTER), POINTER) for k in range(len(func.inputs))]
        self._outputs = [kernel.load(kernel.at(outputs, k, POINTER), POINTER) for k in range(len(func.results))]

    def input(self, k: int, sample: Any, step: Any) -> Any:
        return self._at(self._inputs[k], self.func.inputs[k], sample, step)

    def output(self, k: int, sample: Any, step: Any) -> Any:
        return self._at(self._outputs[k], self.func.results[k], sample, step)

    def _at(self, pointer: Any, port: Port, sample: Any, step: Any) -> Any:
        b = self.kernel.builder
        place = b.add(b.mul(sample, self.steps), step) if self.func.is_stepped(port) else sample
        return self.kernel.at(pointer, b.mul(place, index(bytes_of(port.type))))


def _finish_until(kernel: Kernel, ports: _Ports, sample: Any, steps: Any, done: Any, taken: Any) -> None:
    """Pad step outputs with the last step's, and answer `converged` and `steps`."""
    b, func = kernel.builder, ports.func
    count = kernel.load(taken, I64)
    for k, port in enumerate(func.outputs):
        if func.is_stepped(port):
            last = ports.output(k, sample, b.sub(count, index(1)))
            with kernel.loop(b.sub(steps, count)) as more:
                kernel.copy(ports.output(k, sample, b.add(count, more)), last, bytes_of(port.type))
    ports_of_until = len(func.outputs)
    b.store(kernel.load(done, I8), ports.output(ports_of_until, sample, index(0)))
    steps_type: Type = func.results[-1].type
    stored = kernel.resize(count, False, storage_bits(steps_type))
    b.store(stored, ports.output(ports_of_until + 1, sample, index(0)))


def write_exports(unit: Unit, func: Func) -> None:
    """Write the functions that other programs call: `<prefix>_run`, `<prefix>_step`, `<prefix>_reset`."""
    for name, kinds, inner in (("run", RUN, unit.runs[func.name]), ("step", STEP, unit.runs["step of " + func.name])):
        kernel = Kernel(unit.module, f"{unit.prefix}_{name}", list(kinds), internal=False)
        kernel.merge(kernel.builder.call(inner, kernel.arguments))
        kernel.finish()
    kernel = Kernel(unit.module, f"{unit.prefix}_reset", [POINTER, I64], internal=False)
    size = registers_of(func).size
    if size:
        start = unit.data(np.frombuffer(initial_bytes(func), np.uint8))
        with kernel.loop(kernel.arguments[1]) as sample:
            kernel.copy(kernel.at(kernel.arguments[0], kernel.builder.mul(sample, index(size))), start, size)
    kernel.finish()


def write_program(unit: Unit) -> None:
    """Write the entry func and all that it calls."""
    for func in reachable(unit.program):
        write_func(unit, func)
    write_exports(unit, unit.program.entry)
