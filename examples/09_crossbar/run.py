"""Put a multiplier of threshold neurons on arrays of memristors, and check what would be programmed."""

import csv
import tempfile
from pathlib import Path

import numpy as np

import circuitc

MODEL = Path(__file__).resolve().parents[1] / "01_btf_multiplier" / "model.json"

with tempfile.TemporaryDirectory() as folder:
    build = circuitc.compile(MODEL, target="crossbar", out=Path(folder) / "bundle", prove=True,
                             options={"array": "rram-128", "certify": "window"})
    print("\n".join(build.summary))

    bundle = circuitc.crossbar.load(build.folder)
    with (build.folder / "cells.csv").open() as table:
        rows = list(csv.DictReader(table))
    conducting = [row for row in rows if row["level"] == "1"]
    print(f"\n{len(rows)} devices on {bundle.tiles} tiles, {len(conducting)} of them conduct; the first of those:")
    for name in ("tile", "row", "col", "role", "in_net", "out_net", "w", "level", "r_target_ohm", "g_lo_S", "g_hi_S"):
        print(f"  {name:<13} {conducting[0][name]}")

    print("\nwrong, in the table, the map or the certificates:", bundle.faults() or "nothing")
    a, b = (np.array([[n >> k & 1 for k in range(2)] for n in range(4)]) for _ in range(2))
    x = {"a": np.repeat(a, 4, axis=0), "b": np.tile(b, (4, 1))}
    product = bundle.run(x, mode="ir")["p"] @ (1 << np.arange(4))
    print("products through the wires:", product.tolist())
