"""A laboratory that is not there: devices that are written, miss their targets, stick, and are measured."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.sections import Variation
from circuitc.diagnostics import error

from .bundle import Bundle, load_bundle
from .measured_file import measured_text

Pulse = tuple[tuple[int, int, int], float, float, float]   # a device, its target and its window, in siemens


@dataclass
class Lab:
    """The arrays of a bundle, as simulated devices; the same seed is the same devices and the same chance.

    What `variation` says: a write leaves a device at its target times exp(d2d_sigma z), z normal, each time anew; it is
    written until it is inside its window, at most `attempts` times. A share `stuck_hrs` and `stuck_lrs` of the devices
    stays at the least and at the greatest level whatever is done. A measurement is off by c2c_read z of itself.
    """

    bundle: Bundle
    variation: Variation
    seed: int = 0
    attempts: int = 1
    siemens: NDArray[np.float64] = field(init=False)
    stuck: NDArray[np.bool_] = field(init=False)
    writes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise error("a device is written at least once")
        self._rng = np.random.default_rng([self.seed, 0x1AB])
        chance = self._rng.random(self.bundle.levels.shape)
        low, high, share = self.bundle.siemens[0], self.bundle.siemens[-1], self.variation
        self.stuck = chance < share.stuck_hrs + share.stuck_lrs
        fresh = low * np.exp(share.d2d_sigma * self._rng.standard_normal(chance.shape))
        self.siemens = np.where(chance < share.stuck_hrs, low, np.where(self.stuck, high, fresh))

    def program(self, folder: str | Path) -> int:
        """Write what a bundle asks for: `reprogram.csv` where a readback made it, else all devices that can be.

        Gives their number.
        """
        path = Path(folder) / "reprogram.csv"
        pulses = list(_listed(path) if path.is_file() else _all(load_bundle(folder)))
        for place, target, low, high in pulses:
            for _ in range(self.attempts):
                self.writes += 1
                if not self.stuck[place]:
                    self.siemens[place] = target * np.exp(self.variation.d2d_sigma * self._rng.standard_normal())
                if low <= self.siemens[place] <= high:
                    break
        return len(pulses)

    def measure(self, path: str | Path, folder: str | Path | None = None) -> int:
        """Measure the devices that a bundle uses into a CSV file `tile,row,col,g_S`; gives their number."""
        bundle = self.bundle if folder is None else load_bundle(folder)
        places = bundle.table.used()
        noise = [1 + self.variation.c2c_read * self._rng.standard_normal() for _ in places]
        siemens = [max(self.siemens[place] * by, 0) for place, by in zip(places, noise, strict=True)]
        Path(path).write_text(measured_text(places, siemens))
        return len(places)


def _all(bundle: Bundle) -> Iterator[Pulse]:
    table = bundle.table
    healthy = np.flatnonzero(table["fault"] == "none")
    for k in healthy[np.argsort(table["order"][healthy])].tolist():
        place = (int(table["tile"][k]), int(table["row"][k]), int(table["col"][k]))
        yield place, float(table["g_target_S"][k]), float(table["g_lo_S"][k]), float(table["g_hi_S"][k])


def _listed(path: Path) -> Iterator[Pulse]:
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            place = (int(row["tile"]), int(row["row"]), int(row["col"]))
            yield place, float(row["g_target_S"]), float(row["g_lo_S"]), float(row["g_hi_S"])
