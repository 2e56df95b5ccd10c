"""What commands print: lines for people, one JSON object for machines, progress on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from circuitc.driver import Progress, silent


def say(lines: Iterable[str], value: Mapping[str, Any], as_json: bool) -> None:
    """Print lines, or with --json one object."""
    if as_json:
        print(json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain))
    else:
        for line in lines:
            print(line)


def _plain(value: Any) -> Any:
    """Make JSON of what json does not know: arrays as lists, the rest as text."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


@contextmanager
def progress() -> Generator[Progress]:
    """Show the stage of long work on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield lambda stage: status.update(stage)


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lay rows out in columns, two spaces apart; the last column runs free."""
    rows = list(rows)
    if not rows:
        return []
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
    return ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]).rstrip()
            for row in rows]
