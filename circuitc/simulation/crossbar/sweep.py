"""Compare encodings and tile sizes for one program: each is mapped, solved and certified, and its cost estimated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.bundle import map_json
from circuitc.backends.crossbar.design import design_on
from circuitc.backends.crossbar.encoding import ENCODINGS
from circuitc.backends.crossbar.options import Options
from circuitc.diagnostics import CircuitError, error, nearest
from circuitc.ir import Module

from .cost import Cost, estimate
from .schema import MapFile, read_map

MOST_SIZE = 512   # wordlines: solving takes the third power of it


@dataclass(frozen=True)
class Point:
    """One way to map a program: an encoding in square tiles of `size`; refused, or mapped with its cost."""

    encoding: str
    size: int
    refused: str = ""
    described: MapFile | None = None
    cost: Cost | None = None

    @property
    def label(self) -> str:
        return f"{self.encoding} {self.size}"

    @property
    def counts(self) -> dict[str, int]:
        """Count, without a model of cost: tiles, devices, conversions and comparisons a step, certified outputs."""
        assert self.described is not None, "what was refused has no counts"
        assert self.cost is not None
        outputs = [o for r in self.described.regions for o in r.outputs]
        works = [t.work for t in self.cost.tiles]
        return {"tiles": len(works), "devices": sum(w.devices for w in works),
                "conversions": sum(w.reads * len(w.conversions) for w in works),
                "comparisons": sum(w.reads * len(w.comparisons) for w in works),
                "adc_bits_most": max((d.bits for w in works for d in w.conversions), default=0),
                "split_outputs": sum(r.split_outputs for r in self.described.regions), "outputs": len(outputs),
                "certified_nominal": sum(o.nominal for o in outputs),
                "certified_window": sum(o.window for o in outputs)}


def sweep(module: Module, array: Array, *, encodings: Sequence[str], sizes: Sequence[int],
          progress: Callable[[str], None] = lambda stage: None) -> Iterator[Point]:
    """Map the regions of a partitioned module in each encoding on tiles of each size."""
    for name in encodings:
        if name not in ENCODINGS:
            raise error(f"there is no encoding {name!r}", help=nearest(name, ENCODINGS))
    for size in sizes:
        if not 1 <= size <= MOST_SIZE:
            raise error(f"tiles of {size} x {size} are not swept: sizes are 1 to {MOST_SIZE}")
    if not any(f.target == "crossbar" for f in module.funcs.values()):
        raise error(f"@{module.entry.name} has no threshold and no product with constant weights for an array",
                    help="circuitc compile --target crossbar says what the model lacks")
    for size in sizes:
        for encoding in encodings:
            progress(f"mapping in {encoding} on tiles of {size}")
            yield _point(module, sized(array, size), encoding, size)


def sized(array: Array, size: int) -> Array:
    """Give the same array with square tiles of another size, as many as needed, all wordlines at once, none spare."""
    geometry = replace(array.array, rows=size, cols=size, rows_active_max=size, count=0, spare_rows=0, spare_cols=0)
    return replace(array, array=geometry)


def _point(module: Module, array: Array, encoding: str, size: int) -> Point:
    try:
        design = design_on(module, array, Options(array=array.name, encoding=encoding))
    except CircuitError as e:
        return Point(encoding, size, refused=str(e.diagnostics[0].message))
    described = read_map(map_json(design, {}), "map.json")
    levels = [tile.level for mounted in design.regions for tile in mounted.mapped.tiles]
    return Point(encoding, size, "", described, estimate(described, levels, array))


__all__ = ["Point", "sized", "sweep"]
