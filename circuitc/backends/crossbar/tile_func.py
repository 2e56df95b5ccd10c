"""Tiles as funcs: wordlines in, what comparators and converters say out; the body is the levels as whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import BIT, Builder, Constant, Func, Port, Type, Value, index_type, smallest

from .design import Mounted
from .readout import Column, Output
from .tile import NONE

Integers = NDArray[np.int64]
TARGET = "array"   # of tile funcs: what stands for the analog part, and may be put in its place


@dataclass(frozen=True, slots=True)
class Field:
    """Some bits of what a tile says: a comparator's decision, or a converter's code, which has a sign."""

    output: Output
    column: Column
    low: int
    width: int


def fields_of(mounted: Mounted, tile: int) -> list[Field]:
    """Lay out what a tile says: a bit for each comparator, a code of as many bits as it needs for each conversion."""
    fields: list[Field] = []
    low = 0
    for output in mounted.outputs:
        for column in output.columns if output.kind != "constant" else ():
            if column.tile == tile:
                width = 1 if output.kind == "comparator" else column.bits + 1
                fields.append(Field(output, column, low, width))
                low += width
    return fields


def tile_func(mounted: Mounted, tile: int, fields: list[Field], name: str) -> Func:
    """Model a tile: ideal comparators and converters on sums of levels, without wires, off currents and noise."""
    b = Builder()
    wl = b.input("wl", BIT.with_shape((len(mounted.mapped.tiles[tile].row_input),)))
    steps, offsets = signals_of(mounted, tile, fields)
    bound = int((np.abs(steps).sum(1) + np.abs(offsets)).max(initial=1))
    factors = constant(b, steps, smallest(-int(np.abs(steps).max(initial=1)), int(np.abs(steps).max(initial=1))))
    sums = b.apply("sub", b.apply("contract", factors, wl, spec="fr,r->f"), constant(b, offsets))
    signal = b.apply("requantize", sums, type=smallest(-bound, bound, 0, (len(fields),)), overflow="wrap",
                     rounding="floor", name="signal")
    width = b.type(signal).width
    least = constant(b, np.array([comparison(mounted, f) for f in fields], dtype=np.int64))
    reached = b.apply("le", least, signal, name="reached")
    bits = b.apply("reshape", b.apply("unpack", signal), shape=(len(fields) * width,))
    order = [k if f.output.kind == "comparator" else len(fields) + k * width + min(bit, width - 1)
             for k, f in enumerate(fields) for bit in range(f.width)]
    out = chosen(b, b.apply("concat", reached, bits, axis=0), order)
    return Func(name, (Port("wl", b.type(wl)),), (Port("out", b.type(out)),), b.finish([out]), target=TARGET)


def signals_of(mounted: Mounted, tile: int, fields: list[Field]) -> tuple[Integers, Integers]:
    """Give what each wordline adds to each signal, [fields, rows], and what inverted lines add in all."""
    held = mounted.mapped.tiles[tile]
    driven = held.row_input != NONE
    sense = np.zeros((len(fields), held.level.shape[1]), dtype=np.int64)
    for k, field in enumerate(fields):
        for bitline, factor in field.column.bitlines:
            sense[k, bitline] += factor
    steps = np.where(driven, sense @ held.level.astype(np.int64).T, 0)
    rails = len(mounted.mapped.encoding.row_roles) > 1
    return steps, steps[:, driven & (held.row_role == 1)].sum(1) if rails else np.zeros(len(fields), dtype=np.int64)


def comparison(mounted: Mounted, field: Field) -> int:
    """Give the least sum of a comparator; a converter has none, and the comparison is not used."""
    thresholds = mounted.mapped.region.thresholds
    return int(thresholds[field.output.index]) if thresholds is not None and field.output.kind == "comparator" else 0


def stub(func: Func) -> Func:
    """Give a tile's func without its sums: where only its ports matter."""
    b = Builder()
    wl = b.input("wl", func.inputs[0].type)
    width = func.outputs[0].type.size
    return func.with_body(b.finish([chosen(b, wl, [0] * width)]))


def constant(b: Builder, values: Integers, scalar: Type | None = None) -> Value:
    """Add whole numbers as a constant, of the least type that holds them, or of a type given."""
    least = smallest(min(0, int(values.min(initial=0))), max(1, int(values.max(initial=0))))
    kind = least if scalar is None else scalar
    return b.constant(Constant(kind.with_shape(values.shape), values))


def chosen(b: Builder, values: Value, order: list[int]) -> Value:
    """Take elements of a vector by constant numbers; a number outside it takes a zero."""
    size = b.type(values).size
    if order == list(range(size)):
        return values
    index = np.array(order, dtype=np.int64)
    return b.apply("gather", values, constant(b, index, index_type(max(size, int(index.max())) + 1)), axis=0)
