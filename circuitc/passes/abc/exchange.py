"""Send a netlist through ABC and take back what came out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from circuitc.diagnostics import error
from circuitc.ir import Netlist
from circuitc.ir.netlist_expand import expand_to_aig
from circuitc.tools import ToolFailed, require_tool, run_tool

from ..base import Context
from ..strash import strash
from ..sweep_dead import sweep_dead
from .aiger import decode, encode
from .blif import read_luts
from .check import check_same
from .names import keep_names

DEFAULT_SECONDS = 600
Run = Callable[[Netlist, str, float], Netlist]   # a netlist of ANDs, what to do with it, and in how many seconds
_ENDINGS = {"ands": "strash; write_aiger out", "luts": "write_blif out"}


def run_to_ands(netlist: Netlist, script: str, seconds: float) -> Netlist:
    """Give the netlist of ANDs that a script makes of a netlist of ANDs; inputs and outputs keep their order."""
    return decode(_run(netlist, script, "ands", seconds))


def run_to_luts(netlist: Netlist, script: str, seconds: float) -> Netlist:
    """Give the netlist of look-up tables that a script makes of a netlist of ANDs."""
    return read_luts(_run(netlist, script, "luts", seconds).decode(), netlist.inputs)


def _run(netlist: Netlist, script: str, form: str, seconds: float) -> bytes:
    """Run a script that is trusted (see `commands`) on a netlist of ANDs, in a folder of its own."""
    abc = require_tool("yosys-abc")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in.aig").write_bytes(encode(netlist))
        done = run_tool([str(abc), "-q", f"read_aiger in.aig; {script}; {_ENDINGS[form]}"], folder=Path(folder),
                        seconds=seconds)
        out = Path(folder) / "out"
        if not done.ok:
            raise ToolFailed("yosys-abc", done)
        if not out.exists():  # a command that fails ends the script, and ABC says why and exits with 0
            raise error(f"abc stopped in the script `{script}`: {(done.said.splitlines() or ['it said nothing'])[-1]}")
        return out.read_bytes()


def prepare(netlist: Netlist) -> Netlist:
    """Give any netlist as shared ANDs without dead ones, the form in which ABC gets it."""
    return sweep_dead(strash(expand_to_aig(netlist)))


def size_of(netlist: Netlist) -> tuple[int, int]:
    """Measure a netlist: gates, and levels."""
    return netlist.gates, netlist.depth


def optimize_ands(netlist: Netlist, script: str, context: Context, *, what: str, seconds: float = DEFAULT_SECONDS,
                  depth_first: bool = False, sideways: bool = False, run: Run | None = None) -> Netlist:
    """Give what a script makes of a netlist, checked; the netlist itself where that is not better.

    Better is fewer gates, then fewer levels; `depth_first` the other way round. `sideways` also takes what is as good
    and different: zero-cost moves lead out of local minima. `run` is who runs the
    script, ABC where none is given. Notes sizes and evidence in the context's facts.
    """
    if not netlist.gates:
        return netlist
    before, ands = expand_to_aig(netlist), prepare(netlist)
    after = (run or run_to_ands)(ands, script, seconds) if ands.gates else ands
    evidence = check_same(before, after, what, context.func)
    context.facts.setdefault("checked", []).append({
        "func": context.func.name if context.func else "", **evidence,
        "gates": [before.gates, after.gates], "levels": [before.depth, after.depth]})
    order = -1 if depth_first else 1
    was, now = size_of(before)[::order], size_of(after)[::order]
    if now < was or (sideways and now == was and not _same_structure(netlist, after)):
        return keep_names(before, after)
    return netlist


def _same_structure(a: Netlist, b: Netlist) -> bool:
    return a.is_aig and a.fanin.tolist() == b.fanin.tolist() and a.outputs.tolist() == b.outputs.tolist()
