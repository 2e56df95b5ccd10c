"""CfC and LTC against ncps: networks that it saved, on what it computed (tests/cells_ncps.py made the file)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.ir import run

SAVED = Path(__file__).with_name("cells_ncps.npz")
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "default": ("cfc", {"readout": "default.fc", "timespans": "dt"}),
    "no_gate": ("cfc", {"mode": "no_gate", "activation": "gelu"}),
    "pure": ("cfc", {"mode": "pure", "activation": "silu", "timespans": "dt"}),
    "wired": ("cfc", {}), "ltc": ("ltc", {"implicit": False}), "ltc_implicit": ("ltc", {"unfolds": 3})}


@pytest.mark.parametrize("name", MODELS)
def test_networks_of_ncps_answer_as_there(tmp_path: Path, name: str) -> None:
    kind, more = MODELS[name]
    shutil.copy(SAVED, tmp_path / "net.npz")
    (tmp_path / "net.json").write_text(json.dumps({
        "schema": "circuitc.model/1", "kind": kind, "weights": "net.npz", "tensors": f"{name}.rnn_cell",
        "input": {"shape": [3]}, **more}))
    module = circuitc.load(tmp_path / "net.json")
    with np.load(SAVED) as saved:
        inputs = {"x": saved["x"]} | ({"dt": saved["dt"]} if "timespans" in more else {})
        wanted = saved[f"{name}.y"]
    for got in (run(module, inputs)["y"], circuitc.jit(module)(*inputs.values())):
        assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()
