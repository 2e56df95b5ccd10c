"""The program with its arrays driven: regions become calls of tiles, with all that is digital around them as IR.

Where each tile is read once a step, or the program has registers of its own, a region stays a func and reads its tiles
in a row (`direct`). A combinational program whose tiles are read more often becomes steps (`stepped`): one read of each
tile a step, so that one array is enough, with registers for what is gathered bit by bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    Builder,
    Constant,
    Func,
    Graph,
    Module,
    Node,
    Register,
    Schedule,
    Type,
    Value,
    index_type,
)
from circuitc.passes.widen import copy_widened

from .design import Design
from .reading import Reading
from .tile_func import constant, tile_func

PROGRAM = "periphery.ccir"      # the driven program in a bundle,
NATIVE_PORTS = "native.json"    # and the port map of its native code
MAX_READS = 4096   # of tiles that a func does in a row; each is a call in its body


def driven_program(design: Design) -> Module:
    """Give the program with its tiles as funcs marked `array`; it computes what `design.module` does."""
    stem = "array_tile"
    while any(name.startswith(stem) for name in design.module.funcs):
        stem += "_"
    module = design.module
    readings: dict[str, Reading] = {}
    for mounted in design.regions:
        reading = Reading(mounted, {k: f"{stem}_{mounted.first + k}" for k in range(len(mounted.mapped.tiles))})
        readings[mounted.name] = reading
        for k, fields in reading.fields.items():
            module = module.with_func(tile_func(mounted, k, fields, reading.names[k]))
    if any(r.reads > 1 for r in readings.values()) and _can_step(module, readings):
        return _stepped(module, readings)
    for name, reading in readings.items():
        module = module.with_func(_direct(module.func(name), reading))
    return module


def _can_step(module: Module, readings: dict[str, Reading]) -> bool:
    """Tell whether every region is called by a combinational entry, which may become steps."""
    body = module.entry.body
    if not module.entry.is_combinational or not isinstance(body, Graph):
        return False
    called = {n.attributes["func"] for f in module.funcs.values() if f.name != module.entry.name
              and isinstance(f.body, Graph) for n in f.body.nodes if n.op == "call"}
    return called.isdisjoint(readings)


def _direct(func: Func, reading: Reading) -> Func:
    """Write a region as all of its reads, one after the other."""
    if reading.reads * max(1, len(reading.fields)) > MAX_READS:
        raise error(f"@{func.name} reads its tiles {reading.reads} times a step, more than {MAX_READS} calls")
    b = Builder()
    x = b.input("x", func.inputs[0].type)
    y = func.outputs[0].type
    rows = reading.rows(b, x)
    answers = [_row(b, reading, rows, t, y) for t in range(reading.region.times)]
    joined = b.apply("concat", *answers, axis=0) if len(answers) > 1 else answers[0]
    result = reading.result(b, joined, y)
    return replace(func, body=b.finish([result]), target="")


def _row(b: Builder, reading: Reading, rows: Value, t: int, y: Type) -> Value:
    total: Value | None = None
    decisions: Value | None = None
    for plane in range(reading.planes):
        sums, decisions = reading.read(b, _row_of(b, rows, t * reading.planes + plane))
        if sums is not None:
            total = reading.begun(b, sums) if total is None else reading.gathered(b, total, sums)
    return reading.answers(b, total, decisions, y)


def _row_of(b: Builder, rows: Value, k: int) -> Value:
    count, inputs = b.type(rows).shape
    if count == 1:
        return b.apply("reshape", rows, shape=(inputs,))
    part = b.apply("slice", rows, start=(k, 0), stop=(k + 1, inputs))
    return b.apply("reshape", part, shape=(inputs,))


def _stepped(module: Module, readings: dict[str, Reading]) -> Module:
    entry = module.entry
    assert isinstance(entry.body, Graph)
    stepping = _Stepping(entry, entry.body, readings)
    kept = {name: f for name, f in module.funcs.items() if name not in readings}
    return replace(module, funcs={**kept, entry.name: stepping.func()})


class _Stepping:
    """The stepped entry while it is built.

    A register counts steps. What happens in a step is looked up by its number: which row of bits is read, whether it
    begins a sum, and which row of answers it completes. Answers are complete when a region's steps are over.
    """

    def __init__(self, entry: Func, graph: Graph, readings: dict[str, Reading]) -> None:
        self.entry, self.graph, self.readings = entry, graph, readings
        self.calls = {v: readings[graph.nodes[v].attributes["func"]] for v in sorted(graph.live)
                      if graph.nodes[v].op == "call" and graph.nodes[v].attributes["func"] in readings}
        self.starts = self._starts()
        self.steps = 1 + max(self.starts[v] + r.reads for v, r in self.calls.items())
        self.count = index_type(self.steps)
        self.b = Builder()
        self.registers: list[Register] = []
        self.following: list[Value] = []

    def _starts(self) -> dict[Value, int]:
        """Regions that depend on each other are read one after the other, others at once."""
        ready: list[int] = []
        starts: dict[Value, int] = {}
        for value, node in enumerate(self.graph.nodes):
            ready.append(max((ready[v] for v in node.operands), default=0))
            if value in self.calls:
                starts[value] = ready[value]
                ready[value] += self.calls[value].reads
        return starts

    def func(self) -> Func:
        """Give the func: ports as they were, registers, and the body of one step."""
        b, graph = self.b, self.graph
        new = {k: b.input(n.name, n.type, n.span) for k, n in enumerate(graph.nodes[:graph.inputs])}
        step = self._register("step", self.count)
        kept = {v: self._registers(v) for v in self.calls}
        one = b.apply("add", step, b.number(BIT, 1))
        self.following[0] = b.apply("requantize", one, type=self.count, rounding="floor", overflow="wrap")
        for value in range(graph.inputs, len(graph.nodes)):
            node = graph.nodes[value]
            if value in self.calls:
                new[value] = self._read(value, new[node.operands[0]], step, kept[value])
            elif value in graph.live:
                new[value] = self._copied(node, [new[v] for v in node.operands])
        outputs = [*(new[v] for v in graph.outputs), *self.following]
        return replace(self.entry, body=b.finish(outputs), registers=tuple(self.registers),
                       schedule=Schedule("iterate", self.steps))

    def _register(self, name: str, t: Type) -> Value:
        value = self.b.input(name, t)
        initial = Constant(t, np.zeros(t.shape, dtype=np.int64))
        self.registers.append(Register(self.b.nodes[value].name, t, initial))
        self.following.append(value)
        return value

    def _registers(self, value: Value) -> tuple[Value | None, int, Value, int]:
        """Make the registers of a region: the sums being gathered, if any, and the answers of all rows."""
        reading, node = self.calls[value], self.graph.nodes[value]
        place = len(self.following)
        gathers = bool(reading.summed) and reading.planes > 1
        sums = self._register(f"{node.name}_sums", reading.accumulator()) if gathers else None
        scalar = BIT if reading.region.thresholds is not None else node.type.scalar
        shape = (reading.region.times, reading.region.outputs)
        held = self._register(f"{node.name}_rows", scalar.with_shape(shape))
        return sums, place, held, place + gathers

    def _read(self, value: Value, x: Value, step: Value, kept: tuple[Value | None, int, Value, int]) -> Value:
        """Read a region's tiles once in this step, and give its answers as its registers hold them."""
        b, reading, y = self.b, self.calls[value], self.graph.nodes[value].type
        before, sums_at, held, held_at = kept
        bits = b.apply("gather", reading.rows(b, x), self._looked_up(value, step, "row"), axis=0)
        sums, decisions = reading.read(b, bits)
        if before is not None and sums is not None:
            begins = b.apply("broadcast", self._looked_up(value, step, "begins"), shape=b.type(sums).shape, axes=())
            sums = b.apply("select", begins, reading.begun(b, sums), reading.gathered(b, before, sums))
            self.following[sums_at] = sums
        answers = reading.answers(b, sums, decisions, y)
        self.following[held_at] = b.apply("update", held, self._looked_up(value, step, "completes"), answers)
        return reading.result(b, held, y)

    def _looked_up(self, value: Value, step: Value, what: str) -> Value:
        """Look up what a region does in a step: a constant for each step."""
        reading, start = self.calls[value], self.starts[value]
        since = np.arange(1 << self.count.width) - start
        active = (since >= 0) & (since < reading.reads)
        read = np.where(active, since, 0)
        ends = active & (read % reading.planes == reading.planes - 1)
        entries, t = {
            "row": (read, index_type(reading.reads)),
            "begins": ((read % reading.planes == 0).astype(np.int64), BIT),
            "completes": (np.where(ends, read // reading.planes, reading.region.times),
                          index_type(reading.region.times + 1))}[what]
        return self.b.apply("table", step, constant(self.b, entries.astype(np.int64), t))

    def _copied(self, node: Node, operands: list[Value]) -> Value:
        """Copy a node that may see rows which are not complete yet: promises hold of complete ones only."""
        if node.attributes.get("overflow") == "never":
            node = replace(node, attributes={**node.attributes, "overflow": "wrap"})
        return copy_widened(self.b, node, operands)
