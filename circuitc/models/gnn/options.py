"""What is chosen when a graph program is compiled: sizes, number types, what the ports are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from circuitc.diagnostics import error
from circuitc.ir import BIT, F32, Type

MOST_EDGES = 1 << 22


@dataclass(frozen=True, slots=True)
class Options:
    """How a graph program becomes a func.

    `weight` is the type of the weights in A (unsigned: 0 is no edge): exact types give the exact form, `f32` the real
    one. `degree` asks for the sparse form: each node has a padded list of at most so many senders. `directed=False`
    promises that A is symmetric. `padded` adds a port that marks the nodes that are there, so that one module serves
    all graphs of up to n nodes. `hints` are ports with one value a step. `clrs_inputs` adds the inputs of CLRS that
    nothing reads (`pos`, `adj`). `attention` adds for each message the coefficients with which i is attended by j.
    `folded` takes one sender a step instead of all: n steps make one of the algorithm's, with n adders, not n * n.
    `selection=soft` (f32 only) mixes senders by softmax at a `temperature` instead of taking the best.
    """

    n: int
    weight: Type = BIT
    directed: bool = True
    degree: int = 0
    padded: bool = False
    hints: bool = True
    clrs_inputs: bool = False
    attention: bool = False
    selection: Literal["hard", "soft"] = "hard"
    temperature: float = 1e-3
    types: Mapping[str, Type] | None = None
    folded: bool = False

    def __post_init__(self) -> None:
        if self.folded and (self.hints or self.degree or self.attention or not self.is_exact):
            raise error("the folded form is dense and exact, and has no hints and no attention: its steps are senders",
                        help="leave degree and attention out, set hints to false, take a type such as u8")
        if self.n < 2:
            raise error(f"a graph program is compiled for at least 2 nodes, got n = {self.n}")
        if self.degree < 0 or self.degree > self.n:
            raise error(f"a degree of {self.degree} is outside 1..{self.n}")
        if self.n * (self.degree or self.n) > MOST_EDGES:
            raise error(f"{self.n} nodes have {self.n * (self.degree or self.n)} edges to look at, more than "
                        f"{MOST_EDGES}", help="the sparse form looks at n * degree edges")
        if self.weight.shape or not (self.weight == F32 or (self.weight.kind == "fixed" and not self.weight.signed)):
            raise error(f"weights are unsigned numbers (bit, u8, ufx<8,4>, ...) or f32, got {self.weight}",
                        help="0 means that there is no edge")
        if self.selection == "soft" and self.is_exact:
            raise error(f"soft selection works on real numbers, and weights are {self.weight}", help="take f32")
        if not self.temperature > 0 or self.temperature == float("inf"):
            raise error(f"a temperature of {self.temperature} is none")

    @property
    def is_exact(self) -> bool:
        """True where the module is of exact types throughout."""
        return self.weight.is_exact

    def facts(self) -> dict[str, Any]:
        """Say the options as plain values, for reports."""
        return {"n": self.n, "weight": str(self.weight), "directed": self.directed, "padded": self.padded,
                "form": f"sparse, degree {self.degree}" if self.degree else "folded" if self.folded else "dense",
                "selection": self.selection, **({"temperature": self.temperature} if self.selection == "soft" else {})}
