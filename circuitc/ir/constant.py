"""Constants: read-only tensors inside a program, compared and named by their content."""

from __future__ import annotations

import hashlib
import operator
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuitc.diagnostics import error

from .types import Type

Storage = Literal["dense", "csr", "block", "nm", "columns"]
BLOCK = 8  # neighbours that `block` keeps together


class Constant:
    """A tensor known at compile time: its type, its raw numbers, and how backends should store it.

    `array` has exactly the type's shape and dtype and is read-only. `storage` is a wish, never a type: of a
    matrix `csr` asks for rows of non-zero entries, `block` for rows of groups of BLOCK neighbours that are not all
    zero, `nm` for rows of equally many entries (what N:M pruning leaves), `columns` for whole columns, read only where
    what they are multiplied with is not zero (spikes). Equality and hash are those of the content.
    """

    __slots__ = ("__dict__", "array", "storage", "type")

    def __init__(self, type: Type, values: ArrayLike, storage: Storage = "dense") -> None:
        self.type = type
        self.storage: Storage = storage
        self.array: NDArray[Any] = _checked(type, values)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of type, storage and content, in hexadecimal."""
        array = self.array
        content = repr(array.ravel().tolist()).encode() if array.dtype == object else (
            array.astype(array.dtype.newbyteorder("<")).tobytes())
        return hashlib.sha256(f"{self.type} {self.storage}\n".encode() + content).hexdigest()

    @cached_property
    def is_uniform(self) -> bool:
        """True where one number fills an exact tensor; it then prints as that number."""
        flat = self.array.ravel()
        return self.type.is_exact and bool(flat[0] == flat[-1]) and bool(np.all(flat == flat[0]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and (self is other or self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Constant({self.type}, {self.digest[:12]})"


def _checked(type: Type, values: ArrayLike) -> NDArray[Any]:
    """Copy values into the type's own dtype and shape, or refuse them."""
    listed = type.dtype == object and not isinstance(values, np.ndarray)  # numpy makes [0, 2**63] floats
    raw = np.array(values, dtype=type.dtype if type.is_float or listed else None)
    if raw.shape != type.shape:
        raise error(f"a constant of type {type} needs shape {list(type.shape)}, got {list(raw.shape)}")
    if type.is_exact:
        if raw.dtype.kind not in "iubO":
            raise error(f"a constant of type {type} holds raw integers, got {raw.dtype}")
        if raw.dtype.kind == "O":
            try:
                raw = np.asarray(np.frompyfunc(operator.index, 1, 1)(raw), dtype=object)
            except TypeError as e:
                raise error(f"a constant of type {type} holds raw integers: {e}") from None
        wrong = (raw < type.lowest) | (raw > type.highest) | ((raw == 0) if type.is_spin else False)
        if np.any(wrong):
            raise error(f"{raw[np.asarray(wrong, dtype=bool)].ravel()[0]} is not a raw number of {type.scalar}")
        raw = raw.astype(type.dtype)
    else:
        raw[np.isnan(raw)] = np.nan  # one NaN: its sign and payload mean nothing and have no print
    raw.setflags(write=False)
    return raw
