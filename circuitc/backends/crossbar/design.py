"""The tree of the crossbar target: every region in its tiles, every output with the way it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Module

from .array import Array
from .channels import Channels
from .choosing import chosen_encoding
from .fault_file import read_faults
from .mapping import Mapped, map_region
from .options import Options
from .placement import place_by_margin
from .readout import Output, read_outputs
from .regions import region_of
from .tile import Tile


@dataclass(frozen=True)
class Mounted:
    """A region on the array: its tiles are `first`, `first + 1`, ... of the bundle.

    `gained` counts the outputs that are certified, nominal and in their windows, thanks to placement by margin.
    """

    mapped: Mapped
    outputs: tuple[Output, ...]
    first: int
    gained: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        return self.mapped.region.name


@dataclass(frozen=True)
class Design:
    """Everything that will be printed, decided."""

    module: Module
    array: Array
    options: Options
    regions: tuple[Mounted, ...]
    channels: Channels | None

    @property
    def tiles(self) -> int:
        return sum(len(r.mapped.tiles) for r in self.regions)

    @property
    def all_tiles(self) -> tuple[Tile, ...]:
        """The tiles of all regions, by number."""
        return tuple(t for r in self.regions for t in r.mapped.tiles)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs of all regions."""
        return tuple(o for r in self.regions for o in r.outputs)


def design_of(module: Module, options: Options) -> Design:
    """Map each region of a module in turn; each gets tiles of its own."""
    array = Array.load(options.array)
    channels = Channels.load(options.channels) if options.channels else None
    if channels is not None:
        channels.check(array)
    return design_on(module, array, options, channels, _known_faults(array, options))


def design_on(module: Module, array: Array, options: Options, channels: Channels | None = None,
              known: Sequence[np.ndarray[Any, np.dtype[np.uint8]]] = ()) -> Design:
    """Map a module's regions to an array that is at hand already; `known` are the faults of its tiles."""
    regions: list[Mounted] = []
    first = 0
    for func in module.funcs.values():
        if func.target != "crossbar":
            continue
        region = region_of(func)
        name, why = options.encoding, "asked for"
        if name == "auto":
            name, why = chosen_encoding(region, array, options.certify)
        mapped = map_region(region, array, wish=name, why=why, seed=options.seed, faults=known[first:])
        if options.placement == "margin":
            mapped, outputs, gained = place_by_margin(mapped, array)
        else:
            outputs, gained = read_outputs(mapped, array), (0, 0)
        _check_converters(region.name, outputs, array)
        regions.append(Mounted(mapped, tuple(outputs), first, gained))
        first += len(mapped.tiles)
    if array.array.count and first > array.array.count:
        raise error(f"the model needs {first} tiles, array {array.name} has {array.array.count}",
                    help="use larger tiles, more levels a device, or another encoding")
    return Design(module, array, options, tuple(regions), channels)


def _check_converters(region: str, outputs: Sequence[Output], array: Array) -> None:
    """Refuse outputs that no comparator decides, where the array has nothing else."""
    converted = [o.index for o in outputs if o.kind == "adc"]
    if array.sense_amp.kind == "comparator" and converted:
        raise error(f"@{region} output {converted[0]} needs a converter, and array {array.name} has comparators only",
                    help="gates whose weights fit one tile and one level step need none; else sense_amp.kind = \"adc\"")


def _known_faults(array: Array, options: Options) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    path = options.faults
    if not path and array.faults.map:
        path = str((array.folder / array.faults.map) if array.folder else array.faults.map)
    return read_faults(path, array.array.rows, array.array.cols) if path else []
