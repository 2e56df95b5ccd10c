"""Encodings and tile sizes for a quantized network: counts, certified outputs, and energy by a published model.

    python benchmarks/crossbar_sweep.py [--array rram-128] [--sizes 32,64,128] [--figure sweep.svg]

The network is the one of examples/07_digits_mlp, quantized to 4 bits. Energies are estimates of the array's cost model;
nothing is measured but the time that the sweep takes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import circuitc
from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.encoding import ENCODINGS
from circuitc.driver import Wishes, prepare
from circuitc.report.costs import sweep_figure, sweep_lines
from circuitc.simulation.crossbar.sweep import sweep

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "07_digits_mlp"))
from network import DATA, digits  # pyright: ignore[reportMissingImports]

PASSES = "quantize{weights=i4,activations=4},narrow"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--array", default="rram-128")
    parser.add_argument("--sizes", default="32,64,128")
    parser.add_argument("--figure", type=Path)
    wish = parser.parse_args(arguments)
    calibration = {"image": DATA["calibration"], "labels": DATA["calibration_labels"]}
    exact = circuitc.run_passes(digits(), PASSES, calibration=calibration)
    module = prepare(exact, "crossbar", Wishes(verify=False))[1]
    start = time.perf_counter()
    points = list(sweep(module, Array.load(wish.array), encodings=list(ENCODINGS),
                        sizes=[int(size) for size in wish.sizes.split(",")]))
    print("\n".join(sweep_lines(points)))
    print(f"mapped, solved and certified in {time.perf_counter() - start:.0f} s")
    if wish.figure:
        wish.figure.write_text(sweep_figure(points).file())


if __name__ == "__main__":
    main(sys.argv[1:])
