"""Placement by margin: nothing is lost, something is gained, and the tiles still hold the model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.crossbar.backend import CROSSBAR, figures
from circuitc.backends.crossbar.design import Design
from circuitc.backends.crossbar.margins import gate_margin, sum_error
from circuitc.backends.crossbar.placement import gaps, spare
from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_type, smallest
from circuitc.passes import run_passes
from circuitc.proof.crossbar import verify_bundle
from circuitc.simulation.crossbar.bundle import read_bundle
from circuitc.simulation.crossbar.certificates import findings

HARDWARE = """schema = "circuitc.array/1"
[array]
rows = {size}
cols = {size}
[device]
r_on_ohm = 1e4
r_off_ohm = 1e6
levels = {levels}
window_rel = {window}
[wire]
r_wl_ohm = {wire}
r_bl_ohm = {wire}
"""


def constant(values: Any) -> Constant:
    kind = smallest(min(0, int(values.min())), max(1, int(values.max())))
    return Constant(kind.with_shape(values.shape), values)


def net(rng: np.random.Generator, inputs: int, gates: int, sums: int) -> Module:
    b = Builder()
    x = v = b.input("x", parse_type(f"spin[{inputs}]"))
    w = rng.choice([-1, 0, 1], p=[0.2, 0.6, 0.2], size=(gates, inputs))
    v = b.apply("threshold", v, b.constant(constant(w)), b.constant(constant(np.zeros(gates, dtype=np.int64))))
    if sums:
        v = b.apply("contract", v, b.constant(constant(rng.integers(-3, 4, (sums, gates)))), spec="j,ij->i")
    func = Func("net", (Port("x", b.type(x)),), (Port("y", b.type(v)),), b.finish([v]))
    return run_passes(module_of(func), "partition", check=None)


def design(module: Module, folder: Path, *, size: int, wire: float, window: float = 0.0, levels: int = 2,
           **options: str) -> Design:
    (folder / "a.toml").write_text(HARDWARE.format(size=size, wire=wire, window=window, levels=levels))
    return CROSSBAR.build(module, {"array": str(folder / "a.toml"), "periphery": "false", **options})


def certified(made: Design) -> tuple[int, int]:
    return sum(o.nominal for o in made.outputs), sum(o.window for o in made.outputs)


@pytest.mark.parametrize("encoding", ["diff_pair", "dual_rail", "offset"])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_the_weights_stay(seed: int, encoding: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    module = net(rng, 14, 12, 5)
    more = {"size": 32, "wire": float(rng.choice([10.0, 30.0, 60.0])), "window": 0.02, "levels": 2 + seed}
    before = design(module, tmp_path, placement="load", encoding=encoding, **more)
    after = design(module, tmp_path, encoding=encoding, **more)
    assert np.all(np.array(certified(after)) >= certified(before))
    gain = figures(after)["nominal_by_placement"], figures(after)["window_by_placement"]
    assert gain == tuple(np.subtract(certified(after), certified(before)).tolist())
    files = CROSSBAR.emit(after).files
    assert CROSSBAR.emit(design(module, tmp_path, encoding=encoding, **more)).files == files
    assert verify_bundle(module, files).is_equal
    assert not [fault for found in findings(read_bundle(files)) for fault in found.faults]


def test_long_wires_leave_more_certain(tmp_path: Path) -> None:
    """48 inputs, 24 gates, wires of 8 ohm a segment: places make the difference."""
    gained = []
    for seed in range(2):
        module = net(np.random.default_rng(seed), 48, 24, 0)
        before = design(module, tmp_path, size=48, wire=8.0, placement="load", encoding="diff_pair")
        after = design(module, tmp_path, size=48, wire=8.0, encoding="diff_pair")
        gained.append(np.subtract(certified(after), certified(before)).tolist())
    assert sum(nominal for nominal, _ in gained) >= 4, gained


def test_tiles_with_bad_devices_stay(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("tile,row,col,kind\n0,47,0,stuck_lrs\n")
    module = net(np.random.default_rng(0), 48, 24, 0)
    more = {"size": 48, "wire": 8.0, "encoding": "diff_pair", "faults": str(tmp_path / "f.csv")}
    before, after = (design(module, tmp_path, placement=p, **more) for p in ("load", "margin"))
    assert np.array_equal(before.all_tiles[0].level, after.all_tiles[0].level)
    assert figures(after)["nominal_by_placement"] == 0


def test_other_placements_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match=r"option placement=margins is not one of margin, load.*did you mean margin"):
        design(net(np.random.default_rng(0), 4, 2, 0), tmp_path, size=8, wire=1.0, placement="margins")


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.lists(st.integers(-3, 3), min_size=n, max_size=n),
                                                     st.integers(0, 10**6))))
def test_margins_of_many_places_are_those_of_each(case: tuple) -> None:
    weights, seed = case
    rng = np.random.default_rng(seed)
    w = np.array(weights)
    currents = w * rng.uniform(0.6, 1, (4, 1)) + rng.normal(0, 0.1, (4, len(w)))
    one, zero = rng.uniform(0, 0.1, (2, len(w)))
    low, high = int(w[w < 0].sum()), int(w[w > 0].sum())
    if low < high:
        least = int(rng.integers(low + 1, high + 1))
        wanted = [gate_margin(w, row, least, one, zero).margin for row in currents]
        assert np.allclose(gaps(w, currents, least, one, zero), wanted, atol=1e-12)
    wanted = [0.5 - sum_error(w, row, one, zero).error for row in currents]
    assert np.allclose(spare(w, currents, one, zero), wanted, atol=1e-12)
