"""Read every architecture of this folder, tell its costs, and what whole numbers and algebra make of two of them."""

from pathlib import Path

import numpy as np

import circuitc
from circuitc.formats.ncd import read_typed
from circuitc.models.diagrams.cost import cost
from circuitc.passes import run_passes

HERE = Path(__file__).resolve().parent

print(f"{'diagram':<12}{'weights':>9}{'multiply-adds':>15}{'traffic':>9}{'peak':>7}   largest array")
for path in sorted(HERE.glob("*.ncd")):
    found = cost(read_typed(path)[0])
    weights, macs, traffic, peak = (p.at(found.lengths) for p in (found.weights, found.macs, found.traffic, found.peak))
    print(f"{path.stem:<12}{weights:>9}{macs:>15}{traffic:>9}{peak:>7}   {found.largest}")

print("\nattention in whole numbers of 8 bits")
model = circuitc.load(HERE / "attention.ncd")
rng = np.random.default_rng(0)
inputs = {p.name: rng.uniform(-1, 1, (64, *p.type.shape)).astype(np.float32) for p in model.entry.inputs}
small = run_passes(model, "quantize{functions=8,table=8}", calibration=inputs)
raw = {p.name: circuitc.ir.encode(p, inputs[p.name]) for p in small.entry.inputs}
wanted = circuitc.run(small, raw)["Y"]
error = np.abs(circuitc.ir.decode(small.entry.outputs[0], wanted) - circuitc.run(model, inputs)["Y"]).max()
print(f"native code equal: {np.array_equal(circuitc.jit(small).run(raw)['Y'], wanted)}, largest error {error:.3f}")

print("\nlaws: queries, keys and values of one value are one product")
heads = circuitc.load(HERE / "multihead.ncd")
merged = run_passes(heads, "merge-linear")
for name, module in (("multihead", heads), ("merged", merged)):
    ops = [node.op for node in module.entry.body.nodes]
    print(f"{name}: {ops.count('contract')} products")
