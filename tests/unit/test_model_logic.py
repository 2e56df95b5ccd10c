"""Kinds logic-gates, lut-network and dwn: what they mean, state_dicts, and one clear line for each broken model."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from circuitc.diagnostics import CircuitError
from circuitc.formats.model_json import MODEL_JSON, schema
from circuitc.ir import Module, Netlist, run

HEAD = {"schema": "circuitc.model/1"}
GATES: dict[str, Any] = {
    **HEAD, "kind": "logic-gates", "input": {"name": "x", "size": 3},
    "layers": [{"connections": [[0, 1, 2, 0], [1, 2, 0, 2]], "gates": [1, 6, 7, 14]},
               {"connections": [[0, 1, 2, 3], [3, 2, 1, 0]], "gates": [2, 4, 9, 13]}], "groups": 2}
TABLES: dict[str, Any] = {
    **HEAD, "kind": "lut-network", "input": {"name": "x", "type": "u2[3]"},
    "layers": [{"connections": [[0, 1], [2, 0]], "tables": [list(range(-8, 8)), [7] * 16], "type": "i4"}], "groups": 2}
DWN: dict[str, Any] = {
    **HEAD, "kind": "dwn", "input": {"name": "x", "type": "u4[2]", "thresholds": [[1, 2.5], [3, 15]]},
    "layers": [{"mapping": [[0, 1, 2], [3, 0, 1]], "luts": [[0.5, -0.5] * 4, [-1, 1, 0, 2, 3, -4, 0.25, 1]]}]}


def load(folder: Path, model: dict[str, Any]) -> Module:
    path = folder / "net.json"
    path.write_text(json.dumps(model))
    return MODEL_JSON.read(path)


def refuse(folder: Path, model: dict[str, Any]) -> str:
    with pytest.raises(CircuitError) as e:
        load(folder, model)
    text = str(e.value)
    assert "\n" not in text, text
    assert text.startswith(str(folder / "net.json")), text
    return text.removeprefix(f"{folder}/")


def put(*path: Any) -> Callable[[Any], object]:
    *way, last, value = path

    def change(model: Any) -> None:
        for step in way:
            model = model[step]
        model[last] = value
    return change


def test_the_sixteen_functions(tmp_path: Path) -> None:
    """difflogic's list: 0, and, a & ~b, a, ~a & b, b, xor, or, nor, xnor, ~b, a | ~b, ~a, ~a | b, nand, 1."""
    model = {**HEAD, "kind": "logic-gates", "input": {"name": "x", "size": 2},
             "layers": [{"connections": [[0] * 16, [1] * 16], "gates": list(range(16))}]}
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    got = run(load(tmp_path, model), {"x": np.stack([a, b], axis=1)})["activations"].T
    want = [0 * a, a & b, a & ~b, a, ~a & b, b, a ^ b, a | b, ~(a | b), ~(a ^ b), ~b, a | ~b, ~a, ~a | b, ~(a & b),
            0 * a + 1]
    assert np.array_equal(got, np.array(want) & 1)


def test_parts_and_facts(tmp_path: Path) -> None:
    module = load(tmp_path, DWN | {"groups": 2})
    assert list(module.funcs) == ["net", "encoder", "core", "reduction"]
    assert isinstance(module.funcs["core"].body, Netlist)
    assert module.facts["logic-network"] == {"kind": "dwn", "layers": 1, "neurons": 2, "netlist_gates": 1,
                                             "parts": ["encoder", "core", "reduction"]}
    assert [str(p.type) for p in module.entry.outputs] == ["bit", "bit[2]"]
    assert list(load(tmp_path, {**GATES, "name": "core"}).funcs) == ["core_network", "core", "reduction"]


def test_thresholds_are_exact(tmp_path: Path) -> None:
    """A number equal to its threshold is not above it; thresholds outside the type are constants."""
    port = {"name": "x", "type": "fx<4,1>[1]", "thresholds": [["-100", "-0.5", "0.25", "1", "3.5", "1e9"]]}
    model = {**HEAD, "kind": "dwn", "input": port,
             "layers": [{"mapping": [[k] for k in range(6)], "luts": [[0, 1]] * 6}]}
    raw = np.arange(-8, 8)
    got = run(load(tmp_path, model), {"x": raw[:, None]})["activations"]
    want = [[r / 2 > c for c in (-100, -0.5, 0.25, 1, 3.5, 1e9)] for r in raw]
    assert np.array_equal(got, np.array(want).astype(int))


def test_weights_choose_the_first_of_the_largest(tmp_path: Path) -> None:
    weights = np.zeros((4, 16), np.float32)
    weights[np.arange(4), [1, 6, 7, 14]] = 0.5
    weights[:, 15] = 0.5
    np.savez(tmp_path / "w.npz", w=weights)
    model = copy.deepcopy(GATES)
    del model["layers"][0]["gates"]
    model["layers"][0]["weights"] = {"file": "w.npz", "array": "w"}
    assert load(tmp_path, model).funcs["core"].body == load(tmp_path, GATES).funcs["core"].body


@pytest.mark.parametrize(("weight", "indices"), [("weights", "indices"), ("weight", "connections.indices")])
def test_state_dicts_of_difflogic_and_torchlogix(tmp_path: Path, weight: str, indices: str) -> None:
    """Layer 10 comes after layer 2; GroupSum and Flatten have no arrays."""
    arrays: dict[str, Any] = {}
    for name, layer in zip(("2", "10"), GATES["layers"], strict=True):
        rows = np.zeros((4, 16), np.float32)
        rows[np.arange(4), layer["gates"]] = 1
        arrays |= {f"{name}.{weight}": rows, f"{name}.{indices}": np.array(layer["connections"])}
    save_file(arrays, tmp_path / "net.safetensors")
    model = {k: v for k, v in GATES.items() if k != "layers"} | {"state": "net.safetensors"}
    assert load(tmp_path, model).funcs["core"].body == load(tmp_path, GATES).funcs["core"].body


def test_learnable_connections_are_those_with_the_largest_weight(tmp_path: Path) -> None:
    wires = np.array(GATES["layers"][0]["connections"])
    rows = np.zeros((4, 16), np.float32)
    rows[np.arange(4), GATES["layers"][0]["gates"]] = 1
    chosen = np.zeros((2, 2, 4), np.float32)
    chosen[1] = 1
    save_file({"0.weight": rows, "0.connections.weights": chosen,
               "0.connections.indices": np.stack([2 - wires, wires])}, tmp_path / "net.safetensors")
    model = {k: v for k, v in GATES.items() if k != "layers"} | {"state": "net.safetensors"}
    first = {**GATES, "layers": GATES["layers"][:1]}
    assert load(tmp_path, model).funcs["core"].body == load(tmp_path, first).funcs["core"].body


@pytest.mark.parametrize("learnable", [False, True])
def test_state_dicts_of_torch_dwn(tmp_path: Path, learnable: bool) -> None:
    mapping = np.array(DWN["layers"][0]["mapping"])
    arrays = {"0.luts": np.array(DWN["layers"][0]["luts"], np.float32)}
    if learnable:
        weights = np.zeros((4, mapping.size), np.float32)
        weights[mapping.ravel(), np.arange(mapping.size)] = 1
        arrays["0.mapping.weights"] = weights
    else:
        arrays["0.mapping"] = mapping.astype(np.int32)
    save_file(arrays, tmp_path / "net.safetensors")
    model = {k: v for k, v in DWN.items() if k != "layers"} | {"state": "net.safetensors"}
    assert load(tmp_path, model).funcs["core"].body == load(tmp_path, DWN).funcs["core"].body


BROKEN: list[tuple[dict[str, Any], Callable[[Any], object], str]] = [
    (GATES, put("layers", 0, "connections", 0, 1, 3), "layers[0].connections: there is no activation 3"),
    (GATES, put("layers", 1, "connections", 1, 0, -1), "there is no activation -1"),
    (GATES, put("layers", 0, "connections", [[0, 1]]), "connections have two rows, got 1"),
    (GATES, put("layers", 0, "connections", [[0, 1], [0]]), "row 1 has 1 numbers, row 0 has 2"),
    (GATES, put("layers", 0, "connections", [[0], [1]]), "connections of 1 gates, functions of 4"),
    (GATES, put("layers", 0, "connections", [[], []]), "there are no numbers"),
    (GATES, put("layers", 0, "connections", [[0.5], [1]]), "expected a whole number"),
    (GATES, put("layers", 0, "connections", [[1 << 70], [1]]), "does not fit 64 bits"),
    (GATES, put("layers", 0, "connections", 3), "expected a list"),
    (GATES, put("layers", 0, "gates", 2, 16), "a gate's function is 0 to 15, got 16"),
    (GATES, put("layers", 0, "gates", []), "connections of 4 gates, functions of 0"),
    (GATES, put("layers", 0, "weights", [[1]]), "either gates or weights"),
    (GATES, put("layers", []), "at least 1"),
    (GATES, put("state", "x.safetensors"), "either layers or state"),
    (GATES, put("groups", 5), "too few for 5 groups"),
    (GATES, put("groups", 1), "less than 2"),
    (GATES, put("input", {"name": "x"}), "either size or type"),
    (GATES, put("input", {"name": "x", "type": "u4"}), "the input is a vector or a tensor"),
    (GATES, put("input", {"name": "x", "type": "f32[3]"}), "exact type"),
    (GATES, put("input", {"name": "x", "type": "spin[3]", "thresholds": [[0]]}), "spins are not compared"),
    (GATES, put("input", {"name": "x", "type": "u4[3]", "thresholds": [[1], [2]]}), "2 rows of thresholds for 3"),
    (GATES, put("input", {"name": "x", "type": "u4[3]", "thresholds": [[]]}), "there are no numbers"),
    (GATES, put("input", {"name": "x", "type": "u4[3]", "thresholds": [["nan"]]}), "thresholds"),
    (GATES, put("input", {"name": "x", "size": 3, "scale": 0}), "a scale is a number above 0"),
    (GATES, put("input", {"name": "x", "size": 3, "zero_point": 1 << 70}), "zero point"),
    (GATES, put("layers", 0, "connections", {"file": "../x.npz", "array": "a"}), "outside the folder"),
    (TABLES, put("layers", 0, "tables", 0, 3, 8), "a table answers 8, which i4 does not hold"),
    (TABLES, put("layers", 0, "tables", [[0] * 8] * 2), "2 neurons that read 4 bits need [2, 16]"),
    (TABLES, put("layers", 0, "connections", [[0] * 9] * 2), "more than 16 bits"),
    (TABLES, put("layers", 0, "type", "fx<4,2>"), "a bit or a whole number"),
    (TABLES, put("layers", 0, "type", "u2[3]"), "a bit or a whole number"),
    (TABLES, put("layers", 0, "address", "big"), "expected 'lsb' or 'msb'"),
    (DWN, put("input", {"name": "x", "type": "u4[4]"}), "look-up tables of bits read bits"),
    (DWN, put("layers", 0, "luts", 0, [1]), "row 1 has 8 numbers, row 0 has 1"),
    (DWN, put("layers", 0, "mapping", 0, 0, 4), "there is no activation 4"),
    (DWN, put("layers", 0, "map", []), "did you mean mapping"),
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_a_broken_model_is_one_line(tmp_path: Path, number: int) -> None:
    model, change, words = BROKEN[number]
    model = copy.deepcopy(model)
    change(model)
    assert words in refuse(tmp_path, model)


STATES: list[tuple[dict[str, Any], str]] = [
    ({"a": np.zeros(3)}, "has no layer of 16-gate weights"),
    ({"0.weight": np.zeros((4, 16))}, "has no 0.connections.indices or 0.indices"),
    ({"0.weight": np.zeros((4, 4)), "0.indices": np.zeros((2, 4), int)}, "[gates, 16] is needed"),
    ({"0.weight": np.zeros((4, 16)), "0.indices": np.zeros((2, 4))}, "whole numbers are needed"),
    ({"0.weight": np.zeros((4, 16)), "0.indices": np.zeros((3, 4), int)}, "connections have two rows"),
    ({"0.weight": np.zeros((4, 16)), "0.indices": np.full((2, 4), 3)}, "there is no activation 3"),
    ({"0.weight": np.zeros((4, 16)), "0.connections.indices": np.zeros((2, 2, 4), int),
      "0.connections.weights": np.zeros((1, 2, 4))}, "has shape [1, 2, 4]"),
]


@pytest.mark.parametrize("number", range(len(STATES)))
def test_a_broken_state_dict_is_one_line(tmp_path: Path, number: int) -> None:
    arrays, words = STATES[number]
    save_file(arrays, tmp_path / "net.safetensors")
    model = {k: v for k, v in GATES.items() if k != "layers"} | {"state": "net.safetensors"}
    assert words in refuse(tmp_path, model)


@pytest.mark.parametrize(("state", "content", "words"), [
    ("net.safetensors", b"{", "cannot be read"), ("net.safetensors", b"", "cannot be read"),
    ("none.safetensors", b"", "there is no file"), ("net.pt", b"", "no .safetensors file"),
    ("../net.safetensors", b"", "outside the folder"), ("", b"", "is not a file name")])
def test_a_file_that_is_no_state_dict_is_one_line(tmp_path: Path, state: str, content: bytes, words: str) -> None:
    (tmp_path / "net.safetensors").write_bytes(content)
    (tmp_path / "net.pt").write_bytes(content)
    for base in (GATES, DWN):
        model = {k: v for k, v in base.items() if k != "layers"} | {"state": state}
        assert words in refuse(tmp_path, model)


@pytest.mark.parametrize("kind", ["logic-gates", "lut-network", "dwn"])
def test_the_schema_says_every_key(kind: str) -> None:
    said = schema(kind)
    for definition in [said, *(d for d in said["$defs"].values() if d.get("type") == "object")]:
        assert definition["additionalProperties"] is False
        assert all("description" in key for key in definition["properties"].values()), definition
