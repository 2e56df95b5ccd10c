"""boolearn data files, `.dat`: what a network is trained and calibrated with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error
from circuitc.models.decimals import parse_decimal

from .base import read_bytes

MAX_BYTES = 1 << 28
FREE_INPUTS = {1: "a free one-hot input", 2: "free hypercube inputs"}

Spins = NDArray[np.int64]


def read_dat(path: Path) -> tuple[Spins, Spins]:
    """Read a data file; answer inputs and outputs as spins, int64[items, n].

    Boolean data (type 2) is 0 and 1; analog inputs (type 0, numbers from 0 to 1) become +1 above one half, as
    boolearn's own inference does; a class label (type c > 2) becomes +1 at the class and -1 elsewhere. Free inputs are
    refused.
    """
    source = Source(str(path), read_ascii(path))
    assert source.text is not None
    words = [(line, word) for line, text in enumerate(source.text.splitlines(), 1) for word in text.split()]
    cursor = _Words(source, words)
    items = cursor.count("the number of items", 1)
    kinds = [(cursor.count(f"the {side} type", 0), cursor.count(f"the number of {side}s", 0))
             for side in ("input", "output")]
    _check_kinds(cursor, *kinds)
    cursor.fit(items, kinds)
    inputs, outputs = (np.empty((items, n if kind in (0, 2) else kind), np.int64) for kind, n in kinds)
    for item in range(items):
        for array, (kind, number) in zip((inputs, outputs), kinds, strict=True):
            array[item] = cursor.spins(kind, number)
    return inputs, outputs


def read_ascii(path: Path) -> str:
    """Read a file of plain text, or say in one line why not."""
    data = read_bytes(path, MAX_BYTES)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as e:
        raise error(f"byte {e.start} is {data[e.start]:#04x}, which is not plain text",
                    Span(Source(str(path)))) from None


def _check_kinds(cursor: _Words, inputs: tuple[int, int], outputs: tuple[int, int]) -> None:
    if inputs[1] == 0 and inputs[0] in FREE_INPUTS:
        raise cursor.wrong(f"the data has {FREE_INPUTS[inputs[0]]} (type `{inputs[0]} 0`): it describes a generator, "
                           "and holds no inputs to calibrate with")
    if inputs[0] not in (0, 2) or inputs[1] < 1:
        raise cursor.wrong(f"input type `{inputs[0]} {inputs[1]}` is not known",
                           "known are `2 n` (Boolean) and `0 n` (analog)")
    if not (outputs[0] == 2 and outputs[1] >= 1) and not (outputs[0] > 2 and outputs[1] == 1):
        raise cursor.wrong(f"output type `{outputs[0]} {outputs[1]}` is not known",
                           "known are `2 n` (Boolean) and `c 1` (one of c classes)")


class _Words:
    """The words of a data file, taken one by one."""

    def __init__(self, source: Source, words: list[tuple[int, str]]) -> None:
        self.source, self.words, self.place = source, words, 0

    def wrong(self, message: str, help: str = "") -> Exception:
        line = self.words[max(0, min(self.place, len(self.words)) - 1)][0] if self.words else 0
        return error(message, Span(self.source, line), help)

    def take(self, what: str) -> str:
        if self.place >= len(self.words):
            raise self.wrong(f"the file ends where {what} should be")
        self.place += 1
        return self.words[self.place - 1][1]

    def count(self, what: str, least: int) -> int:
        word = self.take(what)
        if not re.fullmatch(r"\d{1,9}", word) or int(word) < least:
            raise self.wrong(f"expected {what}, got {word[:40]!r}")
        return int(word)

    def fit(self, items: int, kinds: list[tuple[int, int]]) -> None:
        """Check that the file holds as many words as the counts say, before memory is taken for them."""
        wanted, there = items * sum(number for _, number in kinds), len(self.words) - self.place
        if wanted != there:
            raise self.wrong(f"{items} items of {kinds[0][1]} inputs and {kinds[1][1]} outputs are {wanted} numbers, "
                             f"the file has {there}")
        classes = max(kind for kind, _ in kinds)
        if items * classes > MAX_BYTES:
            raise self.wrong(f"{items} items of {classes} classes are too many")

    def spins(self, kind: int, number: int) -> Sequence[int]:
        if kind > 2:
            label = self.take("a class")
            if not re.fullmatch(r"\d{1,9}", label) or int(label) >= kind:
                raise self.wrong(f"expected a class from 0 to {kind - 1}, got {label[:40]!r}")
            return [1 if c == int(label) else -1 for c in range(kind)]
        return [self._analog() if kind == 0 else self._bit() for _ in range(number)]

    def _bit(self) -> int:
        word = self.take("a bit")
        if word not in ("0", "1"):
            raise self.wrong(f"expected 0 or 1, got {word[:40]!r}")
        return 1 if word == "1" else -1

    def _analog(self) -> int:
        number = parse_decimal(self.take("a number"), Span(self.source, self.words[self.place - 1][0]))
        if not 0 <= number <= 1:
            raise self.wrong(f"expected a number from 0 to 1, got {self.words[self.place - 1][1]}")
        return 1 if 2 * number > 1 else -1
