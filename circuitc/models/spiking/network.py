"""A spiking network: nodes by name, edges between them, and how its time is cut into steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Literal

from circuitc.diagnostics import CircuitError, error, nearest

from .nodes import Node

Edge = tuple[str, str]


@dataclass(frozen=True)
class Network:
    """Nodes by name and edges from source to sink. An edge that stands twice counts twice; what comes in is added."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        if not self.of_kind("Output"):
            raise error("a spiking network has an Output node, this one has none")
        heard = {sink for _, sink in self.edges}
        for source, sink in self.edges:
            for name in (source, sink):
                if name not in self.nodes:
                    raise error(f"an edge names {name[:60]!r}, which is no node", help=nearest(name, self.nodes))
            if self.nodes[sink].kind == "Input" or self.nodes[source].kind == "Output":
                raise error(f"an edge runs from {source} to {sink}: nothing enters an Input or leaves an Output")
        for name, node in self.nodes.items():
            if node.kind != "Input" and name not in heard:
                raise error(f"no edge leads to {name} ({node.kind})")

    def of_kind(self, kind: str) -> list[str]:
        """List the nodes of a kind, in order."""
        return [name for name, node in self.nodes.items() if node.kind == kind]

    def sources(self, name: str) -> list[str]:
        """List where the edges into a node come from."""
        return self._ends[1].get(name, [])

    def sinks(self, name: str) -> list[str]:
        """List where the edges out of a node lead."""
        return self._ends[0].get(name, [])

    @cached_property
    def _ends(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The sinks of each source and the sources of each sink: graphs may have 100,000 edges."""
        after: dict[str, list[str]] = {}
        before: dict[str, list[str]] = {}
        for source, sink in self.edges:
            after.setdefault(source, []).append(sink)
            before.setdefault(sink, []).append(source)
        return after, before


@dataclass(frozen=True, slots=True)
class Timing:
    """How time is cut: `dt` in seconds (the unit of the network's time constants), and by what scheme.

    `euler` takes 1 - dt/tau of a state along, `exact` exp(-dt/tau): the solution where the input is held for the step.
    `decay=shift` (with `euler`) first rounds each dt/tau to the nearest power of two in its logarithm, so that a leak
    is a shift and a subtraction: this changes the network, and the module's facts say how far. `precision` is the type
    of states and sums. `inputs=spikes` makes the Input ports bits.
    """

    dt: float
    scheme: Literal["euler", "exact"] = "euler"
    decay: Literal["as-is", "shift"] = "as-is"
    precision: Literal["f32", "f64"] = "f32"
    inputs: Literal["real", "spikes"] = "real"

    def __post_init__(self) -> None:
        if not 0 < self.dt < inf:
            raise error(f"dt is a positive number of seconds, got {self.dt}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise error(f"{name} is {' or '.join(known)}, got {str(getattr(self, name))[:40]!r}")
        if self.decay == "shift" and self.scheme != "euler":
            raise error("decay=shift rounds dt/tau of scheme euler; scheme exact has none")


CHOICES: Mapping[str, tuple[str, ...]] = {
    "scheme": ("euler", "exact"), "decay": ("as-is", "shift"), "precision": ("f32", "f64"),
    "inputs": ("real", "spikes")}


def placed(e: CircuitError, name: str, node: Node) -> CircuitError:
    """Say of which node an error is."""
    head = e.diagnostics[0]
    return error(f"{name} ({node.kind}): {head.message}", head.span, head.help)


__all__ = ["CHOICES", "Edge", "Network", "Timing", "placed"]
