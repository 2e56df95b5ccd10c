"""Letters recalled from spoiled ones: on the CPU, as Verilog, and through the wires of an array of memristors."""

import json
import tempfile
from pathlib import Path

import numpy as np

import circuitc
from circuitc.models.recall import Memory, build_hopfield, energy, hebbian

MODEL = Path(__file__).resolve().parent / "model.json"
patterns = np.array(json.loads(MODEL.read_text())["patterns"])


def drawn(*states: np.ndarray) -> str:
    """Draw letters side by side."""
    rows = ("   ".join("".join(".#"[(x + 1) // 2] for x in s.reshape(4, 4)[k]) for s in states) for k in range(4))
    return "\n".join(f"  {row}" for row in rows)


spoiled = patterns.copy()
spoiled[0, [1, 7, 9]] *= -1
spoiled[1, [0, 5, 15]] *= -1
module = circuitc.load(MODEL)
found = circuitc.jit(module).run({"x": spoiled})
print(f"spoiled, and recalled in {found['steps'].tolist()} sweeps:")
print(drawn(spoiled[0], found["y"][0], spoiled[1], found["y"][1]))
print("both are the patterns:", np.array_equal(found["y"], patterns))

# One unit after the other the energy never rises, wherever one begins.
states = np.random.default_rng(0).choice([-1, 1], (1000, 16))
zeros = np.zeros(16, int)
trail = [states]
for unit in range(16):
    one = Memory(hebbian(patterns), zeros, patterns, order=(unit,))
    trail.append(circuitc.run(build_hopfield(one, "one"), {"x": trail[-1]})["y"])
levels = np.array([energy(one, x) for x in trail])
print("energy of 1000 random states through one sweep:", levels.mean(axis=1).round(1)[[0, 4, 8, 12, 16]].tolist(),
      "- never rises:", bool((np.diff(levels, axis=0) <= 0).all()))

# More patterns than units / 7: the classical memory forgets, degree 4 does not.
many = np.random.default_rng(1).choice([-1, 1], (16, 32))
for degree in (2, 4):
    memory = Memory(hebbian(many), np.zeros(32, int), many, degree, tuple(range(32)), sweeps=10, settle=True)
    answers = circuitc.jit(build_hopfield(memory, "many")).run({"x": many})["y"]
    print(f"16 patterns of 32 units, degree {degree}: {(answers == many).all(axis=1).sum()} stay")

with tempfile.TemporaryDirectory() as folder:
    build = circuitc.compile(MODEL, "verilog", out=folder + "/rtl")
    print(build.summary[0])
    hardware = circuitc.simulate(folder + "/rtl", {"x": spoiled})
    print("hardware recalls the same:", np.array_equal(hardware["y"], patterns))
    build = circuitc.compile(MODEL, "crossbar", out=folder + "/bundle",
                             options={"array": "rram-128", "certify": "window"})
    print("\n".join(line for line in build.summary if line.startswith("proved")))
    bundle = circuitc.crossbar.load(build.folder)
    print("recalled through the wires:", np.array_equal(bundle.run({"x": spoiled}, mode="ir")["y"], patterns))
