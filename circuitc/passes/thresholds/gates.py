"""Names of gates, and the census of a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FAMILIES = ("constant", "copy", "and/or", "maj", "larger")
RUNGS: Mapping[str, str] = {"certified": "certified", "integers": "exact integers", "wide": "wide exact integers",
                            "kept": "kept as read", "reachable": "exact on reachable patterns", "data": "data only"}


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate's name (`not`, `and2`, `maj5`, `2-of-4`, `threshold`) and the family it is counted in."""

    name: str
    family: str


def gate_of(weights: Sequence[int]) -> Gate:
    """Name the gate with these weights, the constant's (the threshold) first; inputs may be negated.

    The weights must be a smallest representation, so that each input with a weight matters.
    """
    threshold, inputs = weights[0], [abs(w) for w in weights[1:] if w]
    n = len(inputs)
    if n == 0:
        return Gate("false" if threshold >= 0 else "true", "constant")
    if n == 1 and abs(threshold) < inputs[0]:
        return Gate("copy" if sum(weights[1:]) > 0 else "not", "copy")
    if set(inputs) != {1}:
        return Gate("threshold", "larger")
    if abs(threshold) == n - 1:
        return Gate(f"{'and' if threshold > 0 else 'or'}{n}", "and/or")
    if threshold == 0 and n % 2:
        return Gate(f"maj{n}", "maj")
    needed = (n + threshold) // 2 + 1  # so many of the (possibly negated) inputs at +1
    return Gate(f"{needed}-of-{n}", "larger")


def census(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count gates by family, those that occur, in a fixed order."""
    count = Counter(row["family"] for row in rows)
    return {family: count[family] for family in FAMILIES if count[family]}


def summarize(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say in one line which neurons became what: `8 neurons: 7 certified (3 copy, 4 and/or), 1 exact integers`."""
    parts: list[str] = []
    for rung, words in RUNGS.items():
        members = [row for row in rows if row["rung"] == rung]
        if members:
            kinds = ", ".join(f"{n} {family}" for family, n in census(members).items())
            parts.append(f"{len(members)} {words}" + (f" ({kinds})" if rung == "certified" else ""))
    return f"{len(rows)} neuron{'s' if len(rows) != 1 else ''}: {', '.join(parts) or 'none'}"
