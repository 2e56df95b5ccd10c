"""The model of cost: exact counts, the anchors of its sources, and what they leave open."""

from dataclasses import replace
from math import log10

import numpy as np
import pytest

import circuitc
from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.blocks import PRESETS
from circuitc.backends.crossbar.bundle import map_json
from circuitc.backends.crossbar.design import Design, design_on
from circuitc.backends.crossbar.options import Options
from circuitc.backends.crossbar.sections import Energy
from circuitc.diagnostics import CircuitError
from circuitc.driver import Wishes, prepare
from circuitc.ir import Module, parse_module
from circuitc.report.costs import cost_json, cost_lines, sweep_figure, sweep_json, sweep_lines
from circuitc.simulation.crossbar.cost import Cost, estimate
from circuitc.simulation.crossbar.schema import read_map
from circuitc.simulation.crossbar.sweep import sized, sweep

GATES = """
const #w : i2[2,3] = [[1, -1, 1], [1, 1, 1]]
const #t : i2[2] = [0, 1]
func @gates(%x: spin[3]) -> (%y: spin[2]) once {
  %y = threshold %x, #w, #t : spin[2]
  return %y
}
"""


def partitioned(text: str) -> Module:
    return prepare(parse_module(text), "crossbar", Wishes(verify=False))[1]


def product(weights: np.ndarray, of: str = "u1") -> Module:
    rows = ", ".join("[" + ", ".join(map(str, row)) + "]" for row in weights.tolist())
    outputs, inputs = weights.shape
    bits = int(np.abs(weights).sum(1).max()).bit_length() + 1 + 16 * (of != "u1")
    return partitioned(f"const #w : u1[{outputs},{inputs}] = [{rows}]\n"
                       f"func @m(%x: {of}[{inputs}]) -> (%y: u{bits}[{outputs}]) once {{\n"
                       f'  %y = contract #w, %x {{spec="ij,j->i"}} : u{bits}[{outputs}]\n  return %y\n}}\n')


def costed(design: Design) -> Cost:
    levels = [t.level for m in design.regions for t in m.mapped.tiles]
    return estimate(read_map(map_json(design, {}), "map.json"), levels, design.array)


def on(array: Array, preset: str) -> Array:
    return replace(array, energy=Energy(preset))


def test_a_full_tile_of_isaac_costs_what_its_blocks_add_up_to() -> None:
    """128 wordlines, 128 conversions of 8 bits: 30 pJ of array, 50 of drivers, 128 x 1.56 of converters."""
    weights = np.ones((128, 128), dtype=np.int64)
    ideal = replace(sized(Array.load("ideal-64"), 128))
    (tile,) = costed(design_on(product(weights), ideal, Options(encoding="single"))).tiles
    assert len(tile.work.conversions) == 128
    assert tile.work.driven == 128
    assert {d.bits for d in tile.work.conversions} == {8}
    picojoule = {kind: 1e12 * (part.joule or 0) for kind, part in tile.parts.items()}
    assert picojoule["array"] == pytest.approx(30)
    assert picojoule["driver"] == pytest.approx(128 * 0.39)
    assert picojoule["adc"] == pytest.approx(128 * 2.0e-3 / 1.28e9 * 1e12)
    assert picojoule["array"] + picojoule["driver"] + picojoule["adc"] == pytest.approx(280, abs=0.2)
    assert tile.bound == "adc"
    assert tile.why.startswith("ADC-bound: 70% of the energy; ADC 9")
    assert tile.parts["adc"].mm2 == pytest.approx(1.2e-3)
    assert tile.parts["adc"].mm2 == pytest.approx(48 * (tile.parts["array"].mm2 or 0))
    assert tile.seconds == pytest.approx(100e-9 + 128 / 1.28e9)


def test_reads_multiply_and_gates_need_no_converter() -> None:
    weights = np.eye(4, dtype=np.int64)
    array = sized(Array.load("rram-128"), 16)
    once, four = (costed(design_on(product(weights, of), array, Options(encoding="single"))) for of in ("u1", "u4"))
    assert [t.work.reads for t in (*once.tiles, *four.tiles)] == [1, 4]
    assert four.joule == pytest.approx(4 * once.joule)
    assert four.seconds == pytest.approx(4 * once.seconds)
    assert four.mm2 == pytest.approx(once.mm2)
    (tile,) = costed(design_on(partitioned(GATES), array, Options(encoding="diff_pair"))).tiles
    assert (len(tile.work.conversions), len(tile.work.comparisons), tile.work.devices) == (0, 2, 12)
    assert tile.parts["adc"].joule == tile.parts["adc"].mm2 == tile.parts["shift_add"].joule == 0.0


def test_converters_follow_their_sources() -> None:
    """NeuroSim: (0.538 log2 L + 4.3753) uW + 0.0723 exp(-2.303 log10 R) W, for (log2 L + 1) ns."""
    (sar,) = PRESETS["neurosim-22nm"].converters
    for bits, ohm in ((5, 1500.0), (1, 1e5)):
        watt = 1e-6 * (0.538 * bits + 4.3753) + 0.0723 * np.exp(-2.303 * log10(ohm))
        assert sar.joule(bits, 1 / ohm) == pytest.approx(watt * (bits + 1) * 1e-9, rel=1e-3)
    assert PRESETS["neurosim-22nm"].comparator.joule(1, 1e-5) == pytest.approx(sar.joule(1, 1e-5), rel=1e-4)
    mnsim = PRESETS["mnsim-256"]
    assert [mnsim.converter(bits).most_bits for bits in (1, 6, 7, 10)] == [6, 6, 8, 10]   # type: ignore[union-attr]
    assert mnsim.converter(11) is None


def test_what_a_source_does_not_give_is_named_and_not_made_up() -> None:
    design = design_on(product(np.eye(4, dtype=np.int64)), on(sized(Array.load("rram-128"), 8), "neurosim-22nm"),
                       Options(encoding="single"))
    cost = costed(design)
    assert cost.tiles[0].parts["driver"].joule is None
    assert set(cost.missing("joule")) == {"driver", "sample_hold", "shift_add"}
    text = "\n".join(cost_lines(cost))
    assert "model estimate, preset neurosim-22nm; nothing of it was measured" in text
    assert "without the energy of DAC, sample and hold, shift and add: the preset has no figure" in text
    said = cost_json(cost)
    assert said["label"] == "model estimate, preset neurosim-22nm"
    assert said["measured"] is False
    ohmic = 0.5 * cost.tiles[0].work.siemens * design.array.device.v_read ** 2 * 10e-9
    assert cost.tiles[0].parts["array"].joule == pytest.approx(ohmic)


def test_every_block_has_a_source() -> None:
    for preset in PRESETS.values():
        assert preset.read_source
        for block in (preset.array, preset.driver, preset.sample_hold, preset.shift_add, preset.comparator,
                      *preset.converters):
            assert block.source


def test_a_sweep_compares_what_fits_and_says_why_others_do_not() -> None:
    points = list(sweep(partitioned(GATES), Array.load("rram-128"), encodings=["diff_pair", "single", "offset"],
                        sizes=[3, 8]))
    assert [bool(p.refused) for p in points] == [False, True, True, False, True, False]
    assert "negative weights" in points[1].refused
    assert "needs 2 columns" in points[2].refused
    small, large = points[0], points[3]
    assert small.counts["tiles"] > large.counts["tiles"] == 1
    assert large.counts["certified_nominal"] == large.counts["outputs"] == 2
    text = "\n".join(sweep_lines(points))
    assert "model estimate, preset isaac-32nm; nothing of them was measured" in text
    assert text.count("\n") >= 8
    assert [p["size"] for p in sweep_json(points)["points"]] == [3, 3, 3, 8, 8, 8]
    assert "(model estimate, preset isaac-32nm)" in sweep_figure(points).file()


@pytest.mark.parametrize(("encodings", "sizes", "says"), [
    (["dif_pair"], [8], "did you mean diff_pair"), (["single"], [0], "sizes are 1 to 512"),
    (["single"], [1024], "tiles of 1024 x 1024 are not swept")])
def test_wrong_sweeps_are_refused(encodings: list[str], sizes: list[int], says: str) -> None:
    with pytest.raises(CircuitError) as caught:
        list(sweep(partitioned(GATES), Array.load("rram-128"), encodings=encodings, sizes=sizes))
    assert says in "".join(d.message + d.help for d in caught.value.diagnostics)


def test_a_model_without_regions_has_nothing_to_sweep() -> None:
    module = parse_module("func @f(%x: bit) -> (%y: bit) once {\n  return %x\n}")
    with pytest.raises(CircuitError, match="no threshold and no product"):
        list(sweep(circuitc.run_passes(module, "partition"), Array.load("rram-128"), encodings=["single"], sizes=[8]))
