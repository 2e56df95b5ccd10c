"""The ladder on whole networks: rungs, evidence, facts; and what the trained networks of the shared data become."""

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats.boolearn import BOOLEARN, read_dat
from circuitc.ir import Graph, Module, parse_module, run, verify_module
from circuitc.passes import run_passes
from circuitc.passes.base import Context
from circuitc.passes.fit_thresholds import FitThresholds
from circuitc.passes.snap_thresholds import SnapThresholds

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "btf"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is absent")

# A bottleneck: the hidden neurons say (x0, not x0), so the output neurons see two patterns out of four.
BOTTLENECK = """
ccir 1 "net"
const #w : i3[2,2] = [[1, 0], [-1, 0]]
const #t : i2[2] = [0, 0]
const #u : i4[2,2] = [[3, 2], [5, -3]]
const #z : i4[2] = [4, 1]
func @net(%x: spin[2]) -> (%y: spin[2]) once {
  %h = threshold %x, #w, #t : spin[2]
  %y = threshold %h, #u, #z : spin[2]
  return %y
}
"""


def one_neuron(weights: list[int], threshold: int) -> Module:
    n = len(weights)
    return parse_module(f"""
ccir 1 "net"
const #w : i40[1,{n}] = [{weights}]
const #t : i40[1] = [{threshold}]
func @net(%x: spin[{n}]) -> (%y: spin[1]) once {{
  %y = threshold %x, #w, #t : spin[1]
  return %y
}}
""")


def spins(n: int) -> np.ndarray:
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1) * 2 - 1


def snap(module: Module, **options: Any) -> tuple[Module, dict[str, Any]]:
    context = Context()
    after = SnapThresholds(**options).apply(module, context)
    verify_module(after)
    return after, context.facts


@pytest.mark.parametrize(("weights", "threshold", "rung", "gate", "smallest"), [
    ([98, -2, 3], 1, "certified", "copy", [0, 1, 0, 0]),
    ([1, -99, 3], 2, "certified", "not", [0, 0, -1, 0]),
    ([101, 99, 4], 95, "certified", "and2", [1, 1, 1, 0]),
    ([101, -99, 4], -95, "certified", "or2", [-1, 1, -1, 0]),
    ([101, 99, 95], 3, "certified", "maj3", [0, 1, 1, 1]),
    ([101, 99, 95, 103, 98], 3, "certified", "maj5", [0, 1, 1, 1, 1, 1]),
    ([10, 11, 9, 10], 12, "certified", "3-of-4", [1, 1, 1, 1, 1]),
    ([10, 11, 9], 19, "integers", "and3", [2, 1, 1, 1]),
    ([-10, 11, 9], -19, "integers", "or3", [-2, -1, 1, 1]),
    ([20, 11, 9], 9, "integers", "threshold", [1, 2, 1, 1]),
    ([1, 2, 3], 7, "certified", "false", [1, 0, 0, 0]),
    ([1, 2, 3], -7, "certified", "true", [-1, 0, 0, 0]),
    ([0, 0], 0, "certified", "false", [1, 0, 0]),
    ([0, 0], -1, "certified", "true", [-1, 0, 0]),
    ([5, 5], 0, "certified", "and2", [1, 1, 1]),       # a tie answers -1, so this is an AND
    ([5, 5], -1, "certified", "or2", [-1, 1, 1]),
    ([7], 7, "certified", "false", [1, 0]),
    ([7], -7, "certified", "copy", [0, 1]),
])
def test_rungs(weights: list[int], threshold: int, rung: str, gate: str, smallest: list[int]) -> None:
    module = one_neuron(weights, threshold)
    after, facts = snap(module)
    row = facts["neurons"][0]
    assert (row["rung"], row["gate"], row["weights"]) == (rung, gate, smallest)
    x = spins(len(weights))
    assert np.array_equal(run(after, {"x": x})["y"], run(module, {"x": x})["y"])


def test_the_narrowest_types_and_the_same_object_twice() -> None:
    after, _ = snap(one_neuron([98, 3, 99, 101], 5))
    body = after.entry.body
    assert isinstance(body, Graph)
    assert [str(n.type) for n in body.nodes if n.is_constant] == ["i2[1,4]", "i2[1]"]
    assert snap(after)[0] is after


def test_other_thresholds_stay() -> None:
    module = parse_module("""
ccir 1 "net"
const #w : i40[1,2] = [[100, 101]]
const #t : i40[1] = [3]
func @net(%x: u4[2], %v: i40[1,2], %s: spin[2]) -> (%y: spin[1], %z: spin[1]) once {
  %y = threshold %x, #w, #t : spin[1]
  %z = threshold %s, %v, #t : spin[1]
  return %y, %z
}
""")
    after, facts = snap(module)
    assert after is module
    assert facts == {}


def test_weights_with_fractions() -> None:
    module = parse_module("""
ccir 1 "net"
const #w : fx<8,4>[1,3] = [[3, 48, 49]]
const #t : fx<8,6>[1] = [100]
func @net(%x: spin[3]) -> (%y: spin[1]) once {
  %y = threshold %x, #w, #t : spin[1]
  return %y
}
""")
    after, facts = snap(module)
    assert facts["neurons"][0]["gate"] == "and2"
    assert np.array_equal(run(after, {"x": spins(3)})["y"], run(module, {"x": spins(3)})["y"])


def test_reachable_patterns_make_smaller_gates() -> None:
    module = parse_module(BOTTLENECK)
    _, everywhere = snap(module)
    after, facts = snap(module, evidence="reachable")
    assert [row["rung"] for row in everywhere["neurons"]] == ["certified", "certified", "certified", "certified"]
    assert [row["gate"] for row in everywhere["neurons"]][2:] == ["and2", "copy"]
    assert [row["gate"] for row in facts["neurons"]][2:] == ["false", "copy"]
    assert [row["evidence"] for row in facts["neurons"]] == ["proved", "proved", "reachable", "proved"]
    assert np.array_equal(run(after, {"x": spins(2)})["y"], run(module, {"x": spins(2)})["y"])
    assert facts["summary"] == "4 neurons: 3 certified (3 copy), 1 exact on reachable patterns"


def test_too_many_inputs_to_reach_are_said() -> None:
    after, facts = snap(one_neuron([100] * 25, 0), evidence="reachable")
    assert facts["notes"] == ["@net has too many inputs to list, so its neurons are exact on all patterns"]
    assert facts["neurons"][0]["gate"] == "maj25"
    assert snap(after)[0] is after


def test_many_inputs_are_proved_without_listing_patterns() -> None:
    noise = np.random.default_rng(1).integers(-9, 10, 60)
    weights = noise.tolist()
    for place, weight in ((3, 2000), (10, 1010), (20, -1000), (30, 990)):
        weights[place] += weight
    _, facts = snap(one_neuron(weights, 7))
    row = facts["neurons"][0]
    assert (row["rung"], row["evidence"], row["sum"]) == ("integers", "proved", 5)
    _, facts = snap(one_neuron((1000 + 37 * np.arange(30) ** 2).tolist(), 12345))
    assert facts["neurons"][0]["rung"] == "kept"


def test_data_only_is_approximate_and_measured() -> None:
    assert not FitThresholds.exact
    weights = [101, 57, 33, 21, 13, 7]
    module = one_neuron(weights, 40)
    x = spins(6)[::7]
    after = run_passes(module, "fit-thresholds{above=8}", calibration={"x": x})
    record = after.facts["passes"][0]
    row = record["facts"]["neurons"][0]
    assert (record["exact"], row["rung"], row["evidence"]) == (False, "data", "measured")
    y, before = (run(m, {"x": spins(6)})["y"] for m in (after, module))
    assert np.array_equal(run(after, {"x": x})["y"], run(module, {"x": x})["y"])
    assert row["agreement"] == np.mean(y == before) < 1
    assert record["evidence"]["words_equal"] == row["agreement"]
    assert record["facts"]["summary"].startswith("1 neuron: 1 data only; ")


@pytest.mark.parametrize(("calibration", "message"), [
    (None, "needs calibration data"), ({"z": spins(2)}, "calibration data for the input x"),
    ({"x": spins(3)}, "takes shape"),
])
def test_calibration_that_does_not_fit(calibration: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        FitThresholds().apply(one_neuron([2, 3], 1), Context(calibration=calibration))


@pytest.mark.parametrize("number", [-1, 25, 1000])
def test_a_fanin_that_cannot_be_listed_is_refused(number: int) -> None:
    with pytest.raises(CircuitError, match="max_fanin"):
        SnapThresholds(max_fanin=number)


def trained(name: str) -> tuple[Module, np.ndarray, np.ndarray]:
    module = BOOLEARN.read(DATA / name)
    x = spins(module.entry.inputs[0].type.size)
    return module, x, run(module, {"x": x})["y"]


def rungs(facts: dict[str, Any]) -> Counter[str]:
    return Counter(row["rung"] for row in facts["neurons"])


@needs_data
def test_mul2_sigma3_is_certified_whole() -> None:
    module, x, y = trained("mul2_sigma3.sol")
    after, facts = snap(module)
    assert rungs(facts) == {"certified": 12}
    assert facts["census"] == {"copy": 4, "and/or": 7, "maj": 1}
    assert np.array_equal(run(after, {"x": x})["y"], y)


@needs_data
def test_mul2_sigma5_keeps_its_accuracy() -> None:
    module, x, y = trained("mul2_sigma5.sol")
    after, facts = snap(module)
    assert rungs(facts) == {"certified": 5, "integers": 4}
    assert max(row["sum"] for row in facts["neurons"]) <= 13
    assert np.array_equal(run(after, {"x": x})["y"], y)
    inputs, outputs = read_dat(DATA / "mul2.dat")
    assert np.array_equal(run(after, {"x": inputs})["y"], outputs)


@needs_data
def test_auto16_is_exact_on_all_inputs() -> None:
    module, x, y = trained("auto16.sol")
    after, facts = snap(module)
    # 15 pass boolearn's own certificate; the best scale for each neuron passes one more.
    assert rungs(facts) == {"certified": 16, "wide": 20}
    assert all(row["least_sum"] > 1000 for row in facts["neurons"][:4])
    assert np.array_equal(run(after, {"x": x})["y"], y)


@needs_data
def test_auto16_outputs_are_small_on_what_they_see() -> None:
    module, x, y = trained("auto16.sol")
    after, facts = snap(module, evidence="reachable")
    assert rungs(facts) == {"certified": 16, "wide": 4, "reachable": 16}
    assert max(abs(w) for row in facts["neurons"] if row["rung"] == "reachable" for w in row["weights"]) <= 2
    assert np.array_equal(run(after, {"x": x})["y"], y)


@needs_data
def test_auto16_data_only_says_how_far_it_is_off() -> None:
    module, x, y = trained("auto16.sol")
    inputs, outputs = read_dat(DATA / "auto16.dat")
    after = run_passes(module, "snap-thresholds{evidence=reachable},fit-thresholds", calibration={"x": inputs})
    record = after.facts["passes"][1]
    fitted = [row for row in record["facts"]["neurons"] if row["rung"] == "data"]
    assert [row["neuron"] for row in fitted] == [f"auto16.sol:neuron {n}" for n in range(17, 21)]
    assert all(0.6 < row["agreement"] < 0.9 for row in fitted)
    assert record["evidence"]["words_equal"] == np.mean(np.all(run(after, {"x": x})["y"] == y, axis=1)) < 0.5
    assert np.array_equal(run(after, {"x": inputs})["y"], outputs)


def test_every_pattern_of_a_small_network_is_kept() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        w, u = rng.integers(-30, 31, (4, 3)), rng.integers(-30, 31, (2, 4))
        t, z = rng.integers(-30, 31, 4), rng.integers(-30, 31, 2)
        module = parse_module(f"""
ccir 1 "net"
const #w : i8[4,3] = {w.tolist()}
const #t : i8[4] = {t.tolist()}
const #u : i8[2,4] = {u.tolist()}
const #z : i8[2] = {z.tolist()}
func @net(%x: spin[3]) -> (%y: spin[2]) once {{
  %h = threshold %x, #w, #t : spin[4]
  %y = threshold %h, #u, #z : spin[2]
  return %y
}}
""")
        x = np.array(list(product((-1, 1), repeat=3)))
        h = np.where(x @ w.T > t, 1, -1)
        wanted = np.where(h @ u.T > z, 1, -1)
        for evidence in ("all_inputs", "reachable"):
            assert np.array_equal(run(snap(module, evidence=evidence)[0], {"x": x})["y"], wanted)
