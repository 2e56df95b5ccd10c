"""Grids: which real numbers the raw numbers of a type stand for, chosen from what calibration saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Encoding, Type, fixed, ufixed

from .number_formats import NumberFormat

Floats = NDArray[np.float64]
Method = Literal["minmax", "percentile", "mse"]
Scales = Literal["power-of-two", "arbitrary"]
Scheme = Literal["symmetric", "affine"]

SHRINKS = np.linspace(1.0, 0.3, 29)  # parts of the range that the search for the least squared error tries


@dataclass(frozen=True, slots=True)
class Statistics:
    """What calibration saw of a value: its range, and some of its numbers."""

    low: float
    high: float
    sample: Floats


@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers of an exact type read as `(number - zero) * scale`, where number is raw * 2**-fraction."""

    type: Type
    scale: float = 1.0
    zero: int = 0

    @property
    def step(self) -> float:
        """The distance of two neighbours."""
        return self.scale * 2.0 ** -self.type.fraction

    @property
    def low(self) -> float:
        return (self.type.lowest * 2.0 ** -self.type.fraction - self.zero) * self.scale

    @property
    def high(self) -> float:
        return (self.type.highest * 2.0 ** -self.type.fraction - self.zero) * self.scale

    @property
    def encoding(self) -> Encoding:
        """What a port of this grid says to those who give and take real numbers."""
        return Encoding(scale=self.scale, zero_point=self.zero)

    def raw(self, real: Any) -> NDArray[np.int64]:
        """Give the nearest raw numbers."""
        exact = np.ldexp(np.asarray(real, np.float64) / self.scale + self.zero, self.type.fraction)
        return np.clip(np.rint(exact), self.type.lowest, self.type.highest).astype(np.int64)

    def real(self, raw: Any) -> Floats:
        """Give the real numbers that raw numbers stand for."""
        return (np.ldexp(np.asarray(raw, np.float64), -self.type.fraction) - self.zero) * self.scale


@dataclass(frozen=True, slots=True)
class GridChoice:
    """How grids of activations are chosen."""

    scales: Scales
    scheme: Scheme
    method: Method
    percentile: float

    def choose(self, wanted: NumberFormat, seen: Statistics) -> Grid:
        """Give the grid of a format for a value; zero is always one of its numbers."""
        if wanted.type is not None:
            return Grid(wanted.type)
        low, high = seen.low, seen.high
        if self.method == "percentile":
            low, high = (float(q) for q in np.quantile(seen.sample, [1 - self.percentile / 100, self.percentile / 100]))
        low, high = min(low, 0.0), max(high, 0.0)
        if self.method != "mse":
            return self._cover(wanted, low, high)
        grids = [self._cover(wanted, low * part, high * part) for part in SHRINKS]
        return min(grids, key=lambda g: float(np.sum((g.real(g.raw(seen.sample)) - seen.sample) ** 2)))

    def _cover(self, wanted: NumberFormat, low: float, high: float) -> Grid:
        """Give the finest grid of a format that reaches from low to high."""
        if not max(-low, high) > 1e-30:
            high = 1.0  # a value that was always zero; any grid will do
        signed = low < 0 if wanted.signed is None and self.scheme == "symmetric" else bool(wanted.signed)
        t = fixed(wanted.bits) if signed else ufixed(wanted.bits)
        if self.scheme == "affine" or (not signed and low < 0):
            return self._affine(t, low, high)
        scale = self._scale(max(high / max(t.highest, 1), -low / max(-t.lowest - 1, 1) if signed else 0.0))
        return self._plain(t, scale)

    def _affine(self, t: Type, low: float, high: float) -> Grid:
        scale = self._scale((high - low) / (t.highest - t.lowest))
        zero = min(max(t.lowest + round(-low / scale), t.lowest), t.highest)
        return Grid(t, scale, zero) if zero else self._plain(t, scale)

    def _plain(self, t: Type, scale: float) -> Grid:
        """Give a grid around zero; a power of two goes into the type, so that no scale is left."""
        if self.scales == "arbitrary":
            return Grid(t, scale)
        return Grid(Type("fixed", t.width, -exponent(scale), t.signed))

    def _scale(self, least: float) -> float:
        return least if self.scales == "arbitrary" else 2.0 ** exponent(least)


def exponent(least: float) -> int:
    """Give the exponent of the smallest power of two that is not below a number (up to its rounding)."""
    return int(np.ceil(np.log2(least) - 1e-9))
