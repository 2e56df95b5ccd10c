"""The transfer matrix beside figures of CrossSim that were recorded, not rerun (A2, A9).

    python benchmarks/crossbar_recorded.py [--quick]

CrossSim 3.1 cannot be installed from a registry. It was run once, from its sources, on two busy cores, for arrays of
the same size, devices and wires, one input vector at a time, at two settings of its solver's tolerance (`Verr_th_mvm`).
So its seconds are another run's on another day, and the ratios are orders of magnitude, no race. Ours are seconds of
processor time, on one thread. In that session our
prototype took 0.13 to 0.15 s for the transfer matrix of 128 x 128, and the two agreed within CrossSim's tolerance.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import Wires

VECTORS = 1000


@dataclass(frozen=True)
class Recorded:
    """One array, and what CrossSim took for a vector: seconds, its error at the loose tolerance, seconds at 1e-9."""

    size: int
    on: float
    off: float
    wire: float
    loose: float
    error: float
    tight: float | None


CROSSSIM = (
    Recorded(64, 1e4, 1e5, 1.0, 0.001, 2.3e-4, 0.002),
    Recorded(64, 1e3, 1e4, 2.82, 0.80, 5.0e-4, 10.6),
    Recorded(128, 1e5, 1.7e6, 2.82, 0.003, 3.3e-4, 0.006),
    Recorded(128, 1e4, 1e5, 1.0, 0.009, 9.5e-4, 0.027),
    Recorded(128, 1e3, 1e4, 2.82, 5.7, 2.5e-4, 45.7),
    Recorded(256, 1e5, 1.7e6, 2.82, 0.06, 9.4e-4, 0.24))
# Of its ideal matrix product, against numpy: single precision inside.
IDEAL_DIFFERENCE = 4e-8


def beside_crosssim(quick: bool = False) -> None:
    print("CrossSim 3.1, recorded in another session and not rerun: seconds a vector at tolerance 1e-3 / 1e-9, and how "
          "many times ours that is")
    for row in CROSSSIM:
        if quick and row.size > 128:
            continue
        rng = np.random.default_rng(row.size)
        g = np.where(rng.random((row.size, row.size)) < 0.5, 1 / row.on, 1 / row.off)
        volts = rng.integers(0, 2, (VECTORS, row.size)) * 0.2
        solves: list[float] = []
        for _ in range(3):
            start = time.process_time()
            t = transfer_matrix(g, Wires(row.wire, row.wire))
            solves.append(time.process_time() - start)
        start = time.process_time()
        for v in volts:
            v @ t
        multiply = time.process_time() - start
        one = float(np.median(solves)) + multiply / VECTORS
        many = (float(np.median(solves)) + multiply) / VECTORS
        tight = "" if row.tight is None else f" / {row.tight:g} s: {row.tight / one:.2g} / {row.tight / many:.2g} times"
        print(f"  {row.size} x {row.size}, {row.on:g} / {row.off:g} ohm, {row.wire:g} ohm a segment: ours, exact, "
              f"{one:.3f} s for the first vector, {many * 1e6:.0f} us each for {VECTORS}; CrossSim {row.loose:g} s "
              f"(error {row.error:g}): {row.loose / one:.2g} times for one, {row.loose / many:.2g} for all{tight}")
    print(f"  its ideal product differed from numpy's by {IDEAL_DIFFERENCE:g} (recorded)")


if __name__ == "__main__":
    beside_crosssim("--quick" in sys.argv)
