"""Truth tables as sums of products, for look-up tables in netlists."""

from __future__ import annotations

from functools import lru_cache

Cube = tuple[tuple[int, bool], ...]  # (input, value) pairs that must all hold


@lru_cache(maxsize=65536)
def lut_template(table: int, inputs: int) -> tuple[str, tuple[int, ...]]:
    """Give an expression for a truth table as a format string, and the inputs that it does not mention.

    {j} is input j, {inputs + j} its inverse. The shorter of a cover of the ones and an inverted cover of the zeros;
    both are irredundant (Minato's method).
    """
    text = _expression(table, inputs)
    return text, tuple(j for j in range(inputs) if f"{{{j}}}" not in text and f"{{{inputs + j}}}" not in text)


def _expression(table: int, inputs: int) -> str:
    full = (1 << (1 << inputs)) - 1
    if table in (0, full):
        return "1'b1" if table else "1'b0"
    ones, zeros = (_text(_cubes(t, t, inputs)[0], inputs) for t in (table, full ^ table))
    inverse = f"~({zeros})"
    return ones if len(ones) <= len(inverse) else inverse


def _text(cubes: tuple[Cube, ...], inputs: int) -> str:
    products = [" & ".join(f"{{{j if value else inputs + j}}}" for j, value in cube) for cube in cubes]
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
