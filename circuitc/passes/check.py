"""Check by interpretation that a pass kept its promise: every output bit stays, for every input that was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import Func, Graph, Module, Port, Type, print_module, random_raw, run, unflatten_bits

from .base import Pass

Values = Mapping[str, Any]
Evidence = dict[str, Any]

EXHAUSTIVE_BITS = 12
_FLOAT_TOLERANCE = 1e-5  # of the tensor's largest magnitude: the order of a float contraction is free
FED_BACK_STEPS = 8  # of a func that runs on its own on float registers: a chaotic one makes any rounding large later
_MAX_ELEMENTS = 1 << 24  # numbers that one check computes, about; large programs are tried on fewer vectors


@dataclass(frozen=True, slots=True)
class Difference:
    """One sample on which two funcs differ: its inputs and free registers, the output, and both values of it."""

    func: str
    inputs: Values
    state: Values
    output: str
    before: Any
    after: Any

    def __str__(self) -> str:
        given = ", ".join(f"{n}={np.asarray(v).tolist()}" for n, v in (*self.inputs.items(), *self.state.items()))
        return (f"@{self.func}({given}): output {self.output} was {np.asarray(self.before).tolist()}, "
                f"is {np.asarray(self.after).tolist()}")


Comparison = tuple[int, Difference | None]  # samples compared, and the first difference


def check_exact(before: Module, after: Module, *, pass_: Pass | None = None, vectors: int = 256,
                seed: int = 0) -> Evidence:
    """Compare two programs func by func with the interpreter, and answer the evidence.

    The level is `exhausted` where every func that both have was tried on all inputs (at most 12 bits), else
    `simulated` on `vectors` random ones (fewer for large programs), else `not_checked` with a reason. Raises an
    InternalError with a reproducer where they differ.
    """
    if before is after:
        return {"level": "proved", "method": "the program is unchanged"}
    if after.entry.name != before.entry.name:
        if after.funcs.items() <= before.funcs.items():
            return {"level": "proved", "method": f"no func changed; the main one is now @{after.entry.name}"}
        raise _broken(pass_, f"the main func was @{before.entry.name}, is @{after.entry.name}", before)
    found: list[Evidence] = []
    for name, func in before.funcs.items():
        if name in after.funcs and (reachable := _calls(before, name)):
            same = all(before.funcs.get(n) is after.funcs.get(n) for n in reachable)
            found.append({"level": "proved"} if same else _check_func(before, after, func, pass_, vectors, seed))
    return _weakest(found)


def _check_func(before: Module, after: Module, func: Func, pass_: Pass | None, vectors: int, seed: int) -> Evidence:
    other = after.funcs[func.name]
    if (other.inputs, other.results) != (func.inputs, func.results):
        raise _broken(pass_, f"the ports of @{func.name} changed", before)
    free = {r.name: r.type for r in func.registers if r.initial is None}
    if {r.name: r.type for r in other.registers if r.initial is None}.items() - free.items():
        return {"level": "not_checked", "reason": f"@{func.name} has other registers without initial value"}
    rng = np.random.default_rng(seed)
    whole = all_inputs(func) if not free else None
    count = min(vectors, max(4, _MAX_ELEMENTS // _cost(before, func)))
    inputs = sample_inputs(func, count, rng) if whole is None else whole
    state = {name: _mixed(t, count, rng) for name, t in free.items()}
    tried, difference = compare(before, after, func, inputs, state)
    if difference is not None:
        raise _broken(pass_, str(difference), before)
    if not tried:
        return {"level": "not_checked", "reason": f"@{func.name} overflows on every input that was tried"}
    return {"level": "simulated", "vectors": tried} if whole is None or tried < _batch(inputs) else {
        "level": "exhausted", "vectors": tried}


def compare(before: Module, after: Module, func: Func, inputs: Values, state: Values) -> Comparison:
    """Run both programs: how many samples were compared, and the first on which they differ.

    Samples on which the program before stops (`overflow=never` that happens) have no meaning and are left out.
    """
    if not inputs and _batch(state) > 1:
        return _one_by_one(before, after, func, inputs, state)  # without inputs a call is one sample
    try:
        was, now = _run(before, func, inputs, state), _run(after, func, inputs, state)
    except CircuitError:
        if _batch(inputs) > 1:
            return _one_by_one(before, after, func, inputs, state)
        return _stopped(before, after, func, inputs, state)
    for port in func.results:
        wrong = ~_same(port.type, *(comparable(func, port, values[port.name]) for values in (was, now)))
        if wrong.any():
            k = int(np.argmax(wrong))
            values = was[port.name][k], now[port.name][k]
            return k, Difference(func.name, _one(inputs, k), _one(state, k), port.name, *values)
    return _batch(inputs), None


def _one_by_one(before: Module, after: Module, func: Func, inputs: Values, state: Values) -> Comparison:
    tried = 0
    for k in range(_batch({**inputs, **state})):
        one = [{name: v[k:k + 1] for name, v in values.items()} for values in (inputs, state)]
        count, difference = compare(before, after, func, *one)
        tried += count
        if difference is not None:
            return tried, difference
    return tried, None


def _stopped(before: Module, after: Module, func: Func, inputs: Values, state: Values) -> Comparison:
    """Look at a sample on which one of the two stops: only the new program's fault where the old one had a meaning."""
    try:
        _run(before, func, inputs, state)
    except CircuitError:
        return 0, None
    try:
        _run(after, func, inputs, state)
    except CircuitError as e:
        return 0, Difference(func.name, _one(inputs, 0), _one(state, 0), "(all)", "a value", str(e))
    raise AssertionError("one of the two stopped a moment ago")


def _run(module: Module, func: Func, inputs: Values, state: Values) -> dict[str, Any]:
    """Call a func, giving initial values to the registers that are free in this program, and to no others."""
    free = {r.name for r in module.funcs[func.name].registers if r.initial is None}
    return run(module, inputs, func.name, {name: v for name, v in state.items() if name in free})


def sample_inputs(func: Func, count: int, rng: np.random.Generator, steps: int = 5) -> dict[str, Any]:
    """Draw inputs for a call, in the shapes that `run` takes: half uniform, half small and extreme numbers."""
    drawn: dict[str, Any] = {}
    for port in func.inputs:
        if func.is_stepped(port):
            length = steps if func.schedule.kind == "stream" else func.schedule.count
            flat = _mixed(port.type, count * length, rng)
            drawn[port.name] = flat.reshape(count, length, *port.type.shape)
        else:
            drawn[port.name] = _mixed(port.type, count, rng)
    return drawn


def all_inputs(func: Func) -> dict[str, Any] | None:
    """Give every input of a func once, or None where there are too many, floats, or sequences of free length."""
    types = [p.type for p in func.inputs]
    stepped = any(map(func.is_stepped, func.inputs))
    bits = sum(t.bits for t in types)
    if stepped or bits > EXHAUSTIVE_BITS or any(t.is_float for t in types):
        return None
    patterns = (np.arange(1 << bits)[:, None] >> np.arange(bits)) & 1
    return dict(zip((p.name for p in func.inputs), unflatten_bits(types, patterns), strict=True))


def _mixed(t: Type, count: int, rng: np.random.Generator) -> Any:
    raw = random_raw(t, count, rng)
    if t.is_spin:
        return raw
    special = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan] if t.is_float else [
        n for n in (0, 1, -1, 2, 3, t.lowest, t.highest, t.highest - 1) if t.lowest <= n <= t.highest]
    picks = np.array(special, dtype=t.dtype)[rng.integers(0, len(special), raw.shape)]
    share = rng.choice([0.0, 0.5, 1.0], (count, *([1] * t.rank)), p=[0.5, 0.25, 0.25])
    return np.where(rng.random(raw.shape) < share, picks, raw).astype(t.dtype)


def fed_back(func: Func) -> bool:
    """Tell whether a func iterates on floats for more than FED_BACK_STEPS steps.

    The order of float sums is free, and a system that amplifies what that changes differs everywhere in the end.
    """
    return func.schedule.kind == "iterate" and func.schedule.count > FED_BACK_STEPS and any(
        r.type.is_float for r in func.registers)


def comparable(func: Func, port: Port, values: Any) -> Any:
    """Give what two programs can be held to of an output [batch, ...]: its first steps where floats are fed back."""
    return values[:, :FED_BACK_STEPS] if func.is_stepped(port) and fed_back(func) else values


def _same(t: Type, a: Any, b: Any) -> Any:
    """Tell for each sample whether two values are the same: exact types bit for bit, floats within the tolerance."""
    if a.shape != b.shape:
        return np.zeros(len(a), bool)
    if t.is_exact:
        equal = a == b
    else:
        scale = np.max(np.abs(np.where(np.isfinite(a), a, 0.0)), initial=0.0)
        with np.errstate(invalid="ignore"):
            near = np.abs(a - b) <= _FLOAT_TOLERANCE * scale
        equal = (a == b) | (np.isnan(a) & np.isnan(b)) | near
    return np.asarray(equal, dtype=bool).reshape(len(a), -1).all(axis=1)


def measure(before: Module, after: Module, calibration: Values) -> Evidence:
    """Measure how far an approximate pass moved the main func's outputs on calibration data (raw numbers by port).

    `max_error` is in the numbers of the port's type (not the encoding's); `changed` the share of samples that differ.
    """
    func = before.entry
    missing = [p.name for p in func.inputs if p.name not in calibration]
    if missing:
        return {"level": "not_checked", "reason": f"no calibration data for {missing[0]}"}
    if after.entry.inputs != func.inputs:
        return {"level": "not_checked", "reason": "the inputs changed"}
    given = {p.name: np.asarray(calibration[p.name]) for p in func.inputs}
    was, now = run(before, given), run(after, given)
    outputs: dict[str, Any] = {}
    for p, q in zip(func.results, after.entry.results, strict=False):
        if p.name == q.name and p.type.shape == q.type.shape:
            error = np.abs(_real(p.type, was[p.name]) - _real(q.type, now[p.name])).reshape(_batch(given), -1)
            outputs[p.name] = {"max_error": float(error.max()), "changed": float((error > 0).any(axis=1).mean())}
    return {"level": "measured", "samples": _batch(given), "outputs": outputs}


def _real(t: Type, raw: Any) -> Any:
    return np.ldexp(raw.astype(np.float64), 0 if t.is_float else -t.fraction)


def _calls(module: Module, name: str) -> set[str]:
    """Give the funcs that a call of one can enter, itself included."""
    found, open_ = {name}, [name]
    while open_:
        body = module.funcs[open_.pop()].body
        if isinstance(body, Graph):
            called = {n.attributes["func"] for n in body.nodes if n.op == "call"} - found
            found |= called
            open_ += sorted(called)
    return found


def _cost(module: Module, func: Func) -> int:
    """Estimate how many numbers one sample of a func makes the interpreter compute."""
    steps = 5 if func.schedule.kind == "stream" else func.schedule.count
    if not isinstance(func.body, Graph):
        return max(1, func.body.nodes * steps // 64)
    called = {n.attributes["func"] for n in func.body.nodes if n.op == "call"}
    own = sum(n.type.size for n in func.body.nodes if not n.is_constant)
    return max(1, steps * (own + sum(_cost(module, module.funcs[f]) for f in sorted(called))))


def _weakest(found: list[Evidence]) -> Evidence:
    """Give the evidence that holds for all funcs: the weakest level, the fewest vectors."""
    order = ("not_checked", "simulated", "exhausted", "proved")
    if not found:
        return {"level": "not_checked", "reason": "no func stands in both programs"}
    return min(found, key=lambda e: (order.index(e["level"]), e.get("vectors", 0)))


def _broken(pass_: Pass | None, what: str, before: Module) -> InternalError:
    """Make the error of a broken promise; its notes hold the program before, as text that reads back."""
    e = InternalError(f"{f'pass {pass_}' if pass_ else 'an exact pass'} changed the program's meaning: {what}")
    e.add_note(print_module(before))
    return e


def _batch(values: Values) -> int:
    return len(next(iter(values.values()))) if values else 1


def _one(values: Values, k: int) -> dict[str, Any]:
    return {name: v[k] for name, v in values.items()}
