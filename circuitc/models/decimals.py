"""Decimal numbers as they are written, exactly: no float ever stands in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction

from circuitc.diagnostics import Span, error

MAX_DIGITS = 60  # before and after the point; what is exact in 62 bits has fewer, and huge exponents cost no memory

_WIDE = Context(prec=5 * MAX_DIGITS)  # so that moving the point rounds nothing
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)


def parse_decimal(text: str, span: Span | None = None) -> Decimal:
    """Read a decimal number exactly; refuse everything else, infinities and NaN too."""
    if len(text) > 2 * MAX_DIGITS or not _DECIMAL.fullmatch(text):
        shown = text if len(text) <= 40 else text[:37] + "..."
        raise error(f"expected a decimal number, got {shown!r}", span)
    number = Decimal(text)
    if number and not -MAX_DIGITS <= number.adjusted() <= MAX_DIGITS:
        raise error(f"{text} is outside the range 1e-{MAX_DIGITS} to 1e{MAX_DIGITS}", span)
    return number


def exact_integers(numbers: Sequence[Decimal | int | Fraction]) -> tuple[list[int], int]:
    """Scale numbers to integers by one power of ten (of two for fractions of floats); answer them and its exponent.

    The scale is positive, so a neuron with the integers is the same gate.
    """
    if any(isinstance(n, Fraction) for n in numbers):
        fractions = [Fraction(n) for n in numbers]
        scale = max(f.denominator for f in fractions)
        assert all(scale % f.denominator == 0 for f in fractions), "denominators of floats are powers of two"
        return [int(f * scale) for f in fractions], scale.bit_length() - 1
    digits = max((_digits(n) for n in numbers), default=0)
    return [int(_WIDE.scaleb(n, digits)) if isinstance(n, Decimal) else int(n * 10**digits) for n in numbers], digits


def _digits(number: Decimal | int | Fraction) -> int:
    """Count the digits after the point, as written."""
    if not isinstance(number, Decimal) or not number:
        return 0
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "finite"
    return max(0, -exponent)
