"""The table of this backend: for each op how it becomes code, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from circuitc.diagnostics import Diagnostic
from circuitc.ir import Func, Graph, Node

from . import contract, lookups, reductions, structure
from .body import Body
from .calls import call
from .functions import ELEMENTWISE, ON_EXACT_TYPES

Emit = Callable[[Body, int, Node], None]

LOWERINGS: Mapping[str, Emit] = MappingProxyType({
    "constant": Body.constant, "call": call,
    **dict.fromkeys(ELEMENTWISE, Body.map), "table": lookups.table,
    "reshape": structure.reshape, "transpose": structure.transpose, "broadcast": structure.broadcast,
    "slice": structure.slice_, "window": structure.window, "element": structure.element,
    "concat": structure.concat, "stack": structure.stack, "pad": structure.pad,
    "gather": structure.gather, "update": structure.update, "one_hot": structure.one_hot,
    "priority": structure.priority, "pack": structure.pack, "unpack": structure.unpack,
    "reduce": reductions.reduce, "argmax": reductions.arg, "argmin": reductions.arg,
    "threshold": reductions.threshold, "contract": contract.contract,
})

# Ops without a row, or refused for some types, with the reason and the cure.
_WHY = ("is correctly rounded on exact types, which no instruction does", "run the pass tabulate")
REFUSED: Mapping[str, tuple[str, str]] = MappingProxyType(dict.fromkeys(ON_EXACT_TYPES, _WHY))


def refusals(func: Func) -> list[Diagnostic]:
    """Collect what this backend cannot take in a func."""
    if not isinstance(func.body, Graph):
        return []
    graph = func.body
    found: list[Diagnostic] = []
    for value, node in enumerate(graph.nodes):
        if value < graph.inputs or value not in graph.live:
            continue
        if node.op in REFUSED and node.type.is_exact:
            reason, cure = REFUSED[node.op]
            what = f"the llvm target cannot take {node.op}: it {reason}"
            found.append(Diagnostic(f"@{func.name} %{node.name}: {what}", node.span, cure))
        assert node.op in LOWERINGS, f"{node.op} has neither a row nor a refusal"
    return found
