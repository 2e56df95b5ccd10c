"""How whole weights become levels of devices: the encodings, what each costs, and which one a region gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error, nearest

from .regions import Region

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to hold signed weights in devices that conduct only one way.

    `row_roles` are the wordlines of an input (`true`, and `complement`, driven with the inverted bit); `column_roles`
    the bitlines of an output for each slice; `shared` a bitline that all outputs of a tile are measured against.
    """

    name: str
    words: str
    row_roles: tuple[str, ...]
    column_roles: tuple[str, ...]
    shared: str = ""


ENCODINGS: Mapping[str, Encoding] = MappingProxyType({e.name: e for e in (
    Encoding("diff_pair", "two bitlines an output, their difference sensed: off currents cancel",
             ("true",), ("pos", "neg")),
    Encoding("dual_rail", "two wordlines an input, the second driven with its inverse: one bitline an output",
             ("true", "complement"), ("single",)),
    Encoding("offset", "every weight raised by one constant, which a reference bitline of the tile takes off again",
             ("true",), ("offset",), "ref"),
    Encoding("single", "weights that are not negative as they are: off currents add up with the inputs",
             ("true",), ("single",)))})


@dataclass(frozen=True)
class Encoded:
    """A region's weights as levels: `levels[row role][slice][column role]` is [outputs, inputs] of 0..top.

    A weight is the sum over slices of `base ** slice` times (pos - neg), or what the encoding says. `offset` is what
    `offset` raised every weight by.
    """

    encoding: Encoding
    weights: Integers
    levels: Mapping[tuple[str, int, str], Integers]
    slices: int
    base: int
    offset: int = 0


def find_encoding(region: Region, name: str) -> Encoding:
    """Give an encoding by name; one that cannot hold a region's weights is refused."""
    if name not in ENCODINGS:
        raise error(f"there is no encoding {name!r}", help=nearest(name, [*ENCODINGS, "auto"]))
    if name == "single" and np.any(region.weights < 0):
        raise error(f"@{region.name} has negative weights, which the encoding single cannot hold",
                    help="use diff_pair, dual_rail, offset or auto")
    return ENCODINGS[name]


def encode(region: Region, encoding: Encoding, levels: int) -> Encoded:
    """Write the weights in digits of `levels` levels, lowest slice first."""
    w = region.weights
    offset = 0
    if encoding.name == "offset":
        offset = int(max(0, -w.min(initial=0)))
        parts: dict[tuple[str, str], Any] = {("true", "offset"): w + offset}
    elif encoding.name == "diff_pair":
        parts = {("true", "pos"): np.maximum(w, 0), ("true", "neg"): np.maximum(-w, 0)}
    elif encoding.name == "dual_rail":
        parts = {("true", "single"): np.maximum(w, 0), ("complement", "single"): np.maximum(-w, 0)}
    else:
        parts = {("true", "single"): w}
    greatest = max(int(p.max(initial=0)) for p in parts.values())
    greatest = max(greatest, offset)
    slices = 1
    while levels ** slices <= greatest:
        slices += 1
    digits = {(row, s, column): part // levels ** s % levels
              for (row, column), part in parts.items() for s in range(slices)}
    return Encoded(encoding, w, digits, slices, levels, offset)
