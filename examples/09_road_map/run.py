"""Shortest paths on a map and levels of a karate club: from a file to native code and Verilog.

    python examples/09_road_map/run.py [--draw FILE.svg]    # the picture needs matplotlib
"""

import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
from make_model import PLACES

import circuitc

HERE = Path(__file__).parent
START, GOAL = 3, 14


def path_to(pi: np.ndarray, goal: int) -> list[int]:
    """Follow the parents from a goal back to the source."""
    path = [goal]
    while pi[path[-1]] != path[-1]:
        path.append(int(pi[path[-1]]))
    return path[::-1]


def simulated(model: Path, s: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Compile a model to Verilog, and run what was written through its handshake."""
    with tempfile.TemporaryDirectory() as folder:
        build = circuitc.compile(model, target="verilog", out=Path(folder) / "build", verify=False,
                                 options={"vectors": "0"})
        return circuitc.simulate(Path(folder) / "build", {"s": s}), dict(build.report["figures"])


def draw(route: list[int], file: str) -> None:
    """Draw the map with the path."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    pos = nx.get_node_attributes(PLACES, "pos")
    nx.draw(PLACES, pos, node_size=90, node_color="lightgray", edge_color="lightgray", with_labels=True, font_size=6)
    nx.draw_networkx_edges(PLACES, pos, edgelist=list(pairwise(route)), width=3, edge_color="red")
    plt.savefig(file)


sources = np.eye(16, dtype=int)
roads = circuitc.load(HERE / "roads.json")
native = circuitc.jit(roads).run({"s": sources})
route = path_to(native["pi"][START], GOAL)
print(f"roads: {START} to {GOAL} is {native['distance'][START, GOAL]} long: {' - '.join(map(str, route))}")
verilog, figures = simulated(HERE / "roads.json", sources[[START]])
same = all(np.array_equal(verilog[name], native[name][[START]]) for name in verilog)
print(f"verilog: {figures['ops']} ops for a sweep; as native code says: {same}")

club = circuitc.load(HERE / "club.json")
s = np.eye(34, dtype=int)[[0, 33]]
answer = circuitc.run(club, {"s": s})
verilog, figures = simulated(HERE / "club.json", s[:1])
same = all(np.array_equal(verilog[name], answer[name][:1]) for name in answer)
levels = [max(len(path_to(answer["pi"][k], v)) - 1 for v in range(34)) for k in range(2)]
print(f"karate club: everybody within {levels[0]} steps of the instructor, {levels[1]} of the officer")
print(f"verilog: {figures['ops']} ops for a level; as the interpreter says: {same}")
if sys.argv[1:2] == ["--draw"]:
    draw(route, sys.argv[2])
