"""boolearn data files, `.dat`: what a network is trained and calibrated with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error
from circuitc.models.decimals import parse_decimal

from .base import read_bytes

MAX_BYTES = 1 << 28
FREE_INPUTS = {1: "a free one-hot input", 2: "free hypercube inputs"}

Spins = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a data file says: `inputs` float64[items, n] from -1 to +1, None where they are free; `outputs` spins.

    `free` is the input type of a generator, 1 (one-hot) or 2 (hypercube), else 0; `analog` inputs lie between -1 and
    +1; with `classes` the outputs are one-hot.
    """

    inputs: NDArray[np.float64] | None
    outputs: Spins
    free: int = 0
    analog: bool = False
    classes: int = 0


def read_dat(path: Path) -> tuple[Spins, Spins]:
    """Read a data file; answer inputs and outputs as spins, int64[items, n].

    Boolean data (type 2) is 0 and 1; analog inputs (type 0, numbers from 0 to 1) become +1 above one half, as
    boolearn's own inference does; a class label (type c > 2) becomes +1 at the class and -1 elsewhere. Free inputs are
    refused.
    """
    cursor = _cursor(path)
    items, kinds = _header(cursor)
    if kinds[0][1] == 0:
        raise cursor.wrong(f"the data has {FREE_INPUTS[kinds[0][0]]} (type `{kinds[0][0]} 0`): it describes a "
                           "generator, and holds no inputs to calibrate with")
    data = _items(cursor, items, kinds)
    assert data.inputs is not None
    return np.where(data.inputs > 0, 1, -1), data.outputs


def read_training(path: Path) -> TrainingData:
    """Read a data file with all that training can use: analog inputs as they are, free inputs as none."""
    cursor = _cursor(path)
    return _items(cursor, *_header(cursor))


def _cursor(path: Path) -> _Words:
    source = Source(str(path), read_ascii(path))
    assert source.text is not None
    return _Words(source, [(line, word) for line, text in enumerate(source.text.splitlines(), 1)
                           for word in text.split()])


def _header(cursor: _Words) -> tuple[int, list[tuple[int, int]]]:
    items = cursor.count("the number of items", 1)
    kinds = [(cursor.count(f"the {side} type", 0), cursor.count(f"the number of {side}s", 0))
             for side in ("input", "output")]
    _check_kinds(cursor, *kinds)
    return items, kinds


def _items(cursor: _Words, items: int, kinds: list[tuple[int, int]]) -> TrainingData:
    cursor.fit(items, kinds)
    (kind, number), (out_kind, out_number) = kinds
    inputs = np.empty((items, number))
    outputs = np.empty((items, out_number if out_kind == 2 else out_kind), np.int64)
    for item in range(items):
        inputs[item] = cursor.values(kind, number)
        outputs[item] = cursor.values(out_kind, out_number)
    free = kind if number == 0 else 0
    return TrainingData(None if free else inputs, outputs, free, kind == 0, out_kind if out_kind > 2 else 0)


def read_ascii(path: Path) -> str:
    """Read a file of plain text, or say in one line why not."""
    data = read_bytes(path, MAX_BYTES)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as e:
        raise error(f"byte {e.start} is {data[e.start]:#04x}, which is not plain text",
                    Span(Source(str(path)))) from None


def _check_kinds(cursor: _Words, inputs: tuple[int, int], outputs: tuple[int, int]) -> None:
    if not (inputs[0] in (0, 2) and inputs[1] >= 1) and not (inputs[0] in FREE_INPUTS and inputs[1] == 0):
        raise cursor.wrong(f"input type `{inputs[0]} {inputs[1]}` is not known",
                           "known are `2 n` (Boolean), `0 n` (analog), and the free inputs `1 0` and `2 0`")
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

    def values(self, kind: int, number: int) -> Sequence[float]:
        """Take one item's numbers of a kind, from -1 to +1."""
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

    def _analog(self) -> float:
        number = parse_decimal(self.take("a number"), Span(self.source, self.words[self.place - 1][0]))
        if not 0 <= number <= 1:
            raise self.wrong(f"expected a number from 0 to 1, got {self.words[self.place - 1][1]}")
        return float(2 * number - 1)
