"""Make roads.json (16 places, networkx) and club.json (Zachary's karate club): given graphs, which become wires."""

import json
from math import dist
from pathlib import Path
from typing import Any

import networkx as nx

PLACES = nx.random_geometric_graph(16, 0.35, seed=4)  # networkx gives each place a position in the unit square


def save(name: str, model: dict[str, Any], edges: list[list[int]]) -> None:
    """Write a model, its edges on one line each."""
    keys = {"schema": "circuitc.model/1", "kind": "gnn", **model, "directed": False, "hints": False}
    head = json.dumps(keys, indent=2)
    rows = ",\n".join(f"    {json.dumps(e)}" for e in edges)
    text = head.removesuffix("\n}") + ',\n  "graph": {"edges": [\n' + rows + "\n  ]}\n}\n"
    Path(__file__).with_name(name).write_text(text)


if __name__ == "__main__":
    pos = nx.get_node_attributes(PLACES, "pos")
    roads = [[u, v, max(1, round(100 * dist(pos[u], pos[v])))] for u, v in PLACES.edges]
    save("roads.json", {"description": "Shortest paths on one map, from any place.", "algorithm": "bellman_ford",
                        "n": 16, "weight": "u6"}, roads)
    club = [[u, v, 1] for u, v in nx.karate_club_graph().edges]
    save("club.json", {"description": "Who is how near to whom in the karate club.", "algorithm": "bfs", "n": 34,
                       "weight": "bit"}, club)
