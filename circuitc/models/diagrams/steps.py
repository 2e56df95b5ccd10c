"""A diagram after its types are found: wires, and steps in order, from which programs, pictures and costs are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from circuitc.diagnostics import Span

from .axes import Axis


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """An array between two steps: axes and the name that each has here. `of` makes its numbers places on that axis.

    Wires of one `key` are one array under several names.
    """

    key: int
    name: str
    names: tuple[str, ...]
    axes: tuple[Axis, ...]
    of: Axis | None = None
    learned: bool = False
    span: Span | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes; they are all known by now."""
        lengths = tuple(a.length for a in self.axes)
        assert None not in lengths
        return lengths  # pyright: ignore[reportReturnType]


@dataclass(frozen=True, slots=True)
class Affine:
    """A place on an axis: (sum of coefficient * index + constant) // divisor."""

    terms: tuple[tuple[str, int], ...]
    constant: int = 0
    divisor: int = 1

    @property
    def plain(self) -> str:
        """The index itself where the place is one index, else nothing."""
        alone = len(self.terms) == 1 and self.terms[0][1] == 1 and not self.constant and self.divisor == 1
        return self.terms[0][0] if alone else ""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One box: an operation on wires, with `indices` naming the axes of each operand and of the output.

    | op        | computes                                             | detail |
    |-----------|------------------------------------------------------|--------|
    | `weight`  | a learned array                                      | `array` or None, `path` |
    | `number`  | one number                                           | `value` |
    | `iverson` | 1 where a relation of places holds; without one a place | `relation`, `left`, `right` |
    | `reindex` | the operand read at affine places; 0 outside         | `places`, one per operand axis; `fill` |
    | `take`    | slices of axis `axis` that the second operand names  | `axis` |
    | `linear`  | the product of two operands, summed over what the output has not | |
    | `map`     | a function element by element                        | `function` |
    | `softmax`, `norm`, `rms` | along some axes                       | `over` |
    | `reduce`  | folded over what the output has not                  | `kind` |

    `block` is the path of blocks that the step lies in.
    """

    op: str
    inputs: tuple[Wire, ...]
    output: Wire
    indices: tuple[tuple[str, ...], ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    block: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Typed:
    """A diagram with types: its inputs, its results by name, its steps, and how often blocks of a path repeat."""

    name: str
    inputs: tuple[Wire, ...]
    outputs: tuple[tuple[str, Wire], ...]
    steps: tuple[Step, ...]
    titles: Mapping[tuple[str, ...], str] = field(default_factory=dict)
