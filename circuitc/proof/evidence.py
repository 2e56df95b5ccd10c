"""How sure we are: one ordered list of evidence levels, used by verdicts and certificates alike."""

from __future__ import annotations

import re
from dataclasses import dataclass

from circuitc.diagnostics import error, nearest

LEVELS = ("proved", "exhausted", "reachable", "bounded", "simulated", "measured", "not_checked")  # strongest first
COUNTED = frozenset({"bounded", "simulated"})   # levels that say how many steps or vectors
COMPLETE = frozenset({"proved", "exhausted"})   # levels that cover every input


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was done to know something: the level, by which method, solver and reader, over how many vectors or steps.

    Prints as `proved`, `bounded 8` or `simulated 100000`. `note` says what the words leave open, in a few words.
    """

    level: str
    count: int = 0
    method: str = ""
    solver: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        assert self.level in LEVELS, f"{self.level} is not an evidence level"
        assert (self.count > 0) or self.level not in COUNTED, f"{self.level} says how many"
        assert self.method or self.level == "not_checked", f"{self.level} names its method"
        assert self.solver or self.level != "proved" or self.method in SOLVERLESS, "a proof names its solver"

    def __str__(self) -> str:
        return f"{self.level} {self.count}" if self.level in COUNTED else self.level

    def as_json(self) -> dict[str, str | int]:
        """Give it as plain values, empty ones left out."""
        parts: dict[str, str | int] = {"level": self.level, "count": self.count, "method": self.method,
                                       "solver": self.solver, "note": self.note}
        return {name: value for name, value in parts.items() if value}

    @property
    def is_complete(self) -> bool:
        """True where every input was covered."""
        return self.level in COMPLETE

    def meets(self, level: str) -> bool:
        """Tell whether this is at least as strong as a level such as `proved`, `simulated` or `simulated 1000`."""
        name, count = parse_level(level)
        mine, wanted = LEVELS.index(self.level), LEVELS.index(name)
        return mine < wanted or (mine == wanted and self.count >= count)


# Complete methods that need no solver.
SOLVERLESS = frozenset({"the same object", "structural hashing", "the same weights"})
NOT_CHECKED = Evidence("not_checked")


def parse_level(text: str) -> tuple[str, int]:
    """Read a level as people write it: a name of the list, with a count where the level has one."""
    match = re.fullmatch(r"\s*([a-z_]+)(?:\s+(\d{1,12}))?\s*", text.replace("-", "_"))
    name = match[1] if match else text.strip()
    if match is None or name not in LEVELS:
        raise error(f"{text!r} is not an evidence level", help=nearest(name, LEVELS))
    if match[2] and name not in COUNTED:
        raise error(f"evidence level {name} has no count", help=f"write {name}")
    return name, int(match[2] or 0)


def weakest(evidence: list[Evidence]) -> Evidence:
    """Give the evidence that all of them meet; nothing checked where there is none."""
    return max(evidence, key=lambda e: (LEVELS.index(e.level), -e.count), default=NOT_CHECKED)
