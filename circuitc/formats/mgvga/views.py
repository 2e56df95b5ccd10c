"""What models are trained on: graphs with explicit inverters, and views of them with some gates hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Netlist
from circuitc.ir.netlist_expand import expand_to_aig

from .build_graph import graph_of_netlist
from .graph import NOT, GateGraph, Int64

IGNORED = -100   # the label that cross entropy leaves out


@dataclass(frozen=True, eq=False)
class ExpandedGraph:
    """A graph whose inverters are nodes: `node_type` int64[N] of 0 PI, 1 PO, 2 AND, 3 NOT; `edges` int64[2, E].

    The first nodes are those of the graph it came from, then one NOT for each inverted edge, in the order of edges.
    """

    node_type: Int64
    edges: Int64

    @property
    def tokens(self) -> Int64:
        """What MGVGA's embedding takes: the type plus 1, as 0 is padding."""
        return self.node_type + 1


@dataclass(frozen=True, eq=False)
class MaskedView:
    """A graph of which some gates are hidden, and what a model should say of them; N nodes, E edges.

    | field | shape | |
    |---|---|---|
    | `tokens` | int64[N] | 1 PI, 2 PO, 3 AND, 4 NOT (hidden nodes too: a model replaces them by its mask vector) |
    | `edges` | int64[2, E] | driver, sink |
    | `hidden` | bool[N] | which nodes are hidden, `int(ratio * N)` of them |
    | `labels` | int64[N] | 0 PI, 1 PO, 2 AND, 3 NOT where hidden, else -100 |
    | `in_degree`, `out_degree` | int64[N] | fan-ins and fan-outs, of all nodes |

    MGVGA's collator counts the drivers' row as `indegree`, so that its two names change places on driver-to-sink
    graphs: its `input_indegree` is `out_degree` here.
    """

    tokens: Int64
    edges: Int64
    hidden: NDArray[np.bool_]
    labels: Int64
    in_degree: Int64
    out_degree: Int64


def expand_inverters(graph: GateGraph) -> ExpandedGraph:
    """Put a NOT node into each inverted edge, with nodes and edges in the order of MGVGA's loader."""
    inverted = graph.edges[:, graph.inverted]
    inverters = graph.nodes + np.arange(inverted.shape[1], dtype=np.int64)
    edges = np.concatenate([graph.edges[:, ~graph.inverted], np.stack([inverted[0], inverters]),
                            np.stack([inverters, inverted[1]])], axis=1)
    return ExpandedGraph(np.concatenate([graph.node_type, np.full(len(inverters), NOT, np.int64)]), edges)


def mask(netlist: Netlist, ratio: float, seed: int) -> MaskedView:
    """Hide a share of the nodes of a netlist's graph; the same netlist, ratio and seed give the same view anywhere."""
    if not 0 <= ratio <= 1:
        raise error(f"the ratio of hidden gates is {ratio}, not between 0 and 1")
    if not 0 <= seed < 1 << 64:
        raise error(f"the seed {seed} is not a number of 64 bits")
    graph = expand_inverters(graph_of_netlist(expand_to_aig(netlist)))
    nodes = len(graph.node_type)
    hidden = np.zeros(nodes, np.bool_)
    hidden[_ranking(nodes, seed)[:int(ratio * nodes)]] = True
    return MaskedView(
        graph.tokens, graph.edges, hidden, np.where(hidden, graph.node_type, IGNORED),
        np.bincount(graph.edges[1], minlength=nodes).astype(np.int64),
        np.bincount(graph.edges[0], minlength=nodes).astype(np.int64))


def _ranking(count: int, seed: int) -> Int64:
    """Put numbers in an order of chance; raw streams, unlike numpy's permutations, are promised to stay."""
    raw: NDArray[np.uint64] = np.random.PCG64(seed).random_raw(count)
    return np.argsort(raw, kind="stable")
