"""Compile a multiplier of threshold neurons to programs for one row of memristors: NORs, then majorities."""

import tempfile
from pathlib import Path

import numpy as np

import circuitc
from circuitc.formats.lim import load_bundle
from circuitc.simulation.lim import run_bundle

MODEL = Path(__file__).resolve().parents[1] / "01_btf_multiplier" / "model.json"
WAYS = ({}, {"fan_in": "4"}, {"minimal_row": "true", "reuse_inputs": "true"}, {"logic": "rm3", "reuse_inputs": "true"})

with tempfile.TemporaryDirectory() as name:
    for k, options in enumerate(WAYS):
        build = circuitc.compile(MODEL, target="lim", out=Path(name) / f"way{k}", options=options)
        figures = build.report["figures"]
        print(f"{', '.join(f'{key}={value}' for key, value in options.items()) or 'as it comes'}:")
        print(f"  {figures['steps']} steps, {figures['init_steps']} of them initialise; {figures['cells_used']} cells, "
              f"at most {figures['writes_most']} writes of one; {figures['rows_at_once']} rows at once")
        print(f"  {build.summary[-1]}")

    folder = Path(name) / "way2"
    print("\nthe program of the third:")
    print((folder / "program.txt").read_text())

    a, b = (np.array([[n >> k & 1 for k in range(2)] for n in range(4)]) for _ in range(2))
    x = {"a": np.repeat(a, 4, axis=0), "b": np.tile(b, (4, 1))}
    product = run_bundle(load_bundle(folder / "map.json"), x)["p"] @ (1 << np.arange(4))
    print("products, a row of the array each:", product.tolist())
    same = circuitc.verify(circuitc.load(MODEL), folder / "map.json")
    print("the files against the model:", same)
