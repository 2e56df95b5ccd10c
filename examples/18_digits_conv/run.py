"""A small convolutional network, quantized to 5 bits, as hardware that takes one pixel a clock."""

from pathlib import Path

import numpy as np

import circuitc
from circuitc.ir import run
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

HERE = Path(__file__).parent
DATA = dict(np.load(HERE.parent / "07_digits_mlp" / "digits.npz"))
images, labels = DATA["test"].reshape(-1, 1, 8, 8), DATA["test_labels"]
calibration = {"image": DATA["calibration"].reshape(-1, 1, 8, 8)}

model = circuitc.load(HERE / "network.json")
print(f"float   accuracy {(run(model, {'image': images})['y'].argmax(1) == labels).mean():.4f}")
module = circuitc.run_passes(model, "quantize{weights=i5,activations=5,sensitivity=false},ranges",
                             calibration=calibration)
logits = run(module, {"image": images})["y"]
print(f"5 bits  accuracy {(logits.argmax(1) == labels).mean():.4f}")

streamed = circuitc.run_passes(module, "stream-rows")  # compared with the network on whole images
facts = streamed.facts["passes"][-1]["facts"][module.entry.name]
answer = facts["outputs"]["y"]["first"]
print(f"an image every {facts['interval']} steps, its answer in step {answer}; "
      f"lines of {', '.join(map(str, facts['line_bits']))} bits")

# Four images without a gap, then as many steps as the last answer needs.
streamed = circuitc.run_passes(streamed, f"main{{func={module.entry.name}_stream}}")
rest = facts["steps_of_one_image"] - facts["interval"]
pixels = np.concatenate([images[:4].reshape(1, -1, 1), np.zeros((1, rest, 1), int)], axis=1)
for reuse in (1, 4):
    folded = streamed if reuse == 1 else circuitc.run_passes(streamed, f"fold-hardware{{reuse={reuse}}}")
    build = circuitc.compile(folded, target="verilog", verify=False, options={"vectors": "0"})  # simulated below
    engine = "icarus" if tool_version("iverilog") else "yosys"
    found = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, {"image": pixels},
                             engine=engine, stall=True)
    at = np.flatnonzero(found["y_valid"][0])
    assert np.array_equal(found["y"][0, at], logits[:4])
    print(f"reuse {reuse}: a pixel every {build.ports['interval']} clocks; "
          f"answers in steps {at.tolist()}: digits {found['y'][0, at].argmax(1).tolist()}")
