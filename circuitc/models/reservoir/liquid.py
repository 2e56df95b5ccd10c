"""Liquid state machines: leaky integrate-and-fire neurons in a fixed random net, as NALSM has them once frozen.

One step is 1 ms. A spike lets each of its synapses give a current that decays from the last spike on alone:

    v' = v + W exp(-since / tau_u) / tau_u + W_in s + b - v / tau_v

`since` counts the steps from the sender's last spike (0 in the step behind it, at most 100; 100 at the beginning). A
neuron spikes where v' >= threshold and its last spike is more than `refractory` steps ago; then v is 0. All of it is
fixed point: weights, currents and v are multiples of 2**-fraction, rounded to nearest (v saturates at 2**15), so that
every target gives the same spikes. Where floats would be used, as in combra-lab/NALSM, spikes differ in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    module_of,
    smallest,
    ufixed,
)

from ..layers import spread

Floats = NDArray[Any]
LONGEST = 100            # steps after which a synapse is silent: what NALSM clips to
COUNT = ufixed(16, 0)    # spikes of a neuron in a call; more stay at 65535


@dataclass(frozen=True, eq=False, slots=True)
class Liquid:
    """A liquid: `weights` [neurons, neurons] (row: receiver), `weights_in` [neurons, inputs], `bias` [neurons].

    `readout` [classes, neurons] with `readout_bias` [classes] reads the counts of spikes, per share of all spikes:
    class = argmax(R c / sum(c) + r), computed as argmax(R c + r sum(c)), which is the same.
    """

    weights: Floats
    weights_in: Floats
    bias: Floats
    tau_v: float = 64.0
    tau_u: float = 2.0
    threshold: float = 20.0
    refractory: int = 2
    fraction: int = 8
    readout: Floats | None = None
    readout_bias: Floats | None = None


def build_liquid(net: Liquid, name: str) -> Module:
    """Give the stream of a liquid: `spikes_in` of each step in; `spikes` of each step, and of the call `counts` and
    (with a readout) `class`, out."""
    n = len(net.weights)
    _check(net, n)
    b, one = Builder(), 2.0 ** net.fraction
    spikes_in = b.input("spikes_in", BIT.with_shape((net.weights_in.shape[1],)))
    potential = fixed(16 + net.fraction, net.fraction)
    since_type, wait_type = ufixed(7, 0), ufixed(max(1, net.refractory.bit_length()), 0)
    held = {"v": potential, "since": since_type, "wait": wait_type, "counted": COUNT}
    v, since, wait, counted = (b.input(k, t.with_shape((n,))) for k, t in held.items())
    currents = b.apply("table", since, _decay(b, net), name="currents")
    w, w_in, bias = (_rounded(b, a, one, net.fraction, k) for k, a in (
        ("w", net.weights), ("w_in", net.weights_in), ("bias", net.bias)))
    arriving = b.apply("contract", w, currents, spec="ij,j->i", name="synapses")
    driven = b.apply("contract", w_in, spikes_in, spec="ij,j->i", name="driven")
    leak = b.number(ufixed(24, 24).with_shape((n,)), min(round(2**24 / net.tau_v), 2**24 - 1))
    lost = b.apply("mul", v, leak, name="lost")
    total = b.apply("sub", b.apply("add", v, arriving, driven, bias), lost)
    new = b.apply("requantize", total, type=potential, name="new")
    limit = b.number(potential.with_shape((n,)), round(net.threshold * one))
    rested = b.apply("eq", wait, b.number(b.type(wait), 0))
    spikes = b.apply("and", b.apply("le", limit, new), rested, name="spikes_now")
    after = {"v": b.apply("select", spikes, b.number(b.type(new), 0), new),
             "since": _restart(b, spikes, since, LONGEST), "wait": _wait(b, spikes, wait, net.refractory),
             "counted": b.apply("requantize", b.apply("add", counted, spikes), type=COUNT, name="counts")}
    outputs = [Port("spikes", b.type(spikes), "step"), Port("counts", b.type(after["counted"]))]
    values = [spikes, after["counted"]]
    if net.readout is not None:
        best = _classify(b, net, after["counted"], one)
        outputs.append(Port("class", b.type(best)))
        values.append(best)
    start = {"v": 0, "since": LONGEST, "wait": 0, "counted": 0}
    registers = tuple(Register(k, t.with_shape((n,)), _filled(t.with_shape((n,)), start[k])) for k, t in held.items())
    func = Func(name, (Port("spikes_in", b.type(spikes_in), "step"),), tuple(outputs),
                b.finish([*values, *after.values()]), registers, STREAM)
    module = module_of(func)
    facts = {"reservoir": {"model": "liquid", "units": n, "synapses": int(np.count_nonzero(net.weights)),
                           "rounded_to": f"2**-{net.fraction}"}}
    return Module(module.funcs, module.main, module.name, facts)


def _filled(t: Type, raw: int) -> Constant:
    return Constant(t, np.full(t.shape, raw))


def _decay(b: Builder, net: Liquid) -> Value:
    """Give the current of a synapse of weight 1 by `since`: exp(-t / tau_u) / tau_u; beyond the clip as at the clip."""
    t = np.minimum(np.arange(128), LONGEST)
    return _rounded(b, np.exp(-t / net.tau_u) / net.tau_u, 2.0 ** net.fraction, net.fraction, "decay")


def _rounded(b: Builder, numbers: Floats, one: float, fraction: int, name: str) -> Value:
    """Make a constant of numbers rounded to multiples of 1 / one."""
    raw = np.rint(np.asarray(numbers, np.float64) * one).astype(np.int64)
    t = smallest(min(0, int(raw.min())), max(1, int(raw.max())), fraction, raw.shape)
    return b.constant(Constant(t, raw), name)


def _restart(b: Builder, spikes: Value, count: Value, most: int) -> Value:
    """Count the steps from the last spike, up to `most`."""
    t = b.type(count)
    more = b.apply("add", count, b.number(BIT.with_shape(t.shape), 1))
    clipped = b.apply("requantize", b.apply("min", more, b.number(b.type(more), most)), type=t)
    return b.apply("select", spikes, b.number(t, 0), clipped)


def _wait(b: Builder, spikes: Value, wait: Value, refractory: int) -> Value:
    """Count down the steps in which a neuron may not spike again."""
    t = b.type(wait)
    less = b.apply("requantize", b.apply("sub", wait, b.number(BIT.with_shape(t.shape), 1)), type=t)  # saturates at 0
    return b.apply("select", spikes, b.number(t, refractory), less)


def _classify(b: Builder, net: Liquid, counts: Value, one: float) -> Value:
    """Give the class with the largest score; each row has the same scale, which argmax does not see."""
    readout = np.asarray(net.readout, np.float64)
    bias = np.zeros(len(readout)) if net.readout_bias is None else np.asarray(net.readout_bias, np.float64)
    scale = (2**15 - 1) / max(np.abs(readout).max(), np.abs(bias).max(), 1e-30)
    scores = b.apply("contract", _rounded(b, readout, scale, 0, "readout"), counts, spec="ij,j->i", name="scores")
    total = b.apply("reduce", counts, kind="add", axes=(0,), name="total")
    bias_value = _rounded(b, bias, scale, 0, "readout_bias")
    wide = spread(b, total, b.type(bias_value).shape)
    return b.apply("argmax", b.apply("add", scores, b.apply("mul", bias_value, wide)), axis=0, name="class")


def _check(net: Liquid, n: int) -> None:
    wanted = {"weights": (n, n), "weights_in": (n, None), "bias": (n,), "readout": (None, n),
              "readout_bias": (None if net.readout is None else len(net.readout),)}
    for key, shape in wanted.items():
        array = getattr(net, key)
        if array is None:
            continue
        array = np.asarray(array, np.float64)
        if array.ndim != len(shape) or any(w not in (None, m) for w, m in zip(shape, array.shape, strict=True)):
            say = ", ".join("..." if w is None else str(w) for w in shape)
            raise error(f"{key} of {n} neurons have shape [{say}], got {list(array.shape)}")
        if not np.isfinite(array).all() or np.abs(array).max(initial=0) >= 2**15:
            raise error(f"{key} has a number that is not below 2**15 in size")
    if not 2 <= net.fraction <= 14:
        raise error(f"a liquid keeps 2 to 14 bits behind the point, got {net.fraction}")
    if not 1 <= net.tau_v <= 2**20 or not 0.1 <= net.tau_u <= 1000:
        raise error(f"tau_v is 1 to 2**20 steps and tau_u 0.1 to 1000, got {net.tau_v} and {net.tau_u}")
    if not 0 < net.threshold < 2**15 or not 0 <= net.refractory <= 1000:
        raise error(f"a threshold is above 0 and below 2**15, a refractory time 0 to 1000 steps, got {net.threshold} "
                    f"and {net.refractory}")
    if net.readout is None and net.readout_bias is not None:
        raise error("readout_bias needs a readout")
