"""The program with its arrays driven: regions become calls of tiles, with all that is digital around them as IR.

Where each tile is read once a step, a region stays a func that reads its tiles. Where tiles are read more often, that
takes steps (`stepping.py`): those of a combinational program, or steps of each step of a program that has some already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from circuitc.backends.verilog.interface import needed
from circuitc.diagnostics import error
from circuitc.ir import Builder, Func, Graph, Module, Type, Value
from circuitc.passes.inline_calls import inline_calls
from circuitc.passes.own_steps import calling, step_func

from .design import Design
from .reading import Reading
from .stepping import stepped
from .tile_func import tile_func

PROGRAM = "periphery.ccir"      # the driven program in a bundle,
NATIVE_PORTS = "native.json"    # and the port map of its native code
REGION = "crossbar"             # the target of funcs that are regions
MAX_READS = 4096   # of tiles that a func does in a row; each is a call in its body


def driven_program(design: Design) -> Module:
    """Give the program with its tiles as funcs marked `array`; it computes what `design.module` does."""
    stem = "array_tile"
    while any(name.startswith(stem) for name in design.module.funcs):
        stem += "_"
    module = _gathered(design.module)
    readings: dict[str, Reading] = {}
    for mounted in design.regions:
        reading = Reading(mounted, {k: f"{stem}_{mounted.first + k}" for k in range(len(mounted.mapped.tiles))})
        readings[mounted.name] = reading
        for k, fields in reading.fields.items():
            module = module.with_func(tile_func(mounted, k, fields, reading.names[k]))
    calls = Counter(_regions_called(module, module.entry))
    if any(readings[name].reads * count > 1 for name, count in calls.items()):
        module = _stepped(module, readings)
    for name, reading in readings.items():
        if name in module.funcs:
            module = module.with_func(_direct(module.func(name), reading))
    return module


def _gathered(module: Module) -> Module:
    """Put funcs that call regions into the entry, so that it knows of all reads; what steps of its own stays."""
    entry = module.entry
    if not isinstance(entry.body, Graph) or not any(
            _regions_called(module, f) for f in module.funcs.values() if f.name != entry.name):
        return module
    module = module.with_func(entry.with_body(inline_calls(module, entry.body)))
    return replace(module, funcs={f.name: f for f in needed(module)}, main=entry.name)


def _regions_called(module: Module, func: Func) -> list[str]:
    """Name the regions that a func calls, as often as it does."""
    if not isinstance(func.body, Graph):
        return []
    nodes = [func.body.nodes[v] for v in sorted(func.body.live)]
    called = [n.attributes["func"] for n in nodes if n.op == "call"]
    return [name for name in called if module.func(name).target == REGION]


def _stepped(module: Module, readings: Mapping[str, Reading]) -> Module:
    """Read the tiles in steps: those of the entry where it has none, else steps of each of its steps."""
    entry = module.entry
    assert isinstance(entry.body, Graph), "gates call no regions"
    if entry.is_combinational:
        module = module.with_func(stepped(entry, readings))
    else:
        item = stepped(step_func(entry, module.funcs), readings)
        module = module.with_func(item).with_func(entry.with_body(calling(item, entry.body)))
    left = {name for f in module.funcs.values() for name in _regions_called(module, f)}
    return replace(module, funcs={n: f for n, f in module.funcs.items() if n in left or f.target != REGION})


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
