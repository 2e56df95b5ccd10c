"""Load the network, find the exact gate of each neuron, and multiply."""

from pathlib import Path

import numpy as np

from circuitc.formats.model_json import MODEL_JSON
from circuitc.ir import run
from circuitc.passes import run_passes

module = MODEL_JSON.read(Path(__file__).with_name("model.json"))
snapped = run_passes(module, "snap-thresholds")

facts = snapped.facts["passes"][-1]["facts"]
print(facts["summary"])
for row in facts["neurons"]:
    print(f"  {row['neuron']:32s} {row['gate']:5s} {row['weights']}")

numbers = np.arange(4)
bits = (numbers[:, None] >> np.arange(2)) & 1
a, b = np.repeat(numbers, 4), np.tile(numbers, 4)
for program in (module, snapped):
    p = run(program, {"a": bits[a], "b": bits[b]})["p"] @ (1 << np.arange(4))
    assert (p == a * b).all()
print("2 * 3 =", p[2 * 4 + 3])
print("all 16 products are right, before and after")
