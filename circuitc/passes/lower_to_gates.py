"""The pass `lower-to-gates`: graph bodies become netlists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from circuitc.diagnostics import CircuitError, Diagnostic, error
from circuitc.ir import Func, Graph, Module, NetlistBuilder, Type
from circuitc.ir.netlist import MAX_LUT_INPUTS

from .base import Context, FuncPass
from .gates.calls import run_body
from .gates.forms import Word
from .gates.scope import Scope
from .sweep_dead import sweep_dead


@dataclass(frozen=True, slots=True)
class LowerToGates(FuncPass):
    """Write bodies as netlists of AND, XOR and majority gates; ports and registers keep their types.

    Exact types only. Calls are put in place, those of funcs that iterate once for each step, up to `limit` gates.
    Look-up tables of called netlists become gates too, unless `luts` keeps them (the llvm target computes a 6-input
    table in at most 15 steps, where its gates are some hundred).

    With `tables` the gates are meant for look-up tables of so many inputs, as FPGAs have them, and few levels matter:
    comparisons are trees, `argmax` looks a round ahead, bits are counted six at a time where tables have six inputs,
    and carries that would ripple far are looked ahead. Else the fewest gates are made.
    """

    limit: int = 4_000_000
    luts: bool = False
    tables: int = 0

    def __post_init__(self) -> None:
        if self.tables and not 3 <= self.tables <= MAX_LUT_INPUTS:
            raise error(f"lower-to-gates: tables is 3 to {MAX_LUT_INPUTS} or 0, got {self.tables}")

    def run_func(self, func: Func, context: Context) -> Func:
        assert context.module is not None, "a pass over funcs is given the module"
        return lower_to_gates(context.module, func, limit=self.limit, luts=self.luts, tables=self.tables)


def lower_to_gates(module: Module, func: Func, *, limit: int = 4_000_000, luts: bool = False,
                   tables: int = 0) -> Func:
    """Give the func with a netlist body; the same object where it has one."""
    if not isinstance(func.body, Graph):
        return func
    refused = list(_floats(func, func.body))
    if refused:
        raise CircuitError(refused)
    scope = Scope(NetlistBuilder(sum(t.bits for t in func.body_inputs)), module, limit, luts, tables)
    words = run_body(scope, func, _input_words(scope.builder, func.body_inputs), "")
    outputs = [x for word in words for x in word]
    return func.with_body(sweep_dead(scope.builder.finish(outputs)))


def _floats(func: Func, graph: Graph) -> Iterator[Diagnostic]:
    """Find what has no bits: floats at the ports and in the body."""
    cure = "quantize the model first, or requantize floats to a fixed-point type"
    for port in (*func.inputs, *func.registers):
        if port.type.is_float:
            yield Diagnostic(f"@{func.name}: {port.name} is {port.type}, which gates do not compute", func.span, cure)
    for value in range(graph.inputs, len(graph.nodes)):
        node = graph.nodes[value]
        if value in graph.live and node.type.is_float:
            place = f"{node.origin}: " if node.origin and node.span is None else ""
            yield Diagnostic(f"{place}{node.op} %{node.name} gives {node.type}, which gates do not compute",
                             node.span, cure)


def _input_words(builder: NetlistBuilder, types: tuple[Type, ...]) -> list[Word]:
    words: list[Word] = []
    start = 0
    for t in types:
        words.append(tuple(builder.input(k) for k in range(start, start + t.bits)))
        start += t.bits
    return words
