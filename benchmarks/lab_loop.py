"""How many rounds of program, read back and repair it takes until a simulated array is certified.

    python benchmarks/lab_loop.py [--seeds 40] [--rounds 6]

The multiplier of examples/01_btf_multiplier on tiles of 32 x 32, devices as in examples/19_lab_loop/lab.toml but for
the share that is stuck (half at each end). Each seed is other devices and other chance of writing. Then a layer of 64
gates of 128 inputs on one tile of 128 x 128, round by round.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

import circuitc
from circuitc.ir import Module, parse_module

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHARES = (0.0, 0.01, 0.02, 0.06)
LAYER = """schema = "circuitc.array/1"
base = "rram-128"
[device]
window_rel = 0.03
[wire]
r_wl_ohm = 0.5
r_bl_ohm = 0.5
[variation]
d2d_sigma = 0.02
stuck_hrs = 0.002
stuck_lrs = 0.002
"""


def rounds_of(first: Path, folder: Path, seed: int, most: int) -> int:
    """Go through the loop for one seed; gives the round that certified everything, or 0."""
    bundle = circuitc.crossbar.load(first)
    lab = bundle.lab(seed=seed)
    for number in range(1, most + 1):
        lab.program(bundle.folder)
        lab.measure(folder / "measured.csv", bundle.folder)
        found = bundle.read_back(folder / "measured.csv", folder / "next", error=0.006)
        if found.certified:
            return number
        bundle = circuitc.crossbar.load(folder / "next")
    return 0


def layer() -> Module:
    """Make 64 gates with 128 inputs; 13 % of the weights are 1 or -1, the others 0."""
    rng = np.random.default_rng(0)
    w = rng.integers(-1, 2, (64, 128))
    w[rng.random(w.shape) < 0.8] = 0
    t = rng.integers(-2, 3, 64)
    return parse_module(f"const #w : i2[64,128] = {w.tolist()}\nconst #t : i4[64] = {t.tolist()}\n"
                        "func @g(%x: spin[128]) -> (%y: spin[64]) once {\n"
                        "  %y = threshold %x, #w, #t : spin[64]\n  return %y\n}\n")


def follow_layer(folder: Path, most: int) -> None:
    """Print what each round of the layer finds."""
    (folder / "layer.toml").write_text(LAYER)
    circuitc.compile(layer(), target="crossbar", out=folder / "layer_0", options={
        "array": str(folder / "layer.toml"), "periphery": "false", "encoding": "diff_pair"})
    bundle = circuitc.crossbar.load(folder / "layer_0")
    lab = bundle.lab(seed=1)
    for number in range(1, most + 1):
        written = lab.program(bundle.folder)
        lab.measure(folder / "measured.csv", bundle.folder)
        found = bundle.read_back(folder / "measured.csv", folder / f"layer_{number}")
        good = sum(s.certified for s in found.before)
        print(f"layer, round {number}: {written} written, {found.outside} outside, {good} of {len(found.before)} "
              f"certified; write again {found.count('reprogram')}, move {found.count('remap')}", flush=True)
        if found.certified:
            return
        bundle = circuitc.crossbar.load(folder / f"layer_{number}")


def main() -> None:
    """Print a line for each share of stuck devices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=6)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for share in SHARES:
            text = (EXAMPLES / "19_lab_loop" / "lab.toml").read_text()
            for kind in ("stuck_hrs", "stuck_lrs"):
                text = text.replace(f"{kind} = 0.03", f"{kind} = {share / 2}")
            (folder / "lab.toml").write_text(text)
            circuitc.compile(EXAMPLES / "01_btf_multiplier" / "model.json", target="crossbar", out=folder / "first",
                             options={"array": str(folder / "lab.toml"), "periphery": "false"})
            took = Counter(rounds_of(folder / "first", folder, seed, given.rounds) for seed in range(given.seeds))
            told = ", ".join(f"{took[k]} in {k}" for k in sorted(took) if k)
            print(f"stuck {share:5.1%}: certified {told} rounds; not in {given.rounds}: {took[0]}", flush=True)
        follow_layer(folder, given.rounds)


if __name__ == "__main__":
    main()
