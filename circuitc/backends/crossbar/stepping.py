"""A combinational func as steps that read each tile once: one array of each is enough.

A register counts steps. What happens in a step is looked up by its number: which row of bits is read, whether it begins
a sum, and which row of answers it completes. Answers are complete when a region's steps are over. Regions that need
each other's answers are read one after the other, as are several calls of one region; others at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from circuitc.ir import BIT, Builder, Constant, Func, Graph, Node, Register, Schedule, Type, Value, index_type
from circuitc.passes.widen import copy_widened

from .reading import Reading
from .tile_func import constant


def stepped(func: Func, readings: Mapping[str, Reading]) -> Func:
    """Give a combinational func whose body calls regions as `iterate`, with their tiles read in its steps."""
    assert isinstance(func.body, Graph), "gates call no regions"
    return _Stepping(func, func.body, readings).func()


@dataclass(frozen=True, slots=True)
class _Kept:
    """The registers of a region, by their places: the sums being gathered, if any, and each call's rows of answers."""

    sums: int | None
    rows: Mapping[Value, int]


class _Stepping:
    """The stepped func while it is built."""

    def __init__(self, func: Func, graph: Graph, readings: Mapping[str, Reading]) -> None:
        self.entry, self.graph = func, graph
        self.reading = {v: readings[graph.nodes[v].attributes["func"]] for v in sorted(graph.live)
                        if graph.nodes[v].op == "call" and graph.nodes[v].attributes["func"] in readings}
        self.calls: dict[str, list[Value]] = {}   # of each region
        for value in self.reading:
            self.calls.setdefault(graph.nodes[value].attributes["func"], []).append(value)
        self.starts = self._starts()
        self.steps = 1 + max(self.starts[v] + r.reads for v, r in self.reading.items())
        self.count = index_type(self.steps)
        self.b = Builder()
        self.registers: list[Register] = []
        self.values: list[Value] = []      # of the registers, in this step
        self.following: list[Value] = []   # and in the next one

    def _starts(self) -> dict[Value, int]:
        """Give the step in which each call's first read is."""
        ready: list[int] = []
        free: dict[str, int] = {}
        starts: dict[Value, int] = {}
        for value, node in enumerate(self.graph.nodes):
            ready.append(max((ready[v] for v in node.operands), default=0))
            if value in self.reading:
                region = node.attributes["func"]
                starts[value] = max(ready[value], free.get(region, 0))
                ready[value] = free[region] = starts[value] + self.reading[value].reads
        return starts

    def func(self) -> Func:
        """Give the func: ports as they were, registers, and the body of one step."""
        b, graph = self.b, self.graph
        new = {k: b.input(n.name, n.type, n.span) for k, n in enumerate(graph.nodes[:graph.inputs])}
        step = self.values[self._register("step", self.count)]
        kept = {region: self._registers(region) for region in self.calls}
        one = b.apply("add", step, b.number(BIT, 1))
        self.following[0] = b.apply("requantize", one, type=self.count, rounding="floor", overflow="wrap")
        for value in range(graph.inputs, len(graph.nodes)):
            node = graph.nodes[value]
            if value in self.reading:
                held = self.values[kept[node.attributes["func"]].rows[value]]
                new[value] = self.reading[value].result(b, held, node.type)
            elif value in graph.live:
                new[value] = self._copied(node, [new[v] for v in node.operands])
        for region in self.calls:
            self._read(region, new, step, kept[region])
        outputs = [*(new[v] for v in graph.outputs), *self.following]
        return replace(self.entry, body=b.finish(outputs), registers=tuple(self.registers),
                       schedule=Schedule("iterate", self.steps))

    def _register(self, name: str, t: Type) -> int:
        """Make a register that keeps its value, and give its place."""
        value = self.b.input(name, t)
        initial = Constant(t, np.full(t.shape, -1 if t.is_spin else 0, dtype=np.int64))
        self.registers.append(Register(self.b.nodes[value].name, t, initial))
        self.values.append(value)
        self.following.append(value)
        return len(self.values) - 1

    def _registers(self, region: str) -> _Kept:
        """Make the registers of a region."""
        first = self.calls[region][0]
        reading, node = self.reading[first], self.graph.nodes[first]
        gathers = bool(reading.summed) and reading.planes > 1
        sums = self._register(f"{node.name}_sums", reading.accumulator()) if gathers else None
        scalar = BIT if reading.region.thresholds is not None else node.type.scalar
        rows = scalar.with_shape((reading.region.times, reading.region.outputs))
        return _Kept(sums, {v: self._register(f"{self.graph.nodes[v].name}_rows", rows) for v in self.calls[region]})

    def _read(self, region: str, new: Mapping[Value, Value], step: Value, kept: _Kept) -> None:
        """Read a region's tiles once in this step, for the call whose turn it is, and keep what they say."""
        b, calls = self.b, self.calls[region]
        reading, node = self.reading[calls[0]], self.graph.nodes[calls[0]]
        rows = [reading.rows(b, new[self.graph.nodes[v].operands[0]]) for v in calls]
        row = b.apply("concat", *rows, axis=0) if len(rows) > 1 else rows[0]
        bits = b.apply("gather", row, self._looked_up(*self._rows_and_begins(region)[0], step), axis=0)
        sums, decisions = reading.read(b, bits)
        if kept.sums is not None and sums is not None:
            begins = self._looked_up(*self._rows_and_begins(region)[1], step)
            begins = b.apply("broadcast", begins, shape=b.type(sums).shape, axes=())
            before = self.values[kept.sums]
            sums = b.apply("select", begins, reading.begun(b, sums), reading.gathered(b, before, sums))
            self.following[kept.sums] = sums
        answers = reading.answers(b, sums, decisions, node.type)
        for value, place in kept.rows.items():
            completed = self._looked_up(*self._completes(value), step)
            self.following[place] = b.apply("update", self.values[place], completed, answers)

    def _since(self, value: Value) -> tuple[np.ndarray, np.ndarray]:
        """Give, for each step number, how many reads a call has had before, and whether it has one in that step."""
        since = np.arange(1 << self.count.width) - self.starts[value]
        active = (since >= 0) & (since < self.reading[value].reads)
        return np.where(active, since, 0), active

    def _rows_and_begins(self, region: str) -> tuple[tuple[np.ndarray, Type], tuple[np.ndarray, Type]]:
        """Give, for each step number, the row of bits that a region reads, and whether it is a sum's first."""
        calls = self.calls[region]
        reading = self.reading[calls[0]]
        row = np.zeros(1 << self.count.width, dtype=np.int64)
        for k, value in enumerate(calls):
            read, active = self._since(value)
            row += np.where(active, k * reading.reads + read, 0)
        begins = (row % reading.planes == 0).astype(np.int64)
        return (row, index_type(len(calls) * reading.reads)), (begins, BIT)

    def _completes(self, value: Value) -> tuple[np.ndarray, Type]:
        """Give, for each step number, the row of answers that a call completes; the number of rows where none is."""
        reading = self.reading[value]
        read, active = self._since(value)
        ends = active & (read % reading.planes == reading.planes - 1)
        times = reading.region.times
        return np.where(ends, read // reading.planes, times), index_type(times + 1)

    def _looked_up(self, entries: np.ndarray, t: Type, step: Value) -> Value:
        return self.b.apply("table", step, constant(self.b, entries.astype(np.int64), t))

    def _copied(self, node: Node, operands: list[Value]) -> Value:
        """Copy a node that may see rows which are not complete yet: promises hold of complete ones only."""
        if node.attributes.get("overflow") == "never":
            node = replace(node, attributes={**node.attributes, "overflow": "wrap"})
        return copy_widened(self.b, node, operands)
