"""Hopfield networks on arrays whose devices vary: how unsymmetric T is, and how many updates raise the energy.

    python benchmarks/crossbar_energy.py [--units 48] [--patterns 4] [--seeds 5] [--states 100]

Random patterns are stored (Hebb), the network is compiled for the preset rram-128 with its own choice of encoding, and
updated one unit after the other from random states until nothing changes, wires solved exactly. Devices are on target,
or lognormal about their targets, an array a seed; mean and 95 % interval (Student's t) over seeds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

import circuitc
from circuitc.models.recall import Memory, build_hopfield, hebbian
from circuitc.simulation.crossbar.montecarlo import interval

SIGMAS = (0.02, 0.05, 0.1, 0.2, 0.4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("units", 48), ("patterns", 4), ("seeds", 5), ("states", 100)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wish = parser.parse_args()
    patterns = np.random.default_rng(0).choice([-1, 1], (wish.patterns, wish.units))
    net = Memory(hebbian(patterns), np.zeros(wish.units, int), patterns, 2, tuple(range(wish.units)), sweeps=20,
                 settle=True, form="array")
    with tempfile.TemporaryDirectory() as folder:
        build = circuitc.compile(build_hopfield(net, "memory"), "crossbar", out=Path(folder) / "bundle", verify=False,
                                 options={"array": "rram-128", "periphery": "false"})
        print({k: build.report["figures"][k] for k in ("encodings", "tiles", "devices", "certified_nominal")})
        program = circuitc.crossbar.load(Path(folder) / "bundle")
        print("on target:", *program.descents(states=wish.states))
        for sigma in SIGMAS:
            found = []
            for seed in range(wish.seeds):
                (Path(folder) / "measured.csv").write_text(program.sample(seed, sigma))
                found += program.descents(Path(folder) / "measured.csv", states=wish.states)
            asymmetry = interval([100 * d.asymmetry for d in found])
            rises = interval([100 * d.rises / d.flips for d in found])
            print(f"sigma {sigma}: |T - T'| {asymmetry} % of the largest; flips that rise {rises} %; unsettled "
                  f"{sum(d.unsettled for d in found)} of {len(found) * wish.states}", flush=True)


if __name__ == "__main__":
    main()
