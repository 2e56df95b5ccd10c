"""How the nodes of a netlist are called in Verilog, and so its literals: texts as arrays of bytes, a row a literal.

A million names as Python strings take a hundred megabytes and most of the time of printing; here a name is computed
where it is printed, thousands at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]      # a text a row, NUL where there is no character
Integers = NDArray[np.int64]

_INVERTED = np.uint8(ord("~"))
_ZERO = np.uint8(ord("0"))


@dataclass(frozen=True, slots=True)
class Spelling:
    """Names of nodes: `leading` of the constant and the inputs, `given` of some gates, a number for each other gate.

    Gate n is `prefix` and n - `shift`.
    """

    leading: Sequence[str]
    prefix: str
    given: Mapping[int, str] = field(default_factory=dict)
    shift: int = 0
    _special: Integers = field(init=False, repr=False, compare=False)
    _texts: Rows = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        special = [*range(len(self.leading)), *sorted(self.given)]
        names = [*self.leading, *(self.given[node] for node in sorted(self.given))]
        object.__setattr__(self, "_special", np.array(special, np.int64))
        object.__setattr__(self, "_texts", _matrix(names))

    def name(self, node: int) -> str:
        """Name one node."""
        if node < len(self.leading):
            return self.leading[node]
        return self.given.get(node) or f"{self.prefix}{node - self.shift}"

    def text(self, literal: int) -> str:
        """Spell one literal."""
        if literal < 2:
            return f"1'b{literal}"
        return f"{'~' if literal & 1 else ''}{self.name(literal >> 1)}"

    def rows(self, literals: Integers) -> Rows:
        """Spell literals, int[n] to uint8[n, longest + 1]."""
        node = literals >> 1
        at = np.minimum(np.searchsorted(self._special, node), len(self._special) - 1)
        special = self._special[at] == node
        prefix = np.frombuffer(self.prefix.encode(), np.uint8)
        numbers = digits(np.where(special, 0, node - self.shift))
        width = len(prefix) + numbers.shape[1]
        wide = max(width, self._texts.shape[1]) if special.any() else width
        rows = np.zeros((len(literals), 1 + wide), np.uint8)
        rows[:, 0] = np.where((literals & 1) == 1, _INVERTED, 0)
        rows[:, 1:1 + len(prefix)] = prefix
        rows[:, 1 + len(prefix):1 + width] = numbers
        if special.any():
            rows[special, 1:] = 0
            rows[special, 1:1 + self._texts.shape[1]] = self._texts[at[special]]
        one = np.flatnonzero(literals == 1)
        if len(one):
            rows[one] = 0
            rows[one, :4] = np.frombuffer(b"1'b1", np.uint8)
        return rows

    def with_leading(self, more: Sequence[str]) -> Spelling:
        """Put names behind the leading ones, so that the gates' nodes move up; the gates keep their names."""
        given = {node + len(more): name for node, name in self.given.items()}
        return Spelling((*self.leading, *more), self.prefix, given, self.shift + len(more))


def digits(numbers: Integers) -> Rows:
    """Print numbers, none negative, as decimal digits: uint8[n, digits of the largest], NUL in place of leading 0s."""
    small = numbers.astype(np.uint32)
    powers = 10 ** np.arange(len(str(numbers.max(initial=0))), dtype=np.uint32)[::-1]
    shown = (small[:, None] // powers % 10).astype(np.uint8) + _ZERO
    shown[:, :-1][small[:, None] < powers[:-1]] = 0
    return shown


def paste(rows: int, parts: Iterable[str | Rows]) -> list[str]:
    """Put constant texts and columns of texts side by side; give the lines."""
    columns = [part if isinstance(part, np.ndarray) else
               np.broadcast_to(np.frombuffer(part.encode(), np.uint8), (rows, len(part))) for part in (*parts, "\n")]
    table = np.hstack(columns)
    return table[table != 0].tobytes().decode("ascii").split("\n")[:-1]


def _matrix(texts: Sequence[str]) -> Rows:
    padded = np.array([text.encode("ascii") for text in texts])
    return padded.view(np.uint8).reshape(len(texts), padded.itemsize)
