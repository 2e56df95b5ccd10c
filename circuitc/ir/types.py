"""Types: what a value can hold. One frozen record that prints as it parses."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any, Literal

import numpy as np

from circuitc.diagnostics import error

Kind = Literal["fixed", "spin", "float"]
Shape = tuple[int, ...]

MAX_WIDTH = 64
MAX_FRACTION = 1024
MAX_ELEMENTS = 1 << 31
TYPES_HELP = "types are bit, spin, u8, i8, fx<8,4>, ufx<8,4>, f32, f64, and these with a shape such as i8[2,3]"


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a value: an element type and a static, row-major shape (rank 0 is a scalar).

    | kind    | values                          | raw number (what arrays hold) |
    |---------|---------------------------------|-------------------------------|
    | `fixed` | `raw * 2**-fraction`            | integer of `width` bits, two's complement if `signed` |
    | `spin`  | -1, +1                          | -1 or +1; as one bit, 1 means +1 |
    | `float` | IEEE 754 of `width` 32 or 64    | the number itself |

    `bit`, `u8` and `i8` are short prints of `ufx<1,0>`, `ufx<8,0>` and `fx<8,0>`. There is no batch axis.
    """

    kind: Kind
    width: int
    fraction: int = 0
    signed: bool = False
    shape: Shape = ()

    def __post_init__(self) -> None:
        if self.kind == "fixed" and not 1 <= self.width <= MAX_WIDTH:
            raise error(f"a width of {self.width} bits is outside 1..{MAX_WIDTH}",
                        help="requantize an operand to fewer bits" if self.width > MAX_WIDTH else "")
        if abs(self.fraction) > MAX_FRACTION:
            raise error(f"{self.fraction} fractional bits are outside -{MAX_FRACTION}..{MAX_FRACTION}")
        if any(d < 1 for d in self.shape):
            raise error(f"shape {list(self.shape)} has an axis shorter than 1")
        if prod(self.shape) > MAX_ELEMENTS:
            raise error(f"shape {list(self.shape)} has more than 2**31 elements")

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_exact(self) -> bool:
        return self.kind != "float"

    @property
    def is_spin(self) -> bool:
        return self.kind == "spin"

    @property
    def is_bit(self) -> bool:
        """True for the scalar or tensor type `bit`."""
        return self.scalar == BIT

    @property
    def is_integer(self) -> bool:
        return self.kind == "fixed" and self.fraction == 0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def bits(self) -> int:
        """The number of bits of the flattened value."""
        return self.size * self.width

    @property
    def scalar(self) -> Type:
        """The element type."""
        return replace(self, shape=()) if self.shape else self

    @property
    def lowest(self) -> int:
        """The least raw number (exact types only)."""
        return -1 if self.kind == "spin" else -(1 << (self.width - 1)) if self.signed else 0

    @property
    def highest(self) -> int:
        """The greatest raw number (exact types only)."""
        return 1 if self.kind == "spin" else (1 << (self.width - self.signed)) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy dtype of raw numbers: int64, object (Python integers) for 64 unsigned bits, or the float's own."""
        if self.kind == "float":
            return np.dtype(np.float32 if self.width == 32 else np.float64)
        return np.dtype(np.int64 if self.highest < 1 << 63 else object)

    def with_shape(self, shape: Shape) -> Type:
        """Give the same element type in another shape."""
        return self if shape == self.shape else replace(self, shape=tuple(shape))

    def holds(self, other: Type) -> bool:
        """Tell whether every value of `other` is a value of this type, unrounded and with the same shape."""
        if self == other:
            return True
        if self.shape != other.shape or self.kind == "spin":
            return False
        if self.is_float or other.is_float:
            return self.kind == other.kind and self.width >= other.width
        shift = self.fraction - other.fraction
        if shift < 0:
            return False
        return self.lowest <= other.lowest << shift and other.highest << shift <= self.highest

    def __str__(self) -> str:
        return _scalar_text(self.kind, self.width, self.fraction, self.signed) + (
            f"[{','.join(map(str, self.shape))}]" if self.shape else "")


def _scalar_text(kind: Kind, width: int, fraction: int, signed: bool) -> str:
    if kind == "spin":
        return "spin"
    if kind == "float":
        return f"f{width}"
    if fraction:
        return f"{'' if signed else 'u'}fx<{width},{fraction}>"
    return "bit" if (width, signed) == (1, False) else f"{'i' if signed else 'u'}{width}"


def fixed(width: int, fraction: int = 0, shape: Shape = ()) -> Type:
    """Make `fx<width,fraction>`: signed fixed point (an integer where fraction is 0)."""
    return Type("fixed", width, fraction, True, shape)


def ufixed(width: int, fraction: int = 0, shape: Shape = ()) -> Type:
    """Make `ufx<width,fraction>`: unsigned fixed point (an integer where fraction is 0)."""
    return Type("fixed", width, fraction, False, shape)


BIT = ufixed(1)
SPIN = Type("spin", 1)
F32 = Type("float", 32)
F64 = Type("float", 64)

_TYPE = re.compile(
    r"(?:(?P<name>bit|spin|f32|f64)|(?P<sign>[iu])(?P<width>\d{1,4})"
    r"|(?P<fx>u?fx)\s*<\s*(?P<w>\d{1,4})\s*,\s*(?P<f>-?\d{1,4})\s*>)\s*"
    r"(?:\[\s*(?P<shape>\d{1,18}(?:\s*,\s*\d{1,18})*)?\s*\])?", re.ASCII)
_NAMED = {"bit": BIT, "spin": SPIN, "f32": F32, "f64": F64}


@lru_cache(maxsize=4096)
def parse_type(text: str) -> Type:
    """Read a type from its print, such as `fx<8,4>[3,3]`."""
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise error(f"{text!r} is not a type", help=TYPES_HELP)
    shape = tuple(int(d) for d in match["shape"].split(",")) if match["shape"] else ()
    if match["name"]:
        return _NAMED[match["name"]].with_shape(shape)
    if match["sign"]:
        return Type("fixed", int(match["width"]), 0, match["sign"] == "i", shape)
    return Type("fixed", int(match["w"]), int(match["f"]), match["fx"] == "fx", shape)


def smallest(lowest: int, highest: int, fraction: int = 0, shape: Shape = ()) -> Type:
    """Give the narrowest fixed-point type that holds the raw numbers lowest..highest."""
    assert lowest <= highest
    signed = lowest < 0
    width = max(max(highest, 0).bit_length(), (~lowest).bit_length() if signed else 0) + signed
    return Type("fixed", max(1, width), fraction, signed, shape)


def index_type(count: int, shape: Shape = ()) -> Type:
    """Give the unsigned type that holds 0..count-1."""
    return smallest(0, max(1, count - 1), 0, shape)
