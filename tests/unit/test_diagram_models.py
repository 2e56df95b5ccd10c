"""The architectures of examples/diagrams compute what PyTorch computed (tests/diagrams_torch.py made its answers)."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from circuitc.driver import load
from circuitc.ir import run

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "diagrams").glob("*.ncd"))
ANSWERS = json.loads((Path(__file__).parent / "diagrams_torch.json").read_text())["answers"]


def test_each_architecture_has_an_answer() -> None:
    assert {p.stem for p in EXAMPLES} - set(ANSWERS) <= {"transformer"}


@pytest.mark.parametrize("path", [p for p in EXAMPLES if p.stem in ANSWERS], ids=lambda p: p.stem)
def test_equal_to_pytorch(path: Path) -> None:
    module = load(path)
    source = np.random.default_rng(crc32(path.stem.encode()))
    inputs = {p.name: source.uniform(-1, 1, p.type.shape).astype(np.float32)[None] for p in module.entry.inputs}
    if path.stem == "hopfield":
        inputs = {k: np.sign(v) for k, v in inputs.items()}
    results = run(module, inputs)
    for port, wanted in zip(module.entry.outputs, ANSWERS[path.stem], strict=True):
        got = results[port.name].ravel()
        tolerance = 1e-5 * np.abs(wanted).max()   # of the largest magnitude, as for every backend
        np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance)
