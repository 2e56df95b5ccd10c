"""The pass `xor-maj`: exclusive ors and majorities hidden in ANDs become gates of their own kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuitc.ir import Kind, Netlist

from .base import Context, NetlistPass
from .gates.cuts import Cut, small_cuts
from .sweep_dead import sweep_dead

XOR_TABLES = {0b0110: 0, 0b1001: 1}  # truth table over two leaves -> whether the output is inverted


def _majorities() -> dict[int, tuple[int, int, int]]:
    """List the truth tables of the majority of three leaves, each inverted or not, with the inversions."""
    found: dict[int, tuple[int, int, int]] = {}
    for bits in range(8):
        flips = (bits & 1, bits >> 1 & 1, bits >> 2)
        table = sum(1 << row for row in range(8) if sum((row >> j & 1) ^ flips[j] for j in range(3)) >= 2)
        found[table] = flips
    return found


MAJ_TABLES = _majorities()


@dataclass(frozen=True, slots=True)
class XorMaj(NetlistPass):
    """Find ANDs that compute the exclusive or of two nodes or the majority of three, and make them such gates.

    Works by the function of small cuts, so however the ANDs are arranged; a full adder becomes two XORs and one MAJ.
    What only led to them is dropped. About 30 us a gate.
    """

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        found = find_xor_maj(netlist)
        context.facts["found"] = {
            **context.facts.get("found", {}),
            context.func.name if context.func else "": {
                kind.name.lower(): sum(k is kind for k, _ in found.values()) for kind in (Kind.XOR, Kind.MAJ)}}
        return sweep_dead(_replaced(netlist, found)) if found else netlist


def find_xor_maj(netlist: Netlist) -> dict[int, tuple[Kind, list[int]]]:
    """Find the AND nodes that are exclusive ors or majorities: the kind and fan-in literals that each may have."""
    found: dict[int, tuple[Kind, list[int]]] = {}
    for node, cuts in small_cuts(netlist):
        for cut in cuts:
            gate = _gate_of(cut)
            if gate is not None:
                found[node] = gate
                break
    return found


def _gate_of(cut: Cut) -> tuple[Kind, list[int]] | None:
    leaves, table = cut
    if len(leaves) == 2 and table in XOR_TABLES:
        return Kind.XOR, [leaves[0] << 1, leaves[1] << 1 | XOR_TABLES[table]]
    if len(leaves) == 3 and table in MAJ_TABLES:
        return Kind.MAJ, [leaf << 1 | flip for leaf, flip in zip(leaves, MAJ_TABLES[table], strict=True)]
    return None


def _replaced(netlist: Netlist, found: dict[int, tuple[Kind, list[int]]]) -> Netlist:
    """Give the netlist with other gates at these nodes; numbers of nodes stay, as leaves come before them."""
    kind = netlist.kind.copy()
    fanins = np.split(netlist.fanin, netlist.offset[1:-1])
    for node, (new, literals) in found.items():
        kind[node] = new
        fanins[node] = np.array(literals, np.int32)
    offset = np.zeros(netlist.nodes + 1, np.int32)
    np.cumsum([len(f) for f in fanins], out=offset[1:])
    weight = netlist.weight
    if len(weight):
        weights = np.split(weight, netlist.offset[1:-1])
        for node, (_, literals) in found.items():
            weights[node] = np.zeros(len(literals), np.int64)
        weight = np.concatenate(weights)
    return Netlist(netlist.inputs, kind, offset, np.concatenate(fanins).astype(np.int32), netlist.outputs.copy(),
                   netlist.data.copy(), weight, netlist.names)
