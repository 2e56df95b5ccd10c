"""Raw numbers at the ports of native code: checked, brought to compact storage, and passed by address.

A call of a small network takes microseconds, so all that a port alone decides is worked out once, in `Place`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error, nearest
from circuitc.ir import Func, Port

from .memory import compact_dtype, storage_bits

Raw = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A port as native code sees it: `compact` elements [batch, (steps,) *shape].

    `full` says that every element of the compact type is a number of the port's type, so that none needs to be checked.
    """

    port: Port
    stepped: bool
    shape: tuple[int, ...]
    compact: np.dtype[Any]
    wide: np.dtype[Any]
    full: bool

    def checked(self, given: Any) -> Raw:
        """Bring raw numbers of the right shape to compact storage, or refuse them."""
        raw = np.asarray(given)
        lead = 1 + self.stepped
        if raw.ndim != lead + len(self.shape) or raw.shape[lead:] != self.shape:
            axes = ["batch", "steps"][:lead]
            raise error(f"input {self.port.name} takes shape "
                        f"[{', '.join([*axes, *map(str, self.shape)])}], got {list(raw.shape)}")
        if raw.dtype != self.compact or not self.full:
            in_range(self.port, raw)
        return np.ascontiguousarray(raw, self.compact)

    def empty(self, batch: int, steps: int) -> Raw:
        """Make room for raw numbers in compact storage."""
        return np.empty((batch, steps, *self.shape) if self.stepped else (batch, *self.shape), self.compact)

    def answer(self, stored: Raw) -> Raw:
        """Bring stored elements to the type's own dtype."""
        return stored if stored.dtype == self.wide else stored.astype(self.wide)


def place_of(func: Func, port: Port) -> Place:
    t = port.type
    full = t.is_float or (not t.is_spin and t.width == storage_bits(t))
    return Place(port, func.is_stepped(port), t.shape, compact_dtype(t), np.dtype(t.dtype), full)


def in_range(port: Port, raw: Raw) -> Raw:
    """Refuse raw numbers that the port's type does not hold: compact storage would fold them into others."""
    t = port.type
    if t.is_float:
        return raw
    if raw.dtype.kind not in "biuO":
        raise error(f"input {port.name} takes raw numbers, got {raw.dtype}", help="encode real values first")
    if raw.size and (raw.min() < t.lowest or raw.max() > t.highest or (t.is_spin and bool(np.any(raw == 0)))):
        raise error(f"input {port.name} has a raw number that {t.scalar} does not hold",
                    help=f"raw numbers of {t.scalar} run from {t.lowest} to {t.highest}")
    return raw


def checked_inputs(func: Func, places: Sequence[Place], inputs: Mapping[str, Any]) -> list[Raw]:
    """Check and bring to compact storage what is given for each input port."""
    if inputs.keys() - (names := [p.port.name for p in places]):
        name = next(n for n in inputs if n not in names)
        raise error(f"@{func.name} has no input {name}", help=nearest(name, names))
    checked: list[Raw] = []
    for place in places:
        if place.port.name not in inputs:
            raise error(f"@{func.name} needs the input {place.port.name}: {place.port.type}")
        checked.append(place.checked(inputs[place.port.name]))
    return same_batch(func, checked)


def same_batch(func: Func, arrays: list[Raw]) -> list[Raw]:
    """Refuse arrays of different batch sizes."""
    if len(arrays) > 1 and len(batches := {len(a) for a in arrays}) > 1:
        raise error(f"inputs of @{func.name} have different batch sizes: {sorted(batches)}")
    return arrays


def address(array: Raw) -> int:
    """Give where an array lies; a third of the time that `array.ctypes.data` takes."""
    return array.__array_interface__["data"][0]


def pointers(arrays: Sequence[Raw]) -> Any:
    """Lay addresses out as C wants them."""
    return (ctypes.c_uint64 * max(1, len(arrays)))(*map(address, arrays))
