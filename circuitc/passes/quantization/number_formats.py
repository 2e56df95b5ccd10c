"""Number formats as pipelines write them: `i8`, `u4`, `8`, `binary`, `ternary`, `fx<8,4>`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Type, parse_type

MAX_BITS = 16
_WORD = re.compile(r"([iu]?)(\d{1,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How numbers are stored: `bits`, and `signed` (None: as the range asks); `type` where the point is given too."""

    kind: Literal["integer", "binary", "ternary", "fixed"]
    bits: int
    signed: bool | None = None
    type: Type | None = None

    def __str__(self) -> str:
        if self.kind == "integer":
            return {None: "", True: "i", False: "u"}[self.signed] + str(self.bits)
        return str(self.type) if self.kind == "fixed" else self.kind


def parse_weights(text: str) -> NumberFormat:
    """Read a format of weights: `i1`..`i16` (i1 is binary), `binary`, `ternary`, or a fixed-point type."""
    if text in ("binary", "i1"):
        return NumberFormat("binary", 1, True)
    if text == "ternary":
        return NumberFormat("ternary", 2, True)
    found = _WORD.fullmatch(text)
    if found and found[1] != "u" and 2 <= int(found[2]) <= MAX_BITS:
        return NumberFormat("integer", int(found[2]), True)
    return _fixed("weights", text, f"i1 to i{MAX_BITS}, binary, ternary, or a type such as fx<8,6>")


def parse_activations(text: str) -> NumberFormat:
    """Read a format of activations: `8` (signed where the range needs it), `i8`, `u8`, or a fixed-point type."""
    found = _WORD.fullmatch(text)
    signed = {"": None, "i": True, "u": False}[found[1]] if found else None
    if found and (2 if signed else 1) <= int(found[2]) <= MAX_BITS:
        return NumberFormat("integer", int(found[2]), signed)
    return _fixed("activations", text, f"1 to {MAX_BITS} (bits), i2 to i{MAX_BITS}, u1 to u{MAX_BITS}, "
                                       "or a type such as fx<8,4>")


def _fixed(what: str, text: str, takes: str) -> NumberFormat:
    try:
        t = parse_type(text) if "fx" in text else None
    except CircuitError:
        t = None
    if t is None or t.rank or t.width > MAX_BITS:
        raise error(f"quantize: {what} are {takes}, got {text or 'nothing'}")
    return NumberFormat("fixed", t.width, t.signed, t)
