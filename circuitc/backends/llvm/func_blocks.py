"""Blocks of samples in step: where a block's registers lie, and how its items and results come and go.

In a call the items of a sample lie together; a block's step wants those of all samples together. So each step copies
its items into working memory, and step results out of it. Results of a call are written in place, each step again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from circuitc.ir import Func, Port

from .batch import BLOCKS, IN_STEP
from .invariant import Split
from .kernel import Kernel, index
from .memory import I1, POINTER, bytes_of
from .ports import registers_of


class Ports:
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


def sizes_of(func: Func, once: Split) -> tuple[int, ...]:
    """Give the sizes of blocks of a func's samples; none where they take steps of their own, or compute one first."""
    if func.schedule.kind == "once":
        return BLOCKS
    return IN_STEP if func.registers and func.schedule.kind != "until" and once.before is None else ()


class Swapped:
    """A block of `count` samples at work: its registers twice, [count, *shape] each, which change places each step."""

    def __init__(self, func: Func, count: int, room: Callable[[int], int]) -> None:
        self.func, self.count, self.layout = func, count, registers_of(func)
        self._sides = [(room(count * bytes_of(r.type)), room(count * bytes_of(r.type))) for r in func.registers]
        self._inputs, self._outputs = ({k: room(count * bytes_of(p.type)) for k, p in enumerate(ports)
                                        if func.is_stepped(p)} for ports in (func.inputs, func.outputs))

    def start(self, kernel: Kernel, scratch: Any, sample: Any, initial: Any, own: Any) -> None:
        """Set the registers to the given values, or to the program's own."""
        b, size = kernel.builder, self.layout.size
        if not size:
            return
        given = b.icmp_unsigned("!=", initial, POINTER(None))
        with kernel.loop(self.count) as k:
            source = b.select(given, kernel.at(initial, b.mul(b.add(sample, k), index(size))), own)
            for register, offset, (side, _) in zip(self.func.registers, self.layout.offsets, self._sides, strict=True):
                bytes_ = bytes_of(register.type)
                kernel.copy(kernel.at(kernel.at(scratch, side), b.mul(k, index(bytes_))), kernel.at(source, offset),
                            bytes_)

    def sides(self, kernel: Kernel, scratch: Any, step: Any) -> tuple[list[Any], list[Any]]:
        """Give the registers of a step, and the places of the next ones."""
        b = kernel.builder
        odd = b.trunc(step, I1)
        pairs = [tuple(kernel.at(scratch, place) for place in places) for places in self._sides]
        return ([b.select(odd, second, first) for first, second in pairs],
                [b.select(odd, first, second) for first, second in pairs])

    def items(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any, step: Any) -> list[Any]:
        """Bring the items of a step together, and say where each input lies."""
        found: list[Any] = []
        for k, port in enumerate(self.func.inputs):
            if k not in self._inputs:
                found.append(ports.input(k, sample, index(0)))
                continue
            found.append(kernel.at(scratch, self._inputs[k]))
            with kernel.loop(self.count) as s:
                one = kernel.at(found[-1], kernel.builder.mul(s, index(bytes_of(port.type))))
                kernel.copy(one, ports.input(k, kernel.builder.add(sample, s), step), bytes_of(port.type))
        return found

    def results(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any) -> list[Any]:
        """Say where a step leaves its results."""
        return [kernel.at(scratch, self._outputs[k]) if k in self._outputs else ports.output(k, sample, index(0))
                for k in range(len(self.func.outputs))]

    def leave(self, kernel: Kernel, scratch: Any, ports: Ports, sample: Any, step: Any) -> None:
        """Bring the step results of all samples to where they belong."""
        for k, place in self._outputs.items():
            size = bytes_of(self.func.outputs[k].type)
            with kernel.loop(self.count) as s:
                one = kernel.at(kernel.at(scratch, place), kernel.builder.mul(s, index(size)))
                kernel.copy(ports.output(k, kernel.builder.add(sample, s), step), one, size)
