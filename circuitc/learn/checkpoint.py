"""Checkpoints: a training in one `.npz`, written whole or not at all, and refused where it belongs to another."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.formats.files import write_files
from circuitc.formats.npz import read_npz, write_npz

from .dataset import Dataset
from .network import Network
from .settings import Settings
from .trial import Trial

VERSION = 1


def fingerprint(network: Network, data: Dataset, settings: Settings) -> NDArray[np.uint8]:
    """Give the digest of all that a run's numbers depend on."""
    digest = hashlib.sha256()
    plain = [VERSION, network.innodes, network.outnodes, network.sources, network.kinds, data.free, data.classes,
             settings.decisive()]
    digest.update(json.dumps(plain).encode())
    for array in (data.inputs, data.outputs):
        digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def save(path: Path, trials: Sequence[Trial]) -> None:
    """Write the state of trials, done and going on, in order of their numbers."""
    first = trials[0]
    arrays: dict[str, NDArray[Any]] = {"fingerprint": fingerprint(first.network, first.data, first.settings),
                                       "trials": np.array([t.number for t in trials], np.int64)}
    for trial in trials:
        arrays |= {f"trial{trial.number}_{name}": array for name, array in trial.state().items()}
    write_files({path: write_npz(arrays)})


def resume(path: Path, network: Network, data: Dataset, settings: Settings, test: Dataset | None) -> list[Trial]:
    """Read trials back; a checkpoint of another network, data or parameters is refused."""
    if not path.exists():
        raise error(f"{path}: there is no such checkpoint")
    head = read_npz(path, ["fingerprint", "trials"], kinds="iuf")
    if not np.array_equal(head.get("fingerprint", np.zeros(0)), fingerprint(network, data, settings)):
        raise error(f"{path}: is not a checkpoint of this network, data and parameters",
                    help="iterations, restarts and threads may change, the rest may not")
    numbers = head.get("trials", np.zeros(0, np.int64)).ravel().tolist()
    if len(set(numbers)) != len(numbers) or any(not 0 <= n < 1 << 20 for n in numbers):
        raise error(f"{path}: the checkpoint is damaged (trials {numbers[:5]})")
    trials: list[Trial] = []
    for number in numbers:
        trial = Trial(network, data, settings, int(number), test)
        trial.restore(_state(path, f"trial{number}_"))
        trials.append(trial)
    return trials


def _state(path: Path, prefix: str) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        names = [n.removesuffix(".npy") for n in archive.namelist() if n.startswith(prefix)]
    return {name.removeprefix(prefix): array for name, array in read_npz(path, names).items()}
