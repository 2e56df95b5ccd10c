"""What runs through a diagram as it is written: wires, the names of a scope, the stages of a body."""

from __future__ import annotations

from dataclasses import dataclass, field

from circuitc.diagnostics import CircuitError, Span, error
from circuitc.models.diagrams.axes import Axis
from circuitc.models.diagrams.syntax import Block

from .store import Term


@dataclass(frozen=True, slots=True)
class Wire:
    """An array on its way: its name, its axes, the axis whose places it holds."""

    name: str
    names: tuple[str, ...]
    axes: tuple[Axis, ...]
    of: Axis | None = None


@dataclass
class Scope:
    """Names of a diagram or a block: axes, weights with theirs, and blocks."""

    axes: dict[str, Axis]
    weights: dict[str, Wire]
    blocks: dict[str, Block]

    def axis(self, name: str) -> Axis:
        return self.axes.setdefault(name, Axis(name))


@dataclass
class Body:
    """The stages of a composition as it grows, and the wires that run between them."""

    scope: Scope
    state: list[Wire]
    stages: list[Term] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)   # made for the statement at hand, not yet used
    temporaries: int = 0

    def find(self, name: str, span: Span | None) -> Wire:
        found = next((w for w in self.state if w.name == name), None)
        if found is None:
            raise error(f"there is no wire {name}", span)
        return found


def unsaid(what: str, span: Span | None, help: str = "") -> CircuitError:
    return error(f"pyncd has no term for {what}", span, help)
