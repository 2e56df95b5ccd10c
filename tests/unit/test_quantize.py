"""Quantization: layers, formats, thresholds, registers, sensitivity, budgets; and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.data import read_calibration
from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    F32,
    STREAM,
    Builder,
    Constant,
    Func,
    Graph,
    Module,
    Port,
    Register,
    decode,
    encode,
    module_of,
    parse_type,
    run,
)
from circuitc.passes import run_passes
from circuitc.passes.quantization.fold_scales import fold_scales
from circuitc.passes.quantization.grids import GridChoice, Statistics
from circuitc.passes.quantization.number_formats import parse_activations, parse_weights
from circuitc.passes.quantization.weights import WeightChoice

RNG = np.random.default_rng(5)
X = RNG.normal(size=(200, 6)).astype(np.float32)


def constant(b: Builder, array: Any, name: str = "c") -> int:
    array = np.asarray(array, np.float32)
    return b.constant(Constant(F32.with_shape(array.shape), array), name)


def two_layers(seed: int = 0) -> Module:
    """6-5-3 with a normalisation (negative factors among them) and a relu; logits and class."""
    rng, b = np.random.default_rng(seed), Builder()
    x = b.input("x", F32.with_shape((6,)))
    h = b.apply("contract", constant(b, rng.normal(size=(5, 6)), "w1"), x, spec="ij,j->i", name="fc1")
    h = b.apply("mul", b.apply("add", h, constant(b, rng.normal(size=5))), constant(b, rng.normal(size=5)), name="bn")
    h = b.apply("max", h, constant(b, np.zeros(5)))
    y = b.apply("contract", constant(b, rng.normal(size=(3, 5)), "w2"), h, spec="ij,j->i", name="fc2")
    c = b.apply("argmax", y, axis=0)
    return module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)), Port("c", b.type(c))), b.finish([y, c])))


def facts(module: Module) -> Any:
    return module.facts["passes"][0]["facts"]


def graph(module: Module) -> Graph:
    assert isinstance(module.entry.body, Graph)
    return module.entry.body


def test_ports_carry_the_scale_so_that_real_numbers_still_go_in_and_out() -> None:
    text = "quantize{scales=arbitrary,scheme=affine,activations=12,weights=i12}"
    module = run_passes(two_layers(), text, calibration={"x": X})
    port, y = module.entry.inputs[0], module.entry.outputs[0]
    assert port.encoding.scale != 1
    got = decode(y, run(module, {"x": encode(port, np.clip(X, X.min(), X.max()))})["y"])
    assert np.abs(got - run(two_layers(), {"x": X})["y"]).max() < 0.05


@pytest.mark.parametrize("low", [-0.131, -0.275, -0.286, -0.327, -0.523])
def test_products_of_values_on_grids_whose_zero_times_scale_is_rounded(low: float) -> None:
    b = Builder()
    x, z = (b.input(name, F32.with_shape((2,))) for name in "xz")
    y = b.apply("mul", x, z)
    ports = tuple(Port(name, b.type(x)) for name in "xz")
    module = module_of(Func("f", ports, (Port("y", b.type(y)),), b.finish([y])))
    data = {"x": np.array([[low, 1.0]], np.float32), "z": np.array([[-1.0, 1.0]], np.float32)}
    small = run_passes(module, "quantize{scales=arbitrary,scheme=affine}", calibration=data)
    raw = run(small, {p.name: encode(p, data[p.name] / 2) for p in small.entry.inputs})["y"]
    assert np.abs(decode(small.entry.outputs[0], raw) - data["x"] * data["z"] / 4).max() < 0.02


def test_names_of_layers_stay_and_settings_are_by_name() -> None:
    text = 'quantize{layers="fc1:weights=i3,activations=5;fc2:weights=ternary,granularity=tensor"}'
    rows = facts(run_passes(two_layers(), text, calibration={"x": X}))["layers"]
    assert [(r["layer"], r["weights"], r["weight_bits"]) for r in rows] == [("fc1", "i3", 90), ("fc2", "ternary", 30)]
    assert rows[0]["activations"].startswith("fx<5")


def test_a_normalisation_goes_into_the_weights_before_it() -> None:
    before = graph(two_layers())
    folded = fold_scales(before)
    assert [n.name for n in folded.nodes if n.op == "mul"] == []
    module = two_layers()
    got = run(module.with_func(module.entry.with_body(folded)), {"x": X})
    assert np.allclose(got["y"], run(module, {"x": X})["y"], atol=1e-4)
    assert {"fc1", "fc2"} <= {n.name for n in folded.nodes}


def test_normalisation_and_sign_are_integer_thresholds_flipped_where_gamma_is_negative() -> None:
    b = Builder()
    x = b.input("x", F32.with_shape((2,)))
    s = b.apply("contract", constant(b, [[0.5, 0.25], [0.5, 0.25], [0.25, -0.5]]), x, spec="ij,j->i", name="fc")
    s = b.apply("add", b.apply("mul", s, constant(b, [2.0, -2.0, 0.0])), constant(b, [0.3, 0.3, 0.1]))
    bit = b.apply("lt", constant(b, np.zeros(3)), s, name="positive")
    module = module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(bit)),), b.finish([bit])))
    grid = np.stack(np.meshgrid(*[np.arange(-8, 8) / 4] * 2), -1).reshape(-1, 2).astype(np.float32)
    q = run_passes(module, 'quantize{weights="fx<4,2>",inputs=fx<6,2>,activations=8}', calibration={"x": grid})
    ops = [n.op for n in graph(q).nodes if n.op not in ("constant", "input")]
    assert ops == ["contract", "lt", "xor"]
    raw = encode(q.entry.inputs[0], grid)
    assert np.array_equal(run(q, {"x": raw})["y"], run(module, {"x": grid})["y"])  # nothing is lost here


def test_registers_become_integers() -> None:
    b = Builder()
    x, h = b.input("x", F32.with_shape((3,))), b.input("h", F32.with_shape((2,)))
    w, u = constant(b, RNG.normal(size=(2, 3))), constant(b, RNG.normal(size=(2, 2)) / 2)
    total = b.apply("add", b.apply("contract", w, x, spec="ij,j->i", name="ih"),
                    b.apply("contract", u, h, spec="ij,j->i", name="hh"))
    new = b.apply("tanh", total, type=F32)
    start = Constant(F32.with_shape((2,)), np.zeros(2))
    func = Func("rnn", (Port("x", b.type(x), "step"),), (Port("y", b.type(new), "step"),), b.finish([new, new]),
                (Register("h", b.type(h), start),), STREAM)
    data = {"x": RNG.normal(size=(20, 7, 3)).astype(np.float32)}
    q = run_passes(module_of(func), "quantize{activations=10,weights=i10}", calibration=data)
    assert q.entry.registers[0].type.is_exact
    assert q.facts["passes"][0]["evidence"]["outputs"]["y"]["max_error"] < 0.05


@pytest.mark.parametrize("bits", [7, 9])
def test_pieces_compute_what_their_error_was_found_for(bits: int) -> None:
    b = Builder()
    x = b.input("x", F32.with_shape((1,)))
    y = b.apply("tanh", x, type=F32)
    module = module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y])))
    data = {"x": np.linspace(-3, 3, 101, dtype=np.float32)[:, None]}
    text = f"quantize{{inputs={bits},activations=8,functions={bits},table=6,outputs=8}}"
    q = run_passes(module, text, calibration=data)
    found = facts(q)["functions"][0]
    assert found["form"] == "pieces"
    raw = np.arange(-(1 << (bits - 1)), 1 << (bits - 1))[:, None]
    port, out = q.entry.inputs[0], q.entry.outputs[0]
    error = np.abs(decode(out, run(q, {"x": raw})["y"]) - np.tanh(decode(port, raw)))
    highest = float(decode(out, np.array(out.type.highest)))
    inside = np.abs(np.tanh(decode(port, raw))) <= highest
    assert error[inside].max() <= found["max_error"] + 1e-9


def test_sensitivity_lists_each_layer_alone_the_worst_first() -> None:
    rows = facts(run_passes(two_layers(), 'quantize{layers="fc2:weights=binary"}', calibration={"x": X}))["sensitivity"]
    assert [r["layer"] for r in rows] == ["fc2", "fc1"]
    assert rows[0]["error"] > rows[1]["error"] > 0


def test_budget_of_bits_is_kept_and_does_not_depend_on_the_run() -> None:
    runs = [run_passes(two_layers(), 'quantize{budget="bits=200"}', calibration={"x": X}) for _ in range(2)]
    assert facts(runs[0])["budget"] == facts(runs[1])["budget"]
    assert sum(r["weight_bits"] for r in facts(runs[0])["layers"]) <= 200


def test_budget_of_accuracy_saves_bits_and_keeps_the_accuracy() -> None:
    labels = run(two_layers(), {"x": X})["c"]
    q = run_passes(two_layers(), 'quantize{budget="accuracy=0.9",weights=i16}', calibration={"x": X, "labels": labels})
    assert facts(q)["budget"]["accuracy"] >= 0.9
    assert facts(q)["budget"]["bits"] < 16 * 45
    assert q.facts["passes"][0]["evidence"]["outputs"]["c"]["accuracy_before"] == 1.0


@pytest.mark.parametrize(("options", "says"), [
    ("weights=i17", "weights are i1 to i16"), ("activations=f32", "activations are 1 to 16"),
    ("activations=i1", "activations are 1 to 16"), ('layers="fc9:weights=i4"', "there is no layer fc9"),
    ('layers="fc1"', "layers are written"), ('layers="fc1:colour=red"', "a layer has weights"),
    ('budget="bits=1"', "less than binary weights need"), ('budget="speed=3"', "a budget is"),
    ('budget="accuracy=0.9"', "needs the array labels"), ("multiplier=99", "multiplier is 4 to 32"),
    ("percentile=20.0", "percentile is above 50")])
def test_refuses(options: str, says: str) -> None:
    with pytest.raises(CircuitError, match=says):
        run_passes(two_layers(), f"quantize{{{options}}}", calibration={"x": X})


def test_needs_calibration_data_that_fits() -> None:
    for data, says in ((None, "needs calibration data"), ({"x": X[:, :3]}, "takes shape"), ({}, "for the input x"),
                       ({"x": X * np.nan}, "not finite")):
        with pytest.raises(CircuitError, match=says):
            run_passes(two_layers(), "quantize", calibration=data)


def test_exact_programs_stay() -> None:
    q = run_passes(two_layers(), "quantize", calibration={"x": X})
    assert run_passes(q, "quantize").entry is q.entry


def test_labels_come_with_calibration_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X, labels=np.zeros(200, np.int64))
    data = read_calibration(tmp_path / "data.npz", two_layers().entry)
    assert set(data) == {"x", "labels"}


def test_grids_and_weights_hold_what_they_should() -> None:
    choice = GridChoice("arbitrary", "affine", "minmax", 99.9)
    grid = choice.choose(parse_activations("8"), Statistics(-1.0, 3.0, np.zeros(1)))
    assert grid.real(grid.raw(0.0)) == 0.0
    assert np.abs(grid.real(grid.raw(np.array([-1.0, 3.0]))) - [-1.0, 3.0]).max() <= grid.step / 2 + 1e-12
    real = RNG.normal(size=(4, 9))
    for text, levels in (("binary", 2), ("ternary", 3), ("i4", 15)):
        weights = WeightChoice("arbitrary", "symmetric", "minmax").quantize(parse_weights(text), real, (0,))
        assert len(np.unique(weights.raw)) <= levels
        assert weights.scale.shape == (4, 1)
    fine = WeightChoice("arbitrary", "affine", "minmax").quantize(parse_weights("i8"), real, (0,))
    assert (np.abs(fine.real - real) <= fine.scale * 0.5001 + 1e-12).mean() > 0.95


def masked_maximum(number: float, kind: str = "max") -> Module:
    b = Builder()
    x, keep = b.input("x", F32.with_shape((4, 3))), b.input("keep", parse_type("bit[4,3]"))
    chosen = b.apply("select", keep, x, b.number(F32.with_shape((4, 3)), number))
    y = b.apply("reduce", chosen, kind=kind, axes=(0,), name="best")
    return module_of(Func("f", (Port("x", b.type(x)), Port("keep", b.type(keep))), (Port("y", b.type(y)),),
                          b.finish([y])))


@pytest.mark.parametrize(("kind", "number"), [("max", -1e6), ("min", 1e9)])
def test_the_number_of_a_mask_does_not_spoil_the_grid(kind: str, number: float) -> None:
    rng = np.random.default_rng(0)
    keep = rng.integers(0, 2, (200, 4, 3))
    keep[:, 0] = 1
    data = {"x": rng.uniform(-3, 3, (200, 4, 3)).astype(np.float32), "keep": keep}
    model = masked_maximum(number, kind)
    after = run_passes(model, "quantize{activations=8}", calibration=data)
    assert after.facts["passes"][0]["evidence"]["outputs"]["y"]["max_error"] < 0.03     # half a step of 2**-5, twice
    # where the number does come out, it is a number like others
    data["keep"] = np.zeros_like(keep)
    after = run_passes(model, "quantize{activations=8}", calibration=data)
    none = run(after, {name: np.zeros((1, 4, 3), int) for name in ("x", "keep")})["y"]
    assert np.allclose(decode(after.entry.outputs[0], none), number, rtol=0.01)
