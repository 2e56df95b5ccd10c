"""A core of leaky integrate-and-fire neurons in fixed point, in the manner of NeuroCoreX.

NeuroCoreX (Oak Ridge National Laboratory, VHDL at github.com/ORNL/NeuroCoreX) keeps each voltage as 18 bits with 10
behind the point (1.0 is 1024), weights of 8 bits from every neuron and every input to every neuron in a memory, and a
threshold, a refractory time and a time constant for each neuron. A tick of a neuron here is

    v := saturate(v - floor(v / tau) + sum of the weights of what spiked)       1/tau as a number with 10 bits behind
    spike where v >= threshold and the refractory count is 0; then v := reset and the count := its refractory time
    else the count goes down by one; while it runs v moves on, but no spike is sent

What neurons heard of each other is what spiked in the tick before. Learning (STDP) is not part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    STREAM,
    Builder,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Type,
    Value,
    fixed,
    index_type,
    module_of,
    ufixed,
)

from ..layers import like

STATE = fixed(18, 10)       # of a voltage
RATE = ufixed(11, 10)       # of 1 / tau
COUNT = ufixed(8)           # of ticks that a neuron still waits
WEIGHT_BITS = 8
Form = Literal["multiplexed", "parallel"]


@dataclass(frozen=True, eq=False)
class Core:
    """A core of n neurons and m inputs, in real numbers that the fixed-point types hold exactly.

    `lateral` [n, n] and `forward` [n, m] are weights [to, from] of 8 bits with `weight_fraction` behind the point;
    `threshold` and `reset` [n] voltages; `refractory` [n] ticks, 0 to 255; `tau` [n] ticks, at least 1, of which 1/tau
    is rounded to 10 bits behind the point.
    """

    lateral: NDArray[np.float64]
    forward: NDArray[np.float64]
    threshold: NDArray[np.float64]
    refractory: NDArray[np.float64]
    tau: NDArray[np.float64]
    reset: NDArray[np.float64]
    weight_fraction: int = 7

    def __post_init__(self) -> None:
        n = len(self.threshold)
        if not n or self.lateral.shape != (n, n) or self.forward.ndim != 2 or len(self.forward) != n:
            raise error(f"a core of {n} neurons has lateral weights [{n}, {n}] and forward weights [{n}, inputs], got "
                        f"{list(self.lateral.shape)} and {list(self.forward.shape)}")
        if not self.forward.shape[1]:
            raise error("a core has at least one input")
        for name in ("refractory", "tau", "reset"):
            if getattr(self, name).shape != (n,):
                raise error(f"{name} has a number for each of {n} neurons, got {list(getattr(self, name).shape)}")
        if not 0 <= self.weight_fraction <= STATE.fraction:
            raise error(f"weights have 0 to {STATE.fraction} bits behind the point, got {self.weight_fraction}")
        if not np.all(self.tau >= 1):
            raise error("tau is at least 1 tick")

    @property
    def weights(self) -> Constant:
        """All weights [n, n + m]: from neurons, then from inputs."""
        return raw(np.hstack([self.lateral, self.forward]), fixed(WEIGHT_BITS, self.weight_fraction), "weights")

    @property
    def rates(self) -> frozenset[int]:
        """The raw leak rates, 1/tau with 10 bits behind the point."""
        return frozenset(int(r) for r in np.rint(np.ldexp(1 / self.tau, RATE.fraction)))

    @property
    def parameters(self) -> tuple[Constant, ...]:
        """The leak rate, threshold, reset and refractory time of each neuron."""
        rate = np.rint(np.ldexp(1 / self.tau, RATE.fraction))
        return (Constant(RATE.with_shape(rate.shape), rate.astype(RATE.dtype)), raw(self.threshold, STATE, "threshold"),
                raw(self.reset, STATE, "reset"), raw(self.refractory, COUNT, "refractory"))


def raw(numbers: Any, t: Type, name: str) -> Constant:
    """Give real numbers as a constant of an exact type; refuses what it does not hold exactly."""
    scaled = np.ldexp(np.asarray(numbers, np.float64), t.fraction)
    wrong = (scaled != np.rint(scaled)) | (scaled < t.lowest) | (scaled > t.highest)
    if np.any(wrong):
        raise error(f"{name} has {float(np.asarray(numbers)[wrong].flat[0]):g}, which {t} does not hold",
                    help=f"round to multiples of 2**-{t.fraction} within {t.lowest * 2.0**-t.fraction:g} and "
                         f"{t.highest * 2.0**-t.fraction:g}")
    return Constant(t.with_shape(scaled.shape), scaled.astype(t.dtype))


def core_module(core: Core, form: Form = "multiplexed", name: str = "core") -> Module:
    """Give the `stream` func of a core.

    `parallel`: an item is a tick; `x` [m] are the inputs that spike, `spike` [n] the neurons, `v` [n] their voltages.
    `multiplexed`: an item is a clock, n of them a tick, one for each neuron in order: one adder tree for all, weights
    from one wide word of a ROM, voltages in a queue. `x` is held for the n clocks of a tick; out come `spike` and `v`
    of the neuron `neuron`, and `tick` with the last one.
    """
    return module_of((_multiplexed if form == "multiplexed" else _parallel)(core, name))


def _parallel(core: Core, name: str) -> Func:
    n, m = core.forward.shape
    b = Builder()
    x, v, wait, before = (b.input(*p) for p in (("x", BIT.with_shape((m,))), ("v", STATE.with_shape((n,))),
                                                ("wait", COUNT.with_shape((n,))), ("before", BIT.with_shape((n,)))))
    heard = b.apply("concat", before, x, name="heard")
    current = b.apply("contract", b.constant(core.weights, "weights"), heard, spec="ij,j->i", name="current")
    parameters = tuple(b.constant(c, p) for c, p in zip(core.parameters, _NAMES, strict=True))
    spike, after, waits = _tick(b, v, wait, current, parameters, core.rates)
    outputs = (Port("spike", BIT.with_shape((n,)), "step"), Port("v", STATE.with_shape((n,)), "step"))
    return Func(name, (Port("x", b.type(x), "step"),), outputs, b.finish([spike, after, after, waits, spike]),
                (_zero("v", STATE, n), _zero("wait", COUNT, n), _zero("before", BIT, n)), STREAM)


def _multiplexed(core: Core, name: str) -> Func:
    n, m = core.forward.shape
    b, slot_type = Builder(), index_type(n)
    registers = (Register("slot", slot_type, Constant(slot_type, np.array(0, slot_type.dtype))), _zero("v", STATE, n),
                 _zero("wait", COUNT, n), _zero("before", BIT, n), _zero("now", BIT, n))
    x = b.input("x", BIT.with_shape((m,)))
    slot, v, wait, before, now = (b.input(r.name, r.type) for r in registers)
    heard = b.apply("concat", before, x, name="heard")
    row = b.apply("gather", b.constant(core.weights, "weights"), slot, axis=0, name="row")
    current = b.apply("contract", row, heard, spec="i,i->", name="current")
    parameters = tuple(b.apply("gather", b.constant(c, p), slot, axis=0, name=f"{p}_of")
                       for c, p in zip(core.parameters, _NAMES, strict=True))
    head, first = b.apply("element", v, index=0), b.apply("element", wait, index=0)
    spike, after, waits = _tick(b, head, first, current, parameters, core.rates)
    last = b.apply("eq", slot, b.number(slot_type, n - 1), name="last")
    following = b.apply("select", last, b.number(slot_type, 0), b.apply(
        "requantize", b.apply("add", slot, b.number(slot_type, 1 if n > 1 else 0)), type=slot_type), name="next_slot")
    collected = _pushed(b, now, spike)
    swapped = b.apply("select", b.apply("broadcast", last, shape=(n,), axes=()), collected, before)
    outputs = (Port("spike", BIT, "step"), Port("neuron", slot_type, "step"), Port("v", STATE, "step"),
               Port("tick", BIT, "step"))
    values = [spike, slot, after, last, following, _pushed(b, v, after), _pushed(b, wait, waits), swapped, collected]
    return Func(name, (Port("x", b.type(x), "step"),), outputs, b.finish(values), registers, STREAM)


_NAMES = ("rate", "threshold", "reset", "refractory")


def _tick(b: Builder, v: Value, wait: Value, current: Value, parameters: tuple[Value, ...],
          rates: frozenset[int]) -> tuple[Value, Value, Value]:
    """Add one tick of a neuron, or of many side by side: whether it spikes, its next voltage, its next count.

    `rates` are the raw leak rates that some neuron has.
    """
    rate, threshold, reset, refractory = parameters
    shape = b.type(v).shape
    moved = b.apply("add", b.apply("sub", v, _lost(b, v, rate, rates)), current, name="moved")
    total = b.apply("requantize", moved, type=STATE.with_shape(shape), name="total")
    ready = b.apply("eq", wait, like(b, wait, 0), name="ready")
    spike = b.apply("and", ready, b.apply("le", threshold, total), name="fires")
    after = b.apply("select", spike, reset, total, name="after")
    less = b.apply("requantize", b.apply("sub", wait, like(b, wait, 1)), type=COUNT.with_shape(shape), name="less")
    return spike, after, b.apply("select", spike, refractory, less, name="waits")


def _lost(b: Builder, v: Value, rate: Value, rates: frozenset[int]) -> Value:
    """Give floor(v / tau): a product, or where every tau is a power of two a choice of shifts."""
    t = STATE.with_shape(b.type(v).shape)

    def floor(x: Value) -> Value:
        return b.apply("requantize", x, type=t, rounding="floor", overflow="never", name="lost")
    if any(r & (r - 1) for r in rates) or 0 in rates:
        return floor(b.apply("mul", v, rate, name="product"))
    first, *others = sorted(rates)
    lost = floor(b.apply("shift", v, by=first.bit_length() - 1 - RATE.fraction))
    for r in others:
        shifted = floor(b.apply("shift", v, by=r.bit_length() - 1 - RATE.fraction))
        lost = b.apply("select", b.apply("eq", rate, like(b, rate, r)), shifted, lost)
    return lost


def _pushed(b: Builder, queue: Value, value: Value) -> Value:
    """Take the head off a queue and put a value behind it."""
    n = b.type(queue).shape[0]
    last = b.apply("reshape", value, shape=(1,))
    return last if n == 1 else b.apply("concat", b.apply("slice", queue, start=(1,), stop=(n,)), last)


def _zero(name: str, t: Type, n: int) -> Register:
    t = t.with_shape((n,))
    return Register(name, t, Constant(t, np.zeros(n, t.dtype)))


__all__ = ["STATE", "Core", "core_module", "raw"]
