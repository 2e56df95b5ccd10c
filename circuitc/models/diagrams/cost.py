"""What a diagram costs, as polynomials in the lengths of its axes.

Counts are of numbers and of operations on them: a product that is summed is one multiplication and addition (`macs`)
a term; a function is one operation an element, softmax 5, norm 6 and rms 4; reading at places moves what it gives.
`traffic` is what boxes read and write, if each keeps nothing. The peak is that of steps run in the order written, an
array living from its step to its last use; weights and inputs live throughout, and renamed wires are one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .axes import Axis
from .polynomial import Polynomial
from .steps import Step, Typed, Wire

_PER_ELEMENT = {"softmax": 5, "norm": 6, "rms": 4}
_FREE = ("weight", "number", "iverson")


@dataclass(frozen=True, slots=True)
class Cost:
    """Costs in numbers (not bytes); `lengths` those of axes that are known, by the names that the polynomials use."""

    weights: Polynomial
    macs: Polynomial
    operations: Polynomial
    traffic: Polynomial
    largest: Polynomial
    largest_name: str
    peak: Polynomial
    lengths: dict[str, int]

    def rows(self) -> dict[str, dict[str, str | int]]:
        """Give each cost as text and, where all lengths are known, as a number."""
        shown = {"weights": self.weights, "multiply-adds": self.macs, "other operations": self.operations,
                 "traffic": self.traffic, f"largest array ({self.largest_name})": self.largest,
                 "peak memory": self.peak}
        return {name: {"formula": str(p), **({"numbers": p.at(self.lengths)} if self._known(p) else {})}
                for name, p in shown.items()}

    def _known(self, p: Polynomial) -> bool:
        return all(n in self.lengths for m, _ in p.terms for n in m)


class _Names:
    """Names of axes that are unified: one a class, unlike the others'."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.axes: list[Axis] = []

    def name(self, axis: Axis) -> str:
        root = axis.find()
        if id(root) not in self.names:
            taken = set(self.names.values())
            wish, count = root.name, 2
            while wish in taken:
                wish, count = f"{root.name}{count}", count + 1
            self.names[id(root)] = wish
            self.axes.append(root)
        return self.names[id(root)]

    def size(self, axes: Sequence[Axis], factor: int = 1) -> Polynomial:
        return Polynomial.product((self.name(a) for a in axes), factor)

    @property
    def lengths(self) -> dict[str, int]:
        return {self.names[id(a)]: a.size for a in self.axes if a.size is not None}


def cost(typed: Typed) -> Cost:
    """Add up what the steps of a diagram cost."""
    names = _Names()
    weights = macs = operations = traffic = Polynomial()
    for wire in typed.inputs:
        names.size(wire.axes)
    for step in typed.steps:
        if step.op in _FREE:
            weights = weights + (names.size(step.output.axes) if step.op == "weight" else Polynomial())
            continue
        done = _work(step, names)
        macs, operations = (macs + done, operations) if step.op == "linear" else (macs, operations + done)
        for wire in (*step.inputs, step.output):
            traffic = traffic + names.size(wire.axes)
    made = [s.output for s in typed.steps if s.op not in _FREE] or list(typed.inputs)
    lengths = names.lengths
    largest = max(made, key=lambda w: _value(names.size(w.axes), lengths))
    return Cost(weights, macs, operations, traffic, names.size(largest.axes), largest.name or "unnamed",
                _peak(typed, names, lengths), lengths)


def _work(step: Step, names: _Names) -> Polynomial:
    if step.op == "linear":
        axes = {i: a for w, indices in zip((*step.inputs, step.output), step.indices, strict=True)
                for i, a in zip(indices, w.axes, strict=True)}
        return names.size(list(axes.values()))
    if step.op == "reduce":
        return names.size(step.inputs[0].axes)
    return names.size(step.output.axes, _PER_ELEMENT.get(step.op, 1))


def _value(p: Polynomial, lengths: dict[str, int]) -> int:
    """Weigh a polynomial; an axis without a length counts as a thousand."""
    return p.at({n: lengths.get(n, 1000) for m, _ in p.terms for n in m})


def _peak(typed: Typed, names: _Names, lengths: dict[str, int]) -> Polynomial:
    """Give the sum of the arrays that live at the fullest moment."""
    last = {w.key: k for k, step in enumerate(typed.steps) for w in step.inputs}
    always = {w.key for w in typed.inputs} | {s.output.key for s in typed.steps if s.op in _FREE}
    last |= {key: len(typed.steps) for key in always} | {w.key: len(typed.steps) for _, w in typed.outputs}
    sizes = {w.key: names.size(w.axes) for w in (*typed.inputs, *(s.output for s in typed.steps))}
    live: dict[int, Wire] = {w.key: w for w in (*typed.inputs, *(s.output for s in typed.steps if s.op in _FREE))}
    now = sum(_value(sizes[k], lengths) for k in live)
    best, at = now, set(live)
    ends: dict[int, list[int]] = {}
    for key, k in last.items():
        ends.setdefault(k, []).append(key)
    for k, step in enumerate(typed.steps):
        if step.output.key not in live:
            live[step.output.key] = step.output
            now += _value(sizes[step.output.key], lengths)
        if now > best:
            best, at = now, set(live)
        dead = ends.get(k, []) + ([step.output.key] if step.output.key not in last else [])
        for key in dead:
            if live.pop(key, None) is not None:
                now -= _value(sizes[key], lengths)
    total = Polynomial()
    for key in sorted(at):
        total = total + sizes[key]
    return total
