"""Threshold gates on packed words: columns of bits, summed by adders until one bit says `greater`."""

from __future__ import annotations

from functools import lru_cache

Step = tuple[int, tuple[int, int, int]]

_AND, _OR, _XOR, _MAJ, _XOR3, _NOT, _FALSE, _TRUE = 0xC0, 0xFC, 0x3C, 0xE8, 0x96, 0x0F, 0x00, 0xFF
_XNOR = 0xC3
_ONE = -1  # a constant bit in a column


@lru_cache(maxsize=4096)
def threshold_steps(weights: tuple[int, ...], threshold: int) -> tuple[Step, ...]:
    """Give steps whose last is `sum(weight * bit) > threshold`; operands below len(weights) are the bits.

    With all weights made positive (an inverted bit for each negative one), `sum > t` is the carry out of
    `sum + (2**k - 1 - t)` over k columns. Only carries matter: the last sum of each column is never made.
    """
    adder = _Adder(len(weights))
    limit = threshold - sum(w for w in weights if w < 0)
    most = sum(abs(w) for w in weights)
    if limit < 0 or limit >= most:
        return ((_TRUE if limit < 0 else _FALSE, (0, 0, 0)),)
    width = most.bit_length()
    columns: list[list[int]] = [[] for _ in range(width + 1)]
    for k, w in enumerate(weights):
        bit = adder.step(_NOT, k) if w < 0 else k
        for column in range(abs(w).bit_length()):
            if abs(w) >> column & 1:
                columns[column].append(bit)
    rest = (1 << width) - 1 - limit
    for column in range(width):
        adder.reduce(columns[column], bool(rest >> column & 1), columns[column + 1])
    return adder.finish(columns[width])


class _Adder:
    """Steps under construction."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.steps: list[Step] = []

    def step(self, table: int, *operands: int) -> int:
        x, y, z = (*operands, *operands[:1] * (3 - len(operands)))
        self.steps.append((table, (x, y, z)))
        return self.inputs + len(self.steps) - 1

    def reduce(self, bits: list[int], one: bool, carries: list[int]) -> None:
        """Add up a column (and a constant one), giving the carries; the column's own sum is dropped at the end."""
        queue = list(bits)
        while len(queue) + one > 3:
            x, y, z = queue[:3]
            carries.append(self.step(_MAJ, x, y, z))
            queue = [*queue[3:], self.step(_XOR3, x, y, z)]
        match (len(queue), one):
            case (3, False):
                carries.append(self.step(_MAJ, *queue))
            case (2, True):
                carries.append(self.step(_OR, *queue))
            case (2, False):
                carries.append(self.step(_AND, *queue))
            case (1, True):
                carries.append(queue[0])
            case _:
                pass  # one bit or none: no carry

    def finish(self, bits: list[int]) -> tuple[Step, ...]:
        """Join the bits of the last column, of which at most one is set."""
        total = bits[0]
        for bit in bits[1:]:
            total = self.step(_OR, total, bit)
        if not self.steps or total != self.inputs + len(self.steps) - 1:
            self.step(0xF0, total)  # the answer must be the last step
        return tuple(self.steps)
