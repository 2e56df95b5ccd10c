"""Train a network of two-input gates on scikit-learn's digits, and write model.json with the arrays beside it.

Differentiable logic gates (Petersen et al., NeurIPS 2022) in numpy: while training, each gate is a mixture of the 16
functions of two bits, weighted by a softmax, and a bit is a number between 0 and 1; afterwards each gate is its
likeliest function. Every such mixture is `c0 + c1 a + c2 b + c3 ab`, which makes it cheap. `python train.py` takes
about a minute.
"""

import json
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

WIDTHS = (1200, 1200)
THRESHOLDS = (2.5, 6.5, 10.5, 13.5)  # pixels run from 0 to 16
CLASSES, TAU, STEPS, BATCH, RATE, SEED = 10, 8.0, 6000, 128, 0.02, 3

# Function k as a polynomial in 1, a, b, ab: from its values at (a, b) = 00, 01, 10, 11, the highest bit of k first.
VALUES = (np.arange(16)[:, None] >> np.array([3, 2, 1, 0])) & 1
POLYNOMIALS = VALUES @ np.array([[1, -1, -1, 1], [0, 0, 1, -1], [0, 1, 0, -1], [0, 0, 0, 1]])


class Layer:
    """Gates with fixed random connections and trained functions."""

    def __init__(self, inputs: int, gates: int, rng: np.random.Generator) -> None:
        wires = rng.permutation(inputs)[rng.permutation(2 * gates) % inputs].reshape(2, gates)
        self.connections = wires
        self.spread = [csr_array((np.ones(gates), (w, np.arange(gates))), (inputs, gates)) for w in wires]
        self.weights = rng.normal(size=(gates, 16))
        self.weights[:, 3] += 2.0  # most gates begin as a copy of their first input: gradients then get through
        self.mean, self.square = np.zeros_like(self.weights), np.zeros_like(self.weights)

    def forward(self, x: np.ndarray) -> np.ndarray:
        p = np.exp(self.weights - self.weights.max(axis=1, keepdims=True))
        self.p = p / p.sum(axis=1, keepdims=True)
        self.c = self.p @ POLYNOMIALS
        self.a, self.b = x[:, self.connections[0]], x[:, self.connections[1]]
        c = self.c.T
        return c[0] + c[1] * self.a + c[2] * self.b + c[3] * self.a * self.b

    def backward(self, g: np.ndarray) -> np.ndarray:
        c, a, b = self.c.T, self.a, self.b
        slope = np.stack([g.sum(0), (g * a).sum(0), (g * b).sum(0), (g * a * b).sum(0)], axis=1) @ POLYNOMIALS.T
        self.slope = self.p * (slope - (self.p * slope).sum(axis=1, keepdims=True))
        return (self.spread[0] @ (g * (c[1] + c[3] * b)).T + self.spread[1] @ (g * (c[2] + c[3] * a)).T).T

    def update(self, step: int, rate: float) -> None:
        """Take one step of Adam."""
        self.mean = 0.9 * self.mean + 0.1 * self.slope
        self.square = 0.999 * self.square + 0.001 * self.slope**2
        self.weights -= rate * (self.mean / (1 - 0.9**step)) / (np.sqrt(self.square / (1 - 0.999**step)) + 1e-8)


def digits() -> list[np.ndarray]:
    """Give training pixels, test pixels, training classes, test classes."""
    data = load_digits()
    return train_test_split(data.data, data.target, test_size=0.2, random_state=0, stratify=data.target)


def encode(pixels: np.ndarray) -> np.ndarray:
    return (pixels[:, :, None] > np.array(THRESHOLDS)).reshape(len(pixels), -1)


def predict(layers: list[Layer], bits: np.ndarray) -> np.ndarray:
    """Classify with each gate as its likeliest function."""
    for layer in layers:
        a, b = bits[:, layer.connections[0]], bits[:, layer.connections[1]]
        bits = VALUES[layer.weights.argmax(axis=1), 2 * a + b].astype(bool)
    return bits.reshape(len(bits), CLASSES, -1).sum(axis=2).argmax(axis=1)


def train() -> list[Layer]:
    rng = np.random.default_rng(SEED)
    x_train, _, y_train, _ = digits()
    bits = encode(x_train).astype(float)
    sizes = (bits.shape[1], *WIDTHS)
    layers = [Layer(n, m, rng) for n, m in zip(sizes, WIDTHS, strict=False)]
    for step in range(1, STEPS + 1):
        rows = rng.integers(0, len(bits), BATCH)
        x = bits[rows]
        for layer in layers:
            x = layer.forward(x)
        scores = x.reshape(BATCH, CLASSES, -1).sum(axis=2) / TAU
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(BATCH), y_train[rows]] -= 1
        g = np.repeat(p / (BATCH * TAU), WIDTHS[-1] // CLASSES, axis=1)
        for layer in reversed(layers):
            g = layer.backward(g)
            layer.update(step, RATE * (1 - step / STEPS) + 1e-4)
        if step % 500 == 0:
            print(step, (predict(layers, bits > 0.5) == y_train).mean())
    return layers


def main() -> None:
    layers = train()
    _, x_test, _, y_test = digits()
    print("test", (predict(layers, encode(x_test)) == y_test).mean())
    folder = Path(__file__).parent
    arrays = {}
    for k, layer in enumerate(layers):
        arrays[f"connections{k}"] = layer.connections.astype(np.uint16)
        arrays[f"gates{k}"] = layer.weights.argmax(axis=1).astype(np.uint8)
    np.savez_compressed(folder / "model.npz", **arrays)
    model = {
        "schema": "circuitc.model/1", "kind": "logic-gates", "name": "digits",
        "description": "handwritten digits of 8x8 pixels by differentiable logic gates; made by train.py",
        "input": {"name": "pixels", "type": "u5[64]", "thresholds": [list(THRESHOLDS)]},
        "layers": [{"connections": {"file": "model.npz", "array": f"connections{k}"},
                    "gates": {"file": "model.npz", "array": f"gates{k}"}} for k in range(len(layers))],
        "groups": CLASSES}
    (folder / "model.json").write_text(json.dumps(model, indent=2) + "\n")


if __name__ == "__main__":
    main()
