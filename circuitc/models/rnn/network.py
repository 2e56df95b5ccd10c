"""Recurrent networks as funcs: a `stream` of any length, or a whole sequence of a given length.

A network that runs forward only is one `stream` func: one step an item, states in registers, and a call answers what
the readout makes of the last state. A layer that also runs backwards needs the whole sequence first: then the main func
takes it at once, `once`, and each layer and direction is a `stream` func of its own that it calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    F32,
    STREAM,
    Builder,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Value,
    module_of,
)

from ..layers import dense, float_constant, integer_constant
from .cells import Floats, Layer

Level = tuple[Layer, ...]       # one layer, or one in each direction
Reader = Callable[[Builder, Value], Value]


@dataclass(frozen=True, eq=False)
class Linear:
    """What reads the state: weights [outputs, inputs] and bias [outputs]."""

    weights: Floats
    bias: Floats

    def apply(self, b: Builder, x: Value, name: str) -> Value:
        """Add the layer behind a state [inputs], or behind the states of all steps [steps, inputs]."""
        if self.weights.ndim != 2 or self.bias.shape != self.weights.shape[:1]:
            raise error(f"a readout has weights [outputs, inputs] and a bias for each output, got shapes "
                        f"{list(self.weights.shape)} and {list(self.bias.shape)}")
        if self.weights.shape[1] != b.type(x).shape[-1]:
            raise error(f"the readout has {self.weights.shape[1]} inputs, the state before it {b.type(x).shape[-1]}")
        y = dense(b, x, float_constant(b, self.weights, f"{name}_w"), name)
        bias = float_constant(b, self.bias, f"{name}_bias")
        shape = b.type(y).shape
        return b.apply("add", y, bias if len(shape) == 1 else b.apply("broadcast", bias, shape=shape, axes=(1,)))


def layer_func(layer: Layer, name: str, *, h0: bool = False, c0: bool = False) -> Func:
    """Give one layer in one direction as a `stream`: x in; y of each step, and the last `h` and `c`, out.

    With `h0` (`c0`) the first state is an input of that name, held for the call, instead of the layer's own.
    """
    b = Builder()
    state = F32.with_shape((layer.hidden,))
    given = [port for port, wanted in (("h0", h0), ("c0", c0)) if wanted]
    x = b.input("x", F32.with_shape((layer.inputs,)))
    first = {port: b.input(port, state) for port in given}
    registers = _registers(layer, "")
    held = [b.input(r.name, r.type) for r in registers]
    if given:
        registers.append(Register("started", BIT, Constant(BIT, np.array(0))))
        started = b.input("started", BIT)
        many = b.apply("broadcast", started, shape=(layer.hidden,), axes=())
        for k, port in enumerate(("h0", "c0")):
            if port in first:
                held[k] = b.apply("select", many, held[k], first[port])
    h, c = layer.step(b, x, held[0], held[1] if layer.has_cell else None, "cell")
    after = [h] if c is None else [h, c]
    following = [*after, b.number(BIT, 1)] if given else after
    ports = (Port("x", b.type(x), "step"), *(Port(p, state, "call") for p in given))
    results = (Port("y", state, "step"), *(Port(p, state, "call") for p in ("h", "c")[:len(after)]))
    return Func(name, ports, results, b.finish([h, *after, *following]), tuple(registers), STREAM)


def _registers(layer: Layer, suffix: str) -> list[Register]:
    t = F32.with_shape((layer.hidden,))
    names = ("h", "c") if layer.has_cell else ("h",)
    return [Register(f"{n}{suffix}", t, Constant(t, getattr(layer, f"{n}0"))) for n in names]


def call_layer(b: Builder, func: Func, layer: Layer, x: Value, *state: Value) -> tuple[Value, list[Value]]:
    """Call a layer on a whole sequence x [steps, inputs]: its outputs in the order of x, and its last state."""
    steps = b.type(x).shape[0]
    x = reversed_steps(b, x) if layer.reverse else x
    found = [b.call(func.name, p.name, p.type.with_shape((steps, *p.type.shape)) if p.rate == "step" else p.type,
                    x, *state) for p in func.outputs]
    return reversed_steps(b, found[0]) if layer.reverse else found[0], found[1:]


def reversed_steps(b: Builder, x: Value) -> Value:
    """Give a sequence from its end to its beginning; it is a gather, since slices run forward."""
    steps = b.type(x).shape[0]
    if steps == 1:
        return x
    return b.apply("gather", x, integer_constant(b, np.arange(steps)[::-1]), axis=0)


def check_levels(levels: Sequence[Level], inputs: int) -> None:
    """Refuse layers that do not fit each other."""
    width = inputs
    for number, level in enumerate(levels):
        if not 1 <= len(level) <= 2 or (len(level) == 2 and level[0].reverse == level[1].reverse):
            raise error(f"layer {number} has one direction, or one of each")
        for one in level:
            if one.inputs != width:
                raise error(f"layer {number} has {one.inputs} inputs, what comes in has {width}")
        width = sum(one.hidden for one in level)
    if not levels:
        raise error("a recurrent network has at least one layer")


def network(levels: Sequence[Level], readout: Sequence[Linear], port: Port, *, read: Reader | None = None,
            length: int | None = None, returns: Literal["last", "sequence"] = "last", name: str = "network",
            output: str = "y") -> Module:
    """Give the module of layers and a readout.

    `port` is one item's; `read` turns it into floats. Without `length` the main func is a `stream` of any length, which
    networks that run backwards cannot be. `returns` says what the readout sees: the last state of the last layer (of
    both its directions, side by side), or the states of every step.
    """
    check_levels(levels, port.type.shape[-1])
    if length is None:
        if any(one.reverse for level in levels for one in level):
            raise error("a layer that runs backwards needs the whole sequence first, so its length is fixed",
                        help="give a length")
        return _stream(levels, readout, port, read, returns, name, output)
    if not 1 <= length <= 1 << 16:
        raise error(f"a sequence has 1 to {1 << 16} items, got a length of {length}")
    return _whole(levels, readout, port, read, length, returns, name, output)


def _stream(levels: Sequence[Level], readout: Sequence[Linear], port: Port, read: Reader | None, returns: str,
            name: str, output: str) -> Module:
    b = Builder()
    x = b.input(port.name, port.type)
    registers = [_registers(level[0], str(k)) for k, level in enumerate(levels)]
    held = [[b.input(r.name, r.type) for r in row] for row in registers]
    value = x if read is None else read(b, x)
    following: list[Value] = []
    for k, (level, state) in enumerate(zip(levels, held, strict=True)):
        value, cell = level[0].step(b, value, state[0], state[1] if len(state) > 1 else None, f"l{k}")
        following += [value] if cell is None else [value, cell]
    for k, linear in enumerate(readout):
        value = linear.apply(b, value, _readout_name(k))
    ports = (Port(port.name, port.type, "step", port.encoding),)
    out = Port(output, b.type(value), "step" if returns == "sequence" else "call")
    flat = tuple(r for row in registers for r in row)
    return module_of(Func(name, ports, (out,), b.finish([value, *following]), flat, STREAM))


def _readout_name(k: int) -> str:
    return f"readout{k}" if k else "readout"


def _whole(levels: Sequence[Level], readout: Sequence[Linear], port: Port, read: Reader | None, length: int,
           returns: str, name: str, output: str) -> Module:
    b = Builder()
    x = b.input(port.name, port.type.with_shape((length, *port.type.shape)))
    value, last = x if read is None else read(b, x), 0
    funcs: list[Func] = []
    for k, level in enumerate(levels):
        whole: list[Value] = []
        states: list[Value] = []
        for one in level:
            func = layer_func(one, f"{name}_l{k}{'_reverse' if one.reverse else ''}")
            funcs.append(func)
            y, state = call_layer(b, func, one, value)
            whole.append(y)
            states.append(state[0])
        value = whole[0] if len(whole) == 1 else b.apply("concat", *whole, axis=1)
        last = states[0] if len(states) == 1 else b.apply("concat", *states, axis=0)
    value = value if returns == "sequence" else last
    for k, linear in enumerate(readout):
        value = linear.apply(b, value, _readout_name(k))
    ports = (Port(port.name, b.type(x), "call", port.encoding),)
    func = Func(name, ports, (Port(output, b.type(value)),), b.finish([value]))
    return module_of(func, *funcs)


__all__ = ["Level", "Linear", "call_layer", "check_levels", "layer_func", "network", "reversed_steps"]
