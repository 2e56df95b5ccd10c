"""Processors of CLRS (MPNN, PGN, GATv2) in few bits beside floats: error of the state, agreement of pointers.

    python benchmarks/gnn_quantize.py [N [HIDDEN]]

The processors are *randomly initialised* as Haiku does it (normal, deviation 1/sqrt(inputs)), not trained: trained ones
are read the same way from .npz or .safetensors. `quantize{weights=iK,activations=8}` is calibrated on 32 random graphs
and measured on 100 others (what lies outside the range of the 32 saturates). The state of each step is fed to the next,
floats and integers each their own, with ports of 8 bits between. A pointer is, for each node, the argmax of a (random)
pairwise score over its neighbours, as CLRS decodes them; `agree` is how many pointers are those of floats.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import circuitc
from circuitc.ir import Module, Port, decode, encode
from circuitc.models.gnn import build_processor, processor_of
from circuitc.passes import run_passes

FEATURES, CALIBRATION, TEST, STEPS = 8, 32, 100, 4
KINDS = ("mpnn", "pgn", "gatv2")


def processor(kind: Any, hidden: int) -> Any:
    """Draw a processor of one head."""
    rng, seen = np.random.default_rng(0), FEATURES + hidden
    if kind == "gatv2":
        widths = {"m": seen, "skip": seen, "w_1": seen, "w_2": seen, "w_e": FEATURES, "w_g": FEATURES, "a_0": hidden}
    else:
        widths = {"m_1": seen, "m_2": seen, "m_e": FEATURES, "m_g": FEATURES, "o1": seen, "o2": hidden}
    arrays: dict[str, Any] = {}
    for name, width in widths.items():
        out = 1 if name == "a_0" else hidden
        arrays |= {f"{name}/w": rng.normal(size=(width, out)) / width ** 0.5, f"{name}/b": np.zeros(out)}
    return processor_of(kind, arrays)


def graphs(n: int, hidden: int, count: int, seed: int) -> dict[str, Any]:
    """Draw features, adjacencies with loops, and an empty state."""
    rng = np.random.default_rng(seed)
    adj = ((rng.random((count, n, n)) < 0.3) | np.eye(n, dtype=bool)).astype(np.int64)
    return {"node_fts": rng.normal(size=(count, n, FEATURES)), "edge_fts": rng.normal(size=(count, n, n, FEATURES)),
            "graph_fts": rng.normal(size=(count, FEATURES)), "adj": adj, "hidden": np.zeros((count, n, hidden))}


def clipped(port: Port, x: Any) -> Any:
    """Saturate real numbers at the ends of a port's type, as an input stage does."""
    if not port.type.is_exact:
        return x
    low, high = (decode(port, np.full((1, *port.type.shape), raw)) for raw in (port.type.lowest, port.type.highest))
    return np.clip(x, low, high)


def states(module: Module, given: dict[str, Any]) -> list[Any]:
    """Run STEPS steps on real numbers."""
    func, f = module.entry, circuitc.jit(module)
    x, found = dict(given), []
    for _ in range(STEPS):
        answer = f.run({p.name: encode(p, clipped(p, x[p.name])) for p in func.inputs})
        x["hidden"] = decode(func.outputs[0], answer["next_hidden"])
        found.append(x["hidden"])
    return found


def pointers(state: Any, adj: Any) -> Any:
    """Decode a pointer for each node: the neighbour with the best pairwise score."""
    rng = np.random.default_rng(1)
    a, b = (rng.normal(size=(state.shape[2], 8)) for _ in range(2))
    scores = np.einsum("gif,gjf->gij", state @ a, state @ b)
    return np.where(adj != 0, scores, -np.inf).argmax(2)


def main(n: int = 16, hidden: int = 16) -> None:
    """Print a line for each processor, width and number of steps."""
    print(f"n = {n}, hidden {hidden}, random weights; relative error is the rms over the rms of the floats' state")
    for kind in KINDS:
        model = build_processor(processor(kind, hidden), n)
        test = graphs(n, hidden, TEST, 2)
        right = states(model, test)
        calibration = graphs(n, hidden, CALIBRATION, 1)
        walks = states(model, calibration)
        wide = {k: np.concatenate([v] * STEPS) for k, v in calibration.items()}
        wide["hidden"] = np.concatenate([calibration["hidden"], *walks[:-1]])
        for weights in (8, 4):
            start = time.perf_counter()
            small = run_passes(model, f"quantize{{weights=i{weights},activations=8,inputs=8,outputs=8}},narrow",
                               calibration=wide)
            assert not any(node.type.is_float for node in small.entry.body.nodes)
            got = states(small, test)
            said = []
            for k in (0, STEPS - 1):
                error = np.sqrt(np.mean((got[k] - right[k]) ** 2) / np.mean(right[k] ** 2))
                agree = np.mean(pointers(got[k], test["adj"]) == pointers(right[k], test["adj"]))
                said.append(f"after {k + 1}: error {error:.4f}, pointers agree {agree:.4f}")
            print(f"{kind:6s} W{weights}A8  {';  '.join(said)}   ({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
