"""Threads that share the samples of one call. Native code holds no lock of Python while it runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from circuitc.diagnostics import error

MOST = 1024


class Team:
    """A number of threads, started when a call first needs them; they end with the team."""

    def __init__(self, threads: int) -> None:
        if type(threads) is not int or not 0 <= threads <= MOST:
            raise error(f"threads is a whole number from 0 (one for each core) to {MOST}, got {threads!r}")
        self.threads = threads or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
        self._executor: ThreadPoolExecutor | None = None

    def each(self, count: int, least: int, work: Callable[[int, int], None]) -> None:
        """Call `work(start, stop)` on parts of 0..count, each a multiple of `least` long but for the last.

        Errors of a part are raised here when all parts have ended: the first part's first.
        """
        pieces = max(1, min(self.threads, -(-count // least)))
        if pieces == 1:
            if count:
                work(0, count)
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.threads - 1, "circuitc")
        size = -(-count // (pieces * least)) * least
        futures = [self._executor.submit(work, start, min(start + size, count)) for start in range(size, count, size)]
        failures: list[BaseException] = []
        try:
            work(0, min(size, count))
        except Exception as e:
            failures.append(e)
        failures += [e for f in futures if (e := f.exception()) is not None]
        if failures:
            raise failures[0]
