"""What the blocks around an array take, as published models have it: presets of one row a kind, each with its source.

Figures of power, area and time are those of the sources; energies that follow from them are estimates of a model and
were never measured. None is a figure that a source does not give, and it is not made up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Block:
    """A kind of block: its power while it works in watt, its area in square millimetres, and who says so."""

    watt: float | None
    mm2: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter of up to `most_bits`, or a comparator (one bit).

    At b bits it draws `watt + watt_per_bit b + watt_ohm G` watt, G being the conductance that it reads in siemens, for
    `second + second_per_bit b` seconds, and covers `mm2 + mm2_per_bit b` square millimetres (None: not given).
    """

    most_bits: int
    watt: float
    second: float
    mm2: float | None
    source: str
    watt_per_bit: float = 0.0
    watt_ohm: float = 0.0
    second_per_bit: float = 0.0
    mm2_per_bit: float = 0.0

    def joule(self, bits: int, siemens: float) -> float:
        """Give the energy of one conversion."""
        return (self.watt + self.watt_per_bit * bits + self.watt_ohm * siemens) * self.seconds(bits)

    def seconds(self, bits: int) -> float:
        """Give the time of one conversion."""
        return self.second + self.second_per_bit * bits

    def area(self, bits: int) -> float | None:
        """Give the area in square millimetres."""
        return None if self.mm2 is None else self.mm2 + self.mm2_per_bit * bits


@dataclass(frozen=True, slots=True)
class Preset:
    """A cost model. `array` is for DEVICES devices on driven wordlines, the others for one block each.

    An array whose source gives no power is taken at what its devices draw by Ohm's law, half of the inputs being 1.
    """

    name: str
    words: str
    read_second: float
    read_source: str
    array: Block
    driver: Block
    sample_hold: Block
    shift_add: Block
    comparator: Converter
    converters: tuple[Converter, ...]

    def converter(self, bits: int) -> Converter | None:
        """Give the smallest converter of so many bits; None where the model has none."""
        return next((c for c in self.converters if c.most_bits >= bits), None)


DEVICES = 128 * 128
_ISAAC = "PUMA simulator, constants-128.py, from ISAAC"
_NEUROSIM = "NeuroSim V1.4, Param.cpp"
_MNSIM = "MNSIM"
_NONE = Block(None, None, "no figure given")

PRESETS: Mapping[str, Preset] = MappingProxyType({p.name: p for p in (
    Preset("isaac-32nm", "ISAAC's blocks at 32 nm, as the PUMA simulator has them", 100e-9, _ISAAC,
           array=Block(0.3e-3, 2.5e-5, _ISAAC),
           driver=Block(3.9e-6, 1.67e-7, f"{_ISAAC}: 1-bit driver"),
           sample_hold=Block(9.7e-9, 3.9e-8, _ISAAC),
           shift_add=Block(0.05e-3, 6e-5, _ISAAC),
           comparator=Converter(1, 0.25e-3, 1 / 1.28e9, 1.5e-4, "circuitc: one bit's share of ISAAC's converter"),
           converters=(Converter(24, 0.0, 1 / 1.28e9, 0.0, f"{_ISAAC}: 8 bits 2 mW, 1.28 GS/s, 1.2e-3 mm2; power is "
                                 "linear in bits there, area is taken so here",
                                 watt_per_bit=0.25e-3, mm2_per_bit=1.5e-4),)),
    Preset("neurosim-22nm", "NeuroSim's default: 22 nm, 1T1R devices of 4F x 12F at F = 40 nm", 10e-9,
           f"{_NEUROSIM}: read pulse",
           array=Block(None, DEVICES * 48 * (40e-6) ** 2, f"{_NEUROSIM}: 4F x 12F a device; power by Ohm's law"),
           driver=_NONE, sample_hold=_NONE, shift_add=_NONE,
           comparator=Converter(1, 4.9133e-6, 2e-9, None, f"{_NEUROSIM}: its converter at one bit", watt_ohm=0.0723),
           converters=(Converter(24, 4.3753e-6, 1e-9, None, f"{_NEUROSIM}: SAR converter, low standby power",
                                 watt_per_bit=0.538e-6, watt_ohm=0.0723, second_per_bit=1e-9),)),
    Preset("mnsim-256", "MNSIM's defaults", 3.16e-9, f"{_MNSIM}: read time",
           array=Block(None, None, "power by Ohm's law"),
           driver=Block(3.9e-6, 1.67e-7, f"{_MNSIM}, DAC_choice 1 (ISAAC)"),
           sample_hold=_NONE, shift_add=_NONE,
           comparator=Converter(1, 1.63e-6, 1e-9, None, f"{_MNSIM}: sense amplifier; circuitc: decides in 1 ns"),
           # A converter of 4 bits, 0.7 mW, is left out: its rate is not given.
           converters=(Converter(6, 1.26e-3, 1 / 1.0e9, 5.8e-4, f"{_MNSIM}: 6 bits"),
                       Converter(8, 4.0e-3, 1 / 1.1e9, None, f"{_MNSIM}: 8 bits"),
                       Converter(10, 6.92e-3, 1 / 1.5e9, 1.6e-3, f"{_MNSIM}: 10 bits"))))})

__all__ = ["DEVICES", "PRESETS", "Block", "Converter", "Preset"]
