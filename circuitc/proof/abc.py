"""Prove pairs of literals equal with ABC, in a process of its own: the second opinion for big circuits."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from circuitc.backends.aiger import encode_binary
from circuitc.backends.gate_level import circuit_of
from circuitc.ir import BIT, Func, Netlist, Port, module_of
from circuitc.tools import ToolFailed, ToolTimeout, require_tool, run_tool

from .network import Network

ABC_NAME = "ABC cec"


def abc_proves(network: Network, pairs: Sequence[tuple[int, int]], seconds: float) -> bool | None:
    """Ask ABC whether all pairs are equal: True proved, False refuted (without saying where), None not found out.

    The two sides are written as two circuits over the same inputs in the same order, and compared by order (`-n`).
    """
    abc = require_tool("yosys-abc")
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        for name, side in (("first.aig", 0), ("second.aig", 1)):
            (at / name).write_bytes(_aiger(network.netlist([pair[side] for pair in pairs])))
        try:
            # -C bounds conflicts: without it ABC gives up after 1000 and says undecided long before the time is up
            said = run_tool([str(abc), "-q", f"cec -n -C 100000000 -T {max(1, int(seconds))} first.aig second.aig"],
                            folder=at, seconds=seconds + 2)
        except ToolTimeout:
            return None
    if re.search(r"^Networks are equivalent", said.stdout, re.MULTILINE):
        return True
    if re.search(r"^Networks are NOT EQUIVALENT", said.stdout, re.MULTILINE):
        return False
    if "UNDECIDED" in said.stdout or not said.ok:
        return None
    raise ToolFailed(ABC_NAME, said)


def _aiger(netlist: Netlist) -> bytes:
    ports = [(Port(name, BIT.with_shape((bits,))),) if bits else ()
             for name, bits in (("x", netlist.inputs), ("y", len(netlist.outputs)))]
    return encode_binary(circuit_of(module_of(Func("side", ports[0], ports[1], netlist))))
