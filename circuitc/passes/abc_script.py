"""The pass `abc`: a script of ABC commands from a list of harmless ones."""

from __future__ import annotations

from dataclasses import dataclass

from circuitc.diagnostics import error
from circuitc.ir import Netlist

from .abc import optimize_ands, read_script
from .base import Context, NetlistPass

MAX_SECONDS = 100_000


@dataclass(frozen=True, slots=True)
class Abc(NetlistPass):
    """Run a script of ABC commands such as `resyn2; dc2`, and take the result where it has fewer gates (then levels).

    Commands come from a list without those that read or write files, start programs or stop by the clock; `resyn`,
    `resyn2` and `compress2rs` are known. The netlist becomes two-input ANDs.
    """

    script: str
    seconds: int = 600

    def __post_init__(self) -> None:
        read_script(self.script)
        if not 1 <= self.seconds <= MAX_SECONDS:
            raise error(f"abc: seconds is 1 to {MAX_SECONDS}, got {self.seconds}")

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        return optimize_ands(netlist, read_script(self.script), context, what=f"ABC's script {self.script!r}",
                             seconds=self.seconds)
