"""Every family on arrays: the ideal mode and the Verilog around the arrays give the bits of native code."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.passes import sample_inputs
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from crossbar_families import FAMILIES

# The matrices that lie on arrays, the ops that stay digital, the encoding, and the steps in which tiles are read: the
# program's own where each is read once in one of them, else the steps of a step (of a program without: of a call).
EXPECTED: dict[str, tuple[list[tuple[int, int]], str, str, str]] = {
    "threshold network": ([(4, 4), (4, 4), (4, 4)], "concat convert", "diff_pair", "once"),
    "dense network": ([(12, 16), (12, 12), (4, 12)], "add broadcast mul neg reduce requantize reshape table",
                      "dual_rail", "iterate 13"),
    "convolutional network": ([(2, 9), (3, 8)], "add pad reduce requantize transpose window", "offset", "iterate 69"),
    "RNN": ([(3, 2), (3, 3), (2, 3)], "add convert mul requantize table", "diff_pair", "iterate 9"),
    "LSTM": ([(12, 2), (12, 3), (2, 3)], "add mul requantize slice table", "dual_rail", "iterate 9"),
    "GRU": ([(9, 2), (6, 3), (3, 3), (2, 3)], "add mul neg requantize slice table", "offset", "iterate 13"),
    "GNN processor": ([(2, 3), (2, 3), (2, 1), (2, 1), (2, 3), (2, 2)], "add broadcast concat mul reduce requantize",
                      "diff_pair", "iterate 49"),
    "GNN in steps": ([(3, 2), (4, 4), (2, 3)], "broadcast requantize select shift", "dual_rail", "iterate 50"),
    "Hopfield, sync": ([(6, 6)], "broadcast convert not reduce select xor", "offset", "until limit 3"),
    "Hopfield, one by one": ([(6, 6)],
                             "add and broadcast convert eq gather not one_hot or reduce requantize select xor",
                             "diff_pair", "until limit 12"),
    "Hopfield, degree 4": ([(2, 6), (6, 2)], "broadcast convert eq lt mul select", "dual_rail", "iterate 14"),
    "echo state reservoir": ([(5, 1), (5, 5), (1, 5)], "add mul requantize table", "offset", "iterate 9"),
    "spiking reservoir": ([(6, 6), (6, 3)], "add and convert eq le min requantize select shift sub table", "diff_pair",
                          "iterate 9"),
    "diagram of a transformer's block": ([(2, 4), (2, 4), (2, 4), (4, 2), (4, 4), (4, 4)],
                                         "add broadcast contract mul reduce requantize reshape shift table",
                                         "dual_rail", "iterate 49"),
}


def test_every_family_is_here() -> None:
    assert EXPECTED.keys() == FAMILIES.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_arrays_compute_what_native_code_does(family: str, tmp_path: Path) -> None:
    matrices, digital, encoding, schedule = EXPECTED[family]
    module = FAMILIES[family]()
    build = circuitc.compile(module, "crossbar", out=tmp_path / "b", verify=False,
                             options={"array": "ideal-64", "encoding": encoding})
    program = circuitc.crossbar.load(tmp_path / "b")
    assert program.faults() == []
    assert list(program.on_arrays.values()) == matrices
    assert " ".join(program.digital) == digital
    x = sample_inputs(module.entry, 12, np.random.default_rng(1))
    wanted = circuitc.jit(module).run(x)
    assert_same(circuitc.run(module, x), wanted)
    assert_same(program.run(x, "ideal"), wanted)
    driven = circuitc.load(tmp_path / "b" / "periphery.ccir")
    assert str(driven.funcs.get(f"{driven.entry.name}_item", driven.entry).schedule) == schedule
    assert_same(circuitc.jit(driven).run(x), wanted)
    if tool_version("vvp") is not None:
        text = (tmp_path / "b" / build.report["figures"]["periphery"]).read_text()
        few = {name: v[:4] for name, v in x.items()}
        found = simulate_verilog(text, build.ports, driven, few, engine="icarus", stall=True)
        assert_same(found, {name: v[:4] for name, v in wanted.items()})


def assert_same(found: Any, wanted: Any) -> None:
    for name, raw in wanted.items():
        np.testing.assert_array_equal(found[name], raw, err_msg=name)
