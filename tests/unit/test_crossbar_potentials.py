"""Voltages across devices: Kirchhoff's equations of all nodes, and the currents of the transfer matrix."""

import numpy as np
import pytest

from circuitc.backends.crossbar.potentials import device_voltages
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import IDEAL, Wires

WIRES = [Wires(1.5, 4.7), Wires(1, 2, 0.5, 3), Wires(0, 3), Wires(2, 0, 1, 5), Wires(2, 0), Wires(0, 0, 0, 9), IDEAL]
SHAPES = [(5, 7), (1, 4), (6, 1), (1, 1)]


def nodal(g: np.ndarray, volts: np.ndarray, wires: Wires) -> np.ndarray:
    """Solve all nodes at once, a dense system; wires without resistance are 1e-9 ohm here."""
    m, n = g.shape
    ohm = {k: max(getattr(wires, k), 1e-9) for k in ("wordline", "bitline")}
    a, b = np.zeros((2 * m * n, 2 * m * n)), np.zeros(2 * m * n)

    def joined(p: int, q: int, siemens: float) -> None:
        a[p, p] += siemens
        a[q, q] += siemens
        a[p, q] -= siemens
        a[q, p] -= siemens

    for i in range(m):
        for j in range(n):
            w, bit = i * n + j, m * n + i * n + j
            joined(w, bit, g[i, j])
            if j:
                joined(w, w - 1, 1 / ohm["wordline"])
            else:
                first = 1 / (ohm["wordline"] + wires.wordline_end)
                a[w, w] += first
                b[w] += first * volts[i]
            if i + 1 < m:
                joined(bit, bit + n, 1 / ohm["bitline"])
            else:
                a[bit, bit] += 1 / (ohm["bitline"] + wires.bitline_end)
    potentials = np.linalg.solve(a, b).reshape(2, m, n)
    return potentials[0] - potentials[1]


@pytest.mark.parametrize("wires", WIRES)
@pytest.mark.parametrize("shape", SHAPES)
def test_device_voltages_obey_kirchhoff(shape: tuple[int, int], wires: Wires) -> None:
    rng = np.random.default_rng(3)
    g = rng.uniform(1e-5, 1e-2, shape)
    volts = rng.integers(0, 2, shape[0]) * 0.2
    volts[0] = 0.2
    found = device_voltages(g, volts, wires)
    np.testing.assert_allclose(found, nodal(g, volts, wires), atol=2e-7)
    np.testing.assert_allclose((g * found).sum(0), volts @ transfer_matrix(g, wires), rtol=1e-11)
