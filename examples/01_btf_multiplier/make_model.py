"""Make model.json: a 2-bit multiplier of Boolean threshold neurons, with the noisy real weights of a trained network.

Each neuron is a gate in the normalisation that training uses (a weight vector of squared length m, m counting the
constant), plus noise from a fixed seed. `python make_model.py` writes the same file every time.
"""

import json
import random
from math import sqrt
from pathlib import Path

NOISE = 0.12
SEED = 2

# A gate is {input: weight}; "1" is the constant -1, which makes a majority of three an AND (weight +1) or an OR (-1).
# `both` is an AND of three, which needs the weights (2, 1, 1, 1): no majority of equal weights, so no certificate.
LAYERS = [
    (("a0", "a1", "b0", "b1"), {
        "m00": {"1": 1, "a0": 1, "b0": 1}, "m10": {"1": 1, "a1": 1, "b0": 1},
        "m01": {"1": 1, "a0": 1, "b1": 1}, "m11": {"1": 1, "a1": 1, "b1": 1}}),
    (("m00", "m10", "m01", "m11"), {
        "low": {"m00": 1}, "either": {"1": -1, "m10": 1, "m01": 1},
        "both": {"1": 2, "m10": 1, "m01": 1, "m11": 1}, "high": {"1": 1, "m11": 1, "m00": -1}}),
    (("low", "either", "both", "high"), {
        "p0": {"low": 1}, "p1": {"1": 1, "either": 1, "both": -1}, "p2": {"high": 1}, "p3": {"both": 1}}),
]


def noisy_row(gate: dict[str, int], sources: tuple[str, ...], rng: random.Random) -> list[float]:
    """Give a neuron's weights, the constant's first: the gate, noise, and the length that training keeps."""
    places = ("1", *sources)
    scale = sqrt(len(places) / sum(w * w for w in gate.values()))
    row = [gate.get(place, 0) * scale + rng.uniform(-NOISE, NOISE) for place in places]
    length = sqrt(sum(w * w for w in row) / len(places))
    return [round(w / length, 8) for w in row]


def model_text() -> str:
    """Give the text of model.json."""
    rng = random.Random(SEED)
    layers = []
    for sources, gates in LAYERS:
        rows = ",\n      ".join(json.dumps(noisy_row(gate, sources, rng)) for gate in gates.values())
        layers.append(f'    {{"weights": [\n      {rows}]}}')
    joined = ",\n".join(layers)
    return f"""{{
  "schema": "circuitc.model/1",
  "kind": "btf",
  "name": "multiply",
  "description": "p = a * b for numbers of 2 bits, as a Boolean threshold network",
  "inputs": [{{"name": "a", "type": "bit[2]"}}, {{"name": "b", "type": "bit[2]"}}],
  "outputs": [{{"name": "p", "type": "bit[4]"}}],
  "layers": [
{joined}
  ]
}}
"""


if __name__ == "__main__":
    Path(__file__).with_name("model.json").write_text(model_text())
