"""The window's bound holds for every array inside the window, and the adjoint is the network's derivative."""

import numpy as np
import pytest

from circuitc.backends.crossbar.sensitivity import adjoint_voltages, sensed_currents, window_bounds
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import IDEAL, Wires

WIRES = [Wires(3.0, 5.0, 2.0, 7.0), Wires(0.0, 50.0), Wires(50.0, 0.0), Wires(20.0, 0.0, 0.0, 30.0),
         Wires(0.0, 0.0, 90.0, 40.0), IDEAL]


@pytest.mark.parametrize("wires", WIRES, ids=str)
@pytest.mark.parametrize("shape", [(6, 5), (1, 4), (5, 1)], ids=str)
def test_moved_conductances_stay_within_the_bound(wires: Wires, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    g = rng.choice([0.0, 1e-5, 1e-3], size=shape)
    window = 0.2 * g
    sense = rng.choice([-1.0, 0.0, 1.0], size=(shape[1], 4))
    driven, idle = window_bounds(g, window, sense, wires)
    reached = 0.0
    for trial in range(300):
        moved = g + window * (rng.uniform(-1, 1, shape) if trial % 2 else rng.choice([-1, 1], shape))
        bits = rng.integers(0, 2, shape[0]) if trial else np.ones(shape[0])
        change = np.abs(bits @ (transfer_matrix(moved, wires) - transfer_matrix(g, wires)) @ sense)
        bound = bits @ driven + (1 - bits) @ idle
        assert np.all(change <= bound * (1 + 1e-9) + 1e-18)
        reached = max(reached, float((change / np.maximum(bound, 1e-30)).max()))
    assert reached > 0.3   # and it is no empty promise


@pytest.mark.parametrize("wires", WIRES, ids=str)
@pytest.mark.parametrize("shape", [(6, 5), (1, 4), (5, 1)], ids=str)
def test_the_adjoint_tells_the_currents_too(wires: Wires, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    g = rng.choice([0.0, 1e-5, 1e-3], size=shape)
    sense = rng.choice([-1.0, 0.0, 1.0], size=(shape[1], 4))
    currents = sensed_currents(g, 0.1 * g, sense, wires)[0]
    assert np.allclose(currents, transfer_matrix(g, wires) @ sense, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("wires", WIRES[:5], ids=str)
def test_the_adjoint_is_the_derivative(wires: Wires) -> None:
    rng = np.random.default_rng(6)
    g = rng.choice([1e-5, 1e-4, 1e-3], size=(4, 3))
    adjoint = np.zeros((4, 3, 3))
    for row, voltages in adjoint_voltages(g, np.eye(3), wires):
        adjoint[row] = voltages
    step = 1e-9
    base = transfer_matrix(g, wires)
    for row, column in np.ndindex(4, 3):
        moved = g.copy()
        moved[row, column] += step
        change = (np.ones(4) @ (transfer_matrix(moved, wires) - base)) / step
        # dI_j/dg_k = v_k a_k: the device's own voltage is the same for all j, so ratios tell.
        expected = adjoint[row, column]
        assert np.allclose(change / change[column], expected / expected[column], atol=1e-3)
