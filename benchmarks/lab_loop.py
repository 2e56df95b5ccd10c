"""How many rounds of program, read back and repair it takes until a simulated array is certified.

    python benchmarks/lab_loop.py [--seeds 40] [--rounds 6]

The multiplier of examples/01_btf_multiplier on tiles of 32 x 32, devices as in examples/19_lab_loop/lab.toml but for
the share that is stuck (half at each end). Each seed is other devices and other chance of writing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import circuitc

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHARES = (0.0, 0.01, 0.02, 0.06)


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


if __name__ == "__main__":
    main()
