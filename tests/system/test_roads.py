"""From real model files to proved Verilog and native code, as the README promises."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.cli.entry import run

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
EPFL = ["adder", "bar", "ctrl", "dec", "i2c", "int2float", "max", "multiplier", "router", "sin", "square", "voter"]

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the benchmark data is not beside this checkout")


def product_table() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """All inputs of a 2-bit multiplier and its products as spins, most significant bit first."""
    bits = (np.arange(16)[:, None] >> np.arange(3, -1, -1)) & 1
    product = (bits[:, :2] @ [2, 1]) * (bits[:, 2:] @ [2, 1])
    return 2 * bits - 1, 2 * ((product[:, None] >> np.arange(3, -1, -1)) & 1) - 1


@needs_data
@pytest.mark.parametrize("name", ["mul2_sigma3", "mul2_sigma5", "auto16"])
def test_trained_networks_become_proved_verilog(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    assert run(["compile", str(DATA / "btf" / f"{name}.sol"), "-o", str(out), "--prove", "--require", "exhausted"]) == 0
    assert run(["simulate", str(out), "--engine", "yosys", "--exhaustive"]) == 0
    model = circuitc.load(DATA / "btf" / f"{name}.sol")
    if name.startswith("mul2"):
        x, wanted = product_table()
        assert np.array_equal(circuitc.run(model, {model.entry.inputs[0].name: x})[model.entry.outputs[0].name], wanted)


@needs_data
def test_the_small_autoencoder_is_marked_as_fitted_to_data(tmp_path: Path) -> None:
    out = tmp_path / "small"
    passes = "clean,snap-thresholds{evidence=reachable},fit-thresholds,lower-to-gates,sweep-dead"
    arguments = ["compile", str(DATA / "btf" / "auto16.sol"), "-o", str(out), "--prove", "--passes", passes]
    assert run([*arguments, "--calibration", str(DATA / "btf" / "auto16.dat")]) == 0
    certificate = json.loads((out / "certificate.json").read_text())
    fitted = [p for p in certificate["passes"] if not p["exact"]]
    assert [(p["name"], p["evidence"]["level"]) for p in fitted] == [("fit-thresholds", "measured")]
    assert ["as approximated by fit-thresholds" in c["claim"] for c in certificate["claims"]] == [True]
    assert run([*arguments, "--calibration", str(DATA / "btf" / "auto16.dat"), "--require", "proved"]) == 3


@needs_data
@pytest.mark.parametrize("name", EPFL)
def test_epfl_circuits_become_proved_verilog(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    assert run(["compile", str(DATA / "epfl" / f"{name}.aig"), "-o", str(out), "--prove"]) == 0
    certificate = json.loads((out / "certificate.json").read_text())
    levels = {claim["evidence"].split()[0] for claim in certificate["claims"]}
    assert levels <= {"proved", "exhausted"}, certificate["claims"]


@needs_data
@pytest.mark.parametrize("name", EPFL)
def test_epfl_circuits_survive_the_text_form(name: str, tmp_path: Path) -> None:
    source = DATA / "epfl" / f"{name}.aig"
    assert run(["convert", str(source), str(tmp_path / "a.ccir")]) == 0
    assert run(["convert", str(tmp_path / "a.ccir"), str(tmp_path / "b.aig")]) == 0
    assert run(["verify", str(source), str(tmp_path / "b.aig")]) == 0
