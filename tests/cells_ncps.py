"""Makes tests/unit/cells_ncps.npz: what ncps 1.0.1 (on PyTorch) computes for small CfCs and LTCs, and their weights.

Run it with a Python that has torch and ncps:  python tests/cells_ncps.py
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ncps.torch import LTC, CfC
from ncps.wirings import AutoNCP

STEPS, INPUTS = 6, 3


def wiring() -> Any:
    return AutoNCP(9, 2, sparsity_level=0.4, seed=3)


def networks() -> dict[str, Any]:
    """Give the networks by name; PyTorch's generator is seeded before each."""
    made: dict[str, Any] = {}
    for name, make in {
            "default": lambda: CfC(INPUTS, 4, proj_size=2, backbone_units=6, backbone_layers=2),
            "no_gate": lambda: CfC(INPUTS, 4, mode="no_gate", activation="gelu", backbone_units=5, backbone_layers=1),
            "pure": lambda: CfC(INPUTS, 4, mode="pure", activation="silu", backbone_units=5, backbone_layers=1),
            "wired": lambda: CfC(INPUTS, wiring()),
            "ltc": lambda: LTC(INPUTS, wiring(), implicit_param_constraints=False),
            "ltc_implicit": lambda: LTC(INPUTS, 4, implicit_param_constraints=True, ode_unfolds=3)}.items():
        torch.manual_seed(len(made))
        made[name] = make().eval()
        for key, p in made[name].named_parameters():  # biases and time constants start at zero
            if key.endswith(("bias", "w_tau", "input_b", "output_b")):
                torch.nn.init.uniform_(p.data, -0.5, 0.5)
    return made


def main() -> None:
    rng, arrays = np.random.default_rng(0), {}
    x = rng.standard_normal((2, STEPS, INPUTS)).astype(np.float32)
    dt = rng.uniform(0.2, 2, (2, STEPS)).astype(np.float32)
    for name, net in networks().items():
        timed = name in ("default", "pure")
        with torch.no_grad():
            y = [net(torch.tensor(a)[None], timespans=torch.tensor(b)[None, :, None] if timed else None)[0][0].numpy()
                 for a, b in zip(x, dt, strict=True)]  # one by one: ncps takes the times of one sequence
        arrays |= {f"{name}.{k}": v.numpy() for k, v in net.state_dict().items()} | {f"{name}.y": np.stack(y)}
    np.savez_compressed(Path(__file__).parent / "unit" / "cells_ncps.npz", x=x, dt=dt, **arrays)


if __name__ == "__main__":
    main()
