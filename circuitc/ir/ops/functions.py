"""Functions with a declared result type, correctly rounded, and the tables that they become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from circuitc.diagnostics import error

from ..op import Application, Attributes, OpDef, Raw, same_shapes, same_types
from ..types import Type
from .elementwise import bring_into, settle

MAX_TABLE_WIDTH = 16

# Working precision for fixed-point results, in bits, without the operands' fractions. Ties are results with few bits,
# which are computed exactly; near a tie, tanh(x) = x - x**3/3 and its like differ by 2 fractions, which are added.
_PRECISION = 320
_context: Any = mpmath.MPContext()  # its functions are made at run time, so they have no types
_context.prec = _PRECISION

_INF = _context.inf
_BEYOND = 1 << 65  # scaled numbers beyond this saturate in every type
Real = Any


def _infer_table(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    x, table = types
    if x.is_float or x.width > MAX_TABLE_WIDTH:
        raise error(f"table looks up numbers of at most {MAX_TABLE_WIDTH} bits, got {x}",
                    help="requantize it to fewer bits first")
    if table.shape != (1 << x.width,):
        raise error(f"table needs {1 << x.width} entries for {x.scalar}, got {table}")
    return table.with_shape(x.shape)


def _table(a: Application, x: Raw, table: Raw) -> Raw:
    """The entry's number is the operand's bits read as an unsigned number (a spin's bit: +1 is 1)."""
    t = a.types[0]
    index = (x + 1) // 2 if t.is_spin else x & ((1 << t.width) - 1)
    rows = np.arange(len(x)).reshape(-1, *([1] * (x.ndim - 1)))
    picked = table[rows, index]
    return settle(a, picked, a.types[1].fraction) if a.result.is_exact else picked


def _infer_function(name: str) -> Any:
    def infer(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
        assert declared is not None
        shape = same_shapes(name, types)
        if any(t.is_float for t in types):
            t = same_types(name, types)
            if declared.scalar != t.scalar:
                raise error(f"{name} of {t} is {t}, not {declared}", help="requantize the result")
            return t
        if declared.kind != "fixed":
            raise error(f"{name} of exact types is declared fixed point, got {declared}")
        return declared.with_shape(shape)
    return infer


def round_real(value: Real, t: Type) -> int:
    """Round a real number to the nearest raw number of a type, ties to even, saturating."""
    scaled = _context.ldexp(value, t.fraction)
    if abs(scaled) > _BEYOND:  # exp of a large number has more digits than memory
        return t.highest if value > 0 else t.lowest
    below = int(_context.floor(scaled))
    rest = scaled - below
    raw = below + (below & 1 if rest == 0.5 else int(rest > 0.5))
    return min(max(raw, t.lowest), t.highest)


def _function(real: Callable[..., Real], floats: Callable[..., Raw]) -> Any:
    def evaluate(a: Application, *x: Raw) -> Raw:
        if a.result.is_float:
            with np.errstate(all="ignore"):
                return np.asarray(floats(*(v.astype(np.float64) for v in x))).astype(a.result.dtype)
        flat = np.stack([v.ravel().astype(object) for v in x])
        known: dict[tuple[int, ...], int] = {}
        out = np.empty(flat.shape[1], dtype=object)
        with _context.workprec(_PRECISION + 4 * max(0, *(t.fraction for t in a.types))):
            for k, raws in enumerate(zip(*flat.tolist(), strict=True)):
                if raws not in known:
                    reals = (_context.ldexp(r, -t.fraction) for r, t in zip(raws, a.types, strict=True))
                    known[raws] = round_real(real(*reals), a.result)
                out[k] = known[raws]
        return np.asarray(bring_into(out, a.result, "saturate")).reshape(x[0].shape).astype(a.result.dtype)
    return evaluate


def _divide(x: Real, y: Real) -> Real:
    if y == 0:
        return _INF if x > 0 else -_INF if x < 0 else _context.zero
    return x / y


def _logistic(x: Real) -> Real:
    e = _context.exp(-abs(x))
    return 1 / (1 + e) if x >= 0 else e / (1 + e)


def _np_erf(x: Raw) -> Raw:
    from scipy.special import erf
    return erf(x)


def _np_logistic(x: Raw) -> Raw:
    from scipy.special import expit
    return expit(x)


def _record(name: str, real: Callable[..., Real], floats: Callable[..., Raw], doc: str, *, arity: int = 1,
            monotone: bool = False) -> OpDef:
    return OpDef(name, (arity, arity), _infer_function(name), _function(real, floats), doc, declares=True,
                 monotone=monotone)


OPS: tuple[OpDef, ...] = (
    OpDef("table", (2, 2), _infer_table, _table, "The entry of a table that the operand's bits name."),
    _record("exp", _context.exp, np.exp, "e to the power of the number, rounded to the declared type.", monotone=True),
    _record("log", lambda x: _context.log(x) if x > 0 else -_INF, np.log,
            "The natural logarithm, rounded; the lowest number where the operand is not positive.", monotone=True),
    _record("sqrt", lambda x: _context.sqrt(x) if x > 0 else _context.zero, np.sqrt,
            "The square root, rounded; 0 where the operand is negative.", monotone=True),
    _record("rsqrt", lambda x: 1 / _context.sqrt(x) if x > 0 else _INF, lambda x: 1 / np.sqrt(x),
            "One over the square root, rounded; the highest number where the operand is not positive."),
    _record("divide", _divide, np.divide,
            "The quotient, rounded; by zero the highest, the lowest, or (of zero) 0.", arity=2),
    _record("tanh", _context.tanh, np.tanh, "The hyperbolic tangent, rounded.", monotone=True),
    _record("sigmoid", _logistic, _np_logistic, "The logistic function 1 / (1 + exp(-x)), rounded.", monotone=True),
    _record("sin", _context.sin, np.sin, "The sine, rounded."),
    _record("cos", _context.cos, np.cos, "The cosine, rounded."),
    _record("erf", _context.erf, _np_erf, "The error function, rounded.", monotone=True),
)
