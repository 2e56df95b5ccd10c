"""Check an inductive invariant with our own solver: the proof that PDR found does not rest on PDR."""

from __future__ import annotations

import re
from pathlib import Path

from .network import Network
from .product import STATE, Product
from .sweep import sweep

Clause = tuple[tuple[int, int], ...]  # latches and the values that they never have all at once


def read_invariant(path: Path) -> list[Clause] | None:
    """Read what `pdr -d` wrote: a table of cubes over named latches, none of which is ever reached.

    Nothing written is the invariant without clauses; None where the file is not of that form.
    """
    if not path.is_file():
        return []
    latches: list[int] = []
    clauses: list[Clause] = []
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == ".ilb":
            places = [re.fullmatch(rf"{STATE}(?:\[(\d+)\])?", name) for name in rest.split()]
            if not all(places):
                return None
            latches = [int(p[1] or 0) for p in places if p]
        elif line and line[0] in "01-":
            if len(word) != len(latches) or rest.strip() != "1":
                return None
            clauses.append(tuple((k, int(c)) for k, c in zip(latches, word, strict=True) if c != "-"))
    return clauses


def holds(product: Product, clauses: list[Clause], deadline: float) -> bool:
    """Tell whether the clauses hold at the start (all 0), hold on in every step, and keep the two sides equal."""
    if any(all(value == 0 for _, value in clause) for clause in clauses):
        return False
    network = Network()
    bits = [network.input() for _ in range(product.netlist.inputs)]
    differ, *following = network.import_netlist(product.netlist, bits)
    before = _all(network, clauses, bits[product.layout.count:])
    after = _all(network, clauses, following)
    pairs = [(network.and_(before, differ), 0), (network.and_(before, after ^ 1), 0)]
    return sweep(network, pairs, deadline).proved


def _all(network: Network, clauses: list[Clause], state: list[int]) -> int:
    """Give a literal that is 1 where all clauses hold."""
    result = 1
    for clause in clauses:
        cube = 1
        for latch, value in clause:
            cube = network.and_(cube, state[latch] ^ 1 ^ value)
        result = network.and_(result, cube ^ 1)
    return result
