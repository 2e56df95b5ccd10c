"""The pass `map-luts`: gates become look-up tables, as FPGAs have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from circuitc.diagnostics import error
from circuitc.ir import Kind, Netlist
from circuitc.ir.netlist import MAX_LUT_INPUTS, WORD_INPUTS

from .abc import check_same, read_script, run_to_luts, size_of
from .abc.exchange import prepare
from .base import Context, NetlistPass

Effort = Literal["fast", "good", "best"]

_ROUND = "strash; dch; if -a -K {k}; mfs2 -a -e"


def scripts(k: int, effort: Effort) -> tuple[str, ...]:
    """List the ABC scripts of an effort; the smallest result is taken, the first of equal ones."""
    rounds = "; ".join([_ROUND] * 3)
    texts = {
        "fast": (f"if -K {k}",),
        "good": (f"if -K {k}", f"dch; if -a -K {k}; mfs2 -a -e"),
        "best": (f"if -K {k}", f"if -a -K {k}; mfs2 -a -e", f"resyn2; {rounds}",
                 f"{rounds}; {rounds}; strash; compress2rs; {rounds}"),
    }[effort]
    return tuple(read_script(text.format(k=k)) for text in texts)


@dataclass(frozen=True, slots=True)
class MapLuts(NetlistPass):
    """Cover the netlist with look-up tables of at most `k` inputs (3..8).

    `effort` is `fast` (few levels, one round), `good` (also for area) or `best` (several recipes with many rounds, for
    the fewest tables). A netlist that is mapped to as few tables already stays.
    """

    k: int = WORD_INPUTS
    effort: Effort = "good"
    seconds: int = 600

    def __post_init__(self) -> None:
        if not 3 <= self.k <= MAX_LUT_INPUTS:
            raise error(f"map-luts: k is 3 to {MAX_LUT_INPUTS}, got {self.k}",
                        help=f"look-up tables of the IR have at most {MAX_LUT_INPUTS} inputs"
                        if self.k > MAX_LUT_INPUTS else "")

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        if not netlist.gates:
            return netlist
        ands = prepare(netlist)
        if not ands.gates:
            return ands
        found: list[Netlist] = []
        for script in scripts(self.k, self.effort):
            mapped = run_to_luts(ands, script, self.seconds)
            evidence = check_same(netlist, mapped, f"ABC's script {script!r}", context.func)
            context.facts.setdefault("checked", []).append({
                "func": context.func.name if context.func else "", **evidence, "luts": mapped.gates,
                "levels": mapped.depth})
            found.append(mapped)
        best = min(found, key=size_of)
        return netlist if _is_mapped(netlist, self.k) and size_of(netlist) <= size_of(best) else best


def _is_mapped(netlist: Netlist, k: int) -> bool:
    gates = slice(1 + netlist.inputs, None)
    arity = netlist.offset[1:] - netlist.offset[:-1]
    return bool((netlist.kind[gates] == Kind.LUT).all() and arity[gates].max(initial=0) <= k)
