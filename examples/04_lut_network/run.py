"""Classify the test digits: the interpreter, native code and the emitted Verilog agree."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import circuitc
from circuitc.ir import encode
from circuitc.tools import find_tool

data = load_digits()
_, pixels, _, classes = train_test_split(data.data, data.target, test_size=0.2, random_state=0, stratify=data.target)

module = circuitc.load(Path(__file__).with_name("model.json"))
facts = module.facts["logic-network"]
print(f"{facts['kind']}: {facts['netlist_gates']} gates in the core, parts {', '.join(facts['parts'])}")

x = {"pixels": encode(module.entry.inputs[0], pixels)}
answer = circuitc.run(module, x)
right = int((answer["class"] == classes).sum())
print(f"{right} of {len(classes)} test digits are right ({right / len(classes):.1%})")

gates = circuitc.run_passes(module, "lower-to-gates{luts=true}")
native = circuitc.jit(gates).run(x)
assert all(np.array_equal(native[name], answer[name]) for name in answer)
print("native code agrees on all of them")

some = {"pixels": x["pixels"][:20]}
engine = "icarus" if find_tool("iverilog") else "yosys"   # Yosys takes a minute to read so many tables
simulated = circuitc.simulate(gates, some, engine=engine)
assert all(np.array_equal(simulated[name], answer[name][:20]) for name in answer)
print("the Verilog agrees on 20 of them")
