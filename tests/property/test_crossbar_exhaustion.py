"""Certificates against brute force: every input of whole nets, through the wires, at targets and in windows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_type, smallest
from circuitc.passes import run_passes
from circuitc.simulation.crossbar.bundle import Bundle, read_bundle
from circuitc.simulation.crossbar.corners import hostile_corner, random_corner, wordline_states
from circuitc.simulation.crossbar.exhaustion import Tried, exhausted
from circuitc.simulation.ngspice import spice_currents
from circuitc.tools import find_tool

HARDWARE = """schema = "circuitc.array/1"
[array]
rows = {size}
cols = {size}
[device]
r_on_ohm = 1e4
r_off_ohm = {off}
window_rel = {window}
[wire]
r_wl_ohm = {wire}
r_bl_ohm = {wire}
"""
ENCODINGS = ("diff_pair", "dual_rail", "offset")


def constant(values: Any) -> Constant:
    kind = smallest(min(0, int(values.min())), max(1, int(values.max())))
    return Constant(kind.with_shape(values.shape), values)


def net(rng: np.random.Generator, most: int = 16) -> Module:
    """A layer of gates with weights -1, 0, 1, then one of sums of larger ones."""
    inputs, gates = rng.integers(2, most + 1, 2).tolist()
    b = Builder()
    x = b.input("x", parse_type(f"spin[{inputs}]"))
    w, limits = rng.integers(-1, 2, (gates, inputs)), rng.integers(-inputs // 3, inputs // 3 + 1, gates)
    h = b.apply("threshold", x, b.constant(constant(w)), b.constant(constant(limits)))
    y = b.apply("contract", h, b.constant(constant(rng.integers(-3, 4, (3, gates)))), spec="j,ij->i")
    func = Func("net", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    return run_passes(module_of(func), "partition", check=None)


def bundle_of(module: Module, folder: Path, encoding: str, off: float, window: float, wire: float, size: int = 32,
              ) -> Bundle:
    path = folder / "a.toml"
    path.write_text(HARDWARE.format(size=size, off=off, window=window, wire=wire))
    design = CROSSBAR.build(module, {"array": str(path), "periphery": "false", "encoding": encoding})
    return read_bundle(CROSSBAR.emit(design).files)


def random_bundle(seed: int, folder: Path) -> Bundle:
    rng = np.random.default_rng(seed)
    return bundle_of(net(rng), folder, str(rng.choice(ENCODINGS)), rng.choice([2e4, 1e5, 1e6]),
                     rng.choice([0.01, 0.03, 0.06]), rng.choice([1.0, 10.0, 50.0, 200.0]))


def corner_of(bundle: Bundle, tried: Tried, witness: str, up: bool) -> Any:
    g = bundle.conductances.copy()
    g[tried.term.tile] = hostile_corner(bundle, tried.term, witness, up)
    return g


def hostile_corners(bundle: Bundle, tried: Tried) -> list[Any]:
    if tried.output.kind == "comparator":
        pairs = [(tried.output.below, True), (tried.output.above, False)]
    else:
        pairs = [(tried.term.witness, True), (tried.term.witness, False)]
    return [corner_of(bundle, tried, witness, up) for witness, up in pairs]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_certified_is_never_read_wrong(seed: int, tmp_path: Path) -> None:
    bundle = random_bundle(seed, tmp_path)
    tried = list(exhausted(bundle))
    assert [f for t in tried for f in t.faults()] == []
    for t in tried:
        assert t.certified == (t.wrong == 0)   # and what is refused is read wrong on some input
        assert not t.certified_window or t.certified
    rng = np.random.default_rng(seed)
    corners = [bundle.conductances + bundle.half_windows, bundle.conductances - bundle.half_windows,
               random_corner(bundle, rng)]
    for tile in bundle.map.tiles:   # the nearest to refusal of each tile, pushed where it hurts most
        sure = [t for t in tried if t.term.tile == tile.id and t.certified_window]
        corners += [g for t in sorted(sure, key=spare)[:2] for g in hostile_corners(bundle, t)]
    for g in corners:
        for t in exhausted(bundle, g):
            assert not (t.certified_window and t.wrong), (t.output, t.term)


def spare(t: Tried) -> float:
    return t.output.margin_window if t.output.kind == "comparator" else 0.5 - t.term.error_window


def test_windows_are_certified_for_the_reference_that_is_set(tmp_path: Path) -> None:
    """At the widest window that is still certified, the middle between the targets would be wrong for some corner."""
    moved = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        inputs = int(rng.integers(4, 7))
        b = Builder()
        x = b.input("x", parse_type(f"bit[{inputs}]"))
        w = rng.choice([-1, 1], (1, inputs))
        y = b.apply("threshold", x, b.constant(constant(w)), b.constant(constant(np.array([w[w < 0].sum() + 1]))))
        func = Func("g", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
        module = run_passes(module_of(func), "partition", check=None)
        low, high = 0.0, 0.9
        while high - low > 1e-3:
            middle = (low + high) / 2
            sure = bundle_of(module, tmp_path, "diff_pair", 1e5, middle, 1.0, 8).map.regions[0].outputs[0].window
            low, high = (middle, high) if sure else (low, middle)
        bundle = bundle_of(module, tmp_path, "diff_pair", 1e5, low, 1.0, 8)
        (tried,) = exhausted(bundle)
        assert tried.certified_window
        for g in hostile_corners(bundle, tried):
            (pushed,) = exhausted(bundle, g)
            assert pushed.wrong == 0
            middle = tried.output.reference
        nominal = bundle_of(module, tmp_path, "diff_pair", 1e5, 0.0, 1.0, 8).map.regions[0].outputs[0].reference
        moved += abs(tried.output.reference - nominal) > tried.output.margin_window
    assert moved >= 3


def test_a_moved_reference_is_found_by_trying(tmp_path: Path) -> None:
    bundle = random_bundle(0, tmp_path)
    region = next(r for r in bundle.map.regions if r.outputs[0].kind == "comparator" and r.outputs[0].nominal)
    first = region.outputs[0]
    moved = first.model_copy(update={"reference": first.reference + 2 * first.margin})
    wrong = region.model_copy(update={"outputs": [moved, *region.outputs[1:]]})
    bundle = replace(bundle, map=bundle.map.model_copy(update={"regions": [wrong]}))
    assert any("inputs are read wrong" in f for t in exhausted(bundle) for f in t.faults())


def test_ngspice_finds_what_is_stated_at_the_witnesses(tmp_path: Path) -> None:
    if find_tool("ngspice") is None:
        pytest.skip("ngspice is not installed")
    module, checked = net(np.random.default_rng(5), 8), 0
    bundle = bundle_of(module, tmp_path, "diff_pair", 1e5, 0.03, 10.0, 16)
    tried = [t for t in exhausted(bundle) if t.output.kind == "comparator"][:3]
    for t in tried:
        sides: list[float] = []
        for witness, sign in ((t.output.below, -1), (t.output.above, 1)):
            volts = wordline_states(bundle, t.term.tile, witness)
            currents = spice_currents(bundle.conductances[t.term.tile], volts, bundle.wires)
            signal = sum(factor * currents[bitline] for bitline, factor in t.term.bitlines) / bundle.step
            sides.append(sign * (signal - t.output.reference))
            checked += 1
        assert np.isclose(min(sides), t.stated, rtol=0, atol=1e-9 * max(1.0, t.scale))
    assert checked >= 6
