"""Functions on floats: square roots and quotients are instructions, some have formulas, the others the C library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir

from . import float_functions
from .elementwise import MAPS, Map, Use
from .kernel import number
from .memory import I64

# On exact types these are correctly rounded by definition; the pass turns them into tables that every target reads.
ON_EXACT_TYPES = ("exp", "log", "sqrt", "rsqrt", "divide", "tanh", "sigmoid", "sin", "cos", "erf")


def _library(name: str) -> Map:
    """Call the C library's function of the operand's own precision."""
    return lambda u, x: u.kernel.intrinsic(name + ("f" if u.result.width == 32 else ""), x.type, [x])


def _sqrt(u: Use, x: Any) -> Any:
    return u.kernel.intrinsic(f"llvm.sqrt.f{u.result.width}", x.type, [x])


def _in_double(emit: Callable[..., Any]) -> Map:
    """Compute in double and round once, as the definition does."""
    def function(u: Use, *x: Any) -> Any:
        kind = x[0].type
        if u.result.width == 64:
            return emit(u, *x)
        wide = emit(u, *(u.builder.fpext(v, ir.DoubleType()) for v in x))
        return u.builder.fptrunc(wide, kind)
    return function


def _rsqrt(u: Use, x: Any) -> Any:
    return u.builder.fdiv(ir.Constant(x.type, 1.0), u.kernel.intrinsic("llvm.sqrt.f64", x.type, [x]))


def _sigmoid(u: Use, x: Any) -> Any:
    b = u.builder
    one = ir.Constant(x.type, 1.0)
    return b.fdiv(one, b.fadd(one, u.kernel.intrinsic("exp", x.type, [b.fneg(x)])))


def _by_width(single: Map, double: Map) -> Map:
    """Choose by the width of the result: f32 has formulas that loops make vectors of."""
    return lambda u, x: single(u, x) if u.result.width == 32 else double(u, x)


def table_index(u: Use, x: Any) -> Any:
    """Give the number of the table's entry: the operand's bits as an unsigned number (a spin's bit: +1 is 1)."""
    b, t = u.builder, u.types[0]
    if t.is_spin:
        return b.zext(b.lshr(b.add(x, number(8, 1)), number(8, 1)), I64)
    return b.and_(b.zext(x, I64), number(64, (1 << t.width) - 1))


FUNCTIONS: dict[str, Map] = {
    "exp": _library("exp"), "log": _library("log"), "sqrt": _sqrt, "rsqrt": _in_double(_rsqrt),
    "divide": lambda u, x, y: u.builder.fdiv(x, y),
    "tanh": _by_width(float_functions.tanh, _library("tanh")),
    "sigmoid": _by_width(float_functions.sigmoid, _sigmoid), "sin": _library("sin"), "cos": _library("cos"),
    "erf": _library("erf"),
}
# Every op whose result at an index needs its operands at that index only (and, for table, the whole table).
ELEMENTWISE: dict[str, Map] = {**MAPS, **FUNCTIONS}
