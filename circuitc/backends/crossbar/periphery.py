"""The digital side in Verilog: the program with its regions as modules that drive wordlines and read sense amplifiers.

The Verilog backend prints the program; the module of each region is replaced by a wrapper around its tiles. A tile is
a module of its own, `array_tile_N(wl, out)`, which stands for the analog part: `wl` are its wordlines, `out` the
decisions of its comparators and the codes of its converters. A behavioural model of each tile (whole numbers, no
physics) follows in the file, unless CIRCUITC_ARRAYS_ELSEWHERE is defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from circuitc.backends.base import Emission
from circuitc.backends.verilog import VERILOG
from circuitc.backends.verilog import Design as VerilogDesign
from circuitc.backends.verilog.design import Item, Unit
from circuitc.backends.verilog.interface import Interface
from circuitc.backends.verilog.tree import Lines
from circuitc.diagnostics import CircuitError
from circuitc.passes import run_passes

from .design import Design, Mounted
from .readout import Column, Output
from .tile import NONE, Tile


@dataclass(frozen=True, slots=True)
class Field:
    """Some bits of a tile's `out`: what one term says. A code has a sign."""

    output: Output
    column: Column
    low: int
    width: int

    @property
    def bits(self) -> str:
        return f"[{self.low}]" if self.width == 1 else f"[{self.low + self.width - 1}:{self.low}]"


def periphery(design: Design) -> tuple[Emission | None, str]:
    """Give the Verilog file with its port map; or None, and why there is none."""
    for mounted in design.regions:
        region = mounted.mapped.region
        reads = len(region.planes) * region.times
        if reads > 1:
            return None, f"none: @{region.name} reads its tiles {reads} times a step, and the wrapper reads once"
    try:
        scalar = run_passes(design.module, "ranges,scalarize,clean", check=None)
        verilog = VERILOG.build(scalar, {"vectors": "0"})
    except CircuitError as e:
        return None, f"none: {e.diagnostics[0].message}"
    stem = "array_tile"
    while any(unit.name.startswith(stem) for unit in verilog.units):
        stem += "_"
    wrapped = {face.module: _wrapper(face, mounted, stem) for mounted in design.regions
               if (face := verilog.interfaces.get(mounted.name)) is not None}
    emission = VERILOG.emit(_with_wrappers(verilog, wrapped))
    models = [line for mounted in design.regions for k in range(len(mounted.mapped.tiles))
              for line in _model(mounted, k, stem)]
    text = "\n".join([emission.files[emission.main].decode(), "`ifndef CIRCUITC_ARRAYS_ELSEWHERE", *models, "`endif"])
    return replace(emission, files={emission.main: (text + "\n").encode()}), emission.main


def _with_wrappers(verilog: VerilogDesign, wrapped: Mapping[str, Iterable[str]]) -> VerilogDesign:
    """Put wrappers in the place of the regions' bodies."""
    def unit(u: Unit) -> Unit:
        lines = wrapped.get(u.name)
        return u if lines is None else replace(u, body=(Item(Lines(tuple(lines), (), ())),))

    return replace(verilog, units=tuple(map(unit, verilog.units)))


def _fields(mounted: Mounted, tile: int) -> list[Field]:
    """Lay out what a tile says: a bit for each comparator, a signed code for each conversion."""
    fields: list[Field] = []
    low = 0
    for output in mounted.outputs:
        for column in output.columns if output.kind != "constant" else ():
            if column.tile == tile:
                width = 1 if output.kind == "comparator" else column.bits + 1
                fields.append(Field(output, column, low, width))
                low += width
    return fields


def _wrapper(face: Interface, mounted: Mounted, stem: str) -> Iterator[str]:
    """Write the inside of a region's module: wordlines, tiles, sums."""
    region = mounted.mapped.region
    x, y = face.inputs[0], face.outputs[0]
    place = np.arange(region.inputs).reshape(region.layout.x_shape).transpose(region.layout.x_order).reshape(-1)
    said: dict[int, list[tuple[Field, str]]] = {}
    for k, tile in enumerate(mounted.mapped.tiles):
        fields = _fields(mounted, k)
        if not fields:
            continue
        name = f"tile_{mounted.first + k}"
        width = fields[-1].low + fields[-1].width
        lines = [_driver(x.id, x.is_scalar_bit, place, tile, row) for row in range(len(tile.row_input))]
        yield f"wire [{len(lines) - 1}:0] {name}_wl = {{{', '.join(_runs(lines[::-1]))}}};"
        yield f"wire [{width - 1}:0] {name}_out;"
        yield f"{stem}_{mounted.first + k} {name} (.wl({name}_wl), .out({name}_out));"
        for field in fields:
            said.setdefault(field.output.index, []).append((field, f"{name}_out{field.bits}"))
    yield from _results(mounted, y.id, y.type, said)


def _driver(x: str, scalar: bool, place: Any, tile: Tile, row: int) -> str:
    source = int(tile.row_input[row])
    if source == NONE:
        return "1'b0"
    bit = x if scalar else f"{x}[{place[source]}]"
    return f"~{bit}" if tile.row_role[row] else bit


def _runs(lines: Sequence[str]) -> Iterator[str]:
    """Join constants that stand side by side."""
    zeros = 0
    for line in [*lines, ""]:
        if line == "1'b0":
            zeros += 1
            continue
        if zeros:
            yield f"{zeros}'d0"
            zeros = 0
        if line:
            yield line


def _results(mounted: Mounted, y: str, kind: Any, said: Mapping[int, list[tuple[Field, str]]]) -> Iterator[str]:
    """Write what becomes of decisions and codes: sums of digits, digital thresholds, the axes of y."""
    region = mounted.mapped.region
    order = np.arange(region.outputs).reshape(region.layout.y_shape).transpose(region.layout.y_order).reshape(-1)
    bits: list[str] = []
    for index in order.tolist():
        output, terms = mounted.outputs[index], said.get(index, [])
        if output.kind == "comparator":
            bits.append(terms[0][1])
            continue
        if output.kind == "constant":
            weights = region.weights[index]
            bits.append(f"1'b{int(_least(region, index) <= weights[weights < 0].sum())}")
            continue
        width = 2 + int(np.abs(region.weights[index]).sum() * 2 + abs(_least(region, index))).bit_length()
        base = mounted.mapped.encoded.base
        width = max([width, kind.width, *(max(f.width, 1 + (base ** f.column.slice).bit_length()) for f, _ in terms)])
        parts: list[str] = []
        for k, (field, text) in enumerate(terms):
            yield f"wire signed [{width - 1}:0] code_{index}_{k} = $signed({text});"
            parts.append(f"code_{index}_{k} * {_number(base ** field.column.slice, width)}")
        yield f"wire signed [{width - 1}:0] sum_{index} = {' + '.join(parts) or _number(0, width)};"
        if region.thresholds is not None:
            yield f"wire reached_{index} = sum_{index} >= {_number(_least(region, index), width)};"
            bits.append(f"reached_{index}")
        else:
            value = f"sum_{index}"
            if region.spins:
                value = f"{value} + {value} - {_number(int(region.weights[index].sum()), width)}"
            yield f"wire signed [{width - 1}:0] value_{index} = {value};"
            bits.append(f"value_{index}[{kind.width - 1}:0]")
    yield f"assign {y} = {{{', '.join(bits[::-1])}}};"


def _least(region: Any, index: int) -> int:
    return 0 if region.thresholds is None else int(region.thresholds[index])


def _number(value: int, width: int) -> str:
    return f"-{width}'sd{-value}" if value < 0 else f"{width}'sd{value}"


def _model(mounted: Mounted, k: int, stem: str) -> Iterator[str]:
    """Write the behavioural model of a tile: its levels as whole numbers, ideal comparators and converters."""
    tile, fields = mounted.mapped.tiles[k], _fields(mounted, k)
    if not fields:
        return
    rows = len(tile.row_input)
    yield f"// Tile {mounted.first + k} as its levels say: no wires, no off currents, no noise."
    yield f"module {stem}_{mounted.first + k} (input wire [{rows - 1}:0] wl, " \
          f"output wire [{fields[-1].low + fields[-1].width - 1}:0] out);"
    for index, field in enumerate(fields):
        factors = np.zeros(tile.level.shape[1], dtype=np.int64)
        for bitline, factor in field.column.bitlines:
            factors[bitline] += factor
        driven = tile.row_input != NONE
        step = np.where(driven, tile.level.astype(np.int64) @ factors, 0)
        offset = int(step[driven & (tile.row_role == 1)].sum()) if len(mounted.mapped.encoding.row_roles) > 1 else 0
        least = _least(mounted.mapped.region, field.output.index)
        width = max(field.width, 2 + int(np.abs(step).sum() + abs(offset) + abs(least)).bit_length())
        terms = [f"(wl[{r}] ? {_number(int(step[r]), width)} : {_number(0, width)})" for r in np.flatnonzero(step)]
        signal = " + ".join([*terms, _number(-offset, width)])
        yield f"  wire signed [{width - 1}:0] s{index} = {signal};"
        value = f"s{index} >= {_number(least, width)}" if field.output.kind == "comparator" else (
            f"s{index}[{field.width - 1}:0]")
        yield f"  assign out{field.bits} = {value};"
    yield "endmodule"
