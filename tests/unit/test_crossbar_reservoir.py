"""Reservoirs on devices as they are, readouts trained on their states; the energy of Hopfield networks on arrays."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.ir import parse_module
from circuitc.models.recall import Memory, build_hopfield, hebbian
from circuitc.models.recall import energy as energy_of
from circuitc.models.reservoir import spectral_radius
from circuitc.simulation.crossbar.energy import _energy, descents
from circuitc.simulation.crossbar.machine import machine_of
from circuitc.simulation.crossbar.measured import read_measured
from circuitc.simulation.crossbar.modes import ideal_currents, linear
from circuitc.simulation.crossbar.reservoir import effective_weights, fit_readout, read_as_they_are

ARRAY = 'schema = "circuitc.array/1"\n[array]\nrows = 8\ncols = 16\n[device]\nlevels = 8\n[wire]\nr_wl_ohm = 60\n'
STATES = """
const #w : i4[4,4] = [[3, -2, 0, 1], [0, 2, -3, 1], [-1, 0, 2, 3], [2, 1, 0, -2]]
const #v : i4[4,1] = [[3], [-2], [1], [2]]
func @states(%u: fx<4,3>[1] {rate=step}) -> (%y: fx<5,4>[4] {rate=step}) stream {
  reg %x : fx<5,4>[4] = 0
  %a = contract #w, %x {spec="ij,j->i"} : fx<11,4>[4]
  %b = contract #v, %u {spec="ij,j->i"} : fx<8,3>[4]
  %c = add %a, %b : fx<12,4>[4]
  %d = shift %c {by=-2} : fx<12,6>[4]
  %new = requantize %d : fx<5,4>[4]
  next %x = %new
  return %new
}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reservoir")
    (folder / "a.toml").write_text(ARRAY)
    circuitc.compile(parse_module(STATES), "crossbar", out=folder / "b", verify=False,
                     options={"array": str(folder / "a.toml"), "encoding": "diff_pair", "periphery": "false"})
    rng = np.random.default_rng(0)
    u = rng.integers(-8, 8, (2, 80, 1)) / 8
    np.save(folder / "u.npy", u)
    np.savez(folder / "y.npz", anything=np.stack([np.roll(u[..., 0], 1, 1), u[..., 0]], 2))
    return folder


def test_a_readout_finds_a_linear_answer_and_says_what_it_misses() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 50, 4))
    x[:, :10] = 1e6   # washed out
    weights = rng.normal(size=(2, 4))
    y = x @ weights.T + [1, 2]
    y[:, 40:, 1] = rng.normal(size=(3, 10))   # unseen
    found = fit_readout(x, y, washout=10, unseen=10, penalty=1e-12)
    np.testing.assert_allclose(found.weights, weights, atol=1e-9)
    np.testing.assert_allclose(found.bias, [1, 2], atol=1e-9)
    assert found.seen < 1e-9
    assert found.unseen > 0.3


@pytest.mark.parametrize(("x", "y", "options", "message"), [
    (np.zeros((1, 9, 2)), np.zeros((1, 8)), {}, "are not .samples, steps, units"),
    (np.zeros((1, 9, 2)), np.zeros((1, 9)), {"washout": 5, "unseen": 4}, "of 9 steps, 5 to wash out and 4 unseen"),
    (np.zeros((1, 9, 2)), np.zeros((1, 9)), {"washout": 1, "penalty": 0.0}, "penalty"),
    (np.zeros((1, 9, 2)), np.full((1, 9), np.nan), {"washout": 1}, "not a finite number"),
    (np.ones((1, 9, 2)), np.ones((1, 9)), {"washout": 1}, "all the same number"),
])
def test_what_no_readout_fits_is_told(x: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        fit_readout(x, y, **options)


def test_what_inputs_add_are_the_weights_and_a_gain_makes_their_size(bundle: Path) -> None:
    program = circuitc.crossbar.load(bundle / "b")
    exact = machine_of(program.module, program.bundle, ideal=True)
    for machine in exact.regions.values():
        weights, _ = effective_weights(machine, ideal_currents(program.bundle))
        np.testing.assert_allclose(weights, machine.rebuilt.weights)
    (bundle / "raw.csv").write_text(program.sample(5, 0.7, unprogrammed=True))
    g = read_measured(bundle / "raw.csv", program.bundle)
    currents = linear(program.bundle, np.array([transfer_matrix(t, program.bundle.wires) for t in g]))
    before = machine_of(program.module, program.bundle)
    after = read_as_they_are(before, currents)
    for name, machine in after.regions.items():
        weights, _ = effective_weights(machine, currents)
        wanted = machine.rebuilt.weights.astype(float)
        assert not np.allclose(weights, wanted, atol=0.5)
        size = spectral_radius if wanted.shape == (4, 4) else np.linalg.norm
        assert size(weights) == pytest.approx(size(wanted))
        assert size(effective_weights(before.regions[name], currents)[0]) != pytest.approx(size(wanted), rel=0.05)


def test_devices_on_target_that_are_measured_are_read_as_they_were(bundle: Path) -> None:
    program = circuitc.crossbar.load(bundle / "b")
    (bundle / "target.csv").write_text(program.sample(0, 0.0))
    x = {"u": np.load(bundle / "u.npy") * 8}
    assert np.array_equal(program.run_measured(x, bundle / "target.csv")["y"], program.run(x, "ir")["y"])


def test_from_the_shell(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(bundle / "b"), "--inputs", str(bundle / "u.npy"), "--targets", str(bundle / "y.npz"), "--washout",
             "10", "-o", str(bundle / "readout.npz"), "--json"]
    raw = str(bundle / "drawn.csv")
    assert command(["xbar", "sample", given[0], "-o", raw, "--seed", "4", "--sigma", "0.5", "--unprogrammed"]) == 0
    capsys.readouterr()
    errors = []
    for more in ([], ["--measured", raw], ["--measured", raw, "--unprogrammed"]):
        assert command(["xbar", "readout", *given, *more]) == 0
        errors.append(json.loads(capsys.readouterr().out)["unseen"])
        with np.load(bundle / "readout.npz") as found:
            assert (found["readout"].shape, found["readout_bias"].shape) == ((2, 4), (2,))
    assert len(set(errors)) == 3
    assert max(errors) < 1
    lines = Path(raw).read_text().splitlines()
    Path(raw).write_text("\n".join(lines[:-1]))
    assert command(["xbar", "readout", *given, "--measured", raw, "--unprogrammed"]) == 2
    assert f"says nothing of tile {', row '.join(lines[-1].split(',')[:2])}" in capsys.readouterr().err
    assert command(["xbar", "readout", *given, "--unprogrammed"]) == 2
    assert "needs --measured" in capsys.readouterr().err
    assert command(["xbar", "sample", given[0], "-o", raw, "--sigma", "11"]) == 2
    assert "a sigma is 0 to 10" in capsys.readouterr().err


def memory(tmp_path: Path, wire: str = "") -> circuitc.crossbar.Program:
    patterns = np.random.default_rng(0).choice([-1, 1], (2, 12))
    net = Memory(hebbian(patterns), np.arange(12) % 3 - 1, patterns, 2, tuple(range(12)), sweeps=9, settle=True,
                 form="array")
    (tmp_path / "a.toml").write_text(f'schema = "circuitc.array/1"\n[array]\nrows = 32\ncols = 64\n{wire}')
    circuitc.compile(build_hopfield(net, "letters"), "crossbar", out=tmp_path / "b", verify=False,
                     options={"array": str(tmp_path / "a.toml"), "encoding": "dual_rail", "periphery": "false"})
    x = np.random.default_rng(1).choice([-1, 1], (50, 12))
    program = circuitc.crossbar.load(tmp_path / "b")
    machine = next(iter(machine_of(program.module, program.bundle).regions.values()))
    mine = _energy(machine.rebuilt.weights, 2 * machine.rebuilt.least - machine.rebuilt.weights.sum(1) - 1, x)
    level = mine - 2 * energy_of(net, x)   # weights on the array are 2 W + 1: the same up to a constant, and to ties
    assert np.ptp(level) <= 2 * 12 * 2
    return program


def test_energy_falls_as_it_should_and_rises_where_devices_are_wrong(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = memory(tmp_path)
    machine = machine_of(program.module, program.bundle, ideal=True)
    exact, = descents(machine, ideal_currents(program.bundle), states=50)
    assert (exact.units, exact.states, exact.rises, exact.largest_rise, exact.unsettled) == (12, 50, 0, 0, 0)
    assert exact.flips > 50
    wired, = program.descents(states=50)
    assert 0 < wired.asymmetry < 0.02
    assert (wired.rises, wired.flips) == (0, exact.flips)   # certified, so as in whole numbers
    (tmp_path / "off.csv").write_text(program.sample(1, 1.0))
    off, = program.descents(tmp_path / "off.csv", states=50)
    assert off.rises > 0 < off.largest_rise
    assert off.asymmetry > 10 * wired.asymmetry
    assert command(["xbar", "energy", str(tmp_path / "b"), "--states", "50"]) == 0
    assert f"{wired.flips} changed a unit, 0 of them raised the energy" in capsys.readouterr().out
    assert command(["xbar", "energy", str(tmp_path / "b"), "--measured", str(tmp_path / "off.csv"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["layers"][0]["rises"] > 0


def test_energy_is_of_symmetric_layers_only(bundle: Path) -> None:
    with pytest.raises(CircuitError, match="no layer of gates on spins with symmetric weights"):
        circuitc.crossbar.load(bundle / "b").descents()
    with pytest.raises(CircuitError, match="1 to 65536 states"):
        circuitc.crossbar.load(bundle / "b").descents(states=0)
