"""The pass `detect-thresholds`: look-up tables that are threshold functions become threshold gates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuitc.ir import Kind, Netlist

from .base import Context, NetlistPass
from .thresholds.tables import threshold_of


@dataclass(frozen=True, slots=True)
class DetectThresholds(NetlistPass):
    """Make threshold gates of the look-up tables whose function is `sum(weight * bit) > limit` for some weights.

    Weights are small integers, checked on every row. Other gates stay: `map-luts` first turns cones of ANDs into
    tables.
    """

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        new = detect_thresholds(netlist)
        luts = int((netlist.kind == Kind.LUT).sum())
        context.facts["found"] = {**context.facts.get("found", {}), context.func.name if context.func else "": {
            "luts": luts, "thresholds": luts - int((new.kind == Kind.LUT).sum())}}
        return new


def detect_thresholds(netlist: Netlist) -> Netlist:
    """Give the netlist with threshold gates for tables that are; the same object where there are none.

    Each different table is looked at once.
    """
    luts = np.flatnonzero(netlist.kind == Kind.LUT)
    arity = np.diff(netlist.offset)
    kind, data = netlist.kind.copy(), netlist.data.copy()
    weight = netlist.weight.copy() if len(netlist.weight) else np.zeros(len(netlist.fanin), np.int64)
    for node in luts.tolist():
        gate = threshold_of(netlist.table(node), int(arity[node]))
        if gate is not None:
            kind[node] = Kind.THRESHOLD
            weight[netlist.offset[node]:netlist.offset[node + 1]] = gate.weights
            data[node] = gate.limit
    if np.array_equal(kind, netlist.kind):
        return netlist
    return Netlist(netlist.inputs, kind, netlist.offset, netlist.fanin, netlist.outputs, data, weight, netlist.names)
