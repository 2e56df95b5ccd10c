"""Where gates come from: the lines of a Verilog source, carried in the names of a netlist's nodes.

A node's name is `name (place)`, either part alone where the other is not known; a place is
`file:line.column-line.column` as Yosys writes it, several joined by `|`. Passes that keep names keep origins with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuitc.ir import Func, Netlist

_PLACE = re.compile(r"(?P<file>[^|]+?):(?P<line>\d+)"
                    r"(?:\.(?P<column>\d+)(?:-(?P<last_line>\d+)\.(?P<last_column>\d+))?)?")
MAX_PLACES = 8  # of one gate: a gate that many lines share is of the first of them


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of a source file: lines and columns count from 1, `last_column` is the one behind; 0 where unknown."""

    file: str
    line: int
    column: int = 0
    last_line: int = 0
    last_column: int = 0

    def __str__(self) -> str:
        start = f"{self.file}:{self.line}" + (f".{self.column}" if self.column else "")
        return start + (f"-{self.last_line}.{self.last_column}" if self.last_line else "")


def origins(netlist: Netlist) -> dict[int, tuple[Place, ...]]:
    """Give for each gate whose origin is known the places it comes from; node numbers are those of the netlist."""
    known: dict[str, tuple[Place, ...]] = {}
    found: dict[int, tuple[Place, ...]] = {}
    for node, name in netlist.names.items():
        text = name[name.rfind("(") + 1:-1] if name.endswith(")") else ""
        if text and text not in known:
            known[text] = parse_places(text)
        if text and known[text]:
            found[node] = known[text]
    return found


def origins_of_output(func: Func, name: str) -> tuple[Place, ...]:
    """Give the places of the gates that drive an output's bits; nothing where they are not known."""
    if not isinstance(func.body, Netlist):
        return ()
    found: set[Place] = set()
    literals = iter(func.body.outputs.tolist())
    for port in func.outputs:
        for literal in [next(literals) for _ in range(port.type.bits)]:
            if port.name == name:
                label = func.body.names.get(literal >> 1, "")
                found.update(parse_places(label[label.rfind("(") + 1:-1]) if label.endswith(")") else ())
    return tuple(sorted(found))


def parse_places(text: str) -> tuple[Place, ...]:
    """Read places as they stand in a name; nothing where the text is something else."""
    parts = [_PLACE.fullmatch(part) for part in text.split("|")]
    return tuple(Place(m["file"], *(int(m[key] or 0) for key in ("line", "column", "last_line", "last_column")))
                 for m in parts if m) if all(parts) else ()


def spell_name(name: str, places: str) -> str:
    """Put a node's name together."""
    return f"{name} ({places})".strip() if places else name


def plain_name(name: str) -> str:
    """Give a node's name without its place."""
    return "" if name.startswith("(") else name.partition(" (")[0]


def shown_places(source: str, files: Mapping[str, str]) -> str:
    """Give what Yosys says of a cell (`a.v:3.1-3.9|.../techmap.v:8.2`) without its own files, ours by their names."""
    kept: list[str] = []
    for part in source.split("|"):
        match = _PLACE.fullmatch(part)
        name = files.get(match["file"].removeprefix("./")) if match else None
        if match and name and (place := name + part[match.end("file"):]) not in kept:
            kept.append(place)
    return "|".join(kept[:MAX_PLACES])


def inherit(own: Sequence[str], fanins: Sequence[Sequence[int]], first: int) -> list[str]:
    """Give gates without an origin that of a gate that uses them: one XOR of the source is three ANDs, one is named.

    `own` has an entry a node, `fanins` the literals of each gate from node `first` on.
    """
    found = list(own)
    for node in range(len(found) - 1, first - 1, -1):  # 0.2 us a gate
        if found[node]:
            for literal in fanins[node - first]:
                if not found[literal >> 1]:
                    found[literal >> 1] = found[node]
    return found
