"""Circuits of torchlogix, against gates worked out one by one from their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.proof import verify

FUNCTIONS: dict[str, Any] = {
    "CONST_FALSE": lambda a, b: 0, "CONST_TRUE": lambda a, b: 1, "WIRE": lambda a, b: a, "NOT": lambda a, b: 1 - a,
    "NOT_A": lambda a, b: 1 - a, "NOT_B": lambda a, b: 1 - b, "AND": lambda a, b: a & b, "OR": lambda a, b: a | b,
    "XOR": lambda a, b: a ^ b, "NAND": lambda a, b: 1 - (a & b), "NOR": lambda a, b: 1 - (a | b),
    "XNOR": lambda a, b: 1 - (a ^ b), "AND_NOT_B": lambda a, b: a & (1 - b), "AND_NOT_A": lambda a, b: (1 - a) & b,
    "OR_NOT_B": lambda a, b: a | (1 - b), "OR_NOT_A": lambda a, b: (1 - a) | b}


def circuit(rng: np.random.Generator, inputs: int, gates: int) -> dict[str, Any]:
    """Draw gates of every kind with scattered ids, in a shuffled order."""
    ids = (inputs + rng.permutation(3 * gates)[:gates]).tolist()
    rows = []
    for k, number in enumerate(ids):
        read = [int(rng.choice([*range(inputs), *ids[:k]])) for _ in range(2)]
        op = str(rng.choice(list(FUNCTIONS)))
        unary = op in ("WIRE", "NOT", "CONST_FALSE", "CONST_TRUE")
        rows.append({"gate_id": number, "op": op, "in0": -1 if op.startswith("CONST") else read[0],
                     "in1": -1 if unary else read[1], "node_idx": -1})
    return {"n_inputs": inputs, "input_shape": [inputs], "outputs": ids[-4:], "output_shape": [4],
            "gates": [rows[k] for k in rng.permutation(gates)]}


def worked_out(model: dict[str, Any], x: np.ndarray) -> dict[int, np.ndarray]:
    """Give every node's bit for inputs [n, inputs]."""
    values = {k: x[:, k] for k in range(model["n_inputs"])}
    left = list(model["gates"])
    while left:
        for row in [r for r in left if all(r[k] in values or r[k] < 0 for k in ("in0", "in1"))]:
            a, b = (values.get(row[k], np.zeros(len(x), np.int64)) for k in ("in0", "in1"))
            values[row["gate_id"]] = FUNCTIONS[row["op"]](a, b) + np.zeros(len(x), np.int64)
            left.remove(row)
    return values


def saved(folder: Path, model: Any) -> Path:
    path = folder / "net.json"
    path.write_text(model if isinstance(model, str) else json.dumps(model))
    return path


@pytest.mark.parametrize("seed", range(5))
def test_bits(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = circuit(rng, 7, 60)
    x = rng.integers(0, 2, (64, 7))
    values = worked_out(model, x)
    module = circuitc.load(saved(tmp_path, model))
    assert np.array_equal(circuitc.run(module, {"x": x})["activations"],
                          np.stack([values[k] for k in model["outputs"]], axis=1))


def test_sums_are_scores_of_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = circuit(rng, 8, 90)
    ids = [row["gate_id"] for row in model["gates"]]
    groups = [[int(g) for g in rng.choice([*ids, *range(8)], size)] for size in (20, 31, 7)]  # some twice
    top = max(ids)
    model["sum_nodes"] = [{"node_id": top + 1 + k, "input_ids": g, "tau": 2.0, "beta": 3.0 * k}
                          for k, g in enumerate(groups)]
    model["outputs"] = [top + 2, top + 1, top + 3]
    x = rng.integers(0, 2, (64, 8))
    values = worked_out(model, x)
    sums = [sum(values[v] for v in g) + 3 * k for k, g in enumerate(groups)]
    scores = np.stack([sums[1], sums[0], sums[2]], axis=1)
    module = circuitc.load(saved(tmp_path, model))
    found = circuitc.run(module, {"x": x})
    assert np.array_equal(found["scores"], scores)
    assert np.array_equal(found["class"], scores.argmax(1))
    assert {p.name: p.encoding.scale for p in module.entry.outputs}["scores"] == 0.5
    assert verify(module, circuitc.run_passes(module, "lower-to-gates"), seconds=30).status == "equal"


GATE = {"gate_id": 2, "op": "AND", "in0": 0, "in1": 1}
SUM = {"node_id": 3, "input_ids": [2], "tau": 1.0, "beta": 0.0}


@pytest.mark.parametrize(("model", "message"), [
    ({"n_inputs": 0, "gates": []}, "expected a whole number from 1 to"),
    ({"n_inputs": 2}, "expected a list, got null"),
    ({"n_inputs": 2, "gates": [GATE], "outputs": []}, "expected a list of at least one node"),
    ({"n_inputs": 2, "gates": [GATE], "outputs": [5]}, "there is no node 5"),
    ({"n_inputs": 2, "gates": [GATE, GATE], "outputs": [2]}, "2 is the id of another node too"),
    ({"n_inputs": 2, "gates": [{**GATE, "op": "NANDD"}], "outputs": [2]}, "there is no gate 'NANDD'"),
    ({"n_inputs": 2, "gates": [{**GATE, "op": ["AND"]}], "outputs": [2]}, "there is no gate a list of 1"),
    ({"n_inputs": 2, "gates": [{**GATE, "in1": 2}], "outputs": [2]}, "gates form a cycle: 2 <- 2"),
    ({"n_inputs": 2, "gates": [{**GATE, "in1": -1}], "outputs": [2]}, "there is no input or gate -1"),
    ({"n_inputs": 2, "gates": [GATE], "sum_nodes": [SUM], "outputs": [2, 3]}, "some outputs are bits"),
    ({"n_inputs": 2, "gates": [GATE], "sum_nodes": [{**SUM, "beta": 0.5}], "outputs": [3]}, "beta is 0.5"),
    ({"n_inputs": 2, "gates": [GATE], "sum_nodes": [{**SUM, "tau": 0}], "outputs": [3]}, "tau is 0"),
    ({"n_inputs": 2, "gates": [GATE], "sum_nodes": [{**SUM, "input_ids": 7}], "outputs": [3]}, "a list, got 7"),
    ({"n_inputs": 2, "gates": [GATE], "sum_nodes": [SUM, {**SUM, "node_id": 4, "tau": 2}], "outputs": [3, 4]},
     "different tau"),
    ('{"n_inputs": 2, "gates": [', "not JSON"),
])
def test_a_broken_circuit_is_one_line(tmp_path: Path, model: Any, message: str) -> None:
    with pytest.raises(CircuitError, match=message) as caught:
        circuitc.load(saved(tmp_path, model))
    assert len(str(caught.value).splitlines()) == 1
