"""The digital side as Verilog and native code: both print one program, in which each tile is a func (`driven.py`).

In Verilog a tile is a module `array_tile_N(wl, out)`, which stands for the analog part: `wl` are its wordlines, `out`
the decisions of its comparators and the codes of its converters. A behavioural model of each (whole numbers, no
physics) is in the file, unless CIRCUITC_ARRAYS_ELSEWHERE is defined. In native code a tile is a weak function, so a
program that drives an instrument links its own in its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from circuitc.backends.base import Emission
from circuitc.backends.llvm.backend import LLVM
from circuitc.backends.llvm.header import identifier
from circuitc.backends.verilog import VERILOG
from circuitc.backends.verilog.design import Item
from circuitc.backends.verilog.tree import Lines
from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Func, Module, print_module
from circuitc.passes import run_passes

from .design import Design, Mounted
from .driven import NATIVE_PORTS, PROGRAM, driven_program
from .tile_func import TARGET, Field, comparison, fields_of, signals_of, stub


@dataclass(frozen=True)
class Periphery:
    """Files of the digital side; `verilog` and `native` name the main file of each, or say why there is none."""

    files: Mapping[str, bytes]
    ports: Mapping[str, Any] | None   # of the Verilog
    verilog: str
    native: str


def no_periphery(why: str) -> Periphery:
    return Periphery({}, None, why, why)


def periphery(design: Design) -> Periphery:
    """Print the digital side of a design."""
    try:
        driven = driven_program(design)
    except CircuitError as e:
        return no_periphery(f"none: {e.diagnostics[0].message}")
    files = {PROGRAM: print_module(driven).encode()}
    verilog, of_verilog = _printed(lambda: _verilog(design, driven))
    native, of_native = _printed(lambda: _native(driven)) if design.options.native else (None, "not asked for")
    for emission in (verilog, native):
        files |= emission.files if emission is not None else {}
    return Periphery(files, verilog.ports if verilog is not None else None, of_verilog, of_native)


def _printed(make: Any) -> tuple[Emission | None, str]:
    try:
        emission = make()
    except CircuitError as e:
        return None, f"none: {e.diagnostics[0].message}"
    return emission, emission.main


def _native(driven: Module) -> Emission:
    """Compile the driven program; its port map goes to a file of its own."""
    emission = LLVM().emit(LLVM().build(driven, {"prefix": identifier(driven.entry.name)}))
    ports = json.dumps(emission.ports, indent=1, sort_keys=True) + "\n"
    return replace(emission, files={**emission.files, NATIVE_PORTS: ports.encode()})


def _verilog(design: Design, driven: Module) -> Emission:
    """Print the driven program; the modules of its tiles are written line by line, sums of a thousand terms and all."""
    for mounted in design.regions:
        reads = len(mounted.mapped.region.planes) * mounted.mapped.region.times
        if reads > 1 and mounted.name in driven.funcs:
            raise error(f"@{mounted.name} reads its tiles {reads} times a step, in a func with steps of its own that "
                        "is called", help="make that func the main one (the pass main)")
    tiles = {name: f for name, f in driven.funcs.items() if f.target == TARGET}
    hollow = driven
    for func in tiles.values():
        hollow = hollow.with_func(stub(func))
    built = VERILOG.build(run_passes(hollow, "ranges,scalarize,clean", check=None), {"vectors": "0"})
    names = {built.interfaces[name].module: lines for name, lines in _models(design, tiles)
             if name in built.interfaces}
    units = tuple(u if u.name not in names else replace(u, body=(Item(Lines(tuple(names[u.name]), (), ())),))
                  for u in built.units)
    emission = VERILOG.emit(replace(built, units=units))
    text = emission.files[emission.main].decode()
    return replace(emission, files={emission.main: _guarded(text, names).encode()})


def _models(design: Design, tiles: Mapping[str, Func]) -> Iterator[tuple[str, list[str]]]:
    """Write the inside of each tile's module."""
    held = [(m, k) for m in design.regions for k in range(len(m.mapped.tiles))]
    numbers = {int(name.rpartition("_")[2]): name for name in tiles}
    for mounted, k in held:
        if mounted.first + k in numbers:
            yield numbers[mounted.first + k], list(_model(mounted, k, fields_of(mounted, k)))


def _model(mounted: Mounted, tile: int, fields: list[Field]) -> Iterator[str]:
    """Write a tile as its levels say: no wires, no off currents, no noise.

    Non-blocking assignments take the wordlines over when all of them have settled, and answer all at once: so an event
    simulator adds each sum up once a read, not once for each line that changes.
    """
    steps, offsets = signals_of(mounted, tile, fields)
    widths: list[int] = []
    sums: list[str] = []
    for index, field in enumerate(fields):
        step, offset, least = steps[index], int(offsets[index]), comparison(mounted, field)
        width = field.width  # a code fits, whatever its sum wraps through
        if field.output.kind == "comparator":
            width = 2 + int(abs(step).sum() + abs(offset) + abs(least)).bit_length()
        terms = [_term(r, int(step[r]), width) for r in step.nonzero()[0].tolist()]
        sums.append(f"  s{index} = {' + '.join([*terms, _number(-offset, width)])};")
        widths.append(width)
    said = [f"s{k} >= {_number(comparison(mounted, f), w)}" if f.output.kind == "comparator" else
            f"s{k}"
            for k, (f, w) in enumerate(zip(fields, widths, strict=True))]
    rules = ("BLKSEQ", "COMBDLY", "UNUSEDSIGNAL")  # of Verilator; a wordline may carry weights that are all 0
    yield from (f"/* verilator lint_off {rule} */" for rule in rules)
    yield f"reg [{steps.shape[1] - 1}:0] driven;"
    yield f"reg [{fields[-1].low + fields[-1].width - 1}:0] said;"
    yield from (f"reg signed [{width - 1}:0] s{k};" for k, width in enumerate(widths))
    yield "always @(wl) driven <= wl;"
    yield from ("always @(driven) begin", *sums, f"  said <= {{{', '.join(said[::-1])}}};", "end", "assign out = said;")
    yield from (f"/* verilator lint_on {rule} */" for rule in rules)


def _term(row: int, step: int, width: int) -> str:
    return f"(driven[{row}] ? {_number(step, width)} : {_number(0, width)})"


def _number(value: int, width: int) -> str:
    value = (value + (1 << width - 1)) % (1 << width) - (1 << width - 1)
    return f"-{width}'sd{-value}" if value < 0 else f"{width}'sd{value}"


def _guarded(text: str, modules: Mapping[str, Any]) -> str:
    """Put the modules of the tiles behind a guard, so that a design may bring its own."""
    for name in modules:
        pattern = re.compile(rf"^module {re.escape(name)}\b.*?^endmodule$", re.MULTILINE | re.DOTALL)
        text = pattern.sub(lambda m: f"`ifndef CIRCUITC_ARRAYS_ELSEWHERE\n{m.group()}\n`endif", text, count=1)
    return text
