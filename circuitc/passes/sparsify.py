"""Sparse storage: constant weights with many zeros are kept as their non-zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Builder, Constant, Graph, Node, Value, rebuild
from circuitc.ir.constant import BLOCK, Storage

from .base import Context, GraphPass
from .prune import weights_of


@dataclass(frozen=True, slots=True)
class Sparsify(GraphPass):
    """Store constant weight matrices whose share of zeros is `above` or more as their non-zeros.

    `csr` keeps rows of single numbers, `block` groups of 8 neighbours that are not all zero (for vector units), `nm`
    rows of equally many numbers (what n:m pruning leaves, which needs no row starts); `auto` takes the one of fewest
    bytes, and dense where none saves any. `columns` is for layers whose inputs are mostly zero, as spikes are, whatever
    the share of zeros in the weights: only the columns of inputs that are not zero are read. No number changes: storage
    is a wish to backends.
    """

    storage: Literal["auto", "csr", "block", "nm", "columns", "dense"] = "auto"
    above: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.above <= 1:
            raise error(f"sparsify: above is 0 to 1, got {self.above}")

    def run(self, graph: Graph, context: Context) -> Graph:
        layers = weights_of(graph)
        chosen: dict[str, tuple[int, Storage]] = {
            graph.nodes[v].name: (place, self._storage(c)) for v, (place, c) in layers.items()}
        rows: list[dict[str, Any]] = context.facts.setdefault("constants", [])
        rows += [{"layer": graph.nodes[v].name, "zeros": round(_zeros(c), 4), "storage": chosen[graph.nodes[v].name][1],
                  "numbers": stored_numbers(c, chosen[graph.nodes[v].name][1]), "of": c.type.size}
                 for v, (_, c) in layers.items()]

        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if node.op != "contract" or node.name not in chosen:
                return None
            place, storage = chosen[node.name]
            source = b.nodes[operands[place]]
            stored = b.constant(Constant(source.type, source.constant.array, storage), source.name, source.origin)
            return b.copy(node, [stored if k == place else o for k, o in enumerate(operands)])

        return rebuild(graph, rule)

    def _storage(self, c: Constant) -> Storage:
        if self.storage == "columns" and c.type.rank == 2:
            return self.storage
        if self.storage == "dense" or c.type.rank != 2 or _zeros(c) < self.above:
            return "dense"
        if self.storage != "auto":
            return self.storage
        kinds: tuple[Storage, ...] = ("dense", "nm", "block", "csr")
        return min(kinds, key=lambda kind: _bytes(c, kind))


def _zeros(c: Constant) -> float:
    return float((c.array == 0).mean())


def stored_numbers(c: Constant, storage: Storage) -> int:
    """Count the numbers that a storage keeps."""
    match storage:
        case "csr":
            return int(np.count_nonzero(c.array))
        case "block":
            return BLOCK * int(blocks(c.array).sum())
        case "nm":
            return len(c.array) * int(np.count_nonzero(c.array, axis=1).max())
        case _:
            return c.type.size


def blocks(array: Any) -> Any:
    """Tell for each row and each group of BLOCK columns whether a number in it is not zero: bool[rows, groups]."""
    padded = np.pad(array != 0, ((0, 0), (0, -array.shape[1] % BLOCK)))
    return padded.reshape(len(array), -1, BLOCK).any(axis=2)


def _bytes(c: Constant, storage: Storage) -> float:
    """Estimate the bytes of a storage: numbers, and four for each column or group that is named."""
    numbers = stored_numbers(c, storage)
    rows = c.type.shape[0] + 1
    named = {"csr": numbers + rows, "nm": numbers, "block": numbers / BLOCK + rows}.get(storage, 0)
    return numbers * max(c.type.width, 8) / 8 + 4 * named
