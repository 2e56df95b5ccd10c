"""The tasks of these examples: data made from a seed, and how a training is told in a line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from circuitc.learn import Circuit, Dataset, Training


def multiplier(bits: int) -> Dataset:
    """Give the truth table of a multiplier, most significant bits first."""
    numbers = np.arange(1 << 2 * bits)
    products = (numbers >> bits) * (numbers & ((1 << bits) - 1))
    places = np.arange(2 * bits)[::-1]
    return dataset(numbers[:, None] >> places & 1, products[:, None] >> places & 1)


def dataset(inputs: Any, outputs: Any) -> Dataset:
    """Make a dataset of bits."""
    return Dataset(2.0 * inputs - 1, (2 * np.asarray(outputs, np.int8) - 1).astype(np.int8))


def autoencoder(bits: int, seed: int) -> Dataset:
    """Give 2^bits random words of 2^bits bits, all different, to be put out as they come in."""
    rng = np.random.default_rng(seed)
    size = 1 << bits
    while True:
        words = rng.integers(0, 2, (size, size))
        if len(np.unique(words, axis=0)) == size:
            return dataset(words, words)


def logic_network(width: int, layers: int, items: int, seed: int) -> Dataset:
    """Give random inputs and what a random network makes of them: AND or OR of two nodes, or a copy, negated or not."""
    rng = np.random.default_rng(seed)
    bits = values = rng.integers(0, 2, (items, width))
    for _ in range(layers):
        a, b = (values[:, rng.integers(0, width, width)] ^ rng.integers(0, 2, width) for _ in range(2))
        kind = rng.choice(3, width, p=[0.25, 0.25, 0.5])
        values = np.where(kind == 0, a & b, np.where(kind == 1, a | b, a))
    return dataset(bits, values)


def rule_table(rule: int) -> Dataset:
    """Give the truth table of an elementary automaton's rule: left, own and right cell to the new one."""
    patterns = np.arange(8)
    return dataset(patterns[:, None] >> np.array([2, 1, 0]) & 1, (rule >> patterns & 1)[:, None])


def automaton(rule: int, cells: int, items: int, seed: int) -> Dataset:
    """Give random states of a ring of cells and the states one step later."""
    states = np.random.default_rng(seed).integers(0, 2, (items, cells))
    pattern = 4 * np.roll(states, 1, axis=1) + 2 * states + np.roll(states, -1, axis=1)
    return dataset(states, rule >> pattern & 1)


def live(cells: Any, neighbours: Any) -> Any:
    """Apply Conway's rule: born with three neighbours, alive with two or three."""
    return (neighbours == 3) | ((cells == 1) & (neighbours == 2))


def life(height: int, width: int, items: int, seed: int) -> Dataset:
    """Give random states of Life on a torus and the states one step later."""
    states = np.random.default_rng(seed).integers(0, 2, (items, height, width))
    around = sum(np.roll(states, (i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)) - states
    return dataset(states.reshape(items, -1), live(states, around).reshape(items, -1))


def life_table() -> Dataset:
    """Give the truth table of Life's rule: nine cells, row by row, to the new one in the middle."""
    bits = np.arange(512)[:, None] >> np.arange(9)[::-1] & 1
    return dataset(bits, live(bits[:, 4], bits.sum(axis=1) - bits[:, 4])[:, None])


def arguments(**defaults: Any) -> argparse.Namespace:
    """Read the command line: an option for each default, and the common ones."""
    parser = argparse.ArgumentParser()
    for name, value in {"seed": 0, "restarts": 1, "threads": 1, **defaults}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    return parser.parse_args()


def tell(title: str, training: Training, test: Dataset | None = None) -> None:
    """Print how each start came out, then the counts over all."""
    for t in training.trials:
        tested = f", test bits {t.rows[-1][7]:.2f} %" if test and len(t.rows[-1]) > 7 else ""
        print(f"{title}: start {t.number}: {t.iteration} iterations, gap {t.gap:.4f}, "
              f"{100 * t.best.bits:.2f} % of bits, {100 * t.best.items:.2f} % of items{tested}", flush=True)
    solved = [t.iteration for t in training.trials if t.is_right]
    mean = f", {np.mean(solved):.0f} iterations on average" if solved else ""
    print(f"{title}: {len(solved)} of {len(training.trials)} starts right on every item{mean}, "
          f"{training.seconds:.0f} s", flush=True)


def tell_circuit(circuit: Circuit) -> None:
    """Print what a circuit is made of and what is known about it."""
    print(f"{circuit.summary}; {100 * circuit.items:.2f} % of items right; {circuit.evidence}", flush=True)


def ints(text: str) -> Sequence[int]:
    """Read numbers with commas between."""
    return [int(word) for word in text.split(",")]
