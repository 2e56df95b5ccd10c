"""What names mean while a diagram is typed: wires, axes, numbers and blocks, in nested scopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from circuitc.diagnostics import Span, error, nearest

from .axes import Axis, required
from .places import whole
from .steps import Step, Wire
from .syntax import Block, Index

MAX_STEPS = 100_000
MAX_CALLS = 10_000
MAX_DEPTH = 100

Load = Callable[[str, "Span | None"], "NDArray[Any] | None"]


@dataclass
class Growing:
    """The steps made so far, and where the arrays of weights come from."""

    load: Load
    lengths: Mapping[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    titles: dict[tuple[str, ...], str] = field(default_factory=dict)
    wires: int = 0
    calls: int = 0

    def wire(self, name: str, names: tuple[str, ...], axes: tuple[Axis, ...], of: Axis | None = None,
             span: Span | None = None, learned: bool = False) -> Wire:
        """Make a new wire."""
        self.wires += 1
        return Wire(self.wires, name, names, axes, of, learned, span)

    def add(self, step: Step) -> Wire:
        """Add a step and give its output."""
        if len(self.steps) >= MAX_STEPS:
            raise error(f"the diagram has more than {MAX_STEPS} steps", step.span, "repeat blocks fewer times")
        self.steps.append(step)
        return step.output


@dataclass
class Scope:
    """The names of a diagram or of one call of a block. `prefix` begins the names of its weights.

    `axes` has every axis that has a name here; `declared` those of an `axis` statement, which blocks inside see too,
    and `own` the names of those declared in this very scope. A block is known with the scope that it was written in
    and the blocks that it sees, which are those before it.
    """

    growing: Growing
    wires: dict[str, Wire] = field(default_factory=dict)
    axes: dict[str, Axis] = field(default_factory=dict)
    declared: dict[str, Axis] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, tuple[Block, Scope, dict[str, Any]]] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    prefix: str = ""
    path: tuple[str, ...] = ()

    def axis(self, name: str, span: Span | None) -> Axis:
        """Give the axis of a name, new where it was never named before."""
        if name not in self.axes:
            self.axes[name] = Axis(name, self.numbers.get(name), span)
        return self.axes[name]

    def length(self, name: str, span: Span | None) -> int:
        """Give the number that a name stands for in arithmetic: a parameter's, or an axis's length."""
        if name in self.numbers and name not in self.axes:
            return self.numbers[name]
        if name in self.axes:
            return required(self.axes[name], span)
        raise error(f"there is no axis and no parameter {name}", span, nearest(name, [*self.axes, *self.numbers]))

    def whole(self, index: Index, span: Span | None) -> int:
        """Compute a whole number of lengths and parameters."""
        return whole(index, lambda name: self.length(name, span), span)

    def known(self, name: str) -> int | None:
        """Give the number of a parameter inside a place; None for an index."""
        return None if name in self.axes else self.numbers.get(name)

    def find(self, name: str, span: Span | None) -> Wire:
        """Find a wire by name."""
        if name not in self.wires:
            raise error(f"there is no wire {name}", span, nearest(name, self.wires))
        return self.wires[name]
