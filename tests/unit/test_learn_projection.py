"""The projections of training against their definitions: nearest points, found by a general optimiser."""

import numpy as np
import pytest
from scipy.optimize import minimize

from circuitc.learn.network import Network, layered
from circuitc.learn.reference import agreed_nodes, agreed_weights, margin_projection, neuron_projection


@pytest.mark.parametrize("seed", range(12))
def test_the_margin_projection_is_the_nearest_point(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = int(rng.integers(2, 7))
    w, x = rng.uniform(-1.5, 1.5, (2, m))
    c = float(rng.uniform(-2, 2))
    near = np.concatenate(margin_projection(w, x, c))
    assert near[:m] @ near[m:] == pytest.approx(c, abs=1e-9)
    z = np.concatenate([w, x])
    best = min((minimize(lambda p: ((p - z)**2).sum(), z + rng.normal(0, 0.3, 2 * m), jac=lambda p: 2 * (p - z),
                         constraints={"type": "eq", "fun": lambda p: p[:m] @ p[m:] - c}, method="SLSQP",
                         options={"ftol": 1e-14, "maxiter": 400}) for _ in range(3)),
               key=lambda found: found.fun if abs(found.x[:m] @ found.x[m:] - c) < 1e-7 else np.inf)
    assert ((near - z)**2).sum() <= best.fun + 1e-7


@pytest.mark.parametrize(("y", "dot_sign", "sign"), [(0.4, 1, 1), (-0.4, -1, -1)])
def test_a_sign_that_agrees_stays(y: float, dot_sign: int, sign: int) -> None:
    w, x = np.array([1.0, 0.2]), np.array([0.5 * dot_sign, 0.1])
    near_w, near_x, value = neuron_projection(w, x, y, 0.9)
    assert value == sign
    assert sign * float(near_w @ near_x) == pytest.approx(0.9)


def test_a_neuron_that_is_right_by_its_margin_moves_only_its_value() -> None:
    w, x = np.array([1.0, 1.0]), np.array([1.0, 1.0])
    near_w, near_x, value = neuron_projection(w, x, 0.3, 1.5)
    assert (near_w is w, near_x is x, value) == (True, True, 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_where_signs_disagree_the_nearer_one_is_taken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, x = rng.uniform(-1, 1, (2, 4))
    y = -float(np.sign(w @ x)) * float(rng.uniform(0, 3))
    near_w, near_x, value = neuron_projection(w, x, y, 1.1)

    def cost(sign: float) -> float:
        a, b = (w, x) if sign * (w @ x) >= 1.1 else margin_projection(w, x, sign * 1.1)
        return float((y - sign)**2 + ((a - w)**2).sum() + ((b - x)**2).sum())

    assert cost(value) == min(cost(1.0), cost(-1.0))
    assert value * float(near_w @ near_x) >= 1.1 - 1e-9


def test_agreed_weights_are_the_nearest_of_their_length() -> None:
    rng = np.random.default_rng(3)
    network = layered([3, 2])
    w, g = rng.normal(size=(5, network.edges)), rng.uniform(0.5, 2, (5, network.nodes))
    agreed = agreed_weights(network, w, g)
    for k in range(network.neurons):
        part, items, weight = network.weights_of(agreed, k), w[:, 4 * k:4 * k + 4], g[:, network.innodes + k]
        assert part @ part == pytest.approx(4)
        found = minimize(lambda p: (weight[:, None] * (items - p)**2).sum(), part + 0.1,  # noqa: B023
                         constraints={"type": "eq", "fun": lambda p: p @ p - 4}, method="SLSQP",
                         options={"ftol": 1e-13})
        assert np.allclose(found.x, part, atol=1e-4)


def test_shared_weights_agree_over_neurons_too() -> None:
    network = Network(3, 2, ((0, 1), (0, 2)), (7, 7))
    w = np.array([[1.0, 0.0, 0.0, 1.0]])
    agreed = agreed_weights(network, w, np.ones((1, 5)))
    assert agreed.tolist() == pytest.approx([1.0, 1.0])


def test_agreed_nodes_are_weighted_means_of_a_node_and_its_copies() -> None:
    network = Network(2, 1, ((0, 1), (1, 2)))
    x, y = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[5.0, 6.0, 7.0, 8.0]])
    g = np.array([[1.0, 2.0, 3.0, 4.0]])
    found = agreed_nodes(network, x, y, g)[0]
    assert found[0] == (1 * 5 + 3 * 1) / (1 + 3)
    assert found[1] == (2 * 6 + 3 * 2 + 4 * 3) / (2 + 3 + 4)
    assert found[2] == (3 * 7 + 4 * 4) / (3 + 4)
    assert found[3] == 8
