"""Rules of cellular automata: Wolfram's elementary ones and Life-like ones (birth and survival by counts)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from circuitc.diagnostics import error

_LIFE = re.compile(r"B([0-8]*)/S([0-8]*)", re.IGNORECASE)
_ELEMENTARY = re.compile(r"(?:rule\s*)?(\d{1,9})", re.IGNORECASE)
NEIGHBOURS = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """What a cell becomes.

    On a ring (`rank` 1) the address in `table` is 4 * left + 2 * centre + right (Wolfram). On a torus (`rank` 2) it is
    2 * (how many of the eight neighbours live) + centre.
    """

    name: str
    rank: int
    table: tuple[int, ...]


def parse_rule(rule: int | str) -> Rule:
    """Read a rule: 0 to 255, `rule 110`, or birth and survival counts such as `B3/S23`."""
    text = str(rule).strip()[:100]
    if found := _ELEMENTARY.fullmatch(text):
        number = int(found[1])
        if number > 255:
            raise error(f"elementary rules are 0 to 255, got {number}")
        return Rule(f"rule{number}", 1, tuple(number >> k & 1 for k in range(8)))
    found = _LIFE.fullmatch(text)
    if found is None:
        raise error(f"{text!r} is no rule of a cellular automaton",
                    help="elementary rules are 0 to 255; Life-like ones are B3/S23, digits 0 to 8")
    for digits in found.groups():
        if len(set(digits)) != len(digits):
            raise error(f"{text!r} names a count twice")
    birth, survive = ({int(d) for d in digits} for digits in found.groups())
    table = tuple(int(n in (survive if alive else birth)) for n in range(NEIGHBOURS + 1) for alive in (0, 1))
    name = f"B{''.join(map(str, sorted(birth)))}/S{''.join(map(str, sorted(survive)))}"
    return Rule(name, 2, table)
