"""Constant matrix-vector products as adders: ours beside alkaid's, on the same matrices, each checked.

    python benchmarks/cmvm.py PYTHON_WITH_ALKAID [--repeat N]

PYTHON_WITH_ALKAID is the interpreter of an environment with `alkaid` (LGPL-3; a peer, no part of circuitc). Matrices:
`numpy.random.default_rng(0).integers(-2**(b-1), 2**(b-1), (inputs, outputs))`. Both run in turn, in processes of one
thread; seconds are processor time, median and range of the repeats. Our adder graph is evaluated on 100 random vectors
and must equal the matrix product; alkaid's two stages, by its own evaluation, must multiply to the matrix.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time

import numpy as np

from circuitc.passes.adders import adder_network, evaluate

CASES = ((16, 16, 4), (16, 16, 8), (64, 10, 6), (64, 64, 4), (64, 64, 8))

PEER = """
import json, sys, time, numpy as np
from alkaid.cmvm import cmvm_solve
rows, columns, bits = map(int, sys.argv[1:])
matrix = np.random.default_rng(0).integers(-2**(bits-1), 2**(bits-1), (rows, columns))
start = time.process_time()
stages = cmvm_solve(matrix.astype(np.float32))
seconds = time.process_time() - start
same = np.array_equal(np.asarray(stages[0].kernel) @ np.asarray(stages[1].kernel), matrix)
adders = sum(op.opcode in (0, 1) for stage in stages for op in stage.ops)
print(json.dumps({"adders": adders, "seconds": seconds, "same": bool(same)}))
"""


def ours(rows: int, columns: int, bits: int) -> tuple[int, int, float]:
    """Give adders, adders in a row and seconds."""
    matrix = np.random.default_rng(0).integers(-1 << bits - 1, 1 << bits - 1, (rows, columns))
    start = time.process_time()
    network = adder_network(matrix)
    seconds = time.process_time() - start
    x = np.random.default_rng(1).integers(-128, 128, (100, rows))
    assert np.array_equal(evaluate(network, x), x @ matrix), "our adders compute something else"
    return len(network.adders), network.depth, seconds


def peer(python: str, case: tuple[int, int, int]) -> tuple[int, float]:
    """Give alkaid's adders and seconds."""
    done = subprocess.run([python, "-c", PEER, *map(str, case)], check=True, capture_output=True, text=True,
                          env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["same"], "alkaid's adders compute something else"
    return found["adders"], found["seconds"]


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):7.2f} ({min(seconds):.2f}..{max(seconds):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    print(f"{'matrix':15} {'ours: adders':>12} {'depth':>5} {'seconds':>20}   {'alkaid: adders':>14} {'seconds':>22}")
    for case in CASES:
        runs = [(ours(*case), peer(given.python, case)) for _ in range(given.repeat)]
        (adders, depth, _), (others, _) = runs[0]
        print(f"{case[0]}x{case[1]} {case[2]}-bit".ljust(15), f"{adders:12} {depth:5}", spread([a[2] for a, _ in runs]),
              f"  {others:14}", spread([b[1] for _, b in runs]), f" {adders / others - 1:+.1%}", flush=True)


if __name__ == "__main__":
    main()
