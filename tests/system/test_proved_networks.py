"""Logic-gate networks as they are emitted, with counts and argmax as words, are proved equal to their models."""

from __future__ import annotations

from pathlib import Path

import circuitc

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_a_weightless_network_is_proved_with_its_counts_as_words():
    """Its thermometer bits depend on each other, so the adders that count its tables are torn by merging."""
    model = EXAMPLES / "05_dwn" / "model.json"
    build = circuitc.compile(model, "verilog", options={"vectors": "0"}, prove=True, seconds=300)
    assert build.summary[0].startswith("proved: digits.v equals the model")
    assert "inner pairs as sums of adders" in build.summary[0]
