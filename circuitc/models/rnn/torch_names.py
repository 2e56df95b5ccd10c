"""Weights by PyTorch's names: `weight_ih_l0`, `weight_hh_l0_reverse`, ..., and its order of gates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from circuitc.diagnostics import error

from .activations import Activation
from .cells import GATES, Kind, Layer, layer
from .network import Level

# Where ONNX's gates i o f c, and z r h, stand among PyTorch's i f g o, and r z n.
ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
_NAME = re.compile(r"weight_ih_l(\d{1,4})(_reverse)?")


def torch_layer(kind: Kind, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None, *,
                activation: str = "tanh", reverse: bool = False) -> Layer:
    """Make a layer of arrays in PyTorch's order of gates; `activation` is that of a plain RNN."""
    rows = GATES[kind]

    def ordered(array: Any) -> Any:
        array = None if array is None else np.asarray(array, np.float32)
        if array is None or array.ndim == 0 or len(array) % rows:
            return array  # `layer` refuses it by its shape
        parts = np.split(array, rows)
        return np.concatenate([parts[k] for k in ORDER[kind]])

    activations = (Activation(activation),) if kind == "rnn" else ()
    return layer(kind, ordered(weight_ih), ordered(weight_hh), ordered(bias_ih), ordered(bias_hh), reverse=reverse,
                 activations=activations, linear_before_reset=kind == "gru")


def torch_levels(kind: Kind, names: Sequence[str], prefix: str, read: Callable[[str, int], Any],
                 activation: str = "tanh") -> list[Level]:
    """Make all layers of a torch.nn.RNN, LSTM or GRU from the names in its state_dict.

    `read(name, rank)` gives an array of so many axes.
    """
    dot = f"{prefix}." if prefix else ""
    own = [name.removeprefix(dot) for name in names if name.startswith(dot)]
    if any(name.startswith("weight_hr_l") for name in own):
        raise error(f"{prefix or 'the layer'} projects its state (proj_size), which is not read")
    found = sorted({(int(m[1]), m[2] or "") for name in own if (m := _NAME.fullmatch(name))})
    if not found or sorted({k for k, _ in found}) != list(range(found[-1][0] + 1)):
        raise error(f"there are no arrays {dot}weight_ih_l0, {dot}weight_hh_l0, ... of a recurrent layer")

    def one(number: int, end: str) -> Layer:
        arrays = {part: read(f"{dot}{part}_l{number}{end}", rank) if f"{part}_l{number}{end}" in own else None
                  for part, rank in (("weight_ih", 2), ("weight_hh", 2), ("bias_ih", 1), ("bias_hh", 1))}
        if arrays["weight_hh"] is None:
            raise error(f"there is no array {dot}weight_hh_l{number}{end}")
        return torch_layer(kind, *arrays.values(), activation=activation, reverse=bool(end))
    return [tuple(one(k, end) for j, end in found if j == k) for k in range(found[-1][0] + 1)]


__all__ = ["ORDER", "torch_layer", "torch_levels"]
