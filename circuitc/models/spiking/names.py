"""Names of ports, registers and values for nodes whose names may be anything."""

from __future__ import annotations

import re
from collections.abc import Iterable

SUFFIXES = ("", "_v", "_i", "_line", "_before")   # a node's port or value, and its registers


class Names:
    """Short names by node: letters, digits and underscores, so that no port or register has the name of another."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._short: dict[str, str] = {}
        taken: set[str] = set()
        for node in nodes:
            base = re.sub(r"[^A-Za-z0-9_]", "_", node) or "node"
            base = f"n{base}" if base[0].isdigit() or base[0] == "_" else base
            name, count = base, 1
            while taken & {name + suffix for suffix in SUFFIXES}:
                name, count = f"{base}_{count}", count + 1
            self._short[node] = name
            taken |= {name + suffix for suffix in SUFFIXES}

    def __getitem__(self, node: str) -> str:
        return self._short[node]


__all__ = ["Names"]
