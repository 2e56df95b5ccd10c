"""A program with memory: interpreted, as native code, and as clocked Verilog behind a handshake."""

from pathlib import Path

import numpy as np

import circuitc

module = circuitc.load(Path(__file__).with_name("average.ccir"))
x = np.array([[10, 20, 40, 80], [255, 255, 0, 0]])  # two sequences of four items
print("interpreter ", circuitc.run(module, {"x": x})["mean"].tolist())
mean, last = circuitc.jit(module)(x)
print("native code ", mean.tolist(), "last", last.tolist())
print("verilog     ", circuitc.simulate(module, {"x": x}, engine="yosys")["mean"].tolist())
build = circuitc.compile(module, target="verilog", prove=True)
for line in build.summary:
    print(line)
