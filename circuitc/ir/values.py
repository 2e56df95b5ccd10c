"""Numbers at the edge of a program: real values to raw numbers and back, raw numbers to bits and back."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuitc.diagnostics import error

from .op import Raw
from .ops.structure import raw_bits
from .types import Type

if TYPE_CHECKING:
    from .func import Port, Register

Bits = NDArray[np.uint8]


def flatten_bits(types: Sequence[Type], values: Sequence[Raw]) -> Bits:
    """Give the bits of values, uint8[batch, bits]: port order, row major, least significant bit first."""
    parts = [raw_bits(t, v).reshape(len(v), -1).astype(np.uint8) for t, v in zip(types, values, strict=True)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.uint8)


def unflatten_bits(types: Sequence[Type], bits: NDArray[np.generic]) -> list[Raw]:
    """Give the raw numbers that flattened bits stand for: the inverse of `flatten_bits`."""
    values: list[Raw] = []
    start = 0
    for t in types:
        part = bits[:, start:start + t.bits].reshape(len(bits), *t.shape, t.width)
        values.append(_words(t, part))
        start += t.bits
    assert start == bits.shape[1], "as many bits as the types have"
    return values


def _words(t: Type, bits: NDArray[np.generic]) -> Raw:
    wide = t.width > 62
    word = np.zeros(bits.shape[:-1], dtype=object if wide else np.int64)
    for k in range(t.width):
        column = bits[..., k].astype(np.int64)
        word = word + (column.astype(object) if wide else column) * (1 << k)
    if t.is_spin:
        word = 2 * word - 1
    elif t.signed:
        word = np.where(word > t.highest, word - (1 << t.width), word)
    return np.asarray(word).astype(t.dtype)


def encode(port: Port, values: ArrayLike, lead: int = 1) -> Raw:
    """Turn real values into a port's raw numbers: rounded to nearest even, refused where they do not fit.

    `values` has `lead` axes (batch, and steps where the port has them) before the port's shape.
    """
    t, e = port.type, port.encoding
    real = np.asarray(values)
    if real.dtype.kind not in "biufO":
        raise error(f"input {port.name} takes numbers, got {real.dtype}")
    if e.levels and real.shape[lead:] == t.shape[:-1]:
        real = real[..., None] > np.array(e.levels)
    if real.shape[lead:] != t.shape or real.ndim != lead + t.rank:
        axes = ["batch", "steps"][:lead]
        raise error(f"input {port.name} takes shape [{', '.join([*axes, *map(str, t.shape)])}], got {list(real.shape)}")
    if t.is_float:
        return real.astype(t.dtype)
    plain = e.scale == 1.0 and e.zero_point == 0 and e.offset == 0 and t.fraction >= 0
    if plain and _is_whole(real):
        wide = t.fraction > 0 or t.dtype == object or real.dtype == np.uint64 or real.dtype.kind == "O"
        raw: Any = real.astype(object if wide else np.int64) * (1 << t.fraction)
    else:
        numbers = real.astype(np.float64)
        if not np.all(np.isfinite(numbers)):
            raise error(f"input {port.name} has a number that is not finite")
        number = (numbers - e.offset) / e.scale + e.zero_point
        raw = np.frompyfunc(int, 1, 1)(np.rint(np.ldexp(number, t.fraction)))
    if t.is_spin and raw.size and not np.any(np.asarray(raw < 0)) and np.any(np.asarray(raw == 0)):
        raw = 2 * raw - 1  # bits given for spins: 1 means +1
    wrong = np.asarray((raw < t.lowest) | (raw > t.highest) | ((raw == 0) if t.is_spin else False), dtype=bool)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise error(f"input {port.name}{list(place)} is {real[place]}, which {t.scalar} does not hold",
                    help=f"raw numbers of {t.scalar} run from {t.lowest} to {t.highest}")
    return np.asarray(raw).astype(t.dtype)


def check_raw(what: str, t: Type, raw: NDArray[Any]) -> None:
    """Refuse what are no raw numbers of a type: other kinds of values, and numbers that it does not hold."""
    kinds = "biuf" if t.is_float else "biu"
    if raw.dtype.kind not in kinds and not (
            raw.dtype.kind == "O" and all(isinstance(v, Real if t.is_float else Integral) for v in raw.flat)):
        raise error(f"{what} takes raw numbers, got {raw.dtype}",
                    help="" if t.is_float else "encode real values first")
    if t.is_float or not raw.size:
        return
    if raw.dtype == np.int64 and t.lowest == 0 and raw.flags.c_contiguous:
        outside = int(raw.view(np.uint64).max()) > t.highest  # one look: what is negative is very large
    else:
        outside = bool(raw.min() < t.lowest or raw.max() > t.highest or (t.is_spin and np.any(raw == 0)))
    if outside:
        raise error(f"{what} has a raw number that {t.scalar} does not hold",
                    help=f"raw numbers of {t.scalar} run from {t.lowest} to {t.highest}")


def given_state(register: Register, given: ArrayLike, batch: int) -> Raw:
    """Give the first numbers of a register, [batch, *shape], from [batch, *shape] or [*shape]."""
    t, raw = register.type, np.asarray(given)
    if raw.shape not in (t.shape, (1, *t.shape), (batch, *t.shape)):
        raise error(f"register {register.name} takes shape {[batch, *t.shape]} or {list(t.shape)}, "
                    f"got {list(raw.shape)}")
    check_raw(f"register {register.name}", t, raw)
    return np.broadcast_to(raw.astype(t.dtype), (batch, *t.shape))


def _is_whole(real: NDArray[Any]) -> bool:
    """Tell whether an array holds integers; such numbers never pass through a float."""
    return real.dtype.kind in "biu" or (real.dtype.kind == "O" and all(isinstance(v, int) for v in real.flat))


def decode(port: Port, raw: Raw) -> NDArray[Any]:
    """Turn a port's raw numbers into real values; whole numbers stay integers."""
    t, e = port.type, port.encoding
    if t.is_float or (t.fraction == 0 and e.scale == 1.0 and e.zero_point == 0 and e.offset == 0):
        return raw
    number = np.ldexp(raw.astype(np.float64), -t.fraction)
    return (number - e.zero_point) * e.scale + e.offset


def random_raw(t: Type, batch: int, rng: np.random.Generator) -> Raw:
    """Draw raw numbers of a type, all equally likely (floats: normal), shape [batch, *shape]."""
    shape = (batch, *t.shape)
    if t.is_float:
        return rng.standard_normal(shape).astype(t.dtype)
    if t.is_spin:
        return rng.integers(0, 2, shape) * 2 - 1
    raw = rng.integers(t.lowest, t.highest, shape, endpoint=True, dtype=np.int64 if t.signed else np.uint64)
    return raw.astype(t.dtype)
