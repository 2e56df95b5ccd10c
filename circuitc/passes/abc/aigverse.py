"""Send a netlist of ANDs through aigverse (mockturtle's algorithms), in a process of its own: they can crash."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from circuitc.diagnostics import error
from circuitc.ir import Netlist
from circuitc.tools import ToolFailed, require_tool, run_tool

from .aiger import decode, encode

_PROGRAM = ("from aigverse import algorithms, io; n = io.read_aiger_into_aig('in.aig'); "
            "m = algorithms.{call}; io.write_aiger(algorithms.cleanup_dangling(m), 'out.aig')")


def run_in_aigverse(netlist: Netlist, call: str, seconds: float) -> Netlist:
    """Give the netlist of ANDs that a call such as `balancing(n)` makes of `n`; inputs and outputs keep their order.

    The call is ours and is trusted. Raises a CircuitError where aigverse is missing, too slow, or ends early.
    """
    require_tool("aigverse")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in.aig").write_bytes(encode(netlist))
        done = run_tool([sys.executable, "-c", _PROGRAM.format(call=call)], folder=Path(folder), seconds=seconds)
        if not done.ok:
            raise ToolFailed("aigverse", done)
        out = Path(folder) / "out.aig"
        if not out.exists():
            raise error(f"aigverse wrote nothing after {call}")
        return decode(out.read_bytes())
