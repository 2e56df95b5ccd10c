"""Outputs placed by margin beside outputs placed by load: certified outputs where wires matter.

    python benchmarks/crossbar_placement.py [FOLDER_OF_AUTO16] [--seeds 3]

Random gates (weights -1, 0, 1, thresholds at the middle) fill a tile of 128 x 128; every tile is solved exactly. With a
folder that has `auto16.sol` and `auto16.dat`, the decoder of the 16-4-16-16 autoencoder on rram-128, for several write
windows.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.design import Design, design_on
from circuitc.backends.crossbar.options import Options
from circuitc.driver import Wishes, load, prepare
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_type
from circuitc.passes import run_passes

# Resistances on and off, of a wire segment, density of the weights, half of the window.
CASES = ((1e4, 1e6, 1.0, 0.25, 0.0), (1e4, 1e6, 1.0, 0.1, 0.03), (1e4, 1e6, 2.82, 0.15, 0.0),
         (1e4, 1e5, 1.0, 0.25, 0.0), (1e5, 1.7e6, 2.82, 0.5, 0.0))
WINDOWS = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1)


def gates(inputs: int, outputs: int, density: float, seed: int) -> Module:
    rng = np.random.default_rng(seed)
    w = rng.choice([-1, 0, 1], p=[density / 2, 1 - density, density / 2], size=(outputs, inputs))
    b = Builder()
    x = b.input("x", parse_type(f"spin[{inputs}]"))
    t = Constant(parse_type(f"i2[{outputs}]"), np.zeros(outputs, dtype=np.int64))
    y = b.apply("threshold", x, b.constant(Constant(parse_type(f"i2[{outputs},{inputs}]"), w)), b.constant(t))
    func = Func("gates", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    return run_passes(module_of(func), "partition", check=None)


def array(on: float, off: float, wire: float, window: float) -> Array:
    base = Array.load("rram-128")
    return replace(base, device=replace(base.device, r_on_ohm=on, r_off_ohm=off, window_rel=window),
                   wire=replace(base.wire, r_wl_ohm=wire, r_bl_ohm=wire))


def certified(design: Design) -> tuple[int, int, int]:
    return (sum(o.nominal for o in design.outputs), sum(o.window for o in design.outputs), len(design.outputs))


def random_tiles(seeds: int) -> None:
    for on, off, wire, density, window in CASES:
        for encoding, inputs, outputs in (("diff_pair", 128, 64), ("dual_rail", 64, 128)):
            counts: dict[str, list[tuple[int, int, int]]] = {"load": [], "margin": []}
            seconds = dict.fromkeys(counts, 0.0)
            for seed in range(seeds):
                module = gates(inputs, outputs, density, seed)
                for placement, found in counts.items():
                    start = time.process_time()
                    found.append(certified(design_on(module, array(on, off, wire, window),
                                                     Options(encoding=encoding, placement=placement))))
                    seconds[placement] += time.process_time() - start
            said = ", ".join(f"{name} {sum(c[0] for c in found)} nominal and {sum(c[1] for c in found)} window in "
                             f"{seconds[name] / seeds:.1f} s" for name, found in counts.items())
            print(f"{on:g} / {off:g} ohm, wires of {wire:g}, density {density:g}, window +-{window:.0%}, {encoding}, "
                  f"{seeds} tiles of {outputs} gates: {said}", flush=True)


def autoencoder(folder: Path) -> None:
    module = prepare(load(folder / "auto16.sol"), "crossbar",
                     Wishes(verify=False, calibration=str(folder / "auto16.dat")))[1]
    first = next(f.name for f in module.funcs.values() if f.target == "crossbar")
    for window in WINDOWS:
        counts: list[str] = []
        for placement in ("load", "margin"):
            base = Array.load("rram-128")
            design = design_on(module, replace(base, device=replace(base.device, window_rel=window)),
                               Options(encoding="diff_pair", placement=placement))
            decoder = [o for m in design.regions if m.name != first for o in m.outputs]
            counts.append(f"{placement} {sum(o.nominal for o in decoder)} nominal, {sum(o.window for o in decoder)} "
                          f"window of {len(decoder)}")
        print(f"decoder of auto16, rram-128, window +-{window:.0%}: {'; '.join(counts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    random_tiles(arguments.seeds)
    if arguments.folder:
        autoencoder(arguments.folder)


if __name__ == "__main__":
    main()
