"""`requantize`: drop fraction bits with rounding, then saturate, wrap or trust."""

from __future__ import annotations

from pyverilog.vparser import ast

from circuitc.ir import Type

from .arithmetic import Operand
from .scope import Scope
from .tree import Tree, Word, concat, conditional, fit, inverted, literal, repeat, shifted


def requantized(scope: Scope, hint: str, x: Operand, result: Type, rounding: str, overflow: str) -> Tree:
    """Give a fixed-point operand rounded to the result type.

    `never` and `wrap` both keep the lowest bits: that `never` cannot overflow is for the range analysis to prove.
    """
    low, high = (_rounded(end, x.type.fraction - result.fraction, rounding) for end in (x.type.lowest, x.type.highest))
    word = _scaled(scope, hint, x, x.type.fraction - result.fraction, rounding)
    fits = result.lowest <= low and high <= result.highest
    if overflow != "saturate" or fits:
        return fit(word, x.type.signed, result.width)
    return (_clamped_signed if x.type.signed else _clamped_unsigned)(word, result)


def _rounded(raw: int, drop: int, rounding: str) -> int:
    """Round one raw number, as the op does."""
    if drop <= 0:
        return raw << -drop
    low = raw >> drop
    rest = 2 * (raw - (low << drop)) - (1 << drop)
    return low + (rounding != "floor" and (rest > 0 or (rest == 0 and low & 1 == 1)))


def _scaled(scope: Scope, hint: str, x: Operand, drop: int, rounding: str) -> Word:
    """Give the exact rounded quotient by 2**drop, wide enough for every operand."""
    word, signed = x.word, x.type.signed
    if drop <= 0:
        width = word.width - drop
        return word if drop == 0 else scope.wire(f"{hint}_up", width, shifted(word, signed, -drop, width),
                                                 signed=signed)
    if drop >= word.width:
        word = scope.wire(f"{hint}_wide", drop + 1, fit(word, signed, drop + 1), signed=signed)
    kept = word.part(word.width - 1, drop)
    if rounding == "floor":
        return kept
    width = kept.width + 1
    up = scope.wire(f"{hint}_round", 1, _rounds_up(word, drop))
    tree = ast.Plus(fit(kept, signed, width), fit(up, False, width))
    return scope.wire(f"{hint}_near", width, tree, signed=signed)


def _rounds_up(word: Word, drop: int) -> Tree:
    """Tell whether the dropped bits round up: above half, or half and the kept number is odd."""
    half, odd = word.bit(drop - 1), word.bit(drop)
    if drop == 1:
        return ast.And(half, odd)
    return ast.And(half, ast.Or(odd, any_bit(word.part(drop - 2, 0))))


def any_bit(word: Word) -> Tree:
    """Tell whether some bit is 1."""
    return word.tree() if word.width == 1 else ast.Uor(word.tree())


def all_bits(word: Word) -> Tree:
    """Tell whether all bits are 1."""
    return word.tree() if word.width == 1 else ast.Uand(word.tree())


def _clamped_unsigned(word: Word, result: Type) -> Tree:
    """Saturate an unsigned number: only too high is possible."""
    room = result.width - result.signed
    highest = literal(result.width, result.highest)
    if room == 0:
        return literal(result.width, 0)
    over = any_bit(word.part(word.width - 1, room))
    return conditional(over, highest, fit(word.part(room - 1, 0), False, result.width))


def _clamped_signed(word: Word, result: Type) -> Tree:
    """Saturate a signed number: its bits from the result's sign bit up must all be alike."""
    negative, top = word.bit(word.width - 1), word.width - 1
    if not result.signed:
        if top <= result.width:
            inside = fit(word.part(top - 1, 0), False, result.width) if top else literal(result.width, 0)
        else:
            over = any_bit(word.part(top - 1, result.width))
            inside = conditional(over, literal(result.width, result.highest), word.part(result.width - 1, 0).tree())
        return conditional(negative, literal(result.width, 0), inside)
    above = word.part(top, result.width - 1)
    alike = ast.Or(all_bits(above), inverted(any_bit(above)))
    rest = result.width - 1
    bound = concat([negative, repeat(inverted(negative), rest)]) if rest else negative
    return conditional(alike, word.part(result.width - 1, 0).tree(), bound)
