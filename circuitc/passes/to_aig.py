"""The pass `to-aig`: every gate is said in two-input ANDs."""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.ir import Netlist
from circuitc.ir.netlist_expand import expand_to_aig

from .base import Context, NetlistPass
from .strash import strash


@dataclass(frozen=True, slots=True)
class ToAig(NetlistPass):
    """Write XOR, majority, look-up table and threshold gates in two-input ANDs, equal ANDs shared."""

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        expanded = expand_to_aig(netlist)
        return netlist if expanded is netlist else strash(expanded)
