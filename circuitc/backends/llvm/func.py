"""A func as native code: the loops over samples and over time around its body.

Each func becomes `run(scratch, batch, steps, inputs, outputs, initial)`: `inputs` and `outputs` are arrays of pointers,
one a port, to compact elements [batch, (steps,) *shape]; `initial` is an array of register records, one a sample, or
null for the initial values. And `step(scratch, registers, batch, inputs, outputs)`: one step of each sample, its
registers replaced. Both answer a status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.ir import Func, Graph, Type

from .ahead import ITEMS, ahead_of
from .batch import blocks_of, over_block
from .body import Body
from .func_blocks import Ports, Swapped, sizes_of
from .invariant import split
from .kernel import Kernel, index, number
from .late import kept_promises, without_results
from .lowering import LOWERINGS
from .memory import I8, I64, POINTER, aligned_up, bytes_of, storage_bits
from .netlist_func import write_netlist_func
from .ports import RUN, STEP, initial_bytes, registers_of
from .unit import Unit, callees, reachable

_OF_BLOCKS = ("items", "block", "early_block")


def write_func(unit: Unit, func: Func) -> None:
    """Write a func, after all that it calls: its body, `run`, and for the entry `step`."""
    if isinstance(func.body, Graph):
        _GraphFunc(unit, func, func.body).write()
    else:
        write_netlist_func(unit, func, func.body)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a body as a function: whether it can fail, and the working memory it takes."""

    function: Any
    fails: bool
    scratch: int


class _GraphFunc:
    """The writing of one func with a graph body.

    Working memory: that of the parts, then what is computed once a call, the block of what is computed ahead (one
    value after the other, ITEMS of each), the registers of the sample at work, and the next ones.
    """

    def __init__(self, unit: Unit, func: Func, graph: Graph) -> None:
        self.unit, self.func = unit, func
        self.nested = max([unit.scratch[name] for name in callees(func)], default=0)
        self.layout = registers_of(func)
        self.start = unit.data(np.frombuffer(initial_bytes(func), np.uint8)) if func.registers else None
        once = split(func, graph)
        ahead = ahead_of(func, once.body)
        self.held, self.read = once.reads, ahead.reads
        self.once = None if once.before is None else self._part(once.before, "once")
        self.item = None if ahead.before is None else self._part(ahead.before, "item")
        self.items = None if ahead.before is None else self._part(over_block(ahead.before, ITEMS), "items")
        self.body = self._part(ahead.body, "body")
        early = without_results(func, ahead.body)
        self.early_body = None if early is None else self._part(early, "early_body")
        sizes = sizes_of(func, once) if func.name == unit.program.entry.name else ()
        wide = blocks_of(graph, sizes) if sizes else {}
        self.blocks = {n: self._part(g, "block") for n, g in wide.items()}
        early = without_results(func, graph) if wide else None
        self.early_blocks = {} if early is None else {n: self._part(over_block(early, n), "early_block") for n in wide}
        parts = [self.body, *filter(None, (self.once, self.item, self.items, self.early_body)), *self.blocks.values(),
                 *self.early_blocks.values()]
        self.top = aligned_up(max(p.scratch for p in parts))
        self.kept = [self._room(bytes_of(t)) for t in once.kept]
        self.early = [(self._room(ITEMS * bytes_of(t)), bytes_of(t)) for t in ahead.kept]
        self.current, self.following = self._room(self.layout.size), self._room(self.layout.size)
        self.block_registers = {n: Swapped(func, n, self._room) for n in self.blocks}
        unit.scratch[func.name] = self.top

    def _part(self, graph: Graph, name: str) -> _Part:
        """Write a part. Ranges prove promises of one sample's values; a block's would take as many times as long."""
        proved = frozenset[int]() if name in _OF_BLOCKS else kept_promises(graph)
        body = Body(self.unit, self.func, graph, self.nested, name=name, proved=proved)
        function = body.write(LOWERINGS)
        return _Part(function, body.kernel.fails, body.scratch_bytes)

    def _room(self, size: int) -> int:
        """Take working memory behind what is taken already."""
        place, self.top = self.top, self.top + aligned_up(size)
        return place

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
        ports = Ports(kernel, self.func, steps, inputs, outputs)
        first = self._whole_blocks(kernel, scratch, ports, batch, initial)
        with kernel.loop(kernel.builder.sub(batch, first)) as k:
            sample = kernel.builder.add(first, k)
            self._start(kernel, scratch, sample, initial)
            self._call_once(kernel, scratch, ports, sample)
            if self.items is not None:
                self._blocks_of_steps(kernel, scratch, ports, sample, steps)
            else:
                self._steps_one_by_one(kernel, scratch, ports, sample, steps)
        return kernel.finish()

    def _whole_blocks(self, kernel: Kernel, scratch: Any, ports: Ports, batch: Any, initial: Any) -> Any:
        """Run blocks of samples while they fit, and answer the first sample that is left.

        What does not fill the smallest block is run with samples before it, once more: the answer is the same.
        """
        b, first = kernel.builder, index(0)
        for size in self.blocks:
            count = b.sdiv(b.sub(batch, first), index(size))
            with kernel.loop(count) as k:
                self._block(kernel, scratch, ports, size, b.add(first, b.mul(k, index(size))), initial)
            first = b.add(first, b.mul(count, index(size)))
        if self.blocks:
            least = min(self.blocks)
            overlaps = b.and_(b.icmp_signed(">=", batch, index(least)), b.icmp_signed("<", first, batch))
            with b.if_then(overlaps):
                self._block(kernel, scratch, ports, least, b.sub(batch, index(least)), initial)
            first = b.select(overlaps, batch, first)
        return first

    def _block(self, kernel: Kernel, scratch: Any, ports: Ports, size: int, sample: Any, initial: Any) -> None:
        part, registers = self.blocks[size], self.block_registers[size]
        if self.func.schedule.kind == "once":
            self._call(kernel, part, [
                scratch, *(ports.input(k, sample, index(0)) for k in range(len(self.func.inputs))),
                *(ports.output(k, sample, index(0)) for k in range(len(self.func.outputs)))])
            return
        registers.start(kernel, scratch, sample, initial, self.start)
        with kernel.loop(ports.steps) as step:
            items = registers.items(kernel, scratch, ports, sample, step)
            results = registers.results(kernel, scratch, ports, sample)
            now, following = registers.sides(kernel, scratch, step)
            self._call_step(kernel, ports, step, part, self.early_blocks.get(size), [scratch, *items, *now], results,
                            following)
            registers.leave(kernel, scratch, ports, sample, step)

    def _call_step(self, kernel: Kernel, ports: Ports, step: Any, part: _Part, early: _Part | None, given: list[Any],
                   results: list[Any], following: list[Any]) -> None:
        """Call a part for a step: before the last one that which leaves results of the call out, if there is one."""
        if early is None:
            self._call(kernel, part, [*given, *results, *following])
            return
        b = kernel.builder
        stepped = [r for r, port in zip(results, self.func.outputs, strict=True) if self.func.is_stepped(port)]
        with b.if_else(b.icmp_signed("==", b.add(step, index(1)), ports.steps)) as (last, before):
            with last:
                self._call(kernel, part, [*given, *results, *following])
            with before:
                self._call(kernel, early, [*given, *stepped, *following])

    def _call(self, kernel: Kernel, part: _Part, arguments: Sequence[Any]) -> None:
        """Call a part, and return where a promise was broken."""
        status = kernel.builder.call(part.function, list(arguments))
        if part.fails:
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

    def _steps_one_by_one(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any, steps: Any) -> None:
        b = kernel.builder
        done, taken = kernel.variable(number(8, 0)), kernel.variable(index(0))
        until = self.func.schedule.kind == "until"
        count = 1 if self.func.schedule.kind == "once" else steps
        after = kernel.function.append_basic_block("after") if until else None
        with kernel.loop(count) as step:
            self._step_in_place(kernel, scratch, ports, sample, step, done)
            b.store(b.add(step, index(1)), taken)
            if after is not None:
                ended = b.icmp_unsigned("!=", kernel.load(done, I8), number(8, 0))
                more = kernel.function.append_basic_block("more")
                b.cbranch(ended, after, more)
                b.position_at_end(more)
        if after is not None:
            b.branch(after)
            b.position_at_end(after)
            _finish_until(kernel, ports, sample, steps, done, taken)

    def _blocks_of_steps(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any, steps: Any) -> None:
        """Run all steps, ITEMS at a time ahead; where the last ones are fewer, items before them are computed again."""
        b = kernel.builder
        count = b.udiv(steps, index(ITEMS))
        with kernel.loop(count) as k:
            first = b.mul(k, index(ITEMS))
            self._call_ahead(kernel, scratch, ports, sample, first, self.items, index(0))
            with kernel.loop(ITEMS) as j:
                self._step_in_place(kernel, scratch, ports, sample, b.add(first, j), None, j)
        first = b.mul(count, index(ITEMS))
        rest = b.sub(steps, first)
        skipped, several = b.sub(index(ITEMS), rest), b.icmp_unsigned(">=", steps, index(ITEMS))
        with b.if_then(b.and_(several, b.icmp_unsigned("!=", rest, index(0)))):
            self._call_ahead(kernel, scratch, ports, sample, b.sub(steps, index(ITEMS)), self.items, index(0))
        with kernel.loop(rest) as j:
            step, place = b.add(first, j), b.add(skipped, j)
            with b.if_then(b.not_(several)):
                self._call_ahead(kernel, scratch, ports, sample, step, self.item, place)
            self._step_in_place(kernel, scratch, ports, sample, step, None, place)

    def _step_in_place(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any, step: Any, done: Any,
                       place: Any = None) -> None:
        """Take a step of the sample at work."""
        registers = kernel.at(scratch, self.current)
        self._call_body(kernel, scratch, ports, sample, step, registers, done, place)
        kernel.copy(registers, kernel.at(scratch, self.following), self.layout.size)

    def _call_once(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any) -> None:
        """Compute for a sample what is the same in all its steps."""
        if self.once is not None:
            self._call(kernel, self.once, [scratch, *(ports.input(k, sample, index(0)) for k in self.held),
                                           *(kernel.at(scratch, o) for o in self.kept)])

    def _call_ahead(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any, step: Any, part: _Part | None,
                    place: Any) -> None:
        """Compute what follows from items alone, from a step on, into a place of the block."""
        assert part is not None, "only where something is computed ahead"
        self._call(kernel, part, [scratch, *(ports.input(k, sample, step) for k in self.read),
                                  *self._early(kernel, scratch, place)])

    def _early(self, kernel: Kernel, scratch: Any, place: Any) -> list[Any]:
        return [kernel.at(kernel.at(scratch, offset), kernel.builder.mul(place, index(size)))
                for offset, size in self.early]

    def _call_body(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any, step: Any, registers: Any, done: Any,
                   place: Any) -> None:
        following = kernel.at(scratch, self.following)
        given = [scratch, *(ports.input(k, sample, step) for k in range(len(self.func.inputs))),
                 *(kernel.at(registers, o) for o in self.layout.offsets),
                 *(kernel.at(scratch, o) for o in self.kept), *self._early(kernel, scratch, place)]
        results = [ports.output(k, sample, step) for k in range(len(self.func.outputs))]
        after = [*(kernel.at(following, o) for o in self.layout.offsets),
                 *([done] if self.func.schedule.kind == "until" else [])]
        self._call_step(kernel, ports, step, self.body, self.early_body, given, results, after)

    def _step(self) -> None:
        kernel = Kernel(self.unit.module, f"{self.unit.prefix}_step_body", list(STEP))
        scratch, registers, batch, inputs, outputs = kernel.arguments
        ports = Ports(kernel, self.func, index(1), inputs, outputs)
        size = self.layout.size
        done = kernel.variable(number(8, 0))
        with kernel.loop(batch) as sample:
            mine = kernel.at(registers, kernel.builder.mul(sample, index(size)))
            self._call_once(kernel, scratch, ports, sample)
            if self.item is not None:
                self._call_ahead(kernel, scratch, ports, sample, index(0), self.item, index(0))
            self._call_body(kernel, scratch, ports, sample, index(0), mine, done, index(0))
            kernel.copy(mine, kernel.at(scratch, self.following), size)
        self.unit.runs["step of " + self.func.name] = kernel.finish()


def _finish_until(kernel: Kernel, ports: Ports, sample: Any, steps: Any, done: Any, taken: Any) -> None:
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
