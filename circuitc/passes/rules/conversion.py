"""Rules of changes of type, and of bits and words."""

from __future__ import annotations

from circuitc.ir import BIT, SPIN, Type, Value

from .rule import Rule, Site


def requantize_without_change(s: Site) -> Value | None:
    """Rounding to a type that holds every operand changes no number: it is `convert`, or nothing."""
    return s.same(s[0])


def requantize_converted(s: Site) -> Value | None:
    """Rounding what was converted exactly is rounding what it was converted from."""
    inner = s.made_by(s[0], "convert")
    if inner is None or not s.is_exact or s.builder.type(inner.operands[0]).kind != "fixed":
        return None
    return s.apply("requantize", inner.operands[0], **s.node.attributes) if inner.type.kind == "fixed" else None


def convert_to_itself(s: Site) -> Value | None:
    """A conversion to the type that the operand has is the operand."""
    return s[0] if s.types[0] == s.type else None


def convert_twice(s: Site) -> Value | None:
    """Two conversions are one where both keep the number; to spin and back to bit (or the other way) is nothing."""
    inner = s.made_by(s[0], "convert")
    if inner is None:
        return None
    source = inner.operands[0]
    first, middle, last = s.builder.type(source), inner.type, s.type
    if _swaps(first, middle) or _swaps(middle, last):
        return source if first == last else None
    if _swaps(first, last):
        return None
    return source if first == last else s.apply("convert", source)


def _swaps(a: Type, b: Type) -> bool:
    """Tell whether a conversion turns bits into spins or back: bit 0 is spin -1, so the number changes."""
    return {a.scalar, b.scalar} == {BIT, SPIN}


def pack_unpacked(s: Site) -> Value | None:
    """Packing the bits of a word gives the word, where it is of the same type."""
    inner = s.made_by(s[0], "unpack")
    if inner is None or not inner.type.is_bit or s.builder.type(inner.operands[0]) != s.type:
        return None
    return inner.operands[0]


def unpack_packed(s: Site) -> Value | None:
    """The bits of a packed word are the bits that were packed."""
    inner = s.made_by(s[0], "pack")
    return s.same(inner.operands[0]) if inner else None


RULES: dict[str, tuple[Rule, ...]] = {
    "requantize": (requantize_without_change, requantize_converted),
    "convert": (convert_to_itself, convert_twice),
    "pack": (pack_unpacked,),
    "unpack": (unpack_packed,),
}
