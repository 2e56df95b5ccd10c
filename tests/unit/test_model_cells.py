"""`model.json` of kinds `plrnn`, `cfc`, `ltc` and `egru`: arrays by name, options, and what is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import run, verify_module

RNG = np.random.default_rng(5)
LORENZ = Path(__file__).resolve().parents[2] / "examples" / "12_lorenz" / "lorenz.npz"


def normal(*shape: int) -> Any:
    return (RNG.standard_normal(shape) * 0.5).astype(np.float32)


def write(folder: Path, kind: str, **more: Any) -> Path:
    path = folder / "net.json"
    path.write_text(json.dumps({"schema": "circuitc.model/1", "kind": kind, "weights": "net.npz", **more}))
    return path


def save(folder: Path, arrays: dict[str, Any], prefix: str = "") -> None:
    named = {f"{prefix}{k}": np.ascontiguousarray(v) for k, v in arrays.items()}
    np.savez(folder / "net.npz", **named)
    save_file(named, folder / "net.safetensors")


def alrnn(units: int = 4, observed: int = 2) -> dict[str, Any]:
    return {"A": normal(units), "W": normal(units, units), "h": normal(units), "P": np.array(2),
            "L": normal(units - observed, observed), "z0": normal(units)}


def alrnn_step(p: dict[str, Any], z: Any) -> Any:
    phi = np.concatenate([z[:2], np.maximum(z[2:], 0)])
    return p["A"].astype(float) * z + p["W"].astype(float) @ phi + p["h"]


@pytest.mark.parametrize("file", ["net.npz", "net.safetensors"])
def test_an_alrnn_runs_on_its_own(tmp_path: Path, file: str) -> None:
    arrays = alrnn()
    save(tmp_path, arrays)
    module = circuitc.load(write(tmp_path, "plrnn", weights=file, steps=6, code="code", state="z"))
    verify_module(module)
    assert str(module.entry.schedule) == "iterate 6"
    assert [str(p.type) for p in module.entry.outputs] == ["f32[2]", "bit[2]", "f32[4]"]
    got, z = run(module, {}), arrays["z0"].astype(float)
    for t in range(6):
        assert got["code"][0, t].tolist() == (z[2:] > 0).astype(int).tolist()
        z = alrnn_step(arrays, z)
        assert np.allclose(got["z"][0, t], z, atol=1e-5)
        assert np.allclose(got["y"][0, t], z[:2], atol=1e-5)


def test_an_observation_starts_it_and_an_affine_readout_reads_it(tmp_path: Path) -> None:
    arrays = alrnn() | {"B": normal(3, 4), "b": normal(3)}
    save(tmp_path, arrays, "net.")
    module = circuitc.load(write(tmp_path, "plrnn", tensors="net", steps=1, start={"name": "x"}, readout="affine",
                                 returns="last"))
    x = normal(2)
    z = alrnn_step(arrays, np.concatenate([x, arrays["L"].astype(float) @ x]))
    assert np.allclose(run(module, {"x": x[None]})["y"][0], arrays["B"] @ z + arrays["b"], atol=1e-5)


def test_an_input_makes_it_a_stream(tmp_path: Path) -> None:
    arrays = alrnn() | {"C": normal(4, 3)}
    save(tmp_path, arrays)
    path = write(tmp_path, "plrnn", input={"name": "s", "shape": [3], "type": "i8", "scale": "1/64"}, relus=2)
    module = circuitc.load(path)
    assert (str(module.entry.schedule), str(module.entry.inputs[0].type)) == ("stream", "i8[3]")
    s, z = RNG.integers(-128, 128, (5, 3)), arrays["z0"].astype(float)
    got = run(module, {"s": s[None]})["y"][0]
    for t in range(5):
        z = alrnn_step(arrays, z) + arrays["C"].astype(float) @ s[t] / 64
        assert np.allclose(got[t], z[:2], atol=1e-5)


def cfc_arrays(inputs: int, hidden: int, width: int, mode: str = "default") -> dict[str, Any]:
    names = ("ff1",) if mode == "pure" else ("ff1", "ff2", "time_a", "time_b")
    arrays = {f"{n}.{k}": normal(*s) for n in names for k, s in (("weight", (hidden, width)), ("bias", (hidden,)))}
    return arrays | ({"w_tau": normal(1, hidden), "A": normal(1, hidden)} if mode == "pure" else {}) | {
        "sparsity_mask": RNG.integers(0, 2, (hidden, width)).astype(np.float32)}


def test_layers_of_a_wired_cfc_are_a_chain_and_masks_leave_weights_out(tmp_path: Path) -> None:
    parts = [cfc_arrays(2, 3, 5), cfc_arrays(3, 2, 5)]
    arrays = {f"rnn_cell.layer_{k}.{n}": a for k, part in enumerate(parts) for n, a in part.items()}
    save(tmp_path, arrays | {"fc.weight": normal(1, 2), "fc.bias": normal(1)})
    module = circuitc.load(write(tmp_path, "cfc", input={"shape": [2]}, tensors="rnn_cell", readout="fc"))
    x, h = normal(4, 2), [np.zeros(3), np.zeros(2)]
    got = run(module, {"x": x[None]})["y"][0]
    with np.load(tmp_path / "net.npz") as saved:
        fc = saved["fc.weight"], saved["fc.bias"]
    for t in range(4):
        u = x[t]
        for k, p in enumerate(parts):
            both = np.concatenate([u, h[k]])
            f1, f2 = (np.tanh((p[f"{f}.weight"] * p["sparsity_mask"]) @ both + p[f"{f}.bias"]) for f in ("ff1", "ff2"))
            share = 1 / (1 + np.exp(-sum(p[f"{f}.weight"] @ both + p[f"{f}.bias"] for f in ("time_a", "time_b"))))
            u = h[k] = f1 * (1 - share) + f2 * share
        assert np.allclose(got[t], fc[0] @ u + fc[1], atol=1e-5)


def test_the_backbone_is_as_deep_as_the_arrays_say(tmp_path: Path) -> None:
    arrays = {k: v for k, v in cfc_arrays(2, 3, 6, "pure").items() if k != "sparsity_mask"}
    for place, width in ((0, 5), (2, 6), (5, 6)):  # dropout behind the second moves the third
        arrays |= {f"backbone.{place}.weight": normal(6, width), f"backbone.{place}.bias": normal(6)}
    save(tmp_path, arrays)
    module = circuitc.load(write(tmp_path, "cfc", input={"shape": [2]}, mode="pure", timespans="dt", activation="relu"))
    assert [str(p.type) for p in module.entry.inputs] == ["f32[2]", "f32"]
    x, u = normal(2), None
    u = np.concatenate([x, np.zeros(3)])
    for place in (0, 2, 5):
        u = np.maximum(arrays[f"backbone.{place}.weight"] @ u + arrays[f"backbone.{place}.bias"], 0)
    f = arrays["ff1.weight"] @ u + arrays["ff1.bias"]
    wanted = arrays["A"][0] - arrays["A"][0] * np.exp(-0.3 * (np.abs(arrays["w_tau"][0]) + np.abs(f))) * f
    assert np.allclose(run(module, {"x": x[None, None], "dt": np.full((1, 1), 0.3)})["y"][0, 0], wanted, atol=1e-5)


def ltc_arrays(inputs: int, units: int) -> dict[str, Any]:
    found: dict[str, Any] = {n: np.abs(normal(units)) for n in ("gleak", "vleak", "cm")}
    for prefix, sources in (("", units), ("sensory_", inputs)):
        found |= {f"{prefix}{n}": np.abs(normal(sources, units)) for n in ("w", "sigma", "mu", "erev")}
    return found


def test_an_ltc_has_its_inner_steps(tmp_path: Path) -> None:
    save(tmp_path, ltc_arrays(2, 3))
    module = circuitc.load(write(tmp_path, "ltc", input={"shape": [2]}, unfolds=4, dt=0.5))
    assert sorted(module.funcs) == ["l0_unfold", "net"]
    assert np.isfinite(run(module, {"x": normal(1, 3, 2)})["y"]).all()


def test_an_egru_tells_its_events(tmp_path: Path) -> None:
    arrays = {"kernel": normal(2, 9), "recurrent_kernel": normal(3, 9), "bias": normal(9), "recurrent_bias": normal(9),
              "thr": np.array([-2, 0.1, 2], np.float32)}
    save(tmp_path, arrays)
    module = circuitc.load(write(tmp_path, "egru", input={"shape": [2]}, events="spikes"))
    got = run(module, {"x": normal(1, 5, 2)})
    assert got["spikes"][0, :, 0].all()
    assert not got["spikes"][0, :, 2].any()
    assert not got["y"][0][got["spikes"][0] == 0].any()


@pytest.mark.parametrize(("kind", "change", "more", "says"), [
    ("plrnn", {"W": None}, {"steps": 2}, "a alrnn network has an array W"),
    ("plrnn", {"W": normal(4, 3)}, {"steps": 2}, r"W has shape \[4, 3\]"),
    ("plrnn", {"h": normal(3)}, {"steps": 2}, r"h has shape \[3\], \[4\] is needed"),
    ("plrnn", {"P": None}, {"steps": 2}, "how many units have a relu"),
    ("plrnn", {"P": np.array(1.5)}, {"steps": 2}, "P is a whole number"),
    ("plrnn", {"P": np.array(9)}, {"steps": 2}, "P is 1 to 4, got 9"),
    ("plrnn", {}, {"steps": 2, "variant": "vanilla", "relus": 2}, "P is that of an alrnn"),
    ("plrnn", {}, {"steps": 2, "variant": "valina"}, "expected"),
    ("plrnn", {}, {}, "runs for a number of steps"),
    ("plrnn", {}, {"steps": 0}, "steps"),
    ("plrnn", {}, {"steps": 2, "observed": 5}, "1 to 4 observed numbers, got 5"),
    ("plrnn", {"L": None}, {"steps": 2, "start": {}}, "no array L"),
    ("plrnn", {"L": normal(3, 2)}, {"steps": 2, "start": {}}, r"L has shape \[3, 2\]"),
    ("plrnn", {}, {"input": {"shape": [2]}}, "no matrix for its input"),
    ("plrnn", {"C": normal(4, 3)}, {"input": {"shape": [2]}}, "reads 3 numbers a step, what comes in has 2"),
    ("plrnn", {"C": normal(4, 2)}, {"input": {"shape": [2]}, "steps": 3}, "as many steps as there are items"),
    ("plrnn", {"A": np.full(4, 1e39)}, {"steps": 2}, "beyond those of f32"),
    ("plrnn", {"A": np.full(4, np.nan)}, {"steps": 2}, "not a finite number"),
    ("plrnn", {}, {"steps": 2, "weights": "../net.npz"}, "net.npz"),
    ("plrnn", {}, {"steps": 2, "code": "y"}, "output %y stands twice"),
    ("cfc", {}, {"input": {"shape": [2]}}, "no array ff1.weight"),
    ("cfc", cfc_arrays(2, 3, 5), {"input": {"shape": [4]}}, "reads 2 numbers a step"),
    ("cfc", cfc_arrays(2, 3, 5), {"input": {"shape": [2]}, "dt": 0}, "above 0"),
    ("cfc", cfc_arrays(2, 3, 5), {"input": {"shape": [2]}, "readout": "fc"}, "no array fc.weight"),
    ("cfc", cfc_arrays(0, 3, 3), {"input": {"shape": [1]}}, "no input"),
    ("cfc", cfc_arrays(2, 3, 5) | {"lstm.input_map.weight": normal(2, 2)}, {"input": {"shape": [2]}}, "mixed memory"),
    ("cfc", cfc_arrays(2, 3, 5) | {"sparsity_mask": normal(2, 2)}, {"input": {"shape": [2]}}, "sparsity_mask has"),
    ("ltc", ltc_arrays(2, 3) | {"w": -np.ones((3, 3))}, {"input": {"shape": [2]}, "implicit": False}, "w has a number"),
    ("ltc", ltc_arrays(2, 3) | {"cm": None}, {"input": {"shape": [2]}}, "an LTC has an array cm"),
    ("ltc", ltc_arrays(2, 3), {"input": {"shape": [2]}, "name": "l0_unfold"}, "inner step already"),
    ("egru", {"kernel": normal(2, 9)}, {"input": {"shape": [2]}}, "no array recurrent_kernel"),
    ("egru", {"kernel": normal(2, 9), "recurrent_kernel": normal(3, 8), "bias": normal(9), "recurrent_bias": normal(9),
              "thr": normal(3)}, {"input": {"shape": [2]}}, "recurrent_kernel has shape"),
])
def test_bad_models_are_refused_in_a_line(tmp_path: Path, kind: str, change: dict[str, Any], more: dict[str, Any],
                                          says: str) -> None:
    arrays = (alrnn() if kind == "plrnn" else {}) | change
    np.savez(tmp_path / "net.npz", **{k: v for k, v in arrays.items() if v is not None}, other=np.zeros(1))
    with pytest.raises(CircuitError, match=says) as caught:
        circuitc.load(write(tmp_path, kind, **more))
    assert "\n" not in caught.value.diagnostics[0].message


def test_an_npz_of_a_network_needs_no_model_file(tmp_path: Path) -> None:
    arrays = alrnn() | {"steps": np.array(7)}
    save(tmp_path, arrays)
    module = circuitc.load(tmp_path / "net.npz")
    assert [str(p.type) for p in (*module.entry.inputs, *module.entry.outputs)] == ["f32[2]", "f32[2]", "bit[2]"]
    x = normal(2)
    z = np.concatenate([x, arrays["L"].astype(float) @ x])
    for row in run(module, {"x0": x[None]})["y"][0]:
        z = alrnn_step(arrays, z)
        assert np.allclose(row, z[:2], atol=1e-5)
    del arrays["L"], arrays["z0"], arrays["steps"]
    save(tmp_path, arrays)
    alone = circuitc.load(tmp_path / "net.npz")
    assert (alone.entry.inputs[0].name, str(alone.entry.schedule)) == ("z0", "iterate 1000")


def test_a_file_of_too_many_arrays_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for k in range((1 << 14) + 1):
            archive.writestr(f"A{k}.npy" if k else "A.npy", b"")
    with pytest.raises(CircuitError, match="holds 16385 arrays, at most 16384"):
        circuitc.load(path)


@pytest.mark.parametrize(("arrays", "says"), [
    ({"A": np.ones(2)}, "no arrays A and h"), ({"A": np.ones(2), "h": np.ones(2)}, "has an array W"),
    ({"A": np.ones(2), "h": np.ones(2), "W": np.ones((2, 2)), "steps": np.ones(2)}, "steps is one whole number"),
    ({"A": np.ones(2), "h": np.ones(2), "W": np.ones((2, 2)), "steps": np.array(0)}, "steps|1 to")])
def test_an_npz_of_something_else_is_refused(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(CircuitError, match=says):
        circuitc.load(tmp_path / "net.npz")
    whole = (tmp_path / "net.npz").read_bytes()
    (tmp_path / "net.npz").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(CircuitError):
        circuitc.load(tmp_path / "net.npz")


def test_a_chaotic_system_is_checked_on_its_first_steps(tmp_path: Path) -> None:
    """Float sums in another order are another trajectory after some hundred steps: no fault of the compiler."""
    shutil.copy(LORENZ, tmp_path / "net.npz")
    model = write(tmp_path, "plrnn", steps=500, start={}, code="code")
    build = circuitc.compile(model, target="llvm", vectors=16)
    assert "outputs of steps on the first 8" in json.dumps(build.certificate, default=str)
    with pytest.raises(CircuitError, match="float"):
        circuitc.compile(model, target="verilog", vectors=16)
