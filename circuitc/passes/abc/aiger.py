"""AIGER as ABC speaks it: combinational, binary, without names; inputs and outputs are known by their order."""

from __future__ import annotations

import numpy as np

from circuitc.ir import Netlist, aig
from circuitc.ir.deltas import decode_deltas, encode_deltas


def encode(netlist: Netlist) -> bytes:
    """Print a netlist of ANDs."""
    assert netlist.is_aig
    pairs = netlist.fanin.reshape(-1, 2)
    high, low = pairs.max(axis=1), pairs.min(axis=1)
    own = 2 * np.arange(1 + netlist.inputs, netlist.nodes, dtype=np.int64)
    header = f"aig {netlist.nodes - 1} {netlist.inputs} 0 {len(netlist.outputs)} {netlist.gates}\n"
    outputs = "".join(f"{literal}\n" for literal in netlist.outputs.tolist())
    return (header + outputs).encode() + encode_deltas(np.stack([own - high, high - low], axis=1).ravel())


def decode(content: bytes) -> Netlist:
    """Read what ABC wrote."""
    header, _, _ = content.partition(b"\n")
    _, inputs, latches, outputs, ands = (int(word) for word in header.split()[1:6])
    assert not latches
    start, literals = len(header) + 1, list[int]()
    for _ in range(outputs):
        end = content.index(b"\n", start)
        literals.append(int(content[start:end]))
        start = end + 1
    deltas = decode_deltas(content, start, 2 * ands).reshape(-1, 2)
    high = 2 * np.arange(1 + inputs, 1 + inputs + ands, dtype=np.int64) - deltas[:, 0]
    return aig(inputs, np.stack([high - deltas[:, 1], high], axis=1), literals)
