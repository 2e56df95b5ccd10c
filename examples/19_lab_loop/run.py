"""Program a simulated array, read it back, repair it, and certify it: the loop that a lab goes through."""

import sys
import tempfile
from pathlib import Path

import numpy as np

import circuitc

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "01_btf_multiplier" / "model.json"
ROUNDS = 3
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 0

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    circuitc.compile(MODEL, target="crossbar", out=folder / "round_0",
                     options={"array": str(HERE / "lab.toml"), "periphery": "false"})
    bundle = circuitc.crossbar.load(folder / "round_0")
    lab = bundle.lab(seed=SEED)
    print(f"{len(bundle.cells['tile'])} devices; of all on the tiles {lab.stuck.sum()} are stuck, which nobody knows")
    print("round  written  outside  certified  with new references  to write again  to take others' places")
    for number in range(1, ROUNDS + 1):
        written = lab.program(bundle.folder)
        lab.measure(folder / "measured.csv", bundle.folder)
        found = bundle.read_back(folder / "measured.csv", folder / f"round_{number}", error=0.006)
        as_set, anew = (sum(getattr(s, kind) for s in found.before) for kind in ("as_set", "certified"))
        outputs = len(found.before)
        print(f"{number:5}  {written:7}  {found.outside:7}  {as_set:6}/{outputs}  {anew:16}/{outputs}  "
              f"{found.count('reprogram'):14}  {found.count('remap'):22}")
        bundle = circuitc.crossbar.load(folder / f"round_{number}")
        if found.certified:
            break
    for cell in found.stuck:
        print(f"stuck: tile {cell.tile} row {cell.row} col {cell.col} at {cell.siemens:.3g} S")
    print("wrong, in the last bundle's table, map or certificates:", bundle.faults() or "nothing")

    a, b = (np.array([[n >> k & 1 for k in range(2)] for n in range(4)]) for _ in range(2))
    x = {"a": np.repeat(a, 4, axis=0), "b": np.tile(b, (4, 1))}
    product = bundle.run_measured(x, folder / "measured.csv")["p"] @ (1 << np.arange(4))
    print("products on the array as measured:", product.tolist())
