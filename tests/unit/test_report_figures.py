"""Figures of the report: goldens of small ones, colours, images, and wires against the interpreter."""

import base64
import os
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.bundle import map_json
from circuitc.backends.crossbar.cells import cells_csv, cells_of
from circuitc.backends.crossbar.design import Design, design_on
from circuitc.backends.crossbar.options import Options
from circuitc.diagnostics import CircuitError
from circuitc.driver import Wishes, prepare
from circuitc.ir import Module, parse_module, run
from circuitc.passes import sample_inputs
from circuitc.report.accuracy import read_accuracy
from circuitc.report.charts import CurvePoint, curve, histograms, stacked_bars
from circuitc.report.heatmap import Map, colours, heat_map
from circuitc.report.routing import draw_routing, too_large
from circuitc.report.svg import png, ticks
from circuitc.report.wiring import ELSEWHERE, wiring_of
from circuitc.simulation.crossbar.bundle import Bundle, read_bundle
from circuitc.simulation.crossbar.sweep import sized

GOLDENS = Path(__file__).resolve().parents[1] / "files" / "report"
EVIL = '<script>alert("1")</script>&\''
NETWORK = """
const #w : i2[2,4] = [[1, -1, 1, 0], [0, 1, 1, 1]]
const #t : i2[2] = [0, 1]
const #v : i2[1,3] = [[1, 1, -1]]
const #s : i2[1] = 0
func @net(%a: bit[2], %b: bit[2]) -> (%y: bit[2]) once {
  %u = convert %a : spin[2]
  %v1 = convert %b : spin[2]
  %x = concat %v1, %u : spin[4]
  %h = threshold %x, #w, #t : spin[2]
  %k = slice %u {start=[1], stop=[2]} : spin[1]
  %z = concat %h, %k : spin[3]
  %g = threshold %z, #v, #s : spin[1]
  %e = slice %h {start=[0], stop=[1]} : spin[1]
  %o = concat %g, %e : spin[2]
  %y = convert %o : bit[2]
  return %y
}
"""


def bundled(module: Module) -> Bundle:
    design = design_on(module, sized(Array.load("rram-128"), 8), Options(encoding="diff_pair"))
    return read_bundle({"map.json": map_json(design, {}), "cells.csv": table(design)})


def table(design: Design) -> bytes:
    cells, roles = cells_of(design)
    return cells_csv(cells, roles, design)


NUMBERS = """
const #w : i2[2,4] = [[1, -1, 1, 0], [0, 1, 1, 1]]
const #t : i2[2] = [0, 1]
const #order : u2[4] = [2, 0, 3, 1]
const #v : i2[2,4] = [[1, 1, -1, 1], [1, 0, 1, 1]]
const #two : u2[2] = 2
func @numbers(%n: u4, %m: u2[2]) -> (%y: spin[2], %z: i10[2]) once {
  %bits = unpack %n : bit[4]
  %mixed = gather %bits, #order : bit[4]
  %s = convert %mixed : spin[4]
  %y = threshold %s, #w, #t : spin[2]
  %k = mul %m, #two : u4[2]
  %a = slice %m {start=[0], stop=[1]} : u2[1]
  %b = slice %m {start=[1], stop=[2]} : u2[1]
  %sum = add %a, %b : u3[1]
  %wide = convert %sum : u4[1]
  %first = convert %a : u4[1]
  %x = concat %wide, %k, %first : u4[4]
  %c = contract #v, %x {spec="ij,j->i"} : i10[2]
  return %y, %c
}
"""


@pytest.fixture(scope="module")
def network() -> tuple[Module, Bundle]:
    module = prepare(parse_module(NETWORK), "crossbar", Wishes(verify=False, passes="partition"))[1]
    return module, bundled(module)


@pytest.fixture(scope="module")
def numbers() -> tuple[Module, Bundle]:
    module = prepare(parse_module(NUMBERS), "crossbar", Wishes(verify=False, passes="partition"))[1]
    return module, bundled(module)


def golden(name: str, text: str) -> None:
    """Compare with a golden file; CIRCUITC_GOLDENS=1 writes it."""
    path = GOLDENS / name
    if os.environ.get("CIRCUITC_GOLDENS"):
        path.write_text(text)
    assert text == path.read_text()
    ET.fromstring(text)


def test_small_figures_are_as_they_were(network: tuple[Module, Bundle]) -> None:
    module, bundle = network
    golden("heat.svg", heat_map(Map("error", "%", np.array([[1.0, -2.0], [np.nan, 0.0]]), 3, 5, True, ((1, 0),))))
    golden("margins.svg", histograms("3 outputs", "steps", {"on target": [0.4, 0.4], "window": [-0.1, 0.2]}, 0.0))
    golden("curve.svg", curve("right", "sigma", [CurvePoint(0, 100, None), CurvePoint(0.2, 90, 4.5)]))
    golden("bars.svg", stacked_bars("energy", {"a": {"DAC": 1.0, "ADC": 3.0}, "b": {}}, "pJ", ("DAC", "ADC")).file())
    wiring = wiring_of(module, bundle.map)
    assert wiring is not None
    assert not too_large(bundle)
    golden("routing.svg", draw_routing(bundle, wiring))


def test_texts_are_escaped_wherever_they_go() -> None:
    figures = [heat_map(Map(EVIL, EVIL, np.ones((2, 2)))), histograms(EVIL, EVIL, {EVIL: [1.0]}, 0.0),
               curve(EVIL, EVIL, [CurvePoint(0, 100, 1)]),
               stacked_bars(EVIL, {EVIL: {EVIL: 1.0}}, EVIL, (EVIL,)).file()]
    for figure in figures:
        assert "<script" not in figure
        assert not any(e.tag.endswith("script") for e in ET.fromstring(figure).iter())


def test_images_hold_their_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 4)).astype(np.uint8)
    content = base64.b64decode(png(pixels).partition(",")[2])
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    at, found = 8, {}
    while at < len(content):
        (size,) = struct.unpack(">I", content[at:at + 4])
        kind, body = content[at + 4:at + 8], content[at + 8:at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
        found[kind] = body
        at += 12 + size
    assert struct.unpack(">II", found[b"IHDR"][:8]) == (3, 5)
    lines = np.frombuffer(zlib.decompress(found[b"IDAT"]), dtype=np.uint8).reshape(5, -1)
    np.testing.assert_array_equal(lines[:, 1:].reshape(5, 3, 4), pixels)


def test_large_maps_are_one_image_and_small_ones_tell_their_values() -> None:
    assert "<image" in heat_map(Map("t", "S", np.ones((64, 64))))
    small = heat_map(Map("t", "S", np.array([[0.25]]), 7, 9))
    assert "<title>wordline 7, bitline 9: 0.25 S</title>" in small


def test_colours_rise_in_lightness_and_part_about_zero() -> None:
    light = colours(np.linspace(0, 1, 50), 0, 1, False)[:, :3].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(light) > 0)
    low, middle, high = colours(np.array([-1.0, 0.0, 1.0]), -1, 1, True)[:, :3].astype(int)
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert middle.min() > 230
    assert colours(np.array([np.nan]), 0, 1, False)[0, 3] == 0


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.7, 0.4), (0, 1e-9), (0, 0), (99, 100)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-12 <= t <= high * (1 + 1e-9) + 1e-12 for t in found)


@pytest.mark.parametrize("which", ["network", "numbers"])
def test_wires_carry_what_the_interpreter_sees(which: str, request: pytest.FixtureRequest) -> None:
    """Each input of a region is the very bit that the wiring says drives it, on random inputs."""
    module, bundle = request.getfixturevalue(which)
    wiring = wiring_of(module, bundle.map)
    assert wiring is not None
    inputs = sample_inputs(module.entry, 32, np.random.default_rng(0))
    values = {name: np.asarray(v).reshape(32, -1) for name, v in inputs.items()}
    seen: dict[str, np.ndarray] = {}

    def watched(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        answer = run(module, given, name)
        seen[name], values[name] = np.asarray(given["x"]), np.asarray(answer["y"])
        return answer

    def driven(source: int) -> np.ndarray:
        said = wiring.sources[source]
        v = values[said.owner][:, said.index]
        return v > 0 if said.bit < 0 else v >> said.bit & 1

    outputs = run(module, inputs, stand_ins={r.func: partial(watched, r.func) for r in bundle.map.regions})
    for func, ids in wiring.regions.items():
        assert which == "numbers" or not (wiring.changed[func].any() or ELSEWHERE in ids)
        for k, source in enumerate(ids.tolist()):
            if source != ELSEWHERE and not wiring.changed[func][k]:
                np.testing.assert_array_equal(seen[func][:, k] > 0, driven(source))
    for k, source in enumerate(wiring.outputs["y"].tolist()):
        np.testing.assert_array_equal(np.asarray(outputs["y"])[:, k] > 0, driven(source))


def test_arithmetic_between_is_marked(numbers: tuple[Module, Bundle]) -> None:
    module, bundle = numbers
    wiring = wiring_of(module, bundle.map)
    assert wiring is not None
    threshold, product = (r.func for r in bundle.map.regions)
    assert [wiring.sources[k].name for k in wiring.regions[threshold]] == ["n[0].2", "n[0].0", "n[0].3", "n[0].1"]
    assert not wiring.changed[threshold].any()
    said = [wiring.sources[k].name if k != ELSEWHERE else "" for k in wiring.regions[product].tolist()]
    assert said == ["", "m[0]", "m[1]", "m[0]"]
    assert wiring.changed[product].tolist()[1:] == [True, True, True]


@pytest.mark.parametrize(("text", "says"), [
    ("{", "is not JSON"), ("[]", "schema"), ('{"schema": "circuitc.accuracy/1"}', "has no rows"),
    ('{"schema": "circuitc.accuracy/1", "rows": [{"what": "x"}]}', "rows[0]"),
    ('{"schema": "circuitc.accuracy/1", "rows": [{"what": "x", "amount": -1, "mean": 1, "half": 0, "seeds": 2}]}',
     "not below 0"), ("[" * 100000, "is not JSON")])
def test_bad_files_of_accuracies_are_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CircuitError) as caught:
        read_accuracy(tmp_path / "a.json")
    assert says in str(caught.value)
