"""Where a netlist is cut into pipeline stages: balanced in depth, at the places that few signals cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from circuitc.ir import Kind, Netlist

MAX_FLOW_GATES = 200_000  # free to lie on either side of a cut: more of them are cut as early or late as may be
_INFINITE = 1 << 29
Int32 = NDArray[np.int32]
Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stages:
    """The stage of each node, int32[nodes], 0 for inputs; how many stages, and the longest path of a stage in levels.

    A gate's stage is no less than its fan-ins'. A signal that is read `n` stages after its own crosses `n` ranks of
    registers.
    """

    of: Int32
    count: int
    levels: int


def cut_into(netlist: Netlist, count: int) -> Stages:
    """Cut a netlist into a number of stages, the longest of which is as short as can be."""
    plan = _Plan(netlist)
    low, high = max(plan.delay, default=1) or 1, max(1, plan.depth)
    low = min(max(low, -(-plan.depth // count)), high)
    while low < high:
        middle = (low + high) // 2
        if plan.stages_within(middle) <= count:
            high = middle
        else:
            low = middle + 1
    return plan.cut(count, low)


def cut_within(netlist: Netlist, levels: int) -> Stages:
    """Cut a netlist into as few stages as there can be with so many levels each (a single gate may have more)."""
    plan = _Plan(netlist)
    levels = max(levels, max(plan.delay, default=1))
    return plan.cut(plan.stages_within(levels), levels)


class _Plan:
    """A netlist as Python lists, and the delay of each node in levels: a gate is one, a wide threshold gate several."""

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.first = 1 + netlist.inputs
        self.fanin: list[int] = (netlist.fanin >> 1).tolist()
        self.offset: list[int] = netlist.offset.tolist()
        self.delay = [0] * self.first + [1] * netlist.gates
        for node in np.flatnonzero(netlist.kind == Kind.THRESHOLD).tolist():
            edges = slice(self.offset[node], self.offset[node + 1])
            total = int(np.abs(netlist.weight[edges]).sum()) if len(netlist.weight) else 0
            self.delay[node] = max(1, 2 * total.bit_length() - 1)  # a compressor tree, then a comparison
        self.depth = max(self._arrival([False] * netlist.nodes), default=0)

    def _arrival(self, placed: Sequence[bool]) -> list[int]:
        """Give the levels from what is placed (and the inputs) to each node's output: 0.3 us a gate."""
        arrival = [0] * self.netlist.nodes
        for node in range(self.first, self.netlist.nodes):
            if not placed[node]:
                fanins = self.fanin[self.offset[node]:self.offset[node + 1]]
                arrival[node] = self.delay[node] + max((arrival[f] for f in fanins), default=0)
        return arrival

    def stages_within(self, levels: int) -> int:
        """Count the stages that are needed where each has at most so many levels."""
        return 1 + max(self._from_end(levels), default=0)

    def _from_end(self, levels: int) -> list[int]:
        """Give for each node how many stages must come after its own: the latest place that it may have."""
        nodes = self.netlist.nodes
        after, used = [0] * nodes, [0] * nodes
        for node in range(nodes - 1, self.first - 1, -1):
            stage, length = after[node], used[node] + self.delay[node]
            if length > levels:
                stage, length = stage + 1, self.delay[node]
            after[node] = stage
            for f in self.fanin[self.offset[node]:self.offset[node + 1]]:
                if (stage, length) > (after[f], used[f]):
                    after[f], used[f] = stage, length
        return [0] * self.first + after[self.first:]

    def cut(self, count: int, levels: int) -> Stages:
        """Place the gates stage by stage; each cut is the smallest one that leaves the rest feasible."""
        nodes, after = self.netlist.nodes, np.array(self._from_end(levels))
        stage = np.full(nodes, count - 1, np.int32)
        stage[:self.first] = 0
        placed = np.zeros(nodes, bool)
        placed[:self.first] = True
        longest = 0
        for k in range(count - 1):
            arrival = np.array(self._arrival(placed.tolist()))
            must = placed | (after >= count - 1 - k)
            free = ~must & (arrival <= levels)
            now = must | self._smallest_cut(must, free)
            stage[now & ~placed] = k
            longest = max(longest, int(arrival[now & ~placed].max(initial=0)))
            placed = now
        longest = max(longest, max(self._arrival(placed.tolist()), default=0))
        stage.setflags(write=False)
        return Stages(stage, count, longest)

    def _smallest_cut(self, must: Marks, free: Marks) -> Marks:
        """Choose which free gates come before a rank of registers so that the fewest signals cross it.

        A minimum cut: a signal that is driven before the rank and read behind it costs one register, and a gate before
        the rank wants its fan-ins there.
        """
        count = int(free.sum())
        if count == 0:
            return free
        if count > MAX_FLOW_GATES:
            return free if self._crossing(must | free) <= self._crossing(must) else np.zeros_like(free)
        number = np.ones(len(free) + 1, np.int64)        # in the flow network: 0 before the rank, 1 behind it
        number[:-1][must] = 0
        number[:-1][free] = 2 + np.arange(count)
        driver, reader = (number[ends] for ends in self._edges())
        undecided = (driver != 1) & (reader != 0) & ~((driver == 0) & (reader == 1))
        signals, signal = np.unique(self._edges()[0][undecided], return_inverse=True)
        driver, reader, signal = driver[undecided], reader[undecided], signal + 2 + count
        wants = driver >= 2
        tails = np.concatenate([number[signals], signal, reader[wants]])
        heads = np.concatenate([2 + count + np.arange(len(signals)), reader, driver[wants]])
        capacity = np.concatenate([np.ones(len(signals)), np.full(len(tails) - len(signals), _INFINITE)])
        side = 2 + count + len(signals)
        graph = coo_matrix((capacity, (tails, heads)), shape=(side, side)).tocsr()
        graph.data = np.minimum(graph.data, _INFINITE).astype(np.int32)  # edges that were there twice are added up
        return free & _reached(csr_matrix(graph), side)[number[:-1]]

    def _edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """List (driver, reader) nodes; the outputs are read behind every rank, by a node after the last."""
        netlist = self.netlist
        owner = np.repeat(np.arange(netlist.nodes), np.diff(netlist.offset))
        driver = np.concatenate([netlist.fanin, netlist.outputs]).astype(np.int64) >> 1
        reader = np.concatenate([owner, np.full(len(netlist.outputs), netlist.nodes)])
        return driver[driver > 0], reader[driver > 0]

    def _crossing(self, before: Marks) -> int:
        driver, reader = self._edges()
        behind = np.append(~before, True)
        return len(np.unique(driver[before[driver] & behind[reader]]))


def _reached(graph: csr_matrix, size: int) -> Marks:
    """Mark which of `size` nodes are on the source's side of a minimum cut of 0 from 1 (the source is not marked)."""
    residual = (graph - maximum_flow(graph, 0, 1).flow).tocsr()
    residual.eliminate_zeros()
    marks = np.zeros(size, bool)
    order, _ = breadth_first_order(residual, 0, return_predecessors=True)
    marks[order] = True
    marks[0] = False
    return marks
