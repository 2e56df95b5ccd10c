"""Train a network of small truth tables on scikit-learn's digits, and write model.json with the arrays beside it.

After LogicNets (Umuroglu et al., FPL 2020) and PolyLUT (Andronic and Constantinides, FPT 2023), in numpy: each neuron
reads four activations of two bits and computes a trained polynomial of degree two, rounded to two bits again. So it is
a table of 256 entries, and the table is all that the model file holds. `python train.py` takes about a minute.
"""

import json
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

WIDTHS, FAN_IN, BITS, CLASSES = (320, 200), 4, 2, 10
TAU, STEPS, BATCH, RATE, SEED = 6.0, 6000, 128, 0.01, 0
TOP = (1 << BITS) - 1
STEP = 5.0  # a pixel of 0 to 16 becomes the nearest of 0, 5, 10, 15

PAIRS = [(i, j) for i in range(FAN_IN) for j in range(i, FAN_IN)]


def features(x: np.ndarray) -> np.ndarray:
    """Give 1, the inputs and their products: [..., inputs] -> [..., terms], inputs scaled to -1..1."""
    z = x * (2 / TOP) - 1
    return np.stack([np.ones_like(z[..., 0]), *(z[..., i] for i in range(FAN_IN)),
                     *(z[..., i] * z[..., j] for i, j in PAIRS)], axis=-1)


class Layer:
    """Neurons with fixed random connections and trained polynomials."""

    def __init__(self, inputs: int, neurons: int, rng: np.random.Generator) -> None:
        self.connections = np.stack([rng.choice(inputs, FAN_IN, replace=False) for _ in range(neurons)])
        spread = (self.connections.ravel(), np.arange(neurons * FAN_IN))
        self.spread = csr_array((np.ones(neurons * FAN_IN), spread), (inputs, neurons * FAN_IN))
        self.weights = rng.normal(size=(neurons, 1 + FAN_IN + len(PAIRS))) * 0.6
        self.weights[:, 0] = TOP / 2
        self.mean, self.square = np.zeros_like(self.weights), np.zeros_like(self.weights)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x[:, self.connections]
        self.terms = features(self.x)
        self.sum = np.einsum("bnt,nt->bn", self.terms, self.weights)
        return np.clip(np.round(self.sum), 0, TOP)

    def backward(self, g: np.ndarray) -> np.ndarray:
        g = g * ((self.sum > -0.5) & (self.sum < TOP + 0.5))  # straight through the rounding
        self.slope = np.einsum("bn,bnt->nt", g, self.terms)
        z = self.x * (2 / TOP) - 1
        back = np.broadcast_to(self.weights[:, 1:1 + FAN_IN], z.shape).copy()
        for k, (i, j) in enumerate(PAIRS):
            w = self.weights[:, 1 + FAN_IN + k]
            back[:, :, i] += w * z[:, :, j]
            back[:, :, j] += w * z[:, :, i]
        return (self.spread @ (g[:, :, None] * back * (2 / TOP)).reshape(len(g), -1).T).T

    def update(self, step: int, rate: float) -> None:
        """Take one step of Adam."""
        self.mean = 0.9 * self.mean + 0.1 * self.slope
        self.square = 0.999 * self.square + 0.001 * self.slope**2
        self.weights -= rate * (self.mean / (1 - 0.9**step)) / (np.sqrt(self.square / (1 - 0.999**step)) + 1e-8)

    def tables(self) -> np.ndarray:
        """Give each neuron's answer at each address, the first connection lowest: [neurons, 256]."""
        inputs = np.arange(1 << FAN_IN * BITS)[:, None] >> BITS * np.arange(FAN_IN) & TOP
        return np.clip(np.round(features(inputs) @ self.weights.T), 0, TOP).astype(np.uint8).T


def digits() -> list[np.ndarray]:
    """Give training pixels, test pixels, training classes, test classes."""
    data = load_digits()
    return train_test_split(data.data, data.target, test_size=0.2, random_state=0, stratify=data.target)


def encode(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.round(pixels / STEP), 0, TOP)


def predict(layers: list[Layer], x: np.ndarray) -> np.ndarray:
    """Classify by the tables alone."""
    for layer in layers:
        address = x[:, layer.connections].astype(int) @ (1 << BITS * np.arange(FAN_IN))
        x = layer.tables()[np.arange(len(layer.connections)), address]
    return x.reshape(len(x), CLASSES, -1).sum(axis=2, dtype=int).argmax(axis=1)


def train() -> list[Layer]:
    rng = np.random.default_rng(SEED)
    x_train, _, y_train, _ = digits()
    inputs = encode(x_train)
    layers = [Layer(n, m, rng) for n, m in zip((inputs.shape[1], *WIDTHS), WIDTHS, strict=False)]
    for step in range(1, STEPS + 1):
        rows = rng.integers(0, len(inputs), BATCH)
        x = inputs[rows]
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
            print(step, (predict(layers, inputs) == y_train).mean())
    return layers


def main() -> None:
    layers = train()
    _, x_test, _, y_test = digits()
    print("test", (predict(layers, encode(x_test)) == y_test).mean())
    folder = Path(__file__).parent
    arrays = {}
    for k, layer in enumerate(layers):
        arrays[f"connections{k}"] = layer.connections.astype(np.uint16)
        arrays[f"tables{k}"] = layer.tables()
    np.savez_compressed(folder / "model.npz", **arrays)
    model = {
        "schema": "circuitc.model/1", "kind": "lut-network", "name": "digits",
        "description": "handwritten digits of 8x8 pixels by neurons that are truth tables; made by train.py",
        "input": {"name": "pixels", "type": f"u{BITS}[64]", "scale": STEP},
        "layers": [{"connections": {"file": "model.npz", "array": f"connections{k}"},
                    "tables": {"file": "model.npz", "array": f"tables{k}"}, "type": f"u{BITS}"}
                   for k in range(len(layers))],
        "groups": CLASSES}
    (folder / "model.json").write_text(json.dumps(model, indent=2) + "\n")


if __name__ == "__main__":
    main()
