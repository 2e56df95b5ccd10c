"""What is certified is true: every input of small gates, through the wires, with conductances in their windows."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.mapping import Mapped, map_region
from circuitc.backends.crossbar.readout import Output, read_outputs
from circuitc.backends.crossbar.regions import Layout, Region
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.simulation.ngspice import spice_currents
from circuitc.tools import find_tool

HARDWARE = """schema = "circuitc.array/1"
[array]
rows = 12
cols = 12
[device]
r_on_ohm = 1e4
r_off_ohm = {off}
window_rel = {window}
[wire]
r_wl_ohm = {wire}
r_bl_ohm = {wire}
"""


def region(rng: np.random.Generator, inputs: int, outputs: int) -> Region:
    w = rng.integers(-1, 2, (outputs, inputs))
    least = np.array([rng.integers(row[row < 0].sum() + 1, max(row[row > 0].sum(), row[row < 0].sum() + 1) + 1)
                      for row in w])
    return Region("f", w, (1,), False, least, 1, Layout((inputs,), (0,), (outputs,), (0,)))


def hardware(folder: Path, rng: np.random.Generator) -> Array:
    path = folder / "a.toml"
    path.write_text(HARDWARE.format(off=rng.choice([2e4, 1e6]), window=rng.choice([0.02, 0.1, 0.2]),
                                    wire=rng.choice([30.0, 300.0, 2000.0])))
    return Array.load(path)


def decisions(mapped: Mapped, out: Output, matrix: Any, x: Any, step: float) -> Any:
    """Decide one output for all inputs, from the currents of its bitlines alone."""
    column = out.columns[0]
    tile = mapped.tiles[column.tile]
    lines = np.zeros((len(x), len(matrix)))
    used = np.flatnonzero(tile.row_input >= 0)
    bits = x[:, tile.row_input[used]]
    lines[:, used] = np.where(tile.row_role[used] == 1, 1 - bits, bits)
    signal = sum(factor * (lines @ matrix[:, bitline]) for bitline, factor in column.bitlines) / step
    return signal > out.gate.reference + column.constant


@pytest.mark.parametrize("seed", range(25))
def test_certified_gates_are_never_wrong(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    made, inputs = hardware(tmp_path, rng), int(rng.integers(2, 7))
    mapped = map_region(region(rng, inputs, 4), made, wish=str(rng.choice(["diff_pair", "dual_rail"])), effort=20)
    outs = [o for o in read_outputs(mapped, made) if o.kind == "comparator"]
    x = np.array(list(product([0, 1], repeat=inputs)))
    step = float(made.levels[-1] - made.levels[0])
    targets = [made.levels[t.level] for t in mapped.tiles]
    window = made.device.window_rel
    shapes = [lambda g: np.ones_like(g), *[lambda g: rng.choice([-1, 1], g.shape) for _ in range(4)]]
    for k, shape in enumerate([lambda g: np.zeros_like(g), *shapes]):
        solved = [transfer_matrix(g * (1 + window * shape(g)), made.wires) for g in targets]
        for out in outs:
            right = x @ mapped.region.weights[out.index] >= mapped.region.thresholds[out.index]
            found = decisions(mapped, out, solved[out.columns[0].tile], x, step)
            if out.window or (k == 0 and out.nominal):
                assert np.array_equal(found, right)
            elif k == 0:
                assert not np.array_equal(found, right)   # and what is not certified does fail


def test_both_kinds_of_certificates_are_given_and_refused(tmp_path: Path) -> None:
    counts = np.zeros(3, dtype=int)
    for seed in range(25):
        rng = np.random.default_rng(seed)
        made, inputs = hardware(tmp_path, rng), int(rng.integers(2, 7))
        mapped = map_region(region(rng, inputs, 4), made, wish=str(rng.choice(["diff_pair", "dual_rail"])), effort=20)
        for out in read_outputs(mapped, made):
            counts += [not out.nominal, out.nominal and not out.window, out.window]
    assert np.all(counts >= 2), counts


def test_ngspice_finds_the_margins_at_the_witnesses(tmp_path: Path) -> None:
    if find_tool("ngspice") is None:
        pytest.skip("ngspice is not installed")
    rng = np.random.default_rng(1)
    made = hardware(tmp_path, rng)
    mapped = map_region(region(rng, 5, 4), made, effort=20)
    step, checked = float(made.levels[-1] - made.levels[0]), 0
    for out in read_outputs(mapped, made):
        if out.kind != "comparator":
            continue
        column = out.columns[0]
        tile = mapped.tiles[column.tile]
        sides = []
        for witness, side in ((out.gate.below, -1), (out.gate.above, 1)):
            volts = np.zeros(len(tile.row_input))
            for source, bit in zip(column.inputs, witness, strict=True):
                volts[tile.row_input == source] = bit
            currents = spice_currents(made.levels[tile.level], volts, made.wires)
            signal = sum(factor * currents[bitline] for bitline, factor in column.bitlines) / step
            sides.append(side * (signal - out.gate.reference))
            checked += 1
        assert np.isclose(min(sides), out.gate.margin, rtol=0, atol=1e-7)
    assert checked >= 4
