"""model.json of kind gnn and trained processors: what is read, and one clear line for what is not."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.formats.model_json import MODEL_JSON, schema
from circuitc.ir import run, verify_module
from circuitc.models.gnn import ALGORITHMS, build_processor, compiled_weights, processor_of
from circuitc.passes import run_passes

HEAD: dict[str, Any] = {"schema": "circuitc.model/1", "kind": "gnn"}
ROADS: dict[str, Any] = {**HEAD, "algorithm": "bellman_ford", "n": 4, "directed": False,
                         "graph": {"edges": [[0, 1, 3], [1, 2, 4], [0, 3, 9], [2, 3, 1]]}}
OWN: dict[str, Any] = {
    **HEAD, "n": 5, "weight": "bit", "program": {
        "name": "reach", "inputs": {"A": {"location": "edge", "kind": "scalar"},
                                    "s": {"location": "node", "kind": "mask_one"}},
        "state": {"seen": {"location": "node", "kind": "mask", "initial": "j == s", "update": "seen[j] or near",
                           "hint": "seen_h", "output": "seen"}},
        "steps": {"near": {"where": "seen[i] and A[i,j] != 0", "aggregate": "any"}, "more": "near and not seen[j]"},
        "halt": "not any(more)", "limit": "n"}}


def load(tmp_path: Path, model: dict[str, Any]) -> Any:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model))
    module = circuitc.load(path)
    verify_module(module)
    return module


def test_a_map_becomes_wires_and_answers_for_every_source(tmp_path: Path) -> None:
    for degree in (0, 2):
        module = load(tmp_path, {**ROADS, "degree": degree})
        assert [p.name for p in module.entry.inputs] == ["s"]
        answer = run(module, {"s": np.eye(4, dtype=int)})
        assert answer["distance"].tolist() == [[0, 3, 7, 8], [3, 0, 4, 5], [7, 4, 0, 1], [8, 5, 1, 0]]
        assert answer["pi"][0].tolist() == [0, 0, 1, 2]


def test_a_map_may_lie_in_a_file_and_have_fractions(tmp_path: Path) -> None:
    A = np.zeros((3, 3))
    A[0, 1], A[1, 2] = 1.5, 0.25
    np.savez(tmp_path / "map.npz", A=A)
    model = {**HEAD, "algorithm": "dijkstra", "n": 3, "weight": "ufx<8,4>",
             "graph": {"A": {"file": "map.npz", "array": "A"}}}
    answer = run(load(tmp_path, model), {"s": np.array([[1, 0, 0]])})
    assert answer["distance"].tolist() == [[0, 24, 28]]
    with pytest.raises(CircuitError, match="a weight is not a number of ufx<8,1>"):
        load(tmp_path, {**model, "weight": "ufx<8,1>"})
    with pytest.raises(CircuitError, match="not symmetric"):
        load(tmp_path, {**model, "directed": False})


def test_a_program_of_ones_own(tmp_path: Path) -> None:
    A = np.diag([1, 1, 0, 1], 1)[None]
    answer = run(load(tmp_path, OWN), {"A": A, "s": np.eye(5, dtype=int)[[0]]})
    assert answer["seen"].tolist() == [[1, 1, 1, 0, 0]]
    assert answer["steps"].tolist() == [3]


def test_inputs_by_clrs_names_run_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from circuitc.cli.entry import run as command
    from circuitc.models.gnn import clrs_inputs

    path = tmp_path / "m.json"
    path.write_text(json.dumps({**HEAD, "algorithm": "bfs", "n": 4, "clrs_inputs": True}))
    np.savez(tmp_path / "in.npz", **clrs_inputs(np.diag([1, 1, 1], 1), 1))
    for engine in ("interpreter", "llvm"):
        out = tmp_path / f"{engine}.npz"
        given = ["--inputs", str(tmp_path / "in.npz"), "-o", str(out), "--engine", engine]
        assert command(["run", str(path), *given]) == 0
        with np.load(out) as found:
            assert found["pi"].tolist() == [[0, 1, 1, 2]]
            assert found["reach_h"][0].tolist() == [[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1], [0, 1, 1, 1]]


def test_weights_of_a_file_are_the_network(tmp_path: Path) -> None:
    weights = compiled_weights(ALGORITHMS["bellman_ford"], 4)
    weights.save(tmp_path / "w.safetensors")
    changed = weights.with_arrays({**weights.arrays, "relax/0/edge": np.array([2.0])})
    changed.save(tmp_path / "double.npz")
    real = {**ROADS, "weight": "f32"}
    s = np.eye(4, dtype=int)[[0]]
    for file, factor in (("w.safetensors", 1), ("double.npz", 2)):
        found = run(load(tmp_path, {**real, "parameters": file}), {"s": s})["distance"]
        assert found.tolist() == [[0, 3 * factor, 7 * factor, 8 * factor]]
    assert run(load(tmp_path, {**ROADS, "parameters": "w.safetensors"}), {"s": s})["distance"][0, 3] == 8
    with pytest.raises(CircuitError, match="real weights need weight f32"):
        load(tmp_path, {**ROADS, "parameters": "double.npz"})


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"algorithm": "dijkstr"}, "algorithm: there is no algorithm 'dijkstr'.*did you mean dijkstra"),
    ({"algorithm": None}, "one of algorithm, program and processor"),
    ({"processor": "mpnn"}, "got algorithm and processor"),
    ({"n": 1}, "n: 1 is less than 2"),
    ({"n": 4.5}, "n: expected a whole number"),
    ({"n": "4"}, "n: expected a whole number"),
    ({"weight": "u0"}, "weight: "),
    ({"weight": "i8"}, "weights are unsigned"),
    ({"weight": "u8[3]"}, "weights are unsigned"),
    ({"weight": 8}, "weight: expected a text"),
    ({"degree": 9}, "degree of 9"),
    ({"degree": 1}, "a node has 2 senders, the lists hold 1"),
    ({"selection": "soft"}, "soft selection works on real numbers"),
    ({"temperature": 0}, "a temperature of 0 is not above 0"),
    ({"temperature": "cold"}, "temperature: expected a decimal number"),
    ({"types": {"d": "u4"}}, "d may need u10 for n = 4, which u4 does not hold.*largest safe n is 0"),
    ({"types": {"e": "u4"}}, "has no number e"),
    ({"types": {"d": "u"}}, "types.d: "),
    ({"graph": {}}, "graph: a graph is given by edges or by A"),
    ({"graph": {"edges": [[0, 1]]}}, r"graph.edges\[0\]: expected a list of at least 3, got 2"),
    ({"graph": {"edges": [[0, 4, 1]]}}, "nodes are 0 to 3, got 0 and 4"),
    ({"graph": {"edges": [[0, 1.5, 1]]}}, "nodes are 0 to 3"),
    ({"graph": {"edges": [[0, 1, 0]]}}, "a weight is above 0"),
    ({"graph": {"edges": [[0, 1, 256]]}}, "which u8 does not hold"),
    ({"graph": {"edges": [[0, 1, 1.5]]}}, "a weight is not a number of u8"),
    ({"graph": {"A": [[1, 2], [3, 4]]}}, "A has 4 rows of 4 numbers"),
    ({"graph": {"A": []}}, "A has 4 rows"),
    ({"graph": {"A": {"file": "no.npz", "array": "A"}}}, "there is no file no.npz"),
    ({"graph": {"A": {"file": "../x.npz", "array": "A"}}}, "outside the folder"),
    ({"parameters": "no.npz"}, "parameters: there is no file no.npz"),
    ({"hints": 1}, "hints: "),
    ({"hint": True}, "there is no key 'hint' here.*did you mean hints"),
    ({"algorithm": "connected_components", "graph": None, "directed": True, "degree": 2}, "against its direction"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=lambda v: str(v)[:50])
def test_broken_models_are_told_in_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(CircuitError, match=message) as e:
        load(tmp_path, {k: v for k, v in {**ROADS, **change}.items() if v is not None})
    assert "\n" not in str(e.value)
    assert str(e.value).startswith(str(tmp_path / "model.json"))


def test_nonsense_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    """Put every kind of value at every place of two models."""
    values: list[Any] = [None, True, -1, 2.5, "x", "", [], {}, [[]], {"a": 1}, 10**30, "A[i,j]", "j", "1 +"]
    rng = random.Random(0)
    for model in (ROADS, OWN):
        for place in places(model):
            for value in rng.sample(values, 4):
                broken = copy.deepcopy(model)
                at: Any = broken
                for key in place[:-1]:
                    at = at[key]
                at[place[-1]] = value
                try:
                    load(tmp_path, broken)
                except CircuitError as e:
                    if "\n" in str(e):
                        raise AssertionError(str(e)) from e


def places(value: Any) -> list[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(k, *rest) for k in keys for rest in [(), *places(value[k])]]


def test_the_schema_says_what_every_key_is() -> None:
    text = schema("gnn")
    assert all("description" in p for p in text["properties"].values())
    assert "gnn" in MODEL_JSON.doc


# Trained processors

def drawn(kind: str, features: int, hidden: int, heads: int = 1, *, gated: bool = False, mlp: bool = False,
          norm: bool = False) -> dict[str, Any]:
    """Draw a processor's arrays under Haiku's names."""
    rng = np.random.default_rng(3)
    seen = features + hidden
    if kind == "gatv2":
        shapes = [*[(seen, hidden)] * 4, *[(features, hidden)] * 2, *[(hidden // heads, 1)] * heads]
    else:
        shapes = [(seen, hidden), (seen, hidden), (features, hidden), (features, hidden), (seen, hidden),
                  (hidden, hidden), *([(seen, hidden), (hidden, hidden), (hidden, hidden)] if gated else [])]
    found = {f"net/aggr_clrs_processor/linear{f'_{k}' if k else ''}/{p}": rng.normal(size=s if p == "w" else s[1:])
             for k, s in enumerate(shapes) for p in "wb"}
    if mlp:
        found |= {f"net/aggr_clrs_processor/mlp/~/linear_{k}/{p}": rng.normal(size=(hidden,) * (2 if p == "w" else 1))
                  for k in range(2) for p in "wb"}
    if norm:
        found |= {f"net/aggr_clrs_processor/layer_norm/{p}": rng.normal(size=hidden) for p in ("scale", "offset")}
    return {k: v.astype(np.float32) for k, v in found.items()}


def step(kind: str, arrays: dict[str, Any], x: dict[str, Any], heads: int, *, gated: bool) -> Any:
    """One step by CLRS's equations, pair by pair, in float64."""
    a = {k.removeprefix("net/aggr_clrs_processor/"): v.astype(np.float64) for k, v in arrays.items()}

    def linear(v: Any, k: int) -> Any:
        name = f"linear{f'_{k}' if k else ''}"
        return v @ a[f"{name}/w"] + a[f"{name}/b"]

    z = np.concatenate([x["node_fts"], x["hidden"]], 1)
    n, adj = len(z), x["adj"]
    if kind == "gatv2":
        values, parts = linear(z, 0), []
        wide = values.shape[1] // heads
        for h in range(heads):
            logits = np.zeros((n, n))
            for i in range(n):
                for j in range(n):
                    pre = linear(z[j], 2) + linear(z[i], 3) + linear(x["edge_fts"][i, j], 4) + linear(x["graph_fts"], 5)
                    pre = pre.reshape(heads, -1)[h]
                    logits[i, j] = linear(np.where(pre > 0, pre, 0.01 * pre), 6 + h)[0] + (adj[i, j] - 1) * 1e9
            power = np.exp(logits - logits.max(1, keepdims=True))
            parts.append(power / power.sum(1, keepdims=True) @ values[:, h * wide:(h + 1) * wide])
        out = np.maximum(np.concatenate(parts, 1) + linear(z, 1), 0)
    else:
        best = np.zeros((n, a["linear_5/w"].shape[0]))
        for j in range(n):
            row = []
            for i in range(n):
                m = linear(z[j], 0) + linear(z[i], 1) + linear(x["edge_fts"][i, j], 2) + linear(x["graph_fts"], 3)
                for k in range(2 if "mlp/~/linear_0/w" in a else 0):
                    m = np.maximum(m, 0) @ a[f"mlp/~/linear_{k}/w"] + a[f"mlp/~/linear_{k}/b"]
                row.append(m if adj[i, j] or kind == "mpnn" else np.full_like(m, -1e6))
            best[j] = np.max(row, axis=0)
        out = np.maximum(linear(z, 4) + linear(best, 5), 0)
    if "layer_norm/scale" in a:
        out = (out - out.mean(1, keepdims=True)) / np.sqrt(out.var(1, keepdims=True) + 1e-5)
        out = out * a["layer_norm/scale"] + a["layer_norm/offset"]
    if gated:
        gate = 1 / (1 + np.exp(-linear(np.maximum(linear(z, 6) + linear(best, 7), 0), 8)))
        out = out * gate + x["hidden"] * (1 - gate)
    return out


CASES = [("mpnn", 1, False, False, False), ("pgn", 1, True, False, True), ("pgn", 1, False, True, False),
         ("mpnn", 1, True, True, True), ("gatv2", 1, False, False, False), ("gatv2", 2, False, False, True)]


@pytest.mark.parametrize(("kind", "heads", "gated", "mlp", "norm"), CASES)
def test_trained_processors_compute_clrs_equations(tmp_path: Path, kind: str, heads: int, gated: bool, mlp: bool,
                                                   norm: bool) -> None:
    arrays = drawn(kind, 3, 4, heads, gated=gated, mlp=mlp, norm=norm)
    save_file(arrays, tmp_path / "p.safetensors")
    module = load(tmp_path, {**HEAD, "processor": kind, "n": 5, "heads": heads, "gated": gated,
                             "parameters": "p.safetensors"})
    rng = np.random.default_rng(4)
    x = {p.name: rng.normal(size=p.type.shape) for p in module.entry.inputs}
    x["adj"] = (rng.random((5, 5)) < 0.5) | np.eye(5, dtype=bool)
    wanted = step(kind, arrays, x, heads, gated=gated)
    batch = {k: v[None] for k, v in x.items()}
    for found in (run(module, batch), circuitc.jit(module).run(batch)):
        assert np.abs(found["next_hidden"][0] - wanted).max() <= 2e-5 * max(1, np.abs(wanted).max())


@pytest.mark.parametrize(("change", "message"), [
    (lambda a: a.pop("net/aggr_clrs_processor/linear_2/w"), "needs the array m_e/w|m_e/w"),
    (lambda a: a.update({"linear/w": np.zeros((7, 4))}), "two arrays are m_1/w"),
    (lambda a: a.update({"linear_6/w": np.zeros((7, 4))}), "has no array linear_6/w"),
    (lambda a: a.update({"net/aggr_clrs_processor/linear_5/b": np.zeros(3)}), r"o2/b needs shape \[4\], got \[3\]"),
    (lambda a: a.update({"layer_norm/scale": np.zeros(4)}), r"layer_norm/offset needs shape \[4\]"),
    (lambda a: a.update({"net/aggr_clrs_processor/linear/w": np.zeros(4)}), "m_1/w needs shape"),
    (lambda a: a.clear(), "needs the array m_1/w and 11 more"),
])
def test_processors_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    arrays = drawn("mpnn", 3, 4)
    change(arrays)
    with pytest.raises(CircuitError, match=message):
        processor_of("mpnn", arrays)


def test_a_processor_says_what_it_is() -> None:
    module = build_processor(processor_of("gatv2", drawn("gatv2", 3, 4, 2), 2), 6)
    assert module.facts["gnn"] == {"processor": "gatv2", "n": 6, "hidden": 4, "features": 3, "heads": 2,
                                   "weights": 4 * 32 + 2 * 16 + 2 * 3}


@pytest.mark.parametrize(("kind", "weights", "most"), [("mpnn", 8, 0.08), ("pgn", 8, 0.08), ("gatv2", 8, 0.1),
                                                       ("pgn", 4, 0.35)])
def test_processors_in_few_bits(kind: str, weights: int, most: float) -> None:
    """W8A8 and W4A8 beside floats: masks of -1e6 and -1e9 leave the grids of what they mask alone."""
    rng, n = np.random.default_rng(0), 4
    arrays = {k: v / max(1, v.shape[0]) ** 0.5 if v.ndim > 1 else 0 * v for k, v in drawn(kind, 3, 4, 1).items()}
    module = build_processor(processor_of(kind, arrays), n)
    adj = (rng.random((60, n, n)) < 0.4) | np.eye(n, dtype=bool)
    data = {p.name: adj.astype(int) if p.type.is_bit else rng.uniform(-1, 1, (60, *p.type.shape)).astype(np.float32)
            for p in module.entry.inputs}
    small = run_passes(module, f"quantize{{weights=i{weights},activations=8}}", calibration=data)
    found = small.facts["passes"][0]["evidence"]["outputs"]["next_hidden"]
    assert found["rms_error"] < most * found["rms"]
