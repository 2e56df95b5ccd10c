"""Index arithmetic: lengths of axes, and affine places on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from circuitc.diagnostics import Span, error

from .steps import Affine
from .syntax import Arithmetic, Index, Lookup

MAX_WHOLE = 1 << 31


def whole(index: Index, value: Callable[[str], int], span: Span | None) -> int:
    """Compute a whole number; `value` gives that of a name, or refuses it."""
    match index:
        case int():
            return index
        case str():
            return value(index)
        case Lookup():
            raise error(f"a length is not read from the wire {index.wire}", span)
        case Arithmetic(op, left, right):
            a, b = whole(left, value, span), whole(right, value, span)
            if op == "/" and b == 0:
                raise error("a length is divided by 0", span)
            found = {"+": a + b, "-": a - b, "*": a * b, "/": a // (b or 1)}[op]
            if abs(found) > MAX_WHOLE:
                raise error(f"{found} is too large", span)
            return found


def names_of(index: Index) -> Iterator[str]:
    """Name what an index is made of, in order."""
    match index:
        case str():
            yield index
        case Arithmetic(_, left, right):
            yield from names_of(left)
            yield from names_of(right)
        case Lookup(_, pattern):
            for inner in pattern:
                yield from names_of(inner)
        case int():
            pass


def affine(index: Index, known: Callable[[str], int | None], span: Span | None) -> Affine:
    """Give the place that an index says; `known` gives the number of a parameter, None for an index."""
    match index:
        case int():
            return Affine((), index)
        case str():
            number = known(index)
            return Affine(((index, 1),)) if number is None else Affine((), number)
        case Lookup():
            raise error(f"{index.wire}[...] stands alone as a place", span)
        case Arithmetic(op, left, right):
            return _combined(op, affine(left, known, span), affine(right, known, span), span)


def _combined(op: str, a: Affine, b: Affine, span: Span | None) -> Affine:
    if op == "/":
        if b.terms or b.divisor != 1 or b.constant < 1:
            raise error("a place is divided by a whole number above 0", span)
        return Affine(a.terms, a.constant, a.divisor * b.constant)
    if a.divisor != 1 or b.divisor != 1:
        raise error("a division is the last thing that is done to a place", span)
    if op == "*":
        if a.terms and b.terms:
            raise error("a place is affine: an index is multiplied by a number only", span)
        factor, rest = (b.constant, a) if not b.terms else (a.constant, b)
        return Affine(tuple((n, c * factor) for n, c in rest.terms if c * factor), rest.constant * factor)
    sign = 1 if op == "+" else -1
    sums = dict(a.terms)
    for name, coefficient in b.terms:
        sums[name] = sums.get(name, 0) + sign * coefficient
    return Affine(tuple((n, c) for n, c in sums.items() if c), a.constant + sign * b.constant)
