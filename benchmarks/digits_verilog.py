"""The digits network of examples/07_digits_mlp at 4 and 6 bits as Verilog: adders, LUTs, accuracy, compile time.

    python benchmarks/digits_verilog.py PYTHON_WITH_ALKAID

For each width: test accuracy; adders of the two layers' matrices, ours and alkaid's on the same matrices (each checked
to compute them); seconds to compile to Verilog; and 6-input LUTs of the whole design, argmax included, with products as
shared adders and as plain `*`: Yosys makes an AIG (`techmap; aigmap`), `yosys-abc` maps it (`strash; if -K 6`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import circuitc
from circuitc.passes.adders import adder_network, evaluate
from circuitc.tools import require_tool

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "07_digits_mlp"))
from network import DATA, digits

PEER = """
import json, sys, time, numpy as np
from alkaid.cmvm import cmvm_solve
total, seconds = 0, 0.0
for matrix in map(np.array, json.load(sys.stdin)):
    start = time.process_time()
    stages = cmvm_solve(matrix.astype(np.float32))
    seconds += time.process_time() - start
    assert np.array_equal(np.asarray(stages[0].kernel) @ np.asarray(stages[1].kernel), matrix)
    total += sum(op.opcode in (0, 1) for stage in stages for op in stage.ops)
print(json.dumps([total, seconds]))
"""
MAP = "import sys; from pyosys import libyosys as y; d = y.Design(); [y.run_pass(c, d) for c in sys.argv[1:]]"


def luts(verilog: str) -> int:
    """Count the 6-input LUTs of a combinational design."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "d.v").write_text(verilog)
        steps = ["read_verilog d.v", "hierarchy -auto-top", "proc", "flatten", "opt", "techmap", "opt", "aigmap",
                 "opt_clean", "write_aiger d.aig"]
        subprocess.run([sys.executable, "-c", MAP, *steps], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([str(require_tool("yosys-abc")), "-q", "read d.aig; strash; if -K 6; print_stats"],
                              cwd=folder, check=True, capture_output=True, text=True)
        found = re.search(r"nd =\s*(\d+)", done.stdout)
        assert found is not None, done.stdout
        return int(found[1])


def main() -> None:
    model = digits()
    calibration = {"image": DATA["calibration"], "labels": DATA["calibration_labels"]}
    for bits in (4, 6):
        module = circuitc.run_passes(model, f"quantize{{weights=i{bits},activations={bits}}},narrow",
                                     calibration=calibration, check=None)
        accuracy = (circuitc.run(module, {"image": DATA["test"]})["digit"] == DATA["test_labels"]).mean()
        matrices = [module.entry.body.nodes[n.operands[0]].constant.array.T.astype(np.int64)
                    for n in module.entry.body.nodes if n.op == "contract"]
        networks = [adder_network(m) for m in matrices]
        for m, network in zip(matrices, networks, strict=True):
            assert np.array_equal(evaluate(network, np.eye(len(m), dtype=np.int64)), m)
        done = subprocess.run([sys.argv[1], "-c", PEER], input=json.dumps([m.tolist() for m in matrices]), check=True,
                              capture_output=True, text=True)
        others, seconds = json.loads(done.stdout.splitlines()[-1])
        adders = sum(len(n.adders) for n in networks)
        print(f"{bits} bits: accuracy {accuracy:.4f}; adders {adders}, alkaid {others} in {seconds:.2f} s", flush=True)
        for choice in ("shift-add", "dsp"):
            start = time.process_time()
            build = circuitc.compile(module, verify=False, options={"vectors": "0", "multipliers": choice})
            seconds = time.process_time() - start
            count = luts(build.artefacts[build.main].decode())
            print(f"  multipliers={choice}: compiled in {seconds:.2f} s, {count} LUT6", flush=True)


if __name__ == "__main__":
    main()
