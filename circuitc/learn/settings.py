"""What a training is told, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from circuitc.diagnostics import error

PRECISIONS = ("f32", "f64")
STOPS = ("gap", "right")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    `sigma` is the support parameter: neurons keep a margin of sqrt(inputs / sigma), so 3 allows COPY, AND2, OR2, MAJ3
    and 5 adds MAJ5 and its kin. `beta` is the step, `gamma` the rate at which metric weights follow the gap. A run
    stops when its gap is below `gap` (`stop="gap"`), or already when all items are right (`stop="right"`), or after
    `iterations`. There are `restarts` starts; the first that gets every item right ends the training unless `all_runs`
    asks for each of them. Every `report` iterations the network is evaluated.
    """

    sigma: float = 3.0
    beta: float = 0.2
    gamma: float = 1e-3
    gap: float = 0.05
    stop: str = "gap"
    iterations: int = 100_000
    restarts: int = 1
    all_runs: bool = False
    seed: int = 0
    report: int = 1000
    precision: str = "f32"
    threads: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("sigma", 1.0, 1e6), ("beta", 1e-6, 2.0), ("gamma", 0.0, 1.0), ("gap", 0.0, 1e3),
                                ("iterations", 1, 1 << 40), ("restarts", 1, 1 << 20), ("report", 1, 1 << 24),
                                ("threads", 0, 1024), ("seed", 0, 1 << 63)):
            value = getattr(self, name)
            if not math.isfinite(value) or not low <= value <= high:
                raise error(f"{name} is a number from {low:g} to {high:g}, got {value:g}")
        for name, known in (("stop", STOPS), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise error(f"{name} is {' or '.join(known)}, got {getattr(self, name)}")

    def decisive(self) -> dict[str, Any]:
        """Give what decides the numbers of a run; the rest (how long, how many, how fast) may change on resuming."""
        return {name: getattr(self, name) for name in ("sigma", "beta", "gamma", "gap", "stop", "seed", "report",
                                                       "precision")}
