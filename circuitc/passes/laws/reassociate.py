"""The laws of linear maps that hold in real arithmetic, on floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from circuitc.ir import Graph

from ..base import Context, GraphPass
from .fuse import fuse
from .residual import absorb


@dataclass(frozen=True, slots=True)
class Reassociate(GraphPass):
    """Fuse float maps in a row, and put residuals into float maps.

    APPROXIMATE: W2 (W1 x) = (W2 W1) x and W x + x = (W + I) x hold in real arithmetic and round differently on floats.
    For exact types both are exact: `fuse-linear`, `absorb-residual`.
    """

    exact: ClassVar[bool] = False

    def run(self, graph: Graph, context: Context) -> Graph:
        return absorb(fuse(graph, floats=True), floats=True)
