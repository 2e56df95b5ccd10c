"""Ports from the names of single bits: `a[0]`, `a[1]`, ... become one port `a: bit[n]`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from circuitc.diagnostics import Span, error
from circuitc.ir import BIT, Constant, Port, Register
from circuitc.ir.func import Rate

_ELEMENT = re.compile(r"(.+)\[(0|[1-9][0-9]{0,8})\]", re.DOTALL)


def fill_names(given: Sequence[tuple[str, Sequence[str | None]]]) -> list[list[str]]:
    """Name what has no name by its group's prefix and number, `i0`, `i1`, ..., away from all names there are."""
    taken = {name for _, names in given for name in names if name is not None}
    filled: list[list[str]] = []
    for prefix, names in given:
        filled.append([])
        for k, name in enumerate(names):
            if name is None:
                name = f"{prefix}{k}"
                while name in taken:
                    name += "_"
                taken.add(name)
            filled[-1].append(name)
    return filled


def vector_ports(names: Sequence[str], rate: Rate, what: str, span: Span | None,
                 others: Sequence[str] = ()) -> tuple[Port, ...]:
    """Make ports of bits in their order: a vector where all bits of a name stand together from 0 up, else scalars.

    `others` are names that ports must not have: those of latches, for inputs.
    """
    _refuse_duplicates(names, what, span)
    both = set(names).intersection(others)
    if both:
        raise error(f"{min(both)!r} is the name of an {what} and of a latch", span, "rename one of them")
    elements = [_element(name) for name in names]
    count = Counter(base for base, _ in elements)
    taken = {*names, *others}
    ports: list[Port] = []
    k = 0
    while k < len(names):
        base, size = elements[k][0], count[elements[k][0]]
        run = [(base, j) for j in range(size)]
        if elements[k][1] == 0 and base not in taken and elements[k:k + size] == run:
            ports.append(Port(base, BIT.with_shape((size,)), rate))
            k += size
        else:
            ports.append(Port(names[k], BIT, rate))
            k += 1
    return tuple(ports)


def _refuse_duplicates(names: Sequence[str], what: str, span: Span | None) -> None:
    """Refuse two bits of one name."""
    first: dict[str, int] = {}
    for k, name in enumerate(names):
        if first.setdefault(name, k) != k:
            raise error(f"{what}s {first[name]} and {k} are both named {name!r}", span, "rename one of them")


def bit_registers(names: Sequence[str], resets: Sequence[int | None], span: Span | None) -> tuple[Register, ...]:
    """Make one register of a bit for each latch; a reset of None is free."""
    _refuse_duplicates(names, "latch", span)
    initial = {0: Constant(BIT, 0), 1: Constant(BIT, 1), None: None}
    return tuple(Register(name, BIT, initial[reset]) for name, reset in zip(names, resets, strict=True))


def _element(name: str) -> tuple[str, int]:
    """Split `a[3]` into its base and index; a name without index has index -1."""
    match = _ELEMENT.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, -1)
