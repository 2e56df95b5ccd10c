"""The physics of arrays against simulators that other people wrote."""

import numpy as np
import pytest

from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import IDEAL, Wires
from circuitc.simulation.ngspice import spice_currents
from circuitc.tools import find_tool

CASES = [
    ((8, 8), Wires(1.0, 1.0)), ((16, 5), Wires(1.56, 4.69)), ((5, 16), Wires(2.82, 2.82, 10.0, 25.0)),
    ((1, 9), Wires(3.0, 1.0)), ((9, 1), Wires(3.0, 1.0, 0.0, 1e3)), ((12, 12), Wires(0.0, 4.0)), ((6, 6), IDEAL)]


@pytest.mark.parametrize(("shape", "wires"), CASES, ids=str)
def test_ngspice_finds_the_same_currents(shape: tuple[int, int], wires: Wires) -> None:
    if find_tool("ngspice") is None:
        pytest.skip("ngspice is not installed")
    rng = np.random.default_rng(shape[0])
    g = rng.choice([0.0, 1e-6, 1e-4, 1e-3], size=shape)   # 0 is an open device
    volts = rng.uniform(0, 0.2, shape[0])
    currents = volts @ transfer_matrix(g, wires)
    assert np.abs(spice_currents(g, volts, wires) - currents).max() <= 1e-9 * np.abs(currents).max()
