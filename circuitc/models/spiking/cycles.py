"""Where a network's cycles are cut: which edges carry the value of the step before.

A `Delay` of a step or more cuts every cycle through it. What is left is cut where it closes. Of each strongly connected
part, the *entry* is the neuron nearest to an Input (of equals the first by order); the edges of the part into it carry
the value of the step before, 0 (no spike) at the first step. Behind maps with one edge in and one out the delay moves
to before the map: so a recurrent layer's spikes are what is kept, as bits, and the bias of its weights counts from the
first step. This is how frameworks on PyTorch run a layer that hears itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

import networkx as nx

from .network import Edge, Network


def cut_cycles(network: Network, holds: Callable[[str], bool]) -> tuple[list[str], frozenset[Edge]]:
    """Give an order of evaluation, and the edges that carry the value of the step before.

    `holds` tells of a node that its output does not depend on what comes in at the same step.
    """
    place = {name: k for k, name in enumerate(network.nodes)}
    depth = _depths(network)
    graph = nx.DiGraph()
    graph.add_nodes_from(network.nodes)
    graph.add_edges_from(edge for edge in dict.fromkeys(network.edges) if not holds(edge[1]))
    delayed: set[Edge] = set()
    while parts := [p for p in nx.strongly_connected_components(graph) if len(p) > 1 or _hears_itself(graph, p)]:
        for part in sorted(parts, key=lambda p: min(map(place.__getitem__, p))):
            neurons = [name for name in part if network.nodes[name].role == "neuron"]
            entry = min(neurons or part, key=lambda name: (depth.get(name, inf), place[name]))
            closing = {_moved(network, part, (source, entry)) for source in graph.predecessors(entry) if source in part}
            delayed |= closing
            graph.remove_edges_from(closing)
    return list(nx.lexicographical_topological_sort(graph, key=place.__getitem__)), frozenset(delayed)


def _depths(network: Network) -> dict[str, float]:
    graph = nx.DiGraph(network.edges)
    graph.add_nodes_from(network.nodes)
    inputs = network.of_kind("Input")
    return dict(nx.multi_source_dijkstra_path_length(graph, set(inputs))) if inputs else {}


def _hears_itself(graph: nx.DiGraph, part: Iterable[str]) -> bool:
    return any(graph.has_edge(name, name) for name in part)


def _moved(network: Network, part: Iterable[str], edge: Edge) -> Edge:
    """Move a delay back over maps that have one edge in and one out."""
    source, sink = edge
    while network.nodes[source].role == "map" and network.nodes[source].kind != "Threshold":
        before = network.sources(source)
        if len(before) != 1 or len(network.sinks(source)) != 1 or before[0] not in part or before[0] == source:
            break
        source, sink = before[0], source
    return source, sink


__all__ = ["cut_cycles"]
