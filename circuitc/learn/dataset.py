"""What a network is trained on: items of inputs and outputs, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.formats.boolearn_data import read_training
from circuitc.formats.npz import read_npz

from .pla import read_pla

FREE_KINDS = {"": 0, "bits": 1, "one-hot": 2}
_FREE_OF_BOOLEARN = {0: "", 1: "one-hot", 2: "bits"}
MAX_CLASSES = 1 << 16

Reals = NDArray[np.float64]
Spins = NDArray[np.int8]


@dataclass(frozen=True)
class Dataset:
    """Items to learn: `inputs` [items, n] from -1 to +1, `outputs` [items, m] of -1 and +1.

    Inputs may be free instead (None): a generator finds a code for each item, `bits` or `one-hot`. With `classes` the
    outputs are one-hot, and an item is right when its class has the largest sum.
    """

    inputs: Reals | None
    outputs: Spins
    free: str = ""
    classes: int = 0

    def __post_init__(self) -> None:
        if not len(self.outputs) or not self.outputs.shape[1]:
            raise error("the data holds no item with an output")
        if self.inputs is not None and (len(self.inputs) != len(self.outputs) or not self.inputs.shape[1]):
            raise error(f"the data has inputs of shape {list(self.inputs.shape)} for {len(self.outputs)} outputs")

    @property
    def items(self) -> int:
        """The number of items."""
        return len(self.outputs)

    @cached_property
    def spins(self) -> Spins:
        """The inputs as the circuit sees them: analog ones are +1 above the middle."""
        assert self.inputs is not None
        return np.where(self.inputs > 0, 1, -1).astype(np.int8)

    @cached_property
    def is_boolean(self) -> bool:
        """True where all inputs are given and are -1 or +1."""
        return self.inputs is not None and bool((np.abs(self.inputs) == 1).all())

    @cached_property
    def is_complete(self) -> bool:
        """True for a truth table: every pattern of input bits occurs, and none with two different outputs."""
        if not self.is_boolean or self.classes or self.spins.shape[1] > 20:
            return False
        n = self.spins.shape[1]
        return len(self._patterns[0]) == 1 << n and not self.contradictions

    @cached_property
    def contradictions(self) -> int:
        """How many items have the inputs of an earlier one and other outputs: they cannot all be right."""
        if not self.is_boolean:
            return 0
        first, which = self._patterns
        return int((self.outputs[first[which]] != self.outputs).any(axis=1).sum())

    @cached_property
    def _patterns(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The first item of each input pattern, and for each item which pattern it has."""
        _, first, which = np.unique(self.spins, axis=0, return_index=True, return_inverse=True)
        return first, which.ravel()

    def take(self, items: slice) -> Dataset:
        """Give some of the items."""
        return replace(self, inputs=None if self.inputs is None else self.inputs[items], outputs=self.outputs[items])


def read_dataset(path: Path) -> Dataset:
    """Read a `.npz` (arrays `x` and `y`), a boolearn `.dat` or an espresso `.pla` file."""
    match path.suffix.lower():
        case ".npz":
            return _read_npz(path)
        case ".dat":
            data = read_training(path)
            return Dataset(data.inputs, data.outputs.astype(np.int8), _FREE_OF_BOOLEARN[data.free], data.classes)
        case ".pla":
            bits, answers = read_pla(path)
            return Dataset(bits.astype(np.float64) * 2 - 1, (2 * answers - 1).astype(np.int8))
        case _:
            raise error(f"{path}: data to learn is an .npz with arrays x and y, a boolearn .dat, or a .pla")


def _read_npz(path: Path) -> Dataset:
    arrays = read_npz(path, ["x", "y"], kinds="biuf") if path.exists() else None
    if arrays is None:
        raise error(f"{path}: there is no such file")
    if "y" not in arrays:
        raise error(f"{path}: has no array y", help="x are the inputs [items, n], y the outputs [items, m]")
    y = arrays["y"]
    outputs, classes = _labels(path, y) if y.ndim == 1 else (_spins(path, "y", y), 0)
    if "x" not in arrays:
        return Dataset(None, outputs, "bits", classes)
    return Dataset(_levels(path, arrays["x"]), outputs, "", classes)


def _check(path: Path, name: str, array: NDArray[Any]) -> Reals:
    if array.ndim != 2 or not array.size:
        raise error(f"{path}: {name} has shape {list(array.shape)}; it is [items, bits]")
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise error(f"{path}: {name} holds numbers that are not finite")
    return numbers


def _spins(path: Path, name: str, array: NDArray[Any]) -> Spins:
    numbers = _check(path, name, array)
    low = -1 if numbers.min() < 0 else 0
    if not np.isin(numbers, (low, 1)).all():
        raise error(f"{path}: {name} holds {_strange(numbers, low)}; bits are 0 and 1, or -1 and 1")
    return np.where(numbers > 0, 1, -1).astype(np.int8)


def _levels(path: Path, array: NDArray[Any]) -> Reals:
    """Give inputs from -1 to +1: bits, spins, or analog numbers from 0 to 1."""
    numbers = _check(path, "x", array)
    if numbers.min() < 0:
        return _spins(path, "x", array).astype(np.float64)
    if numbers.max() > 1:
        raise error(f"{path}: x holds {numbers.max():g}; inputs are bits, -1 and 1, or analog numbers from 0 to 1")
    return 2 * numbers - 1


def _labels(path: Path, y: NDArray[Any]) -> tuple[Spins, int]:
    """Give class labels 0, 1, ... as one-hot outputs; two classes are one bit."""
    if not len(y) or y.dtype.kind == "f" or y.min() < 0 or y.max() >= MAX_CLASSES:
        raise error(f"{path}: y of one axis holds class labels, integers from 0 to {MAX_CLASSES - 1}",
                    help="bits are [items, bits]")
    count = int(y.max()) + 1
    if count <= 2:
        return np.where(y > 0, 1, -1).astype(np.int8)[:, None], 0
    return np.where(np.arange(count) == y[:, None], 1, -1).astype(np.int8), count


def _strange(numbers: Reals, low: int) -> str:
    return f"{numbers[~np.isin(numbers, (low, 1))][0]:g}"
