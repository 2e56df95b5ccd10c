"""A residual sum around a linear map is a linear map: W x + x = (W + I) x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Graph, Node, Value, rebuild, smallest

from ..base import Context, GraphPass
from .fuse import reads_of
from .products import LinearMap, applied, linear_map


@dataclass(frozen=True, slots=True)
class AbsorbResidual(GraphPass):
    """Put the x of W x + x into the map: (W + I) x, with no sum left.

    Whole numbers and fixed point only; for floats, where the law changes roundings, see `reassociate`.
    """

    def run(self, graph: Graph, context: Context) -> Graph:
        return absorb(graph, floats=False)


def absorb(graph: Graph, *, floats: bool) -> Graph:
    """Absorb residuals of exact types, or with `floats` those of floats."""
    reads = reads_of(graph)

    def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        if node.op != "add" or any(b.type(v).is_float != floats for v in operands):
            return None
        for k, v in enumerate(operands):
            found = linear_map(b, b.nodes[v], b.nodes[v].operands)
            if found is None or found.value not in operands or reads[node.operands[k]] != 1:
                continue
            wider = _with_identity(found, operands.count(found.value))
            if wider is not None:
                rest = [o for j, o in enumerate(operands) if j != k and o != found.value]
                return _sum(b, node, b.nodes[v], found, wider, rest)
        return None

    return rebuild(graph, rule)


def _sum(b: Builder, node: Node, inner: Node, found: LinearMap, wider: Constant, rest: list[Value]) -> Value | None:
    """Apply the wider map, and add what else the sum has."""
    spec = f"{found.map_letters},{found.value_letters}->{found.result}"
    operands = b.constant(wider, inner.name), found.value
    if not rest:
        return applied(b, node, operands, spec)
    try:
        total = b.apply("contract", *operands, spec=spec, name=inner.name, origin=inner.origin)
        return b.apply("add", total, *rest, type=node.type, name=node.name, origin=node.origin, span=node.span)
    except CircuitError:
        return None


def _with_identity(found: LinearMap, times: int) -> Constant | None:
    """Add `times` where the map takes a place of x to the same place of the result; None where it maps elsewhere."""
    pairs = list(zip(found.result, found.value_letters, strict=False))
    moved = [(r, x) for r, x in pairs if r != x]
    same_shape = len(found.result) == len(found.value_letters) and all(
        found.sizes[r] == found.sizes[x] for r, x in pairs)
    apart = all(x not in found.result and r not in found.value_letters for r, x in moved)
    whole = {c for pair in moved for c in pair} <= set(found.map_letters) <= {c for pair in pairs for c in pair}
    if not (same_shape and apart and whole):
        return None
    shape = [found.sizes[c] for c in found.map_letters]
    ones = np.ones(shape, np.int64)
    grid = np.indices(shape)
    for r, x in moved:
        ones &= grid[found.map_letters.index(r)] == grid[found.map_letters.index(x)]
    return _added(found.constant, ones * times)


def _added(map_: Constant, diagonal: NDArray[np.int64]) -> Constant | None:
    t = map_.type
    if t.is_float:
        return Constant(t, map_.array + diagonal.astype(t.dtype))
    fraction = max(t.fraction, 0)
    raw = map_.array.astype(object) * (1 << (fraction - t.fraction)) + diagonal.astype(object) * (1 << fraction)
    try:
        return Constant(smallest(int(raw.min()), int(raw.max()), fraction, t.shape), raw)
    except CircuitError:
        return None
