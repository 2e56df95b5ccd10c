"""Everything that a report says of a design's size and speed; what a tool did not answer in time is said as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from circuitc.diagnostics import CircuitError

from .clock import DEVICES, ClockRate, clock_rate, missing
from .flows import FLOWS, KINDS, Resources, synthesize
from .luts import CONVENTION, LutCount, count_luts

Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Survey:
    """Figures of a design, or for each the text that says why there is none."""

    luts: LutCount | str
    resources: Mapping[str, Resources | str]
    clocks: Mapping[str, ClockRate | str]

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values: a figure, or an object that says why not."""
        def plain(value: LutCount | Resources | ClockRate | str) -> dict[str, Any]:
            return {"missing": value} if isinstance(value, str) else value.as_json()
        return {"lut6": plain(self.luts), "synthesis": {k: plain(v) for k, v in self.resources.items()},
                "clock": {k: plain(v) for k, v in self.clocks.items()}}

    def lines(self) -> list[str]:
        """Lay it out for people."""
        return [*_lut_lines(self.luts), *(_resource_line(k, v) for k, v in self.resources.items()),
                *(_clock_line(k, v) for k, v in self.clocks.items())]


def survey(text: str, ports: Mapping[str, Any], *, full: bool = False, seconds: float = 30,
           parts: Mapping[str, str] = MappingProxyType({}), progress: Progress = lambda stage: None,
           files: Mapping[str, bytes] = MappingProxyType({})) -> Survey:
    """Measure an emitted design: tables and depth, with `full` also synthesis for each family and clock rates.

    `seconds` bound each run of a tool; `parts` and `files` as in `count_luts`.
    """
    top, clock = str(ports["module"]), str(ports["clock"]["name"]) if "clock" in ports else ""
    progress("mapping to look-up tables")
    luts = _tried(lambda: count_luts(text, top, clock=clock, seconds=seconds, parts=parts, files=files))
    resources: dict[str, Resources | str] = {}
    clocks: dict[str, ClockRate | str] = {}
    for family in FLOWS if full else ():
        progress(f"synthesizing for {family}")
        resources[family] = _tried(lambda family=family: synthesize(text, top, family, seconds=seconds, files=files))
    for family in DEVICES if full else ():
        clocks[family] = missing(family) or _tried(
            lambda family=family: clock_rate(text, ports, family, seconds=seconds, progress=progress, files=files))
    return Survey(luts, resources, clocks)


def _tried(measure: Callable[[], T]) -> T | str:
    try:
        return measure()
    except CircuitError as e:
        return e.diagnostics[0].message


def _lut_lines(found: LutCount | str) -> list[str]:
    if isinstance(found, str):
        return [f"  LUT6: not counted: {found}"]
    lines = [f"  LUT6 {found.luts}, depth {found.depth}, registers {found.registers} (flattened)"]
    if len(found.parts) > 1:
        lines += [f"    {p.module}: {p.luts} LUT6, {p.registers} registers"
                  + (f", {p.instances} instances" if p.instances > 1 else "") for p in found.parts]
    return [*lines, f"  {CONVENTION}"]


def _resource_line(family: str, found: Resources | str) -> str:
    if isinstance(found, str):
        return f"  {family}: not synthesized: {found}"
    return f"  {family}: " + ", ".join(f"{kind.upper()} {getattr(found, kind)}" for kind in KINDS)


def _clock_line(family: str, found: ClockRate | str) -> str:
    if isinstance(found, str):
        return f"  {family}: no clock rate: {found}"
    spread = f"{found.median:g} MHz, {min(found.mhz):g} to {max(found.mhz):g} over {len(found.mhz)} seeds"
    return f"  {family} clock: {spread} (nextpnr, {' '.join(DEVICES[family][1:])}, between registers)"
