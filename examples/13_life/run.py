"""Conway's Life: words on the CPU, threshold neurons, a clocked grid of cells in Verilog; all the same, and proved."""

import tempfile
from pathlib import Path

import numpy as np

import circuitc
from circuitc.models.automata import Grid, build_cellular, find_turns, parse_rule

MODEL = Path(__file__).resolve().parent / "model.json"
RULE = parse_rule("B3/S23")

# A generation on words of up to 64 cells, and as threshold neurons, three a cell.
words = build_cellular(Grid(RULE, (8, 8)), "life")
neurons = build_cellular(Grid(RULE, (8, 8), "thresholds"), "life")
print("Life over", "v = {} * centre + {} * neighbours".format(*find_turns(RULE).weights), "turns at",
      find_turns(RULE).turns)
print("words and neurons:", circuitc.verify(words, neurons))

# The stream of the model: cells in registers, a generation a clock.
module = circuitc.load(MODEL)
steps = 32
still = {"load": np.zeros((1, steps), int), "cells": np.zeros((1, steps, 8, 8), int)}
grids = circuitc.run(module, still)["after"][0]
for rows in zip(*(grids[k] for k in (0, 1, 2, 3, 31)), strict=True):
    print("   ".join("".join(".#"[x] for x in row) for row in rows))
with tempfile.TemporaryDirectory() as folder:
    build = circuitc.compile(MODEL, "verilog", out=folder + "/build", prove=True)
    print("\n".join(build.summary))
    print("clocks between generations:", build.ports["interval"])
    hardware = circuitc.simulate(folder + "/build", still, engine="yosys")
    print("simulated hardware shows the same 32 generations:", np.array_equal(hardware["after"][0], grids))

# A hundred generations of a large torus in one native call, beside numpy.
large = build_cellular(Grid(RULE, (256, 256), generations=100), "large")
cells = np.random.default_rng(0).integers(0, 2, (1, 256, 256))
after = circuitc.jit(large)(cells)[0]
wanted = cells[0]
for _ in range(100):
    around = sum(np.roll(wanted, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) - wanted
    wanted = ((around == 3) | ((wanted == 1) & (around == 2))).astype(int)
print("256 x 256 cells after 100 generations:", after.sum(), "alive, as numpy says:", np.array_equal(after, wanted))
