"""The same tasks by gradient descent (PyTorch): AdamW with row-norm and L1 penalties, then signs and snapped weights.

    python gradient.py --task multiplier | rule30 | logic

Networks have the same widths, the constant input and tanh neurons; penalties pull each row of weights to the length
sqrt(inputs) and to few inputs, as the projections ask for. Printed are the shares of bits right as trained (sign of the
outputs only), with sign activations everywhere, and with every neuron snapped to its nearest small integers.
"""

import time
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from tasks import arguments, automaton, logic_network, multiplier

from circuitc.learn import Dataset, Network, layered, score
from circuitc.learn.snapping import flat, snap_all


def task(name: str, items: int, seed: int) -> tuple[list[int], Dataset, Dataset]:
    """Give widths, training and test data of a task."""
    if name == "multiplier":
        return [4, 4, 4, 4], multiplier(2), multiplier(2)
    whole = automaton(30, 16, items + 4096, seed) if name == "rule30" else logic_network(32, 3, items + 4096, seed)
    widths = [16, 32, 32, 16] if name == "rule30" else [32, 32, 32, 32]
    return widths, whole.take(slice(items)), whole.take(slice(items, None))


def forward(layers: list[Any], x: Any, gain: float) -> Any:
    """Evaluate with tanh neurons; the outputs are sums."""
    sums = x
    for number, w in enumerate(layers):
        values = torch.tanh(gain * sums) if number else x
        sums = torch.cat([-torch.ones(len(x), 1), values], dim=1) @ w.T
    return sums


def fit(widths: list[int], data: Dataset, steps: int, seed: int, norm: float, lasso: float) -> list[Any]:
    """Train by AdamW on the logistic loss with penalties that set in over the first half."""
    torch.manual_seed(seed)
    layers = [torch.nn.Parameter(torch.randn(b, a + 1)) for a, b in pairwise(widths)]
    optimizer = torch.optim.AdamW(layers, lr=5e-3, weight_decay=0.0)
    x, y = (torch.tensor(np.asarray(part), dtype=torch.float32) for part in (data.spins, data.outputs))
    for step in range(steps):
        ramp = min(1.0, 2 * step / steps)
        loss = torch.nn.functional.softplus(-2 * y * forward(layers, x, 1.0)).mean()
        for w in layers:
            loss = loss + ramp * (norm * ((w**2).mean(dim=1) - 1).square().mean() + lasso * w.abs().mean())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [w.detach() for w in layers]


def main() -> None:
    a = arguments(task="multiplier", items=256, steps=20_000, norm=1e-2, lasso=1e-2)
    torch.set_num_threads(1)
    for start in range(a.restarts):
        widths, data, test = task(a.task, a.items, a.seed)
        begin = time.monotonic()
        layers = fit(widths, data, a.steps, a.seed + start, a.norm, a.lasso)
        network: Network = layered(widths)
        weights = np.concatenate([w.numpy().ravel() for w in layers]).astype(np.float64)
        snapped = flat(snap_all(network, weights))
        found: list[str] = []
        for name, part in (("training", data), ("test", test)):
            x = torch.tensor(np.asarray(part.spins), dtype=torch.float32)
            soft = float((np.sign(forward(layers, x, 1.0).numpy()) == part.outputs).mean())
            shares = (soft, score(network, weights, part).bits, score(network, snapped, part).bits)
            found.append(f"{name} " + " / ".join(f"{100 * s:.2f}" for s in shares) + " %")
        print(f"{a.task}, {data.items} items, start {start}: tanh / signs / snapped: {', '.join(found)}, "
              f"{time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
