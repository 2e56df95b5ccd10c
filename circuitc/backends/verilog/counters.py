"""Modules that count many bits: layers of full adders, each layer of a column one operation on vectors.

A neuron over hundreds of bits is one XOR with its weights and one instance. As vectors the full adders take a line for
each column and layer, whatever their number, and a simulator works on whole machine words of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuitc.ir import ufixed

from .design import Item, Pin, Unit
from .tree import Lines, Word

INLINE = 15  # bits that are counted where they stand: a module would be longer than the adders


def count_width(profile: Sequence[int]) -> int:
    """Give the number of bits of the sum of profile[k] bits worth 2**k for each k."""
    return sum(n << k for k, n in enumerate(profile)).bit_length()


def counter_unit(name: str, profile: Sequence[int]) -> Unit:
    """Give the module that adds profile[k] bits worth 2**k for each k; `x` holds them, the lowest weight first.

    Columns of three and more bits are compressed layer by layer (Wallace 1964) until two words are left to be added.
    """
    bits, width = sum(profile), count_width(profile)
    pins = (Pin("x", "input", ufixed(1, 0, (bits,))), Pin("count", "output", ufixed(width)))
    lines: list[str] = []
    columns: list[list[Word]] = []
    low = 0
    for n in profile:
        columns.append([Word(bits, "x").part(low + n - 1, low)] if n else [])
        low += n
    layer = 0
    while any(sum(w.width for w in column) > 2 for column in columns):
        columns = _compressed(columns, layer, lines)
        layer += 1
    rows = [_row(columns, k, width) for k in (0, 1)]
    lines.append(f"assign count = {rows[0]} + {rows[1]};")
    body = Item(Lines(tuple(lines), (), ()))
    return Unit(name, (f"The number of ones: {bits} bits in {layer} layers of full adders.",), pins, (body,))


def _compressed(columns: Sequence[Sequence[Word]], layer: int, lines: list[str]) -> list[list[Word]]:
    """Add the lines of one layer; give the columns that come out."""
    found: list[list[Word]] = [[] for _ in range(len(columns) + 1)]
    for k, column in enumerate(columns):
        total = sum(w.width for w in column)
        n = total // 3
        if n == 0:
            found[k] += column
            continue
        whole = column[0] if len(column) == 1 else _wire(lines, f"all_{layer}_{k}", total, _concat(column))
        a, b, c = (whole.part((i + 1) * n - 1, i * n).text() for i in range(3))
        found[k].append(_wire(lines, f"sum_{layer}_{k}", n, f"{a} ^ {b} ^ {c}"))
        if total > 3 * n:
            found[k].append(whole.part(total - 1, 3 * n))
        found[k + 1].append(_wire(lines, f"carry_{layer}_{k}", n, f"({a} & {b}) | ({c} & ({a} | {b}))"))
    return found if found[-1] else found[:-1]


def _wire(lines: list[str], name: str, width: int, text: str) -> Word:
    lines.append(f"wire {f'[{width - 1}:0] ' if width > 1 else ''}{name} = {text};")
    return Word(width, name)


def _concat(words: Sequence[Word]) -> str:
    return "{" + ", ".join(w.text() for w in reversed(words)) + "}"


def _row(columns: Sequence[Sequence[Word]], index: int, width: int) -> str:
    """Take one bit of each column, 0 where there is none, as a word."""
    bits = [[w.part(k, k).text() for w in column for k in range(w.width)] for column in columns[:width]]
    found = [column[index] if index < len(column) else "1'd0" for column in bits]
    return "{" + ", ".join(reversed(found + ["1'd0"] * (width - len(found)))) + "}"
