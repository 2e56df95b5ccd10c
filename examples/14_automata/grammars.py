"""Tomita's seven grammars over 0 and 1, by what they say of a word, not by an automaton."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import product


def _odd_ones_then_even_zeros(word: str) -> bool:
    """Tell whether no odd run of 1s is followed by an odd run of 0s."""
    return all(len(zeros) % 2 == 0 for ones, zeros in re.findall("(1+)(0+)", word) if len(ones) % 2)


GRAMMARS: Mapping[int, tuple[str, Callable[[str], bool]]] = {
    1: ("only 1s", lambda w: "0" not in w),
    2: ("10 repeated", lambda w: re.fullmatch("(10)*", w) is not None),
    3: ("no odd run of 1s before an odd run of 0s", _odd_ones_then_even_zeros),
    4: ("no 000", lambda w: "000" not in w),
    5: ("even numbers of 0s and of 1s", lambda w: w.count("0") % 2 == 0 and w.count("1") % 2 == 0),
    6: ("as many 0s as 1s, modulo 3", lambda w: (w.count("0") - w.count("1")) % 3 == 0),
    7: ("0*1*0*1*", lambda w: re.fullmatch("0*1*0*1*", w) is not None),
}


def words(longest: int) -> list[str]:
    """List all words of 1 to `longest` letters."""
    return ["".join(letters) for n in range(1, longest + 1) for letters in product("01", repeat=n)]
