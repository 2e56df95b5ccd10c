"""Names in the text form: plain where they can be, quoted where they must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_.]+")


def spell(sigil: str, name: str) -> str:
    """Spell a name with its sigil (`%`, `@`, `#`): `%x`, or `%"odd name"`."""
    return sigil + (name if _PLAIN.fullmatch(name) else quote(name))


def quote(text: str) -> str:
    """Quote a text as a JSON string."""
    return json.dumps(text)


def distinct(wishes: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Give each wish a name of its own: the wish, or the wish with the first free number."""
    used = set(taken)
    names: list[str] = []
    for wish in wishes:
        name, count = wish or "v", 1
        while name in used:
            name, count = f"{wish or 'v'}_{count}", count + 1
        used.add(name)
        names.append(name)
    return names
