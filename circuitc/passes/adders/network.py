"""Graphs of two-input adders that compute linear functions with integer coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .digits import Digit

Integers = NDArray[np.int64]


class Adder(NamedTuple):
    """The sum of two digits; one of them has shift 0, and at most one is negative."""

    a: Digit
    b: Digit


@dataclass(frozen=True)
class Network:
    """Values 0..inputs-1 are the inputs, then one value an adder, each of earlier ones; an output is a digit or 0."""

    inputs: int
    adders: tuple[Adder, ...]
    outputs: tuple[Digit | None, ...]

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Give the number of adders in a row before each value, its own included."""
        depths = [0] * self.inputs
        for a, b in self.adders:
            depths.append(1 + max(depths[a.value], depths[b.value]))
        return tuple(depths)

    @property
    def depth(self) -> int:
        """Give the largest number of adders in a row."""
        return max(self.depths, default=0)

    @cached_property
    def coefficients(self) -> Integers:
        """Give what each value is as a sum of the inputs: int64[values, inputs]."""
        rows = np.zeros((self.inputs + len(self.adders), self.inputs), np.int64)
        rows[:self.inputs] = np.eye(self.inputs, dtype=np.int64)
        for k, (a, b) in enumerate(self.adders, self.inputs):
            rows[k] = _scaled(rows[a.value], a) + _scaled(rows[b.value], b)
        return rows


def evaluate(network: Network, x: Integers) -> Integers:
    """Compute the outputs for samples of inputs: int64[samples, inputs] to int64[samples, outputs]."""
    values = [np.asarray(column, np.int64) for column in x.T]
    for a, b in network.adders:
        values.append(_scaled(values[a.value], a) + _scaled(values[b.value], b))
    zero = np.zeros(len(x), np.int64)
    columns = [zero if d is None else _scaled(values[d.value], d) for d in network.outputs]
    return np.stack(columns, axis=1) if columns else np.zeros((len(x), 0), np.int64)


def ranges_of(network: Network, low: int, high: int) -> Sequence[tuple[int, int]]:
    """Give the least and the greatest number of each value, where every input lies in low..high; both are reached."""
    rows = network.coefficients
    plus = np.where(rows > 0, rows, 0).sum(axis=1).tolist()
    minus = np.where(rows < 0, rows, 0).sum(axis=1).tolist()
    return [(p * low + m * high, p * high + m * low) for p, m in zip(plus, minus, strict=True)]


def _scaled(values: Integers, digit: Digit) -> Integers:
    moved = values << digit.shift
    return -moved if digit.negative else moved
