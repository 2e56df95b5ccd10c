"""The digits network of examples/07_digits_mlp at 4 and 6 bits as Verilog: adders, LUTs, accuracy, compile time.

    python benchmarks/digits_verilog.py PYTHON_WITH_ALKAID

For each width: test accuracy; adders of the two layers' matrices, ours and alkaid's on the same matrices (each checked
to compute them); 6-input LUTs of the two matrices alone, in our Verilog and in alkaid's own; seconds to compile to
Verilog; and 6-input LUTs of the whole design, argmax included, with products as shared adders and as plain `*`: Yosys
makes an AIG (`techmap; aigmap`), `yosys-abc` maps it (`strash; if -K 6`), for alkaid's text and for ours.
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
from numpy.typing import NDArray

import circuitc
from circuitc.ir import Builder, Constant, Func, Port, module_of, smallest, ufixed
from circuitc.passes.adders import adder_network, evaluate
from circuitc.tools import require_tool

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "07_digits_mlp"))
from network import DATA, digits

PEER = """
import json, pathlib, sys, time, numpy as np, alkaid
from alkaid.cmvm import cmvm_solve
from alkaid.codegen.rtl.verilog.comb import comb_logic_gen
from alkaid.trace import FVArrayInput, trace
total, seconds, texts = 0, 0.0, []
source = pathlib.Path(alkaid.__path__[0], "codegen/rtl/verilog/source")
cells = "".join(p.read_text() for p in sorted(source.glob("*.v")))
given = json.load(sys.stdin)
for matrix, bits in zip(map(np.array, given["matrices"]), given["bits"]):
    start = time.process_time()
    stages = cmvm_solve(matrix.astype(np.float32))
    seconds += time.process_time() - start
    assert np.array_equal(np.asarray(stages[0].kernel) @ np.asarray(stages[1].kernel), matrix)
    total += sum(op.opcode in (0, 1) for stage in stages for op in stage.ops)
    x = FVArrayInput((len(matrix),)).quantize(*(np.full(len(matrix), n) for n in (0, bits, 0)))
    logic = trace(x, x @ matrix.astype(float))
    sample = np.random.default_rng(0).integers(0, 1 << bits, (50, len(matrix)))
    assert np.array_equal(logic.predict(sample.astype(float)), sample @ matrix)
    texts.append(cells + comb_logic_gen(logic, "matrix"))
print(json.dumps([total, seconds, texts]))
"""
MAP = "import sys; from pyosys import libyosys as y; d = y.Design(); [y.run_pass(c, d) for c in sys.argv[1:]]"


def product(matrix: NDArray[np.int64], bits: int) -> str:
    """Give our Verilog of a matrix [inputs, outputs] times unsigned numbers of so many bits."""
    b = Builder()
    x = b.input("x", ufixed(bits, 0, (len(matrix),)))
    t = smallest(int(matrix.min()), int(matrix.max()), 0, matrix.shape)
    y = b.apply("contract", x, b.constant(Constant(t, matrix)), spec="i,ij->j")
    module = module_of(Func("matrix", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y])))
    build = circuitc.compile(module, verify=False, options={"vectors": "0", "multipliers": "shift-add"})
    return build.artefacts[build.main].decode()


def luts(verilog: str, top: str = "-auto-top") -> int:
    """Count the 6-input LUTs of a combinational design."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "d.v").write_text(verilog)
        steps = ["read_verilog d.v", f"hierarchy {top}", "proc", "flatten", "opt", "techmap", "opt", "aigmap",
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
        given = {"matrices": [m.tolist() for m in matrices], "bits": [bits] * len(matrices)}
        done = subprocess.run([sys.argv[1], "-c", PEER], input=json.dumps(given), check=True, capture_output=True,
                              text=True)
        others, seconds, texts = json.loads(done.stdout.splitlines()[-1])
        adders = sum(len(n.adders) for n in networks)
        print(f"{bits} bits: accuracy {accuracy:.4f}; adders {adders}, alkaid {others} in {seconds:.2f} s", flush=True)
        own = sum(luts(product(m, bits)) for m in matrices)
        theirs = sum(luts(text, "-top matrix") for text in texts)
        print(f"  matrices alone: {own} LUT6, alkaid's Verilog {theirs}", flush=True)
        for choice in ("shift-add", "dsp"):
            start = time.process_time()
            build = circuitc.compile(module, verify=False, options={"vectors": "0", "multipliers": choice})
            seconds = time.process_time() - start
            count = luts(build.artefacts[build.main].decode())
            print(f"  multipliers={choice}: compiled in {seconds:.2f} s, {count} LUT6", flush=True)


if __name__ == "__main__":
    main()
