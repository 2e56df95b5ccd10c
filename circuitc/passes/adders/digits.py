"""Numbers as few signed powers of two."""

from __future__ import annotations

from typing import NamedTuple


class Digit(NamedTuple):
    """A value times a signed power of two: `value << shift`, taken away where `negative`."""

    value: int
    shift: int
    negative: bool


def signed_digits(number: int) -> list[tuple[int, bool]]:
    """Write a number as its canonical signed digits: (power of two, is it negative), lowest first.

    No two neighbours are both there, and no other sum of signed powers of two has fewer terms (Reitwiesner 1960).
    """
    digits: list[tuple[int, bool]] = []
    flip, rest, shift = number < 0, abs(number), 0
    while rest:
        zeros = (rest & -rest).bit_length() - 1
        rest, shift = rest >> zeros, shift + zeros
        minus = rest & 3 == 3
        digits.append((shift, minus != flip))
        rest += 1 if minus else -1
    return digits
