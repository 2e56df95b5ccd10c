"""A small convolutional network for digits in Verilog: whole images at once, and pixel by pixel, folded or not.

    python benchmarks/conv_verilog.py [--seconds N]

The network of examples/18_digits_conv (8x8 pixels, convolutions to 6 and 12 channels with pooling, dense 48-10) at 5
bits. For each form: accuracy on the 540 test images (the interpreter's, of the network itself; the forms were compared
with it), clocks from image to image, 6-input LUTs with their depth and registers as `circuitc report` counts them, and
what Yosys makes of it for xc7 as `circuitc report --full` does. Three test images are simulated by Icarus.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, run
from circuitc.simulation import simulate_verilog
from circuitc.synthesis import count_luts, synthesize

ROOT = Path(__file__).parents[1] / "examples"
DATA = dict(np.load(ROOT / "07_digits_mlp" / "digits.npz"))
IMAGES = DATA["test"].reshape(-1, 1, 8, 8)


def measured(name: str, module: Module, steps: int, seconds: float, options: dict[str, str]) -> None:
    """Compile, simulate three images, and print what the design costs."""
    start = time.process_time()
    build = circuitc.compile(module, verify=False, options={"vectors": "0", **options})
    took = time.process_time() - start
    text = build.artefacts[build.main].decode()
    clocks = 1 if not steps else 64 * int(build.ports["interval"])
    x = IMAGES[-3:]
    if steps:
        rest = np.zeros((1, steps - 64, 1), int)
        x = np.concatenate([x.reshape(1, -1, 1), rest], axis=1)
    wanted = run(build.module, {"image": x})
    found = simulate_verilog(text, build.ports, build.module, {"image": x}, engine="icarus")
    assert all(np.array_equal(found[k], wanted[k]) for k in wanted), "simulated Verilog says something else"
    print(f"{name}: {clocks} clocks an image, compiled in {took:.1f} s, {len(text) >> 10} KB", flush=True)
    try:
        luts = count_luts(text, str(build.ports["module"]), clock="clk" if steps else "", seconds=seconds, apart=False)
        print(f"  LUT6 {luts.luts}, depth {luts.depth}, registers {luts.registers}", flush=True)
        print(f"  xc7: {synthesize(text, str(build.ports['module']), 'xc7', seconds=seconds)}", flush=True)
    except CircuitError as e:
        print(f"  {e.diagnostics[0].message}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="for each run of a tool")
    parser.add_argument("--forms", default="1,4,12,whole", help="reuse factors of streams, and `whole`")
    given = parser.parse_args()
    model = circuitc.load(ROOT / "18_digits_conv" / "network.json")
    module = circuitc.run_passes(model, "quantize{weights=i5,activations=5,sensitivity=false},ranges", check=None,
                                 calibration={"image": DATA["calibration"].reshape(-1, 1, 8, 8)})
    right = run(module, {"image": IMAGES})["y"].argmax(1) == DATA["test_labels"]
    print(f"accuracy {right.mean():.4f}", flush=True)
    streamed = circuitc.run_passes(module, "stream-rows")
    facts = streamed.facts["passes"][-1]["facts"][module.entry.name]
    for form in given.forms.split(","):
        if form == "whole":
            measured("whole images at once", module, 0, given.seconds, {})
            continue
        folding = f",fold-hardware{{reuse={form}}}" if form != "1" else ""
        passes = f"main{{func={module.entry.name}_stream}}{folding}"
        measured(f"pixel by pixel, reuse {form}", circuitc.run_passes(streamed, passes, check=None),
                 facts["steps_of_one_image"], given.seconds, {})


if __name__ == "__main__":
    main()
