"""Echo state networks (Jaeger 2001): x' = (1 - a) x + a tanh(W_in u + W x + b), y = R x' + c."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import F32, STREAM, Builder, Constant, Func, Module, Port, Register, module_of

from ..layers import dense, float_constant, like

Floats = NDArray[Any]


@dataclass(frozen=True, eq=False, slots=True)
class EchoState:
    """A reservoir: `weights` [units, units], `weights_in` [units, inputs], `bias` [units], a leak rate in (0, 1].

    `readout` [outputs, units] with `readout_bias` [outputs] is what was trained; without it a step answers the state.
    """

    weights: Floats
    weights_in: Floats
    bias: Floats
    leak: float = 1.0
    readout: Floats | None = None
    readout_bias: Floats | None = None


def build_echo_state(net: EchoState, name: str, inputs: str = "u", output: str = "y") -> Module:
    """Give the stream of an echo state network: an item in, the readout (or the state) of each step out."""
    units = len(net.weights)
    _check(net, units)
    b = Builder()
    u = b.input(inputs, F32.with_shape((net.weights_in.shape[1],)))
    x = b.input("x", F32.with_shape((units,)))
    total = b.apply("add", dense(b, u, float_constant(b, net.weights_in, "w_in"), "driven"),
                    dense(b, x, float_constant(b, net.weights, "w"), "recurrent"), float_constant(b, net.bias, "bias"))
    new = b.apply("tanh", total, type=F32.with_shape((units,)), name="new")
    if net.leak != 1:
        kept = b.apply("mul", x, like(b, x, 1 - net.leak))
        new = b.apply("add", kept, b.apply("mul", new, like(b, new, net.leak)), name="leaky")
    y = new
    if net.readout is not None:
        y = dense(b, new, float_constant(b, net.readout, "readout_w"), "readout")
        if net.readout_bias is not None:
            y = b.apply("add", y, float_constant(b, net.readout_bias, "readout_bias"))
    t = F32.with_shape((units,))
    func = Func(name, (Port(inputs, b.type(u), "step"),), (Port(output, b.type(y), "step"),), b.finish([y, new]),
                (Register("x", t, Constant(t, np.zeros(units, np.float32))),), STREAM)
    module = module_of(func)
    return Module(module.funcs, module.main, module.name, {"reservoir": {"model": "echo-state", "units": units}})


def _check(net: EchoState, units: int) -> None:
    shapes = {"weights": (units, units), "weights_in": (units, None), "bias": (units,), "readout": (None, units)}
    outputs = None if net.readout is None else len(net.readout)
    for key, wanted in {**shapes, "readout_bias": (outputs,)}.items():
        array = getattr(net, key)
        if array is None:
            continue
        if array.ndim != len(wanted) or any(w not in (None, n) for w, n in zip(wanted, array.shape, strict=True)):
            say = ", ".join("..." if w is None else str(w) for w in wanted)
            raise error(f"{key} of {units} units have shape [{say}], got {list(array.shape)}")
        if not np.isfinite(np.asarray(array, np.float32)).all():
            raise error(f"{key} has a number that is not one of f32")
    if not 0 < net.leak <= 1:
        raise error(f"a leak rate is above 0 and at most 1, got {net.leak}")
    if net.readout is None and net.readout_bias is not None:
        raise error("readout_bias needs a readout")
