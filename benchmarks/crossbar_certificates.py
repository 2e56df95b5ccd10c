"""Certificates of the crossbar target against brute force: random nets, every input, corners of windows, ngspice (A4).

    python benchmarks/crossbar_certificates.py [--nets 100] [--spice 24]

Each net is two layers of gates with weights -1, 0, 1 and a layer of sums, at most 16 inputs wide, on 32 x 32 tiles of
drawn devices, wires, windows and encodings. Every state of every tile's inputs goes through the exact transfer matrix.
Then devices are put to corners of their windows: three of all devices at once, and for the certified signals that come
nearest to refusal, and the refused ones that come nearest to being certified, the corners that move them most.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_type, smallest
from circuitc.passes import run_passes
from circuitc.simulation.crossbar.bundle import Bundle, read_bundle
from circuitc.simulation.crossbar.corners import hostile_corner, random_corner, wordline_states
from circuitc.simulation.crossbar.exhaustion import Tried, exhausted
from circuitc.simulation.ngspice import spice_currents
from circuitc.tools import find_tool

PUSHED = 2   # signals of each tile that are pushed to hostile corners: so many certified ones, and so many refused


def constant(values: Any) -> Constant:
    kind = smallest(min(0, int(values.min())), max(1, int(values.max())))
    return Constant(kind.with_shape(values.shape), values)


def random_net(rng: np.random.Generator) -> Module:
    b = Builder()
    x = v = b.input("x", parse_type(f"spin[{rng.integers(2, 17)}]"))
    for _ in range(2):
        inputs, gates = b.type(v).shape[0], int(rng.integers(4, 17))
        limits = rng.integers(-inputs // 3, inputs // 3 + 1, gates)
        v = b.apply("threshold", v, b.constant(constant(rng.integers(-1, 2, (gates, inputs)))),
                    b.constant(constant(limits)))
    w = rng.integers(-3, 4, (4, b.type(v).shape[0]))
    y = b.apply("contract", v, b.constant(constant(w)), spec="j,ij->i")
    func = Func("net", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    return run_passes(module_of(func), "partition", check=None)


def random_bundle(seed: int, folder: Path) -> Bundle:
    """Map a random net, and read the bundle back from its bytes."""
    rng = np.random.default_rng(seed)
    wire = rng.choice([1.0, 10.0, 50.0, 200.0])
    path = folder / "a.toml"
    path.write_text('schema = "circuitc.array/1"\n[array]\nrows = 32\ncols = 32\n[device]\nr_on_ohm = 1e4\n'
                    f"r_off_ohm = {rng.choice([2e4, 1e5, 1e6])}\nwindow_rel = {rng.choice([0.01, 0.03, 0.06, 0.1])}\n"
                    f"[wire]\nr_wl_ohm = {wire}\nr_bl_ohm = {wire}\n")
    encoding = str(rng.choice(["diff_pair", "dual_rail", "offset"]))
    design = CROSSBAR.build(random_net(rng), {"array": str(path), "periphery": "false", "encoding": encoding})
    return read_bundle(CROSSBAR.emit(design).files)


def spare(t: Tried) -> float:
    """How far a signal's window is from being refused, in level steps."""
    if t.output.kind == "comparator":
        assert t.output.margin_window is not None
        return t.output.margin_window
    assert t.term.error_window is not None
    return 0.5 - t.term.error_window


def hostile(bundle: Bundle, t: Tried) -> Iterator[Any]:
    """Give all tiles' conductances, that of the signal's tile at the corners which move it most."""
    witnesses = (t.output.below, t.output.above) if t.output.kind == "comparator" else (t.term.witness, t.term.witness)
    for witness, up in zip(witnesses, (True, False), strict=True):
        assert witness is not None
        g = bundle.conductances.copy()
        g[t.term.tile] = hostile_corner(bundle, t.term, witness, up)
        yield g


def broken(bundle: Bundle, t: Tried) -> bool:
    """Tell whether a hostile corner makes a signal wrong."""
    return any(again.wrong > 0 for g in hostile(bundle, t) for again in exhausted(bundle, g, {t.term.tile})
               if again.output is t.output and again.term is t.term)


def soundness(nets: int, spice_gates: int) -> None:
    start, signals, states = time.perf_counter(), list[Tried](), 0
    wrong_in_windows = corner_signals = pushed = broken_refused = refused_pushed = 0
    gates: list[tuple[Bundle, Tried]] = []
    for seed in range(nets):
        with tempfile.TemporaryDirectory() as folder:
            bundle = random_bundle(seed, Path(folder))
        tried = list(exhausted(bundle))
        signals += tried
        states += sum(t.states for t in tried)
        rng = np.random.default_rng(seed)
        for g in (bundle.conductances + bundle.half_windows, bundle.conductances - bundle.half_windows,
                  random_corner(bundle, rng)):
            again = [t for t in exhausted(bundle, g) if t.certified_window]
            corner_signals += len(again)
            wrong_in_windows += sum(t.wrong > 0 for t in again)
        for tile in bundle.map.tiles:
            here = sorted((t for t in tried if t.term.tile == tile.id), key=spare)
            sure = [t for t in here if t.certified_window][:PUSHED]
            refused = [t for t in here if t.certified and not t.certified_window][-PUSHED:]
            pushed += len(sure)
            wrong_in_windows += sum(broken(bundle, t) for t in sure)
            refused_pushed += len(refused)
            broken_refused += sum(broken(bundle, t) for t in refused)
        gates += [(bundle, t) for t in tried if t.output.kind == "comparator"][:1]
    compared = sum(t.output.kind == "comparator" for t in signals)
    certified, refused = ([t for t in signals if t.certified is sure] for sure in (True, False))
    print(f"certificates, {nets} random nets: {len(signals)} signals, {compared} of them comparators', in {states:,} "
          f"states of their inputs, {time.perf_counter() - start:.0f} s")
    print(f"  nominal: {len(certified)} certified, {sum(t.wrong > 0 for t in certified)} of them ever wrong; "
          f"{len(refused)} refused, {sum(t.wrong > 0 for t in refused)} of them wrong for some input; stated margins "
          f"and errors met within {max(t.discrepancy for t in signals):.0e} of the signal")
    print(f"  window: {sum(t.certified_window for t in signals)} certified, {wrong_in_windows} ever wrong in "
          f"{corner_signals} signals at corners of all devices, and at the worst corners of {pushed} nearest to "
          f"refusal; of {refused_pushed} refused ones nearest to certified, such a corner breaks {broken_refused}")
    spice(gates, spice_gates)


def spice(gates: Sequence[tuple[Bundle, Tried]], count: int) -> None:
    """Ask ngspice for the signals at both witnesses of gates, each of another net."""
    if find_tool("ngspice") is None:
        print("  ngspice is not installed")
        return
    worst = 0.0
    for bundle, t in gates[:count]:
        sides: list[float] = []
        for witness, sign in ((t.output.below, -1), (t.output.above, 1)):
            assert witness is not None
            volts = wordline_states(bundle, t.term.tile, witness)
            currents = spice_currents(bundle.conductances[t.term.tile], volts, bundle.wires)
            signal = sum(factor * currents[bitline] for bitline, factor in t.term.bitlines) / bundle.step
            assert t.output.reference is not None
            sides.append(sign * (signal - t.output.reference))
        worst = max(worst, abs(min(sides) - t.stated) / max(1.0, t.scale))
        assert (min(sides) > 0) == t.certified, "ngspice decides as the certificate says"
    print(f"  ngspice at both witnesses of {len(gates[:count])} gates: the stated margin within {worst:.0e} of the "
          "signal")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nets", type=int, default=100)
    parser.add_argument("--spice", type=int, default=24)
    arguments = parser.parse_args()
    soundness(arguments.nets, arguments.spice)


if __name__ == "__main__":
    main()
