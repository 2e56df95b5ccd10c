"""Write core.json: 16 neurons that hear 8 inputs and each other; and pair.json: two, small enough to be proved fast."""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def core(neurons: int, inputs: int, seed: int) -> dict:
    """Draw weights: inputs excite, each neuron holds its neighbours down."""
    rng = np.random.default_rng(seed)
    forward = rng.integers(0, 64, (neurons, inputs)) * (rng.random((neurons, inputs)) < 0.6)
    lateral = -rng.integers(0, 40, (neurons, neurons)) * (1 - np.eye(neurons, dtype=int))
    return {"lateral": (lateral / 128).tolist(), "forward": (forward / 128).tolist(),
            "threshold": (rng.integers(700, 1024, neurons) / 1024).tolist(),
            "tau": (2 ** rng.integers(2, 6, neurons)).tolist(), "refractory": rng.integers(0, 4, neurons).tolist()}


if __name__ == "__main__":
    for name, sizes in (("core", (16, 8, 1)), ("pair", (2, 1, 2))):
        text = json.dumps({"schema": "circuitc.model/1", "kind": "spiking", "core": core(*sizes)}, indent=1)
        (HERE / f"{name}.json").write_text(text + "\n")
