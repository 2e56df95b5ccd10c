"""Constant weights on integer grids: per tensor or per channel; binary and ternary with the scale of least error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import SPIN, Constant, Type, smallest
from circuitc.ir.constant import Storage

from .grids import SHRINKS, Floats, Scales, Scheme
from .number_formats import NumberFormat

Fit = Literal["minmax", "mse"]
_MOST_SPREAD = 12  # powers of two between the scales of channels; more would make wide multipliers of tiny weights


@dataclass(frozen=True, slots=True)
class Weights:
    """Raw integers, and the scale of each channel (an axis of 1 where all channels share it)."""

    type: Type
    raw: NDArray[np.int64]
    scale: Floats

    @property
    def real(self) -> Floats:
        """The numbers that the raw ones stand for."""
        return np.ldexp(self.raw.astype(np.float64), -self.type.fraction) * self.scale

    def constant(self, storage: Storage) -> Constant:
        return Constant(self.type.with_shape(self.raw.shape), self.raw, storage)


@dataclass(frozen=True, slots=True)
class WeightChoice:
    """How weights are brought to integers."""

    scales: Scales
    scheme: Scheme
    fit: Fit

    def quantize(self, wanted: NumberFormat, real: Floats, channels: tuple[int, ...]) -> Weights:
        """Quantize weights; each index along the axes `channels` gets its own scale."""
        axes = tuple(k for k in range(real.ndim) if k not in channels)
        if wanted.type is not None:
            t = wanted.type
            raw = np.clip(np.rint(np.ldexp(real, t.fraction)), t.lowest, t.highest).astype(np.int64)
            return Weights(t, raw, np.ones((1,) * real.ndim))
        match wanted.kind:
            case "binary":
                return self._binary(real, axes)
            case "ternary":
                return self._ternary(real, axes)
            case _:
                return self._integer(wanted.bits, real, axes)

    def _binary(self, real: Floats, axes: tuple[int, ...]) -> Weights:
        """Signs times their mean magnitude, which has the least squared error (Rastegari et al. 2016, eq. 6)."""
        raw = np.where(real < 0, -1, 1).astype(np.int64)
        return self._made(SPIN, raw, np.abs(real).mean(axis=axes, keepdims=True))

    def _ternary(self, real: Floats, axes: tuple[int, ...]) -> Weights:
        """-1, 0, +1 by a threshold of 0.7 mean magnitudes (Li, Liu 2016, eq. 6); the kept ones give the scale."""
        size = np.abs(real)
        kept = size > 0.7 * size.mean(axis=axes, keepdims=True)
        scale = (size * kept).sum(axis=axes, keepdims=True) / np.maximum(kept.sum(axis=axes, keepdims=True), 1)
        return self._made(smallest(-1, 1), np.where(kept, np.sign(real), 0).astype(np.int64), scale)

    def _integer(self, bits: int, real: Floats, axes: tuple[int, ...]) -> Weights:
        low = np.minimum(real.min(axis=axes, keepdims=True), 0.0)
        high = np.maximum(real.max(axis=axes, keepdims=True), 0.0)
        parts = SHRINKS if self.fit == "mse" else SHRINKS[:1]
        tried = [self._covered(bits, real, low * part, high * part) for part in parts]
        errors = np.stack([((raw * scale - real) ** 2).sum(axis=axes, keepdims=True) for raw, scale in tried])
        best = np.argmin(errors, axis=0)
        scale = np.take_along_axis(np.stack([s for _, s in tried]), best[None], axis=0)[0]
        raws = np.stack([raw for raw, _ in tried])
        raw = np.take_along_axis(raws, np.broadcast_to(best, real.shape)[None], axis=0)[0].astype(np.int64)
        half = (1 << (bits - 1)) - 1
        t = smallest(-half, half) if self.scheme == "symmetric" else smallest(int(raw.min()), int(raw.max()))
        return self._made(t, raw, scale)

    def _covered(self, bits: int, real: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Round to the grid that covers low..high: integers and their scales."""
        half = (1 << (bits - 1)) - 1
        if self.scheme == "symmetric":
            scale = self._rounded(np.maximum(-low, high) / half, up=True)
            return np.clip(np.rint(real / scale), -half, half), scale
        count = (1 << bits) - 1
        scale = self._rounded((high - low) / count, up=True)
        zero = np.rint(-low / scale)
        return np.clip(np.rint(real / scale), -zero, count - zero), scale

    def _rounded(self, scale: Floats, *, up: bool) -> Floats:
        scale = np.where(scale > 1e-30, scale, 1.0)  # of a channel of zeros
        if self.scales == "arbitrary":
            return scale
        exponents = np.ceil(np.log2(scale) - 1e-9) if up else np.rint(np.log2(scale))
        return np.exp2(np.maximum(exponents, exponents.max() - _MOST_SPREAD))

    def _made(self, t: Type, raw: NDArray[np.int64], scale: Floats) -> Weights:
        """Put a power of two that all channels share into the type's fraction."""
        if t.is_spin or self.scales == "power-of-two":
            scale = self._rounded(scale, up=False)
        if self.scales == "power-of-two" and not t.is_spin and np.all(scale == scale.flat[0]):
            fraction = -int(np.log2(scale.flat[0]))
            return Weights(Type("fixed", t.width, fraction, t.signed), raw, np.ones_like(scale))
        return Weights(t, raw, scale)
