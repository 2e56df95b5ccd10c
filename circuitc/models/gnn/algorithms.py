"""The nine algorithms as graph programs; names, kinds and tie rules are those of CLRS-30 where it has the algorithm.

CLRS's samplers and specs: google-deepmind/clrs, `specs.py` and `algorithms/graphs.py`. One step is one CLRS hint. In a
tie the lowest node wins (CLRS extracts the minimum by an argsort that is not stable, and so leaves ties open).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .program import GraphProgram, Message, Probe, State

POINTER, SCALAR, MASK, ONE = (Probe("node", k) for k in ("pointer", "scalar", "mask", "mask_one"))
COLOR = Probe("node", "categorical")
WEIGHTS = Probe("edge", "scalar")
SOURCE = MappingProxyType({"s": ONE, "A": WEIGHTS})
GRAPH = MappingProxyType({"A": WEIGHTS})

BFS = GraphProgram(
    "bfs", SOURCE,
    {"reach": State(MASK, "j == s", "reach[j] or first.any", hint="reach_h"),
     "pi": State(POINTER, "j", "first.arg if first.any and not reach[j] else pi[j]", hint="pi_h", output="pi")},
    {"first": Message("reach[i] and A[i,j] != 0", "i", "min")},
    "unchanged(reach)", doc="Breadth-first search, level by level: the lowest reached neighbour is the parent.")

BELLMAN_FORD = GraphProgram(
    "bellman_ford", SOURCE,
    {"pi": State(POINTER, "j", "relax.arg if better else pi[j]", hint="pi_h", output="pi"),
     "d": State(SCALAR, "0", "relax if better else d[j]", hint="d", output="distance"),
     "msk": State(MASK, "j == s", "msk[j] or relax.any", hint="msk")},
    {"relax": Message("msk[i] and A[i,j] != 0", "d[i] + A[i,j]", "min"),
     "better": "relax.any and (not msk[j] or relax < d[j])"},
    "unchanged(d)", doc="Shortest paths from s: all edges relaxed at once until no distance changes.")

_SETTLED = "next.any and edge != 0 and not mark[j] and j != next.arg"


def _queue(name: str, key: str, reached: str, doc: str, output: str) -> GraphProgram:
    """Dijkstra's and Prim's algorithms differ in the key that a node reached from u gets."""
    return GraphProgram(
        name, SOURCE,
        {"pi": State(POINTER, "j", "next.arg if better else pi[j]", hint="pi_h", output="pi"),
         key: State(SCALAR, "0", f"reached if better else {key}[j]", hint=key, output=output),
         "mark": State(MASK, "0", "mark[j] or (next.any and j == next.arg)", hint="mark"),
         "in_queue": State(MASK, "j == s", "(in_queue[j] and j != next.arg) or better", hint="in_queue"),
         "u": State(ONE, "s", "next.arg if next.any else u", hint="u")},
        {"next": Message("in_queue[i]", f"{key}[i]", "min"),
         "edge": "A[next.arg, j]",
         "reached": reached,
         "better": f"{_SETTLED} and (not in_queue[j] or reached < {key}[j])"},
        "not next.any", "n + 1", doc)


DIJKSTRA = _queue("dijkstra", "d", "next + edge", "Shortest paths from s, one settled node a step.", "distance")
PRIM = _queue("mst_prim", "key", "edge", "A minimum spanning tree from s, one node a step.", "weight")

FLOYD_WARSHALL = GraphProgram(
    "floyd_warshall", GRAPH,
    {"Pi": State(Probe("edge", "pointer"), "i", "Pi[k,j] if better else Pi[i,j]", hint="Pi_h", output="Pi"),
     # A cell is the weight of a path with no node twice (or a cycle, on the diagonal): at most n edges.
     "D": State(WEIGHTS, "A[i,j]", "through if better else D[i,j]", hint="D", output="distance", bound="n * top"),
     "msk": State(Probe("edge", "mask"), "A[i,j] != 0 or i == j", "msk[i,j] or reach", hint="msk",
                  output="reachable"),
     "k": State(ONE, "0", "k + 1 if k != last else k", hint="k")},
    {"reach": "msk[i,k] and msk[k,j]",
     "through": "D[i,k] + D[k,j]",
     "better": "reach and (not msk[i,j] or through < D[i,j])"},
    "k == last", doc="Shortest paths between all pairs: step k lets paths lead through node k.")

# The stack of a depth-first search is a linked list through s_prev; its top is s_last. Four kinds of step follow each
# other; the state before tells which was the last: a root was pushed (still white), a node was discovered, a white
# child was pushed (it is s_last, not yet u), or u was finished (black).
_SEARCH = {
    "root": "color[u] == 0",
    "pushed": "u != s_last",
    "black": "color[u] == 2",
    "ends": "black and s_prev[u] == u",
    "pops": "black and s_prev[u] != u",
    "at": "s_last if pushed else s_prev[u] if pops else u",
    "child": Message("A[at, i] != 0 and color[i] == 0", "i", "min"),
    "white": Message("color[i] == 0 and active[i]", "i", "min"),
    "again": "ends and white.any",
    "over": "ends and not white.any",
}
_SCANNING = {
    "descends": "scans and child.any",
    "finishes": "scans and not child.any",
}
_STACK = {
    "s_prev": State(POINTER, "j", "at if descends and j == child.arg else j if pops and j == u else s_prev[j]",
                    hint="s_prev"),
    "s": State(ONE, "0", "white.arg if again else s", hint="s"),
    "u": State(ONE, "0", "white.arg if again else at", hint="u"),
    "v": State(ONE, "0", "white.arg if again else child.arg if descends else last if finishes else v", hint="v"),
    "s_last": State(ONE, "0", "white.arg if again else child.arg if descends else at", hint="s_last"),
}

DFS = GraphProgram(
    "dfs", GRAPH,
    {"pi": State(POINTER, "j", "at if descends and j == child.arg else pi[j]", hint="pi_h", output="pi"),
     "color": State(COLOR, "0", "1 if (discovers and j == at) or (descends and j == child.arg) else "
                    "2 if finishes and j == at else color[j]", hint="color", classes=3),
     "d": State(SCALAR, "0", "time + 1 if discovers and j == at else d[j]", hint="d", scale=0.01),
     "f": State(SCALAR, "0", "time + 1 if finishes and j == at else f[j]", hint="f", scale=0.01),
     **_STACK,
     # It counts at most one a step, so the limit of steps bounds it.
     "time": State(Probe("graph", "scalar"), "0", "time + 1 if discovers or finishes else time", hint="time",
                   scale=0.01)},
    {**_SEARCH, "discovers": "root or pushed", "scans": "not discovers and not ends", **_SCANNING},
    "over", "3 * n", "Depth-first search from every white node; times count hundredths, as CLRS does.")

TOPOLOGICAL_SORT = GraphProgram(
    "topological_sort", GRAPH,
    {"topo": State(POINTER, "j", "topo_head if finishes and j == at and headed else topo[j]", hint="topo_h",
                   output="topo"),
     "topo_head": State(ONE, "0", "at if finishes else topo_head", hint="topo_head_h", output="topo_head"),
     "color": State(COLOR, "0", "1 if (root and j == u) or (descends and j == child.arg) else "
                    "2 if finishes and j == at else color[j]", hint="color", classes=3),
     **_STACK},
    {**_SEARCH, "scans": "not root and not ends", **_SCANNING,
     "headed": "color[topo_head] == 2 or topo_head == at"},
    "over", "3 * n", "Depth-first order: each node points at the one that comes after it.")

CONNECTED_COMPONENTS = GraphProgram(
    "connected_components", GRAPH,
    {"component": State(POINTER, "j", "near if near.any and near < component[j] else component[j]",
                        hint="component_h", output="component")},
    {"near": Message("A[i,j] != 0 or A[j,i] != 0", "component[i]", "min")},
    "unchanged(component)",
    doc="Weakly connected components: each node names the lowest node that it is connected with.")

WIDEST_PATH = GraphProgram(
    "widest_path", SOURCE,
    {"pi": State(POINTER, "j", "widen.arg if better else pi[j]", hint="pi_h", output="pi"),
     "width": State(SCALAR, "top if j == s else 0", "widen if better else width[j]", hint="width_h", output="width")},
    {"widen": Message("width[i] != 0 and A[i,j] != 0", "min(width[i], A[i,j])", "max"),
     "better": "widen.any and width[j] < widen"},
    "unchanged(width)",
    doc="Paths from s whose narrowest edge is as wide as can be; the width of s itself is the greatest number.")

ALGORITHMS: Mapping[str, GraphProgram] = MappingProxyType({p.name: p for p in (
    BFS, DFS, BELLMAN_FORD, DIJKSTRA, PRIM, FLOYD_WARSHALL, CONNECTED_COMPONENTS, TOPOLOGICAL_SORT, WIDEST_PATH)})
