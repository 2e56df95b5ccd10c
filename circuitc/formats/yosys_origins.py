"""Which line each gate of a design comes from: Yosys's `src` attributes, brought to the gates of its AIGER file.

`aigmap` drops the attributes, so they are taken from the gates before it; the map of names that `write_aiger` leaves
says which literal each signal became.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from circuitc.ir import Netlist

from .origins import inherit, shown_places, spell_name

_COPIES = ("$_NOT_", "$_BUF_", "$not", "$pos")  # share the node of what they read: their origin counts if no other does

_RESULT = re.compile(r"(?:.*\.)?\$\w+\$([^$|]+:\d+)\$\d+_Y")  # `$mul$source:2$1_Y`: gates of multipliers have no `src`


@dataclass(slots=True)
class _Signals:
    """What is known of the bits of a design: the origin of the gate that drives each, and which of them only copy."""

    origin: dict[int, str] = field(default_factory=dict[int, str])
    copies: set[int] = field(default_factory=set[int])
    bits: dict[str, list[int | str]] = field(default_factory=dict[str, "list[int | str]"])  # of each signal, by name


def gate_names(design: str, vmap: str, netlist: Netlist, files: Mapping[str, str]) -> dict[int, str]:
    """Name the gates of a netlist by signal and place; `files` gives the user's name for each file that Yosys read."""
    signals = _signals(json.loads(design), files)
    first = 1 + netlist.inputs
    own, label, is_copy = [""] * netlist.nodes, [""] * netlist.nodes, [True] * netlist.nodes
    for literal, index, name in _wires(vmap):
        node, bits = literal >> 1, signals.bits.get(name)
        if node < first or bits is None or index >= len(bits) or not isinstance(bit := bits[index], int):
            continue
        copy = bit in signals.copies
        if bit in signals.origin and (not own[node] or (is_copy[node] and not copy)):
            own[node], is_copy[node] = signals.origin[bit], copy
        if not literal & 1 and "$" not in name:
            wish = name if len(bits) == 1 else f"{name}[{index}]"
            label[node] = min(label[node] or wish, wish, key=lambda n: (n.count("."), n))
    places = inherit(own, netlist.fanin.reshape(-1, 2).tolist(), first)
    return {n: spell_name(label[n], places[n]) for n in range(first, netlist.nodes) if label[n] or places[n]}


def _signals(design: Any, files: Mapping[str, str]) -> _Signals:
    """Gather what Yosys says of cells and signals; the design has one module."""
    (module,) = design["modules"].values()
    found, shown, following = _Signals(), dict[str, str](), dict[int, str]()
    for cell in module["cells"].values():
        source = cell["attributes"].get("src", "")
        if source not in shown:
            shown[source] = shown_places(source, files)
        if shown[source]:
            for port in ("Y", "Q"):
                for bit in cell["connections"].get(port, ()):
                    found.origin[bit] = shown[source]
                    if cell["type"] in _COPIES:
                        found.copies.add(bit)
            for bit in cell["connections"].get("D", ()):  # what a reset became has no line but its flip-flop's
                following.setdefault(bit, shown[source])
    found.origin = following | found.origin
    for name, row in module["netnames"].items():
        found.bits[name] = row["bits"]
        if (match := _RESULT.fullmatch(name)) and (place := shown_places(match[1], files)):
            for bit in row["bits"]:
                found.origin.setdefault(bit, place)
    return found


def _wires(vmap: str) -> Iterator[tuple[int, int, str]]:
    """Give (literal, bit, name) of the lines `wire 1644 0 q`."""
    for line in vmap.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "wire":
            literal, index, name = rest.split(" ", 2)
            yield int(literal), int(index), name
