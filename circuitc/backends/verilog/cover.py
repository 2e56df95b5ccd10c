"""Truth tables as expressions, for look-up tables in netlists: factored where they factor, else sums of products."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import combinations, product

Cube = tuple[tuple[int, bool], ...]  # (input, value) pairs that must all hold
LONG = 60                            # characters of a sum of products that is worth splitting in two


@lru_cache(maxsize=65536)
def lut_template(table: int, inputs: int) -> tuple[str, tuple[int, ...]]:
    """Give an expression for a truth table as a format string, and the inputs that it does not mention.

    {j} is input j, {inputs + j} its inverse. Inputs that leave through one AND, OR or XOR are taken off first, pairs
    that matter through one gate only become that gate; what is left is the shorter of a cover of the ones and an
    inverted cover of the zeros (both irredundant, by Minato's method), or two of those behind a multiplexer.
    """
    text = _bare(_expression(table, inputs, inputs))
    return text, tuple(j for j in range(inputs) if f"{{{j}}}" not in text and f"{{{inputs + j}}}" not in text)


@lru_cache(maxsize=65536)
def _expression(table: int, inputs: int, inverse: int) -> str:
    """Give an expression of a function of so many inputs; {inverse + j} spells the inverse of input j."""
    full = (1 << (1 << inputs)) - 1
    if table in (0, full):
        return "1'b1" if table else "1'b0"
    found = _peeled(table, inputs, inverse) or _paired(table, inputs, inverse)
    if found:
        return found
    flat = _sum_of_products(table, inputs, inverse)
    return flat if len(flat) <= LONG else min(flat, _split(table, inputs, inverse), key=len)


def _peeled(table: int, inputs: int, inverse: int) -> str:
    """Take off an input that decides by itself, or that inverts the rest; empty where there is none."""
    for j in range(inputs):
        low, high = (_cofactor(table, inputs, {j: v}) for v in (False, True))
        full = (1 << (1 << inputs)) - 1
        upright, turned = f"{{{j}}}", f"{{{inverse + j}}}"
        if low == high:
            continue
        if low == full ^ high:
            rest = _expression(low, inputs, inverse)
            return upright if rest == "1'b0" else turned if rest == "1'b1" else f"{upright} ^ {_closed(rest)}"
        for sign, name, fixed, rest in (("&", upright, low == 0, high), ("&", turned, high == 0, low),
                                        ("|", upright, high == full, low), ("|", turned, low == full, high)):
            if fixed:
                return f"{name} {sign} {_closed(_expression(rest, inputs, inverse))}"
    return ""


def _paired(table: int, inputs: int, inverse: int) -> str:
    """Join two inputs that matter through their XOR, or through one AND of them, alone; empty where there are none."""
    for i, j in combinations(range(inputs), 2):
        four = {(a, b): _cofactor(table, inputs, {i: a, j: b}) for a, b in product((False, True), repeat=2)}
        if len(set(four.values())) != 2:
            continue
        if four[False, False] == four[True, True] and four[False, True] == four[True, False]:
            one, zero, gate = four[False, True], four[False, False], f"({{{i}}} ^ {{{j}}})"
        else:
            odd = [key for key, value in four.items() if list(four.values()).count(value) == 1]
            if len(odd) != 1:
                continue  # only one of the two matters
            one, zero = four[odd[0]], next(v for v in four.values() if v != four[odd[0]])
            gate = " & ".join(f"{{{k if value else inverse + k}}}" for k, value in ((i, odd[0][0]), (j, odd[0][1])))
            gate = f"({gate})"
        rest = _expression(_joined(zero, one, i, inputs), inputs, inverse)
        spelled = {f"{{{i}}}": gate, f"{{{inverse + i}}}": f"~{gate}"}
        return re.sub(r"\{\d+\}", lambda found, spelled=spelled: spelled.get(found[0], found[0]), rest)
    return ""


def _split(table: int, inputs: int, inverse: int) -> str:
    """Choose by one input between two functions of the others."""
    def halves(j: int) -> list[int]:
        return [_cofactor(table, inputs, {j: value}) for value in (False, True)]

    best = min(range(inputs), key=lambda j: (sum(len(_sum_of_products(t, inputs, inverse)) for t in halves(j)), j))
    low, high = (_closed(_expression(t, inputs, inverse)) for t in halves(best))
    return f"({{{best}}} & {high}) | ({{{inverse + best}}} & {low})"


def _cofactor(table: int, inputs: int, known: dict[int, bool]) -> int:
    """Give the function with some inputs known, still as a table of all inputs."""
    for j, value in known.items():
        mask, step = _where_one(j, inputs), 1 << j
        table = table & mask if value else table & ~mask
        table |= table >> step if value else table << step
    return table


def _joined(zero: int, one: int, j: int, inputs: int) -> int:
    mask = _where_one(j, inputs)
    return (zero & ~mask) | (one & mask)


@lru_cache(maxsize=64)
def _where_one(j: int, inputs: int) -> int:
    """Give the table of input j itself."""
    return sum(1 << row for row in range(1 << inputs) if row >> j & 1)


def _closed(text: str) -> str:
    """Put an expression of several operands in parentheses."""
    return f"({text})" if " " in text and _bare(text) == text else text


def _bare(text: str) -> str:
    """Take parentheses off that hold the whole expression."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0 and k + 1 < len(text):
            return text
    return text[1:-1]


@lru_cache(maxsize=65536)
def _sum_of_products(table: int, inputs: int, inverse: int) -> str:
    full = (1 << (1 << inputs)) - 1
    if table in (0, full):
        return "1'b1" if table else "1'b0"
    ones, zeros = (_text(_cubes(t, t, inputs)[0], inverse) for t in (table, full ^ table))
    turned = f"~({zeros})"
    return ones if len(ones) <= len(turned) else turned


def _text(cubes: tuple[Cube, ...], inverse: int) -> str:
    products = [" & ".join(f"{{{j if value else inverse + j}}}" for j, value in cube) for cube in cubes]
    if len(products) == 1:
        return products[0]
    return " | ".join(f"({p})" if "&" in p else p for p in products)


@lru_cache(maxsize=65536)
def _cubes(on: int, upper: int, inputs: int) -> tuple[tuple[Cube, ...], int]:
    """Cover at least `on` and at most `upper` (truth tables); give the cubes and what they cover."""
    full = (1 << (1 << inputs)) - 1
    if on == 0:
        return (), 0
    if upper == full:
        return ((),), full
    top = inputs - 1
    half = 1 << top
    low = (1 << half) - 1
    on0, on1, up0, up1 = on & low, on >> half, upper & low, upper >> half
    zero, cover0 = _cubes(on0 & ~up1, up0, top)
    one, cover1 = _cubes(on1 & ~up0, up1, top)
    both, cover = _cubes((on0 & ~cover0) | (on1 & ~cover1), up0 & up1, top)
    cubes = tuple((*c, (top, False)) for c in zero) + tuple((*c, (top, True)) for c in one) + both
    return cubes, (cover0 | cover) | (cover1 | cover) << half
