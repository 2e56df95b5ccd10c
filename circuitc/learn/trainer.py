"""Training: restarts on all cores, in an order that does not depend on how many there are."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import checkpoint
from .dataset import Dataset
from .network import Network
from .settings import Settings
from .trial import Trial, check_fit

Report = Callable[[list[Trial]], None]


@dataclass(frozen=True)
class Training:
    """How a training came out: its trials in order, the best of them, and how long it took.

    The best has most items right, then most bits, then the smallest gap. `interrupted` says that the user stopped it.
    """

    network: Network
    data: Dataset
    trials: tuple[Trial, ...]
    seconds: float
    interrupted: bool = False

    @property
    def best(self) -> Trial:
        """The trial whose network is taken."""
        return max(self.trials, key=lambda t: (t.best.items, t.best.bits, -t.gap, -t.number))


def train(network: Network, data: Dataset, settings: Settings | None = None, *, test: Dataset | None = None,
          save_to: Path | None = None, resume_from: Path | None = None, save_every: float = 30.0,
          report: Report | None = None) -> Training:
    """Train from `settings.restarts` starts, several at a time on threads (the kernel leaves Python alone).

    Start k depends on the seed and k only, and the first trial by number that is right on every item wins, so the
    answer does not depend on threads or on the machine's load. `save_to` is written every `save_every` seconds, when
    training is interrupted, and at the end; `resume_from` goes on exactly where such a file was written.
    """
    settings = settings or Settings()
    check_fit(network, data)
    if test is not None:
        check_fit(network, test)
    begin = time.monotonic()
    trials = checkpoint.resume(resume_from, network, data, settings, test) if resume_from else []
    pool = _Pool(network, data, settings, test, trials)
    interrupted, saved = False, time.monotonic()
    try:
        with ThreadPoolExecutor(settings.threads or os.cpu_count() or 1) as executor:
            while active := pool.active(settings.threads or os.cpu_count() or 1):
                list(executor.map(Trial.advance, active))
                if report:
                    report(active)
                if save_to and time.monotonic() - saved >= save_every:
                    checkpoint.save(save_to, pool.kept())
                    saved = time.monotonic()
    except KeyboardInterrupt:
        interrupted = True
    if save_to:
        checkpoint.save(save_to, pool.kept())
    return Training(network, data, tuple(pool.kept()), time.monotonic() - begin, interrupted)


class _Pool:
    """The trials so far, and which are to go on."""

    def __init__(self, network: Network, data: Dataset, settings: Settings, test: Dataset | None,
                 trials: list[Trial]) -> None:
        self.network, self.data, self.settings, self.test = network, data, settings, test
        self.trials = {t.number: t for t in trials}

    def active(self, threads: int) -> list[Trial]:
        """Give the next trials to advance: the lowest numbers that are not done, below the first that is right."""
        chosen: list[Trial] = []
        for number in range(self.settings.restarts):
            trial = self.trials.get(number)
            if trial is not None and trial.is_done:
                if trial.is_right and not self.settings.all_runs:
                    break
                continue
            if trial is None:
                trial = self.trials[number] = Trial(self.network, self.data, self.settings, number, self.test)
            chosen.append(trial)
            if len(chosen) == threads:
                break
        return chosen

    def kept(self) -> list[Trial]:
        """Give trials in order; what was begun beyond the winner does not count, for it depends on the threads."""
        ordered = [self.trials[number] for number in sorted(self.trials)]
        won = next((t.number for t in ordered if t.is_done and t.is_right), None)
        return ordered if won is None or self.settings.all_runs else [t for t in ordered if t.number <= won]
