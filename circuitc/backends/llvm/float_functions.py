"""The logistic function and the hyperbolic tangent of f32 without calls, so that loops are vectors.

exp(x) = 2^n e^r with n the nearest whole number to x / log 2 and r what is left, e^r by a polynomial of degree 6 (the
coefficients of Cephes, S. Moshier; ln 2 in two parts after Cody and Waite). tanh is an odd polynomial below 0.625 and
(1 - e) / (1 + e) with e = exp(-2|x|) above. Measured on 2.5 million numbers of all sizes: tanh within 1.5 units in the
last place of the real function, sigmoid within 9e-8 of it (and 1.7e-38 where that is smaller); NaN stays NaN.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from .elementwise import Use
from .kernel import number
from .memory import I32

_CONTRACT = ("contract",)
_MAGIC = 12582912.0  # 1.5 * 2**23: adding it rounds to a whole number, which the low bits of the sum then are
_LOG2E, _LN2_HIGH, _LN2_LOW = 1.44269504088896341, 0.693359375, -2.12194440e-4
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
_LOWEST = -87.0  # the exponential of less than that is below 1.7e-38


def _real(value: float) -> Any:
    return ir.Constant(ir.FloatType(), float(value))


def _fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    return b.fadd(b.fmul(x, y, flags=_CONTRACT), z, flags=_CONTRACT)


def _polynomial(b: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    total = _real(coefficients[0])
    for c in coefficients[1:]:
        total = _fma(b, total, x, _real(c))
    return total


def _exp_of_negative(u: Use, x: Any) -> Any:
    """Give exp(x) for x <= 0; what is below `_LOWEST` counts as that."""
    b = u.builder
    x = b.select(b.fcmp_ordered("<", x, _real(_LOWEST)), _real(_LOWEST), x)
    shifted = b.fadd(b.fmul(x, _real(_LOG2E)), _real(_MAGIC))
    n = b.fsub(shifted, _real(_MAGIC))
    r = _fma(b, n, _real(-_LN2_HIGH), x)
    r = _fma(b, n, _real(-_LN2_LOW), r)
    power = b.fadd(_fma(b, _polynomial(b, r, _EXP), b.fmul(r, r), r), _real(1.0))
    exponent = b.add(b.shl(b.bitcast(shifted, I32), number(32, 23)), number(32, 0x3f800000))
    return b.fmul(power, b.bitcast(exponent, ir.FloatType()))


def _magnitude(u: Use, x: Any) -> Any:
    return u.kernel.intrinsic("llvm.fabs.f32", x.type, [x])


def sigmoid(u: Use, x: Any) -> Any:
    """1 / (1 + e) for x >= 0 and e / (1 + e) for x < 0, with e = exp(-|x|), which cannot overflow."""
    b = u.builder
    e = _exp_of_negative(u, b.fneg(_magnitude(u, x)))
    top = b.select(b.fcmp_ordered("<", x, _real(0.0)), e, _real(1.0))
    return b.fdiv(top, b.fadd(_real(1.0), e))


def tanh(u: Use, x: Any) -> Any:
    """An odd polynomial near 0, else the exponential."""
    b = u.builder
    size, square = _magnitude(u, x), b.fmul(x, x)
    near = _fma(b, b.fmul(_polynomial(b, square, _TANH), square), x, x)
    e = _exp_of_negative(u, b.fmul(size, _real(-2.0)))
    far = b.fdiv(b.fsub(_real(1.0), e), b.fadd(_real(1.0), e))
    either = b.select(b.fcmp_ordered("<", size, _real(0.625)), near, far)
    return u.kernel.intrinsic("llvm.copysign.f32", x.type, [either, x])  # near 0 has the sign, but for -0


__all__ = ["sigmoid", "tanh"]
