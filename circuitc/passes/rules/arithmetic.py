"""Rules of sums, products and signs. Exact types only: -0.0 and NaN make most of them wrong for floats."""

from __future__ import annotations

from functools import reduce

import numpy as np

from circuitc.diagnostics import CircuitError
from circuitc.ir import Value, smallest

from .rule import Rule, Site


def drop_zeros(s: Site) -> Value | None:
    """`x + 0` is x."""
    kept = [v for v in s.operands if not s.is_all(v, 0)]
    if not s.is_exact or len(kept) == len(s.operands):
        return None
    return s.number(0) if not kept else s.same(kept[0]) if len(kept) == 1 else s.apply("add", *kept)


def merge_constants(s: Site) -> Value | None:
    """`x + 1 + 2` is `x + 3`, across nested sums of which the inner one has a constant."""
    if not s.is_exact:
        return None
    flat: list[Value] = []
    for v in s.operands:
        inner = s.made_by(v, "add")
        flat += inner.operands if inner and any(s.constant(o) is not None for o in inner.operands) else (v,)
    constants = [v for v in flat if s.constant(v) is not None]
    if len(constants) < 2:
        return None
    fraction = max(s.builder.type(v).fraction for v in constants)
    total = reduce(np.add, (s.constant(v).astype(object) * (1 << (fraction - s.builder.type(v).fraction))
                            for v in constants))
    try:
        t = smallest(int(np.min(total)), int(np.max(total)), fraction, s.type.shape)
    except CircuitError:
        return None  # the sum of the constants alone is wider than any type
    rest = [v for v in flat if s.constant(v) is None]
    merged = s.add_constant(t, total)
    return s.apply("add", *rest, merged) if rest else s.same(merged)


def subtract_zero(s: Site) -> Value | None:
    """`x - 0` is x, `0 - x` is -x."""
    if s.is_exact and s.is_all(s[1], 0):
        return s.same(s[0])
    return s.apply("neg", s[1]) if s.is_exact and s.is_all(s[0], 0) else None


def subtract_itself(s: Site) -> Value | None:
    """`x - x` is 0."""
    return s.number(0) if s.is_exact and s[0] == s[1] and not s.type.is_spin else None


def multiply_by_constant(s: Site) -> Value | None:
    """`x * 0` is 0, `x * 1` is x, `x * -1` is -x, `x * 2**k` moves the point."""
    if not s.is_exact:
        return None
    for factor, x in ((s[0], s[1]), (s[1], s[0])):
        array = s.constant(factor)
        if array is None or not array.size or np.any(array != array.flat[0]):
            continue
        raw, fraction = int(array.flat[0]), s.builder.type(factor).fraction
        if raw == 0:
            return s.number(0)
        if abs(raw) & (abs(raw) - 1):
            continue
        found = _times_power(s, x, abs(raw).bit_length() - 1 - fraction, raw < 0)
        if found is not None:
            return found
    return None


def _times_power(s: Site, x: Value, by: int, negative: bool) -> Value | None:
    """Give x * 2**by, or its negative."""
    moved = s.intermediate("shift", x, by=by) if by else x
    if moved is None:
        return None
    return s.apply("neg", moved) if negative else s.same(moved)


def multiply_spin_by_itself(s: Site) -> Value | None:
    """`x * x` is +1 for spins."""
    return s.number(1 << s.type.fraction) if s[0] == s[1] and s.types[0].is_spin and s.type.fraction >= 0 else None


def negate_twice(s: Site) -> Value | None:
    """`-(-x)` is x; for floats too."""
    inner = s.made_by(s[0], "neg")
    return s.same(inner.operands[0]) if inner else None


def abs_of_sign(s: Site) -> Value | None:
    """The magnitude of what is never negative is itself; that of -x and of abs x is that of x."""
    if s.types[0].is_exact and s.types[0].lowest >= 0:
        return s.same(s[0])
    if s.made_by(s[0], "abs"):
        return s.same(s[0])
    inner = s.made_by(s[0], "neg")
    return s.apply("abs", inner.operands[0]) if inner else None


def shift_by_zero(s: Site) -> Value | None:
    """`x * 2**0` is x; two shifts are one."""
    by = s.node.attributes["by"]
    inner = s.made_by(s[0], "shift")
    if by == 0:
        return s.same(s[0])
    return s.apply("shift", inner.operands[0], by=by + inner.attributes["by"]) if inner else None


def contract_with_zero(s: Site) -> Value | None:
    """A sum of products, or an OR of ANDs, with a constant of nothing but zeros is `init`, or 0."""
    if not s.is_exact or s.node.attributes["semiring"] not in ("plus_times", "or_and"):
        return None
    if not any(s.is_all(v, 0) for v in s.operands[:2]):
        return None
    return s.same(s.operands[-1]) if s.node.attributes["init"] else s.number(0)


def contract_unmasked(s: Site) -> Value | None:
    """A mask of nothing but ones takes no term away."""
    where = s.node.attributes["where"]
    if not where or not s.is_all(s[2], 1) or not s.is_exact:
        return None
    return s.apply("contract", *s.operands[:2], *s.operands[3:], **{**s.node.attributes, "where": ""})


def threshold_of_zero(s: Site) -> Value | None:
    """With weights of nothing but zeros, a threshold compares 0 with its constant bound."""
    bound = s.constant(s[2])
    if bound is None or not s.is_all(s[1], 0):
        return None
    return s.add_constant(s.type, np.where(np.asarray(bound < 0, dtype=bool), 1, -1))


RULES: dict[str, tuple[Rule, ...]] = {
    "add": (drop_zeros, merge_constants),
    "sub": (subtract_zero, subtract_itself),
    "mul": (multiply_by_constant, multiply_spin_by_itself),
    "neg": (negate_twice,),
    "abs": (abs_of_sign,),
    "shift": (shift_by_zero,),
    "contract": (contract_with_zero, contract_unmasked),
    "threshold": (threshold_of_zero,),
}
