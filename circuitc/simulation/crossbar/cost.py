"""Energy, time and area of tiles by a published cost model: estimates, never measurements.

One step of a program reads each tile `planes x times`. A read drives its wordlines, waits `read_second` for the
currents, and decides: comparators at once, conversions in turn on converters that `cols_per_adc` columns share, each
at the bits that its own column needs. Half of the inputs are taken to be 1. The digital side is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.blocks import DEVICES, PRESETS, Block, Preset

from .schema import MapFile
from .work import Decision, Work, works

ACTIVE = 0.5   # share of the inputs that are 1
KINDS = {"array": "array", "driver": "DAC", "sample_hold": "sample and hold", "adc": "ADC",
         "comparator": "comparators", "shift_add": "shift and add"}
ASSUMED = (
    "half of the inputs are 1", "conversions take the bits that their own columns need",
    "converters work in turn with the array, regions one after another, the tiles of a region at once",
    "the digital side, moving data and programming the devices are not in it")


@dataclass(frozen=True, slots=True)
class Part:
    """What the blocks of a kind take: joule a step and mm2; None is what the model has no figure for."""

    joule: float | None
    mm2: float | None


@dataclass(frozen=True)
class TileCost:
    """The estimate of one tile."""

    work: Work
    parts: dict[str, Part]
    settle: float     # seconds of a read until currents are there,
    decide: float     # and until all is decided

    @property
    def joule(self) -> float:
        """Energy a step, of what has a figure."""
        return sum(p.joule or 0.0 for p in self.parts.values())

    @property
    def mm2(self) -> float:
        """Area, of what has a figure."""
        return sum(p.mm2 or 0.0 for p in self.parts.values())

    @property
    def seconds(self) -> float:
        """Time of a step."""
        return self.work.reads * (self.settle + self.decide)

    @cached_property
    def bound(self) -> str:
        """The kind of block that takes most of the energy."""
        return max(self.parts, key=lambda kind: self.parts[kind].joule or 0.0)

    def share(self, kind: str, what: str) -> float:
        """Give a kind's share of the tile's `joule` or `mm2`."""
        total: float = getattr(self, what)
        return (getattr(self.parts[kind], what) or 0.0) / total if total else 0.0

    @property
    def why(self) -> str:
        """Say in a line what bounds the tile."""
        slower = "deciding takes" if self.decide > self.settle else "settling takes"
        area = max(self.parts, key=lambda kind: self.parts[kind].mm2 or 0.0)
        return (f"{KINDS[self.bound]}-bound: {self.share(self.bound, 'joule'):.0%} of the energy; "
                f"{KINDS[area]} {self.share(area, 'mm2'):.0%} of the area; a read settles in "
                f"{1e9 * self.settle:.3g} ns and is decided in {1e9 * self.decide:.3g} ns, so {slower} "
                "most of the time")


@dataclass(frozen=True)
class Cost:
    """The estimate of a whole bundle."""

    preset: Preset
    tiles: tuple[TileCost, ...]

    @property
    def label(self) -> str:
        return f"model estimate, preset {self.preset.name}"

    @property
    def joule(self) -> float:
        return sum(t.joule for t in self.tiles)

    @property
    def mm2(self) -> float:
        return sum(t.mm2 for t in self.tiles)

    @property
    def seconds(self) -> float:
        """Time of a step: regions one after another, the tiles of one at once."""
        slowest: dict[str, float] = {}
        for tile in self.tiles:
            slowest[tile.work.region] = max(slowest.get(tile.work.region, 0.0), tile.seconds)
        return sum(slowest.values())

    def total(self, kind: str, what: str) -> float:
        """Add up the `joule` or `mm2` of a kind of block."""
        return sum(getattr(t.parts[kind], what) or 0.0 for t in self.tiles)

    def missing(self, what: str) -> list[str]:
        """Name the kinds of block that are there and that the model has no `joule` or `mm2` for."""
        return [kind for kind in KINDS if any(getattr(t.parts[kind], what) is None for t in self.tiles)]


def estimate(described: MapFile, levels: Any, array: Array) -> Cost:
    """Estimate what a step of a mapped program takes, with the cost model that the array names."""
    preset = PRESETS[array.energy.preset]
    return Cost(preset, tuple(_tile(work, array, preset) for work in works(described, levels)))


def _tile(work: Work, array: Array, preset: Preset) -> TileCost:
    settle, reads = preset.read_second, work.reads
    share = array.array.rows * array.array.cols / DEVICES
    adcs = -(-array.array.cols // array.sense_amp.cols_per_adc) if work.conversions else 0
    converted, conversion = _conversions(work.conversions, reads, preset)
    decide = max(-(-len(work.conversions) // adcs) * conversion if adcs else 0.0,
                 preset.comparator.seconds(1) if work.comparisons else 0.0)
    compared = reads * sum(preset.comparator.joule(1, ACTIVE * d.siemens) for d in work.comparisons)
    held = sum(d.bitlines for d in work.conversions)
    parts = {
        "array": Part(reads * settle * _array_watt(work, array, preset), _times(share, preset.array.mm2)),
        "driver": _blocks(preset.driver, work.driven, array.array.rows, reads * settle),
        "sample_hold": _blocks(preset.sample_hold, held, held, reads * settle),
        "adc": Part(converted, _times(adcs, _adc_mm2(array, work, preset)) if adcs else 0.0),
        "comparator": Part(compared, _times(len(work.comparisons), preset.comparator.area(1))),
        "shift_add": _blocks(preset.shift_add, min(adcs, 1), min(adcs, 1), reads * decide)}
    return TileCost(work, parts, settle, decide)


def _array_watt(work: Work, array: Array, preset: Preset) -> float:
    if preset.array.watt is None:
        return ACTIVE * work.siemens * array.device.v_read ** 2
    return preset.array.watt * work.driven * array.array.cols / DEVICES


def _conversions(decisions: Sequence[Decision], reads: int, preset: Preset) -> tuple[float | None, float]:
    """Give the energy of all conversions of a step, and the time of the slowest one."""
    joule, second, known = 0.0, 0.0, True
    for decision in decisions:
        converter = preset.converter(decision.bits)
        if converter is None:
            known, converter = False, preset.converters[-1]
        joule += converter.joule(decision.bits, ACTIVE * decision.siemens)
        second = max(second, converter.seconds(decision.bits))
    return reads * joule if known else None, second


def _adc_mm2(array: Array, work: Work, preset: Preset) -> float | None:
    """Give the area of the converter that is there: of the array's bits, or where it is ideal of those needed."""
    needed = max(d.bits for d in work.conversions)
    bits = needed if array.sense_amp.kind == "ideal" else array.sense_amp.adc_bits
    converter = preset.converter(bits)
    return None if converter is None else converter.area(bits)


def _blocks(block: Block, working: int, there: int, seconds: float) -> Part:
    return Part(_times(working * seconds, block.watt), _times(there, block.mm2))


def _times(count: float, figure: float | None) -> float | None:
    """Multiply where there is something to count: nothing of an unknown kind is nothing."""
    return 0.0 if not count else None if figure is None else count * figure


__all__ = ["ASSUMED", "KINDS", "Cost", "Part", "TileCost", "estimate"]
