"""A core of spiking neurons in fixed point: run, as native code, as Verilog; and a small one proved."""

from pathlib import Path

import numpy as np

import circuitc

HERE = Path(__file__).resolve().parent
TICKS, NEURONS, INPUTS = 24, 16, 8

module = circuitc.load(HERE / "core.json")
spikes_in = (np.random.default_rng(0).random((1, TICKS, INPUTS)) < 0.35).astype(np.uint8)
held = {"x": np.repeat(spikes_in, NEURONS, axis=1)}     # one neuron a clock: inputs are held for the clocks of a tick

answer = circuitc.run(module, held)
raster = answer["spike"].reshape(TICKS, NEURONS)
print("spikes, a row for each of the first 6 neurons, a column for each tick:")
for neuron in range(6):
    print(f"  {neuron}  " + "".join(".|"[s] for s in raster[:, neuron]))
print(f"{int(raster.sum())} spikes of {NEURONS} neurons in {TICKS} ticks")

native = circuitc.jit(module).run(held)
print("native code:", "the same" if all(np.array_equal(native[k], answer[k]) for k in answer) else "different")
verilog = circuitc.simulate(module, {"x": held["x"][:, :8 * NEURONS]})
print("verilog, 8 ticks:", "the same" if all(
    np.array_equal(verilog[k], answer[k][:, :8 * NEURONS]) for k in answer) else "different")

build = circuitc.compile(HERE / "pair.json", "verilog", prove=True, vectors=100, seconds=300)
print("\n".join(build.summary))
