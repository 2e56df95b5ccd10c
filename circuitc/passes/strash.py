"""The pass `strash`: equal gates become one gate, and constants are propagated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Kind, Netlist, NetlistBuilder, aig

from .base import Context, NetlistPass
from .gates.canonical import add_lut, add_threshold
from .gates.hashing import share_pairs

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Strash(NetlistPass):
    """Share gates that compute the same function of the same fan-ins, and propagate constants (structural hashing).

    Fan-ins of a gate come out in rising order. Gates that nothing uses any more stay: that is the work of `sweep-dead`.
    """

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        return strash(netlist)


def strash(netlist: Netlist) -> Netlist:
    """Give the netlist with equal gates shared; the same object where there is nothing to do."""
    if netlist.is_aig:
        return _strash_aig(netlist)
    shared = _strash_any(netlist)
    return netlist if shared == netlist else shared


def _strash_aig(netlist: Netlist) -> Netlist:
    first = 1 + netlist.inputs
    pairs = netlist.fanin.reshape(-1, 2)
    if _is_shared(pairs):
        return netlist
    ands, literal = share_pairs(first, pairs)
    names: dict[int, str] = {}
    for node, name in sorted(netlist.names.items()):
        new = int(literal[node])
        if not new & 1 and (new >> 1 >= first or new >> 1 == node):
            names.setdefault(new >> 1, name)
    return aig(netlist.inputs, ands, literal[netlist.outputs >> 1] ^ (netlist.outputs & 1), names)


def _is_shared(pairs: Int32) -> bool:
    """Tell whether no two gates are equal and none simplifies: then hashing changes nothing."""
    low, high = pairs[:, 0].astype(np.int64), pairs[:, 1]
    if np.any(low > high) or np.any(low <= 1) or np.any(low ^ high <= 1):
        return False
    keys = np.sort(low << 32 | high)
    return not np.any(keys[1:] == keys[:-1])


def _strash_any(netlist: Netlist) -> Netlist:
    """Build the netlist again, gate by gate (about 3 us each), with a builder that shares and simplifies."""
    builder = NetlistBuilder(netlist.inputs)
    literal = [node << 1 for node in range(1 + netlist.inputs)]
    fanin, offset, kind = netlist.fanin.tolist(), netlist.offset.tolist(), netlist.kind.tolist()
    for node in range(1 + netlist.inputs, netlist.nodes):
        edges = slice(offset[node], offset[node + 1])
        operands = [literal[f >> 1] ^ f & 1 for f in fanin[edges]]
        match kind[node]:
            case Kind.AND:
                result = builder.and_(*operands)
            case Kind.XOR:
                result = builder.xor(*operands)
            case Kind.MAJ:
                result = builder.maj(*operands)
            case Kind.LUT:
                result = add_lut(builder, operands, netlist.table(node))
            case _:
                result = add_threshold(builder, operands, netlist.weight[edges].tolist(), int(netlist.data[node]))
        literal.append(result)
        if node in netlist.names:
            builder.name(result, netlist.names[node])
    return builder.finish(literal[f >> 1] ^ f & 1 for f in netlist.outputs.tolist())
