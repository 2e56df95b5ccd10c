"""A graph algorithm that circuitc does not have, as JSON: run on two graphs, natively and as Verilog."""

import json
import tempfile
from pathlib import Path

import networkx as nx
import numpy as np

import circuitc

model = Path(__file__).with_name("bipartite.json")
module = circuitc.load(model)
club, grid = nx.karate_club_graph(), nx.grid_2d_graph(2, 17)
A = np.stack([nx.to_numpy_array(g, weight=None, dtype=int) for g in (club, grid)])
s = np.eye(34, dtype=int)[[0, 0]]

answer = circuitc.run(module, {"A": A, "s": s})
native = circuitc.jit(module).run({"A": A, "s": s})
assert all(np.array_equal(native[name], answer[name]) for name in answer)
for k, (name, graph) in enumerate((("karate club", club), ("2 x 17 grid", grid))):
    assert (answer["clash"][k] == 0) == nx.is_bipartite(graph)
    print(f"{name}: {'an odd cycle' if answer['clash'][k] else 'two colours'}, {answer['steps'][k]} steps")

# The same program for graphs of six nodes, as Verilog that Yosys reads back and runs through its handshake.
small = json.loads(model.read_text()) | {"n": 6}
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "bipartite.json"
    path.write_text(json.dumps(small))
    circuitc.compile(path, target="verilog", out=Path(folder) / "build")
    ring = nx.to_numpy_array(nx.cycle_graph(6), dtype=int)
    chord = nx.to_numpy_array(nx.Graph([*nx.cycle_graph(6).edges, (0, 2)]), dtype=int)
    found = circuitc.simulate(Path(folder) / "build", {"A": np.stack([ring, chord]), "s": np.eye(6, dtype=int)[:2]})
    print("verilog: ring of 6, and with a chord: clash =", found["clash"].tolist())
