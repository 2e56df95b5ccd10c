"""Rules of logic, comparison and choice."""

from __future__ import annotations

from collections.abc import Callable

from circuitc.ir import Type, Value

from .rule import Rule, Site


def _ones(t: Type) -> int:
    """Give the raw number whose bits are all 1."""
    return -1 if t.signed else t.highest


def logic_with_constant(neutral: Callable[[Type], int], absorbing: Callable[[Type], int]) -> Rule:
    """Make the rule `x op neutral` is x, `x op absorbing` is the absorbing element (in the operands' type)."""
    def rule(s: Site) -> Value | None:
        t = s.types[0]
        for c, x in ((s[0], s[1]), (s[1], s[0])):
            if s.is_all(c, neutral(t)):
                return s.same(x)
            if s.is_all(c, absorbing(t)):
                return s.same(c)
        return None
    return rule


def same_operands(s: Site) -> Value | None:
    """`x and x`, `x or x`, `min(x, x)` and `max(x, x)` are x; for floats too."""
    return s.same(s[0]) if s[0] == s[1] else None


def opposite_operands(result: Callable[[Type], int]) -> Rule:
    """Make the rule that `x op not x` has the same bits everywhere."""
    def rule(s: Site) -> Value | None:
        t = s.types[0]
        if any(_is_inverse(s, a, b) for a, b in ((s[0], s[1]), (s[1], s[0]))):
            return s.same(s.builder.number(t, result(t)))
        return None
    return rule


def _is_inverse(s: Site, a: Value, b: Value) -> bool:
    """Tell whether `a` is `not b`, in one type."""
    node = s.made_by(a, "not")
    return node is not None and node.operands[0] == b and node.type == s.builder.type(b)


def xor_with_constant(s: Site) -> Value | None:
    """`x xor 0` is x, `x xor ones` is not x, `x xor x` is 0."""
    t = s.types[0]
    if s[0] == s[1]:
        return s.number(0)
    for c, x in ((s[0], s[1]), (s[1], s[0])):
        if s.is_all(c, 0):
            return s.same(x)
        if s.is_all(c, _ones(t)):
            return s.apply("not", x)
    return None


def invert_twice(s: Site) -> Value | None:
    """`not not x` is x, where both are in one type."""
    inner = s.made_by(s[0], "not")
    if inner is None or s.builder.type(inner.operands[0]) != inner.type:
        return None
    return s.same(inner.operands[0])


def extreme_with_constant(s: Site) -> Value | None:
    """min and max with an end of the type: the other operand, or the end."""
    t = s.types[0]
    if not t.is_exact:
        return None
    keeps, wins = (t.highest, t.lowest) if s.node.op == "min" else (t.lowest, t.highest)
    for c, x in ((s[0], s[1]), (s[1], s[0])):
        if s.is_all(c, keeps):
            return s.same(x)
        if s.is_all(c, wins):
            return s.same(c)
    return None


def compare_itself(s: Site) -> Value | None:
    """`x == x` and `x <= x` are 1, `x < x` is 0; not for floats, where NaN equals nothing."""
    return s.truth(s.node.op != "lt") if s[0] == s[1] and s.is_exact else None


def compare_by_types(s: Site) -> Value | None:
    """A comparison that the operands' types (or constants) decide is 0 or 1."""
    if not s.is_exact:
        return None
    (a_low, a_high), (b_low, b_high) = _ends(s)
    match s.node.op:
        case "lt":
            answer = True if a_high < b_low else False if a_low >= b_high else None
        case "le":
            answer = True if a_high <= b_low else False if a_low > b_high else None
        case _:
            answer = False if a_high < b_low or b_high < a_low else None
    return None if answer is None else s.truth(answer)


def _ends(s: Site) -> tuple[tuple[int, int], tuple[int, int]]:
    """Give the least and greatest number of both operands, in units of their finest fraction."""
    fraction = max(t.fraction for t in s.types)
    a, b = ((int(low) << (fraction - t.fraction), int(high) << (fraction - t.fraction))
            for t, (low, high) in ((t, _extent(s, v, t)) for v, t in zip(s.operands, s.types, strict=True)))
    return a, b


def _extent(s: Site, v: Value, t: Type) -> tuple[int, int]:
    array = s.constant(v)
    return (t.lowest, t.highest) if array is None else (array.min(), array.max())


def equal_to_bit(s: Site) -> Value | None:
    """`x == 1` is x for a bit, `x == 0` is not x."""
    for c, x in ((s[0], s[1]), (s[1], s[0])):
        if s.builder.type(x).is_bit and s.builder.type(c).is_exact and s.builder.type(c).fraction == 0:
            if s.is_all(c, 1):
                return s.same(x)
            if s.is_all(c, 0):
                return s.apply("not", x)
    return None


def select_known(s: Site) -> Value | None:
    """A choice by a constant, or between one and the same, is that arm; for floats too."""
    if s[1] == s[2] or s.is_all(s[0], 1):
        return s.same(s[1])
    return s.same(s[2]) if s.is_all(s[0], 0) else None


def select_inverted(s: Site) -> Value | None:
    """A choice by `not c` is the other way round by c."""
    inner = s.made_by(s[0], "not")
    if inner is None or s.builder.type(inner.operands[0]) != inner.type:
        return None
    return s.apply("select", inner.operands[0], s[2], s[1])


def select_bits(s: Site) -> Value | None:
    """`c ? 1 : 0` is c and `c ? 0 : 1` is not c, where the arms are bits; for spins, c converted."""
    one, zero = s.types[1].highest if s.is_exact else 0, s.types[1].lowest if s.is_exact else 0
    if not (s.types[1].is_bit or (s.types[1].is_spin and s.type.is_spin)):
        return None
    if s.is_all(s[1], one) and s.is_all(s[2], zero):
        return s.apply("convert", s[0]) if s.type.is_spin else s.same(s[0])
    if s.is_all(s[1], zero) and s.is_all(s[2], one) and s.types[1].is_bit:
        return s.apply("not", s[0])
    return None


def _zero(t: Type) -> int:
    return 0


RULES: dict[str, tuple[Rule, ...]] = {
    "and": (logic_with_constant(_ones, _zero), same_operands, opposite_operands(_zero)),
    "or": (logic_with_constant(_zero, _ones), same_operands, opposite_operands(_ones)),
    "xor": (xor_with_constant, opposite_operands(_ones)),
    "not": (invert_twice,),
    "min": (same_operands, extreme_with_constant),
    "max": (same_operands, extreme_with_constant),
    "eq": (compare_itself, compare_by_types, equal_to_bit),
    "lt": (compare_itself, compare_by_types),
    "le": (compare_itself, compare_by_types),
    "select": (select_known, select_inverted, select_bits),
}
