"""Patterns of bits and calls: which bit of a pattern is which bit of which input, and what both sides answer to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import InternalError
from circuitc.ir import Func, Module, Port, flatten_bits, run, unflatten_bits

from .matching import Matching, bit_names
from .verdict import Counterexample

Pattern = NDArray[np.uint8]
Places = NDArray[np.int64]
Values = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The free bits of a call of both sides, numbered 0..count-1.

    `inputs` [steps, bits of the first side's inputs] and `undefined` [steps, undefined bits of the second side] give
    bit numbers; held inputs have the same number at each step. `states` has for each side the numbers of its free
    register bits by name; registers that are free on both sides under one name start equal.
    """

    inputs: Places
    undefined: Places
    states: tuple[dict[str, int], dict[str, int]]
    count: int


def steps_of(func: Func, items: int) -> int:
    """Give the number of steps of a call, `items` for a stream."""
    kind = func.schedule.kind
    return items if kind == "stream" else 1 if kind == "once" else func.schedule.count


def lay_out(first: Func, second: Func, matching: Matching, items: int) -> Layout:
    """Number the free bits of a call: inputs step by step, undefined bits, then free registers."""
    steps = max(steps_of(first, items), steps_of(second, items))
    held = np.array([not first.is_stepped(p) for p in first.inputs for _ in range(p.type.bits)], bool)
    moving = int((~held).sum())
    inputs = np.zeros((steps, len(held)), np.int64)
    inputs[:, held] = np.arange(int(held.sum()))
    inputs[:, ~held] = int(held.sum()) + np.arange(steps * moving).reshape(steps, moving)
    count = int(held.sum()) + steps * moving
    undefined = count + np.arange(steps * len(matching.free)).reshape(steps, -1)
    count += undefined.size
    states: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for side, func in enumerate((first, second)):
        for name in (n for r in func.registers if r.initial is None for n in bit_names([r])):
            states[side][name] = states[0].get(name, count)
            count += states[side][name] == count
    return Layout(inputs, undefined, states, count)


def second_columns(matching: Matching, bits: int) -> list[int]:
    """Give for each input bit of the second side its column in (first side's input bits, undefined bits)."""
    columns: list[int] = []
    loose = bits
    for place in matching.inputs:
        columns.append(loose if place < 0 else place)
        loose += place < 0
    return columns


@dataclass(frozen=True, slots=True)
class Trial:
    """Patterns as calls of both sides, and their answers in terms of the first side's ports, a batch at once."""

    modules: tuple[Module, Module]
    matching: Matching
    layout: Layout
    patterns: Pattern  # [samples, count]

    def inputs(self, side: int) -> Values:
        """Give the raw inputs of a side."""
        rows = self.patterns[:, self.layout.inputs]
        if side == 1:
            both = np.concatenate([rows, self.patterns[:, self.layout.undefined]], axis=2)
            rows = both[:, :, second_columns(self.matching, rows.shape[2])]
        func = self.modules[side].entry
        return _raw_inputs(func, rows)

    def state(self, side: int) -> Values:
        """Give the raw values of a side's free registers."""
        free = [r for r in self.modules[side].entry.registers if r.initial is None]
        places = self.layout.states[side]
        columns = [(r, [places[n] for n in bit_names([r])]) for r in free]
        return {r.name: unflatten_bits([r.type], self.patterns[:, column])[0] for r, column in columns}

    def answers(self) -> tuple[Values, Values]:
        """Run both sides in the interpreter."""
        first, second = (run(m, self.inputs(k), state=self.state(k)) for k, m in enumerate(self.modules))
        return first, self._translated(second)

    def first_difference(self) -> int | None:
        """Give the number of the first sample that tells the sides apart."""
        ours, theirs = self.answers()
        wrong = np.zeros(len(self.patterns), bool)
        for name, value in theirs.items():
            wrong |= np.asarray(ours[name] != value, bool).reshape(len(wrong), -1).any(axis=1)
        return int(np.argmax(wrong)) if wrong.any() else None

    def counterexample(self) -> Counterexample:
        """Show the first sample as a counterexample; that it is none is a bug of ours and says so."""
        one = Trial(self.modules, self.matching, self.layout, self.patterns[:1])
        ours, theirs = one.answers()
        first, second = (m.entry for m in self.modules)
        given, other = one.inputs(0), one.inputs(1)
        undefined = tuple(p for p in second.inputs if self.matching.free and p.name not in given)
        loose = {r.name: Port(r.name, r.type) for f in (second, first) for r in f.registers if r.initial is None}
        found = Counterexample(
            _first(given), _first({**one.state(1), **one.state(0)}), _first({p.name: other[p.name] for p in undefined}),
            _first({name: ours[name] for name in theirs}), _first(theirs),
            (*as_called(first, first.inputs), *loose.values(), *as_called(second, undefined)),
            as_called(first, [p for p in first.results if p.name in theirs]),
            0 if first.schedule.kind == "once" else len(self.layout.inputs))
        if not found.differing:
            raise InternalError(f"the solver found a difference that the interpreter does not see: {found.as_json()}")
        return found

    def _translated(self, answers: Values) -> Values:
        """Give the second side's answers as ports of the first: same names, types and shapes."""
        first, second = (m.entry for m in self.modules)
        steps = max([answers[p.name].shape[1] for p in second.outputs if second.is_stepped(p)], default=1)
        spread = [answers[p.name] if second.is_stepped(p) else np.repeat(answers[p.name][:, None], steps, axis=1)
                  for p in second.outputs]
        theirs = flatten_bits([p.type for p in second.outputs], [v.reshape(-1, *v.shape[2:]) for v in spread])
        bits = np.zeros_like(theirs)
        bits[:, list(self.matching.outputs)] = theirs
        values = unflatten_bits([p.type for p in first.outputs], bits)
        result = {name: answers[name] for name in ("converged", "steps") if first.schedule.kind == "until"}
        for port, value in zip(first.outputs, values, strict=True):
            by_step = value.reshape(-1, steps, *value.shape[1:])
            result[port.name] = by_step if first.is_stepped(port) else by_step[:, -1]
        return result


def _raw_inputs(func: Func, rows: Pattern) -> Values:
    """Give raw inputs from bits, uint8[samples, steps, bits]."""
    samples, steps = rows.shape[:2]
    inputs: Values = {}
    start = 0
    for port in func.inputs:
        part = rows[:, :, start:start + port.type.bits]
        start += port.type.bits
        if func.is_stepped(port):
            value = unflatten_bits([port.type], part.reshape(samples * steps, -1))[0]
            inputs[port.name] = value.reshape(samples, steps, *port.type.shape)
        else:
            inputs[port.name] = unflatten_bits([port.type], part[:, 0])[0]
    return inputs


def _first(values: Values) -> Values:
    return {name: value[0] for name, value in values.items()}


def as_called(func: Func, ports: Sequence[Port]) -> tuple[Port, ...]:
    """Mark as `step` exactly the ports that have an axis of steps in a call."""
    return tuple(Port(p.name, p.type, "step" if func.is_stepped(p) else "call", p.encoding) for p in ports)
