"""Nodes of spiking networks, as the Neuromorphic Intermediate Representation (NIR) names them, with their parameters.

The equations are those of Pedersen et al., "Neuromorphic intermediate representation", Nature Communications 15, 8122
(2024), table 1; which parameters a node has is that of the NIR package, version 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from circuitc.diagnostics import error, nearest

Role = Literal["port", "map", "delay", "neuron"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of node is: its parameters, those that may be left out with what they are then, and its role.

    A `map` has no state, a `neuron` has; `spikes` tells that what comes out are single bits.
    """

    role: Role
    needs: tuple[str, ...]
    may: Mapping[str, Any] = field(default_factory=dict[str, Any])
    spikes: bool = False


_SLIDING = ("stride", "padding")
_CONVOLUTION = Kind("map", ("weight", "bias", *_SLIDING, "dilation", "groups"), {"input_shape": None})
_POOL = Kind("map", ("kernel_size", *_SLIDING))
_RESET, _W_IN = {"v_reset": 0.0}, {"w_in": 1.0}

KINDS: Mapping[str, Kind] = MappingProxyType({
    "Input": Kind("port", ("shape",)),
    "Output": Kind("port", ("shape",)),
    "Affine": Kind("map", ("weight", "bias")),
    "Linear": Kind("map", ("weight",)),
    "Scale": Kind("map", ("scale",)),
    "Conv1d": _CONVOLUTION,
    "Conv2d": _CONVOLUTION,
    "SumPool2d": _POOL,
    "AvgPool2d": _POOL,
    "Flatten": Kind("map", ("start_dim", "end_dim"), {"input_type": None}),
    "Threshold": Kind("map", ("threshold",), spikes=True),
    "Delay": Kind("delay", ("delay",)),
    "I": Kind("neuron", ("r",)),
    "IF": Kind("neuron", ("r", "v_threshold"), _RESET, spikes=True),
    "LI": Kind("neuron", ("tau", "r", "v_leak")),
    "LIF": Kind("neuron", ("tau", "r", "v_leak", "v_threshold"), _RESET, spikes=True),
    "CubaLI": Kind("neuron", ("tau_syn", "tau_mem", "r", "v_leak"), _W_IN),
    "CubaLIF": Kind("neuron", ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"), {**_RESET, **_W_IN}, spikes=True),
})

_WORDS = ("padding",)     # parameters that may be a word: `same`, `valid`


@dataclass(frozen=True, eq=False)
class Node:
    """One node: its kind and its parameters, each an array of numbers (or a word, for the padding of a convolution)."""

    kind: str
    parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        known = KINDS.get(self.kind)
        if known is None:
            raise error(f"there is no kind of node named {self.kind[:40]!r}", help=nearest(self.kind, KINDS))
        for name in known.needs:
            if name not in self.parameters:
                raise error(f"a node of kind {self.kind} needs the parameter {name}")
        for name, value in self.parameters.items():
            if name not in known.needs and name not in known.may:
                raise error(f"a node of kind {self.kind} has no parameter {name[:40]!r}",
                            help=nearest(name, (*known.needs, *known.may)))
            if isinstance(value, str):
                if name not in _WORDS or not self.kind.startswith("Conv") or value not in ("same", "valid"):
                    raise error(f"the parameter {name} of a node of kind {self.kind} is no word")
                continue
            array = np.asarray(value)
            if array.dtype.kind not in "iuf" or not array.size or not np.all(np.isfinite(array)):
                raise error(f"the parameter {name} of a node of kind {self.kind} is not an array of finite numbers")

    def __eq__(self, other: object) -> bool:
        """Tell whether kind and parameters are the same numbers of the same types."""
        if not isinstance(other, Node) or self.kind != other.kind or self.parameters.keys() != other.parameters.keys():
            return False
        return all(_same(value, other.parameters[name]) for name, value in self.parameters.items())

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # arrays have none

    @property
    def role(self) -> Role:
        return KINDS[self.kind].role

    def array(self, name: str) -> Any:
        """Give a parameter as doubles; what the node leaves out is its default."""
        value = self.parameters.get(name)
        return np.asarray(KINDS[self.kind].may[name] if value is None else value, dtype=np.float64)

    def whole(self, name: str) -> tuple[int, ...]:
        """Give a parameter as whole numbers, of any shape, in a row."""
        value = np.asarray(self.parameters[name]).ravel()
        if np.any(value != np.rint(value)) or np.any(np.abs(value) > 1 << 31):
            raise error(f"{name} has numbers that are not whole, or too large")
        return tuple(int(n) for n in value)

    def one(self, name: str) -> int:
        """Give a parameter that is one whole number."""
        value = self.whole(name)
        if len(value) != 1:
            raise error(f"{name} is one whole number, got {len(value)}")
        return value[0]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b))


__all__ = ["KINDS", "Kind", "Node", "Role"]
