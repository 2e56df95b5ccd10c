"""Functions of few bits: a table of all results, or pieces of straight lines whose error is found on every input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from circuitc.ir import Constant, Node, Type, Value, fixed, smallest, ufixed

from .forms import Bound, Form, product_bound, times, uniform
from .grids import Floats, Grid, Statistics
from .lowering import Lowering
from .number_formats import NumberFormat

_context: Any = mpmath.MPContext()
_context.prec = 100  # doubles need 53; the rest makes the rounding to doubles the only error
_EDGE = 2.0 ** -40   # of a step: what doubles can be wrong by where an error is compared with a bound


def _positive(f: Any, otherwise: float) -> Any:
    return lambda x: f(x) if x > 0 else otherwise


def _logistic(x: Any) -> Any:
    return 1 / (1 + _context.exp(-x))


_REAL: dict[str, Any] = {
    "exp": _context.exp, "tanh": _context.tanh, "sigmoid": _logistic, "sin": _context.sin, "cos": _context.cos,
    "erf": _context.erf, "log": _positive(_context.log, -np.inf), "sqrt": _positive(_context.sqrt, 0.0),
    "rsqrt": _positive(lambda x: 1 / _context.sqrt(x), np.inf),
    "reciprocal": lambda x: 1 / x if x else _context.inf}
# The steepest slope on an interval, from which errors of the operand follow; None: no bound is claimed.
_SLOPE: dict[str, Any] = {
    "tanh": lambda low, high: 1.0, "sigmoid": lambda low, high: 0.25, "sin": lambda low, high: 1.0,
    "cos": lambda low, high: 1.0, "erf": lambda low, high: 1.1284, "exp": lambda low, high: np.exp(high) * (1 + 1e-9),
    "log": lambda low, high: 1 / low if low > 0 else None,
    "sqrt": lambda low, high: 0.5 / np.sqrt(low) if low > 0 else None,
    "rsqrt": lambda low, high: 0.5 * low ** -1.5 if low > 0 else None,
    "reciprocal": lambda low, high: low ** -2 if low > 0 else None}


def real_values(name: str, reals: Floats) -> Floats:
    """Give a function of many numbers, each rounded once to a double from 100 bits."""
    f = _REAL[name]
    return np.array([float(f(_context.mpf(float(x)))) for x in reals])


def function(low: Lowering, value: Value, node: Node) -> Form:
    """Give a function of one value."""
    return _function(low, node.operands[0], node.op, node.name, low.seen[value])


def divide(low: Lowering, value: Value, node: Node) -> Form:
    """Divide by a constant through the scale, by a value through a table of reciprocals."""
    numerator, denominator = node.operands
    by = low.known(denominator)
    if by is not None:
        form = low.form(numerator)
        return times(low.narrow(numerator) if form.is_clipped else form, 1.0 / by)
    seen = low.seen[denominator]
    sample = 1.0 / seen.sample[seen.sample != 0] if np.any(seen.sample) else np.ones(1)
    seen = Statistics(float(sample.min()), float(sample.max()), sample)
    inverse, x = _function(low, denominator, "reciprocal", node.name, seen), low.centred(numerator)
    number = low.builder.apply("mul", x.value, inverse.value, name=node.name)
    return Form(number, x.scale * inverse.scale, np.zeros_like(x.scale), bound=product_bound(x.bound, inverse.bound))


def _function(low: Lowering, operand: Value, op: str, name: str, seen: Statistics) -> Form:
    """Tabulate a function over the numbers of its narrowed operand."""
    x = low.narrow(operand, NumberFormat("integer", low.plan.functions))
    t = low.builder.type(x.value)
    if t.is_spin:
        x = low.on(operand, low.grid(operand, NumberFormat("integer", 2)))
        t = low.builder.type(x.value)
    wanted = low.plan.settings.default.activations
    grid = low.plan.grids.choose(NumberFormat("integer", max(wanted.bits, 2), None, wanted.type), seen)
    if grid.zero and op == "reciprocal":  # it is multiplied, which an offset would make two products of
        grid = Grid(fixed(grid.type.width), max(-grid.low, grid.high) / fixed(grid.type.width).highest)
    raws = np.arange(t.lowest, t.highest + 1)
    reals = np.ldexp(raws.astype(np.float64), -t.fraction) * float(x.scale.flat[0]) + float(x.offset.flat[0])
    truth = real_values(op, reals)
    if t.width <= low.plan.table:
        entries = grid.raw(np.clip(truth, grid.low, grid.high))
        number, form = _table(low, x.value, t, entries, grid.type, name), "table"
    else:
        pieces = fit(truth, t, grid, low.plan.table - 2)
        number, entries, form = pieces.emit(low, x.value, grid, name), pieces.evaluate(t, grid), "pieces"
    worst = float(np.abs(grid.real(entries) - np.clip(truth, grid.low, grid.high)).max()) + grid.step * _EDGE
    low.functions.append({"value": name, "op": op, "operand": str(t.scalar), "result": str(grid.type), "form": form,
                          "inputs": len(raws), "max_error": worst,
                          "evidence": "compared on every input with 100-bit arithmetic"})
    return uniform(number, grid.scale, -grid.zero * grid.scale, t.rank, _bounded(x, op, grid, worst, low.plan.within))


def _bounded(x: Form, op: str, grid: Grid, worst: float, within: bool) -> Bound | None:
    """Bound the result: the operand's error times the steepest slope, the table's error, and what the grid cuts off."""
    if x.bound is None:
        return None
    reach = float(x.bound.error.max())
    ends = float(x.bound.low.min()) - reach, float(x.bound.high.max()) + reach
    with np.errstate(over="ignore"):
        slope = _SLOPE[op](*ends)
    if slope is None or not np.isfinite(slope):
        return None
    found = np.array([-1.0, 1.0]) if op in ("sin", "cos") else real_values(op, np.array(ends))
    low, high = float(found.min()), float(found.max())
    beyond = 0.0 if within else max(high - grid.high, grid.low - low, 0.0)
    error = x.bound.error * slope + worst + beyond
    return Bound(np.full_like(error, low), np.full_like(error, high), error)


def _table(low: Lowering, operand: Value, t: Type, entries: Any, result: Type, name: str) -> Value:
    """Look numbers up; entries come for rising numbers and are stored by their bits."""
    by_bits = np.roll(entries, t.lowest)  # two's complement: numbers from 0 first, then the negative ones
    table = low.builder.constant(Constant(result.with_shape((len(entries),)), by_bits), f"{name}_table")
    return low.builder.apply("table", operand, table, name=name)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Straight lines over equal parts of an operand's numbers.

    With `low` bits of the operand inside a part: result = (start[part] + slope[part] * inside) / 2**guard, in raw
    numbers of the result's grid. Both are integers, and what is computed is exact up to the last rounding.
    """

    low: int
    guard: int
    start: Any
    slope: Any

    def evaluate(self, t: Type, grid: Grid) -> Any:
        """Give the raw results for all raw operands, rising: what the emitted ops compute."""
        raws = np.arange(t.lowest, t.highest + 1)
        part, inside = (raws >> self.low) - (t.lowest >> self.low), raws & ((1 << self.low) - 1)
        exact = self.start[part] + self.slope[part] * inside
        rounded = np.rint(exact / 2.0 ** self.guard)  # halves to even, as requantize has it
        return np.clip(rounded, grid.type.lowest, grid.type.highest).astype(np.int64)

    def emit(self, low: Lowering, operand: Value, grid: Grid, name: str) -> Value:
        """Write the lookup of start and slope, and the line."""
        b = low.builder
        t = b.type(operand)
        whole = b.apply("shift", operand, by=t.fraction - self.low) if t.fraction != self.low else operand
        top = b.apply("requantize", whole, rounding="floor", overflow="never", name=f"{name}_part",
                      type=(fixed if t.signed else ufixed)(t.width - self.low, 0, t.shape))
        inside = b.apply("requantize", b.apply("shift", operand, by=t.fraction) if t.fraction else operand,
                         overflow="wrap", type=ufixed(self.low, 0, t.shape), name=f"{name}_inside")
        part = b.type(top)
        columns = [(k, column, smallest(int(column.min()), int(column.max())))
                   for k, column in (("start", self.start), ("slope", self.slope))]
        start, slope = (_table(low, top, part.scalar, column, entry, f"{name}_{k}") for k, column, entry in columns)
        line = b.apply("add", start, b.apply("mul", slope, inside), name=f"{name}_line")
        return b.apply("requantize", b.apply("shift", line, by=-self.guard - grid.type.fraction),
                       type=grid.type, name=name)


def fit(truth: Floats, t: Type, grid: Grid, most: int) -> Pieces:
    """Fit lines with 2**most parts at most: as few as keep the error within one step, else that many."""
    wanted = np.ldexp(np.clip(truth, grid.low, grid.high) / grid.scale + grid.zero, grid.type.fraction)
    for parts in range(2, min(most, t.width - 2) + 1):
        pieces = _lines(wanted, t.width - parts)
        if np.abs(pieces.evaluate(t, grid) - wanted).max() <= 1.0:
            return pieces
    return _lines(wanted, t.width - min(most, t.width - 2))


def _lines(wanted: Floats, low: int) -> Pieces:
    """Lay a line through each part that halves its largest error at the ends and in the middle."""
    guard = low + 3
    rows = wanted.reshape(-1, 1 << low)
    inside = np.arange(1 << low)
    slope = np.rint((rows[:, -1] - rows[:, 0]) / ((1 << low) - 1) * 2.0 ** guard)
    rest = rows * 2.0 ** guard - slope[:, None] * inside
    start = np.rint((rest.max(axis=1) + rest.min(axis=1)) / 2)
    return Pieces(low, guard, start.astype(np.int64), slope.astype(np.int64))
