"""A trained network, quantized to 6 and 4 bits, as integers: accuracy, sensitivity, Verilog, simulated."""

import numpy as np
from network import DATA, digits

import circuitc
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

model = digits()
calibration = {"image": DATA["calibration"], "labels": DATA["calibration_labels"]}
images, labels = DATA["test"], DATA["test_labels"]
print(f"float   accuracy {(circuitc.run(model, {'image': images})['digit'] == labels).mean():.4f}")
for bits in (6, 4):
    pipeline = f"quantize{{weights=i{bits},activations={bits}}},narrow"
    module = circuitc.run_passes(model, pipeline, calibration=calibration)
    answers = circuitc.run(module, {"image": images})["digit"]
    assert np.array_equal(circuitc.jit(module)(images), answers)  # native code: bit for bit the same
    facts = module.facts["passes"][0]["facts"]
    worst = facts["sensitivity"][0]
    size = sum(row["weight_bits"] for row in facts["layers"])
    print(f"{bits} bits  accuracy {(answers == labels).mean():.4f}, {size} bits of weights, "
          f"most sensitive: {worst['layer']}")
build = circuitc.compile(module, target="verilog", verify=False)  # simulated below; no claim is made
print(f"{build.main}: {build.report['figures']['lines']} lines")
sample = images[:20]
engine = "icarus" if tool_version("iverilog") else "yosys"
text = build.artefacts[build.main].decode()
verilog = simulate_verilog(text, build.ports, build.module, {"image": sample}, engine=engine)
assert np.array_equal(verilog["digit"], answers[:20])
print("verilog", verilog["digit"].tolist())
print("labels ", labels[:20].tolist())
