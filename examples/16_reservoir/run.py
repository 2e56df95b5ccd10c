"""Reservoirs whose readout alone is trained: an echo state network, one made of conductances, a liquid of spikes."""

import json
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import circuitc
from circuitc.ir import decode, encode
from circuitc.models.reservoir import ridge

HEAD = {"schema": "circuitc.model/1", "kind": "reservoir"}
FOLDER = tempfile.TemporaryDirectory()
HERE = Path(FOLDER.name)


def load(model: dict, **readout: np.ndarray) -> circuitc.Module:
    """Write a model and its readout to files, and read them."""
    if readout:
        np.savez(HERE / "readout.npz", **readout)
        model = {**model, **{name: {"file": "readout.npz", "array": name} for name in readout}}
    (HERE / "reservoir.json").write_text(json.dumps({**HEAD, **model}))
    return circuitc.load(HERE / "reservoir.json")


# NARMA-10: the answer depends on the inputs and answers of the last ten steps.
rng = np.random.default_rng(0)
u = rng.uniform(0, 0.5, 3000)
y = np.zeros(3001)
for k in range(9, 3000):
    y[k + 1] = 0.3 * y[k] + 0.05 * y[k] * y[k - 9 : k + 1].sum() + 1.5 * u[k - 9] * u[k] + 0.1
items, wanted = u[None, :, None].astype(np.float32), y[1:]
TRAINED, UNSEEN = slice(200, 2200), slice(2400, 3000)


def fit(states: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Train a readout by ridge regression; give it with its error on unseen steps, as a share of the deviation."""
    weights, bias = ridge(states[TRAINED], wanted[TRAINED], 1e-6)
    missed = (states[UNSEEN] @ weights.T + bias)[:, 0] - wanted[UNSEEN]
    return weights, bias, float(np.sqrt(np.mean(missed**2)) / wanted[UNSEEN].std())


drawn = {"model": "echo-state", "weights": {"draw": "sparse", "rows": 200, "columns": 200, "density": 0.1,
                                            "radius": 0.9, "seed": 1},
         "weights_in": {"draw": "sparse", "rows": 200, "columns": 1, "scale": 0.3, "seed": 2}}
weights, bias, error = fit(circuitc.jit(load(drawn)).run({"u": items})["y"][0])
network = load(drawn, readout=weights, readout_bias=bias)
answers = circuitc.jit(network).run({"u": items})["y"][0, UNSEEN, 0]
print(f"NARMA-10, 200 units drawn from a seed: error {error:.2f} of the deviation; compiled with its readout:",
      f"{np.sqrt(np.mean((answers - wanted[UNSEEN]) ** 2)) / wanted[UNSEEN].std():.2f}")

# The same task on devices: pairs of conductances around 20 uS, sampled here where a lab would measure, in two tables.
for name in ("positive", "negative"):
    np.savetxt(HERE / f"{name}.csv", 20e-6 * rng.lognormal(0, 0.4, (40, 40)), delimiter=",", fmt="%.6e")
devices = {**drawn, "weights": {"positive": "positive.csv", "negative": "negative.csv", "unit": 1e-5, "radius": 0.9},
           "weights_in": {"draw": "sparse", "rows": 40, "columns": 1, "scale": 0.3, "seed": 2}}
reservoir = load(devices)
print(f"NARMA-10, 40 units of sampled pairs: error {fit(circuitc.jit(reservoir).run({'u': items})['y'][0])[2]:.2f}")

# For arrays the reservoir becomes whole numbers, and the readout is trained on the states that these have.
integers = circuitc.run_passes(reservoir, "quantize{weights=6,activations=10,sensitivity=false}",
                               calibration={"u": items[:, :500]})
port_in, port_out = integers.entry.inputs[0], integers.entry.outputs[0]
most = port_in.type.highest * 2.0**-port_in.type.fraction  # the largest input that its 10 bits hold
raw = circuitc.jit(integers).run({"u": encode(port_in, np.minimum(items, most), 2)})["y"]
print(f"  as integers, 6-bit weights and 10-bit states: error {fit(decode(port_out, raw)[0])[2]:.2f}")
bundle = circuitc.compile(integers, "crossbar", out=HERE / "bundle",
                          options={"array": "rram-128", "periphery": "false"})
print("\n".join(bundle.summary))

# Digits as spikes: a pixel of p/16 spikes in p of 16 steps; a liquid of 216 neurons on a 6 x 6 x 6 grid.
digits = load_digits()
level, step = digits.data.astype(int)[:, None], np.arange(20)[:, None]
spikes = (step + 1) * level // 16 > step * level // 16
train, test = train_test_split(np.arange(len(spikes)), test_size=540, random_state=0)
liquid = {"model": "liquid", "liquid": {"grid": [6, 6, 6], "inputs": 64, "seed": 0, "weight": 8}}
counts = circuitc.jit(load(liquid)).run({"spikes_in": spikes})["counts"]
shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
weights, bias = ridge(shares[train], np.eye(10)[digits.target[train]], 1e-4)
network = load(liquid, readout=weights, readout_bias=bias)
native = circuitc.jit(network).run({"spikes_in": spikes[test]})
classes = native["class"]
print(f"digits: {(classes == digits.target[test]).mean():.1%} of 540 unseen right, {counts.mean():.1f} spikes a neuron")
few = circuitc.run(network, {"spikes_in": spikes[test[:4]]})
print("interpreter and native code, every spike:", all(np.array_equal(native[name][:4], few[name]) for name in few))
