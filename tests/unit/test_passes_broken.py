"""A deliberately broken copy of each exact pass, and the check that catches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from circuitc.diagnostics import InternalError
from circuitc.ir import Builder, Constant, Func, Graph, Node, Type, Value, parse_module, rebuild
from circuitc.ir.generate import random_module
from circuitc.passes import Context, GraphPass, Pass, check_exact, run_passes, tabulate
from circuitc.passes import ranges as ranges_file
from circuitc.passes.cse import Cse
from circuitc.passes.dce import Dce
from circuitc.passes.fold import Fold, fold_node
from circuitc.passes.ranges import Ranges
from circuitc.passes.rules import Site
from circuitc.passes.simplify import Simplify, simplify_graph
from circuitc.passes.tabulate import Tabulate

PROGRAM = parse_module("""
const #a : i4[3] = [1, -2, 3]
const #zero : i4 = 0

func @main(%x: i4[3], %c: fx<3,1>) -> (%s: i7[3], %d: i5, %t: fx<6,4>, %r: i9) stream {
  reg %sum : i8 = 0
  reg %spare : i8 = 1
  %p = mul #a, #a : u5[3]
  %s = add %x, %p : i7[3]
  %e0 = element %x {index=0} : i4
  %e1 = element %x {index=1} : i4
  %d0 = sub #zero, %e0 : i5
  %m = max %e0, %e1 : i4
  %d = sub %m, #zero : i5
  %t = tanh %c : fx<6,4>
  %n = add %sum, %d0 : i9
  %k = requantize %n : i8
  %r = add %k, %spare : i9
  next %sum = %k
  next %spare = %spare
  return %s, %d, %t, %r
}
""")


@dataclass(frozen=True, slots=True)
class OffByOne(Fold):
    """Fold, one too high in the last element."""

    def run(self, graph: Graph, context: Context) -> Graph:
        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if not operands or node.op == "call" or not all(b.nodes[v].is_constant for v in operands):
                return None
            folded = fold_node(node, [b.nodes[v].constant for v in operands])
            if folded is None or not folded.type.is_exact:
                return None
            array = folded.array.copy()
            array.flat[-1] = min(array.flat[-1] + 1 + folded.type.is_spin, folded.type.highest)
            return b.constant(Constant(folded.type, array))

        return rebuild(graph, rule)


@dataclass(frozen=True, slots=True)
class BlindToAttributes(Cse):
    """Share nodes of one op and type on the same operands, whatever their attributes are."""

    def run(self, graph: Graph, context: Context) -> Graph:
        seen: dict[object, Value] = {}

        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if node.is_constant:
                return None
            return seen.setdefault((node.op, operands, node.type), b.copy(node, operands))

        return rebuild(graph, rule)


@dataclass(frozen=True, slots=True)
class DropsALiveOperand(Dce):
    """Take the second operand of every sum for dead."""

    def run_func(self, func: Func, context: Context) -> Func:
        if not isinstance(func.body, Graph):
            return func
        nodes = [replace(n, operands=(n.operands[0],) * len(n.operands)) if n.op == "add" and len({
            func.body.nodes[v].type for v in n.operands}) == 1 else n for n in func.body.nodes]
        return func.with_body(replace(func.body, nodes=tuple(nodes)))


@dataclass(frozen=True, slots=True)
class DropsALiveRegister(Dce):
    """Take registers for dead that no next value but their own reads, though outputs do."""

    def run_func(self, func: Func, context: Context) -> Func:
        if not isinstance(func.body, Graph) or not func.registers:
            return func
        last = len(func.inputs) + len(func.registers) - 1
        t = func.registers[-1].type

        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if last not in operands:
                return None
            zero = b.number(t, t.lowest if t.is_exact else 0)
            return b.copy(node, [zero if v == last else v for v in operands])

        return func.with_body(rebuild(func.body, rule))


def forgets_the_sign(s: Site) -> Value | None:
    return s.same(s[1]) if s.is_exact and s.is_all(s[0], 0) else None


@dataclass(frozen=True, slots=True)
class OneWrongRule(Simplify):
    """Simplify with `0 - x` is x."""

    def run(self, graph: Graph, context: Context) -> Graph:
        return simplify_graph(graph, {"sub": (forgets_the_sign,)})


@dataclass(frozen=True, slots=True)
class InSignedOrder(Tabulate):
    """Tables from the lowest number to the highest, where the entry's number is the operand's bits."""

    def run(self, graph: Graph, context: Context) -> Graph:
        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if node.op != "table":
                return None
            table = b.nodes[operands[1]].constant
            swapped = Constant(table.type, np.roll(table.array, len(table.array) // 2))
            return b.apply("table", operands[0], b.constant(swapped), type=node.type)

        return rebuild(super(InSignedOrder, self).run(graph, context), rule)


@dataclass(frozen=True, slots=True)
class OneBitShort(GraphPass):
    """Ranges that take the least number for the greatest: everything seems to be constant."""

    def run(self, graph: Graph, context: Context) -> Graph:
        original = ranges_file.value_ranges
        ranges_file.value_ranges = lambda g: tuple(  # pyright: ignore[reportPrivateImportUsage]
            i and type(i)(i.low, i.low) for i in original(g))
        try:
            return Ranges().run(graph, context)
        finally:
            ranges_file.value_ranges = original  # pyright: ignore[reportPrivateImportUsage]


BROKEN: list[Pass] = [OffByOne(), BlindToAttributes(), DropsALiveOperand(), DropsALiveRegister(), OneWrongRule(),
                      InSignedOrder(), OneBitShort()]
RIGHT: dict[type[Pass], Callable[[], Pass]] = {
    OffByOne: Fold, BlindToAttributes: Cse, DropsALiveOperand: Dce, DropsALiveRegister: Dce, OneWrongRule: Simplify,
    InSignedOrder: Tabulate, OneBitShort: Ranges}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda p: p.name())
def test_broken_copy_is_caught(broken: Pass) -> None:
    after = RIGHT[type(broken)]().apply(PROGRAM, Context())
    assert check_exact(PROGRAM, after)["level"] in ("simulated", "proved")
    program = broken.apply(PROGRAM, Context())
    assert program is not PROGRAM
    with pytest.raises(InternalError, match="changed the program's meaning: @main\\("):
        check_exact(PROGRAM, program)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda p: p.name())
def test_broken_copy_is_caught_on_generated_programs(broken: Pass) -> None:
    """Some generated programs are immune (nothing there to break, or unused), but never all of forty.

    Sharing and dropping show where one op stands often in a program, so there the programs have few ops.
    """
    few = {BlindToAttributes: ("reduce", "stack", "broadcast"), DropsALiveOperand: ("add", "requantize", "neg")}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        module = random_module(rng, 25, exact_only=True, schedule=True, ops=few.get(type(broken)))
        try:
            run_passes(module, [broken])
        except InternalError:
            return
    pytest.fail(f"{broken} was never caught")


def test_function_list_is_that_of_the_op_table() -> None:
    from circuitc.ir.ops import functions
    assert {op.name for op in functions.OPS} - {"table"} == tabulate.FUNCTIONS


def test_type_of_a_constant_that_a_pass_makes_is_checked() -> None:
    with pytest.raises(Exception, match="9 is not a raw number of i4"):
        Constant(Type("fixed", 4, 0, True), 9)
