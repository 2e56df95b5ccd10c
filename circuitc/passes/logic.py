"""Passes that make and-inverter graphs smaller or shallower: each is one command of ABC or call of aigverse, checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from circuitc.diagnostics import error
from circuitc.ir import Netlist

from .abc import optimize_ands, run_in_aigverse
from .base import Context, NetlistPass

Engine = Literal["abc", "aigverse"]


def _optimized(netlist: Netlist, context: Context, engine: Engine, abc: tuple[str, str], aigverse: tuple[str, str],
               *, depth_first: bool = False, sideways: bool = False) -> Netlist:
    """Run one engine's algorithm, given for each engine by its name and its command or call."""
    name, script = aigverse if engine == "aigverse" else abc
    return optimize_ands(netlist, script, context, what=f"{'aigverse' if engine == 'aigverse' else 'ABC'}'s {name}",
                         depth_first=depth_first, sideways=sideways,
                         run=run_in_aigverse if engine == "aigverse" else None)


@dataclass(frozen=True, slots=True)
class Balance(NetlistPass):
    """Rebuild chains of ANDs as balanced trees: fewer levels.

    The netlist becomes two-input ANDs; it stays as it is where that gives neither fewer levels nor, at as many levels,
    fewer gates. The engine `aigverse` rebuilds sums of products of four inputs instead.
    """

    engine: Engine = "abc"

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        return _optimized(netlist, context, self.engine, ("balance", "balance"), ("balancing", "balancing(n)"),
                          depth_first=True)


@dataclass(frozen=True, slots=True)
class Rewrite(NetlistPass):
    """Replace cones of four inputs by the smallest known ANDs of their function.

    With `zero` also where nothing is gained, which leads out of dead ends. The netlist becomes two-input ANDs.
    """

    zero: bool = False
    engine: Engine = "abc"

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        return _optimized(netlist, context, self.engine, ("rewrite", "rewrite -z" if self.zero else "rewrite"),
                          ("cut rewriting", f"aig_cut_rewriting(n, allow_zero_gain={self.zero})"), sideways=self.zero)


@dataclass(frozen=True, slots=True)
class Refactor(NetlistPass):
    """Replace wide cones by a factored form of their function.

    With `zero` also where nothing is gained. The netlist becomes two-input ANDs.
    """

    zero: bool = False
    engine: Engine = "abc"

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        return _optimized(netlist, context, self.engine, ("refactor", "refactor -z" if self.zero else "refactor"),
                          ("refactoring", f"sop_refactoring(n, allow_zero_gain={self.zero})"), sideways=self.zero)


@dataclass(frozen=True, slots=True)
class Resubstitute(NetlistPass):
    """Express gates by others that are there already, within cuts of `cut` inputs (4..16).

    At most `add` (0..3) gates are added for each that goes. The netlist becomes two-input ANDs.
    """

    cut: int = 8
    add: int = 1
    engine: Engine = "abc"

    def __post_init__(self) -> None:
        if not 4 <= self.cut <= 16:
            raise error(f"resubstitute: cut is 4 to 16 inputs, got {self.cut}")
        if not 0 <= self.add <= 3:
            raise error(f"resubstitute: add is 0 to 3 gates, got {self.add}")

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        call = f"aig_resubstitution(n, max_pis={self.cut}, max_inserts={self.add})"
        return _optimized(netlist, context, self.engine, ("resub", f"resub -K {self.cut} -N {self.add}"),
                          ("resubstitution", call))


@dataclass(frozen=True, slots=True)
class SatSweep(NetlistPass):
    """Merge gates that SAT proves to be equal or opposite everywhere, with at most `conflicts` conflicts for a pair.

    The netlist becomes two-input ANDs.
    """

    conflicts: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.conflicts <= 999_999_999:
            raise error(f"sat-sweep: conflicts is 1 to 999999999, got {self.conflicts}")

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        script = f"&get; &fraig -x -C {self.conflicts}; &put"
        return optimize_ands(netlist, script, context, what="ABC's &fraig")


@dataclass(frozen=True, slots=True)
class DeepSynthesis(NetlistPass):
    """Search long, by seeded random recipes, for fewer ANDs: often a fifth less than any fixed script finds.

    Its time grows fast (2 s for 300 gates, 5 s for 1000, 25 s for 3000), so netlists of more than `most` gates stay.
    `rounds` (1..100) searches go on until three recipes in a row bring nothing. The netlist becomes two-input ANDs.
    """

    most: int = 1500
    rounds: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= 100:
            raise error(f"deep-synthesis: rounds is 1 to 100, got {self.rounds}")
        if self.most < 0:
            raise error(f"deep-synthesis: most is a number of gates, got {self.most}")

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        if netlist.gates > self.most:
            return netlist
        script = f"&get; &deepsyn -I {self.rounds} -J 3; &put"
        return optimize_ands(netlist, script, context, what="ABC's &deepsyn")
