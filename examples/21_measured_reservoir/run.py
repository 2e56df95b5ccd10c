"""A reservoir on devices off their targets, and on devices that nobody programmed: only its readout is trained."""

import json
import tempfile
from pathlib import Path

import numpy as np

import circuitc
from circuitc.ir import decode, encode
from circuitc.simulation.crossbar.reservoir import fit_readout

HERE = Path(__file__).resolve().parent
UNITS, STEPS, UNSEEN = 40, 1000, 250
MODEL = {"schema": "circuitc.model/1", "kind": "reservoir", "model": "echo-state",
         "weights": {"draw": "sparse", "rows": UNITS, "columns": UNITS, "density": "0.3", "radius": "0.9", "seed": 1},
         "weights_in": {"draw": "sparse", "rows": UNITS, "columns": 1, "scale": "0.3", "seed": 2}}

# NARMA-10: the answer depends on the inputs and answers of the last ten steps.
u = np.random.default_rng(0).uniform(0, 0.5, STEPS)
y = np.zeros(STEPS + 1)
for k in range(9, STEPS):
    y[k + 1] = 0.3 * y[k] + 0.05 * y[k] * y[k - 9 : k + 1].sum() + 1.5 * u[k - 9] * u[k] + 0.1
items, wanted = u[None, :, None].astype(np.float32), y[None, 1:]

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "reservoir.json"
    path.write_text(json.dumps(MODEL))
    module = circuitc.run_passes(circuitc.load(path), "quantize{weights=5,activations=8,sensitivity=false}",
                                 calibration={"u": items})
    circuitc.compile(module, "crossbar", out=Path(folder) / "bundle", verify=False,
                     options={"array": str(HERE / "array.toml"), "encoding": "diff_pair", "periphery": "false"})
    program = circuitc.crossbar.load(Path(folder) / "bundle")
    port_in, port_out = program.module.entry.inputs[0], program.module.entry.outputs[0]
    most = port_in.type.highest * 2.0**-port_in.type.fraction  # the largest input that its 8 bits hold
    raw = {"u": encode(port_in, np.minimum(items, most), 2)}

    def states(outputs: dict) -> np.ndarray:
        return decode(port_out, outputs["y"])

    ideal = states(program.run(raw, "ideal"))
    trained = fit_readout(ideal, wanted, unseen=UNSEEN)
    print(f"whole numbers: error {trained.unseen:.2f} of the deviation")
    for sigma, unprogrammed in ((0.1, False), (0.4, False), (0.4, True)):
        (Path(folder) / "measured.csv").write_text(program.sample(seed=3, sigma=sigma, unprogrammed=unprogrammed))
        found = states(program.run_measured(raw, Path(folder) / "measured.csv", unprogrammed=unprogrammed))
        missed = (found @ trained.weights.T + trained.bias)[0, -UNSEEN:, 0] - wanted[0, -UNSEEN:]
        kept = np.sqrt(np.mean(missed**2)) / wanted[0, -UNSEEN:].std()
        what = f"devices {'never programmed, drawn' if unprogrammed else 'off their targets'} with sigma {sigma}"
        print(f"{what}: error {kept:.2f} with that readout, {fit_readout(found, wanted, unseen=UNSEEN).unseen:.2f} "
              "with one trained on them")
