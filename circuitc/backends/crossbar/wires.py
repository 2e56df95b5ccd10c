"""The wires of an array: what stands between a driver, the devices and the sense node."""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.diagnostics import error


@dataclass(frozen=True, slots=True)
class Wires:
    """Resistances in ohm; zero is an ideal wire.

    Wordline i is driven at its left end, before column 0; bitline j is sensed at its lower end, after the last row.
    A segment of `wordline` ohm lies before each device of a row, one of `bitline` ohm after each device of a column.
    The two `_end`s add to the first wordline segment and to the last bitline segment: the driver's and the sense
    node's own resistance (a load resistor against ground is a bitline end). The topology is that of badcrossbar and
    of CrossSim's non-interleaved array.
    """

    wordline: float = 0.0
    bitline: float = 0.0
    wordline_end: float = 0.0
    bitline_end: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise error(f"a {name} resistance of {value} ohm is none that a wire has")

    @property
    def ideal(self) -> bool:
        """True where no wire drops any voltage."""
        return not any((self.wordline, self.bitline, self.wordline_end, self.bitline_end))


IDEAL = Wires()
