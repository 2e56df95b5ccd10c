"""The mathematics of training in numpy, one iteration at a time: what the compiled kernel is tested against.

Divide and concur: each item has its own weights w, its own input values x at every edge, and its own node values y.
A asks that every neuron is right by its margin, item by item; B that all copies agree. Reflect-reflect-relax walks to
a point that is in both. Source: Elser, "Learning with Boolean threshold functions", and its code's documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network import Network

Reals = NDArray[np.float64]


def margin_projection(w: Reals, x: Reals, c: float) -> tuple[Reals, Reals]:
    """Give the nearest (w', x') with w'.x' = c: w' = (w + u x)/(1 - u^2), x' = (x + u w)/(1 - u^2), |u| < 1.

    The left side of the condition on u rises on (-1, 1), so its root is found by halving what Newton's method leaves.
    """
    p, q = float(w @ x), float(w @ w + x @ x)
    low, high, u = -1.0, 1.0, 0.0
    for _ in range(200):
        r = 1 - u * u
        a = p * (1 + u * u) + q * u
        value = a / r**2 - c
        low, high = (u, high) if value < 0 else (low, u)
        following = u - value / ((2 * p * u + q) / r**2 + 4 * u * a / r**3)
        following = following if low < following < high else (low + high) / 2
        if following == u:
            break
        u = following
    return (w + u * x) / (1 - u * u), (x + u * w) / (1 - u * u)


def neuron_projection(w: Reals, x: Reals, y: float, mu: float) -> tuple[Reals, Reals, float]:
    """Give the nearest (w', x', y') with y' = -1 or +1 and y' w'.x' >= mu.

    Where y and w.x have the same sign, that sign stays; the other one is tried only where they disagree.
    """
    dot = float(w @ x)
    signs = (float(np.sign(y)),) if y * dot > 0 else (1.0, -1.0)
    found: list[tuple[float, Reals, Reals, float]] = []
    for sign in signs:
        near = (w, x) if sign * dot >= mu else margin_projection(w, x, sign * mu)
        cost = (y - sign)**2 + ((near[0] - w)**2).sum() + ((near[1] - x)**2).sum()
        found.append((float(cost), *near, sign))
    return min(found, key=lambda f: f[0])[1:]


@dataclass
class Point:
    """Where training is: w, x [items, edges], y and metric weights g [items, nodes], the weights agreed on."""

    w: Reals
    x: Reals
    y: Reals
    g: Reals
    agreed: Reals


def iterate(network: Network, data: Reals, z: Point, sigma: float, beta: float, gamma: float) -> float:
    """Take one step in place and answer the gap; `data` [items, nodes] holds the values of inputs and outputs."""
    n, items = network, len(data)
    wa, xa, ya = z.w.copy(), z.x.copy(), z.y.copy()
    ya[:, :n.innodes] = data[:, :n.innodes]
    for i in range(items):
        for k, e in enumerate(_edges(n)):
            mu = float(np.sqrt(n.fan_in[k] / sigma))
            wa[i, e], xa[i, e], ya[i, n.innodes + k] = neuron_projection(z.w[i, e], z.x[i, e],
                                                                         float(z.y[i, n.innodes + k]), mu)
    z.agreed = agreed_weights(n, 2 * wa - z.w, z.g)
    yb = agreed_nodes(n, 2 * xa - z.x, 2 * ya - z.y, z.g)
    yb[:, n.nodes - n.outnodes:] = data[:, n.nodes - n.outnodes:]
    wb = np.concatenate([n.weights_of(z.agreed, k) for k in range(n.neurons)])
    xb = yb[:, n.tables()["SOURCE"]]
    gaps = (yb - ya)[:, n.innodes:]**2
    for k, e in enumerate(_edges(n)):
        gaps[:, k] += ((wb[e] - wa[:, e])**2 + (xb - xa)[:, e]**2).sum(axis=1)
    z.w, z.x, z.y = z.w + beta * (wb - wa), z.x + beta * (xb - xa), z.y + beta * (yb - ya)
    z.g[:, n.innodes:] += gamma * (gaps / gaps.mean() - z.g[:, n.innodes:])
    return float(np.sqrt(gaps.mean()))


def agreed_weights(network: Network, w: Reals, g: Reals) -> Reals:
    """Give the weights on which all items (and neurons that share them) agree, each neuron's of length sqrt(m)."""
    agreed = np.zeros(network.weights)
    for k, e in enumerate(_edges(network)):
        network.weights_of(agreed, k)[:] += g[:, network.innodes + k] @ w[:, e]
    for low, high in zip(network.class_start[:-1], network.class_start[1:], strict=True):
        agreed[low:high] *= np.sqrt(high - low) / np.linalg.norm(agreed[low:high])
    return agreed


def agreed_nodes(network: Network, x: Reals, y: Reals, g: Reals) -> Reals:
    """Give the value of each node on which it and its copies at the edges out of it agree, by their weights g."""
    weight, total = g.copy(), g * y
    for k, e in enumerate(_edges(network)):
        sources: Any = list(network.sources[k])
        own = g[:, [network.innodes + k]]
        weight[:, sources] += own
        total[:, sources] += own * x[:, e]
    return total / weight


def _edges(network: Network) -> list[slice]:
    return [slice(int(a), int(b)) for a, b in zip(network.start[:-1], network.start[1:], strict=True)]
