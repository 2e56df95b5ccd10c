"""Diagrams as whole numbers on every target: native code, Verilog in Icarus, crossbar tables; bit for bit."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import circuitc
from circuitc.driver import load
from circuitc.formats.ncd.parse import parse_diagram
from circuitc.ir import Graph, Module, run
from circuitc.models.diagrams import elaborate, lower
from circuitc.passes import check_exact, run_passes, sample_inputs
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "diagrams"
ONE_BLOCK = ROOT / "tests" / "files" / "diagrams" / "one_block.ncd"
# Larger ones agree too, and take native code longer to compile than a test may: decoder, encoder, resnet, unet, vit.
NATIVE = ("attention", "floydnet", "hopfield", "kan", "mlp", "multihead", "transposed")
SMALL = "quantize{functions=8,table=8,sensitivity=false}"
CONVOLUTION = """axis c = 2, x = 9, d = 3, w = 3
weights random 1
input X[c x]
weight K[d c w]  weight B[d]
Y[d p] = relu(X[c, 2*p + w - 1] * K[d c w] + B[d])
output Y
"""


def quantized(module: Module, pipeline: str) -> Module:
    rng = np.random.default_rng(0)
    inputs = {p.name: rng.uniform(-1, 1, (16, *p.type.shape)).astype(np.float32) for p in module.entry.inputs}
    return run_passes(module, pipeline, calibration=inputs)


def drawn(text: str) -> Module:
    diagram, _ = parse_diagram(text)
    return lower(elaborate(diagram), diagram.seed)


@pytest.mark.parametrize("name", NATIVE)
def test_whole_numbers_in_native_code(name: str) -> None:
    module = quantized(load(EXAMPLES / f"{name}.ncd"), "quantize{sensitivity=false}")
    body = module.entry.body
    assert isinstance(body, Graph)
    assert not any(n.type.is_float for n in body.nodes)
    inputs = sample_inputs(module.entry, 20, np.random.default_rng(1))
    wanted, got = run(module, inputs), circuitc.jit(module).run(inputs)
    assert all(np.array_equal(got[p.name], wanted[p.name]) for p in module.entry.results)


@pytest.mark.parametrize("name", ["mlp", "attention", "convolution", "one_block"])
def test_verilog_is_the_interpreter_bit_for_bit(name: str) -> None:
    """A classifier, a head of attention, a strided convolution with padding, and a whole block of a transformer."""
    if tool_version("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    paths = {"one_block": ONE_BLOCK}
    model = drawn(CONVOLUTION) if name == "convolution" else load(paths.get(name, EXAMPLES / f"{name}.ncd"))
    module = quantized(model, f"{SMALL},narrow")
    build = circuitc.compile(module, target="verilog", verify=False)
    inputs = sample_inputs(module.entry, 12, np.random.default_rng(1))
    assert build.ports is not None
    got = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, inputs, engine="icarus")
    wanted = run(module, inputs)
    assert all(np.array_equal(got[p.name], wanted[p.name]) for p in module.entry.results)
    spread = max(len(np.unique(wanted[p.name])) for p in module.entry.results)
    assert spread > 4, "the outputs say something"


def test_large_tables_are_simulated_where_reading_them_back_takes_minutes() -> None:
    """Tables of 1,024 entries for each number of a softmax are what Yosys is slow at; vectors go through Icarus."""
    if tool_version("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    module = quantized(load(EXAMPLES / "mlp.ncd"), "quantize{sensitivity=false},narrow")
    build = circuitc.compile(module, target="verilog", vectors=20)
    (claim,) = build.certificate.claims
    assert "Icarus" in claim.verdict.reader
    assert claim.verdict.evidence.level == "simulated"
    assert claim.verdict.evidence.count == 20


@pytest.mark.parametrize(("name", "maps"), [("mlp", 3), ("multihead", 4)])
def test_linear_parts_become_tables_of_a_crossbar(name: str, maps: int) -> None:
    """Each product with learned weights is a region; softmax and products of two computed values stay outside."""
    module = quantized(load(EXAMPLES / f"{name}.ncd"), f"{SMALL},narrow")
    outlined = run_passes(module, "partition", check=partial(check_exact, vectors=16))
    regions = [f for f in outlined.funcs.values() if f.target == "crossbar"]
    assert len(regions) == maps
    if name == "mlp":
        build = circuitc.compile(outlined, target="crossbar", verify=False)
        assert len(build.artefacts["cells.csv"].splitlines()) > 2 * 384, "a pair of devices or more for each weight"
