"""Networks to be trained: any DAG of neurons, layers as a convenience, weights shared between neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error

Table = NDArray[np.int32]
MAX_EDGES = 1 << 24


@dataclass(frozen=True)
class Network:
    """Which neuron reads what: node 0 is the constant -1, then inputs, then neurons in topological order.

    `sources[n]` are the nodes that neuron n (node `innodes + n`) reads, in the order of its weights; the outputs are
    the last `outnodes` nodes. Neurons with the same number in `shared` have the same weights, as the cells of an
    automaton or the places of a convolution do; by default each has its own. `innodes` counts the constant.
    """

    innodes: int
    outnodes: int
    sources: tuple[tuple[int, ...], ...]
    shared: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.innodes < 2 or not 1 <= self.outnodes <= len(self.sources):
            raise error(f"a network needs an input, and an output that is a neuron: {self.innodes - 1} inputs, "
                        f"{self.outnodes} outputs, {len(self.sources)} neurons")
        for n, read in enumerate(self.sources):
            if not read or min(read) < 0 or max(read) >= self.innodes + n or len(set(read)) != len(read):
                raise error(f"neuron {self.innodes + n} reads {list(read)[:8]}: it must read some nodes before it, "
                            "each once")
        if self.edges > MAX_EDGES:
            raise error(f"{self.edges} edges are more than the {MAX_EDGES} that are trained")
        if self.shared and len(self.shared) != self.neurons:
            raise error(f"{len(self.shared)} sharing numbers for {self.neurons} neurons")
        sizes: dict[int, int] = {}
        for n, kind in enumerate(self.shared):
            if sizes.setdefault(kind, len(self.sources[n])) != len(self.sources[n]):
                raise error(f"neuron {self.innodes + n} shares weights with neurons of {sizes[kind]} inputs, "
                            f"it has {len(self.sources[n])}")

    @property
    def neurons(self) -> int:
        """The number of neurons."""
        return len(self.sources)

    @property
    def nodes(self) -> int:
        """The number of nodes: the constant, inputs, neurons."""
        return self.innodes + self.neurons

    @cached_property
    def fan_in(self) -> Table:
        """How many nodes each neuron reads, the constant counted."""
        return np.array([len(s) for s in self.sources], np.int32)

    @cached_property
    def start(self) -> Table:
        """Where each neuron's edges start, and the end: edges are numbered neuron by neuron."""
        return np.concatenate([[0], np.cumsum(self.fan_in)]).astype(np.int32)

    @property
    def edges(self) -> int:
        """The number of edges."""
        return sum(len(s) for s in self.sources)

    @cached_property
    def kinds(self) -> tuple[int, ...]:
        """The class of each neuron, numbered by first appearance: neurons of a class share weights."""
        numbers: dict[int, int] = {}
        return tuple(numbers.setdefault(k, len(numbers)) for k in self.shared or range(self.neurons))

    @cached_property
    def class_start(self) -> Table:
        """Where the weights of each class start, and the end."""
        sizes = dict(zip(reversed(self.kinds), reversed(self.fan_in.tolist()), strict=True))
        return np.concatenate([[0], np.cumsum([sizes[k] for k in range(len(sizes))])]).astype(np.int32)

    @property
    def weights(self) -> int:
        """The number of weights that are trained."""
        return int(self.class_start[-1])

    @cached_property
    def offset(self) -> Table:
        """Where the weights of each neuron start."""
        return self.class_start[list(self.kinds)]

    def weights_of(self, weights: NDArray[np.floating], neuron: int) -> NDArray[np.floating]:
        """Give a neuron's weights in the order of its sources."""
        low = int(self.offset[neuron])
        return weights[low:low + int(self.fan_in[neuron])]

    @cached_property
    def _tables(self) -> dict[str, Table]:
        groups: dict[tuple[int, ...], list[int]] = {}
        for n, read in enumerate(self.sources):
            groups.setdefault(read, []).append(n)
        flat = [node for read in self.sources for node in read]
        return {"START": self.start, "SOURCE": np.array(flat, np.int32), "OFFSET": self.offset,
                "CLASS_START": self.class_start, **_ragged("MEMBER", list(groups.values())),
                **_ragged("READ", list(groups))}

    def tables(self) -> dict[str, Table]:
        """Give the network as the kernel's tables; neurons with the same sources are grouped (MEMBER, READ)."""
        return self._tables


def _ragged(name: str, rows: Sequence[Sequence[int]]) -> dict[str, Table]:
    starts = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int32)
    return {name: np.array([k for r in rows for k in r], np.int32), f"{name}_START": starts}


def layered(widths: Sequence[int]) -> Network:
    """Make layers: `widths` are the inputs, hidden layers and outputs; each neuron reads the constant and a layer."""
    if len(widths) < 2 or min(widths) < 1:
        raise error(f"widths are two numbers or more from 1 on, got {','.join(map(str, widths))}",
                    help="inputs, hidden layers, outputs: 4,4,4,4")
    edges = sum((a + 1) * b for a, b in pairwise(widths))
    if edges > MAX_EDGES:
        raise error(f"widths {','.join(map(str, widths))} make {edges} edges, {MAX_EDGES} are trained at most")
    sources: list[tuple[int, ...]] = []
    first = 1
    for before, width in pairwise(widths):
        sources += [(0, *range(first, first + before))] * width
        first += before
    return Network(1 + widths[0], widths[-1], tuple(sources))


def cellular(cells: int, neighbourhood: Sequence[Sequence[int]], hidden: Sequence[int] = (), *,
             outputs: int = 1) -> Network:
    """Make the same small layered network at each cell of an automaton, its weights shared by all cells.

    `neighbourhood[c]` are the cells (from 0) that cell c reads, all in the same order; `hidden` are the widths of its
    hidden layers, and each cell puts out `outputs` bits. Layer by layer, cell by cell.
    """
    if len(neighbourhood) != cells or len({len(n) for n in neighbourhood}) != 1:
        raise error(f"an automaton of {cells} cells needs {cells} neighbourhoods of one size")
    before = [[1 + c for c in near] for near in neighbourhood]
    sources: list[tuple[int, ...]] = []
    shared: list[int] = []
    label = 1 + cells
    kind = 0
    for width in (*hidden, outputs):
        rows: list[list[int]] = []
        for read in before:
            sources += [(0, *read)] * width
            shared += range(kind, kind + width)
            rows.append(list(range(label, label + width)))
            label += width
        before, kind = rows, kind + width
    return Network(1 + cells, cells * outputs, tuple(sources), tuple(shared))


def ring(cells: int, radius: int = 1) -> list[list[int]]:
    """Give the neighbourhoods of a ring of cells: from `radius` to the left to `radius` to the right."""
    return [[(c + d) % cells for d in range(-radius, radius + 1)] for c in range(cells)]


def torus(height: int, width: int) -> list[list[int]]:
    """Give the neighbourhoods of a torus of cells, row major: the nine cells around each, itself in the middle."""
    return [[(r + i) % height * width + (c + j) % width for i in (-1, 0, 1) for j in (-1, 0, 1)]
            for r in range(height) for c in range(width)]
