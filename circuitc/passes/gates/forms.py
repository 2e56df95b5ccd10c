"""Sums of bits: numbers written as a constant plus weighted literals, and the adders that make words of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from circuitc.ir import NetlistBuilder, Type

from .adders import Column, add_columns

Word = tuple[int, ...]  # literals, lowest bit first


@dataclass(frozen=True, slots=True)
class Form:
    """The number `(constant + sum of weight * literal) * 2**-fraction`; the literals are upright and no constants.

    Two's complement is the case of a negative highest weight, a spin is `2*literal - 1`.
    """

    terms: dict[int, int] = field(default_factory=dict)
    constant: int = 0
    fraction: int = 0

    @property
    def lowest(self) -> int:
        return self.constant + sum(w for w in self.terms.values() if w < 0)

    @property
    def highest(self) -> int:
        return self.constant + sum(w for w in self.terms.values() if w > 0)


def make_form(weighted: Iterable[tuple[int, int]], constant: int = 0, fraction: int = 0) -> Form:
    """Add up weighted literals: an inverted one is 1 - itself, a constant one joins the constant."""
    terms: dict[int, int] = {}
    for literal, weight in weighted:
        if literal & 1:
            constant, weight = constant + weight, -weight
        if literal > 1:
            terms[literal & ~1] = terms.get(literal & ~1, 0) + weight
    return Form({x: w for x, w in terms.items() if w}, constant, fraction)


def form_of_word(word: Word, t: Type) -> Form:
    """Read a word as a number of its type."""
    if t.is_spin:
        return make_form([(word[0], 2)], -1)
    sign = len(word) - 1 if t.signed else -1
    return make_form(((x, -1 << k if k == sign else 1 << k) for k, x in enumerate(word)), fraction=t.fraction)


def add_forms(forms: Sequence[Form], signs: Sequence[int] = ()) -> Form:
    """Give the sum of forms, each with a sign."""
    fraction = max(f.fraction for f in forms)
    weighted: list[tuple[int, int]] = []
    constant = 0
    for k, f in enumerate(forms):
        factor = (signs[k] if signs else 1) << (fraction - f.fraction)
        constant += f.constant * factor
        weighted += [(x, w * factor) for x, w in f.terms.items()]
    return make_form(weighted, constant, fraction)


def multiply_forms(builder: NetlistBuilder, f: Form, g: Form) -> Form:
    """Give the product: an AND for each pair of literals, so that a constant costs nothing."""
    weighted = [(x, w * g.constant) for x, w in f.terms.items()] + [(y, w * f.constant) for y, w in g.terms.items()]
    weighted += [(builder.and_(x, y), v * w) for x, v in f.terms.items() for y, w in g.terms.items()]
    return make_form(weighted, f.constant * g.constant, f.fraction + g.fraction)


def word_of_form(builder: NetlistBuilder, form: Form, t: Type, tables: int = 0) -> Word:
    """Give a form as a word of a fixed-point type, modulo 2**width.

    Only the bits that the sum can need are added up; those above repeat the sign or are 0.
    """
    up = t.fraction - form.fraction
    assert up >= 0, "a result keeps the fraction of its operands"
    low, high = form.lowest, form.highest
    signed = low < 0
    needed = max(high.bit_length(), (~low).bit_length() if signed else 0) + signed
    bits = add_bits(builder, form, max(0, min(needed, t.width - up)), tables)
    filler = bits[-1] if bits and signed else 0
    return ((0,) * up + bits + (filler,) * t.width)[:t.width]


def add_bits(builder: NetlistBuilder, form: Form, width: int, tables: int = 0) -> Word:
    """Give the sum modulo 2**width; `tables` as in `add_columns`."""
    columns: list[Column] = [[] for _ in range(width)]
    constant = form.constant
    for literal, weight in sorted(form.terms.items()):
        for k, negative in _digits(weight):
            if k < width:
                columns[k].append((0, len(columns[k]), literal ^ negative))
                constant -= negative << k  # -x is ~x - 1
    return add_columns(builder, columns, constant, tables)


def _digits(weight: int) -> list[tuple[int, int]]:
    """Write a weight as signed binary digits: places and whether negative; few digits, plain binary where no more."""
    sign, rest = int(weight < 0), abs(weight)
    plain = [(k, sign) for k in range(rest.bit_length()) if rest >> k & 1]
    sparse: list[tuple[int, int]] = []
    k = 0
    while rest:
        if rest & 1:
            digit = 2 - (rest & 3)
            sparse.append((k, sign ^ (digit < 0)))
            rest -= digit
        rest, k = rest >> 1, k + 1
    return plain if len(plain) <= len(sparse) else sparse
