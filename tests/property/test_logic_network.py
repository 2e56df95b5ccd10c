"""Random networks of gates and tables: plain numpy, the interpreter, native code and Verilog say the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.formats.model_json import MODEL_JSON
from circuitc.ir import evaluate_words, pack_words, unpack_words
from circuitc.ir.netlist_analysis import broken_invariants
from circuitc.models.gate_arrays import GateArrays

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_layers_of_gates_and_tables_compute_what_they_say(seed: int) -> None:
    """Any literals, constants and repeated ones among them; tables of one to nine inputs."""
    rng = np.random.default_rng(seed)
    inputs = int(rng.integers(1, 6))
    arrays = GateArrays(inputs)
    literals = np.concatenate([[0, 1], arrays.input_literals()])
    rows = np.arange(1 << inputs)
    bits = (rows >> np.arange(inputs)[:, None]) & 1
    values = np.concatenate([np.zeros((1, len(rows)), int), np.ones((1, len(rows)), int), bits])
    for _ in range(3):
        a, b, number = rng.integers(0, len(literals), 30), rng.integers(0, len(literals), 30), rng.integers(0, 16, 30)
        flip_a, flip_b = rng.integers(0, 2, (2, 30))
        gates = arrays.gates(literals[a] ^ flip_a, literals[b] ^ flip_b, number)
        place = 3 - (2 * (values[a] ^ flip_a[:, None]) + (values[b] ^ flip_b[:, None]))
        width = int(rng.integers(1, 10))
        wires = rng.integers(0, len(literals), (6, width))
        content = rng.integers(0, 2, (6, 1 << width)).astype(bool)
        content[0] = content[0, 0]                                # a constant
        content[1] = np.arange(1 << width) >> (width - 1) & 1     # a copy
        tables = arrays.tables(literals[wires], content)
        address = sum(values[wires[:, j]] << j for j in range(width))
        literals = np.concatenate([gates, tables])
        values = np.concatenate([number[:, None] >> place & 1, np.take_along_axis(content, address, 1)])
    netlist = arrays.finish(literals)
    assert not broken_invariants(netlist)
    assert np.array_equal(unpack_words(evaluate_words(netlist, pack_words(bits)), len(rows)), values)


def random_input(rng: np.random.Generator) -> tuple[dict[str, Any], int]:
    """Give an input with or without thresholds, and the bits that the core reads."""
    features = int(rng.integers(2, 6))
    if rng.integers(2):
        return {"name": "x", "size": features}, features
    text = str(rng.choice(["u4", "i5", "fx<6,2>", "fx<5,-1>"]))
    levels = int(rng.integers(1, 4))
    rows = rng.integers(-90, 90, (int(rng.choice([1, features])), levels)) / 4
    shape = f"{features}" if rng.integers(2) else f"{features},1"
    return {"name": "x", "type": f"{text}[{shape}]", "thresholds": rows.tolist()}, features * levels


def encoded(given: dict[str, Any], module: circuitc.Module, x: Any) -> Any:
    """Compare features with thresholds in floats, which hold all of these numbers."""
    real = x.reshape(len(x), -1) * 2.0 ** -module.entry.inputs[0].type.fraction
    if "thresholds" not in given:
        return real.astype(int)
    return (real[:, :, None] > np.array(given["thresholds"])).reshape(len(x), -1).astype(int)


def random_model(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    port, count = random_input(rng)
    if kind == "lut-network" and "thresholds" not in port:
        port = {"name": "x", "type": f"u2[{count}]"}
    width = 2 if port.get("type", "").startswith("u2") else 1
    layers: list[dict[str, Any]] = []
    for _ in range(int(rng.integers(1, 4))):
        size = int(rng.integers(4, 12))
        if kind == "logic-gates":
            layer: dict[str, Any] = {"connections": rng.integers(0, count, (2, size)).tolist()}
            if rng.integers(2):
                layer["gates"] = rng.integers(0, 16, size).tolist()
            else:
                layer["weights"] = rng.normal(size=(size, 16)).round(3).tolist()
        else:
            fan_in = int(rng.integers(1, 5))
            wires = rng.integers(0, count, (size, fan_in)).tolist()
            rows = (size, 1 << fan_in * width)
            if kind == "dwn":
                layer = {"mapping": wires, "luts": rng.normal(size=rows).round(3).tolist()}
            else:
                t = str(rng.choice(["bit", "u2", "i2"]))
                low, high = {"bit": (0, 2), "u2": (0, 4), "i2": (-2, 2)}[t]
                layer = {"connections": wires, "tables": rng.integers(low, high, rows).tolist(), "type": t,
                         "address": str(rng.choice(["lsb", "msb"]))}
                width = 1 if t == "bit" else 2
        layers.append(layer)
        count = size
    return {"schema": "circuitc.model/1", "kind": kind, "name": "net", "input": port, "layers": layers,
            **({"groups": int(rng.integers(2, min(5, count + 1)))} if rng.integers(4) else {})}


def plain(model: dict[str, Any], y: Any) -> dict[str, Any]:
    """Evaluate a model's layers from its own text, one sample and one neuron at a time."""
    y, width = y.tolist(), 2 if model["input"].get("type", "").startswith("u2") else 1
    for layer in model["layers"]:
        after = []
        for sample in y:
            row = []
            if model["kind"] == "logic-gates":
                first, second = layer["connections"]
                for n in range(len(first)):
                    k = layer["gates"][n] if "gates" in layer else int(np.argmax(layer["weights"][n]))
                    row.append(int(f"{k:04b}"[2 * sample[first[n]] + sample[second[n]]]))
            elif model["kind"] == "dwn":
                for wires, luts in zip(layer["mapping"], layer["luts"], strict=True):
                    row.append(int(luts[sum(sample[w] << j for j, w in enumerate(wires))] > 0))
            else:
                for wires, table in zip(layer["connections"], layer["tables"], strict=True):
                    ordered = wires[::-1] if layer["address"] == "msb" else wires
                    mask = (1 << width) - 1
                    row.append(table[sum((sample[w] & mask) << j * width for j, w in enumerate(ordered))])
            after.append(row)
        y = after
        width = 1 if layer.get("type", "bit") == "bit" else 2
    if "groups" not in model:
        return {"activations": np.array(y)}
    size = -(-len(y[0]) // model["groups"])
    padded = [row + [0] * (size * model["groups"] - len(row)) for row in y]
    scores = np.array(padded).reshape(len(y), model["groups"], size).sum(axis=2)
    return {"class": scores.argmax(axis=1), "scores": scores}


def case(tmp_path: Path, kind: str, seed: int) -> tuple[circuitc.Module, Any, dict[str, Any]]:
    """Write a random model, and give its module, inputs and the answers of the plain evaluation."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, kind)
    path = tmp_path / "net.json"
    path.write_text(json.dumps(model))
    module = MODEL_JSON.read(path)
    circuitc.ir.verify_module(module)
    t = module.entry.inputs[0].type
    x = rng.integers(t.lowest, t.highest + 1, (70, *t.shape))
    y = encoded(model["input"], module, x) if model["input"].get("type", "")[:2] != "u2" else x.reshape(len(x), -1)
    return module, x, plain(model, y)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, kind=st.sampled_from(["logic-gates", "lut-network", "dwn"]))
def test_networks_compute_what_their_file_says(tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str) -> None:
    module, x, want = case(tmp_path_factory.mktemp("net"), kind, seed)
    answer = circuitc.run(module, {"x": x})
    assert answer.keys() == want.keys()
    for luts in ("false", "true"):
        gates = circuitc.run_passes(module, f"lower-to-gates{{luts={luts}}}")
        lowered = circuitc.run(gates, {"x": x})
        for name in want:
            assert np.array_equal(answer[name], want[name]), name
            assert np.array_equal(lowered[name], want[name]), name


@pytest.mark.parametrize("kind", ["logic-gates", "lut-network", "dwn"])
def test_native_code_and_verilog_agree(tmp_path: Path, kind: str) -> None:
    module, x, want = case(tmp_path, kind, 7)
    native = circuitc.jit(circuitc.run_passes(module, "lower-to-gates{luts=true}")).run({"x": x})
    called = circuitc.jit(module).run({"x": x})  # the parts as calls
    simulated = circuitc.simulate(module, {"x": x}, engine="yosys")
    for name in want:
        assert np.array_equal(native[name], want[name])
        assert np.array_equal(called[name], want[name])
        assert np.array_equal(simulated[name], want[name])
