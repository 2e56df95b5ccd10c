"""Train a differentiable weightless network on scikit-learn's digits, and write model.json with the arrays beside it.

After Bacellar et al., "Differentiable Weightless Neural Networks" (ICML 2024), in numpy: one layer of 6-input look-up
tables whose entries are trained numbers (above 0 means 1), with learnable connections; a distributive thermometer in
front, popcounts of ten groups behind. `python train.py` takes about a minute.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

LEVELS, TABLES, INPUTS, CLASSES = 4, 300, 6, 10
TAU, STEPS, BATCH, RATE, SEED = 3.0, 4000, 128, 0.02, 1


class Adam:
    """One array and its moments."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = value
        self.mean, self.square, self.step = np.zeros_like(value), np.zeros_like(value), 0

    def update(self, slope: np.ndarray, rate: float) -> None:
        self.step += 1
        self.mean += 0.1 * (slope - self.mean)
        self.square += 0.001 * (slope**2 - self.square)
        self.value -= rate * (self.mean / (1 - 0.9**self.step)) / (
            np.sqrt(self.square / (1 - 0.999**self.step)) + 1e-8)


def digits() -> list[np.ndarray]:
    """Give training pixels, test pixels, training classes, test classes."""
    data = load_digits()
    return train_test_split(data.data, data.target, test_size=0.2, random_state=0, stratify=data.target)


def distributive_thresholds(pixels: np.ndarray) -> np.ndarray:
    """Give for each pixel the values that split the training data into equal parts: [pixels, levels]."""
    ordered = np.sort(pixels, axis=0)
    return ordered[[len(pixels) * k // (LEVELS + 1) for k in range(1, LEVELS + 1)]].T


def encode(pixels: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return (pixels[:, :, None] > thresholds).reshape(len(pixels), -1)


def look_up(bits: np.ndarray, mapping: np.ndarray, luts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give addresses [samples, tables] and the numbers that stand there."""
    address = bits[:, mapping] @ (1 << np.arange(INPUTS))
    return address, luts[np.arange(len(luts)), address]


def predict(bits: np.ndarray, mapping: np.ndarray, luts: np.ndarray) -> np.ndarray:
    fired = look_up(bits, mapping, luts)[1] > 0
    return fired.reshape(len(bits), CLASSES, -1).sum(axis=2).argmax(axis=1)


def train(bits: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the mapping [tables, inputs] and the tables' numbers [tables, 64]."""
    rng = np.random.default_rng(SEED)
    luts = Adam(rng.uniform(-1, 1, (TABLES, 1 << INPUTS)))
    wires = Adam(rng.random((bits.shape[1], TABLES * INPUTS)))
    signs = 2.0 * bits - 1
    rows = np.arange(TABLES)
    for step in range(STEPS):
        mapping = wires.value.argmax(axis=0).reshape(TABLES, INPUTS)
        chosen = rng.integers(0, len(bits), BATCH)
        address, value = look_up(bits[chosen], mapping, luts.value)
        scores = (value > 0).reshape(BATCH, CLASSES, -1).sum(axis=2) / TAU
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(BATCH), classes[chosen]] -= 1
        g = np.repeat(p / (BATCH * TAU), TABLES // CLASSES, axis=1)  # straight through the step at 0
        place = (rows * (1 << INPUTS) + address).ravel()
        slope = np.bincount(place, g.ravel(), luts.value.size).reshape(luts.value.shape)
        # An input's derivative is the difference between the entries where it is 1 and 0 (a finite difference).
        change = np.stack([luts.value[rows, address | 1 << j] - luts.value[rows, address & ~(1 << j)]
                           for j in range(INPUTS)], axis=2)
        rate = RATE * (1 - step / STEPS) + 1e-4
        wires.update(signs[chosen].T @ (g[:, :, None] * change).reshape(BATCH, -1), rate)
        luts.update(slope, rate)
        np.clip(luts.value, -1, 1, out=luts.value)
        if step % 500 == 0:
            print(step, (predict(bits, mapping, luts.value) == classes).mean())
    return wires.value.argmax(axis=0).reshape(TABLES, INPUTS), luts.value


def main() -> None:
    x_train, x_test, y_train, y_test = digits()
    thresholds = distributive_thresholds(x_train)
    mapping, luts = train(encode(x_train, thresholds), y_train)
    print("test", (predict(encode(x_test, thresholds), mapping, luts) == y_test).mean())
    folder = Path(__file__).parent
    np.savez_compressed(folder / "model.npz", thresholds=thresholds.astype(np.uint8),
                        mapping=mapping.astype(np.uint16), luts=(luts > 0).astype(np.uint8))
    model = {
        "schema": "circuitc.model/1", "kind": "dwn", "name": "digits",
        "description": "handwritten digits of 8x8 pixels by a differentiable weightless network; made by train.py",
        "input": {"name": "pixels", "type": "u5[64]", "thresholds": {"file": "model.npz", "array": "thresholds"}},
        "layers": [{"mapping": {"file": "model.npz", "array": "mapping"},
                    "luts": {"file": "model.npz", "array": "luts"}}],
        "groups": CLASSES}
    (folder / "model.json").write_text(json.dumps(model, indent=2) + "\n")


if __name__ == "__main__":
    main()
